//! `wrun plan`.

use crate::env::{DAYS, FLIGHTS, TestEnv};

#[test]
fn what_a_build_would_do_grouped() {
    let env = TestEnv::new();
    let ran = env.report(&format!("plan report.wasm -p {DAYS}")).ok();
    assert_eq!(
        ran.stdout(),
        "split-by-day   1 run      source=flights.csv  new
delays         3 unknown  date=2013-01-01..2013-01-03  until split-by-day source=flights.csv has run
week           3 unknown  date=2013-01-01..2013-01-03  until split-by-day source=flights.csv has run
report         3 unknown  date=2013-01-01..2013-01-03  until split-by-day source=flights.csv has run
10 tasks: 1 run, 9 unknown
"
    );
    env.report(&format!("build report.wasm -p {DAYS} -q")).ok();
    assert!(env.report(&format!("plan report.wasm -p {DAYS}")).ok().stdout().ends_with("10 tasks: 10 hit\n"));
    env.write("flights.csv", FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA"));
    env.report("build report.wasm split-by-day -q").ok();
    let lines = env.report(&format!("plan report.wasm -p {DAYS} --json")).ok().json();
    let of = |fate: &str| -> Vec<String> {
        let name = |line: &serde_json::Value| {
            format!("{} {}", line["task"].as_str().unwrap(), line["params"]["date"].as_str().unwrap_or_default())
        };
        lines.iter().filter(|line| line["fate"] == fate).map(name).collect()
    };
    assert_eq!(of("run"), ["delays 2013-01-02"]);
    let mut unknown = of("unknown");
    unknown.sort();
    assert_eq!(unknown, ["report 2013-01-02", "report 2013-01-03", "week 2013-01-02", "week 2013-01-03"]);
}

#[test]
fn what_cannot_be_built_is_said() {
    let env = TestEnv::new();
    env.report("build report.wasm split-by-day -q").ok();
    let ran = env.report("plan report.wasm report 2013-02-01").code(1);
    assert!(ran.stdout().contains("1 failed"), "{}", ran.stdout());
}
