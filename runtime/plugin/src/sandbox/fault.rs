//! Why a guest must end, wherever in the host that was found out.
//!
//! A fault travels to the end of the run inside a wasmtime error and is never a value to the guest: an
//! errno or a −1 could be caught and baked into a result.

use crate::run::{FailureKind, RunError};
use wrun_store::StoreError;
use wrun_store::files::FilesError;

/// Ends a guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The task's own fault, or a limit.
    #[error("{message}")]
    Stop {
        /// What kind.
        kind: FailureKind,
        /// For people.
        message: String,
    },
    /// A need did not succeed.
    #[error("a need did not succeed")]
    NeedEnded,
    /// Bytes of an input are gone.
    #[error("the bytes of input `{0}` are gone")]
    Lost(String),
    /// Not the task's fault.
    #[error(transparent)]
    Store(StoreError),
    /// Not the task's fault.
    #[error("{0}")]
    Infrastructure(String),
}

impl Fault {
    pub(crate) fn stop(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Stop { kind, message: message.into() }
    }

    /// Says why an input could not be read.
    pub(crate) fn reading(input: &str, error: FilesError) -> Self {
        match error {
            // Corrupt bytes are moved aside, so they are gone as well.
            FilesError::Lost(_) | FilesError::Store(StoreError::Corrupt { .. }) => Self::Lost(input.to_owned()),
            FilesError::Store(error) => Self::Store(error),
            other => Self::Infrastructure(format!("cannot read input `{input}`: {other}")),
        }
    }

    pub(crate) fn into_run_error(self, log: Vec<u8>) -> RunError {
        match self {
            Self::Stop { kind, message } => RunError::Failed { kind, message, log },
            Self::NeedEnded => RunError::NeedEnded,
            Self::Lost(input) => RunError::LostInput { input },
            Self::Store(error) => RunError::Store(error),
            Self::Infrastructure(why) => RunError::Infrastructure(why),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Writes a number of bytes for people: the exact number, and a round one where it helps.
pub(crate) fn bytes(count: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let whole = count >> shift;
        if whole > 0 && whole << shift == count {
            return format!("{whole} {unit}");
        }
    }
    format!("{count} bytes")
}
