//! `wrun log`: the log of a goal's latest result.

use super::{Last, prepare};
use crate::args::LogArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::counted;
use crate::workspace::{Need, description};
use wrun_core::result::{ActionResult, Log};
use wrun_core::task::task_id;
use wrun_store::BlobKind;

/// Prints logs; nothing is built.
pub(crate) fn run(shell: &Shell, args: &LogArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, None, (Need::Existing, Last::Param))?;
    let (task, store) = (prepared.task()?, &prepared.workspace.store);
    let plugin = &description(&prepared.plugins)?.id;
    let calls = &prepared.goals.calls;
    let id = |params: &wrun_core::param::Params| task_id(plugin, &task.name, &params.significant(&task.params));
    let ids: Vec<_> = calls.iter().map(|call| id(&call.params)).collect();
    let runtime = &prepared.workspace.runtime;
    let latest = runtime.block_on(store.latest(&ids))?;
    let mut missing = 0_u64;
    for (call, address) in calls.iter().zip(latest) {
        let Some(address) = address else {
            missing += 1;
            continue;
        };
        let found = runtime.block_on(store.results(&[address.key]))?.into_iter().next().unwrap_or_default();
        let record = found.iter().find(|record| record.generation == address.generation);
        let result: Option<ActionResult> = record.and_then(|record| serde_json::from_slice(&record.body).ok());
        let Some(result) = result else {
            missing += 1;
            continue;
        };
        let text = match result.log {
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
        if shell.json {
            let text = String::from_utf8_lossy(&text);
            shell.json_line(
                &serde_json::json!({"task": call.task, "params": call.params, "key": address.key, "log": text}),
            );
            continue;
        }
        if calls.len() > 1 && !shell.quiet {
            let title = format!("== {} {}", call.task, call.params.display(&task.params));
            shell.data(&format!("{}\n", shell.out().bold(title)));
        }
        shell.bytes(&text);
    }
    if missing == 0 {
        return Ok(Exit::Ok);
    }
    let what = if calls.len() == 1 {
        format!("there is no result of `{} {}`", task.name, calls[0].params.display(&task.params))
    } else {
        format!("{} of {} have no result", counted(missing, "task"), calls.len())
    };
    Err(CliError::new(Exit::Failed, what.trim_end())
        .hint("`wrun build` makes one, and shows the log of what fails"))
}
