//! Ctrl-C, kill -9, and several processes at once.

use crate::env::TestEnv;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

/// Starts a build, and waits until a task whose name starts so runs.
fn started(env: &TestEnv, words: &str, task: &str) -> Child {
    let mut child = env
        .command()
        .args(words.split(' ').chain(["--json"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = format!("\"task\":\"{task}");
    let found =
        lines.any(|line| line.is_ok_and(|line| line.contains("\"event\":\"running\"") && line.contains(&running)));
    assert!(found, "`{task}` never ran");
    // Whoever reads on must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, signal).unwrap();
}

#[test]
fn ctrl_c_stops_at_once_and_keeps_what_is_finished() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    let child = started(&env, "build hostile.wasm loops", "loops");
    signal(&child, rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopping: what is finished is kept; once more ends at once\n"), "{said}");
    let ran = env.words("build hostile.wasm fine").ok();
    assert!(ran.stderr().contains("1 cached"), "{}", ran.stderr());
}

#[test]
fn ctrl_c_twice_is_harmless() {
    let env = TestEnv::new();
    let child = started(&env, "build hostile.wasm loops -q", "loops");
    signal(&child, rustix::process::Signal::INT);
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    env.words("build hostile.wasm fine -q").ok();
}

#[test]
fn a_killed_build_leaves_no_lock() {
    let env = TestEnv::new();
    let mut child = started(&env, "build hostile.wasm loops", "loops");
    child.kill().unwrap();
    child.wait().unwrap();
    // The next one runs the same action: were it locked, this would wait for ever.
    let child = started(&env, "build hostile.wasm loops", "loops");
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn a_killed_build_goes_on_where_it_was() {
    let env = TestEnv::new();
    let mut child = started(&env, "build grid.wasm grid -p n=3000", "reduce");
    child.kill().unwrap();
    child.wait().unwrap();
    env.words("build grid.wasm grid -p n=3000 -q --report r.json").ok();
    let whole = env.words("cat grid.wasm grid -p n=3000").ok().raw_stdout();
    let fresh = env.words("cat grid.wasm grid -p n=3000 --store fresh").ok().raw_stdout();
    assert!(whole == fresh);
    let report: serde_json::Value = serde_json::from_str(&env.read("r.json")).unwrap();
    assert_eq!(report["totals"]["tasks"], 3031);
}

#[test]
fn two_builds_that_wait_for_each_other_both_end() {
    let env = TestEnv::new();
    env.words("build hostile.wasm talks -q").ok();
    let lines = env.words("build hostile.wasm fine --json -q --store elsewhere").ok().json();
    let goal = lines.iter().find(|line| line["event"] == "goal").unwrap();
    // Both stop at the same gate, which this test holds shut until each has the lock that the other wants.
    let locks = wrun_store::lock::Locks::open(&env.store()).unwrap();
    let gate = locks.try_lock(serde_json::from_value(goal["key"].clone()).unwrap()).unwrap().unwrap();
    let children = ["dynamic-ping", "dynamic-pong"]
        .map(|task| started(&env, &format!("build hostile.wasm {task} -q -j1"), task));
    drop(gate);
    let said = children.map(|child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    });
    let crossed = |said: &String| {
        said.contains("  two builds wait for each other: ")
            && said.contains("  hint: the tasks need each other; break the circle in their `requires` or `need`\n")
    };
    assert!(said.iter().any(crossed), "{said:?}");
    // The one that is left finds the rest of the circle in itself.
    assert!(said.iter().all(|said| crossed(said) || said.contains("the task needs itself: ")), "{said:?}");
}

#[test]
fn each_action_runs_once_among_eight_processes() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    let spawn = |i: u32| {
        let n = 200 + i * 50;
        let mut command = env.command();
        command.args(["build", "grid.wasm", "grid", "-q", "-j2", "-p"]).arg(format!("n={n}"));
        command.arg("--report").arg(format!("r{i}.json")).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..8).map(spawn).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut ran = Vec::new();
    for i in 0..8 {
        let report: serde_json::Value = serde_json::from_str(&env.read(&format!("r{i}.json"))).unwrap();
        let tasks = report["tasks"].as_array().unwrap();
        let made = tasks.iter().filter(|task| task["state"] == "ran");
        ran.extend(made.map(|task| task["key"].as_str().unwrap().to_owned()));
    }
    let all = ran.len();
    ran.sort();
    ran.dedup();
    assert_eq!(ran.len(), all, "an action ran twice");
}
