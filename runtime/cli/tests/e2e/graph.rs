//! `wrun graph`.

use crate::env::{DAYS, FLIGHTS, TestEnv};

#[test]
fn a_plan_in_three_languages() {
    let env = TestEnv::new();
    let dot = env.report("graph report.wasm report 2013-01-01 --format dot").ok().raw_stdout();
    assert!(dot.starts_with("digraph wrun {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("[label=\"split-by-day\\nsource=flights.csv\\nrun\", fillcolor=\"#dcf3e4\""), "{dot}");
    assert!(dot.contains("unknown") && dot.contains(" -> "), "{dot}");
    env.report("build report.wasm report 2013-01-01 -q").ok();
    let mermaid = env.report("graph report.wasm report 2013-01-01 --format mermaid").ok().raw_stdout();
    assert!(mermaid.starts_with("flowchart LR\n  classDef cached "), "{mermaid}");
    assert!(mermaid.contains("[\"split-by-day<br/>source=flights.csv<br/>hit\"]:::cached"), "{mermaid}");
    let svg = env.report("graph report.wasm report 2013-01-01").ok().raw_stdout();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("class=\"box s-cached\"").count(), 4, "{svg}");
}

#[test]
fn the_ending_of_the_file_says_which() {
    let env = TestEnv::new();
    for (name, start) in [("g.dot", "digraph"), ("g.mmd", "flowchart"), ("g.svg", "<svg"), ("g", "<svg")] {
        let ran = env.report(&format!("graph report.wasm report 2013-01-01 -o {name}")).ok();
        assert_eq!(ran.raw_stdout(), "");
        assert!(env.read(name).starts_with(start), "{name}");
    }
    env.report("graph report.wasm report 2013-01-01 -o nowhere/g.svg").code(5);
}

#[test]
fn a_report_and_what_changed() {
    let env = TestEnv::new();
    env.report(&format!("build report.wasm -p {DAYS} -q")).ok();
    env.write("flights.csv", FLIGHTS.replace("2013,1,2,540,20,UA", "2013,1,2,540,90,UA"));
    env.report(&format!("build report.wasm -p {DAYS} -q --report r.json")).ok();
    let svg = env.words("graph --from r.json").ok().raw_stdout();
    // The split, the day, and what stands on it ran; the first day did not.
    assert!(svg.contains("class=\"box s-ran\"") && svg.contains("class=\"box s-cached\""), "{svg}");
    assert!(svg.contains("needs split-by-day</title>"), "{svg}");
}

#[test]
fn many_tasks_are_drawn_by_type() {
    let env = TestEnv::new();
    let svg = env.words("graph grid.wasm grid -p n=1000").ok().raw_stdout();
    assert!((2..10).contains(&svg.matches("<g class=\"box").count()), "{svg}");
    assert!(svg.contains(">1,000</text>"), "{svg}");
}

#[test]
fn one_task_and_a_hundred_thousand() {
    let env = TestEnv::new();
    let svg = env.words("graph hostile.wasm fine").ok().raw_stdout();
    assert_eq!(svg.matches("<g class=\"box").count(), 1, "{svg}");
    for format in ["svg", "dot", "mermaid"] {
        let text = env.words(&format!("graph grid.wasm grid -p n=100000 --format {format}")).ok().raw_stdout();
        assert!(text.contains("100,000") && text.len() < 20_000, "{format}: {} bytes", text.len());
    }
}

#[test]
fn a_plan_or_a_report_not_both_and_not_none() {
    let env = TestEnv::new();
    env.words("graph report.wasm --from r.json").refused(
        2,
        "error: both PLUGIN and `--from` are given\n\
         hint: leave out one: PLUGIN draws what a build would do, a report what one did\n",
    );
    env.words("graph").code(2);
    env.words("graph --from nothing.json").code(2);
}
