//! Runs tasks natively, so that `cargo test` tests them.
//!
//! A [`TestContext`] is handed the outputs of some tasks and some external files; everything else that a
//! task requires or needs is run too, each once. Each run has a fresh folder, sees tokens where the sandbox
//! would show them, and has to make exactly what it declared.
//!
//! ```
//! # use wrun_task::{testing::TestContext, Context, File, Input, Path, Result, Run, Task, Text};
//! /// Counts the lines of a file
//! #[derive(Task)]
//! struct Lines {
//!     /// File to count
//!     of: Path,
//! }
//! impl Run for Lines {
//!     type Requires = File;
//!     type Output = Text;
//!     fn requires(&self) -> File {
//!         File::new(&self.of)
//!     }
//!     fn run(&self, _cx: &Context, of: Input<File>) -> Result<Text> {
//!         Ok(Text(of.text()?.lines().count().to_string()))
//!     }
//! }
//!
//! let test = TestContext::new()?;
//! test.give_file("log.txt", "one\ntwo\n")?;
//! assert_eq!(test.run(&Lines { of: "log.txt".into() })?.load::<Text>()?, "2");
//! # Ok::<(), wrun_task::Error>(())
//! ```

use crate::bindings::wrun::task::types as wit;
use crate::declare::{At, Declaration};
use crate::input::list;
use crate::output::{Load, read, read_text, write};
use crate::param::Tokens;
use crate::{Call, Context, Describe, Error, Output, Outputs, Requires, Result, Run, Task};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) type Runner = fn(&Rc<World>, &str) -> Result<PathBuf>;

pub(crate) fn runner<T: Run>() -> Runner {
    run_task::<T>
}

/// What the tasks of one test have in common; its folder goes when it goes.
pub(crate) struct World {
    root: PathBuf,
    folders: Cell<usize>,
    outputs: RefCell<BTreeMap<(String, String), PathBuf>>,
    files: RefCell<BTreeMap<String, PathBuf>>,
    running: RefCell<Vec<(String, String)>>,
    ran: RefCell<Vec<String>>,
    progress: RefCell<Vec<(Option<f64>, String)>>,
}

impl World {
    fn folder(&self) -> Result<PathBuf> {
        let number = self.folders.get();
        self.folders.set(number + 1);
        let path = self.root.join(number.to_string());
        create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Nobody can be told; the system cleans its folder for temporary files too.
        _ = std::fs::remove_dir_all(&self.root);
    }
}

/// Runs tasks with inputs that the test hands in.
pub struct TestContext(Rc<World>);

impl TestContext {
    /// Makes one, with a folder of its own among the temporary files.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("wrun-task-{}-{number}", std::process::id()));
        create_dir(&root)?;
        Ok(Self(Rc::new(World {
            root,
            folders: Cell::new(0),
            outputs: RefCell::default(),
            files: RefCell::default(),
            running: RefCell::default(),
            ran: RefCell::default(),
            progress: RefCell::default(),
        })))
    }

    /// Hands in what a task returned, which is then not run.
    pub fn give<T: Run>(&self, task: &T, output: T::Output) -> Result<()> {
        let folder = self.0.folder()?;
        output.save(&folder)?;
        self.insert(T::NAME, task.to_params(), folder);
        Ok(())
    }

    /// Hands in the files that a task made, which is then not run.
    pub fn give_files<T: Task, N: AsRef<str>, B: AsRef<[u8]>>(
        &self,
        task: &T,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<()> {
        let folder = self.files(files)?;
        self.insert(T::NAME, task.to_params(), folder);
        Ok(())
    }

    /// Hands in the files that a task named by a text made.
    pub fn give_call<N: AsRef<str>, B: AsRef<[u8]>>(
        &self,
        call: &Call,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<()> {
        let folder = self.files(files)?;
        let call = call.to_wit();
        self.insert(&full_name(&call), call.params, folder);
        Ok(())
    }

    /// Hands in an external file. One that is not handed in is read from the disk.
    pub fn give_file(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.give_folder(path, [(name, bytes)])
    }

    /// Hands in an external folder, or what a glob matches.
    pub fn give_folder<N: AsRef<str>, B: AsRef<[u8]>>(
        &self,
        path: &str,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<()> {
        let folder = self.files(files)?;
        self.0.files.borrow_mut().insert(path.to_owned(), folder);
        Ok(())
    }

    /// Runs a task, and what it requires and needs.
    pub fn run<T: Run>(&self, task: &T) -> Result<Made> {
        let dir = run_task::<T>(&self.0, &task.to_params())?;
        Ok(Made { dir, _world: self.0.clone() })
    }

    /// Returns the names and params of the tasks that ran, in the order in which they finished.
    pub fn ran(&self) -> Vec<String> {
        self.0.ran.borrow().clone()
    }

    /// Returns what the tasks said of their progress.
    pub fn progress(&self) -> Vec<(Option<f64>, String)> {
        self.0.progress.borrow().clone()
    }

    fn files<N: AsRef<str>, B: AsRef<[u8]>>(&self, files: impl IntoIterator<Item = (N, B)>) -> Result<PathBuf> {
        let folder = self.0.folder()?;
        for (name, bytes) in files {
            let path = folder.join(name.as_ref());
            if let Some(parent) = path.parent() {
                create_dir(parent)?;
            }
            write(&path, bytes.as_ref())?;
        }
        Ok(folder)
    }

    fn insert(&self, task: &str, params: String, folder: PathBuf) {
        self.0.outputs.borrow_mut().insert((task.to_owned(), params), folder);
    }
}

/// What a task made.
pub struct Made {
    dir: PathBuf,
    // The folder is there as long as somebody looks at it.
    _world: Rc<World>,
}

impl Made {
    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        read(&self.dir.join(name))
    }

    /// Reads a file of UTF-8 text.
    pub fn text(&self, name: &str) -> Result<String> {
        read_text(&self.dir.join(name))
    }

    /// Reads the value that the task returned.
    pub fn load<O: Load>(&self) -> Result<O::Value> {
        O::load(&self.dir)
    }

    /// Returns the paths of all files, relative to the folder and in order.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        list(&self.dir, "", &mut found)?;
        found.sort();
        Ok(found)
    }
}

/// The folders of one running task.
pub(crate) struct Sandbox {
    /// None where the inputs of an earlier run are there already.
    world: Option<Rc<World>>,
    inputs: PathBuf,
    out: PathBuf,
    tokens: Tokens,
}

impl Sandbox {
    /// Has the inputs of an earlier run, those that it asked for while it ran included.
    pub(crate) fn recorded(inputs: PathBuf, out: PathBuf) -> Self {
        Self { world: None, inputs, out, tokens: Tokens::new() }
    }

    pub(crate) fn input_dir(&self, name: &str) -> PathBuf {
        self.inputs.join(name)
    }

    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    pub(crate) fn progress(&self, fraction: Option<f64>, message: &str) {
        if let Some(world) = &self.world {
            world.progress.borrow_mut().push((fraction, message.to_owned()));
        }
    }

    /// Brings all that was asked for under `in`.
    pub(crate) fn provide(&self, declaration: Declaration) -> Result<()> {
        for (input, runner) in declaration.inputs.into_iter().zip(declaration.runners) {
            let to = self.inputs.join(&input.name);
            let Some(world) = &self.world else {
                if to.exists() || matches!(input.source, wit::Source::Clock(_)) {
                    continue;
                }
                return Err(Error::new(format_args!(
                    "it asks for what it had not asked for in the sandbox: `{}`",
                    input.name
                )));
            };
            match input.source {
                wit::Source::Task(source) => self.provide_task(world, &source, runner, &to)?,
                wit::Source::External(external) => provide_external(world, &external, &to)?,
                wit::Source::Clock(_) => {}
            }
        }
        Ok(())
    }

    fn provide_task(
        &self,
        world: &Rc<World>,
        source: &wit::TaskSource,
        runner: Option<Runner>,
        to: &Path,
    ) -> Result<()> {
        let mut params = source.call.params.clone();
        for (token, json) in &self.tokens {
            params = params.replace(&format!("\"{token}\""), json);
        }
        let name = full_name(&source.call);
        let key = (name.clone(), params.clone());
        let given = world.outputs.borrow().get(&key).cloned();
        let from = match (given, runner) {
            (Some(given), _) => given,
            (None, Some(run)) => run(world, &params)?,
            (None, None) => {
                return Err(Error::new(format_args!(
                    "the test gives no output of `{name}` {params}: see `give_call`"
                )));
            }
        };
        match &source.path {
            None => copy(&from, to),
            Some(path) => show(&from.join(path), to).context(format_args!("`{path}` of `{name}`")),
        }
    }
}

fn provide_external(world: &World, external: &wit::External, to: &Path) -> Result<()> {
    let given = world.files.borrow().get(&external.uri).cloned();
    if external.mode == wit::ExternalMode::Content {
        return match given {
            Some(given) => copy(&given, to),
            None => show(Path::new(external.uri.trim_start_matches("file:")), to),
        };
    }
    let from = given.unwrap_or_else(|| PathBuf::from(&external.uri));
    let mut files = Vec::new();
    list(&from, "", &mut files)?;
    files.sort();
    let mut listing = String::new();
    for file in files {
        let path = from.join(&file);
        let size = path.metadata().map_err(|error| Error::io("look at", &path, &error))?.len();
        listing.push_str(&format!("{size}\t{file}\n"));
    }
    create_dir(to)?;
    write(&to.join("listing"), listing.as_bytes())
}

fn full_name(call: &wit::Call) -> String {
    call.plugin.iter().map(|plugin| format!("{plugin}:")).collect::<String>() + &call.task
}

fn run_task<T: Run>(world: &Rc<World>, params: &str) -> Result<PathBuf> {
    let key = (T::NAME.to_owned(), params.to_owned());
    if let Some(made) = world.outputs.borrow().get(&key) {
        return Ok(made.clone());
    }
    if world.running.borrow().contains(&key) {
        return Err(Error::new(format_args!("`{}` {params} requires itself", T::NAME)));
    }
    world.running.borrow_mut().push(key.clone());
    let made = run_fresh::<T>(world, params).context(format_args!("`{}` {params}", T::NAME));
    world.running.borrow_mut().pop();
    let made = made?;
    world.ran.borrow_mut().push(format!("{} {params}", T::NAME));
    world.outputs.borrow_mut().insert(key, made.clone());
    Ok(made)
}

fn run_fresh<T: Run>(world: &Rc<World>, params: &str) -> Result<PathBuf> {
    let task = T::from_params(params)?;
    task.check()?;
    let mut declaration = Declaration::default();
    task.requires().declare(At::root(), &mut declaration);
    let outputs = task.outputs();
    let mut tokens = Tokens::new();
    let masked = T::from_params(params)?.mask(&mut tokens).to_params();
    let folder = world.folder()?;
    let (inputs, out) = (folder.join("in"), folder.join("out"));
    create_dir(&inputs)?;
    create_dir(&out)?;
    let sandbox = Sandbox { world: Some(world.clone()), inputs, out: out.clone(), tokens };
    sandbox.provide(declaration)?;
    crate::plugin::run_in::<T>(&masked, &Context::new(sandbox))?;
    check_outputs(&outputs, &out)?;
    Ok(out)
}

/// Exactly what was declared must be there.
fn check_outputs(declared: &Outputs, out: &Path) -> Result<()> {
    if declared.iter().any(|(name, _)| name == ".") {
        return Ok(());
    }
    for (name, directory) in declared.iter() {
        let path = out.join(name);
        if !path.exists() {
            return Err(Error::new(format_args!("the declared output `{name}` was not made")));
        }
        if path.is_dir() != directory {
            let (is, due) = if directory { ("a file", "a directory") } else { ("a directory", "a file") };
            return Err(Error::new(format_args!("the output `{name}` is {is}, and was declared as {due}")));
        }
    }
    for entry in std::fs::read_dir(out).map_err(|error| Error::io("list", out, &error))? {
        let name = entry.map_err(|error| Error::io("list", out, &error))?.file_name();
        if !declared.iter().any(|(declared, _)| name == declared) {
            return Err(Error::new(format_args!("{name:?} was made and is no declared output")));
        }
    }
    Ok(())
}

fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::io("create", path, &error))
}

/// Copies a folder, or puts a single file into a folder.
fn show(from: &Path, to: &Path) -> Result<()> {
    match from.file_name() {
        Some(name) if from.is_file() => {
            create_dir(to)?;
            write(&to.join(name), &read(from)?)
        }
        _ => copy(from, to),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut files = Vec::new();
    list(from, "", &mut files)?;
    create_dir(to)?;
    for file in files {
        let path = to.join(&file);
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        write(&path, &read(&from.join(&file))?)?;
    }
    Ok(())
}
