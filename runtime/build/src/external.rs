//! External inputs: found, hashed, brought into the store.

use crate::graph::{ExternalId, ExternalState, FoundExternal};
use crate::jobs::Shared;
use std::path::PathBuf;
use wrun_core::digest::TreeDigest;
use wrun_core::plan::External;
use wrun_exec::RunError;
use wrun_store::{StoreError, Write};

pub(crate) async fn find(
    _shared: &Shared,
    _batch: Vec<(ExternalId, External, PathBuf)>,
) -> Result<Vec<(ExternalId, ExternalState)>, StoreError> {
    Ok(Vec::new())
}
pub(crate) async fn digests(
    _shared: &Shared,
    _wanted: &[External],
) -> Result<Vec<Option<TreeDigest>>, StoreError> {
    Ok(Vec::new())
}
pub(crate) async fn bring(
    _shared: &Shared,
    _found: &FoundExternal,
    _writes: &mut Vec<Write>,
) -> Result<(), RunError> {
    Ok(())
}
