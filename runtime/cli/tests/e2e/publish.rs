//! `--publish`, `[publish]`, `wrun adopt`, `wrun store push` and `pull`, `wrun url`, on one machine.

use crate::env::{DAYS, FLIGHTS, TestEnv};
use crate::fake_s3::FakeS3;
use std::io::{Read as _, Write as _};

#[test]
fn outputs_go_where_people_read_them() {
    let env = TestEnv::new();
    let out = env.path("site");
    let dest = format!("file:{}/{{date}}.csv", out.display());
    let build = || {
        env.wrun([
            "build",
            "report.wasm",
            "delays",
            "-p",
            "date=2013-01-01..2013-01-03",
            "-p",
            "source=flights.csv",
            "--publish",
            &dest,
        ])
    };
    let ran = build().ok();
    assert_eq!(ran.stderr().matches("published delays").count(), 3, "{}", ran.stderr());
    let first = std::fs::read_to_string(out.join("2013-01-01.csv")).unwrap();
    let built = env.report("cat report.wasm delays 2013-01-01").ok().raw_stdout();
    assert_eq!(first, built);
    let ran = build().ok();
    assert_eq!(ran.stderr().matches("already").count(), 3, "{}", ran.stderr());
}

#[test]
fn destinations_that_overlap_are_refused() {
    let env = TestEnv::new();
    let run = |dest: &str| {
        env.wrun([
            "build",
            "report.wasm",
            "delays",
            "-p",
            "date=2013-01-01..2013-01-03",
            "-p",
            "source=flights.csv",
            "-q",
            "--publish",
            dest,
        ])
    };
    let ran = run("site/all.csv").code(2);
    assert!(ran.stderr().contains(" overlaps `"), "{}", ran.stderr());
    let ran = run(&format!("{}/x/{{date}}", env.store().display())).code(2);
    assert!(ran.stderr().contains("overlaps the store"), "{}", ran.stderr());
    let ran = run("site/{day}").code(2);
    assert!(ran.stderr().contains("no public param"), "{}", ran.stderr());
    assert!(!env.path("site").exists());
}

#[test]
fn task_types_have_rules() {
    let env = TestEnv::new();
    env.write("wrun.toml", "[publish]\ndelays = \"file:out/{task}/{date}.csv\"\n");
    env.report("build report.wasm 2013-01-02 -q").ok();
    assert!(env.path("out/delays/2013-01-02.csv").is_file());
    env.write("wrun.toml", "[publish]\n\"flights:delays\" = \"out\"\n");
    let ran = env.report("build report.wasm 2013-01-02 -q").code(2);
    assert!(ran.stderr().contains("no alias `flights`"), "{}", ran.stderr());
}

#[test]
fn another_system_s_output_becomes_a_result() {
    let env = TestEnv::new();
    env.write("old/anything.csv", "carrier,delay\n");
    let adopt = ["adopt", "report.wasm", "delays", "2013-01-02", "-p", "source=flights.csv", "old/anything.csv"];
    // What it requires comes first.
    let ran = env.wrun(adopt).code(1);
    assert!(ran.stderr().contains("has no key yet"), "{}", ran.stderr());
    env.report("build report.wasm split-by-day -q").ok();
    let ran = env.wrun(adopt).ok();
    assert!(ran.stderr().starts_with("adopted "), "{}", ran.stderr());
    let ran = env.report("build report.wasm delays 2013-01-02").ok();
    assert!(!ran.stderr().contains(" ran"), "{}", ran.stderr());
    assert_eq!(env.report("cat report.wasm delays 2013-01-02").ok().raw_stdout(), "carrier,delay\n");
    let lines = env.report("lineage report.wasm delays 2013-01-02 --json").ok().json();
    assert_eq!(lines[0]["state"], "adopted");
}

#[test]
fn a_store_moves_to_another() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    let ran = env.wrun(["store", "push", "other"]).ok();
    assert!(ran.stderr().starts_with("pushed "), "{}", ran.stderr());
    let ran = env.wrun(["store", "push", "other"]).ok();
    assert!(ran.stderr().starts_with("pushed 0 results, 0 blobs"), "{}", ran.stderr());
    // All of it is a hit there, and it can be made again.
    let ran = env.report("build report.wasm 2013-01-02 --store other").ok();
    assert!(!ran.stderr().contains(" ran"), "{}", ran.stderr());
    let line = &env.wrun(["store", "pull", "other", "--store", "third", "--json"]).ok().json()[0];
    assert!(line["results"].as_u64().unwrap() > 0, "{line}");
    let ran = env.wrun(["store", "push", "third", "--store", "third"]).code(2);
    assert!(ran.stderr().contains("both stores are"), "{}", ran.stderr());
}

#[test]
fn only_a_bucket_has_links() {
    let env = TestEnv::new();
    env.report("build report.wasm delays 2013-01-02 -q").ok();
    let ran = env.report("url report.wasm delays 2013-01-02").code(2);
    assert!(ran.stderr().contains("is no store on S3"), "{}", ran.stderr());
}

#[test]
fn what_another_system_left_in_a_bucket_is_adopted() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "store");
    let adopt =
        |from: &str| env.wrun(["adopt", "report.wasm", "delays", "2013-01-02", "-p", "source=flights.csv", from]);
    env.report("build report.wasm split-by-day -q").ok();
    let none = adopt("s3://lake/old/delays.csv").code(2).stderr();
    assert!(none.starts_with("error: there is nothing at `s3://lake/old/delays.csv`\n"), "{none}");
    server.plant("lake/old/delays.csv", b"carrier\nXX\n");
    let ran = adopt("s3://lake/old/delays.csv").ok();
    assert!(ran.stderr().starts_with("adopted "), "{}", ran.stderr());
    let text = env.report("cat report.wasm delays 2013-01-02").ok().raw_stdout();
    assert_eq!(text, "carrier\nXX\n");
    // Another machine builds nothing.
    let other = TestEnv::in_bucket(server.url(), "store");
    let built = other.report("build report.wasm delays 2013-01-02").ok().stderr();
    assert!(!built.contains(" ran "), "{built}");
    // All below a prefix, of a task with two outputs.
    server.plant("lake/days/index.txt", b"2013-01-09\n");
    server.plant("lake/days/days/2013-01-09.csv", b"year\n");
    env.write("other.csv", "year\n");
    let split = ["adopt", "report.wasm", "split-by-day", "-p", "source=other.csv", "s3://lake/days/"];
    env.wrun(split).ok();
    let text = env.words("cat report.wasm split-by-day -p source=other.csv days/2013-01-09.csv").ok().raw_stdout();
    assert_eq!(text, "year\n");
}

#[test]
fn what_moved_is_disowned_by_the_entries_of_its_new_store() {
    let env = TestEnv::new();
    let build = "build report.wasm delays 2013-01-02";
    env.report(&format!("{build} -q")).ok();
    for _ in 0..2 {
        env.words("invalidate report delays --reason wrong --yes").ok();
        env.report(&format!("{build} -q")).ok();
    }
    // It knows two entries of this store, which the other does not have.
    env.wrun(["store", "push", "other"]).ok();
    let there = env.report(&format!("{build} --store other")).ok().stderr();
    assert!(!there.contains(" ran "), "{there}");
    env.words("invalidate report delays --reason wrong --yes --store other").ok();
    let again = env.report(&format!("{build} --store other")).ok().stderr();
    assert!(again.contains("  disowned: wrong\n") && again.contains("1 cached, 1 ran"), "{again}");
}

/// Asks for what a link leads to.
fn fetched(server: &FakeS3, link: &str) -> String {
    let address = server.url().trim_start_matches("http://");
    let path = link.strip_prefix(server.url()).unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn outputs_are_published_to_a_bucket() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "store");
    let build = |more: &str| {
        env.report(&format!("build report.wasm delays -p {DAYS} --publish s3://out/{{date}}.csv{more}"))
    };
    let said = build("").ok().stderr();
    assert_eq!(said.matches("published delays").count(), 3, "{said}");
    let text = env.report("cat report.wasm delays 2013-01-02").ok().raw_stdout();
    assert_eq!(server.read("out/2013-01-02.csv").unwrap(), text.as_bytes());
    server.forget_requests();
    build("").ok();
    assert_eq!(server.count("PUT", "out/"), 0, "{:?}", server.requests());
    server.vanish("out/2013-01-02.csv");
    build(" --check").ok();
    assert_eq!(server.read("out/2013-01-02.csv").unwrap(), text.as_bytes());
    let link = env.report("url report.wasm delays 2013-01-02").ok().raw_stdout();
    let (path, link) = link.trim_end().split_once('\t').unwrap();
    assert_eq!((path, fetched(&server, link)), ("delays.csv", text));
    let overlaps = env.report("build report.wasm delays 2013-01-01 --publish s3://store/p/x").code(2).stderr();
    assert!(overlaps.contains("overlaps the store"), "{overlaps}");
}

#[test]
fn many_files_are_published_beside_their_manifest() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "store");
    // A day of more than 16 MiB goes up in parts.
    let (head, rest) = FLIGHTS.split_once('\n').unwrap();
    let day = rest.lines().next().unwrap();
    env.write("flights.csv", format!("{head}\n{}", format!("{day}\n").repeat((17 << 20) / day.len())));
    env.report("build report.wasm split-by-day -q --publish s3://out/days").ok();
    let names: Vec<String> = server.names().into_iter().filter(|name| name.starts_with("out/")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let manifest = server.read("out/days/_manifest.json").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let file = names.iter().find(|name| name.ends_with("/days/2013-01-01.csv")).unwrap();
    let tree = file.strip_prefix("out/days/").unwrap().split_once('/').unwrap().0;
    assert!(manifest.to_string().contains(tree), "{manifest}");
    assert!(server.read(file).unwrap().len() > 16 << 20);
    assert!(server.count("POST", file) >= 2 && server.open_uploads() == 0, "{:?}", server.requests());
}
