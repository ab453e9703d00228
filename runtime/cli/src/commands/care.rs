//! `wrun store check`, `gc` and `du`: whether a store is whole, what of it is needed, how large it is.

use crate::args::{CheckArgs, DuArgs, GcArgs};
use crate::containers::staging;
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::{Shell, Style};
use crate::text::{bytes, counted, plain};
use crate::workspace::{Need, Workspace};
use std::fmt::Write as _;
use wrun_build::care::{self, CheckOptions, Collected, GcOptions, Problem, Usage, UsageOf};
use wrun_store::lock::Alone;
use wrun_store::objects::ObjectError;

const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3600 * 1000;

/// Checks a store.
pub(crate) fn check(shell: &Shell, args: &CheckArgs) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let options = CheckOptions { repair: args.repair, time: env::now().as_millisecond() };
    let checked = workspace.runtime.block_on(care::check(&workspace.store, &options))?;
    let mut out = String::new();
    for (problem, repaired) in &checked.problems {
        if shell.json {
            shell.json_line(&serde_json::json!({"found": problem, "repaired": repaired}));
        } else {
            let word = if *repaired { shell.out().green("repaired") } else { shell.out().red("found") };
            _ = writeln!(out, "{word}  {}", plain(&said(problem)));
        }
    }
    shell.text(&out);
    let (results, blobs) = (counted(checked.results, "result"), counted(checked.blobs, "blob"));
    if shell.json {
        let whole = checked.is_whole();
        shell.json_line(&serde_json::json!({
            "results": checked.results, "blobs": checked.blobs, "bytes": checked.bytes, "whole": whole,
        }));
    }
    let left = checked.problems.iter().filter(|(_, repaired)| !repaired).count();
    if left > 0 {
        let problems = counted(left as u64, "problem");
        let error =
            CliError::new(Exit::Store, format!("{results} and {blobs} were read, and there is {problems}"));
        return Err(error.code(Code::StoreDamaged).hint(if args.repair {
            "check again, with `--repair`: what was put right may have been in the way of more"
        } else {
            "`wrun store check --repair` puts right what can be; what cannot is built again"
        }));
    }
    shell.say(&format!("{results} and {blobs} ({}) are what their names say\n", bytes(checked.bytes)));
    Ok(Exit::Ok)
}

fn said(problem: &Problem) -> String {
    let at = |address: &wrun_core::result::Address| format!("{}.{}", address.key, address.generation);
    match problem {
        Problem::Garbled { address, why } => format!("the result {} cannot be read: {why}", at(address)),
        Problem::Newer { address, format } => {
            format!("the result {} has format {format}, of a newer wrun: left alone", at(address))
        }
        Problem::Lies { address, why } => format!("the result {} lies: {why}", at(address)),
        Problem::Wrong { digest } => format!("the blob {digest} has other bytes"),
        Problem::Lost { address, task, digest } => {
            format!("the result {} of `{}` needs {digest}, which is nowhere", at(address), task.trim_end())
        }
    }
}

/// Collects garbage.
pub(crate) fn gc(shell: &Shell, args: &GcArgs) -> Result<Exit> {
    if args.store.offline {
        return Err(CliError::usage("`--offline`: what is in the bucket cannot be told from here")
            .hint("leave it out, or name the cache's folder with `--store DIR`"));
    }
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let alone = match workspace.store.local_root().filter(|_| !workspace.store.is_remote()) {
        None => None,
        Some(root) => match Alone::try_take(&root)? {
            Some(alone) => Some(alone),
            None => {
                let message = format!("a build uses the store `{}` now", root.display());
                return Err(CliError::new(Exit::Store, message)
                    .code(Code::StoreInUse)
                    .hint("wait until it has ended: `wrun status` shows what runs"));
            }
        },
    };
    let options = GcOptions {
        keep: i64::from(args.keep_days) * DAY,
        keep_last: args.keep_last,
        grace: i64::from(args.grace) * HOUR,
        alone: !workspace.store.is_remote(),
        dry_run: args.dry_run,
        who: std::process::id(),
    };
    let done = workspace.runtime.block_on(care::collect(&workspace.store, &options))?;
    drop(alone);
    let (uploads, staged) = if args.dry_run { (0, 0) } else { abandoned(shell, &workspace, done.now)? };
    done.notes.iter().for_each(|note| shell.note(note));
    if shell.json {
        for (what, list) in [("swept", &done.swept), ("condemned", &done.condemned)] {
            list.iter().for_each(|usage| shell.json_line(&Row { what, usage }));
        }
        shell.json_line(&serde_json::json!({
            "kept": done.kept, "dry-run": args.dry_run, "due": done.due, "now": done.now,
            "uploads": uploads, "staged": staged,
        }));
        return Ok(Exit::Ok);
    }
    let would = |done: &'static str, would: &'static str| if args.dry_run { would } else { done };
    let style = shell.out();
    let mut out = table(would("removed", "would be removed"), &done.swept, style);
    out += &table(would("condemned", "would be condemned"), &done.condemned, style);
    shell.text(&out);
    for (count, what) in [(uploads, "abandoned upload"), (staged, "abandoned output")] {
        match count {
            0 => {}
            1 => shell.say(&format!("1 {what} was removed\n")),
            more => shell.say(&format!("{} were removed\n", counted(more as u64, what))),
        }
    }
    shell.say(&last_line(&done, options.alone, args.dry_run));
    Ok(Exit::Ok)
}

/// Removes what was left half done: uploads in parts, and what containers of machines that are lost wrote to a bucket.
/// Returns how many of each.
fn abandoned(shell: &Shell, workspace: &Workspace, now: i64) -> Result<(usize, usize)> {
    let runtime = &workspace.runtime;
    // Who may not see them has collected all else.
    let found = |what: &str, swept: std::result::Result<usize, ObjectError>| {
        swept.unwrap_or_else(|error| {
            shell.note(&format!("{what} that were abandoned stay: {error}"));
            0
        })
    };
    let uploads = workspace.bucket.as_ref().map(|bucket| {
        let objects = bucket.objects(runtime);
        found("uploads", runtime.block_on(objects.sweep_uploads(now)))
    });
    let staged =
        staging(workspace)?.map(|staging| found("outputs", runtime.block_on(staging.sweep_abandoned(now))));
    Ok((uploads.unwrap_or_default(), staged.unwrap_or_default()))
}

/// One task type of a gc.
#[derive(serde::Serialize)]
struct Row<'a> {
    what: &'static str,
    #[serde(flatten)]
    usage: &'a UsageOf,
}

fn last_line(done: &Collected, alone: bool, dry_run: bool) -> String {
    let kept = match done.kept {
        1 => "1 result is needed".to_owned(),
        more => format!("{} are needed", counted(more, "result")),
    };
    let mut line = match (done.swept.is_empty(), done.condemned.is_empty()) {
        (true, true) => format!("nothing to remove; {kept}"),
        _ => kept,
    };
    if let Some(due) = done.due.filter(|_| !alone && !dry_run) {
        let hours = (due - done.now + HOUR - 1) / HOUR;
        let hours = counted(u64::try_from(hours).unwrap_or_default(), "hour");
        _ = write!(line, "; what is condemned is removed by a gc after {hours}");
    }
    line + "\n"
}

/// Says how large a store is.
pub(crate) fn du(shell: &Shell, args: &DuArgs) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let all = workspace.runtime.block_on(care::usage(&workspace.store))?;
    if shell.json {
        all.iter().for_each(|usage| shell.json_line(usage));
        return Ok(Exit::Ok);
    }
    shell.text(&table("", &all, shell.out()));
    Ok(Exit::Ok)
}

/// One line a task type, the largest first, and their sum.
fn table(title: &str, list: &[UsageOf], style: Style) -> String {
    let mut list: Vec<&UsageOf> = list.iter().collect();
    list.sort_by_key(|of| std::cmp::Reverse(of.usage.bytes));
    let name = |of: &UsageOf| match of.task.as_str() {
        "" => "what no result names".to_owned(),
        task => format!("{}:{task}", of.plugin),
    };
    let mut sum = Usage::default();
    let mut out = String::new();
    let line = |usage: &Usage, name: &str| {
        let (results, blobs) = (counted(usage.results, "result"), counted(usage.blobs, "blob"));
        format!("{:>9}  {results:>15}  {blobs:>13}  {name}\n", bytes(usage.bytes))
    };
    for of in &list {
        sum.results += of.usage.results;
        sum.blobs += of.usage.blobs;
        sum.bytes += of.usage.bytes;
        out += &line(&of.usage, &plain(&name(of)));
    }
    if list.is_empty() && !title.is_empty() {
        return out;
    }
    out + &style.bold(line(&sum, title).trim_end()) + "\n"
}
