//! Errors of tasks: a text for people, made from any error by `?`.

use std::fmt;

/// What a task returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a task failed: a text for people, which ends up in the build's report.
///
/// Any [`std::error::Error`] turns into one by `?`; [`Describe::context`] says what was being done.
/// It does not implement [`std::error::Error`] itself, as that would forbid the former.
pub struct Error {
    message: String,
}

impl Error {
    /// Makes one from a text.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string() }
    }

    /// Puts what was being done in front.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message) }
    }

    /// Names the path of an input/output error.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format_args!("cannot {doing} `{}`: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // Many errors already print their cause.
            let text = cause.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self { message }
    }
}

/// Says what was being done when something failed.
pub trait Describe<T> {
    /// Puts a text in front of the error.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Describe<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(what))
    }
}

impl<T> Describe<T> for Option<T> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::new(what))
    }
}

/// Returns an [`Error`](crate::Error) made of a format string.
#[macro_export]
macro_rules! bail {
    ($($text:tt)+) => { return ::core::result::Result::Err($crate::Error::new(::core::format_args!($($text)+))) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_cause_is_printed_once_and_the_context_in_front() {
        let error = "x".parse::<i32>().context("the count").unwrap_err();
        assert_eq!(error.to_string(), "the count: invalid digit found in string");
        assert_eq!(None::<i32>.context("no count").unwrap_err().to_string(), "no count");
    }
}
