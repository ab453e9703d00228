//! Canonical values, their JSON, and the part of a key that they are.

use super::{Fields, ParamSpec, ParamType};
use crate::codec::Encoder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A canonical value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An optional that is absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any size: canonical decimal text.
    Int(String),
    /// A finite float that is not −0.
    Float(f64),
    /// Text, and everything that is canonically text: dates, paths, enum members.
    Text(String),
    /// A list or a tuple.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

impl Eq for Value {}

impl Value {
    /// Appends the value as canonical JSON: no spaces, keys in order, integers as digits of any length.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(digits) => out.push_str(digits),
            // `{:?}` is the shortest decimal that reads back as the same bits, and valid JSON when finite.
            Self::Float(value) => write!(out, "{value:?}").unwrap_or_default(),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(pairs) => write_map(out, pairs.iter().map(|(name, value)| (name.as_str(), value))),
        }
    }

    /// Returns the value as people write it on a command line.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.to_json(),
        }
    }

    /// Returns the canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Compares with what people write, as the kind of this value has it: numbers by their size, text by its bytes,
    /// so that dates are in order; others are equal or not comparable. None where the text is nothing of the kind.
    pub fn compare_text(&self, text: &str) -> Option<Ordering> {
        match self {
            Self::Int(digits) => Some(compare_integers(digits, &super::parse::integer(text)?)),
            Self::Float(value) => value.partial_cmp(&super::parse::float(text)?),
            Self::Text(own) => Some(own.as_str().cmp(text)),
            other => (other.to_json() == text).then_some(Ordering::Equal),
        }
    }

    /// Reads what [`Self::write_json`] wrote: a number with a point or an exponent is a float.
    pub fn from_canonical(json: &RawValue) -> Option<Self> {
        let text = json.get();
        Some(match text.as_bytes().first()? {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool(text == "true"),
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::List(items.into_iter().map(Self::from_canonical).collect::<Option<_>>()?)
            }
            b'{' => {
                let pairs: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                let read = |(name, item)| Some((name, Self::from_canonical(item)?));
                Self::Map(pairs.into_iter().map(read).collect::<Option<_>>()?)
            }
            _ if text.contains(['.', 'e', 'E']) => Self::Float(super::parse::float(text)?),
            _ => Self::Int(super::parse::integer(text)?),
        })
    }

    /// Writes the value's part of a key.
    pub fn encode(&self, encoder: &mut Encoder) {
        match self {
            Self::Null => _ = encoder.none(),
            Self::Bool(value) => _ = encoder.bool(*value),
            Self::Int(digits) => _ = encoder.integer(digits),
            Self::Float(value) => _ = encoder.float(*value),
            Self::Text(text) => _ = encoder.text(text),
            Self::List(items) => {
                encoder.list(items.len());
                items.iter().for_each(|item| item.encode(encoder));
            }
            Self::Map(pairs) => {
                encoder.map(pairs.len());
                for (name, value) in pairs {
                    encoder.text(name);
                    value.encode(encoder);
                }
            }
        }
    }

    /// Replaces every path inside by a token.
    fn masked(&self, kind: &ParamType, token: &str) -> Self {
        match (kind, self) {
            (ParamType::Path, Self::Text(_)) => Self::Text(token.to_owned()),
            (ParamType::Optional(inner), value) => value.masked(inner, token),
            (ParamType::List(inner), Self::List(items)) => {
                Self::List(items.iter().enumerate().map(|(i, v)| v.masked(inner, &nested(token, &i))).collect())
            }
            (ParamType::Tuple(kinds), Self::List(items)) => Self::List(
                items.iter().zip(kinds).enumerate().map(|(i, (v, k))| v.masked(k, &nested(token, &i))).collect(),
            ),
            (ParamType::Map(inner), Self::Map(pairs)) => Self::Map(
                pairs.iter().map(|(name, v)| (name.clone(), v.masked(inner, &nested(token, name)))).collect(),
            ),
            (_, value) => value.clone(),
        }
    }

    /// Collects (token, value) for what [`Self::masked`] replaces.
    fn tokens(&self, kind: &ParamType, token: &str, out: &mut Vec<(String, Value)>) {
        match (kind, self) {
            (ParamType::Path, Self::Text(_)) => out.push((token.to_owned(), self.clone())),
            (ParamType::Optional(inner), value) => value.tokens(inner, token, out),
            (ParamType::List(inner), Self::List(items)) => {
                items.iter().enumerate().for_each(|(i, v)| v.tokens(inner, &nested(token, &i), out));
            }
            (ParamType::Tuple(kinds), Self::List(items)) => {
                items.iter().zip(kinds).enumerate().for_each(|(i, (v, k))| v.tokens(k, &nested(token, &i), out));
            }
            (ParamType::Map(inner), Self::Map(pairs)) => {
                pairs.iter().for_each(|(name, v)| v.tokens(inner, &nested(token, name), out));
            }
            _ => {}
        }
    }
}

/// Compares canonical integers of any size.
fn compare_integers(a: &str, b: &str) -> Ordering {
    let by_size = |a: &str, b: &str| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => by_size(a, b),
        (Some(a), Some(b)) => by_size(b, a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

fn nested(token: &str, part: &dyn std::fmt::Display) -> String {
    format!("{}/{part}}}}}", token.trim_end_matches('}'))
}

/// Returns the token that stands for a param which `run` cannot read.
pub fn token(param: &str) -> String {
    format!("{{{{wrun:{param}}}}}")
}

/// Tells whether a text has the form of a token.
pub fn is_token(text: &str) -> bool {
    text.starts_with("{{wrun:") && text.ends_with("}}")
}

fn write_text(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        // serde_json escapes exactly what RFC 8259 demands, and nothing else.
        out.push_str(&Json::from(text).to_string());
    }
}

fn write_map<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a Value)>) {
    out.push('{');
    for (i, (name, value)) in pairs.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        value.write_json(out);
    }
    out.push('}');
}

/// All params of one call, canonical and complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Fields<Value>);

impl Params {
    /// Returns canonical JSON, an object with its names in order.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write_map(&mut out, self.0.iter());
        out
    }

    /// Returns what `run` may read: a token in place of each path and each insignificant param.
    pub fn masked(&self, specs: &[ParamSpec]) -> Self {
        let mask = |(name, value): (&str, &Value)| {
            let masked = match specs.iter().find(|spec| spec.name == name) {
                Some(spec) if spec.significant && !spec.kind.has_path() => value.clone(),
                Some(spec) if spec.significant => value.masked(&spec.kind, &token(name)),
                _ => Value::Text(token(name)),
            };
            (name.to_owned(), masked)
        };
        Self(self.0.iter().map(mask).collect())
    }

    /// Returns what each token of [`Self::masked`] stands for.
    pub fn tokens(&self, specs: &[ParamSpec]) -> BTreeMap<String, Value> {
        let mut out = Vec::new();
        for (name, value) in self.0.iter() {
            match specs.iter().find(|spec| spec.name == name) {
                Some(spec) if spec.significant => value.tokens(&spec.kind, &token(name), &mut out),
                _ => out.push((token(name), value.clone())),
            }
        }
        out.into_iter().collect()
    }

    /// Returns the texts of all `path` params.
    pub fn paths(&self, specs: &[ParamSpec]) -> Vec<String> {
        let mut out = Vec::new();
        for spec in specs {
            if let Some(value) = self.0.get(&spec.name) {
                value.tokens(&spec.kind, "", &mut out);
            }
        }
        out.into_iter().map(|(_, value)| value.to_text()).collect()
    }

    /// Returns what is in the key: [`Self::masked`] without the insignificant params.
    pub fn significant(&self, specs: &[ParamSpec]) -> Self {
        let mut kept = self.masked(specs);
        kept.0.retain(|name, _| specs.iter().any(|spec| spec.name == name && spec.significant));
        kept
    }

    /// Writes the params' part of a key.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.map(self.0.len());
        for (name, value) in self.0.iter() {
            encoder.text(name);
            value.encode(encoder);
        }
    }

    /// Returns `name=value` pairs for people, without private params, absent optionals, and what records do not know:
    /// tokens.
    pub fn display(&self, specs: &[ParamSpec]) -> String {
        let shown = |name: &str| {
            specs
                .iter()
                .find(|spec| spec.name == name)
                .is_none_or(|spec| spec.visibility == super::Visibility::Public)
        };
        let pairs: Vec<String> = self
            .0
            .iter()
            .filter(|(name, value)| shown(name) && **value != Value::Null)
            .map(|(name, value)| (name, value.to_text()))
            .filter(|(_, text)| !is_token(text))
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        pairs.join(" ")
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

/// As [`Value::write_json`].
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(pairs) => serializer.collect_map(pairs),
            Self::Int(digits) => match digits.parse::<i64>() {
                Ok(small) => serializer.serialize_i64(small),
                Err(_) => raw(digits.clone(), serializer),
            },
            Self::Float(_) => raw(self.to_json(), serializer),
        }
    }
}

fn raw<S: Serializer>(json: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(json).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Fields::<Box<RawValue>>::deserialize(deserializer)?;
        let read = |(name, json): (String, Box<RawValue>)| Some((name, Value::from_canonical(&json)?));
        let params: Option<_> = raw.into_iter().map(read).collect();
        params.map(Self).ok_or_else(|| serde::de::Error::custom("params are not canonical"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_with_text_as_their_kind_has_it() {
        let int = |digits: &str, text| Value::Int(digits.to_owned()).compare_text(text);
        assert_eq!(int("7", "07"), Some(Ordering::Equal));
        assert_eq!(int("9", "10"), Some(Ordering::Less));
        assert_eq!(int("-9", "-10"), Some(Ordering::Greater));
        assert_eq!(int("-1", "0"), Some(Ordering::Less));
        assert_eq!(int("100000000000000000000", "99"), Some(Ordering::Greater));
        assert_eq!(int("7", "x"), None);
        assert_eq!(Value::Float(0.5).compare_text("5e-1"), Some(Ordering::Equal));
        assert_eq!(Value::Text("2013-01-07".into()).compare_text("2013-01-10"), Some(Ordering::Less));
        assert_eq!(Value::Bool(true).compare_text("true"), Some(Ordering::Equal));
        assert_eq!(Value::Bool(true).compare_text("yes"), None);
    }
}
