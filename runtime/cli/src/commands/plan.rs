//! `wrun plan`: what a build would do.

use super::{Last, prepare};
use crate::args::PlanArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::shell::{Shell, Style};
use crate::summary::{Specs, exact, kinds};
use crate::text::{clip, count, counted, fold, plain, seconds, varying};
use crate::workspace::Need;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use wrun_build::{Fate, Preview, PreviewTask};
use wrun_core::param::Params;

/// Previews.
pub(crate) fn run(shell: &Shell, args: &PlanArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Optional, Last::Param))?;
    let mut progress = Progress::start(shell, false);
    let setup = prepared.setup(progress.sink())?;
    let runtime = &prepared.workspace.runtime;
    let (options, goals) = (&prepared.options, &prepared.goals.calls);
    let preview = runtime.block_on(wrun_build::preview(&setup, options, goals, runtime.handle()));
    progress.finish();
    let preview = preview?;
    if shell.json {
        let mut lines = Vec::new();
        for task in &preview.tasks {
            if serde_json::to_writer(&mut lines, &json(task)).is_ok() {
                lines.push(b'\n');
            }
        }
        shell.bytes(&lines);
    } else if !shell.quiet {
        shell.text(&text(&preview, &Specs::new(&prepared.plugins), shell.out(), shell.verbose));
    }
    let any = |wanted: fn(&Fate) -> bool| preview.tasks.iter().any(|task| wanted(&task.fate));
    Ok(if any(|fate| matches!(fate, Fate::Failed(_) | Fate::Blocked(_))) {
        Exit::Failed
    } else if any(|fate| matches!(fate, Fate::Waiting(_))) {
        Exit::Waiting
    } else {
        Exit::Ok
    })
}

fn json(task: &PreviewTask) -> serde_json::Value {
    let mut line = serde_json::json!({
        "plugin": task.plugin, "task": task.task, "params": task.params, "fate": word(&task.fate),
    });
    match &task.fate {
        Fate::Hit(source) => line["source"] = serde_json::json!(source),
        Fate::Run(reasons) => line["reason"] = serde_json::json!(reasons),
        Fate::Unknown(until) => line["until"] = until.as_str().into(),
        Fate::Waiting(why) | Fate::Failed(why) | Fate::Blocked(why) | Fate::Skipped(why) => {
            line["message"] = why.as_str().into();
        }
    }
    if let Some(key) = task.key {
        line["key"] = serde_json::json!(key);
    }
    if let Some(usual) = task.usual_seconds {
        line["usual-seconds"] = usual.into();
    }
    if task.dynamic {
        line["dynamic"] = true.into();
    }
    if let Some(container) = &task.container {
        line["container"] = serde_json::json!(container);
    }
    line
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Hit(_) => "hit",
        Fate::Run(_) => "run",
        Fate::Unknown(_) => "unknown",
        Fate::Waiting(_) => "waiting",
        Fate::Failed(_) => "failed",
        Fate::Blocked(_) => "blocked",
        Fate::Skipped(_) => "skipped",
    }
}

/// What is said of a fate: the same for tasks that stand together, and exactly.
fn why(fate: &Fate) -> (String, String) {
    match fate {
        Fate::Hit(_) => (String::new(), String::new()),
        Fate::Run(reasons) => (kinds(reasons), exact(reasons)),
        Fate::Unknown(until) => {
            let task = until.split(' ').next().unwrap_or(until);
            (format!("until {task} has run"), format!("until {until} has run"))
        }
        Fate::Waiting(why) | Fate::Failed(why) | Fate::Blocked(why) | Fate::Skipped(why) => {
            (why.clone(), why.clone())
        }
    }
}

/// Writes the preview, grouped by task type and fate.
fn text(preview: &Preview, specs: &Specs<'_>, style: Style, verbose: bool) -> String {
    type Group<'a> = (Vec<&'a PreviewTask>, Option<String>);
    let mut order: Vec<(&str, &str)> = Vec::new();
    type Fates<'a> = BTreeMap<(&'a str, String), Group<'a>>;
    let mut types: HashMap<(&str, &str), Fates<'_>> = HashMap::new();
    for task in &preview.tasks {
        let key = (task.plugin.as_str(), task.task.as_str());
        let groups = types.entry(key).or_insert_with(|| {
            order.push(key);
            BTreeMap::new()
        });
        let (like, exact) = why(&task.fate);
        let like = if verbose { format!("{like} {exact}") } else { like };
        let group = groups.entry((word(&task.fate), like)).or_insert_with(|| (Vec::new(), Some(exact.clone())));
        if group.1.as_ref() != Some(&exact) {
            group.1 = None;
        }
        group.0.push(task);
    }
    specs.sort(&mut order);
    let widest = order.iter().map(|key| key.1.chars().count()).max().unwrap_or(0);
    let digits = count(preview.tasks.len() as u64).len();
    let mut out = String::new();
    for key in &order {
        let groups = types.remove(key).unwrap_or_default();
        let all: Vec<&Params> = groups.values().flat_map(|group| &group.0).map(|task| &task.params).collect();
        let varying = varying(&all);
        for (i, ((word, like), (tasks, exact))) in groups.into_iter().enumerate() {
            let name = if i == 0 { key.1 } else { "" };
            let padded = format!("{word:<7}");
            let padded = match word {
                "run" => style.green(padded),
                "failed" => style.red(padded),
                "hit" => padded,
                _ => style.yellow(padded),
            };
            let calls: Vec<&Params> = tasks.iter().map(|task| &task.params).collect();
            let which = fold(&calls, specs.of(key.0, key.1), &varying);
            let why = exact.unwrap_or(like);
            let line = format!(
                "{name:<widest$}  {:>digits$} {padded}  {}{}{}",
                count(tasks.len() as u64),
                style.dim(clip(&which, if verbose { 400 } else { 80 })),
                if which.is_empty() || why.is_empty() { "" } else { "  " },
                clip(&plain(&why), 200)
            );
            _ = writeln!(out, "{}", line.trim_end());
        }
    }
    let number = |wanted: &str| preview.tasks.iter().filter(|task| word(&task.fate) == wanted).count() as u64;
    let parts: Vec<String> = ["hit", "run", "unknown", "waiting", "failed", "blocked", "skipped"]
        .iter()
        .map(|word| (number(word), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", count(n)))
        .collect();
    let usual: f64 = preview
        .tasks
        .iter()
        .filter(|task| matches!(task.fate, Fate::Run(_)))
        .filter_map(|task| task.usual_seconds)
        .sum();
    let usually =
        if usual > 0.0 { format!("; what runs took {} the last time", seconds(usual)) } else { String::new() };
    let tasks = counted(preview.tasks.len() as u64, "task");
    _ = writeln!(out, "{}", style.bold(format!("{tasks}: {}{usually}", parts.join(", "))));
    out
}
