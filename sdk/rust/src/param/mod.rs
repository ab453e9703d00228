//! Types of params: what the host calls them, and how they are read from and written as JSON.
//!
//! - `mod.rs`: the trait, scalars and containers.
//! - `date.rs`: [`Date`], [`Month`], [`Year`], [`Weekday`].
//! - `time.rs`: [`Hour`], [`Minute`], [`Second`], [`Interval`], [`Duration`].
//! - `special.rs`: [`Path`], [`Insignificant`], [`Int`].

mod date;
mod special;
mod time;

pub use date::{Date, Dates, IsoWeek, Month, ParseDateError, Weekday, Year};
pub use special::{Insignificant, Int, IsInsignificant, Path};
pub use time::{Duration, Hour, Interval, Minute, Second};

use crate::{Error, Result};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A type that a param can have.
///
/// The host parses and canonicalises what people type; a task is handed the canonical JSON, and
/// [`Param::read`] turns it into the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of param",
    note = "params are `String`, integers, `Int`, `f64`, `bool`, `Date`, `Month`, `Year`, `Hour`, `Minute`, `Second`, `Interval`, `Duration`, `Path`, `Call`, enums with `#[derive(Choice)]`, and `Vec`, `Option`, tuples and `BTreeMap<String, _>` of these"
)]
pub trait Param: Sized {
    /// What a default is written as; the type itself, but for wrappers.
    type Plain;

    /// Whether it is in the key.
    const SIGNIFICANT: bool = true;

    /// Returns the host's name of the type, such as `list<date>`.
    fn kind() -> String;

    /// Reads canonical JSON.
    fn read(json: &RawValue) -> Option<Self>;

    /// Appends JSON that the host reads as this value.
    fn write(&self, out: &mut String);

    /// Wraps a default.
    fn from_plain(plain: Self::Plain) -> Self;

    /// Reads a default that is written as text, for types that are canonically text.
    fn from_text(_text: &str) -> Option<Self> {
        None
    }

    /// Puts tokens in place of what `run` cannot read, as the host does. Only tests call it.
    #[doc(hidden)]
    fn mask(self, _token: &str, _tokens: &mut Tokens) -> Self {
        self
    }
}

/// What each token stands for, as JSON.
#[doc(hidden)]
pub type Tokens = BTreeMap<String, String>;

/// A param whose type takes `#[param(min = …, max = …)]`.
#[diagnostic::on_unimplemented(message = "`min` and `max` are for integers and floats, not for `{Self}`")]
pub trait Bounded: Param {
    /// The type of a bound.
    type Bound;
    /// Returns the host's name of the type within these bounds.
    fn kind_within(min: Option<Self::Bound>, max: Option<Self::Bound>) -> String;
}

/// The params of one call as they came from the host.
#[doc(hidden)]
pub struct RawParams<'a>(BTreeMap<&'a str, &'a RawValue>);

impl<'a> RawParams<'a> {
    /// Splits a JSON object.
    pub fn new(json: &'a str) -> Result<Self> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| Error::new(format_args!("params are not an object: {error}")))
    }

    /// Reads one param.
    pub fn get<P: Param>(&self, name: &str) -> Result<P> {
        let json = self.0.get(name).copied().unwrap_or(RawValue::NULL);
        P::read(json)
            .ok_or_else(|| Error::new(format_args!("param `{name}`: `{}` is not a {}", json.get(), P::kind())))
    }
}

/// Writes the params of a call.
#[doc(hidden)]
#[derive(Default)]
pub struct ParamsWriter(String);

impl ParamsWriter {
    /// Appends one param.
    pub fn put<P: Param>(mut self, name: &str, value: &P) -> Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write_text(&mut self.0, name);
        self.0.push(':');
        value.write(&mut self.0);
        self
    }

    /// Returns the JSON object.
    pub fn finish(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }
}

pub(crate) fn json_of<P: Param>(value: &P) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// Reads a JSON string.
pub(crate) fn read_text(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// Appends a JSON string.
#[doc(hidden)]
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[c as usize >> 4]));
                out.push(char::from(HEX[c as usize & 15]));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Returns the token that stands for a param.
#[doc(hidden)]
pub fn token(param: &str) -> String {
    format!("{{{{wrun:{param}}}}}")
}

pub(crate) fn nested(token: &str, part: impl std::fmt::Display) -> String {
    format!("{}/{part}}}}}", token.trim_end_matches('}'))
}

/// Implements [`Param`] for a type that is canonically text and has `Display` and `FromStr`.
macro_rules! text_param {
    ($type:ty, $kind:literal) => {
        impl $crate::Param for $type {
            type Plain = Self;
            fn kind() -> String {
                $kind.to_owned()
            }
            fn read(json: &serde_json::value::RawValue) -> Option<Self> {
                $crate::param::read_text(json)?.parse().ok()
            }
            fn write(&self, out: &mut String) {
                $crate::param::write_text(out, &self.to_string());
            }
            fn from_plain(plain: Self) -> Self {
                plain
            }
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    };
}
pub(crate) use text_param;

text_param!(String, "string");

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Param for $type {
            type Plain = Self;
            fn kind() -> String {
                Self::kind_within(None, None)
            }
            fn read(json: &RawValue) -> Option<Self> {
                json.get().parse().ok()
            }
            fn write(&self, out: &mut String) {
                out.push_str(&self.to_string());
            }
            fn from_plain(plain: Self) -> Self {
                plain
            }
        }
        impl Bounded for $type {
            type Bound = Self;
            fn kind_within(min: Option<Self>, max: Option<Self>) -> String {
                // The type's own bounds are the host's to check: its message names where the value came from.
                format!("int({}..{})", min.unwrap_or(Self::MIN), max.unwrap_or(Self::MAX))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl Param for f64 {
    type Plain = Self;
    fn kind() -> String {
        "float".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        json.get().parse().ok()
    }
    fn write(&self, out: &mut String) {
        out.push_str(&format!("{self:?}"));
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
}

impl Bounded for f64 {
    type Bound = Self;
    fn kind_within(min: Option<Self>, max: Option<Self>) -> String {
        let text = |bound: Option<Self>| bound.map_or_else(String::new, |bound| bound.to_string());
        format!("float({}..{})", text(min), text(max))
    }
}

impl Param for bool {
    type Plain = Self;
    fn kind() -> String {
        "bool".to_owned()
    }
    fn read(json: &RawValue) -> Option<Self> {
        json.get().parse().ok()
    }
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
}

impl<P: Param> Param for Option<P> {
    type Plain = Self;
    const SIGNIFICANT: bool = P::SIGNIFICANT;
    fn kind() -> String {
        format!("optional<{}>", P::kind())
    }
    fn read(json: &RawValue) -> Option<Self> {
        if json.get() == "null" { Some(None) } else { P::read(json).map(Some) }
    }
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn from_text(text: &str) -> Option<Self> {
        P::from_text(text).map(Some)
    }
    fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
        self.map(|value| value.mask(token, tokens))
    }
}

impl<P: Bounded> Bounded for Option<P> {
    type Bound = P::Bound;
    fn kind_within(min: Option<P::Bound>, max: Option<P::Bound>) -> String {
        format!("optional<{}>", P::kind_within(min, max))
    }
}

impl<P: Param> Param for Vec<P> {
    type Plain = Self;
    const SIGNIFICANT: bool = P::SIGNIFICANT;
    fn kind() -> String {
        format!("list<{}>", P::kind())
    }
    fn read(json: &RawValue) -> Option<Self> {
        let items: Vec<&RawValue> = serde_json::from_str(json.get()).ok()?;
        items.into_iter().map(P::read).collect()
    }
    fn write(&self, out: &mut String) {
        out.push('[');
        for (i, item) in self.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            item.write(out);
        }
        out.push(']');
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
        self.into_iter().enumerate().map(|(i, item)| item.mask(&nested(token, i), tokens)).collect()
    }
}

impl<P: Bounded> Bounded for Vec<P> {
    type Bound = P::Bound;
    fn kind_within(min: Option<P::Bound>, max: Option<P::Bound>) -> String {
        format!("list<{}>", P::kind_within(min, max))
    }
}

impl<P: Param> Param for BTreeMap<String, P> {
    type Plain = Self;
    const SIGNIFICANT: bool = P::SIGNIFICANT;
    fn kind() -> String {
        format!("map<{}>", P::kind())
    }
    fn read(json: &RawValue) -> Option<Self> {
        let pairs: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
        pairs.into_iter().map(|(name, item)| Some((name, P::read(item)?))).collect()
    }
    fn write(&self, out: &mut String) {
        out.push('{');
        for (i, (name, item)) in self.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_text(out, name);
            out.push(':');
            item.write(out);
        }
        out.push('}');
    }
    fn from_plain(plain: Self) -> Self {
        plain
    }
    fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
        let mut masked = Self::new();
        for (name, item) in self {
            let token = nested(token, &name);
            masked.insert(name, item.mask(&token, tokens));
        }
        masked
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Param),+> Param for ($($name,)+) {
            type Plain = Self;
            fn kind() -> String {
                format!("tuple<{}>", [$($name::kind()),+].join(","))
            }
            fn read(json: &RawValue) -> Option<Self> {
                let items: Vec<&RawValue> = serde_json::from_str(json.get()).ok()?;
                let mut items = items.into_iter();
                let tuple = ($($name::read(items.next()?)?,)+);
                items.next().is_none().then_some(tuple)
            }
            fn write(&self, out: &mut String) {
                $(
                    out.push(if $index == 0 { '[' } else { ',' });
                    self.$index.write(out);
                )+
                out.push(']');
            }
            fn from_plain(plain: Self) -> Self {
                plain
            }
            fn mask(self, token: &str, tokens: &mut Tokens) -> Self {
                ($(self.$index.mask(&nested(token, $index), tokens),)+)
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn round<P: Param>(kind: &str, json: &str) -> P {
        assert_eq!(P::kind(), kind);
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let value = P::read(raw).unwrap();
        assert_eq!(json_of(&value), json);
        value
    }

    #[test]
    fn every_type_writes_what_it_reads() {
        round::<String>("string", r#""a\"\\\n\u0001ü""#);
        assert_eq!(round::<u8>("int(0..255)", "7"), 7);
        round::<i64>("int(-9223372036854775808..9223372036854775807)", "-7");
        round::<Int>("int", "-123456789012345678901234567890123456789012345");
        round::<f64>("float", "0.5");
        round::<bool>("bool", "true");
        round::<Date>("date", r#""2013-01-07""#);
        round::<Month>("month", r#""2013-01""#);
        round::<Year>("year", r#""2013""#);
        round::<Hour>("hour", r#""2013-01-07T05""#);
        round::<Minute>("minute", r#""2013-01-07T05:30""#);
        round::<Second>("second", r#""2013-01-07T05:30:15""#);
        round::<Interval>("interval", r#""2013-01-01/2013-01-08""#);
        round::<Path>("path", r#""data/x.csv""#);
        round::<Vec<Date>>("list<date>", r#"["2013-01-07","2013-01-08"]"#);
        round::<Option<u8>>("optional<int(0..255)>", "null");
        round::<(String, bool)>("tuple<string,bool>", r#"["a",false]"#);
        round::<BTreeMap<String, f64>>("map<float>", r#"{"a":1.0,"b":2.5}"#);
    }

    #[test]
    fn bounds_are_in_the_kind() {
        assert_eq!(u32::kind_within(Some(1), Some(31)), "int(1..31)");
        assert_eq!(f64::kind_within(Some(0.0), None), "float(0..)");
        assert_eq!(Option::<Int>::kind_within(Some(Int::from(0)), None), "optional<int(0..)>");
    }

    #[test]
    fn other_json_is_refused() {
        for json in [r#""x""#, "300", "-1", "null", "1.5", "[]"] {
            assert!(u8::read(serde_json::from_str(json).unwrap()).is_none(), "{json}");
        }
        assert!(<(u8, u8)>::read(serde_json::from_str("[1,2,3]").unwrap()).is_none());
        assert!(RawParams::new("[]").is_err());
        let error = RawParams::new(r#"{"n":"x"}"#).unwrap().get::<u8>("n").unwrap_err();
        assert_eq!(error.to_string(), r#"param `n`: `"x"` is not a int(0..255)"#);
    }
}
