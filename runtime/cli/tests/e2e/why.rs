//! `wrun why`.

use crate::env::{FLIGHTS, TestEnv};

#[test]
fn down_to_the_file_that_changed() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    env.write("flights.csv", FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA"));
    env.report("build report.wasm 2013-01-02 -q").ok();
    let said = env.report("why report.wasm 2013-01-02").ok().stdout();
    assert!(said.starts_with("report date=2013-01-02 source=flights.csv  cached, made [time] ago\n"), "{said}");
    assert!(said.contains("it ran because: input day: b3:… → b3:…\n"), "{said}");
    assert!(said.contains("day ← delays date=2013-01-02 source=flights.csv"), "{said}");
    assert!(said.contains("file ← flights.csv\n"), "{said}");
    assert!(said.contains("changed: flights.csv\n"), "{said}");
    let line = &env.report("why report.wasm 2013-01-02 --json").ok().json()[0];
    assert_eq!(line["standing"], "hit");
    assert_eq!(line["reason"][0]["kind"], "input-changed");
}

#[test]
fn a_new_task_and_a_changed_salt() {
    let env = TestEnv::new();
    assert_eq!(env.words("why grid.wasm leaf -p i=1").ok().stdout(), "leaf i=1 value=0  would run\n  new\n");
    env.words("build grid.wasm leaf -p i=1 -q").ok();
    let said = env.words("why grid.wasm leaf -p i=1 --salt x").ok().stdout();
    assert_eq!(said, "leaf i=1 value=0  would run\n  salt changed\n");
}

#[test]
fn through_a_need_down_to_the_file_that_changed() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-03 -q").ok();
    env.write("flights.csv", FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA"));
    env.report("build report.wasm 2013-01-03 -q").ok();
    let said = env.report("why report.wasm 2013-01-03").ok().stdout();
    assert_eq!(
        said,
        "report date=2013-01-03 source=flights.csv  cached, made [time] ago
  it ran because: input week: b3:… → b3:…
    week ← week date=2013-01-03 source=flights.csv  cached, made [time] ago
      it ran because: need delays date=2013-01-02 source=flights.csv: b3:… → b3:…
        need ← delays date=2013-01-02 source=flights.csv  cached, made [time] ago
          it ran because: input split-by-day: b3:… → b3:…
            split-by-day ← split-by-day source=flights.csv  cached, made [time] ago
              it ran because: input file: b3:… → b3:…
                file ← flights.csv
                  changed: flights.csv
"
    );
    let line = &env.report("why report.wasm 2013-01-03 --json").ok().json()[0];
    let week = &line["upstream"][0]["task"];
    assert_eq!(week["reason"][0]["task"], "delays date=2013-01-02 source=flights.csv");
}

#[test]
fn against_the_record_that_was_used_before() {
    let env = TestEnv::new();
    let changed = FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA");
    env.report("build report.wasm split-by-day -q").ok();
    env.write("flights.csv", &changed);
    env.report("build report.wasm delays 2013-01-02 -q").ok();
    // Back again: the split is there since the first build, when it was new; what differs is the file.
    env.write("flights.csv", FLIGHTS);
    assert_eq!(
        env.report("why report.wasm delays 2013-01-02").ok().stdout(),
        "delays date=2013-01-02 source=flights.csv  would run
  input split-by-day: b3:… → b3:…
    split-by-day ← split-by-day source=flights.csv  cached, made [time] ago
      input file: b3:… → b3:…
        file ← flights.csv
          changed: flights.csv
"
    );
}

#[test]
fn absent_params_are_not_shown() {
    let env = TestEnv::new();
    for words in ["why grid.wasm grid -p n=10", "plan grid.wasm grid -p n=10", "build grid.wasm grid -p n=10 -v"] {
        let ran = env.words(words).ok();
        assert!(
            !ran.stdout().contains("null") && !ran.stderr().contains("null"),
            "{}",
            ran.stdout() + &ran.stderr()
        );
    }
    // With it, it is.
    let ran = env.words("why grid.wasm grid -p n=10 -p changed=3").ok();
    assert!(ran.stdout().contains("changed=3"), "{}", ran.stdout());
}
