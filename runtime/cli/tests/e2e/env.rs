//! A world of its own for each test.

use crate::plugins::{built, folder};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Three days of flights.
pub(crate) const FLIGHTS: &str = "year,month,day,dep_time,dep_delay,carrier\n\
    2013,1,1,517,2,UA\n2013,1,1,NA,NA,UA\n2013,1,1,540,20,B6\n\
    2013,1,2,600,16,B6\n2013,1,2,540,20,UA\n\
    2013,1,3,600,-3,B6\n";

/// The three days as a range.
pub(crate) const DAYS: &str = "date=2013-01-01..2013-01-03";

/// A home, a working directory, a store.
pub(crate) struct TestEnv {
    root: tempfile::TempDir,
    vars: Vec<(String, std::ffi::OsString)>,
}

impl TestEnv {
    /// Has `report.wasm`, `hostile.wasm`, `shards.wasm`, `grid.wasm`, `boxes.wasm`, `pivot.wasm`, `tools.wasm` and `flights.csv` in its working directory.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let it = Self { root, vars: Vec::new() };
        fs::create_dir_all(it.cwd()).unwrap();
        fs::create_dir_all(it.home()).unwrap();
        for name in ["report", "hostile", "shards", "grid", "boxes", "pivot", "tools"] {
            std::os::unix::fs::symlink(built(name), it.path(&format!("{name}.wasm"))).unwrap();
        }
        it.write("flights.csv", FLIGHTS);
        // The compiled code of earlier tests: compiling takes longer than most of them.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(it.compiled()).unwrap();
        copy_all(&folder().join("compiled"), &it.compiled());
        it
    }

    /// The same with its store in a bucket.
    pub(crate) fn in_bucket(url: &str, bucket: &str) -> Self {
        let mut env = Self::new();
        let toml = format!(
            "store = \"s3://{bucket}/p\"\n[s3]\nendpoint = \"{url}\"\nregion = \"us-east-1\"\npath-style = true\n"
        );
        env.write("wrun.toml", toml);
        env.set("AWS_ACCESS_KEY_ID", "test");
        env.set("AWS_SECRET_ACCESS_KEY", "test");
        env
    }

    pub(crate) fn cwd(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The store that is used where nothing else is said.
    pub(crate) fn store(&self) -> PathBuf {
        self.home().join(".cache/wrun/store")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.cwd().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Sets a variable for what runs from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.vars.push((name.to_owned(), value.as_ref().to_owned()));
    }

    /// Where compiled code is kept for this user.
    fn compiled(&self) -> PathBuf {
        self.home().join(".cache/wrun/compiled")
    }

    /// Returns a command that knows this world alone.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wrun"));
        command.current_dir(self.cwd()).env_clear().env("HOME", self.home());
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs wrun.
    pub(crate) fn wrun<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let mut command = self.command();
        command.args(args);
        let shown = format!("{command:?}");
        Ran { output: command.output().unwrap(), shown, root: self.root.path().canonicalize().unwrap() }
    }

    /// Runs wrun with words between spaces, `source=flights.csv` added.
    pub(crate) fn report(&self, words: &str) -> Ran {
        self.wrun(words.split(' ').chain(["-p", "source=flights.csv"]))
    }

    /// Runs wrun with words between spaces.
    pub(crate) fn words(&self, words: &str) -> Ran {
        self.wrun(words.split(' '))
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        copy_all(&self.compiled(), &folder().join("compiled"));
    }
}

fn copy_all(from: &Path, to: &Path) {
    let Ok(entries) = from.read_dir() else { return };
    for entry in entries.flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        // Names say what is inside, so one that is there already is as good.
        if path.extension().is_some_and(|extension| extension == "cwasm") && !to.exists() {
            let beside = to.with_extension(std::process::id().to_string());
            // A test is as right without.
            _ = fs::copy(path, &beside).and_then(|_| fs::rename(&beside, to));
        }
    }
}

/// Returns a hostile guest of another kind: two digits that it describes itself by.
pub(crate) fn variant(env: &TestEnv, digits: &str) -> Vec<u8> {
    let mut bytes = fs::read(env.path("hostile.wasm")).unwrap();
    let mark = b"hostile guest variant 00";
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len() - digits.len();
    bytes[at..at + digits.len()].copy_from_slice(digits.as_bytes());
    bytes
}

/// What a command did.
pub(crate) struct Ran {
    output: Output,
    shown: String,
    root: PathBuf,
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(self, due: i32) -> Self {
        let (out, err) = (self.raw_stdout(), String::from_utf8_lossy(&self.output.stderr));
        assert_eq!(self.output.status.code(), Some(due), "{}\nstdout:\n{out}stderr:\n{err}", self.shown);
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.code(0)
    }

    pub(crate) fn raw_stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Returns stdout with what differs from run to run replaced.
    pub(crate) fn stdout(&self) -> String {
        redact(&self.raw_stdout(), &self.root)
    }

    /// Returns stderr with what differs from run to run replaced.
    pub(crate) fn stderr(&self) -> String {
        redact(&String::from_utf8_lossy(&self.output.stderr), &self.root)
    }

    /// Parses stdout as JSON lines.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.raw_stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Checks that stderr is an error of these lines, and nothing else.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, due: &str) {
        let ran = self.code(code);
        assert_eq!(ran.stderr(), due);
        assert_eq!(ran.raw_stdout(), "");
    }
}

/// Replaces digests, times and the test's folder. What hits saved is only said where it is worth saying, so
/// that is left out.
pub(crate) fn redact(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "[ROOT]");
    let text = codes(&digests(&text));
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out += &rest[..at];
        rest = &rest[at..];
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(rest.len());
        let unit = [" ms", " s", " min ", " h "].into_iter().find(|unit| {
            let after = &rest[digits..];
            after.starts_with(unit) && !after[unit.len()..].starts_with(|c: char| c.is_alphabetic())
        });
        match unit {
            Some(unit @ (" min " | " h ")) => {
                let end = digits + unit.len();
                let more = rest[end..].find(" s").map_or(rest.len(), |at| end + at + 2);
                out += "[time]";
                rest = &rest[more..];
            }
            Some(unit) => {
                out += "[time]";
                rest = &rest[digits + unit.len()..];
            }
            None => {
                out += &rest[..digits];
                rest = &rest[digits..];
            }
        }
    }
    (out + rest).replace("; hits saved [time]", "")
}

/// Which code an error has is tested in one place, `explain.rs`.
fn codes(text: &str) -> String {
    let mut parts = text.split("error[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("]:") {
            Some((code, rest))
                if code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') =>
            {
                out += "error:";
                out += rest;
            }
            _ => {
                out += "error[";
                out += part;
            }
        }
    }
    out
}

fn digests(text: &str) -> String {
    let mut parts = text.split("b3:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "b3:…";
        out += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out
}

#[test]
fn times_and_digests_are_redacted() {
    let text =
        "8 tasks in 0.4 ms: b3:0123af → b3:ff; hits saved 4.0 ms; saved 1 min 03 s, 12 s, 7 sheep, 2013-01-01";
    let due = "8 tasks in [time]: b3:… → b3:…; saved [time], [time], 7 sheep, 2013-01-01";
    assert_eq!(redact(text, Path::new("/nowhere")), due);
}
