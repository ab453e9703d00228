//! `wrun plugin build`: compiles a package, checks that it is a plugin, and puts the component in its place.

use crate::args::PluginBuildArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use crate::source;
use crate::text::bytes;
use std::path::{Path, PathBuf};
use wrun_plugin::{Host, HostConfig, Plugin, symbols};

/// Compiles, checks and places a plugin.
pub(crate) fn build(shell: &Shell, args: &PluginBuildArgs) -> Result<Exit> {
    let made = source::package(shell, &args.dir)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.wasm", made.package)));
    let component =
        std::fs::read(&made.path).map_err(|error| CliError::file(Exit::Store, "read", &made.path, &error))?;
    let size = component.len() as u64;
    let host = Host::new(HostConfig::default());
    let plugin = Plugin::open(&host, component.as_slice(), &output.display().to_string())?;
    let description = plugin.describe()?;
    let lines = std::fs::read(symbols::beside(&made.path)).ok();
    put_with(&output, &component, lines.as_deref())?;
    let tasks: Vec<&str> = description.tasks.iter().map(|task| task.name.as_str()).collect();
    if shell.json {
        shell.json_line(&serde_json::json!({
            "path": output.display().to_string(), "size": size, "component": plugin.digest(), "plugin": description.id, "tasks": tasks,
        }));
    } else if !shell.quiet {
        let path = shell.out().bold(output.display());
        shell.data(&format!("{path}  {}  {}\ntasks: {}\n", bytes(size), plugin.digest(), tasks.join(", ")));
    }
    Ok(Exit::Ok)
}

/// Puts a component in its place, and its symbols beside it.
pub(crate) fn put_with(output: &Path, component: &[u8], lines: Option<&[u8]>) -> Result<()> {
    let beside = symbols::beside(output);
    match lines {
        Some(lines) => put(&beside, lines)?,
        // Those of another component would only be passed over.
        None => _ = std::fs::remove_file(&beside),
    }
    put(output, component)
}

/// Writes beside, then renames: a build that goes on meanwhile sees the old plugin or the new one.
pub(crate) fn put(output: &Path, component: &[u8]) -> Result<()> {
    if std::fs::read(output).is_ok_and(|there| there == component) {
        return Ok(());
    }
    let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", output, &error);
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut temporary = output.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    std::fs::write(&temporary, component).map_err(fail)?;
    std::fs::rename(&temporary, output).map_err(|error| {
        // Left behind it would harm nobody.
        _ = std::fs::remove_file(&temporary);
        fail(error)
    })
}
