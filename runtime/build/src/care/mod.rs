//! Care of a store: what is in it, what of it is needed, what is wrong with it.
//!
//! - `catalog.rs`: every result, read once and cut down to what the others look at
//! - `choose.rs`: the results of which a predicate is true, and what was made of them
//! - `mark.rs`: what is needed, from session records, pins, and what is recent
//! - `gc.rs`: condemning, and sweeping what was condemned
//! - `check.rs`: records that do not parse or lie, bytes that are wrong or absent; repair
//! - `usage.rs`: bytes by task type

mod catalog;
mod check;
mod choose;
mod gc;
mod mark;
mod usage;

pub use catalog::{Catalog, Known};
pub use check::{CheckOptions, Checked, Problem, check};
pub use choose::{choose, downstream, live};
pub use gc::{Collected, GcOptions, collect};
pub use mark::{Keep, Pin};
pub use usage::{Usage, UsageOf, usage};

use wrun_core::digest::Digest;
use wrun_store::StoreError;

/// Why a store cannot be taken care of.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The store's own error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A later version wrote there, and what it keeps cannot be told.
    #[error("{what} of `{store}` was written by a newer wrun, and this one cannot tell what it needs")]
    Newer {
        /// The store.
        store: String,
        /// Such as ``the session record `…` ``.
        what: String,
    },
    /// The clock says what cannot be.
    #[error("the clock of `{store}` says {now}, and a build there began at {newest} (milliseconds since 1970)")]
    Clock {
        /// The store.
        store: String,
        /// What it says.
        now: i64,
        /// The newest run.
        newest: i64,
    },
}

impl CareError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Newer { .. } => Some("use the newest wrun that builds into this store".into()),
            Self::Clock { .. } => Some("set this machine's clock; nothing was removed".into()),
        }
    }
}

/// Reads the bytes of a blob or tree, from wherever they are; nothing where they are gone or wrong.
async fn bytes(
    store: &dyn wrun_store::Store,
    kind: wrun_store::BlobKind,
    digest: Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    store.fetch(&[(kind, digest)]).await?;
    match store.get(kind, digest) {
        Ok(blob) => Ok(blob.and_then(|blob| blob.to_vec().ok())),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
