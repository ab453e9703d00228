//! `wrun history`: the builds of a store, or what became of one task in them, newest first.

use super::{Last, prepare};
use crate::args::HistoryArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::{clip, count, fold, plain, seconds, varying};
use crate::workspace::{Need, Workspace, description};
use serde::Serialize;
use std::fmt::Write as _;
use wrun_core::digest::{ActionKey, ComponentDigest};
use wrun_core::param::Params;
use wrun_core::report::{State, TaskReport};
use wrun_core::result::ActionResult;
use wrun_core::session::SessionRecord;
use wrun_core::task::TaskType;
use wrun_store::BlobKind;

/// Builds that are looked through for a task.
const MOST_RUNS: usize = 1000;

/// Lists builds, or the part of one task in them.
pub(crate) fn run(shell: &Shell, args: &HistoryArgs) -> Result<Exit> {
    if args.goal.plugin.is_some() {
        return of_task(shell, args);
    }
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let runs = workspace.runtime.block_on(workspace.store.everyones_runs(args.most))?;
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
            clip(&plain(&which), 60),
            parts.join(", "),
            seconds(record.seconds)
        );
    }
    shell.text(&out);
    Ok(Exit::Ok)
}

/// What became of a task in one build.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    run: String,
    /// When the build began: milliseconds since 1970.
    started: i64,
    #[serde(flatten)]
    report: TaskReport,
    /// The component that made the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<ComponentDigest>,
}

/// Lists what became of one task.
fn of_task(shell: &Shell, args: &HistoryArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, None, (Need::Existing, Last::Param))?;
    let [call] = prepared.goals.calls.as_slice() else {
        return Err(CliError::usage("a range makes several goals: `history` is of one task")
            .hint("give each param one value"));
    };
    let task = prepared.task()?;
    let plugin = &description(&prepared.plugins)?.id;
    let rows = rows(&prepared.workspace, plugin, task, &call.params, args.most)?;
    let name = format!("{} {}", task.name, call.params.display(&task.params));
    let name = name.trim_end();
    if shell.json {
        rows.iter().for_each(|row| shell.json_line(row));
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        return Err(CliError::new(Exit::Failed, format!("no build of this store had `{name}`"))
            .code(Code::NoResult)
            .hint("`wrun history` lists the builds, and `wrun build` makes one"));
    }
    let zone = prepared.workspace.now().time_zone().clone();
    let current = prepared.plugins.first().map(|plugin| plugin.component);
    let style = shell.out();
    let mut out = String::new();
    for row in &rows {
        let when =
            jiff::Timestamp::from_millisecond(row.started).unwrap_or_default().to_zoned_datetime(zone.clone());
        let report = &row.report;
        let word = format!("{:<7}", report.state.word());
        let word = match report.state {
            State::Ran => style.green(word),
            State::Failed => style.red(word),
            State::Cached => word,
            State::Blocked | State::Waiting | State::Skipped => style.yellow(word),
        };
        let took = if matches!(report.state, State::Ran | State::Failed) {
            seconds(report.seconds)
        } else {
            String::new()
        };
        let code = match row.component {
            Some(code) if Some(code) == current => format!("  by {} (this code)", code.0.short()),
            Some(code) => format!("  by {}", code.0.short()),
            None => String::new(),
        };
        let why = match report.state {
            State::Ran => crate::summary::exact(&report.reason),
            _ => report.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default().to_owned(),
        };
        let why = if why.is_empty() { String::new() } else { format!("  {}", clip(&plain(&why), 120)) };
        let when = style.dim(when.strftime("%Y-%m-%d %H:%M:%S"));
        _ = writeln!(out, "{}", format!("{when}  {word}  {took:>8}{}{why}", style.dim(code)).trim_end());
    }
    shell.text(&out);
    Ok(Exit::Ok)
}

/// Looks through builds, newest first.
fn rows(workspace: &Workspace, plugin: &str, task: &TaskType, params: &Params, most: usize) -> Result<Vec<Row>> {
    let (store, runtime) = (&workspace.store, &workspace.runtime);
    // Private params are in no listing.
    let is_it = |report: &TaskReport| {
        report.task == task.name
            && report.plugin == plugin
            && report.params.0.iter().all(|(name, value)| params.0.get(name) == Some(value))
    };
    let marked = format!("\"{}\"", task.name);
    let mut rows = Vec::new();
    for (run, header) in runtime.block_on(store.everyones_runs(MOST_RUNS))? {
        if rows.len() >= most {
            break;
        }
        // A run of another version of wrun, or one whose listing is gone, has nothing to tell.
        let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { continue };
        let listing = record.listing;
        if !matches!(runtime.block_on(store.fetch(&[(BlobKind::Blob, listing)])).as_deref(), Ok([true])) {
            continue;
        }
        let listing = store.get(BlobKind::Blob, listing)?.and_then(|blob| blob.to_vec().ok()).unwrap_or_default();
        let listing = String::from_utf8_lossy(&listing);
        let mut reports = listing
            .lines()
            .filter(|line| line.contains(&marked))
            .filter_map(|line| serde_json::from_str::<TaskReport>(line).ok());
        let Some(report) = reports.find(|report| is_it(report)) else { continue };
        let component = report.key.map(|key| made_by(workspace, key)).transpose()?.flatten();
        let component = component.or((report.state == State::Failed).then_some(record.component));
        rows.push(Row { run, started: record.started, report, component });
    }
    Ok(rows)
}

/// Returns the component that made a result.
fn made_by(workspace: &Workspace, key: ActionKey) -> Result<Option<ComponentDigest>> {
    let found =
        workspace.runtime.block_on(workspace.store.results(&[key]))?.into_iter().next().unwrap_or_default();
    let result = found.last().and_then(|record| serde_json::from_slice::<ActionResult>(&record.body).ok());
    Ok(result.map(|result| result.provenance.component))
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
