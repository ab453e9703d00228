//! `wrun invalidate`.

use crate::env::{DAYS, TestEnv};

#[test]
fn the_next_build_makes_just_that_again() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm delays -p {DAYS} -q")).ok();
    let chosen = ["invalidate", "report.wasm", "delays", "-p", "date=2013-01-02..2013-01-03"];
    let with = |more: &[&str]| env.wrun(chosen.iter().chain(more));
    with(&[]).refused(2, "error: no reason is given\nhint: say why with `--reason TEXT`: others will ask\n");
    let asked = with(&["--reason", "wrong zone"]).code(2);
    assert_eq!(asked.raw_stdout().lines().count(), 2, "what would be disowned is listed first");
    assert!(asked.stderr().contains("nobody can be asked here"), "{}", asked.stderr());
    let done = with(&["--reason", "wrong zone", "--author", "ann", "--yes"]).ok();
    assert_eq!(done.stderr(), "disowned 2 results: `wrun invalidate --undo 1` takes it back\n");
    let built = env.report(&format!("build report.wasm delays -p {DAYS}")).ok().stderr();
    assert!(built.contains("2 ran      date=2013-01-02..2013-01-03  disowned: wrong zone\n"), "{built}");
    let same = "note: 2 tasks of `delays` made the same bytes again as the results that were disowned\n";
    assert!(built.contains(same), "{built}");
    // What was made again is live; nothing is like that any more but what was made since.
    env.report(&format!("build report.wasm delays -p {DAYS} -q")).ok();
    let list = env.words("invalidate --list").ok().raw_stdout();
    assert!(list.contains("  report:delays, date=2013-01-02..2013-01-03  wrong zone  by ann\n"), "{list}");
    let undone = env.words("invalidate --undo 1").ok();
    assert_eq!(undone.stderr(), "entry 1 is undone, by entry 2\n");
    let list = env.words("invalidate --list --json").ok().json();
    assert_eq!((list.len(), &list[0]["undone"], &list[1]["entry"]["undo"]), (2, &true.into(), &1.into()));
    env.words("invalidate --undo 1").code(2);
    env.words("invalidate --undo 9").code(2);
}

#[test]
fn downstream_is_the_exact_closure() {
    let env = TestEnv::new();
    env.report("build report.wasm report -p date=2013-01-02 -q").ok();
    let day = "invalidate report split-by-day --downstream --reason x --json --yes";
    let chosen = env.words(day).ok().json();
    let count = |why: &str| chosen.iter().filter(|line| line["result"] == why).count();
    let written = chosen.iter().filter(|line| line["tombstone"].is_number()).count();
    assert_eq!((count("chosen"), count("downstream") > 0, written), (1, true, 2));
    assert!(chosen.iter().all(|line| line["task"] != "split-by-day" || line["result"] == "chosen"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let env = TestEnv::new();
    env.report("build report.wasm delays -p date=2013-01-01 -q").ok();
    for (words, code, due) in [
        ("invalidate --reason x", 2, "nothing says which results are meant"),
        ("invalidate report.wasm dealys --reason x", 2, "did you mean `delays`?"),
        ("invalidate --key b3:12 --reason x", 2, "`b3:…`, given as --key, is no whole digest"),
        ("invalidate --since yesterday --reason x", 2, "`yesterday` is not a time"),
        ("invalidate -p date=[ --reason x", 2, "`[` is not a glob"),
        ("invalidate -p date --reason x", 2, "`--param date` has no value"),
        ("invalidate nobody --reason x", 1, "no live result of this store is like that"),
        ("invalidate --list --undo 1", 2, "cannot be used with"),
    ] {
        let said = env.words(words).code(code).stderr();
        assert!(said.contains(due), "{words}: {said}");
    }
}
