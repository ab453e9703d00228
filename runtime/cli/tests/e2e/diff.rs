//! `wrun diff`.

use crate::env::{DAYS, TestEnv};

#[test]
fn the_latest_result_is_compared_with_the_one_before() {
    let env = TestEnv::new();
    env.report("build report.wasm delays 2013-01-01 -q").ok();
    let ran = env.report("diff report.wasm delays").code(2);
    assert!(ran.stderr().contains("date"), "{}", ran.stderr());
    let ran = env.wrun(["diff", "report.wasm", "delays date=2013-01-01 source=flights.csv"]).code(1);
    assert!(ran.stderr().contains("the store has no other result of `delays date=2013-01-01"), "{}", ran.stderr());
    env.write("flights.csv", env.read("flights.csv").replace("517,2,UA", "519,4,UA"));
    env.report("build report.wasm delays 2013-01-01 -q").ok();
    // As wrun writes it, in one word.
    let ran = env.wrun(["diff", "report.wasm", "delays date=2013-01-01 source=flights.csv"]).ok();
    let due = "@@ -1,3 +1,3 @@\n \
        carrier,name,flights,cancelled,mean_dep_delay,median_dep_delay,p95_dep_delay,on_time_share\n \
        B6,JetBlue Airways,1,0,20.00,20.00,20.00,0.00\n\
        -UA,United Air Lines Inc.,2,1,2.00,2.00,2.00,1.00\n\
        +UA,United Air Lines Inc.,2,1,4.00,4.00,4.00,1.00\n";
    assert_eq!(ran.raw_stdout(), format!("--- a/delays.csv\n+++ b/delays.csv\n{due}"));
    assert!(ran.stderr().ends_with("1 file differs\n"), "{}", ran.stderr());
    let ran = env.wrun(["diff", "report.wasm", "split-by-day", "-p", "source=flights.csv", "--stat"]).ok();
    assert_eq!(ran.stdout(), "~ days/2013-01-01.csv  97 B b3:… → 97 B b3:…\n");
    assert!(ran.stderr().ends_with("1 file differs, 3 others the same\n"), "{}", ran.stderr());
}

#[test]
fn two_tasks_and_two_keys_are_compared() {
    let env = TestEnv::new();
    let ran = env.report(&format!("build report.wasm delays -p {DAYS} --json")).ok();
    let keys: Vec<String> = ran
        .json()
        .iter()
        .filter(|line| line["event"] == "goal")
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect();
    let of_tasks = env
        .wrun([
            "diff",
            "report.wasm",
            "delays date=2013-01-01",
            "delays date=2013-01-02",
            "-p",
            "source=flights.csv",
        ])
        .ok();
    let of_keys = env.wrun(["diff", "report.wasm", &keys[0], &keys[1]]).ok();
    assert!(of_keys.raw_stdout().contains("\n+B6,"), "{}", of_keys.raw_stdout());
    assert_eq!(of_tasks.raw_stdout(), of_keys.raw_stdout());
    let range = env.report("diff report.wasm delays -p date=2013-01-01..2013-01-02").ok();
    assert_eq!(range.raw_stdout(), of_keys.raw_stdout());
    let ran = env.report(&format!("diff report.wasm delays -p {DAYS}")).code(2);
    assert!(ran.stderr().contains("a range makes 3 goals"), "{}", ran.stderr());
    let ran = env.wrun(["diff", "report.wasm", &keys[0], &keys[1], "--json"]).ok();
    assert_eq!(ran.json()[0]["path"], "delays.csv");
    let ran = env.wrun(["diff", "report.wasm", &keys[0], &keys[0]]).ok();
    assert_eq!(
        (ran.raw_stdout().as_str(), ran.stderr().ends_with("0 files differ, 1 other the same\n")),
        ("", true)
    );
    let ran = env.wrun(["diff", "report.wasm", &keys[0]]).code(2);
    assert!(ran.stderr().contains("and no B to compare it with"), "{}", ran.stderr());
    let ran = env.wrun(["diff", "report.wasm", &keys[0][..20], &keys[1]]).code(2);
    assert!(ran.stderr().contains("is no whole digest"), "{}", ran.stderr());
    let unknown = format!("b3:{}", "0".repeat(64));
    let ran = env.wrun(["diff", "report.wasm", &keys[0], &unknown]).code(2);
    assert!(ran.stderr().contains("the store has no result and no output b3:…"), "{}", ran.stderr());
}
