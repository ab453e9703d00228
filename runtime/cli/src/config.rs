//! wrun.toml: found from the working directory upwards; what it says is a default.
//!
//! ```toml
//! store = "/data/store"           # else `.wrun/store` beside this file
//! slots = 8
//! suspended = 1000                # guests that wait in memory; else 5000
//! salt = ""
//! timezone = "Europe/Berlin"      # where `today` is; else the machine's
//! roots = ["/data/in"]            # where plugins may name externals, besides this folder
//! disabled = ["week"]             # task types that are left out
//!
//! [plugins]                       # aliases
//! flights = "plugins/report.wasm"
//!
//! [params.delays]                 # defaults of task types: of the plugin that is named,
//! source = "data/flights.csv"
//! [params."flights:delays"]       # and of one that is an alias
//! source = "data/flights.csv"
//! ```
//!
//! Relative paths start at the folder of wrun.toml.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wrun_core::suggest::nearest;

/// The file's name.
pub(crate) const NAME: &str = "wrun.toml";

pub(crate) const KEYS: &[&str] =
    &["store", "slots", "suspended", "salt", "timezone", "roots", "disabled", "plugins", "params"];

/// What wrun.toml says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) store: Option<String>,
    pub(crate) slots: Option<u32>,
    pub(crate) suspended: Option<usize>,
    pub(crate) salt: Option<String>,
    pub(crate) timezone: Option<String>,
    #[serde(default)]
    pub(crate) roots: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) disabled: Vec<String>,
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, PathBuf>,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

/// wrun.toml and where it is.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) config: Config,
    /// The folder of wrun.toml, if there is one.
    pub(crate) folder: Option<PathBuf>,
}

/// Looks for wrun.toml where a command works: from the working directory upwards, else from a source folder
/// that is named.
pub(crate) fn find_for(cwd: &Path, named: Option<&Path>) -> Result<Found> {
    let found = find(cwd)?;
    let source = named.map(|named| cwd.join(named)).filter(|named| found.folder.is_none() && named.is_dir());
    match source.and_then(|source| source.canonicalize().ok()) {
        Some(source) => find(&source),
        None => Ok(found),
    }
}

/// Looks for wrun.toml in a folder and those above it, and reads it.
pub(crate) fn find(from: &Path) -> Result<Found> {
    for folder in from.ancestors() {
        let path = folder.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => return Ok(Found { config: read(&path, &bytes)?, folder: Some(folder.to_owned()) }),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(CliError::file(Exit::Usage, "read", &path, &error)),
        }
    }
    Ok(Found::default())
}

fn read(path: &Path, bytes: &[u8]) -> Result<Config> {
    let bad = || CliError::usage(format!("cannot read `{}`", path.display())).code(Code::BadConfig);
    let text = std::str::from_utf8(bytes).map_err(|_| bad().cause("it is not UTF-8").hint("save it as UTF-8"))?;
    let config: Config = toml::from_str(text).map_err(|error| {
        let message = error.to_string();
        let unknown = message.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
        let error = bad().cause(message.trim_end());
        match unknown.map(|(name, _)| nearest(name, KEYS.iter().copied())) {
            Some(Some(near)) => error.hint(format!("did you mean `{near}`?")),
            Some(None) => error.hint(format!("it may have {}", list(KEYS))),
            None => error,
        }
    })?;
    for alias in config.plugins.keys() {
        let good = alias.starts_with(|c: char| c.is_ascii_lowercase())
            && alias.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good {
            let why = format!("the alias `{alias}` under [plugins] is not lower-case letters, digits and `-`");
            return Err(bad().cause(why).hint("such as `flights`"));
        }
    }
    for key in config.params.keys() {
        let alias = key.split_once(':').map(|(alias, _)| alias);
        if let Some(alias) = alias.filter(|alias| !config.plugins.contains_key(*alias)) {
            let near = nearest(alias, config.plugins.keys().map(String::as_str));
            let hint = near.map_or("add it under [plugins]".into(), |near| format!("did you mean `{near}`?"));
            return Err(bad().cause(format!("[params.\"{key}\"] names no alias of [plugins]")).hint(hint));
        }
    }
    if config.slots == Some(0) {
        return Err(bad()
            .cause("slots = 0: at least one task has to run at once")
            .hint("leave it out: it is then one a core"));
    }
    Ok(config)
}

/// Quotes and joins names.
pub(crate) fn list(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        read(Path::new("wrun.toml"), text.as_bytes())
    }

    #[test]
    fn the_example_of_the_module_doc_is_read() {
        let doc = include_str!("config.rs");
        let lines = doc.lines().skip_while(|line| !line.contains("```toml")).skip(1);
        let example: Vec<&str> =
            lines.take_while(|line| !line.contains("```")).map(|line| line.trim_start_matches("//!")).collect();
        let config = parse(&example.join("\n")).unwrap();
        assert_eq!(config.slots, Some(8));
        assert_eq!(config.params.len(), 2);
    }

    #[test]
    fn what_is_unknown_is_an_error_with_the_nearest_name() {
        let error = parse("slot = 3").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `slots`?"));
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.causes[0].contains("line 1"), "{error:?}");
        let error = parse("elephants = 3").unwrap_err();
        assert!(error.hint.unwrap().starts_with("it may have `store`"));
        let error = parse("[plugins]\nflight = 'x.wasm'\n[params.'flights:x']\n").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `flight`?"));
        assert!(parse("slots = 0").is_err());
        assert!(parse("slots = ").is_err());
        assert!(parse("[plugins]\n'A b' = 'x'").is_err());
    }

    #[test]
    fn it_is_found_from_below() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(root.path().join(NAME), "slots = 3").unwrap();
        let found = find(&below).unwrap();
        assert_eq!((found.config.slots, found.folder.as_deref()), (Some(3), Some(root.path())));
    }
}
