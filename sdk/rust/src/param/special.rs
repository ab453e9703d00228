//! Params that are more than a value: paths, insignificant ones, and integers of any size.

use super::{Bounded, Param, Tokens, json_of, read_text, text_param, write_text};
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;

fn is_token(text: &str) -> bool {
    text.starts_with("{{wrun:") && text.ends_with("}}")
}

/// Names an external file or folder; a relative one starts at the folder of `wrun.toml`.
///
/// The text of a path is in no key, as the content that it names is. So `requires`, `outputs` and
/// `limits` may read it, and `run` may not: there it is a token that may be passed on to other tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// Makes one from a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, except in `run`.
    pub fn text(&self) -> Option<&str> {
        (!is_token(&self.0)).then_some(&self.0)
    }

    /// Returns the path of something inside this folder. In `requires` it names an external; in `run` it
    /// is of no use, as a token is only a token when it stands alone.
    #[must_use]
    pub fn join(&self, inside: &str) -> Self {
        Self(format!("{}/{inside}", self.0.trim_end_matches('/')))
    }

    /// Returns the text or the token.
    pub(crate) fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Path {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Path {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&Path> for Path {
    fn from(path: &Path) -> Self {
        path.clone()
    }
}

impl Param for Path {
    type Plain = Self;
    fn kind() -> String {
        "path".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        read_text(json).map(Self)
    }
    fn write(&self, out: &mut String) {
        write_text(out, &self.0);
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn from_text(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
    fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
        tokens.insert(token.to_owned(), json_of(&self));
        Self(token.to_owned())
    }
}

/// A param that is in no key, such as a number of threads.
///
/// `requires`, `outputs` and `limits` may read it. `run` may not, or its output would depend on what is
/// not in the key: there it is a token that may be passed on to other tasks, and [`get`](Self::get)
/// returns `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Insignificant<T>(Content<T>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Content<T> {
    Value(T),
    Token(String),
}

impl<T> Insignificant<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(Content::Value(value))
    }

    /// Returns the value, except in `run`.
    pub fn get(&self) -> Option<&T> {
        match &self.0 {
            Content::Value(value) => Some(value),
            Content::Token(_) => None,
        }
    }
}

impl<T> From<T> for Insignificant<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Param> Param for Insignificant<T> {
    type Plain = T::Plain;
    const SIGNIFICANT: bool = false;
    fn kind() -> String {
        T::kind()
    }
    fn read(json: &RawValue) -> Option<Self> {
        if json.get().starts_with("\"{{wrun:") {
            return read_text(json).filter(|text| is_token(text)).map(|token| Self(Content::Token(token)));
        }
        T::read(json).map(Self::new)
    }
    fn write(&self, out: &mut String) {
        match &self.0 {
            Content::Value(value) => value.write(out),
            Content::Token(token) => write_text(out, token),
        }
    }
    fn from_plain(plain: T::Plain) -> Self {
        Self::new(T::from_plain(plain))
    }
    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Self::new)
    }
    fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
        tokens.insert(token.to_owned(), json_of(&self));
        Self(Content::Token(token.to_owned()))
    }
}

impl<T: Bounded> Bounded for Insignificant<T> {
    type Bound = T::Bound;
    fn kind_within(min: Option<T::Bound>, max: Option<T::Bound>) -> String {
        T::kind_within(min, max)
    }
}

/// Only [`Insignificant`] is one; it makes `#[param(insignificant)]` on another type an error.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an insignificant param is of the type `Insignificant<{Self}>`",
    note = "`run` cannot read it, and gets a token in its place; so the type says so"
)]
pub trait IsInsignificant {}
impl<T> IsInsignificant for Insignificant<T> {}

/// An integer of any size: its canonical decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Int(String);

impl Int {
    /// Returns the digits, with a sign where it is negative.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<i128> for Int {
    fn from(value: i128) -> Self {
        Self(value.to_string())
    }
}

/// A text that is no integer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ParseIntError;

impl fmt::Display for ParseIntError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an integer")
    }
}

impl std::error::Error for ParseIntError {}

impl FromStr for Int {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let negative = text.starts_with('-');
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseIntError);
        }
        let digits = digits.trim_start_matches('0');
        Ok(Self(match digits {
            "" => "0".to_owned(),
            digits if negative => format!("-{digits}"),
            digits => digits.to_owned(),
        }))
    }
}

impl Param for Int {
    type Plain = Self;
    fn kind() -> String {
        "int".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        json.get().parse().ok()
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Bounded for Int {
    type Bound = Self;
    fn kind_within(min: Option<Self>, max: Option<Self>) -> String {
        let text = |bound: Option<Self>| bound.map_or_else(String::new, |bound| bound.0);
        format!("int({}..{})", text(min), text(max))
    }
}

text_param!(char, "string");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_token_is_kept_and_cannot_be_read() {
        let mut tokens = Tokens::new();
        let threads = Insignificant::new(4_u32).mask("{{wrun:threads}}", &mut tokens);
        assert_eq!(threads.get(), None);
        assert_eq!(json_of(&threads), r#""{{wrun:threads}}""#);
        let again = Insignificant::<u32>::read(serde_json::from_str(&json_of(&threads)).unwrap()).unwrap();
        assert_eq!(again, threads);
        let paths = vec![Path::new("a"), Path::new("b")].mask("{{wrun:of}}", &mut tokens);
        assert_eq!(paths[1].raw(), "{{wrun:of/1}}");
        assert_eq!(paths[1].text(), None);
        assert_eq!(tokens["{{wrun:of/1}}"], r#""b""#);
        assert_eq!(tokens["{{wrun:threads}}"], "4");
    }

    #[test]
    fn integers_of_any_size_are_canonical() {
        for (text, digits) in [("007", "7"), ("+7", "7"), ("-0", "0"), ("-010", "-10")] {
            assert_eq!(text.parse::<Int>().unwrap().digits(), digits);
        }
        assert!("".parse::<Int>().is_err() && "1.5".parse::<Int>().is_err());
    }
}
