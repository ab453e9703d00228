//! `wrun debug`; lines of source in traps and panics.

use crate::env::TestEnv;
use crate::plugins::{clean, folder, repository};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Fails in several ways, below functions of its own. Line numbers are in the tests.
const BOOM: &str = r#"//! Fails in several ways.
use wrun_task::{Context, File, Files, Input, Path, Result, Run, Task};

/// Fails
#[derive(Task)]
struct Boom {
    /// What it reads
    of: Path,
    /// How it fails
    #[param(default = 0)]
    how: u32,
}
impl Run for Boom {
    type Requires = File;
    type Output = Files;
    fn requires(&self) -> File { File::new(&self.of) }
    fn run(&self, cx: &Context, of: Input<File>) -> Result<Files> {
        cx.write("before.txt", of.text()?)?;
        println!("how is {}", self.how);
        deeper(self.how, of.text()?.len());
        cx.write("after.txt", "after")
    }
}
#[inline(never)]
fn deeper(how: u32, at: usize) {
    match how {
        0 => {}
        1 => panic!("it is {at}"),
        3 => loop {},
        _ => trap(at),
    }
}
#[inline(never)]
fn trap(at: usize) {
    println!("{at}");
    std::process::abort()
}
wrun_task::export!(Boom);
"#;

/// Builds it, once for all tests.
fn boom() -> PathBuf {
    let dir = folder().join("boom");
    let sdk = repository().join("sdk/rust");
    let manifest = format!(
        "[package]\nname = \"boom\"\ndescription = \"Fails\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nwrun-task = {{ path = {:?} }}\n\n[workspace]\n",
        sdk.display().to_string()
    );
    fs::create_dir_all(dir.join("src")).unwrap();
    let lock = fs::File::create(dir.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    for (name, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", BOOM)] {
        if fs::read_to_string(dir.join(name)).ok().as_deref() != Some(text) {
            fs::write(dir.join(name), text).unwrap();
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrun"));
    command.args(["plugin", "build", "-q"]).arg(&dir).arg("-o").arg(dir.join("boom.wasm"));
    let output = clean(&mut command).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir
}

/// Reads all files below a folder.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in dir.read_dir().unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path().strip_prefix(dir).unwrap().to_owned(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Runs what `wrun debug` says, in a shell.
fn native(json: &serde_json::Value) -> std::process::Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(json["native"].as_str().unwrap()).env("CARGO_TERM_COLOR", "never");
    clean(&mut command).output().unwrap()
}

#[test]
fn traps_and_panics_name_lines_and_the_digest_does_not_know_them() {
    let (env, dir) = (TestEnv::new(), boom());
    let wasm = dir.join("boom.wasm");
    let wasm = wasm.to_str().unwrap();
    fs::copy(wasm, env.path("bare.wasm")).unwrap();
    let build = |wasm: &str, how: &str| env.wrun(["build", wasm, "-p", "of=flights.csv", "-p", how]);
    let said = build(wasm, "how=1").code(1).stderr();
    let lines = "  `boom` panicked at src/lib.rs:28:14: it is 154\n  source:\n\
        \x20   at boom/src/lib.rs:28:14 in boom::deeper\n\
        \x20   at boom/src/lib.rs:20:9 in <boom::Boom as wrun_task::task::Run>::run\n  | how is 1\n";
    assert!(said.contains(lines), "{said}");
    let said = build(wasm, "how=2").code(1).stderr();
    let lines = "  `boom` trapped: wasm trap: wasm `unreachable` instruction executed\n\
        \x20   at boom/src/lib.rs:36:5 in boom::trap\n\
        \x20   at boom/src/lib.rs:30:14 in boom::deeper\n\
        \x20   at boom/src/lib.rs:20:9 in <boom::Boom as wrun_task::task::Run>::run\n  | how is 2\n";
    assert!(said.contains(lines), "{said}");
    // Without the file beside it, it is the same component.
    let said = build("bare.wasm", "how=2").code(1).stderr();
    assert!(said.contains("at boom::trap\n") && !said.contains("lib.rs:36"), "{said}");
    build(wasm, "how=0").ok();
    let said = build("bare.wasm", "how=0").ok().stderr();
    assert!(said.contains("1 cached"), "{said}");
}

#[test]
fn a_failed_run_is_laid_out_and_fails_natively_too() {
    let (env, dir) = (TestEnv::new(), boom());
    let args = |how: &'static str| {
        let wasm = dir.join("boom.wasm").display().to_string();
        ["debug".into(), wasm, "-p".into(), "of=flights.csv".into(), "-p".into(), how.into(), "--json".into()]
    };
    let json = env.wrun(args("how=1")).ok().json().remove(0);
    let at = |name: &str| env.path("debug").join(name);
    assert_eq!(json["folder"], at("").canonicalize().unwrap().display().to_string());
    assert!(json["ended"].as_str().unwrap().starts_with("failed: `boom` panicked at src/lib.rs:28:14"), "{json}");
    assert_eq!(env.read("debug/in/file/flights.csv"), crate::env::FLIGHTS);
    assert_eq!(env.read("debug/params.json"), r#"{"how":1,"of":"{{wrun:of}}"}"#);
    let left: Vec<PathBuf> = files(&at("out")).into_keys().collect();
    assert_eq!(left, [PathBuf::from("before.txt")], "what it had written before it failed");
    let log = env.read("debug/log.txt");
    assert!(log.starts_with("how is 1\n") && log.contains("\nwrun: failed: `boom` panicked"), "{log}");
    let output = native(&json);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("panicked at src/lib.rs:28:14"), "{said}");
    // Again, in the same folder: what was there is replaced.
    let json = env.wrun(args("how=0")).ok().json().remove(0);
    assert_eq!(json["ended"], "ran");
    assert!(native(&json).status.success());
    assert_eq!(files(&at("native")), files(&at("out")));
    env.write("debug/mine.txt", "mine");
    let ran = env.wrun(args("how=0")).code(2);
    assert!(
        ran.stderr().contains("`debug` has other files in it\n  because: one of them is `mine.txt`"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn needs_are_laid_out_and_stepping_natively_makes_the_same() {
    let env = TestEnv::new();
    let source = repository().join("plugins/report");
    let words = ["debug", "report.wasm", "week", "-p", "date=2013-01-03", "-p", "source=flights.csv", "-o", "d"];
    env.report("build report.wasm week -p date=2013-01-03 -q").ok();
    // The link's target has symbols beside it, which name the source; so does the folder itself.
    let json = env.wrun(words.iter().chain(&["--json"])).ok().json().remove(0);
    assert_eq!(json["source"], source.display().to_string());
    assert!(files(&env.path("d/in")).len() >= 2, "needs are there too");
    let output = native(&json);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("made the same"), "{said}");
    let made = files(&env.path("d/native"));
    assert!(!made.is_empty());
    assert_eq!(made, files(&env.path("d/out")));
}

#[test]
fn what_cannot_be_laid_out() {
    let env = TestEnv::new();
    let ran = env.report("debug report.wasm delays -p date=2013-01-01..2013-01-03").code(2);
    assert!(ran.stderr().contains("a range makes 3 goals: `debug` lays out one\n"), "{}", ran.stderr());
    env.write("flights.csv", "no header\n");
    let ran = env.report("debug report.wasm delays -p date=2013-01-01").code(1);
    assert!(ran.stderr().contains("`delays` did not run, so there is nothing to lay out\n"), "{}", ran.stderr());
}

#[test]
fn a_log_is_followed_while_the_task_runs() {
    let (env, dir) = (TestEnv::new(), boom());
    let start = |words: &[&str]| {
        let mut command = env.command();
        command.args(words).arg(dir.join("boom.wasm")).args(["-p", "of=flights.csv", "-p", "how=3"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut build = start(&["build", "-q"]);
    while env.words("status --json").ok().json().is_empty() {}
    let mut follow = start(&["log", "--follow"]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "how is 3");
    build.kill().unwrap();
    build.wait().unwrap();
    // It ends with the task.
    assert!(lines.next().is_none());
    assert!(follow.wait().unwrap().success());
}
