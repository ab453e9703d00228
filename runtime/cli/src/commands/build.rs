//! `wrun build`.

use super::{Last, Prepared, exit_of, get, prepare};
use crate::args::{BuildArgs, RunArgs};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::interrupt;
use crate::progress::Progress;
use crate::publish::Rules;
use crate::shell::{Shell, warn};
use crate::summary::{Specs, failures, summary, waiting};
use crate::text::{bytes, count};
use crate::workspace::Need;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wrun_build::{Interrupt, Listed, Outcome, Setup};
use wrun_core::digest::{ActionKey, TreeDigest};
use wrun_core::param::{Params, Visibility};
use wrun_core::report::Report;
use wrun_exec::{Containers, Shown};

/// Builds.
pub(crate) fn run(shell: &Shell, args: &BuildArgs) -> Result<Exit> {
    if args.watch {
        return crate::watch::run(shell, args);
    }
    let (exit, _) = once(shell, args, None)?;
    Ok(exit)
}

/// Builds once; returns also where the externals are that it looked at.
pub(crate) fn once(shell: &Shell, args: &BuildArgs, stop: Option<&Interrupt>) -> Result<(Exit, Vec<PathBuf>)> {
    let mut prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Make, Last::Param))?;
    let rules = Rules::new(&prepared, args.publish.as_deref())?;
    let session = Session::start_with(&mut prepared, &args.run, true, stop)?;
    if rules.want_tasks() {
        prepared.options.list = Listed::All;
    }
    prepared.options.want_externals = args.watch;
    let outcome = match &args.output {
        Some(_) => get::built(&mut prepared, &session)?,
        None => session.build(&prepared)?,
    };
    if shell.json {
        print_goals(shell, &prepared, &outcome)?;
    }
    finish(&prepared, &args.run, &outcome, true)?;
    session.say_shown(shell);
    let mut exit = exit_of(&outcome);
    if let (Some(folder), Exit::Ok) = (&args.output, exit) {
        exit = get::put(&prepared, &outcome, folder)?;
    }
    if exit == Exit::Ok {
        rules.publish(&prepared, &outcome)?;
    }
    // It keeps others from taking away what it uses.
    drop(session);
    let workspace = &prepared.workspace;
    if let Some(bucket) = &workspace.bucket
        && let Some(trimmed) = bucket.trim(&workspace.runtime)?
        && trimmed.files > 0
        && workspace.shell.verbose
    {
        let (gone, left) = (bytes(trimmed.bytes), bytes(trimmed.left));
        workspace.shell.note(&format!("{gone} of the cache were not read for long and are gone; {left} are left"));
    }
    Ok((exit, outcome.externals))
}

/// A build that can be stopped.
pub(crate) struct Session {
    setup: Setup,
    progress: std::sync::Mutex<Progress>,
    interrupt: Interrupt,
}

impl Session {
    /// Starts to listen for Ctrl-C and to show what happens.
    pub(crate) fn start(prepared: &mut Prepared, run: &RunArgs, json: bool) -> Result<Self> {
        Self::start_with(prepared, run, json, None)
    }

    /// Starts; somebody else may listen for Ctrl-C already.
    fn start_with(prepared: &mut Prepared, run: &RunArgs, json: bool, stop: Option<&Interrupt>) -> Result<Self> {
        let shell = &prepared.workspace.shell;
        prepared.options.fail_fast = run.fail_fast;
        prepared.options.check = run.check;
        prepared.options.list = match shell.quiet {
            _ if run.report.is_some() || shell.verbose => Listed::All,
            true => Listed::Misses,
            false if run.check => Listed::All,
            false => Listed::Changes,
        };
        if let Some(path) = &run.report {
            writable(path)?;
        }
        for task in &run.follow {
            super::known_task(&prepared.plugins, "--follow", task)?;
        }
        let progress = {
            let (store, sources) = (prepared.workspace.store.clone(), prepared.workspace.sources.clone());
            let probe = move || store.counters().traffic.plus(sources.traffic());
            let about = super::status::about(prepared);
            Progress::start_for(shell, json, Some(about), Some(Box::new(probe)), &run.follow)
        };
        let setup = prepared.setup(progress.sink())?;
        let interrupt = stop.cloned().unwrap_or_else(|| interrupt::watch(shell, progress.sink()));
        Ok(Self { setup, progress: progress.into(), interrupt })
    }

    /// Puts something between the session and what runs containers.
    pub(crate) fn watch_containers(&mut self, wrap: impl FnOnce(Arc<dyn Containers>) -> Arc<dyn Containers>) {
        self.setup.containers = self.setup.containers.take().map(wrap);
    }

    /// What its sessions share.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What Ctrl-C asks to stop.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Says with `-v` how containers were shown their inputs, if there were any.
    fn say_shown(&self, shell: &Shell) {
        let shown = self.setup.containers.as_ref().map(|containers| containers.shown()).unwrap_or_default();
        if shell.verbose && shown != Shown::default() {
            let Shown { reflinks, links, copies } = shown;
            shell.note(&format!(
                "inputs of containers: {} by reflink, {} by hard link, {} copied",
                count(reflinks),
                count(links),
                count(copies)
            ));
        }
    }

    /// Builds the goals.
    pub(crate) fn build(&self, prepared: &Prepared) -> Result<Outcome> {
        let runtime = &prepared.workspace.runtime;
        let (options, goals) = (&prepared.options, &prepared.goals.calls);
        let built =
            runtime.block_on(wrun_build::build(&self.setup, options, goals, runtime.handle(), &self.interrupt));
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).finish();
        Ok(built?)
    }
}

/// Writes the report, and says what happened: all of it, or only what went wrong.
pub(crate) fn finish(prepared: &Prepared, run: &RunArgs, outcome: &Outcome, all: bool) -> Result<()> {
    let shell = &prepared.workspace.shell;
    if let Some(path) = &run.report {
        write_report(path, &outcome.report)?;
    }
    let well = exit_of(outcome) == Exit::Ok;
    if all && !shell.quiet {
        let specs = Specs::new(&prepared.plugins);
        warn(&shell.fit(&summary(outcome, &specs, shell.err(), shell.verbose)));
    } else if !well {
        warn(&shell.fit(&failures(&outcome.failures, shell.err(), shell.verbose)));
        warn(&shell.fit(&waiting(&outcome.report, &Specs::new(&prepared.plugins), shell.err(), shell.verbose)));
    }
    if outcome.interrupted {
        warn("interrupted: what is finished is kept; the same command goes on from there\n");
    }
    Ok(())
}

/// Finds out before the build whether the report can be written after it.
fn writable(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !folder.is_dir() {
        let error = CliError::usage(format!("cannot write the report `{}`", path.display()));
        return Err(if path.is_dir() {
            error.cause("it is a folder").hint("name a file")
        } else {
            error.cause(format!("there is no folder `{}`", folder.display())).hint("make it first")
        });
    }
    Ok(())
}

fn write_report(path: &Path, report: &Report) -> Result<()> {
    let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", path, &error);
    let mut json = serde_json::to_vec(report)
        .map_err(|error| CliError::new(Exit::Internal, "cannot write the report").cause(error))?;
    json.push(b'\n');
    // A report may go to a pipe or a device, so it is not renamed into place.
    let mut file = std::fs::File::create(path).map_err(fail)?;
    file.write_all(&json).map_err(fail)
}

/// One goal, as a JSON line.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct GoalLine<'a> {
    event: &'static str,
    task: &'a str,
    params: Params,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<ActionKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<TreeDigest>,
}

fn print_goals(shell: &Shell, prepared: &Prepared, outcome: &Outcome) -> Result<()> {
    let private: Vec<&str> = prepared
        .task()?
        .params
        .iter()
        .filter(|spec| spec.visibility == Visibility::Private)
        .map(|spec| spec.name.as_str())
        .collect();
    let mut lines = Vec::new();
    for (call, goal) in prepared.goals.calls.iter().zip(&outcome.goals) {
        let mut params = call.params.clone();
        params.0.retain(|name, _| !private.contains(&name));
        let line = GoalLine {
            event: "goal",
            task: &call.task,
            params,
            key: goal.as_ref().map(|goal| goal.address.key),
            output: goal.as_ref().map(|goal| goal.dir.digest()),
        };
        if serde_json::to_writer(&mut lines, &line).is_ok() {
            lines.push(b'\n');
        }
    }
    shell.bytes(&lines);
    Ok(())
}
