//! `wrun store push` and `wrun store pull`: results of one store, and all that they stand on, into another.

use super::results::{address, by_key};
use crate::args::MoveArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::{bytes, counted, plain};
use crate::workspace::{Need, Workspace};
use wrun_build::transfer::{Moved, Transfer};

/// Sends.
pub(crate) fn push(shell: &Shell, args: &MoveArgs) -> Result<Exit> {
    run(shell, args, true)
}

/// Fetches.
pub(crate) fn pull(shell: &Shell, args: &MoveArgs) -> Result<Exit> {
    run(shell, args, false)
}

fn run(shell: &Shell, args: &MoveArgs, push: bool) -> Result<Exit> {
    let mut keys = Vec::with_capacity(args.keys.len());
    for text in &args.keys {
        keys.push(address(text)?.ok_or_else(|| {
            CliError::usage(format!("`{}` is no key of a result", plain(text)))
                .hint("`wrun build --json` prints the keys of goals, `wrun lineage --json` those behind them")
        })?);
    }
    let (ours, theirs) = if push { (Need::Existing, Need::Make) } else { (Need::Make, Need::Existing) };
    let mut workspace = Workspace::open(shell, &args.store, None, ours)?;
    let other = workspace.other(&args.other, theirs)?;
    if other.describe() == workspace.store.describe() {
        return Err(CliError::usage(format!("both stores are `{}`", plain(&other.describe())))
            .hint("name the other one; `--store` says which is yours"));
    }
    let own = workspace.store.clone();
    let now = workspace.now().timestamp().as_millisecond();
    let transfer = match push {
        true => Transfer { from: own, to: other, now },
        false => Transfer { from: other, to: own, now },
    };
    // Keys are those of the store where the results are.
    workspace.store = transfer.from.clone();
    let moved = if keys.is_empty() {
        workspace.runtime.block_on(transfer.everything())?
    } else {
        let of = keys.into_iter().map(|key| by_key(&workspace, key)).collect::<Result<Vec<_>>>()?;
        workspace.runtime.block_on(transfer.results(&of))?
    };
    if shell.json {
        shell.json_line(&serde_json::json!({
            "from": transfer.from.describe(), "to": transfer.to.describe(), "results": moved.results,
            "there": moved.there, "blobs": moved.blobs, "bytes": moved.bytes, "runs": moved.runs,
            "bare": moved.bare, "differing": moved.differing, "lost": moved.lost,
        }));
    } else if !shell.quiet {
        shell.say(&told(&moved, push));
    }
    Ok(if !moved.differing.is_empty() {
        Exit::Nondeterminism
    } else if moved.lost.is_empty() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

/// Says what was moved, and what was not.
fn told(moved: &Moved, push: bool) -> String {
    let verb = if push { "pushed" } else { "pulled" };
    let there = if moved.there > 0 {
        format!("; {} there already", counted(moved.there, "result"))
    } else {
        String::new()
    };
    let (results, blobs) = (counted(moved.results, "result"), counted(moved.blobs, "blob"));
    let mut out = format!("{verb} {results}, {blobs} of {}{there}\n", bytes(moved.bytes));
    if moved.bare > 0 {
        out += &format!(
            "{} without the component or a file that no task made: `wrun rerun` cannot make them again there\n",
            counted(moved.bare, "result")
        );
    }
    for address in moved.differing.iter().take(10) {
        out += &format!("{} has other bytes there: two runs of it differ\n", address.key);
    }
    for address in moved.lost.iter().take(10) {
        out += &format!("{} is not whole where it should come from\n", address.key);
    }
    out
}
