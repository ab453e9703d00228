//! What can go wrong in a store. Every error names its path.

use crate::objects::ObjectError;
use std::path::PathBuf;
use wrun_core::digest::Digest;

/// What went wrong in a store. None of these is ever a cache miss.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// Such as `write`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index refused.
    #[error("cannot {doing} the index `{}`", path.display())]
    Index {
        /// Such as `read`.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A store that a later version wrote.
    #[error("the store `{}` has format {found}; this wrun knows format {known}", path.display())]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// An index that cannot be read as one.
    #[error("the index `{}` is damaged: {why}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// An entry of the log of tombstones that this version cannot judge, so that no result may be called live.
    #[error("tombstone {number} of `{store}` is nothing that this wrun can judge")]
    UnknownTombstone {
        /// The store.
        store: String,
        /// Which.
        number: u64,
    },
    /// Bytes that are not those of their digest. They were moved aside and count as absent.
    #[error("blob {digest} in `{}` is corrupt", path.display())]
    Corrupt {
        /// What was asked for.
        digest: Digest,
        /// Where it lay.
        path: PathBuf,
    },
    /// A request to the truth failed.
    #[error(transparent)]
    Remote(#[from] ObjectError),
    /// Two processes each wait for what the other makes.
    #[error("{waiter} needs {wanted}, which another wrun (process {holder}) is making and which needs {waiter}")]
    CrossProcessCycle {
        /// An action that this process holds.
        waiter: Digest,
        /// What it needs.
        wanted: Digest,
        /// The other process.
        holder: u32,
    },
}

impl StoreError {
    /// Wraps an I/O error with what was being done, and where.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        use std::io::ErrorKind as K;
        match self {
            // Such as below a home that is not there.
            Self::Io { doing: "create", source, .. } if source.kind() == K::NotFound => {
                Some("name a store that you may write with `--store DIR`".into())
            }
            Self::Io { source, .. } => match source.kind() {
                K::StorageFull => Some("free some space, or name another store with `--store DIR`".into()),
                K::FileTooLarge | K::QuotaExceeded => {
                    Some("raise the limit on files (`ulimit -f`, quotas), or name another store with `--store DIR`".into())
                }
                K::PermissionDenied | K::ReadOnlyFilesystem => {
                    Some("name a store that you may write with `--store DIR`".into())
                }
                K::NotADirectory | K::AlreadyExists => {
                    Some("a store is a folder: name one that is new or empty with `--store DIR`".into())
                }
                _ => Some("look at that path, or name another store with `--store DIR`".into()),
            },
            Self::NewerFormat { .. } => Some("use the newer wrun, or another store with `--store DIR`".into()),
            Self::Damaged { path, .. } => {
                Some(format!("move `{}` away: blobs stay, and what it listed is built again", path.display()))
            }
            Self::Index { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => {
                    Some("free some space, or name another store with `--store DIR`".into())
                }
                Some(rusqlite::ErrorCode::SystemIoFailure) => {
                    Some("look at the disk and at limits on files (`ulimit -f`, quotas), or name another store with `--store DIR`".into())
                }
                Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen) => {
                    Some("name a store that you may write with `--store DIR`".into())
                }
                _ => Some("build again; if it stays, name another store with `--store DIR`".into()),
            },
            Self::UnknownTombstone { number, .. } => {
                Some(format!("use the newer wrun that wrote it; if none did, `wrun invalidate --undo {number}` takes it back"))
            }
            Self::Corrupt { .. } => Some("build again: what it belongs to is made anew".into()),
            Self::Remote(error) => error.fault.hint().map(Into::into),
            Self::CrossProcessCycle { .. } => None,
        }
    }
}
