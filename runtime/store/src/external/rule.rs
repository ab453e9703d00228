//! What a request for an external is, and what wrun.toml says of it.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wrun_core::digest::Digest;
use wrun_core::plan::ExternalMode;

/// Where an external is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A file, a folder or a glob of this machine.
    Here(PathBuf),
    /// An address: `s3://…`, `http://…`, `https://…`.
    There(String),
}

impl Place {
    /// Returns the path, where it is on this machine.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Here(path) => Some(path),
            Self::There(_) => None,
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Here(path)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(path) => path.display().fmt(f),
            Self::There(uri) => f.write_str(uri),
        }
    }
}

/// What an external is known by, where its content is too large to hash first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weak {
    /// The version that the server keeps of it.
    VersionId,
    /// The ETag that the server gives it.
    Etag,
}

/// How a task is given an external.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Its bytes.
    #[default]
    Content,
    /// Its addresses, with what the server says of each.
    Reference,
}

impl By {
    fn is_content(&self) -> bool {
        *self == Self::Content
    }
}

/// What wrun.toml says of an external.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Rule {
    /// What it has to hold: the digest of a file, or of the tree of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What it is known by instead of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Weak>,
    /// How a task is given it.
    #[serde(skip_serializing_if = "By::is_content")]
    pub by: By,
    /// A file beside it, or in it where it is a folder, without which it counts as missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl Rule {
    /// Returns the server's word that it goes by, if any: who is given an address alone has no other.
    pub(super) fn weak(&self) -> Option<Weak> {
        self.pin.or((self.by == By::Reference).then_some(Weak::Etag))
    }
}

/// An external that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where it is.
    pub place: Place,
    /// What of it counts.
    pub mode: ExternalMode,
    /// What wrun.toml says of it.
    pub rule: Rule,
}

impl Request {
    /// Without a rule.
    pub fn new(place: impl Into<Place>, mode: ExternalMode) -> Self {
        Self { place: place.into(), mode, rule: Rule::default() }
    }
}
