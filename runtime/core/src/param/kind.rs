//! Parameter types and their text form, which is what a plugin's `describe` answers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The type of a param. Its text form is in the doc of each variant.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamType {
    /// `string`
    String,
    /// `int`, `int(1..31)`, `int(0..)`: inclusive bounds, compared as numbers of any size.
    Int {
        /// Canonical decimal text.
        min: Option<String>,
        /// Canonical decimal text.
        max: Option<String>,
    },
    /// `float`, `float(0..1)`: inclusive bounds.
    Float {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `bool`
    Bool,
    /// `date`: `2013-01-07`
    Date,
    /// `month`: `2013-01`
    Month,
    /// `year`: `2013`
    Year,
    /// `hour`: `2013-01-07T05`
    Hour,
    /// `minute`: `2013-01-07T05:30`
    Minute,
    /// `second`: `2013-01-07T05:30:15`
    Second,
    /// `interval`: `2013-01-01/2013-01-08`, start inclusive, end exclusive; `2013`, `2013-01`, `2013-W02` and `2013-01-07` are read as such.
    Interval,
    /// `duration`: ISO 8601 (`PT90S`) or friendly (`1h 30m`); canonically seconds.
    Duration,
    /// `path`: names an external; its text is in no key.
    Path,
    /// `task`: a call of a task, as JSON `{"task": …, "params": {…}}`.
    Task,
    /// `enum(a|b|c)`
    Enum(Vec<String>),
    /// `list<T>`
    List(Box<ParamType>),
    /// `tuple<T,U>`
    Tuple(Vec<ParamType>),
    /// `map<T>`: from text to T
    Map(Box<ParamType>),
    /// `optional<T>`
    Optional(Box<ParamType>),
}

/// A text that names no type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a parameter type")]
pub struct TypeError(pub String);

impl ParamType {
    /// Tells whether a `path` is anywhere inside.
    pub fn has_path(&self) -> bool {
        match self {
            Self::Path => true,
            Self::List(inner) | Self::Map(inner) | Self::Optional(inner) => inner.has_path(),
            Self::Tuple(inner) => inner.iter().any(Self::has_path),
            _ => false,
        }
    }
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn range<T: fmt::Display>(
            f: &mut fmt::Formatter<'_>,
            name: &str,
            min: Option<&T>,
            max: Option<&T>,
        ) -> fmt::Result {
            f.write_str(name)?;
            if min.is_none() && max.is_none() {
                return Ok(());
            }
            f.write_str("(")?;
            if let Some(min) = min {
                write!(f, "{min}")?;
            }
            f.write_str("..")?;
            if let Some(max) = max {
                write!(f, "{max}")?;
            }
            f.write_str(")")
        }
        match self {
            Self::String => f.write_str("string"),
            Self::Int { min, max } => range(f, "int", min.as_ref(), max.as_ref()),
            Self::Float { min, max } => range(f, "float", min.as_ref(), max.as_ref()),
            Self::Bool => f.write_str("bool"),
            Self::Date => f.write_str("date"),
            Self::Month => f.write_str("month"),
            Self::Year => f.write_str("year"),
            Self::Hour => f.write_str("hour"),
            Self::Minute => f.write_str("minute"),
            Self::Second => f.write_str("second"),
            Self::Interval => f.write_str("interval"),
            Self::Duration => f.write_str("duration"),
            Self::Path => f.write_str("path"),
            Self::Task => f.write_str("task"),
            Self::Enum(names) => write!(f, "enum({})", names.join("|")),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Map(inner) => write!(f, "map<{inner}>"),
            Self::Optional(inner) => write!(f, "optional<{inner}>"),
            Self::Tuple(inner) => {
                f.write_str("tuple<")?;
                for (i, kind) in inner.iter().enumerate() {
                    write!(f, "{}{kind}", if i == 0 { "" } else { "," })?;
                }
                f.write_str(">")
            }
        }
    }
}

impl FromStr for ParamType {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        parse(text, 0).ok_or_else(|| TypeError(text.to_owned()))
    }
}

/// Types nest at most this deep.
const DEPTH: usize = 8;

fn parse(text: &str, depth: usize) -> Option<ParamType> {
    if depth > DEPTH {
        return None;
    }
    let simple = match text {
        "string" => ParamType::String,
        "int" => ParamType::Int { min: None, max: None },
        "float" => ParamType::Float { min: None, max: None },
        "bool" => ParamType::Bool,
        "date" => ParamType::Date,
        "month" => ParamType::Month,
        "year" => ParamType::Year,
        "hour" => ParamType::Hour,
        "minute" => ParamType::Minute,
        "second" => ParamType::Second,
        "interval" => ParamType::Interval,
        "duration" => ParamType::Duration,
        "path" => ParamType::Path,
        "task" => ParamType::Task,
        _ => return parse_compound(text, depth),
    };
    Some(simple)
}

fn parse_compound(text: &str, depth: usize) -> Option<ParamType> {
    if let Some((name, inside)) = text.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        let one = || parse(inside, depth + 1).map(Box::new);
        return match name {
            "list" => Some(ParamType::List(one()?)),
            "map" => Some(ParamType::Map(one()?)),
            "optional" => match *one()? {
                ParamType::Optional(_) => None,
                inner => Some(ParamType::Optional(Box::new(inner))),
            },
            "tuple" => split_top(inside)
                .into_iter()
                .map(|part| parse(part, depth + 1))
                .collect::<Option<Vec<_>>>()
                .map(ParamType::Tuple),
            _ => None,
        };
    }
    let (name, inside) = text.strip_suffix(')')?.split_once('(')?;
    let bounds = || inside.split_once("..").map(|(min, max)| (present(min), present(max)));
    match name {
        "enum" => {
            let names: Vec<String> = inside.split('|').map(str::to_owned).collect();
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            let good = distinct.len() == names.len() && names.iter().all(|name| !name.is_empty());
            good.then_some(ParamType::Enum(names))
        }
        "int" => {
            let (min, max) = bounds()?;
            let whole = |text: Option<&str>| text.map_or(Some(None), |t| super::parse::integer(t).map(Some));
            Some(ParamType::Int { min: whole(min)?, max: whole(max)? })
        }
        "float" => {
            let (min, max) = bounds()?;
            let real = |text: Option<&str>| text.map_or(Some(None), |t| super::parse::float(t).map(Some));
            Some(ParamType::Float { min: real(min)?, max: real(max)? })
        }
        _ => None,
    }
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Splits at the commas that are inside no bracket.
fn split_top(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

impl Serialize for ParamType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ParamType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Eq for ParamType {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_prints_as_it_is_read() {
        for text in [
            "string",
            "int",
            "int(1..31)",
            "int(0..)",
            "int(..-5)",
            "float",
            "float(0..1)",
            "bool",
            "date",
            "month",
            "year",
            "hour",
            "minute",
            "second",
            "interval",
            "duration",
            "path",
            "task",
            "enum(a|b)",
            "list<date>",
            "optional<path>",
            "tuple<int,list<string>>",
            "map<list<int>>",
        ] {
            assert_eq!(text.parse::<ParamType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_no_types() {
        for text in [
            "",
            "integer",
            "list",
            "list<>",
            "enum()",
            "enum(a|a)",
            "int(a..b)",
            "optional<optional<int>>",
            "list<list<list<list<list<list<list<list<list<list<int>>>>>>>>>>",
        ] {
            assert!(text.parse::<ParamType>().is_err(), "{text}");
        }
    }
}
