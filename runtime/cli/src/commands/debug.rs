//! `wrun debug`: lays out one run, and says how to repeat it natively, under a debugger.
//!
//! A task is deterministic, so nothing has to be kept of a run that failed: it is run again, whether or not
//! its result is cached, and what it sees and leaves is written down beside.
//!
//! - `in/`: all that showed under `/in`, what it asked for while it ran included
//! - `out/`: what it left under `/out`, failed or not
//! - `params.json`: its params as `run` sees them
//! - `plan.json`: the task, its plan, what it asked for
//! - `log.txt`: what it wrote to stdout and stderr, and how it ended

use super::build::{self, Session};
use super::{Last, Prepared, exit_of, get, prepare};
use crate::args::{DebugArgs, RunArgs};
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::counted;
use crate::workspace::Need;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wrun_build::Force;
use wrun_core::param::Params;
use wrun_core::plan::ContainerSpec;
use wrun_core::task::Need as Needed;
use wrun_exec::{
    Capacity, ContainerRun, Containers, Executor, Image, Made, NeedEnded, Run, RunContext, RunError, Shown,
};
use wrun_plugin::symbols::Symbols;
use wrun_store::files::Dir;

/// What a layout has; another layout in its place is replaced.
const PARTS: [&str; 6] = ["in", "out", "native", "params.json", "plan.json", "log.txt"];

/// Lays out a run.
pub(crate) fn run(shell: &Shell, args: &DebugArgs) -> Result<Exit> {
    let goal = &args.goal;
    let mut prepared = prepare(shell, goal, &args.store, None, (Need::Make, Last::Param))?;
    let [call] = prepared.goals.calls.as_slice() else {
        let n = prepared.goals.calls.len() as u64;
        return Err(CliError::usage(format!("a range makes {}: `debug` lays out one", counted(n, "goal")))
            .hint("give each param one value"));
    };
    let task = prepared.task()?.clone();
    let params = call.params.masked(&task.params);
    let (full, component) = (call.params.clone(), prepared.plugins[0].component);
    let folder = folder(&args.output)?;
    let named = super::plugin_of(goal)?;
    let source = source(&prepared, named);
    let recorder = Arc::new(Recorder {
        inner: prepared.plugins[0].executor.clone(),
        task: task.name.clone(),
        params,
        seen: Arc::new(Seen { folder: folder.clone(), inner: Mutex::default() }),
    });
    prepared.plugins[0].executor = recorder.clone();
    prepared.options.force = Force::Goals;
    let run = RunArgs::default();
    let mut session = Session::start(&mut prepared, &run, false)?;
    let declared = prepared.plugins[0].planner.declare(&task.name, &full).ok();
    let container = declared.and_then(|plan| plan.container);
    session.watch_containers(|inner| {
        let contained =
            Contained { inner, params: full.clone(), container: container.clone(), seen: recorder.seen.clone() };
        Arc::new(contained)
    });
    let outcome = session.build(&prepared)?;
    build::finish(&prepared, &run, &outcome, false)?;
    let seen = std::mem::take(&mut *recorder.seen.lock());
    if let Some(error) = seen.trouble {
        return Err(error);
    }
    let Some(ended) = seen.ended else {
        // What stopped it is said above.
        let exit = exit_of(&outcome);
        let exit = if exit == Exit::Ok { Exit::Failed } else { exit };
        return Err(CliError::new(exit, format!("`{}` did not run, so there is nothing to lay out", task.name))
            .hint("correct what it needs first, or lay that out"));
    };
    let plan = prepared.plugins[0].planner.declare(&task.name, &full).ok();
    let json = serde_json::json!({
        "format": 1, "plugin": prepared.plugins[0].planner.description().id, "task": task.name,
        "component": component, "plan": plan, "needs": seen.needs,
    });
    let pretty = serde_json::to_string_pretty(&json)
        .map_err(|error| CliError::new(Exit::Internal, "cannot write the plan").cause(error))?;
    write(&folder.join("plan.json"), format!("{pretty}\n").as_bytes())?;
    if let Some(command) = seen.container {
        say_container(shell, &folder, &task.name, &ended, &command);
        return Ok(Exit::Ok);
    }
    say(shell, &folder, source.as_deref(), &task.name, &ended);
    Ok(Exit::Ok)
}

/// Says what is where, and how to go on.
fn say(shell: &Shell, folder: &Path, source: Option<&Path>, task: &str, ended: &str) {
    let native = source.map(|source| command(source, folder, None));
    let debugger = debugger();
    let stepped = source.map(|source| command(source, folder, Some(debugger.1)));
    if shell.json {
        shell.json_line(&serde_json::json!({
            "folder": folder.display().to_string(), "task": task, "ended": ended,
            "source": source.map(|source| source.display().to_string()), "native": native,
            "debugger": stepped,
        }));
        return;
    }
    let style = shell.out();
    let linked = shell.link(folder, &style.bold(folder.display()));
    let mut out = format!("{linked}  {task} {ended}\n");
    out += "  in/          what it read\n  out/         what it left\n  params.json  its params\n";
    out += "  plan.json    its plan, and what it asked for\n  log.txt      what it said\n";
    match (native, stepped) {
        (Some(native), Some(stepped)) => {
            out += &format!("repeat it natively:\n  {native}\nunder a debugger:\n  {stepped}\n");
            shell.data(&out);
            if !debugger.0 {
                shell.note("neither `rust-gdb` nor `rust-lldb` is in the PATH together with its debugger");
            }
        }
        _ => {
            shell.data(&out);
            shell.note("its source is not known: name its folder in place of the component, and the command that repeats it natively is shown");
        }
    }
}

/// The same of a container.
fn say_container(shell: &Shell, folder: &Path, task: &str, ended: &str, command: &str) {
    if shell.json {
        shell.json_line(&serde_json::json!({
            "folder": folder.display().to_string(), "task": task, "ended": ended, "container": command,
        }));
        return;
    }
    let style = shell.out();
    let linked = shell.link(folder, &style.bold(folder.display()));
    let mut out = format!("{linked}  {task} {ended}\n");
    out += "  in/          what it read\n  out/         what it left\n  params.json  its params\n";
    out += "  plan.json    its plan\n  log.txt      what it said\n";
    out += &format!("repeat it, with another /out:\n  {command}\n");
    shell.data(&out);
}

/// Returns the `docker run` that repeats a run on what was laid out. It writes to a folder of its own; secrets are left
/// to whoever repeats it.
fn docker_run(run: &ContainerRun, folder: &Path) -> String {
    let spec = &run.spec;
    let mut words: Vec<String> =
        ["docker", "run", "-it", "--rm", "--hostname", "wrun", "--read-only"].map(Into::into).into();
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    flag("--cap-drop", "ALL".into());
    flag("--security-opt", "no-new-privileges".into());
    flag("--network", if spec.network { "bridge" } else { "none" }.into());
    flag(
        "--tmpfs",
        format!(
            "/tmp:rw,nosuid,nodev,exec,mode=1777{}",
            spec.tmpfs.map(|size| format!(",size={size}")).unwrap_or_default()
        ),
    );
    flag("-v", format!("{}:/in:ro", folder.join("in").display()));
    flag("-v", format!("{}:/out", folder.join("native").display()));
    for secret in &spec.secrets {
        flag("-v", format!("{}:/run/secrets/{secret}:ro", folder.join("native").join(secret).display()));
    }
    for (name, value) in &spec.env {
        flag("-e", format!("{name}={value}"));
    }
    flag("-e", format!("WRUN_ACTION={}", run.key));
    if let Some(workdir) = &spec.workdir {
        flag("-w", workdir.clone());
    }
    if let Some(user) = &spec.user {
        flag("-u", user.clone());
    }
    if let Some(memory) = spec.memory {
        flag("-m", memory.to_string());
        flag("--memory-swap", memory.to_string());
    }
    if let Some(cpu) = spec.cpu_millis {
        flag("--cpus", format!("{}.{:03}", cpu / 1000, cpu % 1000));
    }
    if spec.gpus > 0 {
        flag("--gpus", spec.gpus.to_string());
    }
    let mut rest = spec.argv.clone();
    if let Some(entrypoint) = &spec.entrypoint {
        flag("--entrypoint", entrypoint.first().cloned().unwrap_or_default());
        rest.splice(..0, entrypoint.iter().skip(1).cloned());
    }
    words.push(run.image.digest.clone());
    words.extend(rest);
    words.iter().map(|word| quoted(Path::new(word))).collect::<Vec<_>>().join(" ")
}

/// Returns the command line that repeats a run.
fn command(source: &Path, folder: &Path, debugger: Option<&str>) -> String {
    let runner = debugger
        .map(|debugger| format!("--config 'target.\"cfg(all())\".runner={debugger}' "))
        .unwrap_or_default();
    format!(
        "cd {} && WRUN_DEBUG={} cargo test {runner}--lib wrun_debug -- --ignored --nocapture",
        quoted(source),
        quoted(folder)
    )
}

/// Returns the debugger that is there, in words of TOML, and whether one is.
fn debugger() -> (bool, &'static str) {
    const GDB: &str = r#"["rust-gdb","-ex","set breakpoint pending on","-ex","break rust_panic","--args"]"#;
    const LLDB: &str = r#"["rust-lldb","-o","breakpoint set -n rust_panic","--"]"#;
    let there = |name: &str, wrapper: &str| env::program(name).is_some() && env::program(wrapper).is_some();
    if there("gdb", "rust-gdb") {
        (true, GDB)
    } else if there("lldb", "rust-lldb") {
        (true, LLDB)
    } else {
        (false, GDB)
    }
}

/// Writes a path as one word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Returns the folder of the source: the one that was named, or the one that the symbols name.
fn source(prepared: &Prepared, named: &Path) -> Option<PathBuf> {
    let workspace = &prepared.workspace;
    let path = match named.to_str().and_then(|name| workspace.config.plugins.get(name)) {
        Some(path) => workspace.root.join(path),
        None => workspace.cwd.join(named),
    };
    let folder = match path.is_dir() {
        true => path,
        false => Symbols::read(&path, prepared.plugins[0].component)?.header().source.clone()?,
    };
    folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file())
}

/// Makes the folder; what it has must be an earlier layout.
fn folder(named: &Path) -> Result<PathBuf> {
    let fail = |what: &'static str| move |error: std::io::Error| CliError::file(Exit::Store, what, named, &error);
    std::fs::create_dir_all(named).map_err(fail("create"))?;
    let entries = named.read_dir().map_err(fail("read"))?;
    for entry in entries {
        let name = entry.map_err(fail("read"))?.file_name();
        if !PARTS.iter().any(|part| name == *part) {
            return Err(CliError::usage(format!("`{}` has other files in it", named.display()))
                .cause(format!("one of them is `{}`", crate::text::plain(&name.to_string_lossy())))
                .hint("name a folder that is empty, or not there yet"));
        }
    }
    clear(named).map_err(fail("clear"))?;
    named.canonicalize().map_err(fail("read"))
}

fn clear(folder: &Path) -> std::io::Result<()> {
    for part in PARTS {
        let path = folder.join(part);
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| CliError::file(Exit::Store, "write", path, &error))
}

/// Puts a folder of the store at a path.
fn lay(dir: &Dir, path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| CliError::file(Exit::Store, "create", path, &error))?;
    dir.tree()?.entries().iter().try_for_each(|entry| get::place(dir, entry, &path.join(&entry.name)))
}

/// Runs as another executor does, and writes down what one task sees and leaves.
struct Recorder {
    inner: Arc<dyn Executor>,
    task: String,
    params: Params,
    seen: Arc<Seen>,
}

/// What was seen of the latest attempt.
struct Seen {
    folder: PathBuf,
    inner: Mutex<Attempt>,
}

#[derive(Default)]
struct Attempt {
    needs: Vec<Needed>,
    /// The `docker run` that repeats it, if a container does it.
    container: Option<String>,
    /// How it ended, in one line.
    ended: Option<String>,
    trouble: Option<CliError>,
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Attempt> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first thing that went wrong: the run goes on.
    fn note(&self, done: Result<()>) {
        if let Err(error) = done {
            self.lock().trouble.get_or_insert(error);
        }
    }

    fn begin(&self, params: &Params, inputs: &[(String, Dir)]) -> Result<()> {
        *self.lock() = Attempt::default();
        let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", &self.folder, &error);
        clear(&self.folder).map_err(fail)?;
        for part in ["in", "out"] {
            std::fs::create_dir(self.folder.join(part)).map_err(fail)?;
        }
        write(&self.folder.join("params.json"), params.to_json().as_bytes())?;
        inputs.iter().try_for_each(|(name, dir)| lay(dir, &self.folder.join("in").join(name)))
    }

    fn end(&self, result: &std::result::Result<Made, RunError>) -> Result<()> {
        let (log, ended) = match result {
            Ok(made) => {
                lay(&made.output, &self.folder.join("out"))?;
                (made.log.as_slice(), "ran".to_owned())
            }
            Err(RunError::Failed { message, log, .. }) => (log.as_slice(), format!("failed: {message}")),
            Err(error) => (&[][..], format!("failed: {error}")),
        };
        let mut text = log.to_vec();
        if result.is_err() {
            if text.last().is_some_and(|byte| *byte != b'\n') {
                text.push(b'\n');
            }
            text.extend_from_slice(format!("wrun: {ended}\n").as_bytes());
        }
        write(&self.folder.join("log.txt"), &text)?;
        let ended = ended.lines().next().unwrap_or_default();
        self.lock().ended = Some(crate::text::clip(&crate::text::plain(ended), 160));
        Ok(())
    }
}

#[async_trait]
impl Executor for Recorder {
    async fn run(&self, run: Run, context: Arc<dyn RunContext>) -> std::result::Result<Made, RunError> {
        if run.task != self.task || run.params != self.params {
            return self.inner.run(run, context).await;
        }
        self.seen.note(self.seen.begin(&run.params, &run.inputs));
        let context = Arc::new(Watched { inner: context, seen: self.seen.clone() });
        let result = self.inner.run(run, context).await;
        self.seen.note(self.seen.end(&result));
        result
    }
}

/// Runs containers as another does, and writes down what one of them sees and leaves.
struct Contained {
    inner: Arc<dyn Containers>,
    params: Params,
    container: Option<ContainerSpec>,
    seen: Arc<Seen>,
}

#[async_trait]
impl Containers for Contained {
    async fn image(&self, reference: &str, pull: bool) -> std::result::Result<Option<Image>, RunError> {
        self.inner.image(reference, pull).await
    }

    async fn run(&self, run: ContainerRun, context: Arc<dyn RunContext>) -> std::result::Result<Made, RunError> {
        if self.container.as_ref() != Some(&run.spec) {
            return self.inner.run(run, context).await;
        }
        self.seen.note(self.seen.begin(&self.params, &run.inputs));
        self.seen.lock().container = Some(docker_run(&run, &self.seen.folder));
        let result = self.inner.run(run, context).await;
        self.seen.note(self.seen.end(&result));
        result
    }

    fn capacity(&self) -> Capacity {
        self.inner.capacity()
    }

    fn stages(&self) -> bool {
        self.inner.stages()
    }

    fn shown(&self) -> Shown {
        self.inner.shown()
    }

    async fn settle(&self, most: Duration) {
        self.inner.settle(most).await;
    }
}

/// Passes on what a run asks for, and writes down what it is given.
struct Watched {
    inner: Arc<dyn RunContext>,
    seen: Arc<Seen>,
}

#[async_trait]
impl RunContext for Watched {
    async fn need(&self, needs: Vec<Needed>) -> std::result::Result<Vec<Dir>, NeedEnded> {
        let given = self.inner.need(needs.clone()).await?;
        for (need, dir) in needs.iter().zip(&given) {
            // It is fetched already: the guest is about to read it.
            self.seen.note(lay(dir, &self.seen.folder.join("in").join(&need.name)));
        }
        self.seen.lock().needs.extend(needs);
        Ok(given)
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.inner.progress(fraction, message);
    }

    fn log(&self, bytes: &[u8]) {
        self.inner.log(bytes);
    }

    fn wants_left(&self) -> bool {
        true
    }

    fn left(&self, output: Dir) {
        self.seen.note(lay(&output, &self.seen.folder.join("out")));
    }
}
