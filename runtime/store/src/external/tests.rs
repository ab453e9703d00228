#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::file::{hash, settled, stamp};
use super::*;
use crate::memory::MemoryStore;
use std::fs::{File, create_dir_all, write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

mod http;
mod there;

struct Local {
    folder: tempfile::TempDir,
    memory: Arc<MemoryStore>,
    store: Arc<dyn Store>,
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Makes files, whose times are long ago.
fn place(files: &[(&str, &str)]) -> Local {
    let memory = Arc::new(MemoryStore::default());
    let place = Local { folder: tempfile::tempdir().unwrap(), store: memory.clone(), memory };
    files.iter().for_each(|(name, text)| place.write(name, text.as_bytes()));
    place
}

impl Local {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        create_dir_all(self.path(name).parent().unwrap()).unwrap();
        write(self.path(name), bytes).unwrap();
    }

    fn find_as(&self, name: &str, mode: ExternalMode) -> Result<Found, ExternalError> {
        block_on(find(&self.store, &Sources::default(), &[Request::new(self.path(name), mode)]))
            .unwrap()
            .pop()
            .unwrap()
    }

    fn find(&self, name: &str) -> Result<Found, ExternalError> {
        self.find_as(name, ExternalMode::Content)
    }

    fn error(&self, name: &str) -> ExternalError {
        match self.find(name) {
            Ok(found) => panic!("found {:?}", paths(found.dir())),
            Err(error) => error,
        }
    }

    /// What a task would read.
    fn brought(&self, found: &Found) -> Vec<(String, Vec<u8>)> {
        brought(&self.store, found)
    }
}

fn brought(store: &Arc<dyn Store>, found: &Found) -> Vec<(String, Vec<u8>)> {
    let (dir, writes) = block_on(found.bring(store)).unwrap_or_else(|error| panic!("{error}"));
    block_on(store.commit(writes)).unwrap();
    block_on(dir.fetch()).unwrap();
    let mut all = Vec::new();
    dir.walk(&mut |path, entry, at| {
        if entry.kind != EntryKind::Directory {
            all.push((path.to_owned(), at.file(entry)?.to_vec().unwrap()));
        }
        Ok(())
    })
    .unwrap();
    all
}

fn paths(dir: &Dir) -> Vec<String> {
    let mut all = Vec::new();
    dir.walk(&mut |path, entry, _| {
        if entry.kind != EntryKind::Directory {
            all.push(path.to_owned());
        }
        Ok(())
    })
    .unwrap();
    all
}

fn found(place: &Local, name: &str) -> Vec<String> {
    paths(place.find(name).unwrap_or_else(|error| panic!("{error}")).dir())
}

#[test]
fn a_file_is_a_folder_with_that_file() {
    let place = place(&[("data/a.csv", "one")]);
    let file = place.find("data/a.csv").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(place.brought(&file), [("a.csv".to_owned(), b"one".to_vec())]);
    assert_eq!(file.kind, InputKind::Tree);
    assert_eq!(place.find("data/*.csv").ok().unwrap().digest, file.digest);
    assert_eq!(place.find("data").ok().unwrap().digest, file.digest);
}

#[test]
fn what_is_hashed_is_content_and_the_exec_bit_alone() {
    let place = place(&[("one/a/b", "1"), ("one/c", "2"), ("two/c", "2"), ("two/a/b", "1")]);
    let digest = |name: &str| place.find(name).ok().unwrap().digest;
    let before = digest("one");
    assert_eq!(before, digest("two"));
    std::fs::set_permissions(place.path("one/c"), PermissionsExt::from_mode(0o600)).unwrap();
    create_dir_all(place.path("one/empty/empty")).unwrap();
    assert_eq!(digest("one"), before);
    std::fs::set_permissions(place.path("one/c"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_ne!(digest("one"), before);
}

#[test]
fn globs_match_below_their_fixed_part() {
    let place = place(&[
        ("data/2013/01.csv", "1"),
        ("data/2013/02.csv", "2"),
        ("data/2013/02.txt", "2"),
        ("data/2014/deep/er/01.csv", "3"),
        ("data/top.csv", "4"),
        ("data/odd[1].csv", "5"),
    ]);
    assert_eq!(found(&place, "data/*.csv"), ["odd[1].csv", "top.csv"]);
    assert_eq!(found(&place, "data/*/*.csv"), ["2013/01.csv", "2013/02.csv"]);
    assert_eq!(found(&place, "data/2013/0?.{csv,txt}"), ["01.csv", "02.csv", "02.txt"]);
    assert_eq!(found(&place, "data/2014/**/*.csv"), ["deep/er/01.csv"]);
    assert_eq!(found(&place, "data/2*/**/01.csv"), ["2013/01.csv", "2014/deep/er/01.csv"]);
    assert_eq!(found(&place, "data/{2013/01,top}.csv"), ["2013/01.csv", "top.csv"]);
    assert_eq!(found(&place, "data/odd[1].csv"), ["odd[1].csv"], "what has that very name is meant");
    assert!(matches!(place.error("data/*.parquet"), ExternalError::NoMatch(_)));
    assert!(matches!(place.error("data/[.csv"), ExternalError::Glob { .. }));
    assert!(matches!(place.error("nowhere/*.csv"), ExternalError::Missing(_)));
}

#[test]
fn a_listing_reads_names_and_sizes_alone() {
    let place = place(&[("data/b", "22"), ("data/a/c", "1")]);
    let listing = || place.find_as("data", ExternalMode::Listing).ok().unwrap();
    let before = listing();
    assert_eq!(place.brought(&before), [("listing".to_owned(), b"1\ta/c\n2\tb\n".to_vec())]);
    assert_eq!(before.kind, InputKind::Listing);
    place.write("data/b", b"33");
    assert_eq!(listing().digest, before.digest);
    place.write("data/b", b"333");
    assert_ne!(listing().digest, before.digest);
    place.write("data/two\n2\tlines", b"");
    assert!(matches!(place.find_as("data", ExternalMode::Listing), Err(ExternalError::Name { .. })));
    assert!(place.find("data").is_ok());
}

#[test]
fn a_remembered_file_is_not_read_until_it_is_brought() {
    let place = place(&[]);
    let large = vec![7; 100_000];
    place.write("data/large", &large);
    place.write("data/small", b"small");
    let path = place.path("data/large");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    // The kernel sets the change time itself; so the file is declared settled by hand.
    for name in ["large", "small"] {
        let file = File::options().write(true).open(place.path("data").join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
        let stamp = stamp(&file.metadata().unwrap());
        let digest = Digest::of_blob(if name == "large" { &large } else { b"small" });
        block_on(place.store.commit(vec![Write::External(stamp.into(), digest)])).unwrap();
    }
    let found = place.find("data").unwrap_or_else(|error| panic!("{error}"));
    assert!(found.stamps.is_empty());
    assert!(found.dir().memory().blobs.is_empty(), "nothing was read");
    let due = [("large".to_owned(), large.clone()), ("small".to_owned(), b"small".to_vec())];
    assert_eq!(place.brought(&found), due);
    // Both are in the store now, so even files that are gone are no loss.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(place.brought(&found), due);
    place.memory.drop_all_blobs();
    assert!(matches!(
        block_on(found.bring(&place.store)),
        Err(BringError::External(ExternalError::Missing(missing))) if missing == path
    ));
}

#[test]
fn what_was_touched_just_now_is_not_remembered() {
    let place = place(&[("a", "1")]);
    let found = place.find("a").ok().unwrap();
    assert!(found.stamps.is_empty());
    let Where::Here(stamp) = found.files[0].from else { panic!("a file of this machine") };
    let at = |seconds: i128| {
        let nanos = u64::try_from(stamp.ctime.max(stamp.mtime) + seconds * 1_000_000_000).unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
    };
    assert!(!settled(&stamp, at(2)));
    assert!(settled(&stamp, at(3)));
    assert!(!settled(&stamp, at(-9)), "a clock that was put back says nothing");
}

#[test]
fn what_changes_between_hashing_and_reading_is_an_error_that_names_it() {
    let place = place(&[]);
    for (name, size) in [("small", 10), ("large", 100_000)] {
        place.write(name, &vec![1; size]);
        let found = place.find(name).ok().unwrap();
        place.memory.drop_all_blobs();
        // Same size and, for all that is known, the same times: only the bytes tell.
        let mut forged = found;
        forged.dir = Dir::stored(forged.digest, place.store.clone()).into();
        write(place.path(name), vec![2; size]).unwrap();
        forged.files[0].from = Where::Here(stamp(&std::fs::metadata(place.path(name)).unwrap()));
        let error = block_on(forged.bring(&place.store)).err().unwrap();
        assert!(matches!(&error, BringError::External(ExternalError::Changed(path)) if path.ends_with(name)));
    }
    let path = place.path("small");
    let before = stamp(&std::fs::metadata(&path).unwrap());
    write(&path, [3; 11]).unwrap();
    assert!(matches!(hash(&path, before), Err(ExternalError::Changed(_))));
}

#[test]
fn one_file_in_two_externals_is_read_once() {
    let place = place(&[("data/a", "1"), ("data/b", "2")]);
    let requests = ["data", "data/a", "data/*", "nothing"];
    let requests = requests.map(|name| Request::new(place.path(name), ExternalMode::Content));
    let all = block_on(find(&place.store, &Sources::default(), &requests)).unwrap();
    assert_eq!(all[0].as_ref().ok().unwrap().digest, all[2].as_ref().ok().unwrap().digest);
    assert_eq!(place.brought(all[1].as_ref().ok().unwrap()), [("a".to_owned(), b"1".to_vec())]);
    assert!(matches!(all[3], Err(ExternalError::Missing(_))));
}

#[test]
fn links_are_followed_inside_the_folder_alone() {
    let place = place(&[("data/a/b", "1"), ("outside/c", "2")]);
    symlink("a", place.path("data/link")).unwrap();
    symlink("../data/a/b", place.path("data/file")).unwrap();
    assert_eq!(found(&place, "data"), ["a/b", "file", "link/b"]);
    assert_eq!(found(&place, "data/*/b"), ["a/b", "link/b"]);
    symlink(place.path("outside"), place.path("data/out")).unwrap();
    let out = place.path("data/out");
    assert!(matches!(place.error("data"), ExternalError::LinkOut { path, .. } if path == out));
    assert!(matches!(place.error("data/**/b"), ExternalError::LinkOut { .. }));
    assert!(matches!(place.error("data/*/c"), ExternalError::LinkOut { .. }));
    assert_eq!(found(&place, "data/[al]*/b"), ["a/b", "link/b"], "it is left out");
    assert_eq!(found(&place, "data/f*"), ["file"]);
    assert_eq!(found(&place, "data/out"), ["c"], "a path that is named is meant");
}

#[test]
fn links_in_a_circle_and_links_to_nothing_are_errors() {
    let place = place(&[("data/a/b", "1"), ("more/b", "1")]);
    symlink("..", place.path("data/a/up")).unwrap();
    assert!(matches!(place.error("data"), ExternalError::Loop(path) if path.ends_with("data/a/up")));
    assert!(matches!(place.error("data/**/b"), ExternalError::Loop(_)));
    symlink("nothing", place.path("more/dangling")).unwrap();
    symlink("self", place.path("more/self")).unwrap();
    assert!(matches!(place.error("more"), ExternalError::Dangling(_)));
    assert!(matches!(place.error("more/self"), ExternalError::Dangling(_)));
    assert!(!place.error("more/dang*").is_missing());
    assert_eq!(found(&place, "more/b*"), ["b"]);
}

#[test]
fn folders_without_end_are_refused() {
    let place = place(&[]);
    let deep = "d/".repeat(list::DEEPEST + 1);
    place.write(&format!("data/{deep}file"), b"");
    assert!(matches!(place.error("data"), ExternalError::TooDeep(_)));
}

#[test]
fn names_that_are_not_utf8_are_errors_unless_they_are_left_out() {
    let place = place(&[("data/a.csv", "1")]);
    let bad = place.path("data").join(std::ffi::OsStr::from_bytes(b"\xff.csv"));
    write(&bad, "2").unwrap();
    assert!(matches!(place.error("data"), ExternalError::NotUtf8(path) if path == bad));
    assert!(matches!(place.error("data/*.csv"), ExternalError::NotUtf8(_)));
    assert_eq!(found(&place, "data/a*"), ["a.csv"]);
    let request = Request::new(bad, ExternalMode::Content);
    let alone = block_on(find(&place.store, &Sources::default(), &[request])).unwrap().pop().unwrap();
    assert!(matches!(alone, Err(ExternalError::NotUtf8(_))));
}

#[test]
fn what_is_neither_file_nor_folder_is_an_error_and_nobody_waits_for_it() {
    let place = place(&[("data/a.csv", "1")]);
    let fifo = place.path("data/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("data/socket")).unwrap();
    assert!(matches!(place.error("data/fifo"), ExternalError::Special { kind: "a fifo", .. }));
    assert!(matches!(place.error("data/sock*"), ExternalError::Special { kind: "a socket", .. }));
    assert!(matches!(place.error("data"), ExternalError::Special { .. }));
    assert_eq!(found(&place, "data/*.csv"), ["a.csv"]);
    // One that took the place of a file since that was listed.
    let stamp = stamp(&std::fs::metadata(&fifo).unwrap());
    let digest = hash(&fifo, FileStamp { size: 5, ..stamp });
    assert!(matches!(digest, Err(ExternalError::Changed(_))));
}

#[test]
fn every_error_names_its_path_and_has_a_hint() {
    let place = place(&[("data/delays.csv", "1"), ("file", "2")]);
    let error = place.error("data/dealys.csv");
    assert!(error.to_string().contains("data/dealys.csv"));
    assert_eq!(error.hint(), "did you mean `delays.csv`?");
    assert!(place.error("file/below").is_missing());
    let all = [
        place.error("nothing/at/all"),
        place.error("data/*.txt"),
        ExternalError::Changed(place.path("data")),
        ExternalError::TooDeep(place.path("data")),
        ExternalError::Loop(place.path("data")),
        ExternalError::Unreadable {
            path: place.path("data"),
            source: std::io::ErrorKind::PermissionDenied.into(),
        },
    ];
    for error in all {
        assert!(error.to_string().contains(place.folder.path().to_str().unwrap()), "{error}");
        assert!(!error.hint().is_empty());
    }
}
