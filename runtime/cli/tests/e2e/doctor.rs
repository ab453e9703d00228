//! `wrun doctor` and `wrun man`.

use crate::env::TestEnv;
use crate::fake_s3::{FakeS3, Fault};
use crate::plugin::with_tools;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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
    // What the other languages take is missing too, and how to get it is said.
    for (check, due) in [
        ("clang", "apt-get install clang lld wasi-libc"),
        ("GHC for wasm", "ghc-wasm-meta"),
        ("GHC of tests", "apt-get install ghc"),
    ] {
        let (found, remedy) = state(&env, "", 0, check);
        assert_eq!(found, "missing", "{check}");
        assert!(remedy.as_deref().unwrap().contains(due), "{check}: {remedy:?}");
    }
    for check in ["wrun", "WebAssembly", "store", "cache", "clock", "kernel", "file locks"] {
        assert_eq!(state(&env, "", 0, check), ("ok".to_owned(), None), "{check}");
    }
    assert_eq!(state(&env, "--store gs://bucket", 1, "store").0, "bad");
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
fn compilers_that_are_there_are_named() {
    let mut env = TestEnv::new();
    with_tools(&mut env, Path::new("/none"));
    assert_eq!(state(&env, "", 0, "clang"), ("ok".to_owned(), None));
    let ghc = env.write("bin/ghc", "#!/bin/sh\necho 9.6.6\n");
    std::fs::set_permissions(&ghc, std::fs::Permissions::from_mode(0o755)).unwrap();
    env.set("WRUN_GHC", &ghc);
    with_tools(&mut env, ghc.parent().unwrap());
    let found = env.words("doctor --json").ok().json();
    let line = |check: &str| found.iter().find(|line| line["check"] == check).unwrap()["found"].to_string();
    assert!(line("GHC for wasm").contains("GHC 9.6.6, at "), "{}", line("GHC for wasm"));
    assert!(line("GHC of tests").contains("bin/ghc"), "{}", line("GHC of tests"));
    assert!(line("clang").contains(" with wasi-libc, at "), "{}", line("clang"));
}

#[test]
fn a_bucket_is_tried_right_by_right() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "bucket");
    for check in ["bucket", "list", "write", "read", "conditions", "delete", "cache of S3"] {
        assert_eq!(state(&env, "", 0, check), ("ok".to_owned(), None), "{check}");
    }
    assert!(server.names().is_empty(), "nothing is left: {:?}", server.names());
    // Its clock stands at 2013.
    assert_eq!(state(&env, "", 0, "server's clock").0, "missing");
    for (method, on, check, code, due, remedy) in [
        ("PUT", "doctor/", "write", 0, "missing", "allow s3:PutObject"),
        ("GET", "doctor/", "read", 1, "bad", "allow s3:GetObject"),
        ("DELETE", "doctor/", "delete", 0, "missing", "only `wrun store gc` deletes"),
        ("GET", "bucket", "list", 1, "bad", "allow s3:ListBucket"),
    ] {
        server.order(method, on, Fault::Status(403, "AccessDenied"), 1000);
        let (found, said) = state(&env, "", code, check);
        assert_eq!(found, due, "{check}");
        assert!(said.as_deref().unwrap_or_default().starts_with(remedy), "{check}: {said:?}");
        server.recover();
    }
    for (status, name, remedy) in [
        (404, "NoSuchBucket", "make the bucket"),
        (400, "ExpiredToken", "log in again"),
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (301, "PermanentRedirect", "name the bucket's region"),
    ] {
        server.order("", "", Fault::Status(status, name), 1000);
        let (found, said) = state(&env, "", 1, "bucket");
        assert_eq!(found, "bad", "{name}");
        assert!(said.as_deref().unwrap_or_default().starts_with(remedy), "{name}: {said:?}");
        server.recover();
    }
    server.ignore_conditions();
    let (found, said) = state(&env, "", 1, "conditions");
    assert_eq!(found, "bad");
    assert!(said.unwrap().contains("conditional = false"));
}

#[test]
fn a_server_without_conditions_is_refused_or_the_weaker_promise_is_said() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "bucket");
    server.ignore_conditions();
    let refused = env.words("build grid.wasm leaf -p i=1").code(5);
    let said = refused.stderr();
    assert!(said.contains("does not heed `If-None-Match: *`") && said.contains("hint: use a server"), "{said}");
    assert!(!server.names().iter().any(|name| name.contains("/ac/")), "{:?}", server.names());
    let config = env.read("wrun.toml") + "conditional = false\n";
    env.write("wrun.toml", config);
    let said = env.words("build grid.wasm leaf -p i=1").ok().stderr();
    assert!(said.contains("`conditional = false`: of two builds"), "{said}");
    assert!(server.names().iter().any(|name| name.contains("/ac/")));
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
