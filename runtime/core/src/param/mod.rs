//! Parameters: types, parsing, canonical values.
//!
//! Only the host parses and canonicalises; a guest always sees canonical JSON. What is decided here
//! is part of every key:
//!
//! - integers have any size; `7`, `07` and `+7` are `7`, and `-0` is `0`;
//! - floats are 64-bit; `-0.0` is `0.0`; NaN and infinities are refused;
//! - text is kept byte for byte (it must be UTF-8);
//! - dates and times are ISO 8601 without a zone; relative dates are resolved before they get here;
//! - a `path` names an external: its text is in no key, and `run` sees a token in its place;
//! - an insignificant param is in no key, and `run` sees a token in its place too.

mod date;
mod fields;
mod kind;
mod parse;
mod value;

pub use date::{DateRange, Today, expand_range};
pub use fields::Fields;
pub use kind::{ParamType, TypeError};
pub use parse::ParamError;
pub use value::{Params, Value, is_token, token};

use serde::{Deserialize, Serialize};

/// Who sees a param in listings.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Not shown in listings, but kept.
    Hidden,
    /// Shown nowhere.
    Private,
}

/// One declared param of a task type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub doc: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Its default as JSON text; without one it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether it is in the key.
    pub significant: bool,
    /// Who sees it.
    pub visibility: Visibility,
    /// Whether it may be given by position.
    #[serde(default)]
    pub positional: bool,
}
