//! Files that are no plugins.

use crate::env::{TestEnv, variant};

#[test]
fn what_is_no_plugin_is_told_apart() {
    let env = TestEnv::new();
    env.write("text.wasm", "hello");
    env.write("empty.wasm", "");
    env.write("core.wasm", b"\0asm\x01\0\0\0");
    env.write("world.wasm", b"\0asm\x0d\0\x01\0");
    let whole = std::fs::read(env.path("grid.wasm")).unwrap();
    env.write("truncated.wasm", &whole[..whole.len() / 2]);
    for (name, due) in [
        ("text.wasm", "error: `text.wasm` is not WebAssembly: it starts with `hello`\n"),
        ("empty.wasm", "error: `empty.wasm` is not WebAssembly: it starts with nothing: it is empty\n"),
        (
            "core.wasm",
            "error: `core.wasm` is a core WebAssembly module that is no task: it does not export `describe`, `declare`, `run`\n",
        ),
        (
            "world.wasm",
            "error: `world.wasm` is not a wrun plugin: it does not export `describe`, `declare`, `run`\n",
        ),
        ("truncated.wasm", "error: `truncated.wasm` is truncated: section "),
        ("none.wasm", "error: cannot read `none.wasm`\n  because: No such file or directory"),
        (".", "error: there is no Cargo.toml, .cabal file or src/*.c in `.`"),
    ] {
        for command in ["list", "build"] {
            let ran = env.wrun([command, name]).code(if name == "." { 2 } else { 4 });
            assert!(ran.stderr().starts_with(due), "{}", ran.stderr());
            assert_eq!(ran.stderr().matches("hint: ").count(), 1, "{}", ran.stderr());
        }
    }
}

#[test]
fn a_plugin_without_a_default_goal_wants_a_task() {
    let env = TestEnv::new();
    env.write("none.wasm", variant(&env, "12"));
    for command in ["build", "plan", "get -o out", "cat", "ls", "log", "why", "verify", "graph", "debug"] {
        let ran = env.words(&format!("{command} none.wasm")).code(2);
        let due = "error: `hostile` has no default goal, and no TASK is named\nhint: ";
        assert!(ran.stderr().starts_with(due), "{command}: {}", ran.stderr());
    }
    env.words("build none.wasm fine -q").ok();
}

#[test]
fn a_description_that_breaks_the_contract_is_refused() {
    let env = TestEnv::new();
    for (number, due) in [
        ("01", "Not A Word"),
        ("02", "describes no task type"),
        ("03", "the task type `fine` is there twice"),
        ("04", "the default goal `missing`"),
        ("05", "the unknown type `number`"),
        ("10", "no description today"),
    ] {
        env.write("bad.wasm", variant(&env, number));
        let ran = env.words("build bad.wasm").code(4);
        assert!(ran.stderr().starts_with("error: `bad.wasm` ") && ran.stderr().contains(due), "{}", ran.stderr());
    }
}

#[test]
fn tasks_and_aliases_that_are_not_there() {
    let env = TestEnv::new();
    env.words("build report.wasm dealys")
        .refused(2, "error: `report` has no task `dealys`\nhint: did you mean `delays`?\n");
    env.words("build report.wasm elephants")
        .refused(2, "error: `report` has no task `elephants`\nhint: `wrun list report.wasm` shows its tasks\n");
    env.words("build").refused(
        2,
        "error: no PLUGIN is named\nhint: name a component file, a source folder, or an alias under [plugins] of wrun.toml\n",
    );
    let ran = env.words("biuld report.wasm").code(2);
    assert_eq!(ran.stderr(), "error: unrecognized subcommand 'biuld'\nhint: did you mean `build`?\n");
    env.write("wrun.toml", "[plugins]\nflights = \"report.wasm\"\n");
    env.words("list flihgts").refused(
        4,
        "error: cannot read `flihgts`\n  because: No such file or directory (os error 2)\nhint: did you mean `flights`?\n",
    );
    let ran = env.words("build report.wasm --date=2013-01-01").code(2);
    assert!(
        ran.stderr().ends_with("hint: a param of a task is given with `--param date=VALUE`\n"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn a_shell_without_a_home_is_told_to_name_a_store() {
    let env = TestEnv::new();
    let output = env.command().env_remove("HOME").args(["build", "report.wasm"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("hint: name a folder with `--store DIR`"), "{said}");
    let output = env.command().env_remove("HOME").args(["build", "hostile.wasm", "--store", "s", "-q"]).output();
    assert!(output.unwrap().status.success());
}

#[test]
fn a_home_that_cannot_be_written_needs_a_store_elsewhere() {
    let mut env = TestEnv::new();
    // A file system that lets nobody make anything, not even root.
    env.set("HOME", "/proc");
    let ran = env.words("build hostile.wasm").code(5);
    assert!(ran.stderr().contains("\nhint: ") && ran.stderr().contains("`--store DIR`\n"), "{}", ran.stderr());
    env.words("build hostile.wasm --store s").ok();
    env.words("plan hostile.wasm --store s").ok();
}

#[test]
fn suspended_tasks_above_the_budget_are_run_again_and_make_the_same() {
    let env = TestEnv::new();
    let built = |task: &str, store: &str| {
        let words = format!("build shards.wasm {task} -p n=2000 --json --store {store}");
        let lines = env.words(&words).ok().json();
        let goal = lines.iter().find(|line| line["event"] == "goal").unwrap();
        let resumed = lines.iter().filter(|line| line["event"] == "resumed").count();
        assert!(resumed >= 1999, "{resumed} were suspended");
        (goal["key"].clone(), goal["output"].clone())
    };
    for task in ["chain", "wide"] {
        env.write("wrun.toml", "suspended = 20\n");
        let few = built(task, "few");
        env.write("wrun.toml", "suspended = 10000\n");
        assert_eq!(built(task, "many"), few);
    }
}
