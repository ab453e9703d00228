//! What runs in a process of its own: this test binary, asked for one test, which does nothing unless it is
//! told where.

#![allow(clippy::print_stdout, reason = "a child tells its parent how far it is")]

use super::{block_on, check, commit, files, key, open};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wrun_core::digest::PlanKey;
use wrun_store::local::LocalStore;
use wrun_store::lock::Locks;
use wrun_store::{Store, StoreError, Write};

const FOLDER: &str = "WRUN_TEST_FOLDER";
const FIRST: &str = "WRUN_TEST_FIRST";

/// The words that run one of the tests below in a process of its own.
pub(crate) fn words(test: &str) -> Vec<OsString> {
    let own = std::env::current_exe().unwrap().into_os_string();
    let name = format!("child::{test}");
    [own, "--exact".into(), name.into(), "--nocapture".into(), "--test-threads=1".into()].into()
}

/// Runs a test in a process of its own. Words before it may set the scene.
pub(crate) fn command(before: &[&str], test: &str, folder: &Path, first: u64) -> Command {
    let words: Vec<OsString> = before.iter().map(OsString::from).chain(words(test)).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(FOLDER, folder).env(FIRST, first.to_string());
    command.stdout(Stdio::piped()).stdin(Stdio::piped());
    command
}

fn told() -> Option<(PathBuf, u64)> {
    let first = std::env::var(FIRST).ok()?.parse().ok()?;
    Some((std::env::var_os(FOLDER)?.into(), first))
}

/// Commits number after number from the first, and says each once it is durable.
#[test]
fn commits_until_it_is_killed() {
    let Some((folder, first)) = told() else { return };
    let store = open(&folder);
    for n in first.. {
        commit(&store, n).unwrap();
        println!("done {n}");
    }
}

/// Commits the same numbers as others do.
#[test]
fn commits_a_hundred() {
    let Some((folder, first)) = told() else { return };
    let store = open(&folder);
    for n in 0..100 {
        // Each begins elsewhere.
        commit(&store, (n + first) % 100).unwrap();
    }
    println!("all {first}");
}

/// Takes a lock, says so, and keeps it until its input ends.
#[test]
fn holds_a_lock() {
    let Some((folder, first)) = told() else { return };
    let locks = Locks::open(&folder).unwrap();
    let held = locks.try_lock(key(first)).unwrap();
    println!("held {}", held.is_some());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

fn full(error: &StoreError) -> bool {
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("free some space"), "{error}: {error:?}");
    true
}

/// Fills a small file system. What was committed before stays; nothing else is there.
#[test]
fn fills_a_small_file_system() {
    let Some((folder, _)) = told() else { return };
    let root = folder.join("store");
    let store = open(&root);
    // Until not even small things fit: what fails is a file here, and the index there.
    let mut done = Vec::new();
    let mut failed = 0;
    for n in 0..400 {
        match commit(&store, n) {
            Ok(()) => done.push(n),
            Err(error) => failed += u32::from(full(&error)),
        }
    }
    assert!(done.len() > 5 && failed > 5, "{} done, {failed} failed", done.len());
    let check_all = |store: &LocalStore| (0..400).for_each(|n| check(store, n, done.contains(&n)));
    check_all(&store);
    let mut staged = store.stage().unwrap_or_else(|error| panic!("an empty file needs no space: {error:?}"));
    let chunk = vec![7; 1 << 20];
    let error = (0..64).find_map(|_| staged.write(&chunk).err()).unwrap();
    full(&error);
    drop(staged);
    // With some space again it goes on as if nothing had been.
    let large = files(&root.join("cas")).pop().unwrap();
    std::fs::remove_file(large).unwrap();
    commit(&store, 1_000).unwrap();
    drop(store);
    let store = open(&root);
    check(&store, 1_000, true);
    println!("filled");
}

/// With a limit on the size of files every write past it fails, the index's too.
#[test]
fn runs_into_a_limit() {
    let Some((folder, _)) = told() else { return };
    let store = open(&folder);
    commit(&store, 1).unwrap();
    let mut staged = store.stage().unwrap();
    let chunk = vec![7; 1 << 20];
    assert!(matches!((0..64).find_map(|_| staged.write(&chunk).err()), Some(StoreError::Io { .. })));
    drop(staged);
    let text: wrun_store::Bytes = vec![b'x'; 50_000].into();
    let plan = |n| vec![Write::Plan(PlanKey(key(n).0), text.clone())];
    let failed = (0..1_000).find(|n| block_on(store.commit(plan(*n))).is_err()).unwrap();
    let keys: Vec<PlanKey> = (0..1_000).map(|n| PlanKey(key(n).0)).collect();
    for store in [&store, &open(&folder)] {
        let plans = block_on(store.plans(&keys)).unwrap();
        assert_eq!(plans.iter().filter(|plan| plan.is_some()).count() as u64, failed);
        check(store, 1, true);
    }
    println!("limited");
}

/// A folder that cannot be written: an error that says so, whether a store is in it or not.
#[test]
fn meets_a_folder_that_is_read_only() {
    let Some((folder, _)) = told() else { return };
    for root in [folder.join("there"), folder.join("new")] {
        for opened in [LocalStore::open(&root), LocalStore::open_existing(&root)] {
            // Whether reading alone is possible is up to SQLite; writing is not.
            let done = opened.and_then(|store| commit(&store, 2));
            let error = done.err().unwrap();
            assert!(error.to_string().contains(folder.to_str().unwrap()), "{error}");
            let hint = error.hint().unwrap_or_default();
            let new = root.ends_with("new")
                && matches!(&error, StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
            assert!(new || hint.contains("--store"), "{error}: {error:?}");
        }
    }
    println!("read-only");
}
