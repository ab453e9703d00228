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
        "error: there is no result of `talks n=0`\nhint: `wrun build` makes one, and shows the log of what fails\n",
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
