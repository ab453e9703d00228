//! `wrun history`: the builds of a store, newest first.

use crate::args::HistoryArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::{clip, count, fold, seconds, varying};
use crate::workspace::{Need, Workspace};
use std::fmt::Write as _;
use wrun_core::param::Params;
use wrun_core::session::SessionRecord;

/// Lists builds.
pub(crate) fn run(shell: &Shell, args: &HistoryArgs) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let runs = workspace.runtime.block_on(workspace.store.runs(args.most))?;
    if shell.json {
        for (_, header) in &runs {
            shell.bytes(header);
            shell.data("\n");
        }
        return Ok(Exit::Ok);
    }
    let zone = workspace.now().time_zone().clone();
    let mut out = String::new();
    for (run, header) in &runs {
        let Ok(record) = serde_json::from_slice::<SessionRecord>(header) else {
            _ = writeln!(out, "{run}  {}", shell.out().dim("written by another version of wrun"));
            continue;
        };
        let when = jiff::Timestamp::from_millisecond(record.started)
            .map_err(|error| CliError::new(Exit::Store, format!("the run `{run}` has no time")).cause(error))?
            .to_zoned_datetime(zone.clone());
        let params: Vec<&Params> = record.params.iter().collect();
        let which = match params.as_slice() {
            [one] => one.display(&[]),
            many => fold_by_name(many),
        };
        let totals = &record.totals;
        let parts = [
            (totals.cached, "cached"),
            (totals.ran, "ran"),
            (totals.failed, "failed"),
            (totals.blocked, "blocked"),
            (totals.waiting, "waiting"),
            (totals.skipped, "skipped"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n))).collect();
        _ = writeln!(
            out,
            "{}  {}:{} {}  {}  {}",
            shell.out().dim(when.strftime("%Y-%m-%d %H:%M:%S")),
            record.plugin,
            shell.out().bold(&record.task),
            clip(&which, 60),
            parts.join(", "),
            seconds(record.seconds)
        );
    }
    shell.data(&out);
    Ok(Exit::Ok)
}

/// Without the plugin at hand, dates are told by their look.
fn fold_by_name(params: &[&Params]) -> String {
    let spec = |name: &str, value: &wrun_core::param::Value| {
        let text = value.to_text();
        let kind = match value {
            wrun_core::param::Value::Int(_) => "int",
            _ if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() => "date",
            _ => "string",
        };
        serde_json::from_value(serde_json::json!(
            {"name": name, "doc": "", "type": kind, "significant": true, "visibility": "public"}))
        .ok()
    };
    let specs: Vec<_> = params
        .first()
        .map(|first| first.0.iter().filter_map(|(name, value)| spec(name, value)).collect())
        .unwrap_or_default();
    fold(params, &specs, &varying(params))
}
