//! Cases about what a store is asked when it is taken care of.

use super::{Home, bytes, commit, digest, key, pattern, read, records, result};
use crate::api::*;
use wrun_core::digest::{Digest, GoalKey};
use wrun_core::result::Address;
use wrun_core::tree::{Entry, EntryKind, Tree};

/// A record that can be read as one.
fn real_body(log: &str) -> String {
    let digest = digest("x");
    serde_json::json!({
        "format": 1, "tree": digest, "size": 0, "inline": {}, "log": {"text": log},
        "action": {"code": {"component": digest}, "task": "t", "params": {}, "outputs": [], "sandbox": 1},
        "provenance": {
            "task-id": digest, "plugin": "p", "component": digest, "params": {}, "started": 0, "seconds": 0.5,
            "wrun": "test",
        },
    })
    .to_string()
}

fn real(name: &str, generation: u32, log: &str) -> Write {
    result(name, generation, &real_body(log))
}

/// Everything that was written is listed once, with its size.
pub async fn listings_say_what_is_there(home: &impl Home) {
    let store = home.open();
    assert!(store.list_results().await.unwrap().is_empty() && store.list_blobs().await.unwrap().is_empty());
    assert!(store.list_runs().await.unwrap().is_empty() && store.list_goals().await.unwrap().is_empty());
    let (small, large) = (pattern(10, 3), pattern(100_000, 4));
    let session = Write::Session { goal: GoalKey(digest("g")), run: "0002-a".into(), header: bytes("header") };
    let batch = vec![
        Write::Blob(BlobKind::Blob, small.clone().into()),
        Write::Blob(BlobKind::Blob, large.clone().into()),
        real("a", 0, ""),
        real("a", 1, "!"),
        real("b", 0, "!!"),
        Write::Run { run: "0001-b".into(), header: bytes("run") },
        session,
    ];
    commit(&store, batch).await;
    let store = home.open();
    let listed = store.list_results().await.unwrap();
    let mut found: Vec<(Address, u64)> = listed.iter().map(|item| (item.what, item.size)).collect();
    found.sort();
    let at = |name: &str, generation| Address { key: key(name), generation };
    let size = real_body("").len() as u64;
    let mut due = vec![(at("a", 0), size), (at("a", 1), size + 1), (at("b", 0), size + 2)];
    due.sort();
    assert_eq!(found, due);
    let blobs = store.list_blobs().await.unwrap();
    for bytes in [&small, &large] {
        let found: Vec<_> = blobs.iter().filter(|item| item.what == Digest::of_blob(bytes)).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].size, bytes.len() as u64);
    }
    let runs: Vec<String> = store.list_runs().await.unwrap().into_iter().map(|item| item.what).collect();
    assert_eq!(runs, ["0001-b", "0002-a"]);
    assert_eq!(store.run("0001-b").await.unwrap(), Some(bytes("run")));
    assert_eq!(store.run("0003-c").await.unwrap(), None);
    let goals: Vec<GoalKey> = store.list_goals().await.unwrap().into_iter().map(|item| item.what).collect();
    assert_eq!(goals, [GoalKey(digest("g"))]);
    let now = store.now().await.unwrap();
    assert!(listed.iter().all(|item| item.written.is_none_or(|written| written <= now)));
}

/// What is removed is gone for everybody, everything else stays, and all can be written again.
pub async fn what_is_removed_is_gone_and_can_be_written_again(home: &impl Home) {
    let store = home.open();
    let (small, large, kept) = (pattern(10, 5), pattern(100_000, 6), pattern(20, 7));
    let session =
        |goal: &str| Write::Session { goal: GoalKey(digest(goal)), run: format!("1-{goal}"), header: bytes(goal) };
    let batch = || {
        let mut batch: Vec<Write> =
            [&small, &large, &kept].map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone().into())).into();
        batch.extend([real("a", 0, "1"), real("a", 1, "2"), real("b", 0, "3"), session("g"), session("h")]);
        batch
    };
    let what = Removal {
        results: vec![
            Address { key: key("a"), generation: 0 },
            Address { key: key("b"), generation: 0 },
            Address { key: key("none"), generation: 0 },
        ],
        blobs: vec![Digest::of_blob(&small), Digest::of_blob(&large), digest("none")],
        runs: vec!["1-g".into(), "1-none".into()],
        goals: vec![GoalKey(digest("g")), GoalKey(digest("none"))],
    };
    for _ in 0..2 {
        let done = commit(&store, batch()).await;
        assert!(done.iter().all(|done| *done == Committed::Written));
        store.remove(&what).await.unwrap();
        for store in [&store, &home.open()] {
            let there = store.has(&[&small, &large, &kept].map(|bytes| Digest::of_blob(bytes))).await.unwrap();
            assert_eq!(there, [false, false, true]);
            assert_eq!(read(store, BlobKind::Blob, Digest::of_blob(&small)), None);
            let results = store.list_results().await.unwrap();
            assert_eq!(results.len(), 1);
            assert!(records(store, "b").await.is_empty());
            assert!(store.result(Address { key: key("a"), generation: 1 }).await.unwrap().is_some());
            assert_eq!(store.session(GoalKey(digest("g"))).await.unwrap(), None);
            assert!(store.session(GoalKey(digest("h"))).await.unwrap().is_some());
            assert_eq!(store.list_runs().await.unwrap().len(), 1);
        }
    }
}

/// Wrong bytes are found where they lie, and make room for good ones.
pub async fn bytes_are_inspected_where_everybody_has_them(home: &impl Home) {
    let store = home.open();
    let entry = Entry { name: "a".into(), kind: EntryKind::File { exec: false }, digest: digest("x"), size: 1 };
    let tree = Tree::new(vec![entry]).unwrap();
    for size in [0, 10, 100_000] {
        let bytes = pattern(size, 8);
        let due = Digest::of_blob(&bytes);
        assert_eq!(store.inspect(due).await.unwrap(), Health::Absent);
        // With a run, so that it is where everybody has it.
        let write = || {
            let run = Write::Run { run: format!("{size}-a"), header: Bytes::from(b"".as_slice()) };
            vec![Write::Blob(BlobKind::Blob, bytes.clone().into()), run]
        };
        commit(&store, write()).await;
        assert_eq!(store.inspect(due).await.unwrap(), Health::Good(BlobKind::Blob));
        assert!(store.repair(BlobKind::Blob, due).await.unwrap(), "what is good stays good");
        if size > 0 && home.corrupt(due) {
            let store = home.open();
            assert_ne!(store.inspect(due).await.unwrap(), Health::Good(BlobKind::Blob));
            assert!(!store.repair(BlobKind::Blob, due).await.unwrap(), "there is nothing to take it from");
            assert_eq!(store.inspect(due).await.unwrap(), Health::Absent);
            commit(&store, write()).await;
            assert_eq!(store.inspect(due).await.unwrap(), Health::Good(BlobKind::Blob));
        }
    }
    let run = Write::Run { run: "9-a".into(), header: bytes("") };
    commit(&store, vec![Write::Blob(BlobKind::Tree, tree.encode().into()), run]).await;
    assert_eq!(store.inspect(tree.digest().0).await.unwrap(), Health::Good(BlobKind::Tree));
}

/// Pins are small records by name.
pub async fn pins_stay_until_they_are_removed(home: &impl Home) {
    let store = home.open();
    assert!(store.pins().await.unwrap().is_empty());
    store.set_pin("b", Some(bytes("2"))).await.unwrap();
    store.set_pin("a", Some(bytes("0"))).await.unwrap();
    store.set_pin("a", Some(bytes("1"))).await.unwrap();
    let due = [("a".to_owned(), bytes("1")), ("b".to_owned(), bytes("2"))];
    assert_eq!(home.open().pins().await.unwrap(), due);
    store.set_pin("a", None).await.unwrap();
    store.set_pin("a", None).await.unwrap();
    assert_eq!(store.pins().await.unwrap(), due[1..]);
}
