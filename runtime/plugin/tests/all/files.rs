use crate::support::{TestStore, a_run, dir, free_run, hostile, listing, out, run, run_with};
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_core::plan::{OutputKind, OutputSpec};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_plugin::{Run, RunError};
use wrun_store::files::{Dir, Objects};

#[test]
fn every_operation_works() {
    let plugin = hostile();
    let input = dir(&[("a", b"1")]);
    let run = || Run { inputs: vec![("data".into(), input.clone())], ..free_run("files") };
    let store = TestStore::new();
    let made = run_with(&plugin, run(), &Arc::default(), &store).unwrap();
    listing(&made.output);
    let tree = made.output.tree().unwrap();
    let names: Vec<&str> = tree.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["M", "again", "large", "patched", "small", "sparse", "z"]);
    assert!(store.staged() >= 3, "large files are spilled");
    // The same bytes come out of a store that has no files to spill to.
    let other = TestStore::without_files();
    let again = run_with(&plugin, run(), &Arc::default(), &other).unwrap();
    assert_eq!(again.output.digest(), made.output.digest());
}

#[test]
fn more_large_files_than_may_be_open_are_fine() {
    let made = run(&hostile(), free_run("many-files")).unwrap();
    assert_eq!(made.output.tree().unwrap().entries().len(), 150);
    listing(&made.output);
}

#[test]
fn inputs_are_sorted_whole_and_read_only() {
    let plugin = hostile();
    let input = dir(&[("b", b"bb"), ("a", b"a"), ("sub/deep/c", b"ccc"), ("sub/empty", b"")]);
    let inputs = vec![("z".into(), dir(&[])), ("data".into(), input)];
    let said = out(&plugin, Run { inputs: inputs.clone(), ..a_run("copies") });
    assert_eq!(
        said,
        "/in/data/\n/in/data/a 1 a\n/in/data/b 2 bb\n/in/data/sub/\n/in/data/sub/deep/\n\
         /in/data/sub/deep/c 3 ccc\n/in/data/sub/empty 0 \n/in/z/\n--\n"
    );
    let said = out(&plugin, Run { inputs, ..a_run("escapes") });
    assert_eq!(
        said,
        "/in/x Err(ReadOnlyFilesystem)\n/in/data/new Err(ReadOnlyFilesystem)\n/in/data/a Err(ReadOnlyFilesystem)\n\
         /etc/passwd Err(NotFound)\n/out/../x Err(PermissionDenied)\n/out/../../x Err(PermissionDenied)\n\
         ../x Err(NotFound)\n/x Err(NotFound)\nErr(ReadOnlyFilesystem)\nErr(ReadOnlyFilesystem)\nErr(NotFound)\n"
    );
}

#[test]
fn a_whole_directory_is_an_output() {
    let made = run(&hostile(), free_run("whole")).unwrap();
    assert_eq!(listing(&made.output), "a/\na/b/\na/b/c {}");
    assert_eq!(made.output.memory().blobs.len(), 1);
    assert_eq!(made.output.memory().trees.len(), 3);
}

#[test]
fn outputs_must_be_exactly_the_declared_ones() {
    let plugin = hostile();
    for (task, due) in [
        ("unmade", "`unmade` did not make its declared output `out`, and made `other`, which it does not declare"),
        ("more", "`more` made `another`, which it does not declare"),
        ("wrong-kind", "`wrong-kind` made a directory of its output `out`, which is declared as a file"),
    ] {
        let said = run(&plugin, a_run(task)).unwrap_err().to_string();
        assert_eq!(said, due);
    }
    let outputs = vec![OutputSpec { name: "out".into(), kind: OutputKind::Directory }];
    let said = run(&plugin, Run { outputs, ..a_run("fine") }).unwrap_err().to_string();
    assert_eq!(said, "`fine` made a file of its output `out`, which is declared as a directory");
}

/// A tree that names a blob which is in no store.
fn lost() -> Dir {
    let digest = Digest::of_blob(b"gone");
    let entry = Entry { name: "a".into(), kind: EntryKind::File { exec: false }, digest, size: 4 };
    let tree = Tree::new(vec![entry]).unwrap();
    let mut objects = Objects::default();
    let digest = tree.digest();
    objects.trees.insert(digest, Arc::new(tree));
    Dir::with_memory(digest, objects, None)
}

#[test]
fn lost_bytes_end_the_run_and_never_reach_the_guest() {
    let run = run(&hostile(), Run { inputs: vec![("data".into(), lost())], ..a_run("copies") });
    assert!(matches!(run, Err(RunError::LostInput { ref input }) if input == "data"), "{run:?}");
}

#[test]
fn a_large_file_goes_through() {
    let plugin = hostile();
    let store = TestStore::new();
    let made = run_with(&plugin, a_run("big"), &Arc::default(), &store).unwrap();
    assert_eq!(made.output.tree().unwrap().size(), 256 << 20);
    assert!(made.output.memory().blobs.is_empty());
    let read = Run { inputs: vec![("data".into(), made.output)], ..a_run("reads-big") };
    let made = run_with(&plugin, read, &Arc::default(), &store).unwrap();
    assert_eq!(listing(&made.output), format!("out {}", 256 << 20));
}
