//! Stores in trouble.

use crate::env::TestEnv;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_store_that_is_no_folder() {
    let env = TestEnv::new();
    env.write("file", "");
    for place in ["file", "file/below", "/proc/none"] {
        let ran = env.wrun(["build", "hostile.wasm", "fine", "--store", place]).code(5);
        assert!(ran.stderr().starts_with("error: cannot "), "{}", ran.stderr());
        assert!(ran.stderr().contains("\n  because: "), "{}", ran.stderr());
        assert_eq!(ran.stderr().matches("\nhint: ").count(), 1, "{}", ran.stderr());
    }
}

fn files(below: &Path, out: &mut Vec<PathBuf>) {
    for entry in below.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

/// A blob of the one large output.
fn blob(env: &TestEnv) -> PathBuf {
    let mut found = Vec::new();
    files(&env.store().join("cas"), &mut found);
    assert!(!found.is_empty(), "the output was meant to be large");
    found.pop().unwrap()
}

#[test]
fn a_deleted_blob_is_made_again() {
    let env = TestEnv::new();
    let first = env.words("cat grid.wasm grid -p n=2000").ok().raw_stdout();
    assert_eq!(first.len(), 200_000);
    fs::remove_file(blob(&env)).unwrap();
    let again = env.words("cat grid.wasm grid -p n=2000").ok().raw_stdout();
    assert!(first == again);
}

#[test]
fn a_flipped_bit_is_never_handed_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = TestEnv::new();
    let first = env.words("cat grid.wasm grid -p n=2000").ok().raw_stdout();
    let blob = blob(&env);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[100] ^= 1;
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&blob, bytes).unwrap();
    let again = env.words("cat grid.wasm grid -p n=2000").ok().raw_stdout();
    assert!(first == again);
}

/// The records of a small build, in whatever files the store keeps them.
fn built() -> (TestEnv, Vec<PathBuf>) {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    let mut found = Vec::new();
    files(&env.store(), &mut found);
    found.retain(|path| {
        let text = path.display().to_string();
        !text.contains("/compiled/") && !text.contains("/cas/") && path.metadata().unwrap().len() > 0
    });
    assert!(!found.is_empty());
    (env, found)
}

#[test]
fn records_that_were_cut_are_an_error_or_are_made_again() {
    let (env, found) = built();
    for path in found {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let ran = env.report("build report.wasm 2013-01-02 --check");
        let said = ran.stderr();
        assert!(!said.contains("panicked"), "{}: {said}", path.display());
        if !said.starts_with("error: ") {
            let ran = ran.ok();
            assert!(ran.stderr().contains("8 tasks in ") || ran.stderr().contains("5 tasks in "), "{said}");
        } else {
            ran.code(5);
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn records_that_are_rubbish_are_no_panic() {
    let (env, found) = built();
    for path in found {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, vec![0x5a; whole.len()]).unwrap();
        let ran = env.report("build report.wasm 2013-01-02 --check");
        let said = ran.stderr();
        assert!(!said.contains("panicked"), "{}: {said}", path.display());
        if said.starts_with("error: ") {
            ran.code(5);
        } else {
            ran.ok();
        }
        fs::write(&path, &whole).unwrap();
    }
}

/// Runs a large build into the folder `small` after a line of shell, whose `$1` is that folder.
fn build_into(env: &TestEnv, before: &[&str], script: &str) -> std::io::Result<std::process::Output> {
    let wrun = env!("CARGO_BIN_EXE_wrun");
    let script = format!("{script} && exec {wrun} build grid.wasm grid -p n=20000 -q --store \"$1/store\"");
    let words = [before, &["sh", "-c", &script, "sh"]].concat();
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).arg(env.path("small")).current_dir(env.cwd()).env("HOME", env.home());
    command.output()
}

fn is_store_trouble(output: &std::process::Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.starts_with("error") && said.contains("small/store") && said.contains("\nhint: "), "{said}");
}

/// A file system of one mebibyte: as root, or as root of a namespace of its own.
#[test]
fn a_full_disk_is_an_error_that_the_user_sees() {
    let env = TestEnv::new();
    fs::create_dir(env.path("small")).unwrap();
    let small = env.path("small").display().to_string();
    let ways = [&["unshare", "-m"][..], &["unshare", "-rm"]];
    let way = ways.into_iter().find(|way| {
        let mut mount = std::process::Command::new(way[0]);
        mount.args(&way[1..]).args(["mount", "-t", "tmpfs", "-o", "size=1m", "wrun-test", &small]);
        mount.output().is_ok_and(|output| output.status.success())
    });
    let Some(way) = way else {
        // tests/tools/test.sh says so too, where everybody sees it; the limit below is tested on every machine.
        return eprintln!("NOT TESTED: this machine lets nobody mount a small file system");
    };
    let script = "mount -t tmpfs -o size=1m wrun-test \"$1\"";
    is_store_trouble(&build_into(&env, way, script).unwrap());
}

/// Where nothing can be mounted: a file that may not grow, which needs no rights.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_that_the_user_sees() {
    let env = TestEnv::new();
    fs::create_dir(env.path("small")).unwrap();
    // The signal would kill; ignored, the write fails instead. The unit is 512 bytes.
    is_store_trouble(&build_into(&env, &[], "trap '' XFSZ && ulimit -f 2048").unwrap());
    // What was kept before is there, and the next build goes on from it.
    env.words("build grid.wasm grid -p n=20000 -q --store small/store").ok();
}
