//! `wrun build`, and the skip report.

use crate::env::{DAYS, FLIGHTS, TestEnv};
use serde_json::Value;

#[test]
fn the_second_build_is_answered_from_the_session_record() {
    let env = TestEnv::new();
    let ran = env.report(&format!("build report.wasm -p {DAYS}")).ok();
    assert_eq!(
        ran.stderr(),
        "  split-by-day   1 ran      source=flights.csv  new
  delays         3 ran      date=2013-01-01..2013-01-03  new
  week           3 ran      date=2013-01-01..2013-01-03  new
  report         3 ran      date=2013-01-01..2013-01-03  new
10 tasks in [time]: 10 ran; running took [time]
"
    );
    assert_eq!(ran.raw_stdout(), "");
    let ran = env.report(&format!("build report.wasm -p {DAYS}")).ok();
    assert_eq!(ran.stderr(), "10 tasks in [time]: 10 cached; nothing moved since it was built\n");
    let ran = env.report(&format!("build report.wasm -p {DAYS} --check")).ok();
    assert_eq!(
        ran.stderr(),
        "  split-by-day   1 cached   source=flights.csv
  delays         3 cached   date=2013-01-01..2013-01-03
  week           3 cached   date=2013-01-01..2013-01-03
  report         3 cached   date=2013-01-01..2013-01-03
10 tasks in [time]: 10 cached
"
    );
}

#[test]
fn a_corrected_day_runs_what_stands_on_it_and_nothing_else() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm -p {DAYS}")).ok();
    env.write("flights.csv", FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA"));
    let ran = env.report(&format!("build report.wasm -p {DAYS}")).ok();
    assert_eq!(
        ran.stderr(),
        "  split-by-day   1 ran      source=flights.csv  input file: b3:… → b3:…
  delays         2 cached   date=2013-01-01,2013-01-03
                 1 ran      date=2013-01-02  input split-by-day: b3:… → b3:…
  week           1 cached   date=2013-01-01
                 2 ran      date=2013-01-02..2013-01-03  need delays date=2013-01-02 source=flights.csv: b3:… → b3:…
  report         1 cached   date=2013-01-01
                 1 ran      date=2013-01-02  input day: b3:… → b3:…, input week: b3:… → b3:…
                 1 ran      date=2013-01-03  input week: b3:… → b3:…
10 tasks in [time]: 4 cached, 6 ran; running took [time], usually [time]
"
    );
}

#[test]
fn params_by_position_and_the_default_goal() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-01 -q").ok();
    let ran = env.report("build report.wasm report 2013-01-01").ok();
    assert_eq!(ran.stderr(), "4 tasks in [time]: 4 cached; nothing moved since it was built\n");
}

#[test]
fn quiet_is_silent_on_success_and_not_on_failure() {
    let env = TestEnv::new();
    let ran = env.report("build report.wasm delays 2013-01-01 -q").ok();
    assert_eq!((ran.stdout(), ran.stderr()), (String::new(), String::new()));
    env.report("build report.wasm delays 2013-02-01 -q").refused(
        1,
        "failed: delays date=2013-02-01 source=flights.csv
  input `split-by-day`: the output of `split-by-day source=flights.csv` has no `days/2013-02-01.csv`
  hint: did you mean `days/2013-01-01.csv`?
",
    );
}

#[test]
fn the_rest_is_built_where_one_task_fails() {
    let env = TestEnv::new();
    let ran = env.report("build report.wasm delays 2013-01-01..2013-01-04").code(1);
    assert!(
        ran.stderr().contains("  delays        3 ran      date=2013-01-01..2013-01-03  new\n"),
        "{}",
        ran.stderr()
    );
    assert!(ran.stderr().contains("5 tasks in [time]: 4 ran, 1 failed"), "{}", ran.stderr());
    // Nothing of what was made is made again.
    let ran = env.report("build report.wasm delays 2013-01-01..2013-01-04").code(1);
    assert!(ran.stderr().contains("5 tasks in [time]: 4 cached, 1 failed"), "{}", ran.stderr());
    let ran = env.report("build report.wasm report 2013-01-04").code(1);
    assert!(
        ran.stderr().contains(
            "1 blocked  date=2013-01-04 source=flights.csv  needs `delays date=2013-01-04 source=flights.csv`, which failed"
        ),
        "{}",
        ran.stderr()
    );
}

#[test]
fn a_failure_shows_message_log_and_hint() {
    let env = TestEnv::new();
    let ran = env.words("build hostile.wasm panics").code(1);
    let said = ran.stderr();
    assert!(said.contains("failed: panics n=0\n  `panics` panicked at hostile/src/run.rs:"), "{said}");
    assert!(said.contains("  | this task always panics\n"), "{said}");
    let ran = env.words("build hostile.wasm errs").code(1);
    assert_eq!(
        ran.stderr(),
        "  errs  1 failed
failed: errs n=0
  there is no such day
1 task in [time]: 1 failed
"
    );
}

#[test]
fn every_misbehaviour_is_a_failure_that_names_what_and_where() {
    let env = TestEnv::new();
    for (task, says) in [
        ("exits", "`exits` called exit"),
        ("unmade", "did not make its declared output `out`"),
        ("more", "made `another`, which it does not declare"),
        ("traps", "`traps`"),
        ("declare-traps", "no plan today"),
        ("declare-dotdot", "`../secret` is not a relative path"),
        ("declare-twice", "the input `day` is there twice"),
        ("declare-many", "1000000 inputs: at most 100000 are allowed"),
        ("declare-itself", "declare-itself n=0 → declare-itself n=0"),
        ("declare-container", "the task runs in a container"),
        ("static-need", "`static-need`"),
    ] {
        let ran = env.words(&format!("build hostile.wasm {task} -q")).code(1);
        assert!(ran.stderr().contains(says), "{task}: {}", ran.stderr());
        assert!(ran.stderr().starts_with(&format!("failed: {task} n=0\n")), "{}", ran.stderr());
    }
}

#[test]
fn force_runs_what_is_cached() {
    let env = TestEnv::new();
    env.report("build report.wasm report 2013-01-01 -q").ok();
    let ran = env.report("build report.wasm report 2013-01-01 --force").ok();
    assert!(ran.stderr().contains("  report        1 ran      date=2013-01-01"), "{}", ran.stderr());
    assert!(ran.stderr().contains("forced\n") && ran.stderr().contains("3 cached, 1 ran"), "{}", ran.stderr());
    let ran = env.report("build report.wasm report 2013-01-01 --force=delays").ok();
    assert!(ran.stderr().contains("  delays        1 ran      date=2013-01-01"), "{}", ran.stderr());
    env.report("build report.wasm report 2013-01-01 --force=dealys").refused(
        2,
        "error: `--force=dealys`: no plugin has the task `dealys`\nhint: did you mean `--force=delays`?\n",
    );
}

#[test]
fn what_is_excepted_is_skipped_by_you() {
    let env = TestEnv::new();
    let ran = env.report("build report.wasm report 2013-01-01..2013-01-02 --except *2013-01-02*").ok();
    assert!(ran.stderr().contains("skipped by you"), "{}", ran.stderr());
    assert!(ran.stderr().contains("  report        1 ran      date=2013-01-01  new\n"), "{}", ran.stderr());
    env.report("build report.wasm report 2013-01-01 --except [").code(2);
}

#[test]
fn recursion_finishes_with_one_slot() {
    let env = TestEnv::new();
    let ran = env.words("build shards.wasm sum 12 -j1 -q").ok();
    assert_eq!(ran.stderr(), "");
    env.words("build shards.wasm sum 12 -j 0").refused(
        2,
        "error: `-j 0`: at least one task has to run at once\nhint: leave `-j` out: it is then one a core\n",
    );
}

#[test]
fn json_lines_have_every_task_and_the_goals() {
    let env = TestEnv::new();
    let lines = env.report("build report.wasm report 2013-01-01 --json -q").ok().json();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("started").len(), 1);
    assert_eq!(of("running").len(), 4);
    assert_eq!(of("ended").len(), 4);
    assert_eq!(of("finished")[0]["totals"]["ran"], 4);
    assert_eq!(of("goal").len(), 1);
    assert_eq!(of("goal")[0]["params"]["date"], "2013-01-01");
    assert!(of("goal")[0]["output"].as_str().unwrap().starts_with("b3:"));
    let lines = env.report("build report.wasm report 2013-01-01 --json -q --check").ok().json();
    assert!(lines.iter().filter(|line| line["event"] == "ended").all(|line| line["state"] == "cached"));
}

#[test]
fn the_report_has_totals_and_tasks_also_when_nothing_moved() {
    let env = TestEnv::new();
    let report = |words: &str| -> Value {
        env.report(&format!("build report.wasm report 2013-01-01 -q --report r.json{words}")).ok();
        serde_json::from_str(&env.read("r.json")).unwrap()
    };
    let one = report("");
    assert_eq!(one["totals"]["tasks"], 4);
    assert_eq!(one["answered-by"], "walk");
    assert_eq!(one["tasks"][0]["task"], "split-by-day");
    assert_eq!(one["tasks"][0]["reason"][0]["kind"], "new");
    let two = report("");
    assert_eq!(two["answered-by"], "session-record");
    assert_eq!((&two["totals"]["tasks"], &two["totals"]["cached"]), (&Value::from(4), &Value::from(4)));
    let outputs = |report: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        report["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (text(&task["task"]), text(&task["output"])))
            .collect()
    };
    assert_eq!(outputs(&one), outputs(&two));
    assert!(two["tasks"].as_array().unwrap().iter().all(|task| task["state"] == "cached"));
    let three = report(" --check");
    assert_eq!(three["answered-by"], "walk");
}

#[test]
fn a_report_that_cannot_be_written_is_found_out_before_the_build() {
    let env = TestEnv::new();
    env.report("build report.wasm report 2013-01-01 --report none/r.json").refused(
        2,
        "error: cannot write the report `none/r.json`\n  because: there is no folder `none`\nhint: make it first\n",
    );
    env.report("build report.wasm report 2013-01-01 -q --report /dev/full").refused(
        5,
        "error: cannot write `/dev/full`\n  because: No space left on device (os error 28)\nhint: free some space\n",
    );
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let mut env = TestEnv::new();
    let escapes = |ran: crate::env::Ran| ran.stderr().contains('\x1b');
    assert!(!escapes(env.words("build hostile.wasm errs").code(1)));
    assert!(escapes(env.words("build hostile.wasm errs --color always").code(1)));
    env.set("NO_COLOR", "1");
    assert!(escapes(env.words("build hostile.wasm errs --color always").code(1)));
    assert!(!escapes(env.words("build hostile.wasm errs --color auto").code(1)));
}

#[test]
fn verbose_has_a_line_a_task() {
    let env = TestEnv::new();
    let said = env.report("build report.wasm delays 2013-01-01 -v").ok().stderr();
    assert!(said.contains("running split-by-day source=flights.csv  new\n"), "{said}");
    assert!(said.contains("ran     delays date=2013-01-01 source=flights.csv  [time]\n"), "{said}");
    env.report("build report.wasm delays 2013-01-01 -v -q").code(2);
}

#[test]
fn externals_that_are_no_files_are_failures_with_a_hint() {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("folder")).unwrap();
    for (source, says) in [
        ("missing.csv", "input `file`: `[ROOT]/work/missing.csv` is not there"),
        ("folder", "`/in/file` is empty: one file is due"),
        ("gopher://host/x", "input `file`: `gopher://host/x` has the scheme `gopher`"),
    ] {
        let words = ["build", "report.wasm", "split-by-day", "-q", "-p"];
        let ran = env.wrun(words.into_iter().chain([format!("source={source}").as_str()])).code(1);
        assert!(ran.stderr().starts_with("failed: split-by-day source="), "{}", ran.stderr());
        assert!(ran.stderr().contains(says), "{}", ran.stderr());
    }
}
