//! `wrun test`: runs a package's own tests natively, then its tasks in the sandbox, twice.
//!
//! In the sandbox every task is built of which all params have a default or were given, the default goal
//! first, in a store that is thrown away; then everything runs once more and has to make the same bytes.

use super::build::{self, Session};
use super::verify::table;
use super::{Last, Prepared, exit_of, prepare};
use crate::args::{GoalArgs, RunArgs, StoreArgs, TestArgs};
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::source::{Language, clang, compile, ghc, sdk, sources};
use crate::text::visible;
use crate::workspace::{Need, Workspace, description};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wrun_build::verify::{Verdict, Verified, verify};

/// Tests.
pub(crate) fn run(shell: &Shell, args: &TestArgs) -> Result<Exit> {
    let dir = args.dir.as_deref().unwrap_or(Path::new("."));
    if dir.is_file() {
        return Err(CliError::usage(format!("`{}` is a file", dir.display()))
            .hint("name the folder of a package: its tests are run from source"));
    }
    if !dir.is_dir() {
        let error = std::fs::read_dir(dir).err().unwrap_or_else(|| std::io::ErrorKind::NotADirectory.into());
        return Err(CliError::file(Exit::Usage, "read", dir, &error).hint("name the folder of a package"));
    }
    match Language::of(dir)? {
        Language::Rust => native(shell, dir, &args.cargo)?,
        Language::C => programs(dir, "c", clang::native)?,
        Language::Haskell => programs(dir, "hs", |dir, test| ghc::native(dir, test, shell.quiet))?,
    }
    if shell.json {
        shell.json_line(&serde_json::json!({"step": "native", "verdict": "ok"}));
    }
    sandbox(shell, dir, &args.params)
}

/// Runs `cargo test`. What it prints is for people.
fn native(shell: &Shell, dir: &Path, given: &[String]) -> Result<()> {
    sdk::provide(dir)?;
    let mut command = Command::new(compile::cargo());
    command.arg("test").current_dir(dir).args(shell.quiet.then_some("--quiet")).args(given);
    command.stdout(Stdio::from(std::io::stderr()));
    let status = command.status().map_err(|error| compile::no_cargo(&error))?;
    if status.success() {
        return Ok(());
    }
    Err(CliError::new(Exit::Failed, format!("`{}` does not pass its own tests", dir.display()))
        .code(Code::TestsFailed)
        .hint("what cargo says is above"))
}

/// Compiles and runs each program in tests, with the fake host of the SDK.
fn programs(dir: &Path, extension: &str, make: impl Fn(&Path, &Path) -> Result<PathBuf>) -> Result<()> {
    sdk::provide(dir)?;
    let dir = &std::fs::canonicalize(dir).map_err(|error| CliError::file(Exit::Usage, "read", dir, &error))?;
    if !dir.join("tests").is_dir() {
        return Ok(());
    }
    for test in sources(dir, "tests", extension)? {
        // In Haskell what lies deeper are modules of theirs.
        if extension == "hs" && test.components().count() > 2 {
            continue;
        }
        let program = make(dir, &test)?;
        let mut command = Command::new(&program);
        command.current_dir(dir).stdout(Stdio::from(std::io::stderr()));
        let status = command.status().map_err(|error| CliError::file(Exit::Usage, "run", &program, &error))?;
        if !status.success() {
            return Err(CliError::new(Exit::Failed, format!("`{}` does not pass", test.display()))
                .code(Code::TestsFailed)
                .hint("what it says is above"));
        }
    }
    Ok(())
}

/// Builds every task that can be built, and once more.
fn sandbox(shell: &Shell, dir: &Path, params: &[String]) -> Result<Exit> {
    let store = Throwaway::new()?;
    let store_args = StoreArgs { store: Some(store.0.clone()), cache: None, cache_size: None, offline: false };
    let tasks = tasks(shell, dir, &store_args)?;
    if let Some(unknown) = params.iter().find(|param| !tasks.iter().any(|task| task.has(param))) {
        return Err(CliError::usage(format!("no task has the param of `{unknown}`"))
            .hint(format!("`wrun describe {}` lists params", dir.display())));
    }
    let mut exit = Exit::Ok;
    let mut verified: Vec<Verified> = Vec::new();
    let mut tried = 0_u64;
    for task in &tasks {
        let goal = GoalArgs {
            plugin: Some(dir.to_owned()),
            words: vec![task.name.clone()],
            params: params.iter().filter(|param| task.has(param)).cloned().collect(),
            params_file: None,
            help: false,
        };
        let mut prepared = match prepare(shell, &goal, &store_args, None, (Need::Make, Last::Param)) {
            Ok(prepared) => prepared,
            Err(error) if error.code == Code::MissingParam => {
                shell.note(&format!("`{}` is left out: {}", task.name, visible(&error.message)));
                continue;
            }
            Err(error) => return Err(error),
        };
        tried += 1;
        let (ended, seen) = twice(&mut prepared)?;
        for one in seen {
            if !verified.iter().any(|known| known.task == one.task) {
                verified.push(one);
            }
        }
        exit = worse(exit, ended);
        if exit == Exit::Interrupted {
            return Ok(exit);
        }
    }
    if shell.json {
        verified.iter().for_each(|verified| shell.json_line(&super::verify::json(verified)));
    } else if tried > 0 {
        shell.text(&table(shell, &verified));
    }
    if tried == 0 {
        shell.note("no task ran in the sandbox: give params with `--param`, or defaults in wrun.toml");
    }
    Ok(exit)
}

/// A task of the package.
struct Task {
    name: String,
    params: Vec<String>,
}

impl Task {
    /// Tells whether `name=value` is for it.
    fn has(&self, param: &str) -> bool {
        param.split_once('=').is_some_and(|(name, _)| self.params.iter().any(|own| own == name))
    }
}

/// Lists the tasks, the default goal first.
fn tasks(shell: &Shell, dir: &Path, store: &StoreArgs) -> Result<Vec<Task>> {
    let workspace = Workspace::open_for(shell, store, None, Need::Make, Some(dir))?;
    let plugins = workspace.plugins(dir)?;
    let plugin = description(&plugins)?;
    let task = |task: &wrun_core::task::TaskType| Task {
        name: task.name.clone(),
        params: task.params.iter().map(|spec| spec.name.clone()).collect(),
    };
    let mut tasks: Vec<Task> = plugin.tasks.iter().map(task).collect();
    tasks.sort_by_key(|task| plugin.default_goal.as_ref() != Some(&task.name));
    Ok(tasks)
}

/// Builds goals, then runs all that was built again.
fn twice(prepared: &mut Prepared) -> Result<(Exit, Vec<Verified>)> {
    let run = RunArgs::default();
    let session = Session::start(prepared, &run, false)?;
    let outcome = session.build(prepared)?;
    build::finish(prepared, &run, &outcome, false)?;
    if exit_of(&outcome) != Exit::Ok {
        return Ok((exit_of(&outcome), Vec::new()));
    }
    let runtime = &prepared.workspace.runtime;
    let (options, goals) = (&prepared.options, &prepared.goals.calls);
    let verified =
        runtime.block_on(verify(session.setup(), options, goals, &[], runtime.handle(), session.interrupt()))?;
    let any = |wanted: fn(&Verdict) -> bool| verified.iter().any(|verified| wanted(&verified.verdict));
    let exit = if any(|verdict| matches!(verdict, Verdict::Differs { .. })) {
        Exit::Nondeterminism
    } else if session.interrupt().stopped() {
        Exit::Interrupted
    } else if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
        Exit::Failed
    } else {
        Exit::Ok
    };
    Ok((exit, verified))
}

/// Of how several builds ended, what the user has to know first.
fn worse(one: Exit, two: Exit) -> Exit {
    let order = [Exit::Interrupted, Exit::Nondeterminism, Exit::Failed, Exit::Waiting];
    order.into_iter().find(|exit| [one, two].contains(exit)).unwrap_or(if one == Exit::Ok { two } else { one })
}

/// A store that goes when this does.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> Result<Self> {
        let temporary = env::var("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let mut last = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        // A crash of an earlier process of that number may have left one.
        for number in 0..100 {
            let path = temporary.join(format!("wrun-test-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => last = error,
            }
        }
        Err(CliError::file(Exit::Store, "make a store in", &temporary, &last))
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // What stays is for the system to clean.
        _ = std::fs::remove_dir_all(&self.0);
    }
}
