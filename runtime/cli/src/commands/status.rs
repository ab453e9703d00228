//! `wrun status`: what runs now on this machine, whichever terminal started it.

use super::Prepared;
use crate::args::StatusArgs;
use crate::env;
use crate::error::Result;
use crate::exit::Exit;
use crate::place::Place;
use crate::progress::board::{self, About, Build, Task};
use crate::progress::slower;
use crate::shell::{Shell, Style};
use crate::text::{clip, count, fold, plain, seconds, varying};
use crate::workspace::description;
use std::fmt::Write as _;
use wrun_core::param::{Params, Visibility};

/// Tasks that are shown of one build, unless all are wanted.
const MOST_TASKS: usize = 10;

/// Lists builds.
pub(crate) fn run(shell: &Shell, args: &StatusArgs) -> Result<Exit> {
    let cwd = env::cwd()?;
    let crate::config::Found { config, folder } = crate::config::find_for(&cwd, None)?;
    // Without a store there may be builds with one.
    let store = match &args.store.store {
        Some(_) => Some(Place::of(&args.store, &config, folder.as_deref(), &cwd)?),
        None => Place::of(&args.store, &config, folder.as_deref(), &cwd).ok(),
    };
    let store = store.map(|place| place.folder().to_owned());
    let mut builds = board::builds(store.as_deref());
    if let (Some(_), Some(store)) = (&args.store.store, &store) {
        let real = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        builds.retain(|build| build.store.as_deref().map(real) == Some(real(store)));
    }
    if shell.json {
        builds.iter().for_each(|build| shell.json_line(build));
        return Ok(Exit::Ok);
    }
    if builds.is_empty() {
        shell.say("nothing runs\n");
    }
    let now = env::now().as_millisecond();
    for build in &builds {
        shell.text(&show(build, now, shell.out(), shell.verbose));
    }
    Ok(Exit::Ok)
}

fn show(build: &Build, now: i64, style: Style, verbose: bool) -> String {
    let mut out = String::new();
    let computing = build.running.iter().filter(|task| !task.suspended).count();
    let mut parts = vec![format!("{} of {} done", count(build.done), count(build.known))];
    if computing > 0 {
        parts.push(format!("{} running", count(computing as u64)));
    }
    if build.suspended > 0 {
        parts.push(format!("{} waiting for what they need", count(build.suspended as u64)));
    }
    if build.failed > 0 {
        parts.push(style.red(format!("{} failed", count(build.failed))));
    }
    if let Some(left) = build.left_seconds {
        parts.push(format!("about {} left", seconds(left)));
    }
    let goal = format!("{}:{}", plain(&build.plugin), plain(&build.goal));
    _ = writeln!(out, "{}  {}", style.bold(clip(&goal, 100)), parts.join(", "));
    let store = build.store.as_ref().map(|store| format!("; store {}", store.display())).unwrap_or_default();
    let since = format!(
        "  for {} by process {} in {}{store}",
        seconds(age(build.started, now)),
        build.pid,
        build.cwd.display()
    );
    _ = writeln!(out, "{}", style.dim(plain(&since)));
    let most = if verbose { usize::MAX } else { MOST_TASKS };
    for task in build.running.iter().filter(|task| verbose || !task.suspended).take(most) {
        _ = writeln!(out, "  {}", row(task, now, style));
    }
    if computing > most {
        _ = writeln!(out, "  … and {} more; `-v` shows all", count((computing - most) as u64));
    }
    out
}

fn row(task: &Task, now: i64, style: Style) -> String {
    let took = age(task.since, now);
    let part = task.fraction.filter(|part| part.is_finite());
    let part = part.map_or_else(String::new, |part| format!("{:.0}%", part.clamp(0.0, 1.0) * 100.0));
    let message = if task.message.is_empty() { String::new() } else { format!("  {}", plain(&task.message)) };
    let waits = if task.suspended { "  waits for what it needs" } else { "" };
    let usual = match task.usual_seconds {
        Some(usual) if !task.suspended && slower(took, usual) => {
            style.yellow(format!(", slower than the usual {}", seconds(usual)))
        }
        Some(usual) => format!(", usually {}", seconds(usual)),
        None => String::new(),
    };
    format!("{part:>4} {}{message}{waits}  {}{usual}", clip(&plain(&task.task), 100), seconds(took))
}

fn age(then: i64, now: i64) -> f64 {
    std::time::Duration::from_millis(u64::try_from(now - then).unwrap_or(0)).as_secs_f64()
}

/// Says what a build is about, for other terminals.
pub(crate) fn about(prepared: &Prepared) -> About {
    let plugin = description(&prepared.plugins).map(|plugin| plugin.id.clone()).unwrap_or_default();
    let (name, specs) = match prepared.task() {
        Ok(task) => (task.name.as_str(), task.params.as_slice()),
        Err(_) => ("", &[][..]),
    };
    let hidden = |name: &str| specs.iter().any(|spec| spec.name == name && spec.visibility == Visibility::Private);
    let shown = |params: &Params| {
        let mut params = params.clone();
        params.0.retain(|name, _| !hidden(name));
        params
    };
    let calls: Vec<Params> = prepared.goals.calls.iter().map(|call| shown(&call.params)).collect();
    let which = match calls.as_slice() {
        [one] => one.display(specs),
        many => {
            let many: Vec<&Params> = many.iter().collect();
            fold(&many, specs, &varying(&many))
        }
    };
    About {
        plugin,
        goal: format!("{name} {which}").trim_end().to_owned(),
        store: prepared.workspace.store.local_root(),
        slots: prepared.workspace.slots,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_for_people() {
        let json = serde_json::json!({
        "format": 1, "pid": 7, "plugin": "flights", "goal": "report date=2013-01-01..2013-12-31",
        "cwd": "/data", "slots": 2, "started": 0, "known": 1200, "done": 400, "ran": 300, "failed": 1,
        "suspended": 1, "left-seconds": 53.0, "running": [
            {"task": "delays date=2013-06-15", "id": "b3:".to_owned() + &"0".repeat(64), "since": 5000,
             "usual-seconds": 4.0, "fraction": 0.42, "message": "row 14,201\u{1b}[2J", "suspended": false},
            {"task": "week date=2013-06-15", "id": "b3:".to_owned() + &"1".repeat(64), "since": 19000,
             "usual-seconds": 4.0, "suspended": false},
            {"task": "report date=2013-06-15", "id": "b3:".to_owned() + &"2".repeat(64), "since": 9000,
             "suspended": true},
        ]});
        let build: Build = serde_json::from_value(json).unwrap_or_else(|error| unreachable!("{error}"));
        let head = "flights:report date=2013-01-01..2013-12-31  400 of 1,200 done, 2 running, 1 waiting for what \
            they need, 1 failed, about 53 s left\n  for 20 s by process 7 in /data\n";
        let rows = "   42% delays date=2013-06-15  row 14,201 [2J  15 s, slower than the usual 4.0 s\n\
            \x20      week date=2013-06-15  1.0 s, usually 4.0 s\n";
        assert_eq!(show(&build, 20_000, Style(false), false), format!("{head}{rows}"));
        let all = "       report date=2013-06-15  waits for what it needs  11 s\n";
        assert_eq!(show(&build, 20_000, Style(false), true), format!("{head}{rows}{all}"));
    }
}
