//! The contract as it was published, and a component that was built against it: tests/fixtures/contract.

use crate::env::TestEnv;
use std::fs;
use std::path::PathBuf;

fn published(name: &str) -> PathBuf {
    crate::plugins::repository().join("tests/fixtures/contract").join(name)
}

#[test]
fn the_contract_is_the_one_that_was_published() {
    let stored = fs::read_to_string(published("task-0.1.0.wit")).unwrap();
    for copy in ["sdk/wit/task.wit", "sdk/rust/wit/task.wit"] {
        let text = fs::read_to_string(crate::plugins::repository().join(copy)).unwrap();
        assert_eq!(text, stored, "{copy} is another contract than 0.1.0: that is another version");
    }
}

#[test]
fn a_component_that_was_built_against_it_runs() {
    let env = TestEnv::new();
    env.write("old.wasm", wat::parse_file(published("plugin-0.1.0.wat")).unwrap());
    env.write("text/a.txt", "a\n");
    let described = env.words("describe old.wasm --json").ok().json().remove(0);
    let tasks = described["tasks"].as_array().unwrap();
    let of = |name: &str| tasks.iter().find(|task| task["name"] == name).unwrap();
    assert_eq!(described["default-goal"], "all");
    assert_eq!(
        of("all")["limits"].to_string(),
        r#"{"cpu-ms":1000,"log-bytes":65536,"memory":67108864,"output-bytes":1048576,"output-files":10}"#
    );
    let kinds: Vec<&str> =
        of("fails")["params"].as_array().unwrap().iter().map(|param| param["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds.join(" "),
        "string int int(1..31) float float(0..1) bool date month year hour minute second interval duration path \
         task enum(a|b) list<date> tuple<int,date> map<int> optional<int> string string"
    );

    // It requires a task, a part, files, a listing, what may come late and a clock; it says how far it is, needs a task,
    // reads what that made, and writes it.
    assert_eq!(env.words("cat old.wasm all").ok().raw_stdout(), "{\"n\":2}");
    let said = env.words("build old.wasm all").ok().stderr();
    assert!(said.contains("4 tasks in ") && said.contains(": 4 cached"), "{said}");
    assert_eq!(env.words("cat old.wasm leaf -p n=9").ok().raw_stdout(), "{\"n\":9}");
    let said = env.words("build old.wasm fails").code(1).stderr();
    assert!(said.contains("\n  as was asked\n"), "{said}");

    // A container, of which all is said.
    let mut env = env;
    env.set("DOCKER_HOST", "unix:///none");
    let lines = env.words("plan old.wasm contain --json").code(1).json();
    let line = lines.iter().find(|line| line["task"] == "contain").unwrap();
    assert_eq!(
        line["container"],
        serde_json::json!({
            "image": "old.invalid/box:1", "entrypoint": ["/bin/sh", "-c"], "argv": ["a b", ""], "workdir": "/out",
            "env": [["A", "1"]], "user": "1000:1000", "network": true, "cpu-millis": 1500, "memory": 1_u64 << 30,
            "gpus": 1, "timeout": 60, "tmpfs": 1_u64 << 20, "accepted": [0, 3], "secrets": ["token"],
            "labels": [["disk", "fast"]], "effect": true,
        })
    );
}
