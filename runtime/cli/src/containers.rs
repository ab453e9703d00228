//! What runs containers: made from wrun.toml, wrun.lock and the environment.

use crate::config::SecretSource;
use crate::env;
use crate::error::{CliError, Result};
use crate::explain::Code;
use crate::workspace::Workspace;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wrun_core::event::{Event, Sink};
use wrun_exec::docker::endpoint::Surroundings;
use wrun_exec::docker::lock::LockFile;
use wrun_exec::docker::{Docker, DockerSetup, OnPull, Pulled, Secret, Staging};
use wrun_store::objects::s3::split_uri;

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);

/// Reads what decides where the engine is.
pub(crate) fn surroundings() -> Surroundings {
    let text = |name: &str| env::var(name).and_then(|value| value.into_string().ok());
    let home = || env::var("HOME").map(|home| PathBuf::from(home).join(".docker"));
    Surroundings {
        docker_host: text("DOCKER_HOST"),
        docker_context: text("DOCKER_CONTEXT"),
        docker_config: env::var("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
        runtime_dir: env::var("XDG_RUNTIME_DIR").map(PathBuf::from),
    }
}

/// Opens the lock file of a project.
pub(crate) fn lock_file(root: &Path) -> Result<LockFile> {
    LockFile::open(Some(root.join(LockFile::NAME))).map_err(|why| {
        CliError::usage(why).code(Code::BadConfig).hint("wrun writes it; put back the last good one, or remove it")
    })
}

/// Makes what runs containers, which asks nothing of an engine until a container is asked for.
pub(crate) fn docker(workspace: &Workspace, sink: &Arc<dyn Sink>) -> Result<Arc<Docker>> {
    // `plan` needs no store: then images are looked at, and nothing runs.
    let root = workspace.store.local_root().unwrap_or_else(|| workspace.root.clone());
    let secret = |source: &SecretSource| match source {
        SecretSource::File(path) => Secret::File(workspace.root.join(path)),
        SecretSource::Env(name) => match env::var(name) {
            Some(value) => Secret::Value(value.into_encoded_bytes()),
            None => Secret::Absent(format!("the environment variable `{name}` is not set")),
        },
    };
    let secrets: BTreeMap<String, Secret> =
        workspace.config.secrets.iter().map(|(name, source)| (name.clone(), secret(source))).collect();
    // Engines do not take relative paths.
    let root = root.canonicalize().unwrap_or(root);
    Ok(Arc::new(Docker::new(DockerSetup {
        around: surroundings(),
        store: workspace.store.clone(),
        root,
        lock: lock_file(&workspace.root)?,
        secrets,
        staging: staging(workspace)?,
        grace: GRACE,
        on_pull: notes(sink.clone()),
        runtime: workspace.runtime.handle().clone(),
    })))
}

/// Says where containers write that write to a bucket themselves: where wrun.toml says, else in the store's own bucket.
pub(crate) fn staging(workspace: &Workspace) -> Result<Option<Staging>> {
    let options = workspace.config.s3.clone();
    let url = match (&workspace.config.staging, &workspace.bucket) {
        (Some(url), _) if split_uri(url).is_none() => {
            return Err(CliError::usage(format!("`staging = \"{url}\"` of wrun.toml is no address of a bucket"))
                .code(Code::BadConfig)
                .hint("such as `s3://BUCKET/PREFIX`"));
        }
        (Some(url), _) => url.clone(),
        (None, Some(bucket)) => {
            format!("s3://{}/{}", bucket.name, format!("{}/staging", bucket.prefix).trim_matches('/'))
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Staging { url, options }))
}

/// Says what is pulled, how far that is, and when it is there.
fn notes(sink: Arc<dyn Sink>) -> OnPull {
    Arc::new(move |image, step| {
        sink.send(match step {
            Pulled::Said(words) => Event::Note { message: format!("image `{image}`: {words}") },
            Pulled::Received(received, total) => Event::Pulling { image: image.to_owned(), received, total },
        });
    })
}
