//! What is taken, what is refused, what is counted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use wrun_store::local::LocalStore;

struct World {
    _root: tempfile::TempDir,
    out: std::path::PathBuf,
    store: Arc<dyn Store>,
}

fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let store = LocalStore::open(&root.path().join("store")).unwrap();
    World { out, store, _root: root }
}

fn spec(name: &str, kind: OutputKind) -> OutputSpec {
    OutputSpec { name: name.into(), kind }
}

fn all() -> Vec<OutputSpec> {
    vec![spec(".", OutputKind::Directory)]
}

const PLENTY: Most = Most { bytes: 1 << 40, files: 1 << 20 };

impl World {
    fn take(&self, outputs: &[OutputSpec]) -> Result<Dir, IngestError> {
        ingest(&self.out, Vec::new(), outputs, PLENTY, &self.store)
    }

    fn refused(&self, outputs: &[OutputSpec]) -> String {
        match self.take(outputs) {
            Err(IngestError::Output(why)) => why,
            other => format!("not refused: {other:?}"),
        }
    }
}

#[test]
fn files_large_and_small_come_with_their_exec_bits_and_nothing_else() {
    let world = world();
    std::fs::create_dir_all(world.out.join("a/b")).unwrap();
    let large: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(world.out.join("a/large"), &large).unwrap();
    std::fs::write(world.out.join("a/b/small"), "small").unwrap();
    std::fs::write(world.out.join("tool"), "#!").unwrap();
    std::fs::set_permissions(world.out.join("tool"), std::fs::Permissions::from_mode(0o6755)).unwrap();
    std::fs::hard_link(world.out.join("a/large"), world.out.join("again")).unwrap();
    let dir = world.take(&all()).unwrap();
    let mut seen = Vec::new();
    dir.walk(&mut |path, entry, at| {
        if let EntryKind::File { exec } = entry.kind {
            seen.push((path.to_owned(), exec, at.file(entry)?.to_vec().unwrap().len()));
        }
        Ok(())
    })
    .unwrap();
    let due =
        [("a/b/small", false, 5), ("a/large", false, 1_200_000), ("again", false, 1_200_000), ("tool", true, 2)];
    assert_eq!(seen.iter().map(|(p, e, n)| (p.as_str(), *e, *n)).collect::<Vec<_>>(), due);
    // Whoever starts again after a crash finds everything still there.
    assert_eq!(world.take(&all()).unwrap().digest(), dir.digest());
    // And what is in the store is the store's: nobody writes to it.
    let digest = Digest::of_blob(&large);
    let wrun_store::Blob::File(file, _) = world.store.get(wrun_store::BlobKind::Blob, digest).unwrap().unwrap()
    else {
        unreachable!("it is large")
    };
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o444);
}

#[test]
fn whatever_is_no_file_is_named_and_not_followed() {
    let world = world();
    for target in ["/etc/passwd", "file", "nowhere", ".."] {
        symlink(target, world.out.join("link")).unwrap();
        assert!(world.refused(&all()).contains("`/out/link` is a symbolic link"));
        std::fs::remove_file(world.out.join("link")).unwrap();
    }
    std::fs::create_dir(world.out.join("d")).unwrap();
    let fifo = world.out.join("d/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    assert!(world.refused(&all()).contains("`/out/d/fifo` is a fifo"));
    std::fs::remove_file(fifo).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.out.join("socket")).unwrap();
    assert!(world.refused(&all()).contains("`/out/socket` is a socket"));
}

#[test]
fn exactly_what_was_declared_must_be_there() {
    let world = world();
    let file = [spec("a", OutputKind::File)];
    assert!(world.refused(&file).contains("did not write `/out/a`"));
    std::fs::create_dir(world.out.join("a")).unwrap();
    assert!(world.refused(&file).contains("`/out/a` is a directory"));
    assert!(world.take(&[spec("a", OutputKind::Directory)]).is_ok());
    std::fs::write(world.out.join("b"), "").unwrap();
    assert!(world.refused(&[spec("a", OutputKind::Directory)]).contains("`/out/b`, which is not declared"));
    let wrong = [spec("a", OutputKind::Directory), spec("b", OutputKind::Directory)];
    assert!(world.refused(&wrong).contains("`/out/b` is a file"));
}

#[test]
fn what_is_in_the_store_already_is_part_of_it() {
    let world = world();
    std::fs::create_dir(world.out.join("d")).unwrap();
    std::fs::write(world.out.join("d/a"), "here").unwrap();
    let given = |paths: &[&str]| {
        let given = |path: &&str| Given { path: (*path).to_owned(), digest: Digest::of_blob(b"there"), size: 5 };
        ingest(&world.out, paths.iter().map(given).collect(), &all(), PLENTY, &world.store)
    };
    let tree = given(&["d/b", "e/f/g"]).unwrap();
    let mut seen = Vec::new();
    tree.walk(&mut |path, entry, _| {
        seen.push((path.to_owned(), entry.size));
        Ok(())
    })
    .unwrap();
    let files: Vec<(&str, u64)> = seen.iter().map(|(path, size)| (path.as_str(), *size)).collect();
    assert!([("d/a", 4), ("d/b", 5), ("e/f/g", 5)].iter().all(|file| files.contains(file)), "{files:?}");
    for twice in ["d/a", "d", "d/a/b"] {
        assert!(
            matches!(given(&[twice]), Err(IngestError::Output(why)) if why.contains("in two places")),
            "{twice}"
        );
    }
    let file = [spec("d", OutputKind::Directory)];
    let undeclared = vec![Given { path: "x".into(), digest: Digest::of_blob(b""), size: 0 }];
    assert!(matches!(ingest(&world.out, undeclared, &file, PLENTY, &world.store), Err(IngestError::Output(_))));
}

#[test]
fn odd_names_depths_and_amounts() {
    let world = world();
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&b"\xff\n"[..]);
    std::fs::write(world.out.join(odd), "").unwrap();
    assert!(world.refused(&all()).contains("is not UTF-8"));
    std::fs::remove_file(world.out.join(odd)).unwrap();
    std::fs::write(world.out.join("a\nb \\ *"), "x").unwrap();
    assert!(world.take(&all()).is_ok());
    let most = Most { bytes: 0, files: 9 };
    assert!(matches!(ingest(&world.out, Vec::new(), &all(), most, &world.store), Err(IngestError::TooMuch(_))));
    let most = Most { bytes: 9, files: 0 };
    assert!(matches!(ingest(&world.out, Vec::new(), &all(), most, &world.store), Err(IngestError::TooMuch(_))));
    // A hole of an exabyte is more than any cap.
    let hole = File::create(world.out.join("hole")).unwrap();
    hole.set_len(1 << 42).unwrap();
    assert!(matches!(world.take(&all()), Err(IngestError::TooMuch(_))));
    assert!(usage(&world.out).0 < 1 << 20);
    std::fs::remove_file(world.out.join("hole")).unwrap();
    let mut deep = world.out.clone();
    (0..150).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(&deep).unwrap();
    assert!(world.refused(&all()).contains("more than 100 directories deep"));
}
