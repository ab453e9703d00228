//! `wrun lineage`.

use crate::env::TestEnv;

#[test]
fn a_result_is_traced_to_the_file_that_it_came_from() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    let lines = env.report("lineage report.wasm 2013-01-02 --json").ok().json();
    let file = lines.iter().find(|line| line["state"] == "external").unwrap();
    assert!(file["external"].as_str().unwrap().ends_with("flights.csv"), "{file}");
    let goal = &lines[0];
    assert_eq!((goal["state"].as_str(), goal["plugin"].as_str()), (Some("made"), Some("report")));
    // A key does as well, without the plugin.
    let key = goal["key"].as_str().unwrap();
    let text = env.wrun(["lineage", key]).ok().stdout();
    assert_eq!(text, env.report("lineage report.wasm 2013-01-02").ok().stdout());
    assert!(text.starts_with("report:") && text.contains("flights.csv  external, b3:…"), "{text}");
    let svg = env.wrun(["lineage", key, "--format", "svg"]).ok().raw_stdout();
    assert!(svg.starts_with("<svg") && svg.contains("external"), "{svg}");
    // And down again.
    let first = lines.iter().rfind(|line| line["key"].is_string()).unwrap();
    let below = env.wrun(["lineage", first["key"].as_str().unwrap(), "--down", "--json"]).ok().json();
    assert!(below.iter().any(|line| line["key"] == goal["key"]), "{below:?}");
    let text = env.wrun(["lineage", key, "--down"]).ok().stdout();
    assert!(text.ends_with("  nothing is known to be made from it\n"), "{text}");
}

#[test]
fn what_is_no_result_is_refused() {
    let env = TestEnv::new();
    env.report("build report.wasm 2013-01-02 -q").ok();
    env.wrun(["lineage", "b3:12"]).refused(
        2,
        "error: `b3:…` is no whole key of a result\n\
         hint: `wrun build --json` and `wrun lineage --json` print all 64 digits\n",
    );
    let key = format!("b3:{}", "0".repeat(64));
    env.wrun(["lineage", &key]).refused(
        1,
        "error: the store has no result of the key b3:…\n\
         hint: `wrun build --json` prints the keys of goals, `wrun lineage --json` those behind them\n",
    );
}
