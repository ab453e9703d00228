//! Whole stores: the conformance suite over each, and what may happen to a local one.
//!
//! - `suite`: conformance
//! - `s3`: the suites over real servers
//! - `tiered`: a cache in front of a truth
//! - `damage`: damaged, newer and foreign files
//! - `space`: no space, no permission to write
//! - `kills`: processes that are killed, and several at once
//! - `child`: what runs in a process of its own

#![allow(
    clippy::disallowed_methods,
    reason = "a test that starts itself again tells the child what to do by its environment"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod child;
mod damage;
#[path = "../fake_s3/mod.rs"]
mod fake_s3;
mod faults;
mod kills;
mod s3;
mod space;
mod suite;
mod tiered;

use std::path::Path;
use std::sync::Arc;
use wrun_core::digest::{ActionKey, Digest, PlanKey, TaskId};
use wrun_core::result::Address;
use wrun_store::local::LocalStore;
use wrun_store::{BlobKind, Bytes, Committed, Store, StoreError, Write};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    wrun_store::conformance::block_on(work)
}

fn digest(text: &str) -> Digest {
    Digest::of_blob(text.as_bytes())
}

fn key(n: u64) -> ActionKey {
    ActionKey(digest(&format!("action {n}")))
}

/// The bytes that belong to a number: of every third they are large.
fn blob(n: u64) -> Bytes {
    let size = if n.is_multiple_of(3) { 100_000 } else { 300 };
    let digits = n.to_string();
    let mut bytes = vec![b' '; size - digits.len()];
    bytes.extend_from_slice(digits.as_bytes());
    bytes.into()
}

/// A result, its blob and its Plan.
fn writes(n: u64) -> Vec<Write> {
    let body: Bytes = format!("result {n}").into_bytes().into();
    let address = Address { key: key(n), generation: 0 };
    vec![
        Write::Blob(BlobKind::Blob, blob(n)),
        Write::Result { address, body: body.clone(), task: TaskId(digest(&format!("task {n}"))) },
        Write::Plan(PlanKey(key(n).0), body),
    ]
}

fn commit(store: &LocalStore, n: u64) -> Result<(), StoreError> {
    let done = block_on(store.commit(writes(n)))?;
    assert!(done.iter().all(|one| *one == Committed::Written));
    Ok(())
}

/// Checks that everything of a number is there, or nothing that others could see.
fn check(store: &LocalStore, n: u64, due: bool) {
    let records = block_on(store.results(&[key(n)])).unwrap().pop().unwrap();
    let plan = block_on(store.plans(&[PlanKey(key(n).0)])).unwrap().pop().unwrap();
    assert!(records.len() == 1 || (!due && records.is_empty()), "result {n}: {records:?}");
    assert_eq!(plan.is_some(), records.len() == 1, "a batch is whole or nothing");
    if let Some(record) = records.first() {
        assert_eq!(*record.body, *format!("result {n}").as_bytes());
        let found = store.get(BlobKind::Blob, Digest::of_blob(&blob(n))).unwrap().unwrap();
        assert!(found.to_vec().unwrap() == *blob(n));
    }
}

fn open(root: &Path) -> Arc<LocalStore> {
    LocalStore::open(root).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
