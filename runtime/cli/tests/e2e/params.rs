//! Params: where they come from, and what is wrong with them.

use crate::env::{DAYS, TestEnv};
use std::os::unix::ffi::OsStrExt as _;

#[test]
fn bad_params_are_usage_errors_that_say_where_they_come_from() {
    let mut env = TestEnv::new();
    for (words, due) in [
        (
            "",
            "error: param `date` of `report` is missing: it is of type date and has no default\nhint: add `--param date=…`\n",
        ),
        (" -p dat=2013-01-01", "error: `report` has no param `dat` (from --param)\nhint: did you mean `date`?\n"),
        (
            " 2013-01-01 -p date=2013-01-01",
            "error: the param `date` is given twice\nhint: give it once; a range such as `2013-01-01..2013-01-07` makes several goals\n",
        ),
        (
            " -p date=2013-02-30",
            "error: param `date`: `2013-02-30` is not a date, such as `2013-01-07`, `today` or `today-7d` (from --param)\nhint: `wrun --explain bad-value` says more\n",
        ),
        (
            " -p date=..",
            "error: param `date`: `` in a range is not a date, such as `2013-01-07`, `today` or `today-7d` (from --param)\nhint: a range is `FIRST..LAST`, both ends in it\n",
        ),
        (
            " -p date=2013-01-02..2013-01-01",
            "error: param `date`: the range `2013-01-02..2013-01-01` is reversed: its end is before its start (from --param)\nhint: a range is `FIRST..LAST`, both ends in it\n",
        ),
        (" -p date", "error: `--param date` has no `=`\nhint: write `--param NAME=VALUE`\n"),
        (
            " report 2013-01-01 extra",
            "error: unexpected `extra`: `report` takes one param by position\nhint: did you mean `--param source=extra`?\n",
        ),
        (
            " report date=2013-01-01",
            "error: param `date`: `date=2013-01-01` is not a date, such as `2013-01-07`, `today` or `today-7d` (from the command line)\nhint: did you mean `--param date=2013-01-01`?\n",
        ),
        (
            " --params none.toml",
            "error: cannot read `none.toml`\n  because: No such file or directory (os error 2)\nhint: is the path right?\n",
        ),
    ] {
        env.words(&format!("build report.wasm{words}")).refused(2, due);
    }
    env.words("build grid.wasm grid -p n=0")
        .refused(2, "error: param `n`: `0` is not an integer within int(1..10000000) (from --param)\nhint: `wrun --explain bad-value` says more\n");
    env.set("WRUN_PARAM_DATE", "soon");
    env.words("build report.wasm").refused(
        2,
        "error: param `date`: `soon` is not a date, such as `2013-01-07`, `today` or `today-7d` (from the environment's WRUN_PARAM_DATE)\nhint: `wrun --explain bad-value` says more\n",
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let mut env = TestEnv::new();
    let bad = std::ffi::OsStr::from_bytes(b"date=\xff");
    let ran = env.wrun([std::ffi::OsStr::new("build"), "report.wasm".as_ref(), "-p".as_ref(), bad]).code(2);
    assert!(
        ran.stderr().starts_with("error: the argument `date=\u{fffd}` is not UTF-8\nhint: "),
        "{}",
        ran.stderr()
    );
    let bad = std::ffi::OsStr::from_bytes(b"\xff.wasm");
    env.wrun([std::ffi::OsStr::new("build"), bad]).refused(
        4,
        "error: cannot read `\u{fffd}.wasm`\n  because: No such file or directory (os error 2)\nhint: is the path right?\n",
    );
    env.set("WRUN_PARAM_DATE", std::ffi::OsStr::from_bytes(b"\xff"));
    env.words("build report.wasm")
        .refused(2, "error: the environment's WRUN_PARAM_DATE, `\u{fffd}`, is not UTF-8\nhint: set WRUN_PARAM_DATE to UTF-8 text, or unset it\n");
}

#[test]
fn folders_whose_names_are_not_utf_8_are_as_good_as_others() {
    let env = TestEnv::new();
    let here = env.cwd().join(std::ffi::OsStr::from_bytes(b"here\xff"));
    std::fs::create_dir(&here).unwrap();
    std::fs::write(here.join("flights.csv"), crate::env::FLIGHTS).unwrap();
    let run = |words: &str, more: &[&[u8]]| {
        let mut command = env.command();
        command.current_dir(&here).args(words.split(' ')).args(["-p", "source=flights.csv"]);
        let output = command.args(more.iter().map(|arg| std::ffi::OsStr::from_bytes(arg))).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words}: {said}");
        said
    };
    let day = "../report.wasm delays 2013-01-01";
    assert!(run(&format!("build {day}"), &[]).contains("2 ran"));
    assert!(run(&format!("build {day}"), &[]).contains("nothing moved"));
    for command in ["plan", "why", "log", "verify", "graph"] {
        run(&format!("{command} {day}"), &[]);
    }
    run(&format!("get {day} --json"), &[b"-o", b"out\xff"]);
    run(&format!("build {day} -q --json"), &[b"--store", b"store\xff", b"--report", b"report\xff"]);
    assert!(here.join(std::ffi::OsStr::from_bytes(b"out\xff/delays.csv")).is_file());
}

#[test]
fn integers_of_any_spelling_are_one() {
    let env = TestEnv::new();
    env.words("build grid.wasm leaf -p i=7 -q").ok();
    for spelling in ["07", "+7"] {
        let ran = env.words(&format!("build grid.wasm leaf -p i={spelling}")).ok();
        assert!(ran.stderr().contains("1 cached"), "{}", ran.stderr());
    }
}

#[test]
fn params_come_from_a_file_of_either_format() {
    let env = TestEnv::new();
    env.write("p.toml", "date = 2013-01-01\nsource = \"flights.csv\"\n");
    env.write("p.json", r#"{"date": "2013-01-01", "source": "flights.csv"}"#);
    env.words("build report.wasm -q --params p.toml").ok();
    let ran = env.words("build report.wasm --params p.json").ok();
    assert!(ran.stderr().contains("4 cached"), "{}", ran.stderr());
    env.write("p.json", r#"{"date": "2013-01-01", "date": "2013-01-02"}"#);
    env.words("build report.wasm --params p.json").refused(
        2,
        "error: cannot read params from `p.json`\n  because: it gives the param `date` twice\nhint: leave one of them out\n",
    );
    env.write("p.toml", "date = 2013-01-01\ndate = 2013-01-02\n");
    assert!(env.words("build report.wasm --params p.toml").code(2).stderr().contains("duplicate key"));
}

#[test]
fn relative_dates_are_resolved_once_and_said() {
    let env = TestEnv::new();
    env.write("wrun.toml", "timezone = \"UTC\"\n");
    let ran = env.report("plan report.wasm delays today-1d..today").code(0);
    let said = ran.stderr();
    assert!(said.starts_with("note: `date=today-1d..today` is 20") && said.ends_with(" (UTC)\n"), "{said}");
    assert_eq!(env.report("plan report.wasm delays today -q").ok().stderr(), "");
}

#[test]
fn a_range_is_one_build_with_one_report() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm delays -p {DAYS} -q --report r.json")).ok();
    let report: serde_json::Value = serde_json::from_str(&env.read("r.json")).unwrap();
    assert_eq!(report["totals"]["tasks"], 4);
}
