//! `wrun ls`.

use crate::env::TestEnv;

#[test]
fn an_output_is_listed_as_a_tree() {
    let env = TestEnv::new();
    let ran = env.report("ls report.wasm split-by-day").ok();
    let due = "split-by-day source=flights.csv  4 files, 271 B  b3:…\n\
        238 B  b3:…  days/\n \
        97 B  b3:…    2013-01-01.csv\n \
        80 B  b3:…    2013-01-02.csv\n \
        61 B  b3:…    2013-01-03.csv\n \
        33 B  b3:…  index.txt\n";
    assert_eq!(ran.stdout(), due);
    assert_eq!(ran.stderr(), "");
    let ran = env.report("ls report.wasm split-by-day days -q").ok();
    assert!(ran.stdout().starts_with("97 B  b3:…  days/2013-01-01.csv\n"), "{}", ran.stdout());
    let ran = env.report("ls report.wasm split-by-day index.txt --json").ok();
    let lines = ran.json();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0]["path"].as_str(), lines[0]["size"].as_u64()), (Some("index.txt"), Some(33)));
    // The whole digest is there for scripts.
    let ran = env.report("ls report.wasm split-by-day index.txt -v").ok();
    assert!(ran.raw_stdout().contains(lines[0]["digest"].as_str().unwrap()), "{}", ran.raw_stdout());
    let ran = env.report("ls report.wasm split-by-day dais").code(2);
    assert!(ran.stderr().contains("did you mean `days`?"), "{}", ran.stderr());
}

#[test]
fn goals_of_a_range_have_a_title_each() {
    let env = TestEnv::new();
    let ran = env.report("ls report.wasm delays 2013-01-01..2013-01-02").ok();
    let titles = ran.raw_stdout().lines().filter(|line| line.starts_with("delays date=2013-01-0")).count();
    assert_eq!(titles, 2, "{}", ran.raw_stdout());
}
