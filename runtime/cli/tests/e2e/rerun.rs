//! `wrun rerun`.

use crate::env::TestEnv;

fn goal(env: &TestEnv, words: &str) -> String {
    let lines = env.report(&format!("{words} --json")).ok().json();
    let goal = lines.iter().find(|line| line["event"] == "goal").unwrap();
    goal["key"].as_str().unwrap().to_owned()
}

#[test]
fn everything_behind_a_result_is_made_again_from_the_store_alone() {
    let env = TestEnv::new();
    let key = goal(&env, "build report.wasm 2013-01-02");
    // Neither the plugin nor the memory of what it says of itself.
    std::fs::remove_file(env.path("report.wasm")).unwrap();
    let ran = env.wrun(["rerun", &key, "--up", "--json"]).ok();
    let lines = ran.json();
    assert!(lines.len() > 1 && lines.iter().all(|line| line["verdict"] == "same"), "{}", ran.raw_stdout());
    let ran = env.wrun(["rerun", &key]).ok();
    assert!(ran.stdout().starts_with("same     report:"), "{}", ran.stdout());
    assert_eq!(ran.stderr(), "1 result: 1 same\n");
}

#[test]
fn dynamic_tasks_are_answered_as_the_first_time() {
    let env = TestEnv::new();
    let lines = env.words("build shards.wasm sum 12 --json").ok().json();
    let goal = lines.iter().find(|line| line["event"] == "goal").unwrap();
    let ran = env.wrun(["rerun", goal["key"].as_str().unwrap(), "--up", "--json"]).ok();
    assert!(ran.json().iter().all(|line| line["verdict"] == "same"), "{}", ran.raw_stdout());
}

#[test]
fn a_file_that_is_gone_is_said() {
    let env = TestEnv::new();
    let key = goal(&env, "build report.wasm 2013-01-02");
    std::fs::remove_file(env.path("flights.csv")).unwrap();
    // A local store keeps its bytes, but not what its name makes of them.
    let ran = env.wrun(["rerun", &key, "--up"]).code(1);
    assert!(
        ran.stdout().contains("cannot  b3:…  the store does not have the bytes of input `"),
        "{}",
        ran.stdout()
    );
}

#[test]
fn words_that_are_no_keys_are_refused() {
    let env = TestEnv::new();
    env.words("rerun report.wasm").refused(
        2,
        "error: `report.wasm` is no key of a result\n\
         hint: `wrun build --json` prints the keys of goals, `wrun lineage --json` those behind them\n",
    );
}
