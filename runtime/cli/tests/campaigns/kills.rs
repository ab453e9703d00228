//! Builds killed with -9 at random instants: the next one finishes right, and repeats nothing.

use crate::world::{Random, World, goal, rounds, total};
use std::time::{Duration, Instant};

const N: &str = "n=10000";

#[test]
fn a_killed_build_goes_on_from_what_was_on_disk() {
    let reference = World::new();
    let began = Instant::now();
    let whole = reference.build("grid", "grid", &[N], &[]);
    let full = began.elapsed();
    let mut random = Random(20_130_107);
    let (mut kept, mut killed) = (0, 0);
    for round in 0..rounds(10, 100) {
        let world = World::new();
        let args = world.build_args("grid", "grid", &[N], "killed.json");
        let mut child = world.wrun(args).spawn().unwrap();
        let micros = u64::try_from(full.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(micros)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // What is on disk is what a plan calls a hit.
        let hits = hits(&world);
        let report = world.build("grid", "grid", &[N], &["--check"]);
        assert_eq!(goal(&report), goal(&whole), "round {round}");
        assert_eq!(total(&report, "cached"), hits, "round {round}: something on disk ran again");
        assert_eq!(total(&report, "cached") + total(&report, "ran"), total(&whole, "tasks"), "round {round}");
        kept += hits;
    }
    println!("kills: {killed} while running, {kept} results kept and none made twice");
    assert!(killed > 0);
}

fn hits(world: &World) -> u64 {
    let args = world.build_args("grid", "grid", &[N], "unused.json");
    let store = world.store().display().to_string();
    let plan = world.wrun(["plan", &args[1], "grid", "--param", N, "--store", &store, "--json"]).output().unwrap();
    assert!(plan.status.success(), "{}", crate::world::text(&plan));
    let lines = String::from_utf8(plan.stdout).unwrap();
    let tasks = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    u64::try_from(tasks.filter(|task| task["fate"] == "hit").count()).unwrap()
}
