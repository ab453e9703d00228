//! `wrun verify`: runs cached tasks again, and compares.

use super::{Last, prepare, unknown_task};
use crate::args::VerifyArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::interrupt;
use crate::progress::Progress;
use crate::shell::Shell;
use crate::text::{clip, count, counted, plain};
use crate::workspace::{Need, description};
use std::fmt::Write as _;
use wrun_build::verify::{Verdict, Verified, verify};

/// Verifies.
pub(crate) fn run(shell: &Shell, args: &VerifyArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Existing, Last::Param))?;
    for task in &args.only {
        if !prepared.plugins.iter().any(|plugin| plugin.planner.description().task(task).is_some()) {
            let named = args.goal.plugin.as_deref().unwrap_or(std::path::Path::new("PLUGIN"));
            return Err(unknown_task(description(&prepared.plugins)?, task, named));
        }
    }
    let mut progress = Progress::start(shell, false);
    let setup = prepared.setup(progress.sink())?;
    let interrupt = interrupt::watch(shell, progress.sink());
    let runtime = &prepared.workspace.runtime;
    let (options, goals) = (&prepared.options, &prepared.goals.calls);
    let verified = runtime.block_on(verify(&setup, options, goals, &args.only, runtime.handle(), &interrupt));
    progress.finish();
    let verified = verified?;
    if shell.json {
        verified.iter().for_each(|verified| shell.json_line(&json(verified)));
    } else {
        shell.text(&table(shell, &verified));
    }
    let any = |wanted: fn(&Verdict) -> bool| verified.iter().any(|verified| wanted(&verified.verdict));
    Ok(if any(|verdict| matches!(verdict, Verdict::Differs { .. })) {
        Exit::Nondeterminism
    } else if interrupt.stopped() {
        Exit::Interrupted
    } else if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
        Exit::Failed
    } else {
        Exit::Ok
    })
}

/// One task, as a JSON line.
pub(crate) fn json(verified: &Verified) -> serde_json::Value {
    let task = &verified.task;
    match &verified.verdict {
        Verdict::Same => serde_json::json!({"task": task, "verdict": "same"}),
        Verdict::Differs { first, second, paths } => serde_json::json!(
            {"task": task, "verdict": "differs", "first": first, "second": second, "paths": paths}),
        Verdict::Failed(why) => serde_json::json!({"task": task, "verdict": "failed", "message": why}),
        Verdict::NotCached => serde_json::json!({"task": task, "verdict": "not-cached"}),
    }
}

/// Shows what is not as it should be, and counts; every task with `-v`.
pub(crate) fn table(shell: &Shell, verified: &[Verified]) -> String {
    let style = shell.out();
    let mut out = String::new();
    for one in verified {
        let task = plain(&one.task);
        match &one.verdict {
            Verdict::Same if shell.verbose => _ = writeln!(out, "{}        {task}", style.green("same")),
            Verdict::NotCached if shell.verbose => _ = writeln!(out, "{}  {task}", style.dim("not cached")),
            Verdict::Same | Verdict::NotCached => {}
            Verdict::Differs { first, second, paths } => {
                let (first, second) = (first.0.short(), second.0.short());
                _ = writeln!(out, "{}     {task}  {first} then {second}", style.red("differs"));
                for path in paths.iter().take(10) {
                    _ = writeln!(out, "            {}", plain(path));
                }
            }
            Verdict::Failed(why) => {
                _ = writeln!(out, "{}      {task}  {}", style.red("failed"), clip(&plain(why), 200));
            }
        }
    }
    let number =
        |wanted: fn(&Verdict) -> bool| verified.iter().filter(|verified| wanted(&verified.verdict)).count() as u64;
    let parts = [
        (number(|verdict| *verdict == Verdict::Same), "same"),
        (number(|verdict| matches!(verdict, Verdict::Differs { .. })), "differ"),
        (number(|verdict| matches!(verdict, Verdict::Failed(_))), "failed"),
        (number(|verdict| *verdict == Verdict::NotCached), "not cached"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n))).collect();
    if !(shell.quiet && out.is_empty()) {
        let line = format!("{}: {}", counted(verified.len() as u64, "task"), parts.join(", "));
        _ = writeln!(out, "{}", style.bold(line));
    }
    out
}
