//! `wrun list`: the tasks of a plugin, or of the plugins of wrun.toml.

use crate::args::ListArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::plain;
use crate::workspace::{Need, Workspace, description};
use std::fmt::Write as _;
use wrun_core::task::PluginDescription;

/// Lists.
pub(crate) fn run(shell: &Shell, args: &ListArgs) -> Result<Exit> {
    let workspace = Workspace::open_for(shell, &args.store, None, Need::Optional, args.plugin.as_deref())?;
    if let Some(named) = &args.plugin {
        let plugins = workspace.plugins(named)?;
        print(shell, "", description(&plugins)?);
        return Ok(Exit::Ok);
    }
    if workspace.config.plugins.is_empty() {
        return Err(CliError::usage("no PLUGIN is named, and there is no wrun.toml with [plugins]")
            .code(Code::NoPlugin)
            .hint("name a component file, such as `wrun list plugins/report.wasm`"));
    }
    for (i, plugin) in workspace.aliased()?.iter().enumerate() {
        let description = plugin.planner.description();
        if !shell.json {
            let gap = if i > 0 { "\n" } else { "" };
            let title = shell.out().bold(&plugin.alias);
            shell.text(&format!("{gap}{title}  {}\n", first_line(&description.doc)));
        }
        print(shell, &plugin.alias, description);
    }
    Ok(Exit::Ok)
}

fn print(shell: &Shell, alias: &str, plugin: &PluginDescription) {
    if shell.json {
        for task in &plugin.tasks {
            let default = plugin.default_goal.as_ref() == Some(&task.name);
            let mut line = serde_json::json!(
                {"plugin": plugin.id, "task": task.name, "doc": task.doc, "default": default});
            if !alias.is_empty() {
                line["alias"] = alias.into();
            }
            shell.json_line(&line);
        }
        return;
    }
    let widest = plugin.tasks.iter().map(|task| task.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for task in &plugin.tasks {
        let default = if plugin.default_goal.as_ref() == Some(&task.name) { "  (default)" } else { "" };
        let name = shell.out().bold(format!("{:<widest$}", task.name));
        _ = writeln!(out, "{name}  {}{}", first_line(&task.doc), shell.out().dim(default));
    }
    shell.text(&out);
}

/// Returns the first line of a doc.
pub(crate) fn first_line(doc: &str) -> String {
    plain(doc.lines().next().unwrap_or_default())
}
