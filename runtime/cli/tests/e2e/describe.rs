//! `wrun list`, `wrun describe`, and help.

use crate::env::TestEnv;

#[test]
fn list_has_a_line_a_task() {
    let env = TestEnv::new();
    assert_eq!(
        env.words("list report.wasm").ok().stdout(),
        "split-by-day  Split the flights by day
delays        Sum up the departures of one day by carrier
week          Sum up the seven days that end with a day, as far as there are flights
report        Report the departures of one day  (default)
"
    );
    let lines = env.words("list report.wasm --json").ok().json();
    assert_eq!((lines.len(), &lines[3]["default"]), (4, &true.into()));
    env.words("list").refused(
        2,
        "error: no PLUGIN is named, and there is no wrun.toml with [plugins]\nhint: name a component file, such as `wrun list plugins/report.wasm`\n",
    );
    env.write("wrun.toml", "[plugins]\nflights = \"report.wasm\"\n");
    assert!(env.words("list").ok().stdout().starts_with("flights  "));
}

#[test]
fn describe_says_all() {
    let env = TestEnv::new();
    assert_eq!(
        env.words("describe report.wasm delays").ok().stdout(),
        "delays  Sum up the departures of one day by carrier

Params:
  date    date  Day of the flights [required]
  source  path  Flights as CSV [default: plugins/report/data/flights-2013-01-01-to-10.csv]

Outputs:
  delays.csv  a file
"
    );
    let plugin = &env.words("describe report.wasm --json").ok().json()[0];
    assert_eq!((&plugin["id"], &plugin["tasks"][1]["name"]), (&"report".into(), &"delays".into()));
    assert!(env.words("describe report.wasm").ok().stdout().contains("\nComponent b3:…\n"));
    env.words("describe report.wasm week2")
        .refused(2, "error: `report` has no task `week2`\nhint: did you mean `week`?\n");
}

#[test]
fn help_is_made_from_the_docs_of_the_plugin() {
    let env = TestEnv::new();
    let help = env.words("build report.wasm delays --help").ok().stdout();
    assert!(
        help.starts_with(
            "Sum up the departures of one day by carrier

Usage: wrun build report.wasm delays [date] [--param NAME=VALUE]… [OPTIONS]

Params:
  date    date  Day of the flights [required]
"
        ),
        "{help}"
    );
    let help = env.words("get report.wasm -h").ok().stdout();
    assert!(
        help.contains("\nUsage: wrun get report.wasm [TASK] [OPTIONS]\n\nTasks:\n  split-by-day  Split"),
        "{help}"
    );
    let help = env.words("build --help").ok().stdout();
    assert!(help.starts_with("Build a task and everything it needs\n\nUsage: wrun build"), "{help}");
    let help = env.words("--help").ok().stdout();
    assert!(help.contains("Exit codes:\n    0  ok"), "{help}");
    assert_eq!(
        help.split_once("Exit codes:\n").unwrap().1,
        env.words("exit-codes").ok().stdout().split_once('\n').unwrap().1
    );
    // Reading is all that help does.
    assert!(!env.store().join("cas").exists());
}
