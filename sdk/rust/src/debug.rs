//! Repeats one run natively, as `wrun debug` laid it out, for a debugger to step through.
//!
//! The folder that `WRUN_DEBUG` names has `in/`, `params.json` and `plan.json` of a run in the sandbox. The
//! same code reads the same inputs and params here, and what it makes goes to `native/`, beside `out/`, what
//! the sandbox made. What it needs while it runs is not built: it is there already, if it was asked for.
//!
//! `export!` makes it a test, which cargo compiles with everything that a debugger wants.

use crate::input::list;
use crate::output::{read, read_text};
use crate::{Context, Describe, Error, Result, Run};
use std::path::{Path, PathBuf};

/// A task of the plugin: its name, and what runs it.
pub(crate) type Native = (&'static str, fn(&str, &Context) -> Result<()>);

/// Makes a task one that can be repeated.
pub fn native<T: Run>() -> Native {
    (T::NAME, crate::plugin::run_in::<T>)
}

/// What is read of `plan.json`.
#[derive(serde::Deserialize)]
struct Plan {
    task: String,
}

#[expect(clippy::disallowed_methods, reason = "a test of the user's has no other way to be told")]
fn folder() -> Option<PathBuf> {
    std::env::var_os("WRUN_DEBUG").map(PathBuf::from)
}

/// Repeats the run that is laid out in the folder which `WRUN_DEBUG` names.
pub fn debug(tasks: &[Native]) -> Result<()> {
    let Some(dir) = folder() else {
        return Err(Error::new("WRUN_DEBUG does not name the folder that `wrun debug` laid out"));
    };
    let plan = dir.join("plan.json");
    let named: Plan = serde_json::from_slice(&read(&plan)?).context(plan.display())?;
    let Some((name, run)) = tasks.iter().find(|(name, _)| *name == named.task) else {
        return Err(Error::new(format_args!("there is no task `{}` in this plugin", named.task)));
    };
    let out = dir.join("native");
    if out.exists() {
        std::fs::remove_dir_all(&out).map_err(|error| Error::io("remove", &out, &error))?;
    }
    std::fs::create_dir_all(&out).map_err(|error| Error::io("create", &out, &error))?;
    let sandbox = crate::testing::Sandbox::recorded(dir.join("in"), out.clone());
    run(&read_text(&dir.join("params.json"))?, &Context::new(sandbox)).context(format_args!("`{name}`"))?;
    let (made, due) = (files(&out)?, dir.join("out"));
    let mut differ = Vec::new();
    for file in files(&due)?.iter().chain(&made) {
        let same = read(&out.join(file)).ok() == read(&due.join(file)).ok();
        if !same && !differ.contains(file) {
            differ.push(file.clone());
        }
    }
    if differ.is_empty() {
        tell(&format!("`{name}` made the same {} files as in the sandbox, in {}", made.len(), out.display()));
        return Ok(());
    }
    tell(&format!("`{name}` made other files than in the sandbox: {}; see {}", differ.join(", "), dir.display()));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a person at a debugger reads it")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn files(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if dir.exists() {
        list(dir, "", &mut found)?;
    }
    found.sort();
    Ok(found)
}
