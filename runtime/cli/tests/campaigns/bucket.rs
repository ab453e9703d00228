//! Builds in a bucket: many machines at once, kills, objects that are lost or damaged, and how many requests it takes.

use crate::fake_s3::{FakeS3, Fault};
use crate::machine::{Machine, PREFIX};
use crate::world::{Random, component, goal, repository, rounds, text, total};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

fn grid() -> String {
    component("grid").display().to_string()
}

/// Other code each time, which claims to be of the same version: what it makes differs.
fn liar(machine: &Machine, number: usize) -> String {
    let built = Command::new("sh").arg(repository().join("tests/guests/build.sh")).output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    let mut bytes =
        std::fs::read(repository().join("tests/guests/target/wasm32-wasip2/release/hostile.wasm")).unwrap();
    let mark = b"hostile guest variant 00";
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len() - 2;
    bytes[at..at + 2].copy_from_slice(format!("{}", 20 + number).as_bytes());
    let path = machine.world.path("liar.wasm");
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// Results that reached the bucket: the names of their records.
fn results(server: &FakeS3) -> BTreeSet<String> {
    let record =
        |name: String| name.strip_prefix(PREFIX).filter(|name| name.starts_with("ac/")).map(str::to_owned);
    server.names().into_iter().filter_map(record).collect()
}

#[test]
fn eight_machines_agree_in_the_end() {
    for round in 0..rounds(1, 10) {
        let server = FakeS3::start();
        let machines: Vec<Machine> = (0..8).map(|_| Machine::new(&server)).collect();
        let liars: Vec<String> = machines.iter().enumerate().map(|(i, machine)| liar(machine, i)).collect();
        // Half of them make theirs before they know of the others: when they meet, all but one have lost.
        for (machine, liar) in machines.iter().zip(&liars).skip(4) {
            let mut command = machine.build(liar, "versioned-twice", &[], "offline.json");
            let output = command.arg("--offline").output().unwrap();
            assert!(output.status.success(), "{}", text(&output));
        }
        let mut children = Vec::new();
        for (i, machine) in machines.iter().enumerate() {
            // The same grid, each with another leaf changed; and a task that makes something else everywhere.
            let changed = format!("changed={}", i * 31);
            let grid = machine.build(&grid(), "grid", &["n=300", &changed], "grid.json");
            let liar = machine.build(&liars[i], "versioned-twice", &[], "liar.json");
            for mut command in [grid, liar] {
                children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
            }
        }
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", text(&output));
        }
        let told = |machine: &&Machine| {
            machine.world.report("liar.json")["notes"].to_string().contains("nondeterminism: `versioned")
        };
        let said = machines.iter().filter(told).count();
        assert!(said >= 3, "round {round}: {said} of those who lost were told");
        let ones: BTreeSet<String> =
            machines.iter().zip(&liars).map(|(m, liar)| m.cat(liar, "versioned")).collect();
        let twos: BTreeSet<String> =
            machines.iter().zip(&liars).map(|(m, liar)| m.cat(liar, "versioned-twice")).collect();
        assert_eq!((ones.len(), twos.len()), (1, 1), "round {round}: {ones:?} {twos:?}");
        assert_eq!(ones.first().unwrap().repeat(2), *twos.first().unwrap(), "a mixture of two runs");
        // Every grid is what a machine that knows nothing gets.
        let other = Machine::new(&server);
        for (i, machine) in machines.iter().enumerate() {
            let changed = format!("changed={}", i * 31);
            let (report, _) = other.built(&grid(), "grid", &["n=300", &changed]);
            assert_eq!(goal(&report), goal(&machine.world.report("grid.json")), "round {round}");
            assert_eq!(total(&report, "ran"), 0, "round {round}");
        }
        println!("bucket: eight machines agree; {said} were told of the task that makes something else");
    }
}

#[test]
fn a_killed_build_repeats_nothing_that_reached_the_bucket() {
    const N: &[&str] = &["n=500"];
    let server = FakeS3::start();
    let (whole, _) = Machine::new(&server).built(&grid(), "grid", N);
    let requests = server.requests().len() as u64;
    let mut random = Random(20_130_108);
    let (mut kept, mut killed) = (0, 0);
    for round in 0..rounds(10, 100) {
        let server = FakeS3::start();
        let machine = Machine::new(&server);
        let mut child = machine.build(&grid(), "grid", N, "killed.json").stderr(Stdio::null()).spawn().unwrap();
        // Which request it is that never gets its answer depends on the seed alone.
        let last = usize::try_from(random.below(requests)).unwrap();
        server.await_requests(last, || child.try_wait().unwrap().is_some());
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had sent may still be on its way.
        server.await_silence();
        let reached = results(&server).len();
        // The cache of the killed build is gone with its machine.
        let (report, _) = Machine::new(&server).built(&grid(), "grid", N);
        assert_eq!(goal(&report), goal(&whole), "round {round}");
        assert_eq!(total(&report, "cached"), reached as u64, "round {round}: something in the bucket ran again");
        assert_eq!(total(&report, "cached") + total(&report, "ran"), total(&whole, "tasks"), "round {round}");
        kept += reached;
    }
    println!("bucket kills: {killed} while running, {kept} results kept and none made twice");
    assert!(killed > 0);
}

#[test]
fn what_is_in_the_cache_alone_is_sent_by_the_next_build() {
    let server = FakeS3::start();
    let machine = Machine::new(&server);
    // Records never get there: the build is killed between its commits and their uploads.
    server.order("PUT", "p/ac/", Fault::Hung, u32::MAX);
    let mut child =
        machine.build(&grid(), "grid", &["n=100"], "killed.json").stderr(Stdio::null()).spawn().unwrap();
    while server.count("PUT", "p/ac/") == 0 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    server.await_silence();
    assert_eq!(results(&server).len(), 0);
    server.recover();
    let (report, _) = machine.built(&grid(), "grid", &["n=100"]);
    assert!(total(&report, "cached") > 0, "{report}");
    assert_eq!(results(&server).len() as u64, total(&report, "tasks"));
    let (other, _) = Machine::new(&server).built(&grid(), "grid", &["n=100"]);
    assert_eq!((goal(&other), total(&other, "ran")), (goal(&report), 0));
}

#[test]
fn lost_and_damaged_objects_are_misses_that_rebuild() {
    let mut random = Random(11);
    let mut hurt = 0;
    for round in 0..rounds(3, 30) {
        let server = FakeS3::start();
        let first = Machine::new(&server);
        let folder = first.world.path("text");
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..6 {
            let words = format!("word{i} common {i}\n").repeat(20_000);
            std::fs::write(folder.join(format!("{i}.txt")), words).unwrap();
        }
        let source = format!("source={}", folder.display());
        let shards = component("shards").display().to_string();
        let (whole, _) = first.built(&shards, "shards", &[&source]);
        for name in server.names().into_iter().filter(|name| name.starts_with("bucket/p/cas/")) {
            match random.below(3) {
                0 => server.vanish(&name),
                1 => {
                    let mut bytes = server.read(&name).unwrap();
                    let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << random.below(8);
                    }
                    server.plant(&name, &bytes);
                }
                _ => continue,
            }
            hurt += 1;
        }
        // A machine that has all of it, and two that have nothing; the last finds what the second mended.
        for machine in [&first, &Machine::new(&server), &Machine::new(&server)] {
            let output =
                machine.build(&shards, "shards", &[&source], "report.json").arg("--check").output().unwrap();
            assert!(output.status.success(), "round {round}: {}", text(&output));
            assert_eq!(goal(&machine.world.report("report.json")), goal(&whole), "round {round}");
        }
        let last = Machine::new(&server);
        let output = last.build(&shards, "shards", &[&source], "report.json").arg("--check").output().unwrap();
        assert_eq!(total(&last.world.report("report.json"), "ran"), 0, "round {round}: {}", text(&output));
    }
    println!("bucket damage: {hurt} objects lost or flipped");
}

#[test]
fn requests_are_few() {
    // A build of small tasks: each is one look-up and at most two writes; the build adds a handful.
    let server = FakeS3::start();
    let machine = Machine::new(&server);
    let (report, _) = machine.built(&grid(), "grid", &["n=1000"]);
    let tasks = usize::try_from(total(&report, "tasks")).unwrap();
    let reads = server.count("GET", "") + server.count("HEAD", "");
    let writes = server.count("PUT", "") + server.count("POST", "");
    println!("bucket requests: cold, {tasks} tasks: {reads} reads, {writes} writes");
    assert!(reads <= tasks + 10 && writes <= 2 * tasks + 10, "{reads} reads, {writes} writes");

    // Nothing to do.
    server.forget_requests();
    machine.built(&grid(), "grid", &["n=1000"]);
    let all = server.requests();
    println!("bucket requests: nothing to do: {all:?}");
    assert!(all.len() <= 3, "{all:?}");

    // An empty machine asks for the record of the last build. Where it has to walk the graph that brought all
    // records, and it asks for bytes alone.
    for args in [&[][..], &["--check"]] {
        server.forget_requests();
        let empty = Machine::new(&server);
        let output = empty.build(&grid(), "grid", &["n=1000"], "report.json").args(args).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        println!("bucket requests: an empty machine, {args:?}: {}", server.requests().len());
        assert!(server.requests().len() <= 50, "{:?}", server.requests());
        // That of the goal itself, where the record answers.
        assert!(server.count("", "p/ac/") <= 1, "{:?}", server.requests());
        assert_eq!(total(&empty.world.report("report.json"), "ran"), 0);
    }

    // Another goal over the same tasks, on an empty machine: one look-up for each.
    server.forget_requests();
    let (report, _) = Machine::new(&server).built(&grid(), "grid", &["n=1000", "changed=5"]);
    let hits = usize::try_from(total(&report, "cached")).unwrap();
    let reads = server.count("GET", "") + server.count("HEAD", "");
    println!("bucket requests: warm, {hits} hits: {reads} reads");
    // What runs reads its inputs, a tree and a file each.
    assert!(reads <= tasks + 2 * 11 + 10, "{reads} reads of {hits} hits");
}

#[test]
fn ten_thousand_tasks_on_an_empty_machine_take_fifty_requests() {
    let server = FakeS3::start();
    let n = if rounds(0, 1) == 1 { "n=10000" } else { "n=3000" };
    let (whole, _) = Machine::new(&server).built(&grid(), "grid", &[n]);
    server.forget_requests();
    let empty = Machine::new(&server);
    let (report, _) = empty.built(&grid(), "grid", &[n]);
    assert_eq!((goal(&report), total(&report, "ran")), (goal(&whole), 0));
    println!(
        "bucket requests: {} tasks on an empty machine: {}",
        total(&report, "tasks"),
        server.requests().len()
    );
    assert!(server.requests().len() <= 50, "{:?}", server.requests());
}
