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
