//! Several processes in one store at once.

use crate::world::{World, rounds, text, total};
use std::collections::BTreeMap;

#[test]
fn eight_processes_run_each_action_once() {
    for round in 0..rounds(1, 10) {
        let world = World::new();
        // Eight overlapping goals: the same grid, each with another leaf changed.
        let children: Vec<_> = (0..8)
            .map(|i| {
                let changed = format!("changed={}", i * 97);
                let args = world.build_args("grid", "grid", &["n=1000", &changed], &format!("{i}.json"));
                let mut command = world.wrun(args);
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", text(&output));
        }
        let mut ran: BTreeMap<String, u32> = BTreeMap::new();
        let mut hits = 0;
        for i in 0..8 {
            let report = world.report(&format!("{i}.json"));
            hits += total(&report, "cached");
            for task in report["tasks"].as_array().unwrap() {
                if task["state"] == "ran" {
                    *ran.entry(task["key"].as_str().unwrap().to_owned()).or_default() += 1;
                }
            }
        }
        let twice = ran.values().filter(|count| **count > 1).count();
        assert_eq!(twice, 0, "round {round}: {twice} actions ran more than once");
        // 1,011 tasks, and for each of the eight one leaf, one reduction and one root of its own.
        assert_eq!(ran.len(), 1000 + 10 + 8 * 3);
        println!("races: {} actions ran once each, {hits} hits", ran.len());
    }
}

#[test]
fn a_lock_dies_with_its_process() {
    let world = World::new();
    let args = world.build_args("shards", "wide", &["n=200", "rounds=2000000"], "killed.json");
    let mut child = world.wrun(args).spawn().unwrap();
    // Once there is a lock file there are locks; the kill may come at any moment after.
    while !world.store().join("locks/00").exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let report = world.build("shards", "wide", &["n=200", "rounds=2000000"], &[]);
    assert_eq!(total(&report, "cached") + total(&report, "ran"), total(&report, "tasks"));
}
