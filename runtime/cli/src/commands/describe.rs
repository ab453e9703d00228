//! `wrun describe`, and the help of `wrun build PLUGIN TASK --help`, which is generated from the plugin's
//! docs.

use super::{plugin_of, task_of, unknown_task};
use crate::args::{DescribeArgs, GoalArgs, StoreArgs};
use crate::commands::list::first_line;
use crate::error::Result;
use crate::exit::Exit;
use crate::shell::{Shell, Style};
use crate::text::{bytes, plain, seconds};
use crate::workspace::{Need, Workspace, description};
use std::fmt::Write as _;
use wrun_core::param::{ParamSpec, Visibility};
use wrun_core::plan::OutputKind;
use wrun_core::task::{PluginDescription, TaskType};

/// Describes.
pub(crate) fn run(shell: &Shell, args: &DescribeArgs) -> Result<Exit> {
    let workspace = Workspace::open_for(shell, &args.store, None, Need::Optional, Some(&args.plugin))?;
    let plugins = workspace.plugins(&args.plugin)?;
    let plugin = description(&plugins)?;
    let task = match &args.task {
        Some(name) => Some(plugin.task(name).ok_or_else(|| unknown_task(plugin, name, &args.plugin))?),
        None => None,
    };
    match task {
        Some(task) if shell.json => shell.json_line(task),
        Some(task) => shell.text(&task_text(task, shell.out())),
        None if shell.json => {
            let mut json = serde_json::to_value(plugin).unwrap_or_default();
            json["component"] = plugins[0].component.to_string().into();
            shell.json_line(&json);
        }
        None => {
            let mut out = head(plugin, shell.out());
            _ = writeln!(out, "Component {}", plugins[0].component);
            for task in &plugin.tasks {
                _ = write!(out, "\n{}", task_text(task, shell.out()));
            }
            shell.text(&out);
        }
    }
    Ok(Exit::Ok)
}

/// Prints the help of a command for the plugin, or the task, that is named.
pub(crate) fn help(shell: &Shell, command: &str, goal: &GoalArgs, store: &StoreArgs) -> Result<Exit> {
    let named = plugin_of(goal)?;
    let workspace = Workspace::open_for(shell, store, None, Need::Optional, Some(named))?;
    let plugins = workspace.plugins(named)?;
    let plugin = description(&plugins)?;
    let style = shell.out();
    let shown = named.display();
    if goal.words.is_empty() {
        let mut out = head(plugin, style);
        _ = writeln!(out, "\n{} wrun {command} {shown} [TASK] [OPTIONS]", style.bold("Usage:"));
        _ = writeln!(out, "\n{}", style.bold("Tasks:"));
        let widest = plugin.tasks.iter().map(|task| task.name.len()).max().unwrap_or(0);
        for task in &plugin.tasks {
            let default = if plugin.default_goal.as_ref() == Some(&task.name) { " (default)" } else { "" };
            _ = writeln!(out, "  {:<widest$}  {}{default}", task.name, first_line(&task.doc));
        }
        _ = writeln!(
            out,
            "\n`wrun {command} {shown} TASK --help` says more of a task, `wrun {command} --help` lists the options"
        );
        shell.text(&out);
        return Ok(Exit::Ok);
    }
    let (task, _) = task_of(plugin, &goal.words, named)?;
    let positional: Vec<String> =
        task.params.iter().filter(|spec| spec.positional).map(|spec| format!(" [{}]", spec.name)).collect();
    let mut out = doc(&task.doc);
    _ = writeln!(
        out,
        "\n{} wrun {command} {shown} {}{} [--param NAME=VALUE]… [OPTIONS]",
        style.bold("Usage:"),
        task.name,
        positional.concat()
    );
    out += &details(task, style);
    _ = writeln!(out, "\n`wrun {command} --help` lists the options");
    shell.text(&out);
    Ok(Exit::Ok)
}

fn head(plugin: &PluginDescription, style: Style) -> String {
    let doc = doc(&plugin.doc);
    format!("{}{}{doc}", style.bold(&plugin.id), if doc.is_empty() { "\n" } else { "  " })
}

fn doc(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim().lines() {
        out += &plain(line);
        out.push('\n');
    }
    out
}

fn task_text(task: &TaskType, style: Style) -> String {
    format!("{}  {}{}", style.bold(&task.name), doc(&task.doc), details(task, style))
}

fn details(task: &TaskType, style: Style) -> String {
    let mut out = String::new();
    let params: Vec<&ParamSpec> =
        task.params.iter().filter(|spec| spec.visibility != Visibility::Private).collect();
    if !params.is_empty() {
        _ = writeln!(out, "\n{}", style.bold("Params:"));
        let names = params.iter().map(|spec| spec.name.len()).max().unwrap_or(0);
        let kinds = params.iter().map(|spec| spec.kind.to_string().len()).max().unwrap_or(0);
        for spec in params {
            let optional = matches!(spec.kind, wrun_core::param::ParamType::Optional(_));
            let default = match &spec.default {
                Some(default) => format!("[default: {}]", plain(default.trim_matches('"'))),
                None if optional => "[optional]".to_owned(),
                None => "[required]".to_owned(),
            };
            let outside = if spec.significant { "" } else { " [in no key]" };
            let line = format!(
                "  {:<names$}  {:<kinds$}  {}",
                spec.name,
                spec.kind.to_string(),
                [first_line(&spec.doc), format!("{default}{outside}")].join(" ").trim()
            );
            _ = writeln!(out, "{line}");
        }
    }
    if !task.outputs.is_empty() {
        _ = writeln!(out, "\n{}", style.bold("Outputs:"));
        for output in &task.outputs {
            let (name, kind) = match (output.name.as_str(), output.kind) {
                (".", _) => (".", "everything that it writes"),
                (name, OutputKind::File) => (name, "a file"),
                (name, OutputKind::Directory) => (name, "a folder"),
            };
            _ = writeln!(out, "  {name}  {kind}");
        }
    }
    let limits = &task.limits;
    let limits = [
        limits.memory.map(|n| format!("{} of memory", bytes(n))),
        #[expect(clippy::cast_precision_loss, reason = "shown to people")]
        limits.cpu_ms.map(|n| format!("{} of CPU time", seconds(n as f64 / 1e3))),
        limits.output_bytes.map(|n| format!("{} of output", bytes(n))),
        limits.output_files.map(|n| format!("{n} output files")),
        limits.log_bytes.map(|n| format!("{} of log", bytes(n))),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let facts = [
        (!limits.is_empty()).then(|| format!("At most {}", limits.join(", "))),
        task.version
            .as_ref()
            .map(|version| format!("Version {}: a change of code elsewhere does not run it", plain(version))),
        task.dynamic.then(|| "May need other tasks while it runs".to_owned()),
        task.native_nan.then(|| "NaNs are the machine's own, which its keys name".to_owned()),
        (task.retries > 0).then(|| format!("A failed attempt is repeated up to {} times", task.retries)),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if !facts.is_empty() {
        _ = writeln!(out, "\n{}", facts.join("\n"));
    }
    out
}
