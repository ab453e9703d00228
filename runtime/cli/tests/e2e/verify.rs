//! `wrun verify`.

use crate::env::TestEnv;

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
