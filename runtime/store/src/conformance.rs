//! One suite for every store. Each case is given a home: an empty store that can be opened several times.
//!
//! `wrun_store::conformance_suite!(home)`, in a test module, makes a test of each case; `home` is a function
//! that makes a new [`Home`].

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod care;

pub use care::*;

use crate::api::*;
use crate::error::StoreError;
use std::sync::Arc;
use wrun_core::digest::{ActionKey, Digest, GoalKey, PlanKey, TaskId, TreeDigest};
use wrun_core::result::Address;
use wrun_core::tree::{Entry, EntryKind, Tree};

/// A store that was empty, and can be opened as if by several processes.
pub trait Home {
    /// Opens it once more.
    fn open(&self) -> Arc<dyn Store>;
    /// Spoils the stored bytes of a blob; true if that could be done.
    fn corrupt(&self, digest: Digest) -> bool;
    /// Removes the stored bytes of a blob.
    fn remove(&self, digest: Digest);
}

/// Makes one test of each case.
#[macro_export]
macro_rules! conformance_suite {
    ($home:path) => {
        $crate::conformance_suite!($home:
            blobs_come_back_whole_in_every_size
            trees_and_files_of_the_same_bytes_are_two_things
            staged_files_are_blobs_once_they_are_finished
            a_staged_file_written_by_its_path_is_hashed_anew
            results_are_create_only
            generations_stay_in_order
            the_latest_result_follows_what_was_written
            small_records_are_replaced
            tombstones_have_no_gaps
            a_batch_is_whole_or_nothing
            the_newest_session_wins
            runs_are_listed_newest_first
            look_ups_answer_in_order
            corrupt_bytes_are_never_handed_out
            removed_bytes_are_absent_and_can_be_written_again
            what_others_wrote_is_seen
            of_many_writers_of_one_result_one_wins
            of_many_writers_of_one_tombstone_one_wins
            listings_say_what_is_there
            what_is_removed_is_gone_and_can_be_written_again
            bytes_are_inspected_where_everybody_has_them
            pins_stay_until_they_are_removed
        );
    };
    ($home:path: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::block_on($crate::conformance::$case(&$home()));
            }
        )*
    };
}

/// Runs a case on two threads.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn digest(text: &str) -> Digest {
    Digest::of_blob(text.as_bytes())
}

fn key(text: &str) -> ActionKey {
    ActionKey(digest(text))
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn task(text: &str) -> TaskId {
    TaskId(digest(text))
}

fn result(name: &str, generation: u32, body: &str) -> Write {
    Write::Result { address: Address { key: key(name), generation }, body: bytes(body), task: task(name) }
}

fn stamp(n: u64) -> Stamp {
    file_stamp(n).into()
}

fn file_stamp(n: u64) -> FileStamp {
    FileStamp { device: 1, inode: n, size: 3, mtime: -4, ctime: i128::from(u64::MAX) * 5 }
}

/// Bytes that no other seed has.
fn pattern(size: usize, seed: u8) -> Vec<u8> {
    (0..=250).map(|byte: u8| byte ^ seed).cycle().take(size).collect()
}

async fn commit(store: &Arc<dyn Store>, batch: Vec<Write>) -> Vec<Committed> {
    store.commit(batch).await.unwrap()
}

async fn records(store: &Arc<dyn Store>, name: &str) -> Vec<(u32, String)> {
    let found = store.results(&[key(name)]).await.unwrap().pop().unwrap();
    found.into_iter().map(|one| (one.generation, String::from_utf8(one.body.to_vec()).unwrap())).collect()
}

fn read(store: &Arc<dyn Store>, kind: BlobKind, digest: Digest) -> Option<Vec<u8>> {
    store.get(kind, digest).unwrap().map(|blob| blob.to_vec().unwrap())
}

/// Sizes around every border that a store may have.
const SIZES: [usize; 9] = [0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 3_000_000];

/// Blobs of every size come back whole, at once and from another handle.
pub async fn blobs_come_back_whole_in_every_size(home: &impl Home) {
    let store = home.open();
    let all: Vec<Vec<u8>> = SIZES.iter().map(|size| pattern(*size, 1)).collect();
    let digests: Vec<Digest> = all.iter().map(|bytes| Digest::of_blob(bytes)).collect();
    assert!(store.has(&digests).await.unwrap().iter().all(|there| !there));
    assert!(digests.iter().all(|digest| store.get(BlobKind::Blob, *digest).unwrap().is_none()));
    let writes = || all.iter().map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone().into())).collect();
    assert_eq!(commit(&store, writes()).await, vec![Committed::Written; SIZES.len()]);
    assert_eq!(commit(&store, writes()).await, vec![Committed::Written; SIZES.len()], "again");
    for store in [&store, &home.open()] {
        assert!(store.has(&digests).await.unwrap().into_iter().all(|there| there));
        let wanted: Vec<_> = digests.iter().map(|digest| (BlobKind::Blob, *digest)).collect();
        assert!(store.fetch(&wanted).await.unwrap().into_iter().all(|there| there));
        for (digest, bytes) in digests.iter().zip(&all) {
            let blob = store.get(BlobKind::Blob, *digest).unwrap().unwrap();
            assert_eq!((blob.len(), blob.is_empty()), (bytes.len() as u64, bytes.is_empty()));
            assert!(blob.to_vec().unwrap() == *bytes);
            let mut part = [0; 16];
            let from = bytes.len().saturating_sub(8);
            let count = blob.read_at(&mut part, from as u64).unwrap();
            assert_eq!(part[..count], bytes[from..]);
            assert_eq!(blob.read_at(&mut part, u64::MAX / 2).unwrap(), 0);
        }
    }
}

/// A tree is never taken for a file, nor a file for a tree, although their bytes are equal.
pub async fn trees_and_files_of_the_same_bytes_are_two_things(home: &impl Home) {
    let store = home.open();
    for entries in [1, 2_000] {
        let entry = |n| Entry {
            name: format!("{n}"),
            kind: EntryKind::File { exec: false },
            digest: digest("file"),
            size: 4,
        };
        let tree = Tree::new((0..entries).map(entry).collect()).unwrap();
        let (encoded, TreeDigest(as_tree)) = (tree.encode(), tree.digest());
        let as_file = Digest::of_blob(&encoded);
        commit(&store, vec![Write::Blob(BlobKind::Tree, encoded.clone().into())]).await;
        assert_eq!(read(&store, BlobKind::Tree, as_tree), Some(encoded.clone()));
        assert_eq!(read(&store, BlobKind::Blob, as_tree), None);
        assert_eq!(read(&store, BlobKind::Blob, as_file), None);
        commit(&store, vec![Write::Blob(BlobKind::Blob, encoded.clone().into())]).await;
        assert_eq!(read(&store, BlobKind::Blob, as_file), Some(encoded.clone()));
        assert_eq!(read(&store, BlobKind::Tree, as_tree), Some(encoded.clone()), "asking wrongly did no harm");
        let asked = [(BlobKind::Tree, as_tree), (BlobKind::Tree, as_file), (BlobKind::Blob, as_file)];
        assert_eq!(store.fetch(&asked).await.unwrap(), [true, false, true]);
    }
}

/// A staged file is there once it is finished, and never if it is dropped.
pub async fn staged_files_are_blobs_once_they_are_finished(home: &impl Home) {
    let store = home.open();
    for size in SIZES {
        let bytes = pattern(size, 2);
        let due = Digest::of_blob(&bytes);
        let mut dropped = store.stage().unwrap();
        dropped.write(&bytes).unwrap();
        drop(dropped);
        assert_eq!(store.has(&[due]).await.unwrap(), [false]);
        let mut staged = store.stage().unwrap();
        bytes.chunks(1000).for_each(|chunk| staged.write(chunk).unwrap());
        assert_eq!(store.has(&[due]).await.unwrap(), [false]);
        assert_eq!(staged.finish().unwrap(), due);
        assert!(read(&store, BlobKind::Blob, due) == Some(bytes.clone()));
        commit(&store, vec![Write::Blob(BlobKind::Blob, bytes.clone().into())]).await;
        assert!(read(&home.open(), BlobKind::Blob, due) == Some(bytes));
    }
}

/// Whoever writes a staged file by its path says so, and it is hashed anew.
pub async fn a_staged_file_written_by_its_path_is_hashed_anew(home: &impl Home) {
    let store = home.open();
    let mut staged = store.stage().unwrap();
    staged.write(b"first").unwrap();
    let Some(path) = staged.path().map(std::path::Path::to_owned) else { return };
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"other bytes", 0).unwrap();
    staged.touched();
    assert_eq!(staged.finish().unwrap(), digest("other bytes"));
    assert_eq!(read(&store, BlobKind::Blob, digest("other bytes")), Some(b"other bytes".to_vec()));
    assert!(!path.exists());
}

/// A result is never overwritten, and who loses is told the winner's bytes.
pub async fn results_are_create_only(home: &impl Home) {
    let (one, two) = (home.open(), home.open());
    assert_eq!(commit(&one, vec![result("a", 0, "first")]).await, [Committed::Written]);
    assert_eq!(commit(&two, vec![result("a", 0, "first")]).await, [Committed::Written], "the same bytes");
    let lost = Committed::Lost(bytes("first"));
    assert_eq!(commit(&two, vec![result("a", 0, "second")]).await, std::slice::from_ref(&lost));
    assert_eq!(records(&one, "a").await, [(0, "first".to_owned())]);
    let batch = vec![result("b", 0, "1"), result("b", 0, "2"), result("a", 0, "3"), result("c", 0, "4")];
    let due = [Committed::Written, Committed::Lost(bytes("1")), lost, Committed::Written];
    assert_eq!(commit(&one, batch).await, due, "within a batch too");
    assert_eq!(records(&two, "b").await, [(0, "1".to_owned())]);
    assert_eq!(records(&two, "c").await, [(0, "4".to_owned())]);
}

/// All generations of a key come back, in order.
pub async fn generations_stay_in_order(home: &impl Home) {
    let store = home.open();
    commit(&store, vec![result("a", 1, "1"), result("a", 0, "0")]).await;
    for generation in 2..30 {
        commit(&store, vec![result("a", generation, &generation.to_string()), result("b", generation, "b")]).await;
    }
    let due: Vec<(u32, String)> = (0..30).map(|generation| (generation, generation.to_string())).collect();
    assert_eq!(records(&store, "a").await, due);
    assert_eq!(records(&home.open(), "a").await, due);
    assert_eq!(records(&store, "b").await.len(), 28);
}

/// The latest result of a task is what was written last, unless that lost.
pub async fn the_latest_result_follows_what_was_written(home: &impl Home) {
    let store = home.open();
    let at = |name: &str, generation| Address { key: key(name), generation };
    assert_eq!(store.latest(&[task("a")]).await.unwrap(), [None]);
    commit(&store, vec![result("a", 0, "0"), result("a", 1, "1")]).await;
    assert_eq!(store.latest(&[task("a")]).await.unwrap(), [Some(at("a", 1))]);
    commit(&store, vec![result("a", 0, "lost")]).await;
    assert_eq!(store.latest(&[task("a")]).await.unwrap(), [Some(at("a", 1))]);
    commit(&store, vec![Write::Latest(task("a"), at("b", 7))]).await;
    let due = [Some(at("b", 7)), None];
    assert_eq!(home.open().latest(&[task("a"), task("b")]).await.unwrap(), due);
}

/// Plans, steps, externals and failed attempts are replaced by what is written later.
pub async fn small_records_are_replaced(home: &impl Home) {
    let store = home.open();
    let plan = PlanKey(digest("plan"));
    for text in ["1", "2", "2", ""] {
        let batch = vec![
            Write::Plan(plan, bytes(text)),
            Write::Step(key("step"), bytes(text)),
            Write::External(stamp(1), digest(text)),
            Write::Attempt(task("step"), bytes(text)),
        ];
        commit(&store, batch).await;
        for store in [&store, &home.open()] {
            assert_eq!(store.plans(&[plan]).await.unwrap(), [Some(bytes(text))]);
            assert_eq!(store.steps(&[key("step")]).await.unwrap(), [Some(bytes(text))]);
            assert_eq!(store.externals(&[stamp(1), stamp(2)]).await.unwrap(), [Some(digest(text)), None]);
            assert_eq!(store.attempts(&[task("step"), task("plan")]).await.unwrap(), [Some(bytes(text)), None]);
        }
    }
    // One key in several tables names several things.
    assert_eq!(store.plans(&[PlanKey(digest("step"))]).await.unwrap(), [None]);
    assert_eq!(store.steps(&[key("plan")]).await.unwrap(), [None]);
    let other = [
        FileStamp { device: 2, ..file_stamp(1) }.into(),
        FileStamp { size: 4, ..file_stamp(1) }.into(),
        FileStamp { mtime: 4, ..file_stamp(1) }.into(),
        FileStamp { ctime: 5, ..file_stamp(1) }.into(),
    ];
    assert_eq!(store.externals(&other).await.unwrap(), [None; 4]);
}

/// The log of tombstones has no gaps, and no number is given twice.
pub async fn tombstones_have_no_gaps(home: &impl Home) {
    let store = home.open();
    let write = |n, text| Write::Tombstone(n, bytes(text));
    assert!(store.tombstones(0).await.unwrap().is_empty());
    for wrong in [0, 2, u64::MAX] {
        assert!(store.commit(vec![write(wrong, "x")]).await.is_err(), "{wrong}");
    }
    assert!(store.tombstones(0).await.unwrap().is_empty());
    assert_eq!(commit(&store, vec![write(1, "a"), write(2, "b")]).await, vec![Committed::Written; 2]);
    let again = vec![write(1, "a"), write(2, "other"), write(3, "c")];
    let due = [Committed::Written, Committed::Lost(bytes("b")), Committed::Written];
    assert_eq!(commit(&home.open(), again).await, due);
    let all = [(1, bytes("a")), (2, bytes("b")), (3, bytes("c"))];
    assert_eq!(store.tombstones(0).await.unwrap(), all);
    assert_eq!(store.tombstones(2).await.unwrap(), all[2..]);
    assert!(store.tombstones(3).await.unwrap().is_empty());
    assert!(store.tombstones(u64::MAX).await.unwrap().is_empty());
}

/// Of a batch that fails nothing is written.
pub async fn a_batch_is_whole_or_nothing(home: &impl Home) {
    let store = home.open();
    let batch = vec![
        result("a", 0, "1"),
        Write::Plan(PlanKey(digest("plan")), bytes("1")),
        Write::Run { run: "1".into(), header: bytes("1") },
        Write::Tombstone(7, bytes("leaves a gap")),
        result("b", 0, "1"),
    ];
    assert!(store.commit(batch).await.is_err());
    for store in [&store, &home.open()] {
        assert!(records(store, "a").await.is_empty());
        assert!(records(store, "b").await.is_empty());
        assert_eq!(store.plans(&[PlanKey(digest("plan"))]).await.unwrap(), [None]);
        assert!(store.runs(9).await.unwrap().is_empty());
        assert_eq!(store.latest(&[task("a")]).await.unwrap(), [None]);
    }
    assert_eq!(commit(&store, vec![result("a", 0, "2")]).await, [Committed::Written]);
    assert_eq!(commit(&store, Vec::new()).await, []);
}

/// A session record is replaced by that of a later run alone, whichever is written last.
pub async fn the_newest_session_wins(home: &impl Home) {
    let store = home.open();
    let goal = |text: &str| GoalKey(digest(text));
    let write = |run: &str| Write::Session { goal: goal("a"), run: run.to_owned(), header: bytes(run) };
    assert_eq!(store.session(goal("a")).await.unwrap(), None);
    for (run, newest) in [("2", "2"), ("1", "2"), ("3", "3")] {
        commit(&store, vec![write(run)]).await;
        assert_eq!(home.open().session(goal("a")).await.unwrap(), Some(bytes(newest)));
    }
    commit(&store, vec![write("5"), write("4")]).await;
    assert_eq!(store.session(goal("a")).await.unwrap(), Some(bytes("5")));
    assert_eq!(store.session(goal("b")).await.unwrap(), None);
    assert_eq!(store.runs(9).await.unwrap().len(), 5);
    // Two machines may give one name to two runs; of the goals each keeps its own.
    let other = Write::Session { goal: goal("b"), run: "5".to_owned(), header: bytes("of b") };
    commit(&store, vec![other]).await;
    assert_eq!(home.open().session(goal("a")).await.unwrap(), Some(bytes("5")));
    assert_eq!(home.open().session(goal("b")).await.unwrap(), Some(bytes("of b")));
}

/// The history is in the order of the runs' ids.
pub async fn runs_are_listed_newest_first(home: &impl Home) {
    let store = home.open();
    let write = |run: &str| Write::Run { run: run.to_owned(), header: bytes(run) };
    commit(&store, vec![write("2"), write("3")]).await;
    commit(&home.open(), vec![write("1"), write("4")]).await;
    let names = |runs: Vec<(String, Bytes)>| runs.into_iter().map(|(run, _)| run).collect::<Vec<_>>();
    assert_eq!(names(store.runs(9).await.unwrap()), ["4", "3", "2", "1"]);
    assert_eq!(names(store.runs(2).await.unwrap()), ["4", "3"]);
    assert_eq!(names(store.runs(0).await.unwrap()), [""; 0]);
}

/// Batches of look-ups are answered in the order of asking, also where a key is asked for twice.
pub async fn look_ups_answer_in_order(home: &impl Home) {
    let store = home.open();
    let name = |n: usize| format!("key {n}");
    for from in [0, 1_000, 2_000] {
        let batch = (from..from + 1_000).flat_map(|n| {
            let plan = PlanKey(digest(&name(n)));
            [result(&name(n), 0, &n.to_string()), Write::Plan(plan, bytes(&n.to_string()))]
        });
        commit(&store, batch.collect()).await;
    }
    let asked: Vec<usize> = (0..4_000).map(|n| n * 7 % 4_001).chain([5, 5, 3_999]).collect();
    for store in [&store, &home.open()] {
        let keys: Vec<ActionKey> = asked.iter().map(|n| key(&name(*n))).collect();
        let plans: Vec<PlanKey> = keys.iter().map(|key| PlanKey(key.0)).collect();
        let found = store.results(&keys).await.unwrap();
        let plans = store.plans(&plans).await.unwrap();
        assert_eq!((found.len(), plans.len()), (asked.len(), asked.len()));
        for ((n, records), plan) in asked.iter().zip(found).zip(plans) {
            let due = (*n < 3_000).then(|| bytes(&n.to_string()));
            assert_eq!(records.first().map(|record| record.body.clone()), due);
            assert_eq!(plan, due);
        }
        assert!(store.results(&[]).await.unwrap().is_empty());
        assert!(store.counters().lookups > 0);
    }
}

/// Bytes that are not those of their digest are an error once, then absent, then written again.
pub async fn corrupt_bytes_are_never_handed_out(home: &impl Home) {
    for (size, seed) in SIZES.into_iter().skip(1).zip(10..) {
        let bytes = pattern(size, seed);
        let due = Digest::of_blob(&bytes);
        let write = || vec![Write::Blob(BlobKind::Blob, bytes.clone().into())];
        commit(&home.open(), write()).await;
        assert!(home.corrupt(due), "{size} bytes could not be spoiled");
        let store = home.open();
        match store.get(BlobKind::Blob, due) {
            Err(StoreError::Corrupt { digest, .. }) => assert_eq!(digest, due),
            other => panic!("{size} bytes: {:?}", other.map(|blob| blob.map(|blob| blob.len()))),
        }
        assert!(store.get(BlobKind::Blob, due).unwrap().is_none());
        assert_eq!(store.has(&[due]).await.unwrap(), [false]);
        commit(&store, write()).await;
        assert!(read(&store, BlobKind::Blob, due) == Some(bytes.clone()));
        home.corrupt(due);
        let fetched = home.open().fetch(&[(BlobKind::Blob, due)]).await.unwrap();
        assert_eq!(fetched, [false], "fetching something corrupt finds it absent");
    }
}

/// A blob whose bytes are gone is absent, and can be written again.
pub async fn removed_bytes_are_absent_and_can_be_written_again(home: &impl Home) {
    let store = home.open();
    for (size, seed) in SIZES.into_iter().zip(30..) {
        let bytes = pattern(size, seed);
        let due = Digest::of_blob(&bytes);
        let write = || vec![Write::Blob(BlobKind::Blob, bytes.clone().into())];
        commit(&store, write()).await;
        assert!(read(&store, BlobKind::Blob, due).is_some());
        home.remove(due);
        assert_eq!(store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [false], "{size} bytes");
        assert_eq!(store.has(&[due]).await.unwrap(), [false]);
        assert_eq!(read(&store, BlobKind::Blob, due), None);
        commit(&store, write()).await;
        assert!(read(&store, BlobKind::Blob, due) == Some(bytes));
    }
}

/// What another process wrote is reported once; what this one wrote is not.
pub async fn what_others_wrote_is_seen(home: &impl Home) {
    let (one, two) = (home.open(), home.open());
    commit(&one, vec![result("a", 0, "1")]).await;
    assert!(!one.others_wrote().unwrap());
    if !std::ptr::addr_eq(Arc::as_ptr(&one), Arc::as_ptr(&two)) {
        assert!(two.others_wrote().unwrap());
        commit(&two, vec![result("b", 0, "1")]).await;
        assert!(!two.others_wrote().unwrap());
        assert!(one.others_wrote().unwrap());
        assert!(!one.others_wrote().unwrap());
    }
    assert_eq!(records(&one, "b").await, records(&two, "b").await);
}

/// So many tasks race in each of the next two.
const RACERS: usize = 8;

/// Of many that write one result at once one wins, and all others are told its bytes.
pub async fn of_many_writers_of_one_result_one_wins(home: &impl Home) {
    let stores: Vec<_> = (0..RACERS).map(|_| home.open()).collect();
    let racers: Vec<_> = stores
        .into_iter()
        .enumerate()
        .map(|(n, store)| {
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for round in 0..10 {
                    let body = format!("by {n}");
                    let own = Write::Blob(BlobKind::Blob, bytes(&format!("{round} {body}")));
                    let done = commit(&store, vec![own, result(&format!("round {round}"), 0, &body)]).await;
                    seen.push(match &done[1] {
                        Committed::Written => body,
                        Committed::Lost(first) => String::from_utf8(first.to_vec()).unwrap(),
                    });
                }
                seen
            })
        })
        .collect();
    let mut seen = Vec::new();
    for racer in racers {
        seen.push(racer.await.unwrap());
    }
    let store = home.open();
    for round in 0..10 {
        let there = records(&store, &format!("round {round}")).await;
        assert!(seen.iter().all(|racer| there == [(0, racer[round].clone())]), "all agree on who won");
    }
    let blobs: Vec<Digest> = (0..RACERS).map(|n| digest(&format!("9 by {n}"))).collect();
    assert!(store.has(&blobs).await.unwrap().into_iter().all(|there| there));
}

/// Of many that append to the log of tombstones at once each finds a number of its own.
pub async fn of_many_writers_of_one_tombstone_one_wins(home: &impl Home) {
    let racers: Vec<_> = (0..RACERS)
        .map(|n| {
            let store = home.open();
            tokio::spawn(async move {
                for round in 0..5 {
                    let body = bytes(&format!("{n} {round}"));
                    loop {
                        let next = store.tombstones(0).await.unwrap().last().map_or(0, |(last, _)| *last) + 1;
                        let done = commit(&store, vec![Write::Tombstone(next, body.clone())]).await;
                        if done == [Committed::Written] {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for racer in racers {
        racer.await.unwrap();
    }
    let all = home.open().tombstones(0).await.unwrap();
    assert!(all.iter().map(|(n, _)| *n).eq(1..=(RACERS as u64) * 5));
    let mut bodies: Vec<&Bytes> = all.iter().map(|(_, body)| body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), RACERS * 5);
}
