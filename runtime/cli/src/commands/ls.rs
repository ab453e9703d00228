//! `wrun ls`: builds goals, then lists the files of their outputs.

use super::build::{self, Session};
use super::get::{built, left_out};
use super::{Last, exit_of, prepare};
use crate::args::CatArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::{bytes, counted, visible};
use crate::workspace::Need;
use std::fmt::Write as _;
use wrun_build::GoalCall;
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::files::{Dir, FilesError};

/// Builds, and lists.
pub(crate) fn run(shell: &Shell, args: &CatArgs) -> Result<Exit> {
    let mut prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Make, Last::Path))?;
    if prepared.rest.len() > 1 {
        return Err(CliError::usage(format!("unexpected `{}`: one PATH is enough", prepared.rest[1]))
            .code(Code::UnexpectedWord)
            .hint("a param that has a default is given with `--param`"));
    }
    let session = Session::start(&mut prepared, &args.run, false)?;
    let outcome = built(&mut prepared, &session)?;
    build::finish(&prepared, &args.run, &outcome, shell.verbose)?;
    if exit_of(&outcome) != Exit::Ok {
        return Ok(exit_of(&outcome));
    }
    let specs = &prepared.task()?.params;
    let path = prepared.rest.first().map(|path| path.trim_end_matches('/'));
    for (call, goal) in prepared.goals.calls.iter().zip(&outcome.goals) {
        let goal = goal.as_ref().ok_or_else(|| left_out(&call.task))?;
        let (dir, below) = match path {
            None => (goal.dir.clone(), String::new()),
            // A file comes as a folder with that one file in it.
            Some(path) => {
                let above = path.rsplit_once('/').map_or("", |(above, _)| above);
                let folder = super::cat::is_folder(&goal.dir, path)?;
                (goal.dir.at(path)?, if folder { path.to_owned() } else { above.to_owned() })
            }
        };
        let listed = list(&dir)?;
        if shell.json {
            json(shell, call, &below, &listed);
            continue;
        }
        let mut out = String::new();
        if !shell.quiet {
            let name = format!("{} {}", call.task, call.params.display(specs));
            let files = listed.iter().filter(|(_, entry)| entry.kind != EntryKind::Directory);
            let count = counted(files.count() as u64, "file");
            let title = shell.out().bold(visible(name.trim_end()));
            let digest = digest(shell, dir.digest().0);
            _ = writeln!(out, "{title}  {count}, {}  {digest}", bytes(dir.tree()?.size()));
        }
        out += &table(shell, &below, &listed);
        shell.text(&out);
    }
    Ok(Exit::Ok)
}

/// Lists all below, parents first.
pub(crate) fn list(dir: &Dir) -> Result<Vec<(String, Entry)>> {
    let mut listed = Vec::new();
    dir.walk(&mut |path, entry, _| {
        listed.push((path.to_owned(), entry.clone()));
        Ok::<(), FilesError>(())
    })?;
    Ok(listed)
}

fn digest(shell: &Shell, digest: wrun_core::digest::Digest) -> String {
    let text = if shell.verbose { digest.to_string() } else { digest.short().to_string() };
    shell.out().dim(text)
}

/// One line a file or folder, with names below the folder that they are in.
fn table(shell: &Shell, below: &str, listed: &[(String, Entry)]) -> String {
    let sizes: Vec<String> = listed.iter().map(|(_, entry)| bytes(entry.size)).collect();
    let widest = sizes.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for ((path, entry), size) in listed.iter().zip(sizes) {
        let depth = path.matches('/').count();
        // The first level says where it is, what is inside is below it.
        let name = match depth {
            0 if !below.is_empty() => format!("{below}/{path}"),
            _ => entry.name.clone(),
        };
        let name = visible(&name);
        let name = match entry.kind {
            EntryKind::Directory => shell.out().cyan(format!("{name}/")),
            EntryKind::File { exec: true } => format!("{name}*"),
            EntryKind::File { exec: false } => name,
        };
        let digest = digest(shell, entry.digest);
        _ = writeln!(out, "{size:>widest$}  {digest}  {:indent$}{name}", "", indent = 2 * depth);
    }
    out
}

fn json(shell: &Shell, call: &GoalCall, below: &str, listed: &[(String, Entry)]) {
    for (path, entry) in listed {
        let path = if below.is_empty() { path.clone() } else { format!("{below}/{path}") };
        let (kind, exec) = match entry.kind {
            EntryKind::Directory => ("directory", false),
            EntryKind::File { exec } => ("file", exec),
        };
        let mut line = serde_json::json!(
            {"task": call.task, "params": call.params, "path": path, "kind": kind, "size": entry.size,
             "digest": entry.digest});
        if exec {
            line["exec"] = true.into();
        }
        shell.json_line(&line);
    }
}
