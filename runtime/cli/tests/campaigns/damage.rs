//! Stores that are broken in one way or another: every build ends right, or says what is wrong.

use crate::world::{Random, World, goal, rounds, text, total};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// All files of the store's blobs.
fn blobs(world: &World) -> Vec<PathBuf> {
    fn below(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, out) } else { out.push(path) }
        }
    }
    let mut out = Vec::new();
    below(&world.store().join("cas"), &mut out);
    out.sort();
    out
}

/// A source of a few large days, so that outputs are blobs of their own.
fn source(world: &World) -> String {
    let path = world.path("text");
    std::fs::create_dir_all(&path).unwrap();
    for i in 0..6 {
        std::fs::write(path.join(format!("{i}.txt")), format!("word{i} common {i}\n").repeat(20_000)).unwrap();
    }
    format!("source={}", path.display())
}

#[test]
fn flipped_bits_and_lost_blobs_are_misses_that_rebuild() {
    let mut random = Random(7);
    for round in 0..rounds(2, 20) {
        let world = World::new();
        let source = source(&world);
        let whole = world.build("shards", "shards", &[&source], &[]);
        for path in blobs(&world) {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            match random.below(3) {
                0 => std::fs::remove_file(&path).unwrap(),
                1 => {
                    let mut bytes = std::fs::read(&path).unwrap();
                    let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                    bytes[at] ^= 1 << random.below(8);
                    std::fs::write(&path, bytes).unwrap();
                }
                _ => {}
            }
        }
        let report = world.build("shards", "shards", &[&source], &["--check"]);
        assert_eq!(goal(&report), goal(&whole), "round {round}");
    }
}

#[test]
fn a_truncated_index_is_an_error_that_says_what_to_do() {
    let world = World::new();
    world.build("grid", "grid", &["n=300"], &[]);
    let index = world.store().join("index.sqlite");
    let bytes = std::fs::read(&index).unwrap();
    std::fs::write(&index, &bytes[..bytes.len() / 3]).unwrap();
    for extra in ["index.sqlite-wal", "index.sqlite-shm"] {
        _ = std::fs::remove_file(world.store().join(extra));
    }
    let args = world.build_args("grid", "grid", &["n=300"], "report.json");
    let output = world.wrun(args.clone()).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("index.sqlite") && text(&output).contains("hint:"), "{}", text(&output));
    std::fs::rename(&index, world.path("aside")).unwrap();
    let output = world.wrun(args).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(total(&world.report("report.json"), "ran"), 304);
}

#[test]
fn a_store_of_a_newer_format_is_refused() {
    let world = World::new();
    world.build("grid", "grid", &["n=100"], &[]);
    // The format is the database's user version: four bytes of its header.
    let index = world.store().join("index.sqlite");
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[60..64].copy_from_slice(&999u32.to_be_bytes());
    std::fs::write(&index, bytes).unwrap();
    for extra in ["index.sqlite-wal", "index.sqlite-shm"] {
        _ = std::fs::remove_file(world.store().join(extra));
    }
    let output = world.wrun(world.build_args("grid", "grid", &["n=100"], "report.json")).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("format"), "{}", text(&output));
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let world = World::new();
    let small = world.path("small");
    std::fs::create_dir(&small).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&small)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        println!("damage: this user may not mount; a full disk was not tried");
        return;
    }
    let mut args = world.build_args("grid", "grid", &["n=10000"], "report.json");
    let at = args.iter().position(|arg| arg == "--store").unwrap() + 1;
    args[at] = small.join("store").display().to_string();
    let output = world.wrun(args).output().unwrap();
    _ = std::process::Command::new("umount").arg(&small).status();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("hint: free some space"), "{}", text(&output));
}
