//! From text and JSON to canonical values.

use super::{Fields, ParamSpec, ParamType, Params, Value};
use crate::suggest::nearest;
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span, ToSpan};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is wrong with a param. The caller adds where it came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A name that the task does not have.
    #[error("`{task}` has no param `{name}`")]
    Unknown {
        /// The task.
        task: String,
        /// The name given.
        name: String,
        /// The nearest that it has.
        near: Option<String>,
    },
    /// A param without default that was not given.
    #[error("param `{name}` of `{task}` is missing: it is of type {kind} and has no default")]
    Missing {
        /// The task.
        task: String,
        /// The param.
        name: String,
        /// Its type.
        kind: String,
    },
    /// A value that its type does not take.
    #[error("param `{name}`: `{}` is not {expected}", .value.escape_debug())]
    Value {
        /// The param.
        name: String,
        /// What was given.
        value: String,
        /// What its type takes, with an example.
        expected: String,
    },
    /// Text that is not JSON.
    #[error("params are not a JSON object: {0}")]
    Json(String),
}

impl ParamError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::Unknown { task, .. } => Some(format!("`wrun describe PLUGIN {task}` lists its params")),
            Self::Missing { name, .. } => Some(format!("add `--param {name}=…`")),
            Self::Value { .. } | Self::Json(_) => None,
        }
    }
}

/// Canonicalises an integer of any size: optional sign, decimal digits.
pub(super) fn integer(text: &str) -> Option<String> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(match (digits, negative) {
        ("", _) => "0".to_owned(),
        (digits, true) => format!("-{digits}"),
        (digits, false) => digits.to_owned(),
    })
}

/// Compares canonical integers of any size.
fn less(a: &str, b: &str) -> bool {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => (a.len(), a) < (b.len(), b),
        (Some(a), Some(b)) => (b.len(), b) < (a.len(), a),
        (Some(_), None) => true,
        (None, Some(_)) => false,
    }
}

/// Canonicalises a float.
pub(super) fn float(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: f64 = text.parse().ok().filter(|_| plain)?;
    // Adding 0 turns −0 into 0.
    value.is_finite().then_some(value + 0.0)
}

impl ParamType {
    /// Says what the type takes, with an example, to follow "is not".
    pub fn expected(&self) -> String {
        match self {
            Self::String => "UTF-8 text without NUL".into(),
            Self::Path => "a path, such as `data/flights.csv`".into(),
            Self::Int { min: None, max: None } => "an integer, such as `7`".into(),
            Self::Int { .. } => format!("an integer within {self}"),
            Self::Float { min: None, max: None } => "a finite number, such as `0.5`".into(),
            Self::Float { .. } => format!("a number within {self}"),
            Self::Bool => "a boolean: `true` or `false`".into(),
            Self::Date => "a date, such as `2013-01-07`, `today` or `today-7d`".into(),
            Self::Month => "a month, such as `2013-01`".into(),
            Self::Year => "a year, such as `2013`".into(),
            Self::Hour => "an hour, such as `2013-01-07T05`".into(),
            Self::Minute => "a minute, such as `2013-01-07T05:30`".into(),
            Self::Second => "a second, such as `2013-01-07T05:30:15`".into(),
            Self::Interval => "an interval, such as `2013-01-01/2013-01-08`, `2013-01` or `2013-W02`".into(),
            Self::Duration => "a duration, such as `PT90S` or `1h 30m`".into(),
            Self::Task => "a task, such as `{\"task\":\"delays\",\"params\":{}}`".into(),
            Self::Enum(names) => format!("one of `{}`", names.join("`, `")),
            Self::List(_) => format!("a {self}, such as `a,b` or a JSON array"),
            Self::Tuple(_) => format!("a {self} as a JSON array"),
            Self::Map(_) => format!("a {self} as a JSON object"),
            Self::Optional(inner) => inner.expected(),
        }
    }

    /// Parses what a person typed. A list is a JSON array, or items between commas; an empty text is
    /// an absent optional, unless it is an optional string.
    pub fn parse_text(&self, text: &str) -> Option<Value> {
        match self {
            Self::Optional(inner) if text.is_empty() && **inner != Self::String => Some(Value::Null),
            Self::Optional(inner) => inner.parse_text(text),
            Self::List(inner) if !text.trim_start().starts_with('[') => {
                let items = text.split(',').filter(|_| !text.is_empty());
                items.map(|item| inner.parse_text(item)).collect::<Option<_>>().map(Value::List)
            }
            Self::List(_) | Self::Tuple(_) | Self::Map(_) | Self::Task => {
                self.parse_json(serde_json::from_str(text).ok()?)
            }
            _ => self.parse_scalar(text),
        }
    }

    /// Parses JSON, as it comes from a file or from a guest. Scalars may be JSON numbers or text.
    pub fn parse_json(&self, json: &RawValue) -> Option<Value> {
        let text = json.get();
        match self {
            Self::Optional(_) if text == "null" => Some(Value::Null),
            Self::Optional(inner) => inner.parse_json(json),
            Self::List(inner) => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                items.into_iter().map(|item| inner.parse_json(item)).collect::<Option<_>>().map(Value::List)
            }
            Self::Tuple(kinds) => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let same = items.len() == kinds.len();
                let pairs = kinds.iter().zip(items).filter(|_| same);
                let values: Option<Vec<_>> = pairs.map(|(kind, item)| kind.parse_json(item)).collect();
                values.filter(|_| same).map(Value::List)
            }
            Self::Map(inner) => {
                let pairs: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                // A path's token says where it is, and that must have one meaning.
                if inner.has_path() && pairs.keys().any(|name| name.contains(['/', '}'])) {
                    return None;
                }
                let parse = |(name, item)| Some((name, inner.parse_json(item)?));
                pairs.into_iter().map(parse).collect::<Option<_>>().map(Value::Map)
            }
            Self::Task => {
                let Value::Map(mut call) = Value::from_canonical(json)? else { return None };
                let known = call.keys().all(|name| ["params", "plugin", "task"].contains(&name.as_str()));
                let params = call.entry("params".to_owned()).or_insert_with(|| Value::Map(BTreeMap::new()));
                let good = known
                    && matches!(params, Value::Map(_))
                    && matches!(call.get("task"), Some(Value::Text(_)))
                    && matches!(call.get("plugin"), None | Some(Value::Text(_)));
                good.then_some(Value::Map(call))
            }
            Self::Bool => serde_json::from_str(text).ok().map(Value::Bool),
            _ if text.starts_with('"') => self.parse_scalar(&serde_json::from_str::<String>(text).ok()?),
            // Its canonical form: seconds.
            Self::Duration => float(text).map(Value::Float),
            Self::Int { .. } | Self::Float { .. } | Self::Year => self.parse_scalar(text),
            _ => None,
        }
    }

    fn parse_scalar(&self, text: &str) -> Option<Value> {
        let canonical = match self {
            Self::Path if text.is_empty() => return None,
            Self::String | Self::Path => return (!text.contains('\0')).then(|| Value::Text(text.to_owned())),
            Self::Int { min, max } => {
                let value = integer(text)?;
                let low = min.as_ref().is_some_and(|min| less(&value, min));
                let high = max.as_ref().is_some_and(|max| less(max, &value));
                return (!low && !high).then_some(Value::Int(value));
            }
            Self::Float { min, max } => {
                let value = float(text)?;
                let low = min.is_some_and(|min| value < min);
                let high = max.is_some_and(|max| value > max);
                return (!low && !high).then_some(Value::Float(value));
            }
            Self::Bool => match text {
                "true" => return Some(Value::Bool(true)),
                "false" => return Some(Value::Bool(false)),
                _ => return None,
            },
            Self::Enum(names) => names.iter().find(|name| *name == text)?.clone(),
            Self::Date => date(text)?.to_string(),
            Self::Month => month(text)?.strftime("%Y-%m").to_string(),
            Self::Year => year(text)?.strftime("%Y").to_string(),
            Self::Hour => instant(text, 13)?.strftime("%Y-%m-%dT%H").to_string(),
            Self::Minute => instant(text, 16)?.strftime("%Y-%m-%dT%H:%M").to_string(),
            Self::Second => instant(text, 19)?.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Self::Interval => interval(text)?,
            Self::Duration => return duration(text).map(Value::Float),
            Self::Task | Self::List(_) | Self::Tuple(_) | Self::Map(_) | Self::Optional(_) => return None,
        };
        Some(Value::Text(canonical))
    }
}

/// Reads exactly `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Option<Date> {
    (text.len() == 10 && text.is_ascii()).then(|| text.parse().ok()).flatten()
}

fn month(text: &str) -> Option<Date> {
    (text.len() == 7).then(|| date(&format!("{text}-01"))).flatten()
}

fn year(text: &str) -> Option<Date> {
    (text.len() == 4).then(|| date(&format!("{text}-01-01"))).flatten()
}

fn instant(text: &str, length: usize) -> Option<DateTime> {
    let full = match length {
        13 => format!("{text}:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let good = text.len() == length && text.as_bytes().get(10) == Some(&b'T');
    good.then(|| full.parse().ok()).flatten()
}

fn interval(text: &str) -> Option<String> {
    let span = |start: Date, span: Span| Some((start, start.checked_add(span).ok()?));
    let (start, end) = if let Some((start, end)) = text.split_once('/') {
        (date(start)?, date(end)?)
    } else if let Some((of, week)) = text.split_once("-W") {
        let good = of.len() == 4 && week.len() == 2;
        let iso = jiff::civil::ISOWeekDate::new(
            of.parse().ok().filter(|_| good)?,
            week.parse().ok()?,
            jiff::civil::Weekday::Monday,
        );
        span(iso.ok()?.date(), 7.days())?
    } else {
        match text.len() {
            4 => span(year(text)?, 1.year())?,
            7 => span(month(text)?, 1.month())?,
            _ => span(date(text)?, 1.day())?,
        }
    };
    (start < end).then(|| format!("{start}/{end}"))
}

/// Reads a duration; a day is 24 hours and a week is seven days. Returns seconds.
fn duration(text: &str) -> Option<f64> {
    let span: Span = text.parse().ok()?;
    let exact = span.get_years() == 0 && span.get_months() == 0;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length: SignedDuration = span.to_duration(days).ok().filter(|_| exact)?;
    Some(length.as_secs_f64() + 0.0)
}

impl Params {
    /// Completes raw JSON params (from a guest or a file) with defaults and canonicalises them.
    pub fn from_json(task: &str, specs: &[ParamSpec], json: &str) -> Result<Self, ParamError> {
        let raw: Fields<&RawValue> =
            serde_json::from_str(json).map_err(|error| ParamError::Json(error.to_string()))?;
        let mut given = Fields::default();
        for (name, value) in raw {
            let spec = find(task, specs, &name)?;
            let value = spec.kind.parse_json(value).ok_or_else(|| bad(spec, value.get()))?;
            given.insert(name, value);
        }
        Self::complete(task, specs, given)
    }

    /// Adds the defaults to canonical values; a param without a value and a default is an error.
    pub fn complete(task: &str, specs: &[ParamSpec], given: impl Into<Fields<Value>>) -> Result<Self, ParamError> {
        let mut given = given.into();
        for spec in specs {
            if given.contains_key(&spec.name) {
                continue;
            }
            let value = match (&spec.default, &spec.kind) {
                (Some(json), kind) => {
                    let raw: Option<&RawValue> = serde_json::from_str(json).ok();
                    raw.and_then(|raw| kind.parse_json(raw)).ok_or_else(|| bad(spec, json))?
                }
                (None, ParamType::Optional(_)) => Value::Null,
                (None, kind) => {
                    return Err(ParamError::Missing {
                        task: task.to_owned(),
                        name: spec.name.clone(),
                        kind: kind.to_string(),
                    });
                }
            };
            given.insert(spec.name.clone(), value);
        }
        Ok(Self(given))
    }

    /// Parses one `name=text` that a person typed.
    pub fn parse_one(task: &str, specs: &[ParamSpec], name: &str, text: &str) -> Result<Value, ParamError> {
        let spec = find(task, specs, name)?;
        spec.kind.parse_text(text).ok_or_else(|| bad(spec, text))
    }
}

fn find<'a>(task: &str, specs: &'a [ParamSpec], name: &str) -> Result<&'a ParamSpec, ParamError> {
    specs.iter().find(|spec| spec.name == name).ok_or_else(|| ParamError::Unknown {
        task: task.to_owned(),
        name: name.to_owned(),
        near: nearest(name, specs.iter().map(|spec| spec.name.as_str())).map(str::to_owned),
    })
}

fn bad(spec: &ParamSpec, value: &str) -> ParamError {
    ParamError::Value { name: spec.name.clone(), value: value.to_owned(), expected: spec.kind.expected() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: &str, text: &str) -> Option<String> {
        kind.parse::<ParamType>().unwrap().parse_text(text).map(|value| value.to_json())
    }

    #[test]
    fn spellings_of_one_value_are_one_value() {
        for (kind, spellings, canonical) in [
            ("int", vec!["7", "07", "+7"], "7"),
            ("int", vec!["0", "-0", "+00"], "0"),
            (
                "int",
                vec!["-123456789012345678901234567890", "-0123456789012345678901234567890"],
                "-123456789012345678901234567890",
            ),
            ("float", vec!["0.0", "-0.0", "0", "-0e5"], "0.0"),
            ("float", vec!["1e3", "1000", "+1000.0"], "1000.0"),
            ("interval", vec!["2013-01", "2013-01-01/2013-02-01"], "\"2013-01-01/2013-02-01\""),
            ("interval", vec!["2013-W02", "2013-01-07/2013-01-14"], "\"2013-01-07/2013-01-14\""),
            ("duration", vec!["PT90S", "90s", "1m 30s"], "90.0"),
            ("list<int>", vec!["1,02", "[1, 2]", "[\"1\",\"+2\"]"], "[1,2]"),
            ("optional<date>", vec![""], "null"),
            (
                "task",
                vec!["{\"task\":\"d\"}", " {\"params\": {}, \"task\":\"\\u0064\"}"],
                "{\"params\":{},\"task\":\"d\"}",
            ),
            (
                "task",
                vec!["{\"task\":\"d\",\"params\":{\"x\":1e0,\"n\":123456789012345678901234567890}}"],
                "{\"params\":{\"n\":123456789012345678901234567890,\"x\":1.0},\"task\":\"d\"}",
            ),
            ("optional<string>", vec![""], "\"\""),
            ("string", vec![" 07\n"], "\" 07\\n\""),
        ] {
            for spelling in spellings {
                assert_eq!(text(kind, spelling).as_deref(), Some(canonical), "{kind} {spelling}");
            }
        }
    }

    #[test]
    fn what_a_type_does_not_take_is_refused() {
        for (kind, bad) in [
            ("int", ""),
            ("int", "7.0"),
            ("int", "1_000"),
            ("int", "0x7"),
            ("int(1..31)", "32"),
            ("int(1..31)", "-1"),
            ("float", "nan"),
            ("float", "inf"),
            ("float", "1e999"),
            ("bool", "yes"),
            ("date", "2013-02-29"),
            ("date", "2013-1-7"),
            ("date", "20130107"),
            ("month", "2013-13"),
            ("year", "13"),
            ("hour", "2013-01-07T25"),
            ("hour", "2013-01-07 05"),
            ("interval", "2013-01-08/2013-01-01"),
            ("enum(a|b)", "c"),
            ("tuple<int,int>", "[1]"),
            ("map<int>", "{\"a\":\"x\"}"),
            ("string", "a\0b"),
            ("path", ""),
            ("map<map<path>>", "{\"a/b\":{\"c\":\"x\"}}"),
            ("map<path>", "{\"a}\":\"x\"}"),
            ("path", "a\0b"),
            ("task", "{\"task\":\"d\",\"parms\":{}}"),
            ("task", "{\"task\":7}"),
            ("task", "{\"task\":\"d\",\"plugin\":7}"),
            ("task", "{\"task\":\"d\",\"params\":[]}"),
            ("task", "{\"params\":{}}"),
            ("task", "{\"task\":\"d\",\"params\":{\"x\":1e999}}"),
            ("duration", "1 month"),
        ] {
            assert_eq!(text(kind, bad), None, "{kind} {bad}");
        }
    }

    #[test]
    fn bounds_compare_as_numbers() {
        assert!(text("int(-10..9)", "-9").is_some());
        assert!(text("int(-10..9)", "10").is_none());
        assert!(text("int(-10..9)", "-11").is_none());
        assert!(text("float(0..1)", "0.5").is_some());
    }

    fn specs() -> Vec<ParamSpec> {
        let spec = |name: &str, kind: &str, default: Option<&str>, significant| ParamSpec {
            name: name.into(),
            doc: String::new(),
            kind: kind.parse().unwrap(),
            default: default.map(str::to_owned),
            significant,
            visibility: super::super::Visibility::Public,
            positional: false,
        };
        vec![
            spec("date", "date", None, true),
            spec("source", "path", Some("\"slice.csv\""), true),
            spec("more", "list<path>", Some("[\"a\",\"b\"]"), true),
            spec("verbose", "int", Some("0"), false),
        ]
    }

    #[test]
    fn run_sees_tokens_for_paths_and_insignificant_params() {
        let params = Params::from_json("t", &specs(), r#"{"date":"2013-01-07"}"#).unwrap();
        let masked = params.masked(&specs());
        assert_eq!(
            masked.to_json(),
            r#"{"date":"2013-01-07","more":["{{wrun:more/0}}","{{wrun:more/1}}"],"source":"{{wrun:source}}","verbose":"{{wrun:verbose}}"}"#
        );
        let tokens = params.tokens(&specs());
        assert_eq!(tokens["{{wrun:more/1}}"], Value::Text("b".into()));
        assert_eq!(tokens["{{wrun:verbose}}"], Value::Int("0".into()));
        assert_eq!(params.paths(&specs()), ["slice.csv", "a", "b"]);
    }

    #[test]
    fn errors_name_the_param_and_what_was_meant() {
        let error = Params::from_json("t", &specs(), r#"{"dat":"2013-01-07"}"#).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `date`?"));
        let error = Params::from_json("t", &specs(), "{}").unwrap_err();
        assert!(matches!(error, ParamError::Missing { ref name, .. } if name == "date"));
        assert!(matches!(Params::from_json("t", &specs(), "[]"), Err(ParamError::Json(_))));
    }
}
