//! The probe tries to observe everything, and gets identical bytes twice.

use crate::world::{World, component, goal, text};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

/// Writes the same files in another order, so that inodes and directory orders differ.
fn sources(folder: &Path, backwards: bool) {
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    let mut names: Vec<String> =
        (0..40).map(|i| format!("file-{i}.txt")).chain(["deep/below.txt".into()]).collect();
    if backwards {
        names.reverse();
        // Other inodes for the same names.
        for i in 0..100 {
            std::fs::write(folder.join(format!("gone-{i}")), "x").unwrap();
        }
    }
    for name in names {
        std::fs::write(folder.join(&name), format!("content of {name}\n")).unwrap();
    }
    if backwards {
        for i in 0..100 {
            std::fs::remove_file(folder.join(format!("gone-{i}"))).unwrap();
        }
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = std::fs::File::open(entry.unwrap().path()).unwrap();
            file.set_times(std::fs::FileTimes::new().set_modified(old).set_accessed(old)).unwrap();
        }
    }
}

#[test]
fn the_probe_sees_the_same_in_two_worlds() {
    let mut outputs = Vec::new();
    for other in [false, true] {
        let world = World::new();
        let folder = world.path(if other { "elsewhere" } else { "here" });
        sources(&folder, other);
        let source = format!("source={}", folder.display());
        let args = world.build_args("probe", "probe", &[&source], "report.json");
        let mut command = world.wrun(args);
        if other {
            command.env("TZ", "Asia/Tokyo").env("HOSTNAME", "another").env("LANG", "de_DE.UTF-8");
            // Another user, where this one may become another.
            if rustix::process::getuid().is_root() {
                let nobody = 65_534;
                std::os::unix::fs::chown(world.folder.path(), Some(nobody), Some(nobody)).unwrap();
                open_up(world.folder.path());
                let copy = world.path("wrun");
                std::fs::copy(env!("CARGO_BIN_EXE_wrun"), &copy).unwrap();
                let wasm = world.path("probe.wasm");
                std::fs::copy(component("probe"), &wasm).unwrap();
                let mut args = world.build_args("probe", "probe", &[&source], "report.json");
                args[1] = wasm.display().to_string();
                command = std::process::Command::new(copy);
                command.args(args).current_dir(world.folder.path()).env_clear().env("HOME", world.folder.path());
                command.env("TZ", "Asia/Tokyo").uid(nobody).gid(nobody);
            }
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        outputs.push(goal(&world.report("report.json")));
    }
    assert_eq!(outputs[0], outputs[1], "the probe saw a difference");
}

/// Lets everybody read what is there.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let folder = entry.file_type().unwrap().is_dir();
        let mode = if folder { 0o755 } else { 0o644 };
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        if folder {
            open_up(&entry.path());
        }
    }
}

#[test]
fn a_rebuild_into_an_empty_store_gives_the_same_digests() {
    let trees: Vec<Vec<(String, String)>> = (0..2)
        .map(|_| {
            let world = World::new();
            let report = world.build("grid", "grid", &["n=300"], &["-j", "2"]);
            let mut tasks: Vec<(String, String)> = report["tasks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|task| (task["key"].to_string(), task["output"].to_string()))
                .collect();
            tasks.sort();
            tasks
        })
        .collect();
    assert_eq!(trees[0], trees[1]);
}
