//! The page: one HTML file that asks no network. What it shows is in it as JSON, by columns, since a hundred
//! thousand objects are slow to parse; `page/page.js` draws it.

use super::critical;
use super::escape::{markup, script, visible};
use super::model::Graph;
use super::svg::{For, STYLE, svg};
use crate::text::{clip, varying};
use serde::Serialize;
use std::collections::HashMap;
use wrun_core::digest::Digest;
use wrun_core::param::Params;
use wrun_core::report::{AnsweredBy, Report, State, Totals};

const PAGE: &str = include_str!("page/page.html");
const CSS: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const TIMELINE: &str = include_str!("page/timeline.js");

/// What the script is given.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    totals: &'a Totals,
    from_record: bool,
    notes: &'a [String],
    kinds: &'a [String],
    states: [&'static str; 6],
    /// Texts that tasks share: why they ran, what they wait for.
    texts: Vec<&'a str>,
    kind: &'a [usize],
    state: Vec<u8>,
    /// A line a task.
    params: String,
    seconds: Vec<f64>,
    /// By task.
    usual: HashMap<usize, f64>,
    /// Among the texts; -1 is none.
    why: Vec<i64>,
    /// Twelve characters a task, or blanks.
    key: String,
    output: String,
    same: Vec<usize>,
    /// By task.
    log: HashMap<usize, &'a str>,
    needs: Vec<&'a [u32]>,
    /// Task, when it was ready.
    ready: Vec<(usize, f64)>,
    /// Task, slot, start, end.
    spells: Vec<(usize, u32, f64, f64)>,
    /// Task, from, queued, end.
    path: Vec<(usize, f64, f64, f64)>,
}

/// Microseconds are enough.
fn rounded(seconds: f64) -> f64 {
    (seconds.max(0.0) * 1e6).round() / 1e6
}

/// Joins the beginnings of digests: one string is read much faster than a hundred thousand.
fn shortened(digests: impl Iterator<Item = Option<Digest>>) -> String {
    const LENGTH: usize = 12;
    let short = |digest: Option<Digest>| {
        let hex = digest.map(|digest| digest.short().trim_start_matches("b3:").to_owned()).unwrap_or_default();
        format!("{hex:LENGTH$.LENGTH$}")
    };
    digests.map(short).collect()
}

/// Writes the page of a report whose needs are places in it.
pub(crate) fn page(report: &Report) -> String {
    let graph = Graph::of_report(report);
    let (kinds, kind) = graph.kinds();
    let title = title(&graph, &kinds, &kind);
    let json = data(report, &graph, (&kinds, &kind));
    let picture = svg(&graph.drawing(), For::Page);
    let parts = [
        ("title", markup(&clip(&title, 120))),
        ("style", format!("{STYLE}{CSS}")),
        ("graph", picture),
        ("data", script(&json)),
        ("script", format!("{TIMELINE}{SCRIPT}")),
    ];
    let mut out = String::with_capacity(PAGE.len() + parts.iter().map(|part| part.1.len()).sum::<usize>());
    let mut rest = PAGE;
    // In one go from left to right: what is put in is not looked at again.
    while let Some((before, after)) = rest.split_once("{{") {
        out += before;
        let Some((name, after)) = after.split_once("}}") else { break };
        if let Some(part) = parts.iter().find(|part| part.0 == name) {
            out += &part.1;
        }
        rest = after;
    }
    out + rest
}

/// Says what was built: the tasks that no other needs.
fn title(graph: &Graph<'_>, kinds: &[String], kind: &[usize]) -> String {
    let goals = graph.goals();
    let Some(first) = goals.first().map(|goal| kind[*goal]) else { return "nothing".to_owned() };
    if goals.iter().any(|goal| kind[*goal] != first) {
        let mut names: Vec<&str> = goals.iter().map(|goal| kinds[kind[*goal]].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        return clip(&names.join(", "), 60);
    }
    let calls: Vec<&Params> = goals.iter().map(|goal| graph.tasks[*goal].params).collect();
    format!("{} {}", kinds[first], graph.which(&goals, &varying(&calls))).trim_end().to_owned()
}

fn data(report: &Report, graph: &Graph<'_>, (kinds, kind): (&[String], &[usize])) -> String {
    let tasks = &report.tasks;
    let mut texts: Vec<&str> = Vec::new();
    let mut known: HashMap<&str, i64> = HashMap::new();
    let why = graph.tasks.iter().map(|task| match task.why.as_str() {
        "" => -1,
        text => *known.entry(text).or_insert_with(|| {
            texts.push(text);
            i64::try_from(texts.len()).unwrap_or(i64::MAX) - 1
        }),
    });
    let why = why.collect();
    let timed = || tasks.iter().enumerate().filter_map(|(at, task)| Some((at, task.timing.as_ref()?)));
    let spells = timed().flat_map(|(at, timing)| {
        timing.spells.iter().map(move |spell| (at, spell.slot, rounded(spell.started), rounded(spell.ended)))
    });
    let path = critical::path(report);
    let data = Data {
        totals: &report.totals,
        from_record: report.answered_by == AnsweredBy::SessionRecord,
        notes: &report.notes,
        kinds,
        states: [State::Cached, State::Ran, State::Failed, State::Blocked, State::Waiting, State::Skipped]
            .map(State::word),
        texts,
        kind,
        state: tasks.iter().map(|task| task.state as u8).collect(),
        params: tasks.iter().map(|task| told(&task.params)).collect::<Vec<_>>().join("\n"),
        seconds: tasks.iter().map(|task| rounded(task.seconds)).collect(),
        usual: tasks
            .iter()
            .enumerate()
            .filter_map(|(at, task)| Some((at, rounded(task.usual_seconds?))))
            .collect(),
        why,
        key: shortened(tasks.iter().map(|task| task.key.map(|key| key.0))),
        output: shortened(tasks.iter().map(|task| task.output.map(|tree| tree.0))),
        same: (0..tasks.len()).filter(|task| tasks[*task].same_output).collect(),
        log: tasks.iter().enumerate().filter_map(|(at, task)| Some((at, task.log.as_deref()?))).collect(),
        needs: tasks.iter().map(|task| task.needs.as_slice()).collect(),
        ready: timed().map(|(at, timing)| (at, rounded(timing.ready))).collect(),
        spells: spells.collect(),
        path: path.iter().map(|it| (it.task, rounded(it.from), rounded(it.queued), rounded(it.ended))).collect(),
    };
    // Plain data with text keys: this cannot fail.
    serde_json::to_string(&data).unwrap_or_default()
}

/// Returns `name=value name=value`, in one line whatever is in it.
fn told(params: &Params) -> String {
    let all = params.0.iter().map(|(name, value)| format!("{name}={}", value.to_text()));
    visible(&all.collect::<Vec<_>>().join(" "))
}
