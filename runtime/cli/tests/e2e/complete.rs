//! `wrun completions`, and what it asks for at each TAB.

use crate::env::TestEnv;
use std::process::Command;

/// What is offered at the end of these words.
fn offered(env: &TestEnv, words: &[&str]) -> Vec<String> {
    let out = env.wrun(["__complete", "fish", "wrun"].iter().chain(words)).ok().raw_stdout();
    out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn world() -> TestEnv {
    let env = TestEnv::new();
    env.write("wrun.toml", "[plugins]\nflights = 'report.wasm'\n");
    env
}

#[test]
fn commands_and_options() {
    let env = world();
    assert_eq!(offered(&env, &["pl"]), ["plan", "plugin"]);
    assert_eq!(offered(&env, &["plugin", ""]), ["build", "help"]);
    assert_eq!(offered(&env, &["build", "--fo"]), ["--follow", "--force"]);
    assert_eq!(offered(&env, &["build", "--color", "a"]), ["auto", "always"]);
    assert_eq!(offered(&env, &["build", "--color=n"]), ["--color=never"]);
    assert_eq!(offered(&env, &["completions", ""]), ["bash", "zsh", "fish"]);
    assert_eq!(offered(&env, &["--exp"]), ["--explain"]);
    assert_eq!(offered(&env, &["man", "bu"]), ["build"]);
    assert_eq!(offered(&env, &["man", "store", "ch"]), ["check"]);
    assert_eq!(offered(&env, &["explain", "unknown-"]), ["unknown-param", "unknown-task", "unknown-tombstone"]);
    assert_eq!(offered(&env, &["--explain", "unknown-ta"]), ["unknown-task"]);
}

#[test]
fn plugins_tasks_params_and_values() {
    let env = world();
    assert_eq!(offered(&env, &["build", "fl"]), ["flights"]);
    assert_eq!(offered(&env, &["build", "re"]), ["report.wasm"]);
    for plugin in ["flights", "report.wasm", "./report.wasm"] {
        assert_eq!(offered(&env, &["build", plugin, "d"]), ["delays"], "{plugin}");
    }
    assert_eq!(offered(&env, &["describe", "flights", "w"]), ["week"]);
    assert_eq!(offered(&env, &["diff", "flights", "w"]), ["week"]);
    assert_eq!(offered(&env, &["diff", "flights", "delays", "w"]), ["week"]);
    assert_eq!(offered(&env, &["build", "flights", "delays", "-p", ""]), ["date=", "source="]);
    assert_eq!(offered(&env, &["build", "flights", "--param", "", "delays"]), ["delays"]);
    // What is given already is not offered again.
    assert_eq!(offered(&env, &["build", "flights", "delays", "2013-01-01", "-p", ""]), ["source="]);
    assert_eq!(offered(&env, &["build", "flights", "delays", "-p", "date=today", "--param", ""]), ["source="]);
    assert_eq!(offered(&env, &["build", "flights", "delays", "-p", "date=to"]), ["date=today"]);
    assert_eq!(offered(&env, &["build", "flights", "delays", "to"]), ["today"]);
    assert_eq!(offered(&env, &["build", "flights", "delays", "-p", "source=fli"]), ["source=flights.csv"]);
    assert_eq!(offered(&env, &["build", "flights", "--force=de"]), ["--force=delays"]);
    // The second time it comes from the cache.
    assert!(env.home().join(".cache/wrun/described").is_dir());
    assert_eq!(offered(&env, &["build", "flights", "d"]), ["delays"]);
}

#[test]
fn what_is_not_known_is_not_offered() {
    let env = world();
    for words in [
        &["build", "none.wasm", ""][..],
        &["build", "flights.csv", ""],
        &["build", "flights", "elephant", "-p", "date="],
        &["elephant", "", ""],
        &["build", "--none", "x", "-p", ""],
        &["build", "-pdate=1", "-xyz", "\u{1b}[1m"],
    ] {
        offered(&env, words);
    }
    assert!(env.wrun(["__complete"]).ok().raw_stdout().starts_with("build\t"));
    assert_eq!(env.wrun(["__complete", "wrun", "bash"]).ok().raw_stdout(), "");
    env.write("wrun.toml", "slot = 3");
    assert_eq!(offered(&env, &["build", "report.wasm", "d"]), ["delays"]);
}

#[test]
fn bash_completes_a_line() {
    let env = world();
    let script = env.words("completions bash").ok().raw_stdout();
    env.write("wrun.bash", script);
    let complete = |line: &str| {
        // What bash does at a TAB, without a terminal. Its own words break at `=`.
        let ask = format!(
            "source wrun.bash; COMP_LINE={line:?}; COMP_POINT=${{#COMP_LINE}}; _wrun {:?}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            env!("CARGO_BIN_EXE_wrun")
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &ask])
            .current_dir(env.cwd())
            .env_clear()
            .env("HOME", env.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("wrun build flights d"), ["delays"]);
    assert_eq!(complete("wrun build flights delays -p "), ["date=", "source="]);
    assert_eq!(complete("wrun build flights delays -p date="), ["today", "yesterday"]);
    assert_eq!(complete("wrun build flights delays -p 'date=to"), ["date=today"]);
    env.write("a b.csv", "");
    assert_eq!(complete("wrun build flights delays -p source=a"), ["a\\ b.csv"]);
}

#[test]
fn scripts_are_printed() {
    let env = world();
    for shell in ["bash", "zsh", "fish"] {
        let script = env.wrun(["completions", shell]).ok().raw_stdout();
        assert!(script.contains(&format!("__complete {shell}")), "{script}");
    }
    env.words("completions tcsh").code(2);
}
