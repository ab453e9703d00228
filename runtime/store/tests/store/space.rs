//! No space, and no permission to write: on file systems of their own where this machine lets a test mount
//! one, and by a limit on the size of files everywhere.

use super::{child, commit, open};
use std::path::Path;
use std::process::{Command, Stdio};

/// Words that run a command where it may mount; none if this machine does not let us.
fn mounting() -> Option<&'static [&'static str]> {
    const WAYS: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-r", "-m"]];
    let works = |way: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["mount", "-t", "tmpfs", "none"]).arg(folder.path());
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    WAYS.into_iter().find(|way| works(way))
}

/// Runs a child after a line of shell, whose `$0` is the folder.
fn run(before: &[&str], script: &str, test: &str, folder: &Path) -> String {
    let script = format!("set -e; {script}; exec \"$@\"");
    let words = [before, &["sh", "-c", &script, folder.to_str().unwrap()]].concat();
    let output = child::command(&words, test, folder, 0).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

#[test]
fn a_full_file_system_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(before) = mounting() else {
        // tests/tools/test.sh says so too, where everybody sees it; the limit below is tested on every machine.
        return eprintln!("NOT TESTED: this machine lets nobody mount a small file system");
    };
    let text = run(before, "mount -t tmpfs -o size=3m none \"$0\"", "fills_a_small_file_system", folder.path());
    assert!(text.contains("filled"), "{text}");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The signal would kill; ignored, the write fails instead.
    let text = run(&[], "trap '' XFSZ; ulimit -f 2048", "runs_into_a_limit", folder.path());
    assert!(text.contains("limited"), "{text}");
}

#[test]
fn a_read_only_folder_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    commit(&open(&folder.path().join("there")), 1).unwrap();
    let test = "meets_a_folder_that_is_read_only";
    let text = match mounting() {
        Some(before) => {
            run(before, "mount --bind \"$0\" \"$0\"; mount -o remount,bind,ro \"$0\"", test, folder.path())
        }
        // Permissions do the same for everybody but root, who could have mounted it.
        None => run(&[], "chmod -R a-w \"$0\"; trap 'chmod -R u+w \"$0\"' EXIT", test, folder.path()),
    };
    assert!(text.contains("read-only"), "{text}");
}
