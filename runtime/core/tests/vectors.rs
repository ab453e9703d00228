//! Holds the keys to tests/vectors.json, whose digests an independent calculator (tests/keys.py)
//! computed from docs/formats.md.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde::Deserialize;
use serde_json::value::RawValue;
use wrun_core::action::{Action, InputKind, step_key};
use wrun_core::digest::{ActionKey, ComponentDigest, Digest, TreeDigest};
use wrun_core::param::Params;
use wrun_core::result::{Inline, InlineError};
use wrun_core::session::Goal;
use wrun_core::task::{SANDBOX, plan_key, task_id};
use wrun_core::tree::{Entry, EntryKind, Tree};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    kind: String,
    input: Box<RawValue>,
    digest: Digest,
}

#[derive(Deserialize)]
struct TreeEntry {
    name: String,
    kind: String,
    digest: Digest,
    size: u64,
}

#[derive(Deserialize)]
struct Step {
    before: ActionKey,
    answers: Vec<(InputKind, TreeDigest)>,
}

#[derive(Deserialize)]
struct Plan {
    component: ComponentDigest,
    sandbox: u64,
    task: String,
    params: Params,
}

#[derive(Deserialize)]
struct Task {
    plugin: String,
    task: String,
    params: Params,
}

#[derive(Deserialize)]
struct GoalInput {
    component: ComponentDigest,
    sandbox: u64,
    task: String,
    params: Vec<Params>,
    aliases: Vec<(String, ComponentDigest)>,
    settings: String,
    salt: String,
}

fn read<'a, T: Deserialize<'a>>(vector: &'a Vector) -> T {
    serde_json::from_str(vector.input.get()).unwrap_or_else(|error| panic!("{}: {error}", vector.name))
}

fn entry(entry: TreeEntry) -> Entry {
    let kind = match entry.kind.as_str() {
        "file" => EntryKind::File { exec: false },
        "exec" => EntryKind::File { exec: true },
        "directory" => EntryKind::Directory,
        other => panic!("unknown kind of entry {other}"),
    };
    Entry { name: entry.name, kind, digest: entry.digest, size: entry.size }
}

fn compute(vector: &Vector) -> Digest {
    match vector.kind.as_str() {
        "blob" => Digest::of_blob(read::<String>(vector).as_bytes()),
        "tree" => {
            let entries = read::<Vec<TreeEntry>>(vector).into_iter().map(entry).collect();
            Tree::new(entries).unwrap().digest().0
        }
        "inline" => match read::<Inline>(vector).objects(TreeDigest(vector.digest)) {
            Ok(_) => vector.digest,
            Err(InlineError::Digest { found, .. }) => found.0,
            Err(error) => panic!("{}: {error}", vector.name),
        },
        "action" => read::<Action>(vector).key().0,
        "step" => {
            let Step { before, answers } = read(vector);
            step_key(before, &answers).0
        }
        "plan" => {
            let Plan { component, sandbox, task, params } = read(vector);
            assert_eq!(sandbox, SANDBOX, "the sandbox number changed: so must the vectors");
            plan_key(component, &task, &params).0
        }
        "task-id" => {
            let Task { plugin, task, params } = read(vector);
            task_id(&plugin, &task, &params).0
        }
        "goal" => {
            let GoalInput { component, sandbox, task, params, aliases, settings, salt } = read(vector);
            assert_eq!(sandbox, SANDBOX, "the sandbox number changed: so must the vectors");
            Goal { component, task, params, aliases, settings, salt }.key().0
        }
        other => panic!("unknown kind of vector {other}"),
    }
}

#[test]
fn every_vector_has_the_digest_that_the_independent_calculator_found() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(file.vectors.len() >= 17);
    for vector in &file.vectors {
        assert_eq!(compute(vector), vector.digest, "{}", vector.name);
    }
}
