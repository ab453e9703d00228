//! `wrun new`: names and places. That what it makes compiles and builds is in `source.rs`.

use crate::env::TestEnv;
use std::fs;

#[test]
fn a_package_is_made_with_all_that_it_needs() {
    let env = TestEnv::new();
    let ran = env.words("new word-counts").ok();
    assert_eq!(ran.raw_stdout(), "");
    let told = ran.stderr();
    assert!(told.starts_with("made word-counts: ") && told.contains("\n  wrun build word-counts "), "{told}");
    for file in ["Cargo.lock", "src/lib.rs", "data/text.txt", ".gitignore", ".wrun/sdk/derive/src/lib.rs"] {
        assert!(env.path("word-counts").join(file).is_file(), "{file}");
    }
    assert!(env.read("word-counts/Cargo.toml").contains("\nname = \"word-counts\"\n"));
    assert!(env.read("word-counts/wrun.toml").contains("\nword-counts = \".\"\n"));
    let everything = format!("{}{}", env.read("word-counts/Cargo.toml"), env.read("word-counts/wrun.toml"));
    assert!(!everything.contains("@NAME@") && !everything.contains(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn an_empty_folder_is_used_and_its_name_taken() {
    let env = TestEnv::new();
    fs::create_dir(env.path("empty")).unwrap();
    let mut command = env.command();
    command.args(["new", ".", "--json"]).current_dir(env.path("empty"));
    let output = command.output().unwrap();
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["name"], "empty");
    assert!(env.path("empty/src/lib.rs").is_file());
}

#[test]
fn a_bad_name_is_an_error_with_a_good_one() {
    let env = TestEnv::new();
    let cases = [
        ("my report", "`my report` is not lower-case letters, digits and `-`", "my-report"),
        ("match", "`match` is a keyword of Rust", "my-match"),
        ("2013", "`2013` begins with a digit", "build-2013"),
        ("test", "`test` is the name of another package, which it would hide", "my-test"),
        ("Report", "`Report` is not lower-case letters, digits and `-`", "report"),
    ];
    for (name, why, near) in cases {
        let due = format!("cannot be made: {why}\nhint: such as `wrun new {near}`\n");
        let ran = env.wrun(["new", name]).code(2);
        assert!(ran.stderr().ends_with(&due), "{}", ran.stderr());
        assert!(!env.path(name).exists());
    }
    let ran = env.wrun(["new", "日本"]).code(2);
    assert!(ran.stderr().contains("hint: the name is that of the package: "), "{}", ran.stderr());
}

#[test]
fn what_is_there_is_left_alone() {
    let env = TestEnv::new();
    env.write("there/file", "mine");
    let ran = env.words("new there").code(2);
    assert!(ran.stderr().contains("`there` is there already, and is not empty\n"), "{}", ran.stderr());
    assert_eq!(env.path("there").read_dir().unwrap().count(), 1);
    env.write("file", "");
    for name in ["file", "file/x"] {
        let ran = env.words(&format!("new {name}")).code(2);
        assert!(ran.stderr().contains("`file` is there already, and is no folder\n"), "{}", ran.stderr());
    }
}
