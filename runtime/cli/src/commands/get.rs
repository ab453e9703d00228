//! `wrun get -o DIR`: builds goals, then puts their outputs into a folder.
//!
//! Everything is fetched, copied beside its place and verified before anything is swapped in; what was there
//! before is removed only then.

use super::build::{self, Session};
use super::{Last, Prepared, exit_of, prepare};
use crate::args::GetArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text;
use crate::workspace::Need;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use wrun_build::{GoalCall, Outcome};
use wrun_core::digest::BlobHasher;
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::Blob;
use wrun_store::files::{Dir, FilesError};

/// Builds, and fetches.
pub(crate) fn run(shell: &Shell, args: &GetArgs) -> Result<Exit> {
    let Some(folder) = &args.output else {
        return Err(CliError::usage("no folder is named for the outputs").hint("add `-o DIR`"));
    };
    let mut prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Make, Last::Param))?;
    let session = Session::start(&mut prepared, &args.run, false)?;
    let outcome = built(&mut prepared, &session)?;
    build::finish(&prepared, &args.run, &outcome, shell.verbose)?;
    if exit_of(&outcome) != Exit::Ok {
        return Ok(exit_of(&outcome));
    }
    put(&prepared, &outcome, folder)
}

/// Builds so that all bytes of the outputs are there.
pub(crate) fn built(prepared: &mut Prepared, session: &Session) -> Result<Outcome> {
    let mut outcome = session.build(prepared)?;
    if exit_of(&outcome) == Exit::Ok && fetch(prepared, &outcome)?.is_some() {
        // A record was there and its bytes were not: walked, what is gone is made again.
        prepared.options.check = true;
        outcome = session.build(prepared)?;
        if let Some(error) = fetch(prepared, &outcome)? {
            return Err(error);
        }
    }
    Ok(outcome)
}

/// Puts the outputs of a build in which nothing failed into a folder, and says where.
pub(crate) fn put(prepared: &Prepared, outcome: &Outcome, folder: &Path) -> Result<Exit> {
    let shell = &prepared.workspace.shell;
    let mut placed = Vec::new();
    let mut staged = Staged { temporary: Vec::new() };
    for (call, goal) in prepared.goals.calls.iter().zip(&outcome.goals) {
        let goal = goal.as_ref().ok_or_else(|| left_out(&call.task))?;
        let into = match prepared.goals.varying.as_slice() {
            [] => folder.to_owned(),
            varying => folder.join(name_of(call, varying)),
        };
        std::fs::create_dir_all(&into).map_err(|error| CliError::file(Exit::Store, "create", &into, &error))?;
        for entry in goal.dir.tree()?.entries() {
            let temporary = staged.new_path(&into);
            place(&goal.dir, entry, &temporary)?;
            placed.push((temporary, into.join(&entry.name), entry.size));
        }
    }
    let mut lines = String::new();
    for (temporary, path, size) in &placed {
        swap(temporary, path)?;
        lines += &shell.path_line(path);
        if shell.verbose {
            shell.note(&format!("`{}`, {}", path.display(), text::bytes(*size)));
        }
    }
    drop(staged);
    if shell.json {
        for (_, path, size) in &placed {
            shell.json_line(&serde_json::json!({"path": path.display().to_string(), "size": size}));
        }
    } else if !shell.quiet {
        shell.data(&lines);
    }
    Ok(Exit::Ok)
}

/// A goal without an output, in a build in which nothing failed.
pub(crate) fn left_out(task: &str) -> CliError {
    CliError::new(Exit::Failed, format!("`{task}` was left out, so there is no output"))
        .code(Code::LeftOut)
        .hint("`--except` or `disabled` of wrun.toml names it, or something that it needs")
}

/// Brings the goals' outputs to this machine; returns the error if bytes are gone.
pub(crate) fn fetch(prepared: &Prepared, outcome: &Outcome) -> Result<Option<CliError>> {
    for goal in outcome.goals.iter().flatten() {
        match prepared.workspace.runtime.block_on(goal.dir.fetch()) {
            Ok(()) => {}
            Err(error @ FilesError::Lost(_)) => return Ok(Some(error.into())),
            Err(FilesError::Store(error @ wrun_store::StoreError::Corrupt { .. })) => {
                return Ok(Some(error.into()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Names the folder of one of several goals by the params that vary.
fn name_of(call: &GoalCall, varying: &[String]) -> String {
    let pair = |name: &String| {
        let value = call.params.0.get(name).map(wrun_core::param::Value::to_text).unwrap_or_default();
        format!("{name}={}", value.replace(['/', '\0'], "_"))
    };
    varying.iter().map(pair).collect::<Vec<_>>().join(",")
}

/// Temporary paths, removed with whatever is there when this is dropped.
struct Staged {
    temporary: Vec<PathBuf>,
}

impl Staged {
    fn new_path(&mut self, into: &Path) -> PathBuf {
        let path = into.join(format!(".wrun-{}-{}", std::process::id(), self.temporary.len()));
        self.temporary.push(path.clone());
        path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.temporary.iter().for_each(|path| remove(path));
    }
}

fn remove(path: &Path) {
    if let Ok(meta) = path.symlink_metadata() {
        // What cannot be removed stays; it harms nobody.
        _ = if meta.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
}

/// Copies a file or folder of an output, verified.
pub(crate) fn place(dir: &Dir, entry: &Entry, path: &Path) -> Result<()> {
    match entry.kind {
        EntryKind::File { exec } => {
            let mode = if exec { 0o777 } else { 0o666 };
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(path)
                .map_err(|error| CliError::file(Exit::Store, "create", path, &error))?;
            copy(&dir.file(entry)?, entry, &mut file, path)
        }
        EntryKind::Directory => {
            std::fs::create_dir(path).map_err(|error| CliError::file(Exit::Store, "create", path, &error))?;
            let child = dir.child(entry);
            child.tree()?.entries().iter().try_for_each(|entry| place(&child, entry, &path.join(&entry.name)))
        }
    }
}

/// Shares the blocks of a large blob where the file system can, else copies and checks what was copied.
fn copy(blob: &Blob, entry: &Entry, file: &mut File, path: &Path) -> Result<()> {
    if let Blob::File(source, _) = blob
        && rustix::fs::ioctl_ficlone(&*file, &**source).is_ok()
    {
        return Ok(());
    }
    let mut hasher = BlobHasher::new();
    each_part(blob, path, &mut |part| {
        hasher.update(part);
        file.write_all(part).map_err(|error| CliError::file(Exit::Store, "write", path, &error))
    })?;
    if hasher.digest() == entry.digest {
        return Ok(());
    }
    Err(CliError::new(Exit::Store, format!("the bytes of `{}` are not those of {}", path.display(), entry.digest))
        .hint("build with `--check`: what is gone is made again"))
}

/// Reads a blob in parts.
pub(crate) fn each_part(blob: &Blob, path: &Path, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if let Blob::Memory(bytes) = blob {
        return take(bytes);
    }
    let mut buffer = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        let count = blob
            .read_at(&mut buffer, at)
            .map_err(|error| CliError::file(Exit::Store, "read from the store for", path, &error))?;
        if count == 0 {
            return Ok(());
        }
        take(&buffer[..count])?;
        at += count as u64;
    }
}

/// Puts what is at one path at another, and what was there at the first.
fn swap(temporary: &Path, path: &Path) -> Result<()> {
    let fail = |error: std::io::Error| CliError::file(Exit::Store, "put in place", path, &error);
    if path.symlink_metadata().is_err() {
        return std::fs::rename(temporary, path).map_err(fail);
    }
    if renameat_with(CWD, temporary, CWD, path, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // A file system that cannot exchange: a file replaces a file in one step, a folder in two.
    if std::fs::rename(temporary, path).is_ok() {
        return Ok(());
    }
    let mut aside = temporary.as_os_str().to_owned();
    aside.push("-old");
    let aside = PathBuf::from(aside);
    std::fs::rename(path, &aside).map_err(fail)?;
    std::fs::rename(temporary, path).map_err(|error| {
        // Put the old one back; if that fails too, it is still there under its other name.
        _ = std::fs::rename(&aside, path);
        fail(error)
    })?;
    remove(&aside);
    Ok(())
}
