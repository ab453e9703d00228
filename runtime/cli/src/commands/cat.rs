//! `wrun cat`: builds a goal, then prints one file of its output.

use super::build::{self, Session};
use super::get::{built, each_part, left_out};
use super::{Last, exit_of, prepare};
use crate::args::CatArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::workspace::Need;
use std::path::Path;
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::files::{Dir, FilesError};

/// Builds, and prints.
pub(crate) fn run(shell: &Shell, args: &CatArgs) -> Result<Exit> {
    let mut prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Make, Last::Path))?;
    if prepared.rest.len() > 1 {
        return Err(CliError::usage(format!("unexpected `{}`: one PATH is enough", prepared.rest[1]))
            .code(Code::UnexpectedWord)
            .hint("a param that has a default is given with `--param`"));
    }
    if prepared.goals.calls.len() > 1 {
        return Err(CliError::usage(format!(
            "a range makes {} goals: `cat` prints one",
            prepared.goals.calls.len()
        ))
        .hint("`wrun get -o DIR` fetches them all"));
    }
    let session = Session::start(&mut prepared, &args.run, false)?;
    let outcome = built(&mut prepared, &session)?;
    build::finish(&prepared, &args.run, &outcome, shell.verbose)?;
    if exit_of(&outcome) != Exit::Ok {
        return Ok(exit_of(&outcome));
    }
    let goal = outcome.goals.first().and_then(Option::as_ref);
    let goal = goal.ok_or_else(|| left_out(&prepared.goals.calls[0].task))?;
    let (dir, entry, path) = match prepared.rest.first() {
        Some(path) => {
            let (dir, entry) = find(&goal.dir, path)?;
            (dir, entry, path.clone())
        }
        None => only(&goal.dir)?,
    };
    each_part(&dir.file(&entry)?, Path::new(&path), &mut |part| {
        shell.bytes(part);
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Finds a file by its path.
fn find(dir: &Dir, path: &str) -> Result<(Dir, Entry)> {
    let at = dir.at(path.trim_end_matches('/'))?;
    let tree = at.tree()?;
    let name = path.rsplit('/').next().unwrap_or(path);
    match tree.entries() {
        // A file comes as a folder with that one file in it; a folder with one such file is told apart by
        // looking at its own entry.
        [entry] if entry.name == name && entry.kind != EntryKind::Directory && !is_folder(dir, path)? => {
            Ok((at.clone(), entry.clone()))
        }
        entries => {
            let names: Vec<String> =
                entries.iter().take(10).map(|entry| format!("{path}/{}", entry.name)).collect();
            let error = CliError::usage(format!("`{path}` is a folder, and `cat` prints one file"))
                .code(Code::NoSuchOutput);
            Err(match names.as_slice() {
                [] => error.hint("there is nothing in it; `wrun ls` lists the files of an output"),
                names => error.hint(format!("there are {}", crate::config::list(names))),
            })
        }
    }
}

/// Tells whether a path names a folder.
pub(crate) fn is_folder(dir: &Dir, path: &str) -> Result<bool> {
    let (parent, name) = match path.rsplit_once('/') {
        Some((parent, name)) => (dir.at(parent)?, name),
        None => (dir.clone(), path),
    };
    Ok(parent.tree()?.get(name).is_some_and(|entry| entry.kind == EntryKind::Directory))
}

/// Finds the one file of an output.
fn only(dir: &Dir) -> Result<(Dir, Entry, String)> {
    let mut files = Vec::new();
    dir.walk(&mut |path, entry, at| {
        if entry.kind != EntryKind::Directory {
            files.push((at.clone(), entry.clone(), path.to_owned()));
        }
        Ok::<(), FilesError>(())
    })?;
    let count = files.len();
    let names: Vec<String> = files.iter().take(10).map(|file| file.2.clone()).collect();
    match files.pop() {
        Some(file) if count == 1 => Ok(file),
        _ => Err(CliError::usage(format!("the output has {count} files, and no PATH is named"))
            .code(Code::NoSuchOutput)
            .hint(format!("name one of {}", crate::config::list(&names)))),
    }
}
