//! External inputs: found, hashed, brought into the store.

use crate::graph::{ExternalId, ExternalState, FoundExternal};
use crate::jobs::{Shared, external_path};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;
use wrun_core::digest::TreeDigest;
use wrun_core::plan::{External, ExternalMode};
use wrun_exec::{FailureKind, RunError};
use wrun_store::external::{BringError, find as find_files};
use wrun_store::files::Dir;
use wrun_store::{StoreError, Write};

/// What became of externals, and what is to be remembered of them.
pub(crate) struct FoundBatch {
    pub(crate) states: Vec<(ExternalId, ExternalState)>,
    pub(crate) writes: Vec<Write>,
}

/// Finds and hashes externals.
pub(crate) async fn find(
    shared: &Shared,
    batch: Vec<(ExternalId, External, PathBuf)>,
) -> Result<FoundBatch, StoreError> {
    let requests: Vec<(PathBuf, ExternalMode)> =
        batch.iter().map(|(_, external, path)| (path.clone(), external.mode)).collect();
    let found = find_files(&shared.setup.store, &requests).await?;
    let mut writes = Vec::new();
    let mut states = Vec::with_capacity(batch.len());
    for ((id, external, _), found) in batch.into_iter().zip(found) {
        let state = match found {
            Ok(mut found) => {
                writes.append(&mut found.stamps);
                ExternalState::Found(Arc::new(FoundExternal { found, brought: OnceCell::new() }))
            }
            Err(error) if external.wait && error.is_missing() => ExternalState::Waiting(format!("{error} yet")),
            Err(error) => ExternalState::Failed { message: error.to_string(), hint: Some(error.hint()) },
        };
        states.push((id, state));
    }
    Ok(FoundBatch { states, writes })
}

/// Returns what externals hold now; `None` where one is not there, or cannot be read.
pub(crate) async fn digests(shared: &Shared, wanted: &[External]) -> Result<Vec<Option<TreeDigest>>, StoreError> {
    let paths: Vec<Option<PathBuf>> = wanted.iter().map(|external| external_path(shared, external).ok()).collect();
    if paths.iter().any(Option::is_none) {
        return Ok(vec![None; wanted.len()]);
    }
    let requests: Vec<(PathBuf, ExternalMode)> =
        paths.into_iter().flatten().zip(wanted).map(|(path, external)| (path, external.mode)).collect();
    let mut found = find_files(&shared.setup.store, &requests).await?;
    // What was read here need not be read by the next build.
    let stamps: Vec<Write> =
        found.iter_mut().flatten().flat_map(|found| std::mem::take(&mut found.stamps)).collect();
    if !stamps.is_empty() {
        shared.setup.store.commit(stamps).await?;
    }
    Ok(found.into_iter().map(|found| found.ok().map(|found| found.digest)).collect())
}

/// Brings an external's bytes to where a task can read them, once a session; whoever is first also commits
/// them.
pub(crate) async fn bring(
    shared: &Shared,
    external: &FoundExternal,
    input: &str,
    writes: &mut Vec<Write>,
) -> Result<Dir, RunError> {
    let mut fresh = Vec::new();
    let dir = external
        .brought
        .get_or_try_init(|| async {
            let (dir, made) = external.found.bring(&shared.setup.store).await?;
            fresh = made;
            Ok(dir)
        })
        .await
        .map_err(|error| match error {
            BringError::Store(error) => RunError::Store(error),
            BringError::External(error) => RunError::Failed {
                kind: FailureKind::Error,
                message: format!("input `{input}`: {error}"),
                log: Vec::new(),
            },
        })?
        .clone();
    writes.append(&mut fresh);
    Ok(dir)
}
