//! `wrun adopt`: what another system has made, taken for the result of a task.

use super::{Last, prepare};
use crate::args::AdoptArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::{bytes, plain};
use crate::workspace::{Need, Workspace};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wrun_build::adopt::{AdoptError, adopt};
use wrun_core::event::Ignore;
use wrun_core::plan::ExternalMode;
use wrun_store::StoreError;
use wrun_store::external::{BringError, Request, Sources, find};
use wrun_store::files::Dir;
use wrun_store::objects::Objects as _;
use wrun_store::objects::s3::{S3Objects, split_uri};

/// Adopts.
pub(crate) fn run(shell: &Shell, args: &AdoptArgs) -> Result<Exit> {
    let prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Make, Last::Path))?;
    let [from] = prepared.rest.as_slice() else {
        return Err(CliError::usage("the last word is what is adopted, and it is not there")
            .hint("`wrun adopt PLUGIN TASK … FROM`, where FROM is a file, a folder or s3://BUCKET/PATH"));
    };
    let [call] = prepared.goals.calls.as_slice() else {
        return Err(CliError::usage("a range makes several goals: one result is adopted at a time")
            .hint("give each param one value"));
    };
    let workspace = &prepared.workspace;
    let (dir, shown) = match split_uri(from) {
        Some((bucket, key)) => (downloaded(workspace, bucket, key, from.ends_with('/'))?, from.clone()),
        None => {
            let path = workspace.cwd.join(from.strip_prefix("file:").unwrap_or(from));
            (brought(workspace, &path)?, format!("file:{}", path.display()))
        }
    };
    let setup = prepared.setup(Arc::new(Ignore))?;
    let runtime = &workspace.runtime;
    let adopted = runtime.block_on(adopt(&setup, &prepared.options, call, runtime.handle(), (&dir, &shown)));
    let (address, new) = adopted?;
    let size = dir.tree()?.size();
    if shell.json {
        shell.json_line(&serde_json::json!({
            "key": address.key, "generation": address.generation, "size": size, "from": shown, "new": new,
        }));
    } else if !shell.quiet {
        shell.say(&match new {
            true => format!("adopted {} from {} as {}\n", bytes(size), plain(&shown), address.key.0.short()),
            false => format!("{} has these bytes already\n", address.key.0.short()),
        });
    }
    Ok(Exit::Ok)
}

/// Reads a file or folder, and brings its bytes into the store.
fn brought(workspace: &Workspace, path: &Path) -> Result<Dir> {
    let (store, runtime) = (&workspace.store, &workspace.runtime);
    let found = runtime
        .block_on(find(store, &Sources::default(), &[Request::new(path.to_owned(), ExternalMode::Content)]))?
        .pop();
    let refuse = |error: wrun_store::external::ExternalError| {
        CliError::usage(error.to_string()).code(Code::CannotAdopt).hint(error.hint())
    };
    let found = match found {
        Some(found) => found.map_err(refuse)?,
        None => return Err(CliError::new(Exit::Internal, "nothing was looked for")),
    };
    match runtime.block_on(found.bring(store)) {
        Ok((dir, writes)) => {
            runtime.block_on(store.commit(writes))?;
            Ok(dir)
        }
        Err(BringError::External(error)) => Err(refuse(error)),
        Err(BringError::Store(error)) => Err(error.into()),
    }
}

/// Downloads an object, or all below a prefix, and brings it into the store.
fn downloaded(workspace: &Workspace, bucket: &str, key: &str, folder: bool) -> Result<Dir> {
    let runtime = &workspace.runtime;
    let (prefix, name) = match folder {
        true => (key, None),
        false => key.rsplit_once('/').map_or(("", Some(key)), |(prefix, name)| (prefix, Some(name))),
    };
    let objects = runtime.block_on(S3Objects::open(bucket, prefix, &workspace.config.s3));
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => {
            let listed = runtime.block_on(objects.list("", "")).map_err(StoreError::from)?;
            // What ends so stands for a folder.
            listed.into_iter().map(|object| object.name).filter(|name| !name.ends_with('/')).collect()
        }
    };
    let gone = || {
        CliError::usage(format!("there is nothing at `s3://{bucket}/{key}`"))
            .code(Code::CannotAdopt)
            .hint("all below a prefix is adopted where it ends with `/`")
    };
    if names.is_empty() {
        return Err(gone());
    }
    let here = tempfile::tempdir().map_err(|error| {
        CliError::new(Exit::Store, "cannot make a folder for what is downloaded").cause(error).code(Code::File)
    })?;
    for name in &names {
        if wrun_core::tree::split_path(name).is_none() {
            return Err(CliError::usage(format!("`{}` is no name of a file", plain(name)))
                .code(Code::CannotAdopt)
                .hint("rename it, or adopt a copy without it"));
        }
        let path: PathBuf = here.path().join(name);
        let fail = |error: std::io::Error| CliError::file(Exit::Store, "write", &path, &error);
        std::fs::create_dir_all(path.parent().unwrap_or(here.path())).map_err(fail)?;
        let mut landing = Landing(std::fs::File::create(&path).map_err(fail)?, path.clone());
        if !runtime.block_on(objects.download(name, &mut landing)).map_err(StoreError::from)? {
            return Err(gone());
        }
    }
    let path = name.map_or_else(|| here.path().to_owned(), |name| here.path().join(name));
    brought(workspace, &path)
}

/// A file that is downloaded to.
struct Landing(std::fs::File, PathBuf);

impl wrun_store::Staged for Landing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        use std::io::Write as _;
        self.0.write_all(bytes).map_err(StoreError::io("write", &self.1))
    }

    fn finish(self: Box<Self>) -> Result<wrun_core::digest::Digest, StoreError> {
        Ok(wrun_core::digest::Digest::of_blob(b""))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.1)
    }

    fn touched(&mut self) {}
}

impl From<AdoptError> for CliError {
    fn from(error: AdoptError) -> Self {
        let hint = error.hint();
        match error {
            AdoptError::Build(error) => error.into(),
            AdoptError::Files(error) => error.into(),
            error => Self { hint, ..Self::new(Exit::Failed, error.to_string()).code(Code::CannotAdopt) },
        }
    }
}
