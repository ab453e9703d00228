//! Holds docs/report.schema.json to [`wrun_core::report`]: a report with every state, source and reason in
//! it is valid, and one with anything else is not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value as Json, json};
use wrun_core::action::InputKind;
use wrun_core::digest::{ActionKey, Digest, TreeDigest};
use wrun_core::param::{Params, Value};
use wrun_core::reason::Reason;
use wrun_core::report::{
    AnsweredBy, ExternalReport, FORMAT, HitSource, Moved, Report, Spell, State, TaskReport, Timing, Totals,
    Traffic,
};

/// Checks a value against as much of JSON Schema as the published schema uses.
fn valid(root: &Json, schema: &Json, value: &Json) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{value} {what} by {schema}"));
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "minimum" => {}
            "$ref" => {
                let target = root.pointer(rule.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                valid(root, target, value)?;
            }
            "type" => {
                let kinds = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                let is = |kind: &Json| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                if !kinds.iter().any(is) {
                    return wrong("has a wrong type");
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => return wrong("is not listed"),
            "const" if rule != value => return wrong("is not the constant"),
            "enum" | "const" => {}
            "pattern" if value.as_str().is_none_or(|text| text.parse::<Digest>().is_err()) => {
                return wrong("is not a digest");
            }
            "pattern" => {}
            "items" => value.as_array().into_iter().flatten().try_for_each(|item| valid(root, rule, item))?,
            "required" => {
                if !rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()) {
                    return wrong("lacks a member");
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    value.get(name).map_or(Ok(()), |value| valid(root, rule, value))?;
                }
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                if !value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|pair| pair.0)
                    .all(|name| known.get(name).is_some())
                {
                    return wrong("has an unknown member");
                }
            }
            "oneOf" => {
                let fits = rule.as_array().unwrap().iter().filter(|rule| valid(root, rule, value).is_ok());
                if fits.count() != 1 {
                    return wrong("fits not exactly one");
                }
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        }
    }
    Ok(())
}

fn schema() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn reasons() -> Vec<Reason> {
    let digest = Digest::of_blob(b"");
    let name = || "day".to_owned();
    vec![
        Reason::New,
        Reason::CodeChanged { old: digest, new: digest },
        Reason::VersionChanged { old: None, new: Some("2".into()) },
        Reason::ParamChanged { name: name(), old: Some("1".into()), new: None },
        Reason::InputChanged { name: name(), old: Some(digest), new: None, path: None },
        Reason::InputChanged { name: name(), old: None, new: Some(digest), path: Some("a/b".into()) },
        Reason::NeedChanged { name: name(), task: None, path: None, old: Some(digest), new: None },
        Reason::NeedChanged {
            name: name(),
            task: Some(name()),
            path: Some(name()),
            old: Some(digest),
            new: Some(digest),
        },
        Reason::ImageChanged { old: "sha256:1".into(), new: "sha256:2".into() },
        Reason::ContainerChanged { part: "argv".into(), old: Some("[]".into()), new: None },
        Reason::KindChanged,
        Reason::OutputsChanged,
        Reason::SandboxChanged { old: 1, new: 2 },
        Reason::NanChanged,
        Reason::SaltChanged,
        Reason::ResultLost,
        Reason::Disowned { by: None, why: None },
        Reason::Disowned { by: Some(7), why: Some("wrong rounding".into()) },
        Reason::Forced,
    ]
}

fn report() -> Report {
    let states = [State::Cached, State::Ran, State::Failed, State::Blocked, State::Waiting, State::Skipped];
    let sources = [HitSource::Local, HitSource::Remote, HitSource::Process];
    let mut totals = Totals::default();
    states.iter().for_each(|state| totals.count(*state));
    let task = |(i, state): (usize, State)| TaskReport {
        plugin: "report".into(),
        task: "delays".into(),
        params: Params([("window".to_owned(), Value::Int("7".into()))].into()),
        key: (i != 0).then(|| ActionKey(Digest::of_blob(b"key"))),
        state,
        reason: if state == State::Ran { reasons() } else { Vec::new() },
        message: (state == State::Failed).then(|| "it failed".to_owned()),
        source: sources.get(i).copied(),
        seconds: 0.5,
        usual_seconds: (i == 1).then_some(0.4),
        same_output: i == 1,
        output: (i < 2).then(|| TreeDigest(Digest::of_blob(b"tree"))),
        needs: if i == 0 { Vec::new() } else { vec![0] },
        timing: (i == 1).then(|| Timing { ready: 0.1, spells: vec![Spell { slot: 0, started: 0.2, ended: 0.7 }] }),
        log: (state == State::Failed).then(|| "the end".to_owned()),
    };
    let tasks = states.into_iter().enumerate().map(task).collect();
    totals.remote = 1;
    totals.saved_remote_seconds = 0.5;
    let tree = TreeDigest(Digest::of_blob(b"tree"));
    let external = |kind| ExternalReport { uri: "s3://bucket/in/".into(), kind, tree };
    let kinds = [InputKind::Tree, InputKind::Listing, InputKind::VersionId, InputKind::Etag, InputKind::Reference];
    let traffic = Moved { store: Traffic { gets: 1, ..Traffic::default() }, externals: Traffic::default() };
    let externals = kinds.map(external).into();
    let notes = vec!["a note".into()];
    Report { format: FORMAT, answered_by: AnsweredBy::Walk, totals, tasks, externals, traffic, notes }
}

#[test]
fn a_report_with_everything_in_it_is_valid() {
    let schema = schema();
    let mut report = report();
    valid(&schema, &schema, &serde_json::to_value(&report).unwrap()).unwrap();
    report.answered_by = AnsweredBy::SessionRecord;
    report.notes.clear();
    valid(&schema, &schema, &serde_json::to_value(&report).unwrap()).unwrap();
}

#[test]
fn what_is_not_a_report_is_not_valid() {
    let schema = schema();
    let good = serde_json::to_value(report()).unwrap();
    let changes: [(&str, Json); 5] = [
        ("/format", json!(2)),
        ("/answered-by", json!("nobody")),
        ("/totals/cached", json!(-1)),
        ("/tasks/0/state", json!("hit")),
        ("/tasks/1/reason/1/old", json!("b3:00")),
    ];
    for (pointer, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(valid(&schema, &schema, &bad).is_err(), "{pointer}");
    }
    let mut more = good;
    more["tasks"][0]["colour"] = json!("red");
    assert!(valid(&schema, &schema, &more).is_err());
}
