//! `wrun why`: which fields of a task's key differ from the last time it was built, down to what changed
//! upstream.

use super::{Last, prepare};
use crate::args::WhyArgs;
use crate::env;
use crate::error::Result;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::shell::{Shell, Style};
use crate::text::{plain, seconds};
use crate::workspace::{Need, description};
use std::fmt::Write as _;
use wrun_build::explain::{Explanation, Standing, Upstream};

/// Explains.
pub(crate) fn run(shell: &Shell, args: &WhyArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Optional, Last::Param))?;
    let mut progress = Progress::start(shell, false);
    let setup = prepared.setup(progress.sink())?;
    let runtime = &prepared.workspace.runtime;
    let (options, goals) = (&prepared.options, &prepared.goals.calls);
    // What another machine built last is what there is to compare with.
    let plugin = &description(&prepared.plugins)?.id;
    runtime.block_on(wrun_build::explain::recall(&*setup.store, plugin, &prepared.task()?.name))?;
    let explained = runtime.block_on(wrun_build::explain::why(&setup, options, goals, runtime.handle()));
    progress.finish();
    let mut out = String::new();
    for explanation in &explained? {
        if shell.json {
            shell.json_line(&json(explanation));
        } else {
            tree(explanation, 0, "", shell.out(), &mut out);
        }
    }
    shell.text(&out);
    Ok(Exit::Ok)
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Hit(made) => {
            let then = jiff::Timestamp::from_millisecond(*made).ok();
            let age = then.map(|then| env::now().duration_since(then).as_secs_f64());
            age.map_or("cached".to_owned(), |age| format!("cached, made {} ago", seconds(age)))
        }
        Standing::Run => "would run".to_owned(),
        Standing::Unknown(until) => format!("unknown until {until} has run"),
        Standing::Other(why) => why.clone(),
    }
}

/// Draws an explanation as an indented tree.
fn tree(explanation: &Explanation, depth: usize, through: &str, style: Style, out: &mut String) {
    let pad = "  ".repeat(depth);
    // A need has no name but the task's own.
    let via = match through {
        "" => String::new(),
        name if name == explanation.task => style.dim("need ← "),
        name => style.dim(format!("{name} ← ")),
    };
    _ = writeln!(
        out,
        "{pad}{via}{}  {}",
        style.bold(plain(&explanation.task)),
        style.dim(plain(&standing(&explanation.standing)))
    );
    let when = if explanation.recorded { "it ran because: " } else { "" };
    for reason in &explanation.reasons {
        _ = writeln!(out, "{pad}  {when}{}", style.yellow(plain(&reason.to_string())));
    }
    for (name, upstream) in &explanation.upstream {
        match upstream {
            Upstream::Task(inner) => tree(inner, depth + 2, name, style, out),
            Upstream::External { uri, paths } => {
                _ = writeln!(out, "{pad}    {}{}", style.dim(format!("{name} ← ")), style.bold(plain(uri)));
                for path in paths {
                    _ = writeln!(out, "{pad}      changed: {}", plain(path));
                }
            }
        }
    }
}

fn json(explanation: &Explanation) -> serde_json::Value {
    let mut line = serde_json::json!({"task": explanation.task, "reason": explanation.reasons});
    if explanation.recorded {
        line["recorded"] = true.into();
    }
    if let Some(key) = &explanation.key {
        line["key"] = key.to_string().into();
    }
    match &explanation.standing {
        Standing::Hit(made) => {
            line["standing"] = "hit".into();
            line["made"] = (*made).into();
        }
        Standing::Run => line["standing"] = "run".into(),
        Standing::Unknown(until) => {
            line["standing"] = "unknown".into();
            line["until"] = until.as_str().into();
        }
        Standing::Other(why) => {
            line["standing"] = "other".into();
            line["message"] = why.as_str().into();
        }
    }
    let upstream: Vec<serde_json::Value> = explanation
        .upstream
        .iter()
        .map(|(name, upstream)| match upstream {
            Upstream::Task(inner) => serde_json::json!({"input": name, "task": json(inner)}),
            Upstream::External { uri, paths } => {
                serde_json::json!({"input": name, "external": uri, "changed": paths})
            }
        })
        .collect();
    if !upstream.is_empty() {
        line["upstream"] = upstream.into();
    }
    line
}
