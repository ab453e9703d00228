//! `wrun verify`.

use crate::env::{TestEnv, variant};

#[test]
fn cached_tasks_run_again_to_the_same_bytes() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    let tasks = env.report("verify report.wasm 2013-01-02").ok().stdout();
    assert!(tasks.ends_with(" same\n"), "{tasks}");
    let lines = env.report("verify report.wasm 2013-01-02 --only delays --json").ok().json();
    assert!(!lines.is_empty());
    assert!(
        lines
            .iter()
            .all(|line| line["verdict"] == "same" && line["task"].as_str().unwrap().starts_with("delays "))
    );
    env.report("verify report.wasm 2013-01-02 --only dealys")
        .refused(2, "error: `report` has no task `dealys`\nhint: did you mean `delays`?\n");
}

#[test]
fn a_broken_promise_is_nondeterminism() {
    let env = TestEnv::new();
    env.words("build hostile.wasm versioned -q").ok();
    // Other code that claims the same version.
    env.write("other.wasm", variant(&env, "20"));
    let ran = env.words("build other.wasm versioned --check").ok();
    assert!(ran.stderr().contains("1 cached"), "{}", ran.stderr());
    let ran = env.words("verify other.wasm versioned").code(6);
    let due = "differs     versioned n=0  b3:… then b3:…\n            out\n1 task: 1 differ\n";
    assert_eq!(ran.stdout(), due);
    let line = &env.words("verify other.wasm versioned --json").code(6).json()[0];
    assert_eq!(line["verdict"], "differs");
    // The first result is kept.
    assert_eq!(env.words("cat other.wasm versioned").ok().raw_stdout(), "0");
}
