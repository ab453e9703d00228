//! What stores of one machine share where they are listed, checked and cleaned.

use crate::api::{BlobKind, Health, Store};
use crate::error::StoreError;
use wrun_core::digest::Digest;

/// Returns when a run began, which its id starts with: milliseconds since 1970.
pub(crate) fn run_started(run: &str) -> Option<i64> {
    run.split('-').next().and_then(|start| start.parse().ok())
}

/// Reads a blob of either kind.
pub(crate) fn inspect(store: &dyn Store, digest: Digest) -> Result<Health, StoreError> {
    for kind in [BlobKind::Blob, BlobKind::Tree] {
        match store.get(kind, digest) {
            Ok(Some(_)) => return Ok(Health::Good(kind)),
            Ok(None) => {}
            Err(StoreError::Corrupt { .. }) => return Ok(Health::Wrong),
            Err(error) => return Err(error),
        }
    }
    Ok(Health::Absent)
}
