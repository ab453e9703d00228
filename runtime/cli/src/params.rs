//! Params of goals, from their sources by strength: `--param` (and by position), `--params FILE`,
//! `WRUN_PARAM_NAME`, wrun.toml, the plugin's default. An error says which of them it came from.
//!
//! Relative dates and ranges are resolved here, once; a range makes the cross product of goals.

use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use jiff::ZonedDateTime;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use wrun_build::GoalCall;
use wrun_core::param::{ParamError, ParamSpec, ParamType, Params, Today, Value, expand_range};
use wrun_core::suggest::nearest;
use wrun_core::task::TaskType;

/// More goals than this in one build are refused.
const MOST_GOALS: usize = 1_000_000;

/// The source of a param that is given by position.
const POSITION: &str = "the command line";

/// Where params of one goal come from.
pub(crate) struct Sources<'a> {
    /// Given by position.
    pub(crate) words: &'a [String],
    /// `name=value`
    pub(crate) flags: &'a [String],
    /// JSON or TOML.
    pub(crate) file: Option<&'a Path>,
    /// The environment.
    pub(crate) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Of wrun.toml, canonical already.
    pub(crate) config: &'a BTreeMap<String, Value>,
    /// Now, where the user is.
    pub(crate) now: &'a ZonedDateTime,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Goals {
    pub(crate) calls: Vec<GoalCall>,
    /// Paths that the user gave as params.
    pub(crate) paths: Vec<PathBuf>,
    /// What relative dates came to.
    pub(crate) notes: Vec<String>,
    /// Params that vary between the goals.
    pub(crate) varying: Vec<String>,
}

/// A value as it was given.
enum Raw {
    Text(String),
    Json(Box<RawValue>),
}

impl Raw {
    fn json(value: &serde_json::Value) -> Option<Self> {
        RawValue::from_string(value.to_string()).ok().map(Self::Json)
    }
}

/// Makes the goals of one task type.
pub(crate) fn goals(task: &TaskType, sources: &Sources<'_>) -> Result<Goals> {
    let mut given: BTreeMap<String, (Raw, String)> = BTreeMap::new();
    collect_env(task, sources, &mut given)?;
    if let Some(path) = sources.file {
        collect_file(task, path, &mut given)?;
    }
    collect_flags(task, sources, &mut given)?;
    let mut choices: Vec<(String, Vec<Value>)> = Vec::new();
    let mut notes = Vec::new();
    for spec in &task.params {
        if let Some((raw, source)) = given.get(&spec.name) {
            choices.push((spec.name.clone(), values(spec, raw, source, sources.now, &mut notes)?));
        } else if let Some(value) = sources.config.get(&spec.name) {
            choices.push((spec.name.clone(), vec![value.clone()]));
        }
    }
    let count = choices.iter().try_fold(1_usize, |count, choice| count.checked_mul(choice.1.len()));
    if count.is_none_or(|count| count > MOST_GOALS) {
        return Err(CliError::usage(format!("the ranges make more than {MOST_GOALS} goals"))
            .code(Code::BadParams)
            .hint("build them in parts"));
    }
    let fixed = |choices: &[(String, Vec<Value>)]| {
        let first = choices.iter().filter_map(|(name, values)| Some((name.clone(), values.first()?.clone())));
        Params(first.collect())
    };
    let mut paths = fixed(&choices).paths(&task.params);
    paths.iter_mut().for_each(|path| *path = path.trim_start_matches("file:").to_owned());
    let varying = choices.iter().filter(|(_, values)| values.len() > 1).map(|(name, _)| name.clone());
    Ok(Goals {
        varying: varying.collect(),
        calls: cross(task, &choices)?,
        paths: paths.into_iter().map(PathBuf::from).collect(),
        notes,
    })
}

/// The cross product: the last param varies fastest.
fn cross(task: &TaskType, choices: &[(String, Vec<Value>)]) -> Result<Vec<GoalCall>> {
    let mut all: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new()];
    for (name, values) in choices {
        let mut next = Vec::with_capacity(all.len() * values.len());
        for params in all {
            for value in values {
                let mut params = params.clone();
                params.insert(name.clone(), value.clone());
                next.push(params);
            }
        }
        all = next;
    }
    let call = |given| match Params::complete(&task.name, &task.params, given) {
        Ok(params) => Ok(GoalCall { task: task.name.clone(), params }),
        Err(error) => Err(CliError::param(&error, "")),
    };
    all.into_iter().map(call).collect()
}

/// Which positional params take the words, for a command whose last word may be something else: those
/// without a default that no flag or file gives.
pub(crate) fn words_due(task: &TaskType, flags: &[String], file: Option<&Path>) -> Result<usize> {
    let mut given: BTreeMap<String, (Raw, String)> = BTreeMap::new();
    if let Some(path) = file {
        collect_file(task, path, &mut given)?;
    }
    let flagged = |spec: &ParamSpec| {
        flags.iter().any(|flag| flag.split_once('=').is_some_and(|(name, _)| name == spec.name))
    };
    let due = task.params.iter().filter(|spec| {
        let optional = spec.default.is_some() || matches!(spec.kind, ParamType::Optional(_));
        spec.positional && !optional && !flagged(spec) && !given.contains_key(&spec.name)
    });
    Ok(due.count())
}

fn find<'a>(task: &'a TaskType, name: &str, source: &str) -> Result<&'a ParamSpec> {
    task.params.iter().find(|spec| spec.name == name).ok_or_else(|| {
        let near = nearest(name, task.params.iter().map(|spec| spec.name.as_str())).map(str::to_owned);
        let unknown = ParamError::Unknown { task: task.name.clone(), name: name.to_owned(), near };
        CliError::param(&unknown, source)
    })
}

fn collect_env(task: &TaskType, sources: &Sources<'_>, given: &mut BTreeMap<String, (Raw, String)>) -> Result<()> {
    for spec in &task.params {
        let name = format!("WRUN_PARAM_{}", spec.name.to_uppercase().replace('-', "_"));
        if let Some(value) = (sources.env)(&name) {
            let text = value.into_string().map_err(|value| {
                let shown = value.to_string_lossy().into_owned();
                CliError::usage(format!("the environment's {name}, `{shown}`, is not UTF-8"))
                    .code(Code::NotUtf8)
                    .hint(format!("set {name} to UTF-8 text, or unset it"))
            })?;
            given.insert(spec.name.clone(), (Raw::Text(text), format!("the environment's {name}")));
        }
    }
    Ok(())
}

fn collect_file(task: &TaskType, path: &Path, given: &mut BTreeMap<String, (Raw, String)>) -> Result<()> {
    let source = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| CliError::file(Exit::Usage, "read", path, &error))?;
    let bad = |why: &dyn std::fmt::Display| {
        CliError::usage(format!("cannot read params from `{source}`"))
            .code(Code::BadParams)
            .cause(why.to_string().trim_end())
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad(&"it is not UTF-8"))?;
    let is = |extension: &str| path.extension().is_some_and(|found| found == extension);
    let pairs = if is("json") || (!is("toml") && text.trim_start().starts_with('{')) {
        json_pairs(text).map_err(|error| bad(&error))?
    } else {
        let table: toml::Table = toml::from_str(text).map_err(|error| bad(&error))?;
        let pairs = table.iter().map(|(name, value)| Some((name.clone(), Raw::json(&toml_to_json(value)?)?)));
        pairs
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| bad(&"it holds an infinite number, or one that is none"))?
    };
    for (name, raw) in pairs {
        find(task, &name, &source)?;
        if given.get(&name).is_some_and(|(_, from)| *from == source) {
            return Err(bad(&format!("it gives the param `{name}` twice")).hint("leave one of them out"));
        }
        given.insert(name, (raw, source.clone()));
    }
    Ok(())
}

fn collect_flags(
    task: &TaskType,
    sources: &Sources<'_>,
    given: &mut BTreeMap<String, (Raw, String)>,
) -> Result<()> {
    let mut pairs: Vec<(&str, &str, &str)> = Vec::new();
    let positional: Vec<&ParamSpec> = task.params.iter().filter(|spec| spec.positional).collect();
    for (i, word) in sources.words.iter().enumerate() {
        match positional.get(i) {
            Some(spec) => pairs.push((&spec.name, word, POSITION)),
            None => return Err(unexpected(task, word, positional.len())),
        }
    }
    for flag in sources.flags {
        let Some((name, value)) = flag.split_once('=') else {
            return Err(CliError::usage(format!("`--param {flag}` has no `=`"))
                .code(Code::BadParams)
                .hint("write `--param NAME=VALUE`"));
        };
        find(task, name, "--param")?;
        pairs.push((name, value, "--param"));
    }
    for (i, (name, value, source)) in pairs.iter().enumerate() {
        if pairs[..i].iter().any(|earlier| earlier.0 == *name) {
            return Err(CliError::usage(format!("the param `{name}` is given twice"))
                .code(Code::BadParams)
                .hint("give it once; a range such as `2013-01-01..2013-01-07` makes several goals"));
        }
        given.insert((*name).to_owned(), (Raw::Text((*value).to_owned()), (*source).to_owned()));
    }
    Ok(())
}

fn unexpected(task: &TaskType, word: &str, taken: usize) -> CliError {
    let what = match taken {
        0 => "no param".to_owned(),
        1 => "one param".to_owned(),
        n => format!("{n} params"),
    };
    let error = CliError::usage(format!("unexpected `{word}`: `{}` takes {what} by position", task.name))
        .code(Code::UnexpectedWord);
    if word.contains('=') {
        return error.hint(format!("did you mean `--param {word}`?"));
    }
    let first = task.params.iter().find(|spec| !spec.positional);
    error.hint(first.map_or_else(
        || format!("`wrun describe PLUGIN {}` lists its params", task.name),
        |spec| format!("did you mean `--param {}={word}`?", spec.name),
    ))
}

/// The values that one param has: several for a range.
fn values(
    spec: &ParamSpec,
    raw: &Raw,
    source: &str,
    now: &ZonedDateTime,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>> {
    let wrong = |value: &str| {
        let error =
            ParamError::Value { name: spec.name.clone(), value: value.to_owned(), expected: spec.kind.expected() };
        match value.split_once('=') {
            Some((name, _)) if source == POSITION && nearest(name, [spec.name.as_str()]).is_some() => {
                let value = value.split_once('=').map_or("", |pair| pair.1);
                CliError::param(&error, source).hint(format!("did you mean `--param {}={value}`?", spec.name))
            }
            Some(_) if source == POSITION => {
                CliError::param(&error, source).hint(format!("did you mean `--param {value}`?"))
            }
            _ => CliError::param(&error, source),
        }
    };
    let text = match raw {
        Raw::Text(text) => text.clone(),
        Raw::Json(json) => match serde_json::from_str::<String>(json.get()) {
            Ok(text) if is_date(&spec.kind) => text,
            _ => return spec.kind.parse_json(json).map(|value| vec![value]).ok_or_else(|| wrong(json.get())),
        },
    };
    let members = expand_range(&spec.kind, &text, Today(now.date())).map_err(|error| {
        let error = CliError::usage(format!("param `{}`: {error} (from {source})", spec.name));
        error.code(Code::BadValue).hint("a range is `FIRST..LAST`, both ends in it")
    })?;
    if is_relative(&text)
        && is_date(&spec.kind)
        && let (Some(first), Some(last)) = (members.first(), members.last())
        && *first != text
    {
        let zone = now.time_zone().iana_name().unwrap_or("the machine's time zone");
        let range = if members.len() > 1 { format!("{first}..{last}") } else { first.clone() };
        notes.push(format!("`{}={text}` is {range} ({zone})", spec.name));
    }
    members.iter().map(|text| spec.kind.parse_text(text).ok_or_else(|| wrong(text))).collect()
}

fn is_date(kind: &ParamType) -> bool {
    match kind {
        ParamType::Optional(inner) => is_date(inner),
        ParamType::Date | ParamType::Month | ParamType::Hour => true,
        _ => false,
    }
}

fn is_relative(text: &str) -> bool {
    ["today", "yesterday", "tomorrow"].iter().any(|word| text.contains(word))
}

/// Makes canonical what wrun.toml says of one task type. Ranges make no sense there.
pub(crate) fn config_values(
    task: &TaskType,
    section: &str,
    table: &BTreeMap<String, toml::Value>,
    now: &ZonedDateTime,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Value>> {
    let source = format!("wrun.toml [params.{section}]");
    let mut out = BTreeMap::new();
    for (name, value) in table {
        let spec = find(task, name, &source)?;
        let raw = toml_to_json(value).as_ref().and_then(Raw::json).ok_or_else(|| {
            CliError::usage(format!("param `{name}` holds a number that is not finite (from {source})"))
                .code(Code::BadValue)
                .hint("write a finite number, or leave the param out")
        })?;
        let mut found = values(spec, &raw, &source, now, notes)?;
        match found.pop() {
            Some(value) if found.is_empty() => _ = out.insert(name.clone(), value),
            _ => {
                let message = format!("param `{name}`: a range is more than one value (from {source})");
                return Err(CliError::usage(message).code(Code::BadValue).hint("give ranges with `--param`"));
            }
        }
    }
    Ok(out)
}

/// TOML's values are JSON's, but for dates, which become text, and numbers that are not finite.
fn toml_to_json(value: &toml::Value) -> Option<serde_json::Value> {
    use serde_json::Value as J;
    Some(match value {
        toml::Value::String(text) => J::from(text.as_str()),
        toml::Value::Integer(number) => J::from(*number),
        toml::Value::Float(number) => J::Number(serde_json::Number::from_f64(*number)?),
        toml::Value::Boolean(value) => J::from(*value),
        toml::Value::Datetime(date) => J::from(date.to_string()),
        toml::Value::Array(items) => J::Array(items.iter().map(toml_to_json).collect::<Option<_>>()?),
        toml::Value::Table(table) => {
            let pairs = table.iter().map(|(name, value)| Some((name.clone(), toml_to_json(value)?)));
            J::Object(pairs.collect::<Option<_>>()?)
        }
    })
}

/// Reads a JSON object and keeps what is there twice, so that it can be refused.
fn json_pairs(text: &str) -> serde_json::Result<Vec<(String, Raw)>> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, Raw)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of params")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut out = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                out.push((name, Raw::Json(value)));
            }
            Ok(out)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let pairs = reader.deserialize_map(Pairs)?;
    reader.end()?;
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;
    use wrun_core::param::Visibility;
    use wrun_core::plan::Limits;

    fn task() -> TaskType {
        let param = |name: &str, kind: &str, default: Option<&str>, positional| ParamSpec {
            name: name.into(),
            doc: String::new(),
            kind: kind.parse().unwrap(),
            default: default.map(str::to_owned),
            significant: true,
            visibility: Visibility::Public,
            positional,
        };
        TaskType {
            name: "delays".into(),
            doc: String::new(),
            params: vec![
                param("date", "date", None, true),
                param("n", "int", Some("7"), false),
                param("in-file", "path", Some("\"x\""), false),
            ],
            outputs: Vec::new(),
            limits: Limits::default(),
            version: None,
            dynamic: false,
            native_nan: false,
            retries: 0,
            policy: Vec::new(),
        }
    }

    #[derive(Default)]
    struct Given {
        words: Vec<String>,
        flags: Vec<String>,
        file: Option<PathBuf>,
        env: BTreeMap<String, String>,
        config: BTreeMap<String, Value>,
    }

    impl Given {
        fn flags(flags: &[&str]) -> Self {
            Self { flags: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..Self::default() }
        }

        fn goals(&self) -> Result<Goals> {
            let now: ZonedDateTime = "2013-03-01T01:00:00+01:00[Europe/Berlin]".parse().unwrap();
            goals(
                &task(),
                &Sources {
                    words: &self.words,
                    flags: &self.flags,
                    file: self.file.as_deref(),
                    env: &|name| self.env.get(name).map(OsString::from),
                    config: &self.config,
                    now: &now,
                },
            )
        }

        fn json(&self) -> String {
            let goals = self.goals().unwrap();
            assert_eq!(goals.calls.len(), 1);
            goals.calls[0].params.to_json()
        }

        fn error(&self) -> String {
            let error = self.goals().unwrap_err();
            assert_eq!(error.exit, Exit::Usage);
            let hint = error.hint.map(|hint| format!(" | {hint}")).unwrap_or_default();
            format!("{}{}{hint}", error.message, error.causes.concat())
        }
    }

    #[test]
    fn the_strongest_source_wins() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.toml");
        std::fs::write(&file, "date = 2013-01-03\nn = 3\n").unwrap();
        let mut given = Given {
            config: BTreeMap::from([("n".into(), Value::Int("5".into()))]),
            ..Given::flags(&["date=2013-01-01"])
        };
        assert_eq!(given.json(), r#"{"date":"2013-01-01","in-file":"x","n":5}"#);
        given.env = BTreeMap::from([
            ("WRUN_PARAM_N".to_owned(), "+04".to_owned()),
            ("WRUN_PARAM_IN_FILE".to_owned(), "y".to_owned()),
        ]);
        assert_eq!(given.json(), r#"{"date":"2013-01-01","in-file":"y","n":4}"#);
        given.file = Some(file);
        assert_eq!(given.json(), r#"{"date":"2013-01-01","in-file":"y","n":3}"#);
        given.flags.push("n=2".into());
        assert_eq!(given.json(), r#"{"date":"2013-01-01","in-file":"y","n":2}"#);
        assert_eq!(given.goals().unwrap().paths, [PathBuf::from("y")]);
        assert!(Given::flags(&["date=2013-01-01"]).goals().unwrap().paths.is_empty());
    }

    #[test]
    fn ranges_make_the_cross_product_and_relative_dates_are_said() {
        let goals = Given::flags(&["date=2013-02-27..today"]).goals().unwrap();
        assert_eq!(goals.calls.len(), 3);
        assert_eq!(goals.varying, ["date"]);
        assert_eq!(goals.notes, ["`date=2013-02-27..today` is 2013-02-27..2013-03-01 (Europe/Berlin)"]);
        let goals = Given { words: vec!["yesterday".into()], ..Given::default() }.goals().unwrap();
        assert_eq!(goals.calls[0].params.to_json(), r#"{"date":"2013-02-28","in-file":"x","n":7}"#);
    }

    #[test]
    fn every_error_says_where_it_comes_from() {
        for (flags, expected) in [
            (
                &["date=2013-02-30"][..],
                "param `date`: `2013-02-30` is not a date, such as `2013-01-07`, `today` or `today-7d` (from --param)",
            ),
            (
                &["date=x..y"],
                "param `date`: `x` in a range is not a date, such as `2013-01-07`, `today` or `today-7d` (from --param) | a range is `FIRST..LAST`, both ends in it",
            ),
            (
                &["date=2013-01-02..2013-01-01"],
                "param `date`: the range `2013-01-02..2013-01-01` is reversed: its end is before its start (from --param) | a range is `FIRST..LAST`, both ends in it",
            ),
            (&["dat=2013-01-01"], "`delays` has no param `dat` (from --param) | did you mean `date`?"),
            (&["date"], "`--param date` has no `=` | write `--param NAME=VALUE`"),
            (
                &["n=1", "n=1"],
                "the param `n` is given twice | give it once; a range such as `2013-01-01..2013-01-07` makes several goals",
            ),
            (
                &[],
                "param `date` of `delays` is missing: it is of type date and has no default | add `--param date=…`",
            ),
        ] {
            assert_eq!(Given::flags(flags).error(), expected);
        }
        let mut given = Given { words: vec!["2013-01-01".into(), "n=3".into()], ..Given::default() };
        assert_eq!(
            given.error(),
            "unexpected `n=3`: `delays` takes one param by position | did you mean `--param n=3`?"
        );
        given.words.pop();
        given.env.insert("WRUN_PARAM_N".into(), "x".into());
        assert!(given.error().ends_with("(from the environment's WRUN_PARAM_N)"));
    }

    #[test]
    fn files_are_read_strictly() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.json");
        let error = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Given { file: Some(file.clone()), ..Given::default() }.error()
        };
        assert!(
            error(r#"{"date": "2013-01-01", "date": "2013-01-02"}"#).contains("it gives the param `date` twice")
        );
        assert!(error(r#"{"date": 7}"#).contains("`7` is not a date"));
        assert!(error(r#"{"when": 7}"#).contains("`delays` has no param `when` (from "));
        assert!(error("[]").contains("cannot read params from"));
        assert!(error("{").contains("cannot read params from"));
        let missing = Given { file: Some(dir.path().join("none")), ..Given::default() };
        assert!(missing.error().contains("cannot read `"));
    }
}
