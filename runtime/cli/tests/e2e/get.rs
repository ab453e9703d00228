//! `wrun get -o DIR`.

use crate::env::{FLIGHTS, TestEnv};
use std::fs;

#[test]
fn outputs_are_put_into_a_folder_and_swapped_when_they_change() {
    let env = TestEnv::new();
    let ran = env.report("get report.wasm split-by-day -o out").ok();
    assert_eq!((ran.stdout().as_str(), ran.stderr().as_str()), ("out/days\nout/index.txt\n", ""));
    assert_eq!(env.read("out/index.txt"), "2013-01-01\n2013-01-02\n2013-01-03\n");
    env.write("out/mine.txt", "mine");
    env.write("out/days/stale.csv", "stale");
    env.write("flights.csv", format!("{FLIGHTS}2013,1,4,600,-3,B6\n"));
    env.report("get report.wasm split-by-day -o out -q").ok();
    assert_eq!(env.read("out/mine.txt"), "mine");
    assert_eq!(env.read("out/index.txt"), "2013-01-01\n2013-01-02\n2013-01-03\n2013-01-04\n");
    let days: Vec<_> =
        fs::read_dir(env.path("out/days")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(days.len(), 4);
    let left = fs::read_dir(env.path("out"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".wrun-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_range_has_a_folder_each() {
    let env = TestEnv::new();
    let lines = env.report("get report.wasm delays 2013-01-01..2013-01-02 -o out --json").ok().json();
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["out/date=2013-01-01/delays.csv", "out/date=2013-01-02/delays.csv"]);
    assert!(env.path("out/date=2013-01-02/delays.csv").is_file());
}

#[test]
fn old_outputs_stay_where_new_ones_cannot_be_made() {
    let env = TestEnv::new();
    env.report("get report.wasm delays 2013-01-01 -o out -q").ok();
    let before = env.read("out/delays.csv");
    env.write("flights.csv", "not,a,table\n");
    let ran = env.report("get report.wasm delays 2013-01-01 -o out").code(1);
    assert!(ran.stderr().starts_with("failed: "), "{}", ran.stderr());
    assert_eq!(env.read("out/delays.csv"), before);
    env.report("get report.wasm delays 2013-01-01")
        .refused(2, "error: no folder is named for the outputs\nhint: add `-o DIR`\n");
    env.write("file", "");
    env.write("flights.csv", FLIGHTS);
    for (place, hint) in
        [("file/x", "name another path"), ("file", "name another path"), ("/proc/none", "is the folder")]
    {
        let ran = env.report(&format!("get report.wasm delays 2013-01-01 -o {place}")).code(5);
        assert!(ran.stderr().starts_with("error: cannot "), "{}", ran.stderr());
        assert!(ran.stderr().contains("\nhint: ") && ran.stderr().contains(hint), "{}", ran.stderr());
    }
}

#[test]
fn a_file_takes_the_place_of_a_folder() {
    let env = TestEnv::new();
    env.write("out/delays.csv/inside", "x");
    env.report("get report.wasm delays 2013-01-01 -o out -q").ok();
    assert!(env.path("out/delays.csv").is_file());
}
