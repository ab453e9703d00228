//! `wrun history`.

use crate::env::{DAYS, TestEnv};

#[test]
fn builds_newest_first() {
    let env = TestEnv::new();
    env.words("history").code(5);
    env.report(&format!("build report.wasm delays -p {DAYS} -q")).ok();
    env.words("build grid.wasm leaf -p i=1 -q").ok();
    let said = env.words("history").ok().stdout();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("  grid:leaf i=1 value=0  1 ran  [time]"), "{said}");
    assert!(lines[1].contains("  report:delays date=2013-01-01..2013-01-03  4 ran  [time]"), "{said}");
    let json = env.words("history -n 1 --json").ok().json();
    assert_eq!((json.len(), &json[0]["task"]), (1, &"leaf".into()));
}

#[test]
fn of_one_task() {
    let env = TestEnv::new();
    let day = "report.wasm delays -p date=2013-01-01";
    env.report(&format!("build report.wasm delays -p {DAYS} -q")).ok();
    env.report(&format!("history {day}x")).code(2);
    env.write("flights.csv", crate::env::FLIGHTS.replace(",20,B6", ",21,B6"));
    env.report("build report.wasm report -p date=2013-01-01 -q").ok();
    env.report(&format!("build {day} -q")).ok();
    let said = env.report(&format!("history {day}")).ok().stdout();
    let lines: Vec<&str> = said.lines().map(|line| &line[21..]).collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("cached ") && lines[0].ends_with(" (this code)"), "{said}");
    assert!(lines[1].starts_with("ran ") && lines[1].contains("(this code)  input split-by-day: "), "{said}");
    assert!(lines[2].starts_with("ran ") && lines[2].ends_with("(this code)  new"), "{said}");
    let json = env.report(&format!("history -n 1 --json {day}")).ok().json();
    assert_eq!((json.len(), &json[0]["state"], &json[0]["task"]), (1, &"cached".into(), &"delays".into()));
    let ran = env.report("history report.wasm delays -p date=2013-01-09").code(1);
    assert!(ran.stderr().contains("no build of this store had `delays date=2013-01-09 "), "{}", ran.stderr());
}
