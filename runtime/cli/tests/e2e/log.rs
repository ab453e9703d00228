//! `wrun log`.

use crate::env::TestEnv;

#[test]
fn the_log_of_the_latest_result() {
    let env = TestEnv::new();
    let ran = env.words("log hostile.wasm talks").code(5);
    assert!(
        ran.stderr().starts_with("error: there is no store at `[ROOT]/home/.cache/wrun/store`\n"),
        "{}",
        ran.stderr()
    );
    env.words("build hostile.wasm fine -q").ok();
    env.words("log hostile.wasm talks").refused(
        1,
        "error: `talks n=0` never ran to an end\nhint: `wrun build` runs it, and `wrun plan` says what it waits for or is blocked by\n",
    );
    env.words("build hostile.wasm talks -q").ok();
    assert_eq!(env.words("log hostile.wasm talks").ok().stdout(), "one\ntwo\nthree\n");
    assert_eq!(env.words("log hostile.wasm talks --json").ok().json()[0]["log"], "one\ntwo\nthree\n");
    assert_eq!(env.words("log hostile.wasm fine").ok().stdout(), "");
}

#[test]
fn a_flood_is_kept_up_to_its_cap() {
    let env = TestEnv::new();
    env.words("build hostile.wasm floods -q").ok();
    let log = env.words("log hostile.wasm floods").ok().raw_stdout();
    assert!(log.starts_with("line 0 of a flood"), "{}", &log[..100]);
}

#[test]
fn a_failed_attempt_has_a_log_too() {
    let env = TestEnv::new();
    env.words("build hostile.wasm panics -q").code(1);
    let ran = env.words("log hostile.wasm panics").ok();
    assert!(ran.stdout().contains("\nthis task always panics\n"), "{}", ran.stdout());
    assert!(
        ran.stderr().starts_with("note: this attempt failed [time] ago: `panics` panicked at "),
        "{}",
        ran.stderr()
    );
    let line = &env.words("log hostile.wasm panics --json").ok().json()[0];
    assert!(line["log"].as_str().unwrap().contains("this task always panics"), "{line}");
    assert!(line["failed"]["message"].is_string(), "{line}");
}

#[test]
fn a_result_after_a_failure_and_a_failure_after_a_result() {
    let env = TestEnv::new();
    env.write("flights.csv", "no header\n");
    env.report("build report.wasm split-by-day -q").code(1);
    assert!(env.report("log report.wasm split-by-day").ok().stderr().contains("this attempt failed"));
    env.write("flights.csv", crate::env::FLIGHTS);
    env.report("build report.wasm split-by-day -q").ok();
    assert_eq!(env.report("log report.wasm split-by-day").ok().stderr(), "note: it ran, and said nothing\n");
    env.write("flights.csv", "no header either\n");
    env.report("build report.wasm split-by-day -q").code(1);
    assert!(env.report("log report.wasm split-by-day").ok().stderr().contains("this attempt failed"));
}
