//! What is seen of containers while they run, and after.

use super::*;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

#[test]
fn a_log_of_any_size_is_capped_and_progress_is_heard() {
    if !engine() {
        return;
    }
    let env = world();
    let script = "echo first; head -c 20m /dev/zero | tr '\\0' 'x'; head -c 3m /dev/urandom; echo; echo last";
    build(&env, script, &[]).ok();
    let log = env.wrun(words("log", script, &[])).ok().raw_stdout();
    assert!(log.starts_with("first\n") && log.ends_with("last\n"), "{}", log.len());
    assert!(log.contains("bytes of the log are left out"));
    let mut words = words("build", "echo 'wrun-progress: 0.5 half way'; echo said", &[]);
    words.push("--json");
    let lines = env.wrun(words).ok().json();
    let heard = |line: &serde_json::Value| line["event"] == "progress" && line["message"] == "half way";
    assert!(lines.iter().any(heard), "{lines:?}");
    nothing_left(&env);
}

#[test]
fn what_is_followed_is_shown_as_it_is_said() {
    if !engine() {
        return;
    }
    let env = world();
    let script = "echo one; echo 'wrun-progress: 0.5 halfway'; echo two";
    let mut words = words("build", script, &[]);
    words.extend(["--follow", "script"]);
    let said = env.wrun(words).ok().stderr();
    for due in ["| one\n", "| 50 % halfway\n", "| two\n"] {
        assert!(said.contains(due), "{due}: {said}");
    }
    env.words("build boxes.wasm script true --follow scrip").refused(
        2,
        "error: `--follow=scrip`: no plugin has the task `scrip`\nhint: did you mean `--follow=script`?\n",
    );
}

#[test]
fn debug_lays_out_a_container_and_says_how_to_repeat_it() {
    if !engine() {
        return;
    }
    let env = world();
    let script = "sort /in/words/words.txt > /out/o; echo done";
    let lines = env.wrun(["debug", "boxes.wasm", "script", script, "-o", "lay", "--json"]).ok().json();
    assert_eq!(env.read("lay/in/words/words.txt"), "b\na\nc\n");
    assert_eq!((env.read("lay/out/o").as_str(), env.read("lay/log.txt").as_str()), ("a\nb\nc\n", "done\n"));
    let command = lines[0]["container"].as_str().unwrap().replace("-it ", "");
    let repeated = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(repeated.status.success(), "{command}: {repeated:?}");
    assert_eq!(env.read("lay/native/o"), "a\nb\nc\n");
    nothing_left(&env);
}

/// Lets the one container of a store that waits for it go on.
pub(super) fn go(env: &TestEnv) {
    let folder = env.path(".wrun/store/containers").read_dir().unwrap().flatten().next().unwrap().path();
    std::fs::write(folder.join("out/go"), "").unwrap();
}

/// Reads lines until one that ends so; what comes after stays to be read.
fn until(reader: &mut impl std::io::BufRead, end: &str) {
    for line in reader.lines() {
        if line.unwrap().ends_with(end) {
            return;
        }
    }
    panic!("it ended without `{end}`");
}

fn started(env: &TestEnv, args: &[&str]) -> Child {
    env.command().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_a_container_says_is_there_while_it_runs() {
    if !engine() {
        return;
    }
    let env = world();
    // It goes on only once this test has read what it said: nothing of it waits for its end.
    let script =
        "echo first; echo 'wrun-progress: 0.5 half way'; until [ -e /out/go ]; do sleep 0.1; done; echo last";
    let mut build = words("build", script, &[]);
    build.extend(["--follow", "script"]);
    let mut child = started(&env, &build);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    until(&mut said, "| first");
    until(&mut said, "| 50 % half way");
    // Another terminal sees the same, from its beginning, once the build has gone on for a moment.
    let since = Instant::now();
    while env
        .words("status --json")
        .ok()
        .json()
        .first()
        .is_none_or(|build| build["running"][0]["message"] != "half way")
    {
        assert!(since.elapsed() < Duration::from_secs(60), "no other terminal sees it");
    }
    let mut log = words("log", script, &[]);
    log.push("--follow");
    let mut other = started(&env, &log);
    let mut theirs = BufReader::new(other.stdout.take().unwrap());
    until(&mut theirs, "first");
    go(&env);
    until(&mut said, "| last");
    until(&mut theirs, "last");
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success() && other.wait().unwrap().success(), "{rest}");
    nothing_left(&env);
}

fn build_words(env: &TestEnv) {
    env.wrun(["build", "boxes.wasm", "words", "-p", "text=b\na\nc\n"]).ok();
}

#[test]
fn how_inputs_were_shown_is_said_to_those_who_want_it() {
    if !engine() {
        return;
    }
    let env = world();
    // Two small files that ride inside their record, and one of the store, which has it from an earlier build.
    build_words(&env);
    let mut build = words("build", "cat /in/words/large.bin > /out/o", &[]);
    build.push("-v");
    let said = env.wrun(&build).ok().stderr();
    let line = said.lines().find(|line| line.starts_with("note: inputs of containers: ")).unwrap();
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.iter().sum::<u64>(), 3, "{line}");
    assert!(
        numbers[0] == 3 || numbers[0] + numbers[1] == 1,
        "the large file is not copied on one file system: {line}"
    );
    // Nothing was shown to what is a hit.
    assert!(!env.wrun(&build).ok().stderr().contains("inputs of containers"));
    nothing_left(&env);
}
