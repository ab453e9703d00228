//! Pipelines of containers, killed with -9 at random instants: the next build takes over what was left, and nothing
//! that had ended well runs again.

use crate::daemon::Daemon;
use crate::world::{Random, World, repository, rounds, text, total};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
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
    ended_of(world, docker)
}

/// The same, of an engine that is asked in this way.
fn ended_of(world: &World, docker: impl Fn(&[&str]) -> String) -> BTreeMap<String, String> {
    let store = world.store();
    let shown = "{{.Label \"wrun.lease\"}} {{.Status}}";
    let lines = docker(&["ps", "-a", "--filter", &label(world), "--format", shown]);
    let leases =
        lines.lines().filter(|line| line.contains("Exited (0)")).filter_map(|line| line.split(' ').next());
    let made = leases
        .filter_map(|lease| std::fs::read_to_string(store.join("containers").join(lease).join("out/i")).ok());
    made.filter_map(|made| made.split_once(' ').map(|(i, id)| (i.to_owned(), id.trim().to_owned()))).collect()
}

/// Checks what all containers wrote, and that of those which had ended none ran again.
#[track_caller]
fn right(made: &str, n: u32, before: &BTreeMap<String, String>, round: u32) {
    let lines: Vec<&str> = made.lines().collect();
    assert_eq!(lines.len(), usize::try_from(n).unwrap(), "round {round}");
    for (at, line) in lines.iter().enumerate() {
        let (i, id) = line.split_once(' ').unwrap();
        assert_eq!(i, at.to_string(), "round {round}");
        if let Some(first) = before.get(i) {
            assert_eq!(first, id, "round {round}: container {i} had ended, and ran again");
        }
    }
}

#[test]
fn a_killed_pipeline_goes_on_from_what_the_engine_and_the_disk_have() {
    if !engine() {
        return;
    }
    let boxes = boxes();
    let n = rounds(12, 100);
    let many = n.to_string();
    let args = |world: &World| {
        let store = world.store().display().to_string();
        let script = "script=echo $i $(cat /proc/sys/kernel/random/uuid) > /out/i";
        ["build", &boxes, "many", &many, "-p", script, "--store", &store, "--json", "-q"].map(str::to_owned)
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
        let cat = world.wrun(["cat", &boxes, "many", &many, "-p", script, "--store", &store]).output().unwrap();
        let made = String::from_utf8(cat.stdout).unwrap();
        right(&made, n, &before, round);
        let left = docker(&["ps", "-a", "--filter", &label(&world)]);
        assert_eq!(left.lines().count(), 1, "round {round}: containers are left: {left}");
        let folders = world.store().join("containers").read_dir().unwrap();
        let folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
        assert!(folders.is_empty(), "round {round}: folders are left: {folders:?}");
    }
    println!("containers: {killed} builds killed, {kept} ended containers taken over");
    assert!(killed > 0);
}

#[test]
fn an_engine_that_is_restarted_at_any_instant_costs_runs_and_no_results() {
    if !engine() {
        return;
    }
    let boxes = boxes();
    let n = rounds(12, 100);
    let script = "script=echo $i $(cat /proc/sys/kernel/random/uuid) > /out/i";
    let args = |world: &World, command: &str| {
        let store = world.store().display().to_string();
        [command, &boxes, "many", &n.to_string(), "-p", script, "--store", &store, "-q"].map(str::to_owned)
    };
    let mut daemon = Daemon::start(false);
    let host = daemon.host();
    let wrun = |world: &World, command: &str| {
        let mut wrun = world.wrun(args(world, command));
        wrun.env("DOCKER_HOST", &host);
        wrun
    };
    let whole = World::new();
    let began = Instant::now();
    let output = wrun(&whole, "build").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let full = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut random = Random(20_130_113);
    let (mut hit, mut kept, mut again) = (0, 0, 0);
    for round in 0..rounds(2, 10) {
        let world = World::new();
        let mut child = wrun(&world, "build").spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(full)));
        hit += u32::from(child.try_wait().unwrap().is_none());
        let listed = |args: &[&str]| String::from_utf8(daemon.docker(args).stdout).unwrap();
        let before = ended_of(&world, listed);
        daemon.stop(round % 2 == 0);
        daemon.again();
        kept += before.len();
        // One build may give up: after a task was hit several times, or on what it asked just then.
        again += u32::from(!child.wait().unwrap().success());
        let output = wrun(&world, "build").output().unwrap();
        assert!(output.status.success(), "round {round}: {}", text(&output));
        right(&String::from_utf8(wrun(&world, "cat").output().unwrap().stdout).unwrap(), n, &before, round);
        // A build that runs nothing still sweeps what was left while nobody answered.
        let shown = "{{.ID}} {{.Status}} {{.Label \"wrun.lease\"}}";
        let left = daemon.docker(&["ps", "-a", "--filter", &label(&world), "--format", shown]).stdout;
        let folders =
            world.store().join("containers").read_dir().unwrap().flatten().map(|entry| entry.file_name());
        let folders: Vec<_> = folders.collect();
        assert_eq!(
            String::from_utf8_lossy(&left),
            "",
            "round {round}: containers are left, and of their folders {folders:?}"
        );
    }
    println!(
        "containers: engine restarted {hit} times under a build, {kept} ended containers kept, {again} builds were asked for again"
    );
    assert!(hit > 0);
}

#[test]
fn many_containers_leak_no_handle() {
    if !engine() {
        return;
    }
    let (boxes, world, n) = (boxes(), World::new(), rounds(100, 1000));
    let store = world.store().display().to_string();
    let things = || [docker(&["network", "ls", "-q"]), docker(&["volume", "ls", "-q"])];
    let before = things();
    let args = ["build", &boxes, "many", &n.to_string(), "--store", &store, "--json", "-j", "8"];
    let mut child = world.wrun(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let handles = format!("/proc/{}/fd", child.id());
    let (mut ran, mut early, mut late) = (0, 0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["event"] != "ended" || line["state"] != "ran" {
            continue;
        }
        ran += 1;
        let open = std::fs::read_dir(&handles).map_or(0, Iterator::count);
        match ran * 10 / n {
            0..=2 => early = early.max(open),
            8.. => late = late.max(open),
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success());
    assert!(ran > n, "each of them ran: {ran}");
    println!("containers: {n} in one build; handles at most {early} in its first third, {late} in its last fifth");
    // What is being removed has some yet, and that is more after a while; one left by each would be this many.
    let half = usize::try_from(n / 2).unwrap();
    assert!(late < early + half, "{early} handles at first, {late} at last");
    assert_eq!(things(), before, "networks and volumes");
    assert_eq!(docker(&["ps", "-aq", "--filter", &label(&world)]), "");
    assert!(world.store().join("containers").read_dir().unwrap().next().is_none());
}

#[test]
fn a_map_in_containers_and_its_reduction_of_thousands_of_actions() {
    if !engine() {
        return;
    }
    let (world, n) = (World::new(), u64::from(rounds(100, 1000)));
    std::fs::create_dir(world.path("texts")).unwrap();
    for i in 0..n {
        std::fs::write(world.path("texts").join(i.to_string()), format!("every one of {i}\n")).unwrap();
    }
    // The volume of a file: a shard each.
    let params = ["source=texts", "volume=1"];
    let began = Instant::now();
    let report = world.build("tools", "words", &params, &[]);
    // A container a shard, a merge a node of the tree above them, and what asked.
    assert_eq!((total(&report, "ran"), total(&report, "failed")), (3 * n, 0));
    println!("containers: a map of {n} shards and its reduction, {} actions, in {:.0?}", 3 * n, began.elapsed());
    let args = world.build_args("tools", "words", &params, "report.json");
    let mut cat = vec!["cat".to_owned(), args[1].clone(), "words".into(), "words.tsv".into()];
    cat.extend(args[3..].iter().filter(|arg| !arg.contains("report")).cloned());
    let made = String::from_utf8(world.wrun(cat).output().unwrap().stdout).unwrap();
    for due in [format!("every\t{n}\n"), format!("one\t{n}\n"), "17\t1\n".into()] {
        assert!(made.contains(&due), "{made}");
    }
    let again = world.build("tools", "words", &params, &["--check"]);
    assert_eq!(total(&again, "cached"), 3 * n);
    assert_eq!(docker(&["ps", "-aq", "--filter", &label(&world)]), "");
}
