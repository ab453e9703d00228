//! `wrun log`: the log of a goal's latest attempt, whether it made a result or failed.

use super::{Last, Prepared, prepare};
use crate::args::LogArgs;
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::progress::board;
use crate::shell::Shell;
use crate::text::{counted, plain, seconds};
use crate::workspace::{Need, description};
use std::fs::File;
use std::io::Read as _;
use wrun_core::digest::{ActionKey, TaskId};
use wrun_core::result::{ActionResult, Address, FailedAttempt, Log};
use wrun_core::task::task_id;
use wrun_store::BlobKind;

/// Prints logs; nothing is built.
pub(crate) fn run(shell: &Shell, args: &LogArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, None, (Need::Existing, Last::Param))?;
    let task = prepared.task()?;
    let plugin = &description(&prepared.plugins)?.id;
    let calls = &prepared.goals.calls;
    let id = |params: &wrun_core::param::Params| task_id(plugin, &task.name, &params.significant(&task.params));
    let ids: Vec<_> = calls.iter().map(|call| id(&call.params)).collect();
    if args.follow {
        let [id] = ids.as_slice() else {
            return Err(CliError::usage("a range makes several goals: `--follow` is of one task")
                .hint("give each param one value"));
        };
        let name = format!("{} {}", task.name, calls[0].params.display(&task.params));
        if follow(shell, &prepared, *id, name.trim_end()) {
            return Ok(Exit::Ok);
        }
    }
    let mut missing = 0_u64;
    for (call, attempt) in calls.iter().zip(attempts(&prepared, &ids)?) {
        let Some(attempt) = attempt else {
            missing += 1;
            continue;
        };
        if shell.json {
            let text = String::from_utf8_lossy(&attempt.log);
            let mut line = serde_json::json!(
                {"task": call.task, "params": call.params, "key": attempt.key, "log": text});
            if let Some((message, ended)) = &attempt.failed {
                line["failed"] = serde_json::json!({"message": message, "ended": ended});
            }
            shell.json_line(&line);
            continue;
        }
        if calls.len() > 1 && !shell.quiet {
            let title = format!("== {} {}", call.task, call.params.display(&task.params));
            shell.data(&format!("{}\n", shell.out().bold(title)));
        }
        shell.shown(&attempt.log);
        if let Some((message, ended)) = &attempt.failed {
            let age = jiff::Timestamp::from_millisecond(*ended).map(|then| env::now().duration_since(then));
            let age = age.map_or(String::new(), |age| format!(" {} ago", seconds(age.as_secs_f64())));
            shell.note(&format!("this attempt failed{age}: {}", crate::indent(message)));
        } else if attempt.log.is_empty() {
            shell.note("it ran, and said nothing");
        }
    }
    if missing == 0 {
        return Ok(Exit::Ok);
    }
    let what = if calls.len() == 1 {
        format!("`{} {}`", task.name, calls[0].params.display(&task.params)).replace(" `", "`")
            + " never ran to an end"
    } else {
        format!("{} of {} never ran to an end", counted(missing, "task"), calls.len())
    };
    Err(CliError::new(Exit::Failed, what)
        .code(Code::NoResult)
        .hint("`wrun build` runs it, and `wrun plan` says what it waits for or is blocked by"))
}

/// Prints what a task writes while it runs; returns whether there was anything. Where it does not run yet, and
/// a build of this store goes on, it is waited for.
fn follow(shell: &Shell, prepared: &Prepared, id: TaskId, name: &str) -> bool {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
    let store = prepared.workspace.store.local_root();
    let mut file: Option<File> = None;
    let (mut seen, mut printed, mut told) = (false, false, false);
    loop {
        let mut builds = board::builds(store.as_deref());
        builds.retain(|build| build.store == store);
        let running = builds.iter().flat_map(|build| &build.running).find(|task| task.id == id);
        if let (None, Some(path)) = (&file, running.and_then(|task| task.log.as_ref())) {
            file = File::open(path).ok();
        }
        let mut text = Vec::new();
        // The file is removed when the task ends, and what is open can be read to its end.
        if file.as_mut().is_some_and(|file| file.read_to_end(&mut text).is_ok()) && !text.is_empty() {
            printed = true;
            if shell.json {
                shell.json_line(&serde_json::json!({"task": name, "log": String::from_utf8_lossy(&text)}));
            } else {
                shell.shown(&text);
            }
        }
        seen |= running.is_some();
        if running.is_none() && (seen || builds.is_empty()) {
            return printed;
        }
        if !seen && !told {
            told = true;
            shell.note(&format!("`{}` does not run yet: waiting while the build goes on", plain(name)));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The latest attempt of a task.
struct Attempt {
    key: ActionKey,
    log: Vec<u8>,
    /// Why it failed and when it ended, if it did.
    failed: Option<(String, i64)>,
}

/// Returns the latest attempt of each task: its last result, or the failure that came after it.
fn attempts(prepared: &Prepared, ids: &[TaskId]) -> Result<Vec<Option<Attempt>>> {
    let (store, runtime) = (&prepared.workspace.store, &prepared.workspace.runtime);
    let (latest, failed) = runtime.block_on(async { (store.latest(ids).await, store.attempts(ids).await) });
    let mut out = Vec::with_capacity(ids.len());
    for (address, failed) in latest?.into_iter().zip(failed?) {
        let result = address.map(|address| result(prepared, address)).transpose()?.flatten();
        let failed = failed.and_then(|body| serde_json::from_slice::<FailedAttempt>(&body).ok());
        out.push(match (result, failed) {
            (Some(result), Some(failed)) if failed.ended <= result.1.provenance.started => {
                Some(made(prepared, result)?)
            }
            (_, Some(failed)) => Some(Attempt {
                key: failed.key,
                log: failed.log.into_bytes(),
                failed: Some((failed.message, failed.ended)),
            }),
            (Some(result), None) => Some(made(prepared, result)?),
            (None, None) => None,
        });
    }
    Ok(out)
}

fn result(prepared: &Prepared, address: Address) -> Result<Option<(Address, ActionResult)>> {
    let (store, runtime) = (&prepared.workspace.store, &prepared.workspace.runtime);
    let found = runtime.block_on(store.results(&[address.key]))?.into_iter().next().unwrap_or_default();
    let record = found.iter().find(|record| record.generation == address.generation);
    let result = record.and_then(|record| serde_json::from_slice(&record.body).ok());
    Ok(result.map(|result| (address, result)))
}

fn made(prepared: &Prepared, (address, result): (Address, ActionResult)) -> Result<Attempt> {
    let (store, runtime) = (&prepared.workspace.store, &prepared.workspace.runtime);
    let log = match result.log {
        Log::Empty => Vec::new(),
        Log::Text(text) => text.into_bytes(),
        Log::Blob(digest) => {
            runtime.block_on(store.fetch(&[(BlobKind::Blob, digest)]))?;
            let blob = store.get(BlobKind::Blob, digest)?;
            blob.and_then(|blob| blob.to_vec().ok()).ok_or_else(|| {
                CliError::new(Exit::Store, format!("the log {digest} is gone from the store"))
                    .hint("`wrun build --force` runs the task again")
            })?
        }
    };
    Ok(Attempt { key: address.key, log, failed: None })
}
