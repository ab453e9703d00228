//! `wrun status`.

use crate::env::TestEnv;
use std::process::{Child, Stdio};

/// A build of a task that never ends; it is killed when the test ends.
struct Endless(Child);

impl Endless {
    fn start(env: &TestEnv, words: &str) -> Self {
        let mut command = env.command();
        command.args(words.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks until a build is there and its only task runs.
fn seen(env: &TestEnv, words: &str) -> serde_json::Value {
    loop {
        let builds = env.words(words).ok().json();
        let found =
            builds.into_iter().find(|build| build["running"].as_array().is_some_and(|all| !all.is_empty()));
        if let Some(build) = found {
            return build;
        }
    }
}

#[test]
fn what_runs_and_what_was_killed() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    let ran = env.words("status").ok();
    assert_eq!((ran.raw_stdout(), ran.stderr()), (String::new(), "nothing runs\n".into()));
    let mut build = Endless::start(&env, "build hostile.wasm loops -q");
    let json = seen(&env, "status --json");
    assert_eq!((&json["plugin"], &json["goal"]), (&"hostile".into(), &"loops n=0".into()));
    assert_eq!(json["pid"], build.0.id());
    assert_eq!(json["running"][0]["task"], "loops n=0");
    let ran = env.words("status").ok();
    let said = ran.stdout();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "hostile:loops n=0  0 of 1 done, 1 running", "{said}");
    assert!(lines[1].starts_with("  for [time] by process "), "{said}");
    assert_eq!(lines[2], "       loops n=0  [time]", "{said}");
    // Another store has none.
    assert_eq!(env.words("status --store elsewhere --json").ok().raw_stdout(), "");
    build.kill();
    let ran = env.words("status").ok();
    assert_eq!((ran.raw_stdout(), ran.stderr()), (String::new(), "nothing runs\n".into()));
    let left = env.home().join(".cache/wrun/running").read_dir().unwrap().count();
    assert_eq!(left, 0, "what a killed build left is removed");
}

#[test]
fn a_home_that_cannot_be_written() {
    let mut env = TestEnv::new();
    env.set("HOME", "/proc");
    env.set("WRUN_STORE", env.path("store"));
    let _build = Endless::start(&env, "build hostile.wasm loops -q");
    assert_eq!(seen(&env, "status --json")["goal"], "loops n=0");
}
