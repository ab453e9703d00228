//! What a terminal shows: narrow, dumb, of another locale, closed; a pager, links; what it must not obey.

use crate::env::{TestEnv, redact};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

/// A terminal on which nothing is typed.
struct Terminal {
    near: OwnedFd,
    far: File,
}

impl Terminal {
    fn open(columns: u16) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
        let far = File::options().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&near, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        Self { near, far }
    }

    /// Starts a command on it; returns where what it shows is read.
    fn spawn(self, mut command: Command) -> (Child, File) {
        let far = || self.far.try_clone().unwrap();
        let child = command.stdin(far()).stdout(far()).stderr(far()).spawn().unwrap();
        (child, File::from(self.near))
    }
}

/// Runs a command on a terminal, checks its exit code, and returns all that was shown.
#[track_caller]
fn shown(env: &TestEnv, words: &str, columns: u16, vars: &[(&str, &str)], code: i32) -> String {
    let mut command = env.command();
    command.args(words.split(' ')).env("TERM", "xterm").env("PATH", "/usr/bin:/bin").env("PAGER", "cat");
    command.envs(vars.iter().copied());
    let (mut child, mut near) = Terminal::open(columns).spawn(command);
    let mut bytes = Vec::new();
    // Linux says EIO when the last program has closed its side.
    _ = near.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    assert_eq!(child.wait().unwrap().code(), Some(code), "{text}");
    redact(&text, &env.cwd())
}

/// Leaves out colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[test]
fn forty_columns_are_enough() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    for (words, code) in [
        ("list report.wasm", 0),
        ("describe report.wasm delays", 0),
        ("build --help", 0),
        ("build report.wasm delays --help", 0),
        ("build report.wasm delays -p date=2013-01-01 -p source=none.csv", 1),
        ("plan report.wasm delays -p date=2013-01-01 -p source=flights.csv", 0),
        ("build report.wasm dealys", 2),
        ("history", 0),
        ("doctor", 0),
        ("exit-codes", 0),
        ("explain", 0),
        ("explain missing-param", 0),
    ] {
        let text = plain(&shown(&env, words, 40, &[], code));
        for line in text.lines() {
            // A word that is longer stands alone, and examples of a page are as they are.
            let long = line.chars().count() > 40 && line.trim().contains(' ') && !line.starts_with("    ");
            assert!(!long, "{words}: `{line}` in\n{text}");
        }
    }
}

#[test]
fn colour_where_the_terminal_has_it() {
    let env = TestEnv::new();
    assert!(shown(&env, "list report.wasm", 80, &[], 0).contains("\x1b[1mdelays"));
    for vars in [("TERM", "dumb"), ("NO_COLOR", "1")] {
        for words in ["list report.wasm", "build hostile.wasm fine", "build report.wasm dealys"] {
            let text = shown(&env, words, 80, &[vars], if words.ends_with("dealys") { 2 } else { 0 });
            assert!(!text.contains('\x1b'), "{text:?}");
        }
    }
}

#[test]
fn without_utf_8_symbols_are_ascii() {
    let env = TestEnv::new();
    env.report("build report.wasm split-by-day -q").ok();
    env.write("flights.csv", crate::env::FLIGHTS.replace("517,2,UA", "519,4,UA"));
    let words = "plan report.wasm split-by-day -p source=flights.csv";
    assert!(shown(&env, words, 100, &[("LANG", "C.UTF-8")], 0).contains(" → "));
    let text = shown(&env, words, 100, &[("LANG", "C")], 0);
    assert!(text.contains(" -> ") && text.replace("b3:…", "").is_ascii(), "{text}");
}

#[test]
fn a_terminal_does_not_obey_what_others_wrote() {
    let mut env = TestEnv::new();
    // The same in the file: only a terminal obeys.
    env.words("build hostile.wasm colours -q").code(1);
    assert!(env.words("log hostile.wasm colours").ok().raw_stdout().contains("\x1b[31mred"));
    env.set("NO_COLOR", "1");
    for words in ["build hostile.wasm colours", "log hostile.wasm colours", "history hostile.wasm colours"] {
        let text = shown(&env, words, 100, &[], i32::from(words.starts_with("build")));
        assert!(!text.contains(['\x1b', '\u{202e}', '\x07']), "{words}: {text:?}");
    }
    let evil = "a\x1b[31mb\u{202e}c.csv";
    env.write(evil, crate::env::FLIGHTS);
    for (words, code) in [
        ("build report.wasm split-by-day -p source=EVIL", 0),
        ("plan report.wasm split-by-day -p source=EVIL", 0),
        ("why report.wasm split-by-day -p source=EVIL", 0),
        ("ls report.wasm split-by-day -p source=EVIL", 0),
        ("get report.wasm split-by-day -p source=EVIL -o EVIL.out", 0),
        ("history", 0),
        ("history report.wasm split-by-day -p source=EVIL", 0),
        ("build EVIL", 4),
        ("build report.wasm EVIL", 2),
        ("build report.wasm -p EVIL=1", 2),
        ("EVIL", 2),
        ("report EVIL", 2),
        ("new EVIL", 2),
        ("explain EVIL", 2),
        ("list --store EVIL report.wasm", 0),
    ] {
        let text = shown(&env, &words.replace("EVIL", evil), 100, &[], code);
        assert!(!text.contains(['\x1b', '\u{202e}']), "{words}: {text:?}");
    }
}

#[test]
fn a_pager_is_for_terminals() {
    let env = TestEnv::new();
    let text = shown(&env, "explain unknown-task", 80, &[("PAGER", "tr a-z A-Z"), ("NO_COLOR", "1")], 0);
    assert!(text.starts_with("UNKNOWN-TASK\n\nTHE PLUGIN HAS NO TASK"), "{text}");
    // Half as wide, behind a pager too.
    let text = shown(&env, "explain unknown-task", 40, &[("PAGER", "tr a-z A-Z"), ("NO_COLOR", "1")], 0);
    assert!(text.lines().all(|line| line.chars().count() <= 40 || line.starts_with("    ")), "{text}");
    let text = shown(&env, "explain unknown-task", 80, &[("PAGER", "no-such-pager")], 0);
    assert!(text.starts_with("note: the pager `no-such-pager` is not there\n"), "{text}");
    assert!(!env.wrun(["explain", "unknown-task"]).ok().raw_stdout().contains('\x1b'));
}

#[test]
fn links_and_groups() {
    let env = TestEnv::new();
    let made = |vars: &[(&str, &str)]| shown(&env, "man -o pages", 80, vars, 0);
    assert!(!made(&[]).contains("\x1b]8;;"));
    assert!(made(&[("FORCE_HYPERLINK", "1")]).contains("\x1b]8;;file://"));
    assert!(made(&[("TERM", "xterm-kitty")]).contains("\x1b]8;;file://"));
    let text = shown(&env, "build hostile.wasm fine", 80, &[("GITHUB_ACTIONS", "true")], 0);
    let (start, end) = (text.find("::group::wrun: what happens\n"), text.find("::endgroup::\n"));
    assert!(start.is_some() && start < end, "{text}");
    let text = shown(&env, "build hostile.wasm fine --force", 80, &[("CI", "true")], 0);
    assert!(!text.contains("::group::") && !text.contains("\x1b[0J"), "{text}");
}

#[test]
fn a_terminal_that_is_closed_takes_no_work_along() {
    let env = TestEnv::new();
    let mut command = env.command();
    command.args(["build", "grid.wasm", "grid", "-p", "n=3000"]).env("TERM", "xterm");
    let (mut child, near) = Terminal::open(80).spawn(command);
    drop(near);
    // It is not the terminal's own process here, so nobody sends it a signal: it goes on, unseen.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ran = env.words("build grid.wasm grid -p n=3000").ok();
    assert!(ran.stderr().contains("nothing moved since it was built"), "{}", ran.stderr());
}
