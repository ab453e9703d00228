#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use wrun_core::digest::Digest;
use wrun_store::memory::MemoryStore;

fn key(text: &str) -> ActionKey {
    ActionKey(Digest::of_blob(text.as_bytes()))
}

fn digest(text: &str) -> Digest {
    Digest::of_blob(text.as_bytes())
}

/// A record of `delays date=2013-01-07 window=7` that knew the log up to this number.
fn record(generation: u32, knew: u64, started: i64) -> Record {
    let body = serde_json::json!({
        "format": 1, "tree": digest("out"), "size": 3,
        "action": {
            "code": {"component": digest("code")}, "task": "delays",
            "params": {"date": "2013-01-07", "window": 7},
            "inputs": [{"name": "day", "kind": "tree", "tree": digest("day")}],
            "outputs": [{"name": "out", "kind": "file"}], "sandbox": 1, "nan": "canonical", "salt": "",
        },
        "steps": [{"needs": [], "answers": [digest("answer")]}],
        "provenance": {
            "task-id": digest("task"), "plugin": "report", "component": digest("code"),
            "params": {"date": "2013-01-07", "window": 7}, "started": started, "seconds": 0.5,
            "tombstone": knew, "wrun": "test",
        },
    });
    Record { generation, body: serde_json::to_vec(&body).unwrap().into(), remote: false }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// A log of these entries, read.
fn log(bodies: &[Bytes]) -> Tombstones {
    let store = MemoryStore::default();
    let mut tombstones = Tombstones::default();
    for body in bodies {
        // One by one, as a session would see them, and at once: it is the same.
        block_on(append(&store, body.clone())).unwrap();
        block_on(tombstones.refresh_unjudged(&store)).unwrap();
    }
    let mut at_once = Tombstones::default();
    block_on(at_once.refresh_unjudged(&store)).unwrap();
    assert_eq!(at_once.undone, tombstones.undone);
    assert_eq!(at_once.named, tombstones.named);
    assert_eq!(at_once.predicates, tombstones.predicates);
    tombstones
}

fn where_(predicate: Predicate) -> Bytes {
    Decision { disown: Some(predicate), ..Decision::new("wrong", "ann", 5) }.encode()
}

fn undo(number: u64) -> Bytes {
    Decision { undo: Some(number), ..Decision::new("was right", "bob", 6) }.encode()
}

fn fits(predicate: Predicate) -> bool {
    log(&[where_(predicate)]).disowns(key("last"), &record(0, 0, 1000))
}

fn param(name: &str, pattern: Pattern) -> bool {
    fits(Predicate { params: [(name.to_owned(), pattern)].into(), ..Predicate::default() })
}

#[test]
fn a_predicate_means_what_it_says() {
    let none = Predicate::default;
    assert!(fits(Predicate { task: Some("delays".into()), ..none() }));
    assert!(!fits(Predicate { task: Some("delay".into()), ..none() }));
    assert!(fits(Predicate { plugin: Some("report".into()), task: Some("delays".into()), ..none() }));
    assert!(!fits(Predicate { plugin: Some("other".into()), task: Some("delays".into()), ..none() }));
    assert!(fits(Predicate { component: Some(wrun_core::digest::ComponentDigest(digest("code"))), ..none() }));
    assert!(!fits(Predicate { component: Some(wrun_core::digest::ComponentDigest(digest("x"))), ..none() }));
    for (input, due) in [("day", true), ("answer", true), ("out", false)] {
        assert_eq!(fits(Predicate { input: Some(wrun_core::digest::TreeDigest(digest(input))), ..none() }), due);
    }
    assert!(fits(Predicate { key: Some(key("last")), ..none() }));
    let facts: Facts = serde_json::from_slice(&record(0, 0, 0).body).unwrap();
    assert!(fits(Predicate { key: Some(facts.action.key()), ..none() }), "the first key too");
    assert!(!fits(Predicate { key: Some(key("x")), ..none() }));
    for (since, until, due) in [(1000, 1000, true), (1001, 2000, false), (0, 999, false)] {
        assert_eq!(fits(Predicate { since: Some(since), until: Some(until), ..none() }), due);
    }
}

#[test]
fn params_are_exact_a_range_or_a_glob() {
    assert!(param("window", Pattern::Is("07".into())));
    assert!(!param("window", Pattern::Is("8".into())));
    assert!(param("window", Pattern::Range("5".into(), "10".into())), "as numbers, not as text");
    assert!(param("date", Pattern::Range("2013-01-01".into(), "2013-01-07".into())));
    assert!(!param("date", Pattern::Range("2013-01-08".into(), "2013-02-01".into())));
    assert!(param("date", Pattern::Glob("2013-*".into())));
    assert!(!param("date", Pattern::Glob("2014-*".into())));
    assert!(!param("nope", Pattern::Glob("*".into())), "a param that it has not");
}

#[test]
fn only_what_was_made_without_knowing_it_is_disowned() {
    let task = || where_(Predicate { task: Some("delays".into()), ..Predicate::default() });
    let one =
        Decision { results: vec![Address { key: key("last"), generation: 1 }], ..Decision::new("", "ann", 5) };
    let tombstones = log(&[one.encode(), task()]);
    let by = |generation, knew| tombstones.judge(key("last"), &record(generation, knew, 0)).map(|by| by.number);
    assert_eq!(by(1, 0), Some(1));
    assert_eq!(by(1, 1), Some(2), "it knew the first, and not the second");
    assert_eq!(by(0, 1), Some(2));
    assert_eq!((by(0, 2), by(1, 2), by(1, 9)), (None, None, None));
    let disowned = tombstones.judge(key("last"), &record(0, 0, 0)).unwrap();
    assert_eq!((disowned.why, disowned.reason.as_deref()), (Why::Invalidated, Some("wrong")));
}

#[test]
fn an_undo_can_be_undone() {
    let task = where_(Predicate { task: Some("delays".into()), ..Predicate::default() });
    let mut bodies = vec![task];
    for due in [true, false, true, false] {
        assert_eq!(log(&bodies).disowns(key("k"), &record(0, 0, 0)), due, "{}", bodies.len());
        bodies.push(undo(bodies.len() as u64));
    }
}

#[test]
fn what_cannot_be_judged_stops_everything_until_it_is_undone() {
    let store = MemoryStore::default();
    let bad: Vec<Bytes> = [
        r"not json",
        r"{}",
        r#"{"format":3,"disown":{"task":"t"},"reason":"","author":"","time":0}"#,
        r#"{"format":2,"reason":"","author":"","time":0}"#,
        r#"{"format":2,"disown":{},"reason":"","author":"","time":0}"#,
        r#"{"format":2,"disown":{"moon":"full"},"reason":"","author":"","time":0}"#,
        r#"{"format":2,"disown":{"task":"t"},"later":1,"reason":"","author":"","time":0}"#,
        r#"{"format":2,"disown":{"task":"t"},"undo":1,"reason":"","author":"","time":0}"#,
        r#"{"format":2,"disown":{"params":{"n":{"glob":"["}}},"reason":"","author":"","time":0}"#,
        // It points at itself, and at what is to come.
        r#"{"format":2,"undo":19,"reason":"","author":"","time":0}"#,
        r#"{"format":2,"undo":99,"reason":"","author":"","time":0}"#,
    ]
    .into_iter()
    .map(|text| text.as_bytes().into())
    .collect();
    for body in &bad {
        let number = block_on(append(&store, body.clone())).unwrap();
        let refused = block_on(Tombstones::default().refresh(&store));
        let text = String::from_utf8_lossy(body);
        match refused {
            Err(StoreError::UnknownTombstone { number: found, .. }) => assert_eq!(found, number, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
        block_on(append(&store, undo(number))).unwrap();
        block_on(Tombstones::default().refresh(&store)).unwrap();
    }
}

#[test]
fn a_record_that_cannot_be_judged_is_not_live() {
    let tombstones = log(&[where_(Predicate { task: Some("x".into()), ..Predicate::default() })]);
    let record = Record { generation: 0, body: b"{}".as_slice().into(), remote: false };
    assert!(tombstones.disowns(key("k"), &record));
    assert!(!log(&[]).disowns(key("k"), &record), "where nothing is disowned nothing is parsed");
}

#[test]
fn entries_read_back() {
    let predicate = Predicate {
        plugin: Some("report".into()),
        params: [
            ("a".to_owned(), Pattern::Is("1".into())),
            ("b".to_owned(), Pattern::Range("1".into(), "2".into())),
            ("c".to_owned(), Pattern::Glob("x*".into())),
        ]
        .into(),
        until: Some(7),
        ..Predicate::default()
    };
    let body = where_(predicate.clone());
    assert_eq!(
        String::from_utf8_lossy(&body),
        r#"{"format":2,"disown":{"plugin":"report","params":{"a":{"is":"1"},"b":{"range":["1","2"]},"c":{"glob":"x*"}},"until":7},"reason":"wrong","author":"ann","time":5}"#
    );
    let Entry::Decided(decided) = Entry::read(1, &body) else { panic!() };
    assert_eq!(decided.disown, Some(predicate));
    let address = Address { key: key("k"), generation: 3 };
    let old = Tombstone { format: FORMAT, address, why: Why::Lost, time: 1 };
    assert_eq!(Entry::read(1, &serde_json::to_vec(&old).unwrap()), Entry::One(old));
}
