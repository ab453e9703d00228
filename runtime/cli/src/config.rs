//! wrun.toml: found from the working directory upwards; what it says is a default.
//!
//! ```toml
//! store = "/data/store"           # or "s3://bucket/prefix"; else `.wrun/store` beside this file
//! cache = "/data/cache"           # in front of a store on S3; else a folder of the user's cache
//! cache-size = "50 GiB"           # after a build what was not read for longest goes; else it grows
//! slots = 8
//! suspended = 1000                # guests that wait in memory; else 5000
//! salt = ""
//! timezone = "Europe/Berlin"      # where `today` is; else the machine's
//! roots = ["/data/in", "s3://bucket/in/"]    # where plugins may name externals, besides this folder
//! staging = "s3://bucket/staging" # where containers write that are given `{out-url}`; else below a store on S3
//! disabled = ["week"]             # task types that are left out
//!
//! [s3]                            # how to reach a store on S3; all of it may be left out
//! region = "eu-central-1"
//! profile = "data"
//! endpoint = "http://host:9000"   # a server that is not Amazon's
//! path-style = true
//! sse = "aws:kms"
//! kms-key = "alias/data"
//! storage-class = "INTELLIGENT_TIERING"
//! conditional = true              # false for a server without conditional puts: a weaker promise
//!
//! [externals."https://host/data.csv"]    # what one input has to hold, or goes by
//! digest = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
//! [externals."s3://bucket/in/"]    # and all below
//! marker = "_SUCCESS"             # without this file it counts as missing
//! [externals."s3://bucket/huge/"]
//! pin = "etag"                    # or "version-id": weaker than content, and not hashed first
//! [externals."s3://bucket/raw/"]
//! by = "reference"                # a task is given the addresses, and reads them itself
//!
//! [secrets]                       # what containers are given as files below /run/secrets
//! pg = { env = "PGPASSWORD" }
//! key = { file = "secrets/key.pem" }
//!
//! [plugins]                       # aliases
//! flights = "plugins/report.wasm"
//!
//! [publish]                       # where outputs of task types go after a build
//! delays = "s3://reports/delays/{date}.csv"
//! week = { to = "file:site/week", layout = "flat" }
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
use wrun_build::publish::Layout;
use wrun_core::suggest::nearest;
use wrun_store::external::{By, Rule};
use wrun_store::objects::s3::S3Options;

/// The file's name.
pub(crate) const NAME: &str = "wrun.toml";

pub(crate) const KEYS: &[&str] = &[
    "store",
    "cache",
    "cache-size",
    "s3",
    "slots",
    "suspended",
    "salt",
    "timezone",
    "roots",
    "staging",
    "externals",
    "disabled",
    "publish",
    "secrets",
    "plugins",
    "params",
];

/// The keys of its table [s3].
const S3_KEYS: &[&str] =
    &["region", "profile", "endpoint", "path-style", "sse", "kms-key", "storage-class", "conditional"];

/// What wrun.toml says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) store: Option<String>,
    pub(crate) cache: Option<PathBuf>,
    #[serde(rename = "cache-size")]
    pub(crate) cache_size: Option<Size>,
    #[serde(default)]
    pub(crate) s3: S3Options,
    pub(crate) slots: Option<u32>,
    pub(crate) suspended: Option<usize>,
    pub(crate) salt: Option<String>,
    pub(crate) timezone: Option<String>,
    #[serde(default)]
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) staging: Option<String>,
    #[serde(default)]
    pub(crate) externals: BTreeMap<String, Rule>,
    #[serde(default)]
    pub(crate) disabled: Vec<String>,
    #[serde(default)]
    pub(crate) publish: BTreeMap<String, Published>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, SecretSource>,
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, PathBuf>,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

/// Where the value of a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file.
    File(PathBuf),
}

/// A number of bytes: `500 MB`, `50 GiB`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size(pub(crate) u64);

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit = match text[at..].trim() {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1_u64 << 40,
            _ => return Err(format!("`{text}` is no size: write one such as `500 MB` or `50 GiB`")),
        };
        let number: f64 = text[..at].parse().map_err(|_| format!("`{text}` is no size: it has no number"))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a byte more or less does not matter; a cast saturates"
        )]
        Ok(Self((number * unit as f64) as u64))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

/// Where outputs of a task type go.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "RuleText")]
pub(crate) struct Published {
    pub(crate) to: String,
    pub(crate) layout: Layout,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RuleText {
    To(String),
    Full(FullRule),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullRule {
    to: String,
    #[serde(default)]
    layout: Layout,
}

impl From<RuleText> for Published {
    fn from(text: RuleText) -> Self {
        match text {
            RuleText::To(to) => Self { to, layout: Layout::default() },
            RuleText::Full(FullRule { to, layout }) => Self { to, layout },
        }
    }
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
        // The table that the key is in: the parser lists what may be there.
        let keys = if message.contains("`path-style`, ") { S3_KEYS } else { KEYS };
        match unknown.map(|(name, _)| nearest(name, keys.iter().copied())) {
            Some(Some(near)) => error.hint(format!("did you mean `{near}`?")),
            Some(None) => error.hint(format!("it may have {}", list(keys))),
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
    for (uri, rule) in &config.externals {
        if rule.digest.is_some() && rule.pin.is_some() {
            let why = format!("[externals.\"{uri}\"] has both `digest` and `pin`");
            return Err(bad().cause(why).hint("a digest says more: leave `pin` out"));
        }
        if rule.digest.is_some() && rule.by == By::Reference {
            let why = format!("[externals.\"{uri}\"] has `digest`, and is given by reference");
            return Err(bad().cause(why).hint("what is not read has no digest: leave one of them out"));
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
        assert_eq!(config.secrets["pg"], SecretSource::Env("PGPASSWORD".into()));
        assert_eq!(config.secrets["key"], SecretSource::File("secrets/key.pem".into()));
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
        assert!(parse("[externals.'http://h/a']\npin = 'mtime'").is_err());
        let both = format!("[externals.'http://h/a']\npin = 'etag'\ndigest = 'b3:{}'", "0".repeat(64));
        assert!(parse(&both).is_err());
        let unread = format!("[externals.'http://h/a']\nby = 'reference'\ndigest = 'b3:{}'", "0".repeat(64));
        assert!(parse(&unread).is_err());
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
