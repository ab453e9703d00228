//! Codes of errors, their pages, and did-you-mean.

use crate::env::TestEnv;

/// The code that is shown with the error of a command line.
#[track_caller]
fn code(env: &TestEnv, words: &str, due: &str, hint: &str) {
    let output = env.command().args(words.split(' ').filter(|word| !word.is_empty())).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("error[{due}]: ")), "{words}: {said}");
    assert_eq!(said.matches("\nhint: ").count(), 1, "{words}: {said}");
    assert!(said.contains(&format!("\nhint: {hint}")), "{words}: {said}");
    assert!(output.stdout.is_empty());
    let page = env.wrun(["--explain", due]).ok().raw_stdout();
    assert!(page.starts_with(&format!("{due}\n\n")), "{page}");
}

#[test]
fn each_error_has_a_code_one_hint_and_a_page() {
    let env = TestEnv::new();
    let near = "did you mean `";
    std::fs::create_dir_all(env.path("made/source")).unwrap();
    env.report("build report.wasm split-by-day -q").ok();
    for (words, due, hint) in [
        ("biuld report.wasm", "usage", "did you mean `build`?"),
        ("buld report.wasm", "usage", "did you mean `build`?"),
        ("hsitory", "usage", "did you mean `history`?"),
        ("lgo", "usage", "did you mean `log`?"),
        ("elephant", "usage", "`wrun --help` shows what it takes"),
        ("test flights.csv", "usage", "name the folder of a package"),
        ("store chekc", "usage", "did you mean `check`?"),
        ("-v", "usage", "`wrun --help` shows what it takes"),
        ("graph report.wasm -o report.png", "usage", "let the name end in .svg"),
        ("build --fial-fast", "usage", "did you mean `--fail-fast`?"),
        ("build --color=yellow", "usage", "`wrun build --help` shows what it takes"),
        ("build report.wasm --date=2013-01-01", "usage", "a param of a task is given with `--param date=VALUE`"),
        ("build", "no-plugin", "name a component"),
        ("list", "no-plugin", "name a component"),
        ("build report.wasm dealys", "unknown-task", near),
        ("build report.wasm delays -p dat=1", "unknown-param", near),
        ("build report.wasm delays", "missing-param", "add `--param date=…`"),
        ("build report.wasm delays -p date", "bad-params", "write `--param NAME=VALUE`"),
        ("build report.wasm delays 2013-01-01 x y", "unexpected-word", near),
        ("build none.wasm", "file", "is the path right?"),
        ("build repotr.wasm", "file", "did you mean `report.wasm`?"),
        ("build made/spruce", "file", "did you mean `made/source`?"),
        ("build elephant", "file", "name a component file, a source folder, or an alias"),
        ("log report.wasm delays -p date=2013-01-01", "no-result", "`wrun build` runs it"),
        ("history report.wasm delays -p date=2013-01-01", "no-result", "`wrun history` lists"),
        ("build flights.csv", "not-wasm", "name a component"),
        ("history --store none", "no-store", "name another"),
        ("history --store gs://bucket", "unsupported-store", "name a folder, or s3://BUCKET/PREFIX"),
        ("plugin build .", "bad-package", "name the folder"),
        ("explain unknown-tsak", "usage", "did you mean `unknown-task`?"),
        ("explain elephant", "usage", "`wrun explain` lists them"),
    ] {
        code(&env, words, due, hint);
    }
    // What is there is not called by another name, whatever wrun.toml has.
    env.write("wrun.toml", "[plugins]\nsauce = \"report.wasm\"\n");
    code(&env, "build suace", "file", "did you mean `sauce`?");
    code(&env, "build made", "bad-package", "name the folder");
    env.write("wrun.toml", "slot = 3");
    code(&env, "list", "bad-config", "did you mean `slots`?");
}

#[test]
fn without_a_command_there_is_help() {
    let output = TestEnv::new().command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.starts_with("Builds data: ") && said.contains("\n  build ") && !said.contains("error["),
        "{said}"
    );
}

#[test]
fn codes_are_listed_and_taken_as_they_are_shown() {
    let env = TestEnv::new();
    let all = env.words("explain").ok().raw_stdout();
    let line = all.lines().find(|line| line.starts_with("unknown-task ")).unwrap();
    assert!(line.ends_with("  The plugin has no task of that name."), "{line}");
    assert_eq!(env.words("explain --json").ok().json().len(), all.lines().count());
    let page = env.words("explain unknown-task").ok().raw_stdout();
    assert_eq!(env.wrun(["explain", "error[unknown-task]:"]).ok().raw_stdout(), page);
    assert_eq!(env.wrun(["--explain", "UNKNOWN_TASK"]).ok().raw_stdout(), page);
    assert!(!page.contains("```") && page.contains("    $ wrun build report.wasm dealys\n"), "{page}");
}
