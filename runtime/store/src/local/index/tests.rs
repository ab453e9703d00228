#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::api::BlobKind;

fn key(n: u64) -> ActionKey {
    ActionKey(Digest::of_blob(format!("action {n}").as_bytes()))
}

fn text(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn result(n: u64, generation: u32, body: &str) -> Write {
    let task = TaskId(Digest::of_blob(format!("task {n}").as_bytes()));
    Write::Result { address: Address { key: key(n), generation }, body: text(body), task }
}

fn bodies(index: &Index, n: u64) -> Vec<(u32, String)> {
    let records = index.results(&[key(n)]).unwrap().pop().unwrap();
    records.into_iter().map(|one| (one.generation, String::from_utf8(one.body.to_vec()).unwrap())).collect()
}

/// Enough commits of enough records that some are moved to the tree, twice.
fn fill(index: &Arc<Index>) {
    for batch in 0..5_u64 {
        let writes: Vec<Write> = (0..15_000).map(|n| result(batch * 15_000 + n, 0, &n.to_string())).collect();
        index.commit(&writes).unwrap();
    }
}

#[test]
fn records_are_found_before_and_after_they_are_moved_by_every_handle() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (Index::open(root.path()).unwrap(), Index::open(root.path()).unwrap());
    one.commit(&[result(1, 0, "1")]).unwrap();
    assert_eq!(bodies(&two, 1), [(0, "1".to_owned())]);
    fill(&one);
    assert!(one.read(state).unwrap() == two.read(state).unwrap());
    let keys: Vec<ActionKey> = (0..75_000).map(key).collect();
    for index in [&one, &two, &Index::open(root.path()).unwrap()] {
        for (n, records) in index.results(&keys).unwrap().into_iter().enumerate() {
            let due = (n % 15_000).to_string();
            assert_eq!((records.len(), &*records[0].body), (1, due.as_bytes()));
        }
        assert_eq!(index.results(&[key(80_000)]).unwrap(), [vec![]]);
    }
}

#[test]
fn generations_of_a_key_stay_together_across_a_move() {
    let root = tempfile::tempdir().unwrap();
    let index = Index::open(root.path()).unwrap();
    let all: Vec<(u32, String)> = (0..4).map(|generation| (generation, generation.to_string())).collect();
    for (generation, body) in &all[..2] {
        index.commit(&[result(7, *generation, body)]).unwrap();
    }
    fill(&index);
    for (generation, body) in &all[2..] {
        index.commit(&[result(7, *generation, body)]).unwrap();
    }
    // Generation 0 of this key was there before `fill` came to it, and won.
    assert_eq!(bodies(&index, 7), all);
    fill(&index);
    assert_eq!(bodies(&index, 7), all);
    let lost = index.commit(&[result(7, 3, "other"), result(7, 3, "3")]).unwrap();
    assert_eq!(lost, [Committed::Lost(text("3")), Committed::Written]);
}

#[test]
fn a_commit_is_whole_or_nothing() {
    let root = tempfile::tempdir().unwrap();
    let index = Index::open(root.path()).unwrap();
    let bad = [result(1, 0, "1"), Write::Tombstone(2, text("gap"))];
    assert!(matches!(index.commit(&bad), Err(StoreError::Damaged { .. })));
    assert!(bodies(&index, 1).is_empty());
    assert_eq!(index.commit(&[Write::Tombstone(1, text("a"))]).unwrap(), [Committed::Written]);
    let again = [Write::Tombstone(1, text("b")), Write::Tombstone(2, text("c"))];
    assert_eq!(index.commit(&again).unwrap(), [Committed::Lost(text("a")), Committed::Written]);
    assert_eq!(index.tombstones(0).unwrap(), [(1, text("a")), (2, text("c"))]);
}

#[test]
fn the_same_thing_twice_in_a_batch_is_written_once() {
    let root = tempfile::tempdir().unwrap();
    let index = Index::open(root.path()).unwrap();
    let blob = Write::Blob(BlobKind::Blob, text("blob"));
    let digest = Digest::of_blob(b"blob");
    index.commit(&[blob.clone(), blob.clone(), result(1, 0, "a"), result(1, 0, "a")]).unwrap();
    let count =
        |sql: &str| index.read(|connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0))).unwrap();
    assert_eq!(count("SELECT count(*) FROM log"), 3);
    index.forget_blob(digest).unwrap();
    assert_eq!(index.has(Kind::Blob, &[*digest.as_bytes()]).unwrap(), [false]);
    index.commit(&[blob]).unwrap();
    assert_eq!(index.bodies(Kind::Blob, &[*digest.as_bytes()]).unwrap(), [Some(text("blob"))]);
}

#[test]
fn only_what_others_wrote_is_reported_and_once() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (Index::open(root.path()).unwrap(), Index::open(root.path()).unwrap());
    one.commit(&[result(1, 0, "a")]).unwrap();
    assert!(!one.others_wrote().unwrap());
    assert!(two.others_wrote().unwrap());
    assert!(!two.others_wrote().unwrap());
    two.commit(&[result(2, 0, "a")]).unwrap();
    one.commit(&[result(3, 0, "a")]).unwrap();
    assert!(one.others_wrote().unwrap(), "the commit between two of ours counts");
    assert!(!one.others_wrote().unwrap());
    assert!(two.others_wrote().unwrap());
}

#[test]
fn a_session_record_is_replaced_by_a_later_run_alone() {
    let root = tempfile::tempdir().unwrap();
    let index = Index::open(root.path()).unwrap();
    let goal = GoalKey(Digest::of_blob(b"goal"));
    let write = |run: &str| Write::Session { goal, run: run.to_owned(), header: text(run) };
    index.commit(&[write("2"), write("1")]).unwrap();
    assert_eq!(index.session(goal).unwrap(), Some(text("2")));
    assert_eq!(index.runs(9).unwrap(), [("2".to_owned(), text("2")), ("1".to_owned(), text("1"))]);
}

#[test]
fn many_writers_and_readers_at_once_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let root = root.path();
            scope.spawn(move || {
                let index = Index::open(root).unwrap();
                for n in 0..25 {
                    index.commit(&[result(writer * 100 + n, 0, "own"), result(1_000 + n, 0, "shared")]).unwrap();
                    assert_eq!(bodies(&index, writer * 100 + n), [(0, "own".to_owned())]);
                }
            });
        }
    });
    let index = Index::open(root.path()).unwrap();
    for n in 0..25 {
        assert!((0..4).all(|writer| bodies(&index, writer * 100 + n).len() == 1));
        assert_eq!(bodies(&index, 1_000 + n).len(), 1);
    }
}

#[test]
fn a_newer_and_a_truncated_index_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("index.sqlite");
    let index = Index::open(root.path()).unwrap();
    index.commit(&[result(1, 0, "a")]).unwrap();
    drop(index);
    std::fs::File::options().write(true).open(&path).unwrap().set_len(5_000).unwrap();
    let opened = Index::open(root.path()).and_then(|index| index.results(&[key(1)]).map(|_| ()));
    assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{opened:?}");
    std::fs::remove_file(&path).unwrap();
    let index = Index::open(root.path()).unwrap();
    index.read(|connection| connection.execute_batch("PRAGMA user_version = 9")).unwrap();
    drop(index);
    assert!(matches!(Index::open(root.path()), Err(StoreError::NewerFormat { found: 9, .. })));
}
