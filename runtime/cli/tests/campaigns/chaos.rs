//! Chaos: random command lines, environments and signals over one store. Nothing panics, every end is one of
//! the table of exit codes, and the store gives the right digests afterwards.

use crate::world::{Random, World, component, goal, rounds, text};
use rustix::process::{Pid, Signal};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

/// Commands that end by themselves and start no other program.
const COMMANDS: &[&str] = &[
    "build",
    "plan",
    "list",
    "describe",
    "get",
    "cat",
    "log",
    "why",
    "verify",
    "history",
    "explain",
    "man",
    "ls",
    "diff",
    "graph",
    "report",
    "status",
    "debug",
    "new",
    "completions",
    "exit-codes",
    "__complete",
    "biuld",
    "",
];

/// Words that are right, nearly right, or none.
const WORDS: &[&str] = &[
    "grid",
    "leaf",
    "reduce",
    "gird",
    "n=50",
    "n=-1",
    "7",
    "out.txt",
    ".",
    "/",
    "",
    "--",
    "-",
    "today",
    "1..9",
    "\u{202e}x",
    "a b",
    "=",
    "x=",
    "=x",
    "\u{1b}[31m",
    "task\n",
    "bash",
    "fish",
    "unknown-task",
    "\u{fffd}",
];

const OPTIONS: &[&[&str]] = &[
    &["-p", "n=50"],
    &["-p", "n=50"],
    &["--param", "n=1..3"],
    &["-p", "n=99999999999999999999"],
    &["--param"],
    &["--params", "none.json"],
    &["--params", "bad.json"],
    &["--json"],
    &["-q"],
    &["-v"],
    &["-qv"],
    &["--color=always"],
    &["--color", "sometimes"],
    &["-j1"],
    &["-j", "0"],
    &["-j", "x"],
    &["--force"],
    &["--force=leaf"],
    &["--except", "leaf *"],
    &["--except", "[leaf"],
    &["--salt", "pepper"],
    &["--check"],
    &["--fail-fast"],
    &["--keep-going", "--fail-fast"],
    &["--report", "r.json"],
    &["--report", "/dev/full"],
    &["-o", "out"],
    &["-o", "/proc/none"],
    &["--store", "none"],
    &["--store", "s3://x"],
    &["--store", "/proc/none"],
    &["--help"],
    &["--explain"],
    &["-n", "3"],
    &["--only", "leaf"],
];

const VARIABLES: &[(&str, &str)] = &[
    ("NO_COLOR", "1"),
    ("CLICOLOR_FORCE", "1"),
    ("CI", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("TERM", "dumb"),
    ("LANG", "C"),
    ("LC_ALL", "de_DE.ISO-8859-1"),
    ("HOME", ""),
    ("HOME", "/proc/none"),
    ("HOME", "relative"),
    ("XDG_CACHE_HOME", "/dev/null"),
    ("XDG_CACHE_HOME", "relative"),
    ("PAGER", "false"),
    ("PATH", ""),
    ("TMPDIR", "/proc/none"),
    ("TZ", "Mars/Base"),
    ("WRUN_PARAM_N", "60"),
    ("WRUN_PARAM_N", "many"),
    ("WRUN_STORE", "elsewhere"),
    ("RUST_BACKTRACE", "1"),
];

/// The table that `wrun exit-codes` prints.
const DOCUMENTED: &[i32] = &[0, 1, 2, 3, 4, 5, 6, 130];

fn pick<'a, T>(random: &mut Random, from: &'a [T]) -> &'a T {
    &from[usize::try_from(random.below(from.len() as u64)).unwrap()]
}

/// One command line: mostly sensible, so that it often gets far.
fn line(random: &mut Random, plugin: &str, store: &str) -> Vec<String> {
    let mut out = Vec::new();
    out.push((*pick(random, COMMANDS)).to_owned());
    match random.below(10) {
        0 => out.push((*pick(random, WORDS)).to_owned()),
        1 => out.push("bad.wasm".to_owned()),
        2 => {}
        _ => out.push(plugin.to_owned()),
    }
    if random.below(3) > 0 {
        out.push("grid".to_owned());
    }
    for _ in 0..random.below(3) {
        out.push((*pick(random, WORDS)).to_owned());
    }
    for _ in 0..random.below(4) {
        out.extend(pick(random, OPTIONS).iter().map(|word| (*word).to_owned()));
    }
    // A word that may go anywhere.
    if random.below(4) == 0 {
        let at = usize::try_from(random.below(out.len() as u64 + 1)).unwrap();
        out.insert(at, (*pick(random, WORDS)).to_owned());
    }
    if random.below(5) > 0 {
        out.extend(["--store".to_owned(), store.to_owned()]);
    }
    out
}

#[test]
fn nothing_panics_and_no_work_is_lost() {
    const N: &[&str] = &["n=50"];
    let due = goal(&World::new().build("grid", "grid", N, &["--check"]));
    let world = World::new();
    std::fs::write(world.path("bad.json"), "{\"n\": ").unwrap();
    std::fs::write(world.path("bad.wasm"), b"\0asm\x0d\0\x01\0\x07\xff").unwrap();
    let (plugin, store) = (component("grid").display().to_string(), world.store().display().to_string());
    let mut random = Random(20_131_231);
    let mut ends = std::collections::BTreeMap::new();
    for round in 0..rounds(100, 1000) {
        let args = line(&mut random, &plugin, &store);
        let mut command = world.wrun(&args);
        for _ in 0..random.below(3) {
            let (name, value) = pick(&mut random, VARIABLES);
            command.env(name, value);
        }
        let shown = format!("round {round}: {command:?}");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let signal = match random.below(12) {
            0 => Some(Signal::INT),
            1 => Some(Signal::TERM),
            2 => Some(Signal::HUP),
            3 => Some(Signal::KILL),
            _ => None,
        };
        // Its reader goes away.
        if random.below(12) == 0 {
            drop(child.stdout.take());
        }
        if let Some(signal) = signal {
            std::thread::sleep(Duration::from_micros(random.below(20_000)));
            if child.try_wait().unwrap().is_none() {
                _ = rustix::process::kill_process(Pid::from_child(&child), signal);
            }
        }
        let output = child.wait_with_output().unwrap();
        let said = format!("{shown}\n{}", text(&output));
        assert!(!said.contains("panicked at"), "{said}");
        match output.status.code() {
            Some(code) => {
                assert!(DOCUMENTED.contains(&code), "{said}");
                // What goes wrong is said: with a code, and at most one hint.
                let stderr = String::from_utf8_lossy(&output.stderr);
                let errors = stderr.lines().filter(|line| line.starts_with("error")).count();
                assert!(errors <= 1, "{said}");
                if code == 2 {
                    assert!(stderr.contains("error") && stderr.contains("hint:"), "{said}");
                }
                *ends.entry(code).or_insert(0_u32) += 1;
            }
            // Before it listens, a signal ends it as it ends every program.
            None => {
                let by = output.status.signal().unwrap();
                assert_eq!(Some(by), signal.map(Signal::as_raw), "{said}");
                *ends.entry(-by).or_insert(0) += 1;
            }
        }
        if round % 20 == 19 {
            assert_eq!(goal(&world.build("grid", "grid", N, &["--check"])), due, "after {shown}");
        }
    }
    println!("chaos: ends by code, killed ones by the signal below zero: {ends:?}");
    assert!(ends.len() > 4, "{ends:?}");
}
