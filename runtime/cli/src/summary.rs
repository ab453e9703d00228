//! The skip report for people: what was a hit, what ran and why, what failed, what waits, grouped by task
//! type; and the time that hits saved.

use crate::shell::Style;
use crate::text::{bytes, clip, count, counted, fold, listed, plain, seconds, varying};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use wrun_build::{Failure, Outcome, Plugin};
use wrun_core::param::{ParamSpec, Params};
use wrun_core::reason::Reason;
use wrun_core::report::{AnsweredBy, Report, State, TaskReport};

/// Params specs by plugin id and task, and the order of task types in their plugins.
pub(crate) struct Specs<'a>(HashMap<(&'a str, &'a str), (usize, &'a [ParamSpec])>);

impl<'a> Specs<'a> {
    pub(crate) fn new(plugins: &'a [Plugin]) -> Self {
        let mut map = HashMap::new();
        for plugin in plugins {
            let description = plugin.planner.description();
            for task in &description.tasks {
                let next = map.len();
                map.entry((description.id.as_str(), task.name.as_str())).or_insert((next, task.params.as_slice()));
            }
        }
        Self(map)
    }

    pub(crate) fn of(&self, plugin: &str, task: &str) -> &'a [ParamSpec] {
        self.0.get(&(plugin, task)).map(|found| found.1).unwrap_or_default()
    }

    /// Puts task types in their authors' order: tasks end in another one each time.
    pub(crate) fn sort(&self, types: &mut [(&str, &str)]) {
        types.sort_by_key(|key| self.0.get(key).map_or(usize::MAX, |found| found.0));
    }
}

/// At most this many failed tasks are shown with their logs, unless all are wanted.
const MOST_FAILURES: usize = 5;
/// Lines of a failed task's log.
const LOG_LINES: usize = 10;

/// Writes the summary of a build.
pub(crate) fn summary(outcome: &Outcome, specs: &Specs<'_>, style: Style, verbose: bool) -> String {
    let report = &outcome.report;
    let mut out = String::new();
    if report.answered_by == AnsweredBy::Walk {
        out += &table(report, specs, style);
    }
    out += &failures(&outcome.failures, style, verbose);
    out += &totals(report, style);
    if let Some(text) = the_same(report) {
        _ = writeln!(out, "{} {text}", style.cyan("note:"));
    }
    if verbose {
        out += &traffic(report);
    }
    if let Some(text) = spared(&outcome.same_bytes) {
        _ = writeln!(out, "{} {text}", style.cyan("hint:"));
    }
    out
}

/// Says which runs made the very bytes that somebody had disowned.
fn the_same(report: &Report) -> Option<String> {
    let mut same: BTreeMap<&str, u64> = BTreeMap::new();
    for task in report.tasks.iter().filter(|task| task.same_output) {
        if task.reason.iter().any(|reason| matches!(reason, Reason::Disowned { .. })) {
            *same.entry(&task.task).or_default() += 1;
        }
    }
    let first = same.iter().next()?;
    let mut parts: Vec<String> = same.iter().map(|(task, n)| format!("{} of `{task}`", count(*n))).collect();
    parts[0] = format!("{} of `{}`", counted(*first.1, "task"), first.0);
    Some(format!("{} made the same bytes again as the results that were disowned", listed(&parts)))
}

/// Says what a declared `version` would have spared, of the task types whose runs all made what was there.
fn spared(same: &BTreeMap<String, u64>) -> Option<String> {
    let mut parts: Vec<String> =
        same.iter().map(|(task, times)| format!("{} of `{task}`", count(*times))).collect();
    let first = same.iter().next()?;
    parts[0] = format!("{} of `{}`", counted(*first.1, "task"), first.0);
    let (on, them) = match same.len() {
        1 => (format!("`{}`", first.0), "it"),
        _ => ("them".to_owned(), "them"),
    };
    Some(format!(
        "{} ran because the code changed, and made the same bytes as before; declare a `version` on {on}, and a \
         change of code elsewhere spares {them}",
        listed(&parts)
    ))
}

/// One line: how many tasks, how they ended, how long it took.
fn totals(report: &Report, style: Style) -> String {
    let totals = &report.totals;
    let parts = [
        (totals.cached, "cached"),
        (totals.ran, "ran"),
        (totals.failed, "failed"),
        (totals.blocked, "blocked"),
        (totals.waiting, "waiting"),
        (totals.skipped, "skipped by you"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| match *word {
            "failed" => style.red(format!("{} {word}", count(*n))),
            "ran" => style.green(format!("{} {word}", count(*n))),
            "blocked" | "waiting" => style.yellow(format!("{} {word}", count(*n))),
            _ => format!("{} {word}", count(*n)),
        })
        .collect();
    let mut line = format!("{} in {}", counted(totals.tasks, "task"), seconds(totals.seconds));
    if !parts.is_empty() {
        _ = write!(line, ": {}", parts.join(", "));
    }
    if report.answered_by == AnsweredBy::SessionRecord {
        line += "; nothing moved since it was built";
    }
    let ran: f64 = report.tasks.iter().filter(|task| task.state == State::Ran).map(|task| task.seconds).sum();
    if totals.ran > 0 {
        let known = report.tasks.iter().filter(|task| task.state == State::Ran && task.usual_seconds.is_some());
        let usual: f64 = known.clone().filter_map(|task| task.usual_seconds).sum();
        let all = known.count() as u64 == totals.ran;
        let usually = if all { format!(", usually {}", seconds(usual)) } else { String::new() };
        _ = write!(line, "; running took {}{usually}", seconds(ran));
    }
    if totals.cached > 0 && totals.saved_seconds > 0.0005 {
        _ = write!(line, "; hits saved {}", seconds(totals.saved_seconds));
        if totals.remote > 0 && totals.saved_remote_seconds > 0.0005 {
            let (saved, of) = (seconds(totals.saved_remote_seconds), counted(totals.remote, "result"));
            _ = write!(line, ", {saved} of it by {of} from the store's server");
        }
    }
    format!("{}\n", style.bold(line))
}

/// Says what was asked of servers.
fn traffic(report: &Report) -> String {
    let mut out = String::new();
    for (name, traffic) in [("store", report.traffic.store), ("externals", report.traffic.externals)] {
        let kinds = [
            (traffic.gets, "get"),
            (traffic.puts, "put"),
            (traffic.heads, "head"),
            (traffic.lists, "list"),
            (traffic.deletes, "delete"),
        ];
        let kinds: Vec<String> =
            kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{} {kind}", count(*n))).collect();
        if kinds.is_empty() {
            continue;
        }
        _ = write!(out, "{name}: {} ({})", counted(traffic.requests(), "request"), kinds.join(", "));
        for (n, word) in [(traffic.bytes_up, "sent"), (traffic.bytes_down, "received")] {
            if n > 0 {
                _ = write!(out, ", {} {word}", bytes(n));
            }
        }
        for (n, word) in [(traffic.retries, "repeated"), (traffic.throttled, "throttled")] {
            if n > 0 {
                _ = write!(out, ", {} {word}", count(n));
            }
        }
        out.push('\n');
    }
    out
}

/// One row of the table.
struct Row<'a> {
    state: State,
    why: String,
    exact: Option<String>,
    tasks: Vec<&'a TaskReport>,
}

fn table(report: &Report, specs: &Specs<'_>, style: Style) -> String {
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut groups: HashMap<(&str, &str), Vec<&TaskReport>> = HashMap::new();
    for task in &report.tasks {
        let key = (task.plugin.as_str(), task.task.as_str());
        groups.entry(key).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        if let Some(group) = groups.get_mut(&key) {
            group.push(task);
        }
    }
    specs.sort(&mut order);
    let several = order.iter().any(|key| key.0 != order[0].0);
    let name = |key: &(&str, &str)| if several { format!("{}:{}", key.0, key.1) } else { key.1.to_owned() };
    let widest = order.iter().map(|key| name(key).chars().count()).max().unwrap_or(0);
    let digits = report.totals.tasks.max(1).ilog10() as usize + 1;
    let digits = digits + (digits - 1) / 3;
    let mut out = String::new();
    for key in &order {
        let tasks = groups.remove(key).unwrap_or_default();
        let all: Vec<&Params> = tasks.iter().map(|task| &task.params).collect();
        let varying = varying(&all);
        for (i, row) in rows(&tasks).into_iter().enumerate() {
            let shown = if i == 0 { name(key) } else { String::new() };
            let word = format!("{:<7}", row.state.word());
            let word = match row.state {
                State::Ran => style.green(word),
                State::Failed => style.red(word),
                State::Cached => word,
                State::Blocked | State::Waiting | State::Skipped => style.yellow(word),
            };
            let calls: Vec<&Params> = row.tasks.iter().map(|task| &task.params).collect();
            let which = fold(&calls, specs.of(key.0, key.1), &varying);
            let why = row.exact.unwrap_or(row.why);
            let line = format!(
                "  {shown:<widest$}  {:>digits$} {word}  {}{}{}",
                count(row.tasks.len() as u64),
                style.dim(clip(&which, 60)),
                if which.is_empty() || why.is_empty() { "" } else { "  " },
                clip(&plain(&why), 160),
            );
            _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// Groups the tasks of one type by how they ended, and what ran by why.
fn rows<'a>(tasks: &[&'a TaskReport]) -> Vec<Row<'a>> {
    let mut rows: BTreeMap<(State, String), Row<'a>> = BTreeMap::new();
    for task in tasks {
        let (why, exact) = match task.state {
            State::Ran => (kinds(&task.reason), exact(&task.reason)),
            State::Cached => (String::new(), String::new()),
            State::Failed => (String::new(), String::new()),
            State::Blocked | State::Waiting | State::Skipped => {
                let message = task.message.clone().unwrap_or_default();
                (String::new(), message)
            }
        };
        let row = rows.entry((task.state, why.clone())).or_insert_with(|| Row {
            state: task.state,
            why,
            exact: Some(exact.clone()),
            tasks: Vec::new(),
        });
        if row.exact.as_ref() != Some(&exact) {
            if row.exact.is_some() && row.why.is_empty() {
                row.why = format!("{}, …", row.exact.clone().unwrap_or_default());
            }
            row.exact = None;
        }
        row.tasks.push(task);
    }
    rows.into_values().collect()
}

/// Joins reasons as they are.
pub(crate) fn exact(reasons: &[Reason]) -> String {
    const MOST: usize = 3;
    let mut texts: Vec<String> = reasons.iter().take(MOST).map(ToString::to_string).collect();
    if reasons.len() > MOST {
        texts.push(format!("{} more", reasons.len() - MOST));
    }
    texts.join(", ")
}

/// Joins the kinds of reasons, so that tasks that ran for like reasons stand together.
pub(crate) fn kinds(reasons: &[Reason]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for reason in reasons {
        let kind = match reason {
            Reason::CodeChanged { .. } => "code changed".to_owned(),
            Reason::VersionChanged { .. } => "version changed".to_owned(),
            Reason::ParamChanged { name, .. } => format!("param {name} changed"),
            Reason::InputChanged { name, .. } => format!("input {name} changed"),
            Reason::NeedChanged { .. } => "needs changed".to_owned(),
            Reason::Disowned { .. } => "disowned".to_owned(),
            other => other.to_string(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(", ")
}

/// Shows failed tasks: message, the end of the log, hint.
pub(crate) fn failures(failures: &[Failure], style: Style, verbose: bool) -> String {
    let mut out = String::new();
    let most = if verbose { usize::MAX } else { MOST_FAILURES };
    for failure in failures.iter().take(most) {
        _ = writeln!(out, "{} {}", style.red("failed:"), style.bold(plain(&failure.task)));
        for line in failure.message.lines() {
            _ = writeln!(out, "  {}", plain(line));
        }
        let log = String::from_utf8_lossy(&failure.log);
        // There is no environment in a sandbox, so nobody can do what Rust's last line advises.
        let advice = |line: &&str| !line.starts_with("note: run with `RUST_BACKTRACE=1`");
        let lines: Vec<&str> = log.lines().filter(advice).skip_while(|line| line.trim().is_empty()).collect();
        let kept = if verbose { lines.len() } else { LOG_LINES };
        if lines.len() > kept {
            let said = format!("the last {kept} of {} lines of its log; `wrun log` has the whole:", lines.len());
            _ = writeln!(out, "  {}", style.dim(said));
        }
        for line in lines.iter().skip(lines.len().saturating_sub(kept)) {
            _ = writeln!(out, "  {} {}", style.dim("|"), clip(&plain(line), 400));
        }
        if let Some(hint) = &failure.hint {
            _ = writeln!(out, "  {} {}", style.cyan("hint:"), plain(hint));
        }
    }
    if failures.len() > most {
        _ = writeln!(out, "… and {} more; `-v` shows all", counted((failures.len() - most) as u64, "failure"));
    }
    out
}

/// Shows what waits, and for what.
pub(crate) fn waiting(report: &Report, specs: &Specs<'_>, style: Style, verbose: bool) -> String {
    let most = if verbose { usize::MAX } else { MOST_FAILURES };
    let waits = report.tasks.iter().filter(|task| task.state == State::Waiting);
    let mut out = String::new();
    for task in waits.clone().take(most) {
        let params = task.params.display(specs.of(&task.plugin, &task.task));
        let name = format!("{} {params}", task.task);
        _ = writeln!(out, "{} {}", style.yellow("waiting:"), style.bold(plain(name.trim_end())));
        _ = writeln!(out, "  {}", plain(task.message.as_deref().unwrap_or_default()));
    }
    let left = waits.count().saturating_sub(most);
    if left > 0 {
        _ = writeln!(out, "… and {} more; `-v` shows all", counted(left as u64, "task"));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use wrun_core::digest::Digest;
    use wrun_core::report::{FORMAT, Totals};

    fn task(name: &str, day: u32, state: State, reason: Vec<Reason>) -> TaskReport {
        let params = serde_json::from_str(&format!(r#"{{"date":"2013-01-{day:02}"}}"#)).unwrap();
        TaskReport {
            plugin: "flights".into(),
            task: name.into(),
            params,
            key: None,
            state,
            reason,
            message: (state == State::Blocked).then(|| "needs `x`, which failed".into()),
            source: None,
            seconds: 0.5,
            usual_seconds: Some(1.0),
            same_output: false,
            output: None,
            needs: Vec::new(),
            timing: None,
            log: None,
        }
    }

    fn outcome(tasks: Vec<TaskReport>) -> Outcome {
        let mut totals = Totals::default();
        tasks.iter().for_each(|task| totals.count(task.state));
        totals.seconds = 1.5;
        totals.saved_seconds = if totals.cached > 0 { 60.0 } else { 0.0 };
        let report = Report { format: FORMAT, answered_by: AnsweredBy::Walk, totals, tasks, ..Report::default() };
        Outcome {
            report,
            goals: Vec::new(),
            interrupted: false,
            failures: Vec::new(),
            same_bytes: BTreeMap::from([("delays".into(), 2)]),
            externals: Vec::new(),
        }
    }

    #[test]
    fn tasks_are_grouped_and_their_days_folded() {
        let digest = |text: &[u8]| Digest::of_blob(text);
        let code = || Reason::CodeChanged { old: digest(b"a"), new: digest(b"b") };
        let input = |day: u8| Reason::InputChanged {
            name: "day".into(),
            old: None,
            new: Some(digest(&[day])),
            path: None,
        };
        let kind: ParamSpec = serde_json::from_value(serde_json::json!(
            {"name": "date", "doc": "", "type": "date", "significant": true, "visibility": "public"}
        ))
        .unwrap();
        let specs = Specs(HashMap::from([
            (("flights", "delays"), (0, std::slice::from_ref(&kind))),
            (("flights", "week"), (1, std::slice::from_ref(&kind))),
        ]));
        let mut tasks: Vec<TaskReport> =
            (1..=20).map(|day| task("delays", day, State::Cached, Vec::new())).collect();
        tasks.extend((21..=30).map(|day| task("delays", day, State::Ran, vec![code()])));
        tasks.push(task("week", 1, State::Ran, vec![input(1)]));
        tasks.push(task("week", 2, State::Ran, vec![input(2)]));
        tasks.push(task("week", 3, State::Blocked, Vec::new()));
        let text = summary(&outcome(tasks), &specs, Style(false), false);
        let expected = format!(
            "  delays  20 cached   date=2013-01-01..2013-01-20
          10 ran      date=2013-01-21..2013-01-30  code changed: {} → {}
  week     2 ran      date=2013-01-01..2013-01-02  input day changed
           1 blocked  date=2013-01-03  needs `x`, which failed
33 tasks in 1.5 s: 20 cached, 12 ran, 1 blocked; running took 6.0 s, usually 12 s; hits saved 1 min 00 s
hint: 2 tasks of `delays` ran because the code changed, and made the same bytes as before; declare a `version` \
             on `delays`, and a change of code elsewhere spares it
",
            digest(b"a").short(),
            digest(b"b").short()
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn one_hint_names_all_that_a_version_would_spare() {
        let some = |types: &[(&str, u64)]| {
            let same = types.iter().map(|(task, times)| ((*task).to_owned(), *times)).collect();
            spared(&same).unwrap_or_default()
        };
        assert_eq!(some(&[]), "");
        assert!(some(&[("a", 1)]).starts_with("1 task of `a` ran because the code changed, "));
        let three = some(&[("a", 1), ("b", 1200), ("c", 2)]);
        assert!(three.starts_with("1 task of `a`, 1,200 of `b` and 2 of `c` ran because "), "{three}");
        assert!(
            three.ends_with("declare a `version` on them, and a change of code elsewhere spares them"),
            "{three}"
        );
    }

    #[test]
    fn a_failure_shows_the_end_of_its_log() {
        let log: Vec<String> = (1..=20).map(|n| format!("line {n}\n")).collect();
        let failed = Failure {
            task: "delays date=2013-01-01".into(),
            message: "no flights".into(),
            hint: Some("try another day".into()),
            log: log.concat().into_bytes(),
        };
        let text = failures(&[failed], Style(false), false);
        assert!(text.starts_with("failed: delays date=2013-01-01\n  no flights\n  the last 10 of 20 lines"));
        assert!(text.contains("| line 11\n") && !text.contains("| line 10\n"));
        assert!(text.ends_with("  hint: try another day\n"));
    }
}
