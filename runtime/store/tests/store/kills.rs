//! Processes that are killed, and several at once.

use super::{check, child, files, key, open};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use wrun_store::Store as _;
use wrun_store::lock::Locks;

/// Reads lines of a child until one begins with a word; returns what follows it.
fn line(reader: &mut impl std::io::BufRead, word: &str) -> Option<String> {
    let lines = reader.lines().map_while(Result::ok);
    // The test harness writes in the same line before the first.
    lines.filter_map(|line| line.split_once(word).map(|(_, rest)| rest.to_owned())).next()
}

fn start(test: &str, folder: &Path, first: u64) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = child::command(&[], test, folder, first).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

#[test]
fn a_store_survives_kills_at_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = 0;
    // So many numbers are done when each is killed; where it is then is up to the machine.
    for done in [1, 4, 2, 7, 3, 1, 9, 5] {
        let (mut child, mut out) = start("commits_until_it_is_killed", folder.path(), first);
        for _ in 0..done {
            line(&mut out, "done ").unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it did meanwhile counts too.
        let last =
            out.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("done ")?.parse().ok()).last();
        let last: u64 = last.unwrap_or(first + done - 1);
        let store = open(folder.path());
        (0..=last).for_each(|n| check(&store, n, true));
        check(&store, last + 1, false);
        check(&store, last + 2, false);
        first = last + 1;
    }
    // Nobody's leftovers stay once somebody stages again.
    drop(open(folder.path()).stage().unwrap());
    let left = files(&folder.path().join("staging"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn several_processes_use_one_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..4).map(|n| start("commits_a_hundred", folder.path(), n * 25)).collect();
    for (mut child, mut out) in all {
        assert!(line(&mut out, "all ").is_some());
        assert!(child.wait().unwrap().success());
    }
    let store = open(folder.path());
    (0..100).for_each(|n| check(&store, n, true));
}

#[test]
fn the_lock_of_a_process_that_is_killed_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let locks = Locks::open(folder.path()).unwrap();
    let (mut child, mut out) = start("holds_a_lock", folder.path(), 1);
    assert_eq!(line(&mut out, "held ").unwrap(), "true");
    assert!(locks.try_lock(key(1)).unwrap().is_none());
    assert!(locks.try_lock(key(2)).unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(locks.try_lock(key(1)).unwrap().is_some());
}
