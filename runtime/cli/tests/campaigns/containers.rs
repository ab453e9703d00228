//! Pipelines of containers, killed with -9 at random instants: the next build takes over what was left, and nothing
//! that had ended well runs again.

use crate::world::{Random, World, repository, rounds, text};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

fn engine() -> bool {
    std::env::var("WRUN_TEST_DOCKER").is_ok_and(|said| said != "none")
}

fn boxes() -> String {
    let guests = repository().join("tests/guests");
    let built = Command::new("sh").arg(guests.join("build.sh")).output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    guests.join("target/wasm32-wasip2/release/boxes.wasm").display().to_string()
}

fn docker(args: &[&str]) -> String {
    String::from_utf8_lossy(&Command::new("docker").args(args).output().unwrap().stdout).into_owned()
}

/// Picks the containers of a world's store.
fn label(world: &World) -> String {
    format!("label=wrun.store={}", world.store().canonicalize().unwrap().display())
}

/// What each container wrote that has ended well and is still there: by its number.
fn ended(world: &World) -> BTreeMap<String, String> {
    let store = world.store();
    let shown = "{{.Label \"wrun.lease\"}} {{.Status}}";
    let lines = docker(&["ps", "-a", "--filter", &label(world), "--format", shown]);
    let leases =
        lines.lines().filter(|line| line.contains("Exited (0)")).filter_map(|line| line.split(' ').next());
    let made = leases
        .filter_map(|lease| std::fs::read_to_string(store.join("containers").join(lease).join("out/i")).ok());
    made.filter_map(|made| made.split_once(' ').map(|(i, id)| (i.to_owned(), id.trim().to_owned()))).collect()
}

#[test]
fn a_killed_pipeline_goes_on_from_what_the_engine_and_the_disk_have() {
    if !engine() {
        return;
    }
    let boxes = boxes();
    let n = rounds(12, 100).to_string();
    let args = |world: &World| {
        let store = world.store().display().to_string();
        let script = "script=echo $i $(cat /proc/sys/kernel/random/uuid) > /out/i";
        ["build", &boxes, "many", &n, "-p", script, "--store", &store, "--json", "-q"].map(str::to_owned)
    };
    let whole = World::new();
    let began = Instant::now();
    let output = whole.wrun(args(&whole)).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let full = began.elapsed();
    let mut random = Random(20_130_107);
    let (mut killed, mut kept) = (0, 0);
    for round in 0..rounds(5, 50) {
        let world = World::new();
        let mut child = world.wrun(args(&world)).stdout(std::process::Stdio::null()).spawn().unwrap();
        let micros = u64::try_from(full.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(micros)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let before = ended(&world);
        kept += before.len();
        let output = world.wrun(args(&world)).output().unwrap();
        assert!(output.status.success(), "round {round}: {}", text(&output));
        let store = world.store().display().to_string();
        let script = "script=echo $i $(cat /proc/sys/kernel/random/uuid) > /out/i";
        let cat = world.wrun(["cat", &boxes, "many", &n, "-p", script, "--store", &store]).output().unwrap();
        let made = String::from_utf8(cat.stdout).unwrap();
        let lines: Vec<&str> = made.lines().collect();
        assert_eq!(lines.len().to_string(), n, "round {round}");
        for (at, line) in lines.iter().enumerate() {
            let (i, id) = line.split_once(' ').unwrap();
            assert_eq!(i, at.to_string(), "round {round}");
            if let Some(first) = before.get(i) {
                assert_eq!(first, id, "round {round}: container {i} had ended, and ran again");
            }
        }
        let left = docker(&["ps", "-a", "--filter", &label(&world)]);
        assert_eq!(left.lines().count(), 1, "round {round}: containers are left: {left}");
        let folders = world.store().join("containers").read_dir().unwrap();
        let folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
        assert!(folders.is_empty(), "round {round}: folders are left: {folders:?}");
    }
    println!("containers: {killed} builds killed, {kept} ended containers taken over");
    assert!(killed > 0);
}
