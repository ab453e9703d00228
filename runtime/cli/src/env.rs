//! The environment, the clock and the working directory: read here and nowhere else.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use jiff::Timestamp;
use std::ffi::OsString;
use std::path::PathBuf;

/// Returns an environment variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the working directory.
#[expect(clippy::disallowed_methods, reason = "the one place that knows a working directory")]
pub(crate) fn cwd() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| {
        CliError::usage("there is no working directory").cause(error).hint("`cd` to a folder that is there")
    })
}

/// Returns the time.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns how many tasks this machine can compute at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns the path of this program.
pub(crate) fn executable() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|error| CliError::new(Exit::Internal, "cannot tell where this program is").cause(error))
}
