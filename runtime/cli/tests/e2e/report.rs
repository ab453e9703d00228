//! `wrun report`: the file. What a browser makes of it is tested in tests/browser.

use crate::env::{DAYS, TestEnv};
use serde_json::{Value, json};

/// Takes the data out of a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn empty() -> Value {
    json!({
        "format": 1, "answered-by": "walk", "tasks": [],
        "totals": {
            "tasks": 0, "cached": 0, "ran": 0, "failed": 0, "blocked": 0, "waiting": 0, "skipped": 0,
            "seconds": 0.1, "saved-seconds": 0.0
        }
    })
}

#[test]
fn one_page_with_everything_in_it() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm -p {DAYS} -q --report r.json")).ok();
    env.words("report r.json -o page.html").ok();
    let page = env.read("page.html");
    assert_eq!(env.words("report r.json").ok().raw_stdout(), page);
    assert!(page.contains("<h1>report date=2013-01-01..2013-01-03</h1>"), "{page}");
    let data = data(&page);
    assert_eq!(data["totals"]["ran"], 10);
    assert_eq!(data["needs"].as_array().unwrap().len(), 10);
    // Everything ran: each task has a spell, and what it needed ended before it began.
    let spells: Vec<(usize, f64, f64)> =
        serde_json::from_value::<Vec<(usize, u32, f64, f64)>>(data["spells"].clone())
            .unwrap()
            .into_iter()
            .map(|(task, _, start, end)| (task, start, end))
            .collect();
    let needs: Vec<Vec<usize>> = serde_json::from_value(data["needs"].clone()).unwrap();
    for (task, needs) in needs.iter().enumerate() {
        // What a task asked for while it ran ended before its last spell.
        let last = spells.iter().filter(|spell| spell.0 == task).map(|spell| spell.1).fold(f64::NAN, f64::max);
        for need in needs {
            let end = spells.iter().filter(|spell| spell.0 == *need).map(|spell| spell.2).fold(f64::NAN, f64::max);
            assert!(end <= last + 1e-3, "{task} began {last}, {need} ended {end}");
        }
    }
    assert!(!data["path"].as_array().unwrap().is_empty());
}

#[test]
fn a_build_in_which_nothing_moved_has_needs_and_no_times() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm -p {DAYS} -q")).ok();
    env.report(&format!("build report.wasm -p {DAYS} -q --report r.json")).ok();
    let data = data(&env.words("report r.json").ok().raw_stdout());
    assert_eq!((&data["fromRecord"], &data["spells"], &data["path"]), (&json!(true), &json!([]), &json!([])));
    assert!(data["needs"].as_array().unwrap().iter().any(|needs| !needs.as_array().unwrap().is_empty()));
}

#[test]
fn nothing_in_a_report_is_markup() {
    const EVIL: &str = "</script><script>alert(1)</script><!--\u{202e}\u{1b}[31m&\"'";
    let env = TestEnv::new();
    let mut report = empty();
    report["totals"]["tasks"] = json!(1);
    report["totals"]["failed"] = json!(1);
    report["notes"] = json!([EVIL]);
    report["tasks"] = json!([{
        "plugin": EVIL, "task": EVIL, "params": { EVIL: EVIL }, "state": "failed", "seconds": 1.0,
        "message": EVIL, "log": EVIL
    }]);
    env.write("r.json", report.to_string());
    let page = env.words("report r.json").ok().raw_stdout();
    assert_eq!(page.matches("<script").count(), 2, "{page}");
    assert_eq!(page.matches("</script").count(), 2, "{page}");
    assert!(!page.contains(['\u{202e}', '\u{1b}']) && !page.contains("<!--"), "{page}");
    for format in ["svg", "dot", "mermaid"] {
        let graph = env.words(&format!("graph --from r.json --format {format}")).ok().raw_stdout();
        assert!(!graph.contains(['\u{202e}', '\u{1b}']), "{graph}");
        assert!(format == "dot" || !graph.contains("<script"), "{graph}");
    }
}

#[test]
fn what_is_no_report_of_this_version_is_refused() {
    let env = TestEnv::new();
    let hint = "hint: `wrun build … --report FILE` writes one\n";
    env.words("report none.json").code(2);
    env.write("text.json", "no JSON\n");
    let due = "error: `text.json` is not a report\n  because: expected ident at line 1 column 2\n";
    env.words("report text.json").refused(2, &format!("{due}{hint}"));
    env.write("other.json", "{}");
    let due = "error: `other.json` is not a report\n  because: missing field `format` at line 1 column 2\n";
    env.words("report other.json").refused(2, &format!("{due}{hint}"));
    env.write("new.json", json!({ "format": 2, "tasks": { "a": 1 } }).to_string());
    env.words("report new.json").refused(
        2,
        "error: `new.json` is a report of format 2\n  because: this wrun reads format 1\n\
         hint: read it with the wrun that wrote it, or build again with `--report`\n",
    );
    let mut report = empty();
    report["totals"]["tasks"] = json!(7);
    env.write("counts.json", report.to_string());
    let due = "error: `counts.json` is not a report\n  because: its totals count 7 tasks, and it lists 0\n";
    env.words("report counts.json").refused(2, &format!("{due}{hint}"));
    report["totals"]["tasks"] = json!(1);
    report["tasks"] =
        json!([{ "plugin": "p", "task": "t", "params": {}, "state": "cached", "seconds": 1.0, "needs": [4] }]);
    env.write("needs.json", report.to_string());
    let due = "error: `needs.json` is not a report\n  because: task 0 needs task 4, and there are 1\n";
    env.words("report needs.json").refused(2, &format!("{due}{hint}"));
    // Half of a file, and a folder.
    env.write("half.json", &report.to_string()[..60]);
    env.words("report half.json").code(2);
    env.words("report .").code(2);
}

#[test]
fn a_report_of_none_and_one_in_a_circle() {
    let env = TestEnv::new();
    let mut report = empty();
    env.write("r.json", report.to_string());
    assert!(env.words("report r.json").ok().raw_stdout().contains("<h1>nothing</h1>"));
    assert!(env.words("graph --from r.json").ok().raw_stdout().contains(">no tasks</text>"));
    report["totals"]["tasks"] = json!(3);
    let task = |name: &str, needs: &[u32]| json!({ "plugin": "p", "task": name, "params": {}, "state": "failed", "seconds": 0, "needs": needs });
    report["tasks"] = json!([task("a", &[1, 0]), task("b", &[2]), task("c", &[0])]);
    env.write("r.json", report.to_string());
    env.words("report r.json").ok();
    assert_eq!(env.words("graph --from r.json").ok().raw_stdout().matches("<g class=\"box").count(), 3);
}
