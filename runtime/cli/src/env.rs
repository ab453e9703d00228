//! The environment, the clock and the working directory: read here and nowhere else.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use jiff::Timestamp;
use std::ffi::OsString;
use std::path::PathBuf;
use wrun_store::external::HttpOptions;

/// Returns an environment variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn var(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns what the environment says of proxies, as curl reads it.
pub(crate) fn proxies() -> HttpOptions {
    let either = |names: &[&str]| names.iter().find_map(|name| var(name)?.into_string().ok());
    HttpOptions {
        // In capitals it may be a header of a CGI request.
        http_proxy: either(&["http_proxy", "all_proxy", "ALL_PROXY"]),
        https_proxy: either(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        no_proxy: either(&["no_proxy", "NO_PROXY"]),
        ..HttpOptions::default()
    }
}

/// Returns the variables whose names begin with one of these, in order.
pub(crate) fn starting_with(names: &[&str]) -> Vec<(String, String)> {
    let pair = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        names.iter().any(|start| name.starts_with(start)).then(|| (name, value.to_string_lossy().into_owned()))
    };
    let mut found: Vec<_> = std::env::vars_os().filter_map(pair).collect();
    found.sort();
    found
}

/// Returns the path of a program that the PATH has.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = var("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
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
