//! `wrun doctor` and `wrun man`.

use crate::env::TestEnv;
use std::os::unix::fs::PermissionsExt as _;

fn state(env: &TestEnv, words: &str, code: i32, check: &str) -> (String, Option<String>) {
    let found = env.words(format!("doctor --json {words}").trim_end()).code(code).json();
    let line = found.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("{check}: {found:?}"));
    (line["state"].as_str().unwrap().to_owned(), line["remedy"].as_str().map(str::to_owned))
}

#[test]
fn what_is_missing_and_how_to_get_it() {
    let mut env = TestEnv::new();
    // No PATH: no Rust, which building with plugins does not need.
    let (found, remedy) = state(&env, "", 0, "cargo");
    assert_eq!(found, "missing");
    assert!(remedy.unwrap().contains("https://rustup.rs"));
    for check in ["wrun", "WebAssembly", "store", "cache", "clock", "kernel", "file locks"] {
        assert_eq!(state(&env, "", 0, check), ("ok".to_owned(), None), "{check}");
    }
    assert_eq!(state(&env, "--store s3://bucket", 1, "store").0, "bad");
    env.write("wrun.toml", "slot = 3");
    assert_eq!(state(&env, "", 1, "store").1.as_deref(), Some("did you mean `slots`?"));
    env.write("wrun.toml", "");
    let rustc = env.write("bin/rustc", "#!/bin/sh\necho rustc 1.70.0 \\(old\\)\n");
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", rustc.parent().unwrap().display());
    env.set("PATH", path);
    assert_eq!(state(&env, "", 0, "rustc").0, "missing");
    assert_eq!(state(&env, "", 0, "wasm target").1.as_deref(), Some("rustup target add wasm32-wasip2"));
    let text = env.words("doctor").ok().raw_stdout();
    assert!(text.starts_with("ok       wrun"), "{text}");
    assert!(text.contains("to mend it: rustup target add"), "{text}");
    assert!(!env.store().exists(), "looking makes no store");
}

#[test]
fn man_pages() {
    let env = TestEnv::new();
    let page = env.words("man plugin build").ok().raw_stdout();
    assert!(page.contains(".TH wrun-plugin-build 1"), "{page}");
    env.words("man -o pages").ok();
    for name in ["wrun", "wrun-build", "wrun-plugin-build", "wrun-doctor"] {
        assert!(env.read(&format!("pages/{name}.1")).contains(".SH NAME"), "{name}");
    }
    env.words("man biuld").refused(2, "error: `wrun` has no command `biuld`\nhint: did you mean `build`?\n");
}
