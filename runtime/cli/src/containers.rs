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
use wrun_exec::docker::{Docker, DockerSetup, OnPull, Secret};

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

/// Makes what runs containers, which asks nothing of an engine until a container is asked for; none where the store has
/// no folder on this machine.
pub(crate) fn docker(workspace: &Workspace, sink: &Arc<dyn Sink>) -> Result<Option<Arc<Docker>>> {
    let Some(root) = workspace.store.local_root() else { return Ok(None) };
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
    Ok(Some(Arc::new(Docker::new(DockerSetup {
        around: surroundings(),
        store: workspace.store.clone(),
        root,
        lock: lock_file(&workspace.root)?,
        secrets,
        grace: GRACE,
        on_pull: notes(sink.clone()),
        runtime: workspace.runtime.handle().clone(),
    }))))
}

/// Says what is pulled, and when it is there; layers are the engine's own affair.
fn notes(sink: Arc<dyn Sink>) -> OnPull {
    Arc::new(move |image, status, _| {
        if status.starts_with("Pulling from") || status.starts_with("Status:") {
            sink.send(Event::Note { message: format!("image `{image}`: {status}") });
        }
    })
}
