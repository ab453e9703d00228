//! `wrun images`: which image each tag stands for, and moving that.

use crate::args::{ImagesArgs, ImagesCommand};
use crate::containers;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::progress::Progress;
use crate::shell::Shell;
use crate::text::plain;
use crate::workspace::{Need, Workspace};
use std::fmt::Write as _;
use wrun_core::reason::short_image;
use wrun_exec::docker::platform;

/// Lists, or moves.
pub(crate) fn run(shell: &Shell, args: &ImagesArgs) -> Result<Exit> {
    match &args.command {
        Some(ImagesCommand::Update(update)) => self::update(shell, args, &update.images),
        None => list(shell, args),
    }
}

fn list(shell: &Shell, args: &ImagesArgs) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Optional)?;
    let pins = containers::lock_file(&workspace.root)?.pins();
    let mut out = String::new();
    for (reference, platforms) in &pins {
        for (platform, pinned) in platforms {
            if shell.json {
                shell.json_line(&serde_json::json!(
                    {"image": reference, "platform": platform, "from": pinned.from, "digest": pinned.image}));
                continue;
            }
            _ = writeln!(
                out,
                "{}  {platform}  {}  {}",
                plain(reference),
                short_image(&pinned.image),
                plain(&pinned.from)
            );
        }
    }
    shell.data(&out);
    Ok(Exit::Ok)
}

fn update(shell: &Shell, args: &ImagesArgs, named: &[String]) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Make)?;
    let mut progress = Progress::start(shell, false);
    let docker = containers::docker(&workspace, &progress.sink())?;
    let pins = docker.pins();
    let named: Vec<String> = if named.is_empty() { pins.keys().cloned().collect() } else { named.to_vec() };
    if named.is_empty() {
        shell.say("no image is pinned: a build pins those that it meets for the first time\n");
        return Ok(Exit::Ok);
    }
    let mut moved = Vec::with_capacity(named.len());
    for reference in &named {
        moved.push(workspace.runtime.block_on(docker.update_image(reference)));
        if moved.last().is_some_and(Result::is_err) {
            break;
        }
    }
    progress.finish();
    for (reference, moved) in named.iter().zip(moved) {
        let moved = moved.map_err(|error| {
            let hint = error.hint().unwrap_or("`wrun doctor` looks at the container engine");
            CliError::new(Exit::Failed, error.to_string()).code(Code::NoContainers).hint(hint)
        })?;
        let (before, now) = moved;
        let before = before.map(|image| image.digest);
        if shell.json {
            shell.json_line(&serde_json::json!({"image": reference, "platform": platform(),
                "before": before, "digest": now.digest, "from": now.from}));
            continue;
        }
        let what = match &before {
            Some(before) if *before == now.digest => "unchanged".to_owned(),
            Some(before) => format!("{} → {}", short_image(before), short_image(&now.digest)),
            None => format!("pinned to {}", short_image(&now.digest)),
        };
        shell.say(&format!("{}  {what}\n", plain(reference)));
    }
    Ok(Exit::Ok)
}
