//! Damaged, newer and foreign files.

use super::{block_on, check, commit, files, open};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wrun_core::digest::Digest;
use wrun_store::local::LocalStore;
use wrun_store::{Store as _, StoreError};

/// A store with some numbers in it, all of which is in the database itself.
fn filled(root: &Path) -> PathBuf {
    let store = open(root);
    (0..30).for_each(|n| commit(&store, n).unwrap());
    drop(store);
    let path = root.join("index.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    path
}

fn damaged(error: &StoreError) {
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("index.sqlite"), "{error}");
    assert!(error.hint().unwrap().contains("move"), "{error}");
}

#[test]
fn a_truncated_index_is_an_error_and_moving_it_away_helps() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = std::fs::read(&path).unwrap();
    for size in [10, 99, 100, 4_095, 4_096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..size]).unwrap();
        damaged(&LocalStore::open(folder.path()).err().unwrap_or_else(|| panic!("{size} bytes")));
    }
    std::fs::remove_file(&path).unwrap();
    let store = open(folder.path());
    check(&store, 0, false);
    // Large blobs are there still; what the index named is made again.
    assert_eq!(block_on(store.has(&[Digest::of_blob(&super::blob(0))])).unwrap(), [true]);
    commit(&store, 0).unwrap();
    check(&store, 0, true);
}

#[test]
fn a_log_is_not_thrown_away_with_the_head_of_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    commit(&store, 1).unwrap();
    let log = folder.path().join("index.sqlite-wal");
    let kept = std::fs::read(&log).unwrap();
    let path = folder.path().join("index.sqlite");
    let whole = std::fs::read(&path).unwrap();
    drop(store);
    for size in [1, 31, 32, 99] {
        std::fs::write(&path, &whole[..size]).unwrap();
        std::fs::write(&log, &kept).unwrap();
        damaged(&LocalStore::open(folder.path()).err().unwrap_or_else(|| panic!("{size} bytes")));
        assert!(std::fs::read(&log).unwrap() == kept);
    }
    std::fs::write(&path, &whole).unwrap();
    check(&open(folder.path()), 1, true);
}

#[test]
fn an_index_with_spoiled_pages_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let mut found = 0;
    for page in 0..whole.len() / 4096 {
        std::fs::write(&path, &whole).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&[0xa5; 64], page as u64 * 4096).unwrap();
        let tried = LocalStore::open(folder.path()).and_then(|store| {
            let keys: Vec<_> = (0..30).map(super::key).collect();
            block_on(store.results(&keys))?;
            block_on(store.runs(5))?;
            commit(&store, 100)
        });
        // A page that is not looked at does not matter.
        if let Err(error) = tried {
            damaged(&error);
            found += 1;
        }
    }
    assert!(found > 3, "{found}");
}

#[test]
fn what_is_no_index_at_all_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.sqlite"), "not a database, but long enough to be one".repeat(200))
        .unwrap();
    damaged(&LocalStore::open(folder.path()).err().unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cas"), "a file").unwrap();
    let error = LocalStore::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("cas"), "{error}");
}

#[test]
fn a_store_that_is_not_there_is_not_made_for_reading() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("typo");
    assert!(matches!(LocalStore::open_existing(&root), Err(StoreError::Io { .. })));
    assert!(!root.exists());
    drop(open(&root));
    assert!(LocalStore::open_existing(&root).is_ok());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let error = LocalStore::open(folder.path()).err().unwrap();
    assert!(matches!(error, StoreError::NewerFormat { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("99") && error.hint().is_some());
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn spoiled_blobs_are_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let store = open(folder.path());
    let due = Digest::of_blob(&super::blob(3));
    let hex = due.to_hex();
    let path = folder.path().join("cas").join(&hex[..2]).join(&hex[2..]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[70_000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let error = store.get(wrun_store::BlobKind::Blob, due).unwrap_err();
    assert!(error.to_string().contains(&hex), "{error}");
    assert!(std::fs::read(folder.path().join("corrupt").join(&hex)).unwrap() == bytes);
    commit(&store, 3).unwrap();
    check(&store, 3, true);
    // Cut short, as a power cut may leave it.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes[..50_000]).unwrap();
    let store = open(folder.path());
    assert!(matches!(store.get(wrun_store::BlobKind::Blob, due), Err(StoreError::Corrupt { .. })));
}

#[test]
fn leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let staging = folder.path().join("staging");
    for dead in ["1234-0", "1234-1"] {
        std::fs::create_dir_all(staging.join(dead)).unwrap();
        std::fs::write(staging.join(dead).join("0"), "half").unwrap();
    }
    std::fs::write(staging.join("1234-1/lock"), "").unwrap();
    let living = open(folder.path());
    let mut staged = living.stage().unwrap();
    staged.write(b"half ").unwrap();
    let other = open(folder.path());
    drop(other.stage().unwrap());
    assert!(!staging.join("1234-0").exists() && !staging.join("1234-1").exists());
    assert!(staged.path().unwrap().exists());
    staged.write(b"whole").unwrap();
    assert_eq!(staged.finish().unwrap(), Digest::of_blob(b"half whole"));
    drop((living, other));
    assert!(files(&staging).is_empty());
}
