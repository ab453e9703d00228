//! `wrun build --watch`, with a component; with a source folder it is in `source.rs`.

use crate::env::TestEnv;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};

/// A wrun that watches, and what it says.
pub(crate) struct Watch {
    child: Child,
    told: BufReader<ChildStderr>,
}

impl Watch {
    pub(crate) fn start(env: &TestEnv, words: &str) -> Self {
        let mut command = env.command();
        command.args(words.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told = BufReader::new(child.stderr.take().unwrap());
        Self { child, told }
    }

    /// Reads until a line says this; the test's own time limit is the only one.
    #[track_caller]
    pub(crate) fn until(&mut self, due: &str) {
        let mut all = String::new();
        loop {
            let start = all.len();
            let count = self.told.read_line(&mut all).unwrap();
            assert!(count > 0, "it ended without saying `{due}`:\n{all}");
            if all[start..].contains(due) {
                return;
            }
        }
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn a_change_of_an_external_builds_again_and_a_plugin_that_vanishes_is_waited_for() {
    let env = TestEnv::new();
    // What was written a moment ago may have changed while it was built, and is built again.
    let file = fs::File::options().append(true).open(env.path("flights.csv")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let mut watch = Watch::start(&env, "build report.wasm delays 2013-01-01 -p source=flights.csv --watch -o out");
    watch.until("2 tasks in ");
    watch.until("watching ");
    let before = env.read("out/delays.csv");
    let flights = env.read("flights.csv").replace("517,2,UA", "519,4,UA");
    env.write("flights.csv", &flights);
    watch.until("changed: flights.csv");
    watch.until("2 ran");
    watch.until("watching ");
    assert_ne!(env.read("out/delays.csv"), before);
    // A build that fails is no end.
    env.write("flights.csv", "not,a,table\n");
    watch.until("failed: ");
    watch.until("watching ");
    env.write("flights.csv", &flights);
    watch.until("2 cached");
    watch.until("watching ");
    let component = fs::canonicalize(env.path("report.wasm")).unwrap();
    fs::remove_file(env.path("report.wasm")).unwrap();
    watch.until("waiting: `report.wasm` is gone; the build goes on when it is back");
    std::os::unix::fs::symlink(component, env.path("report.wasm")).unwrap();
    watch.until("changed: ");
    watch.until("2 cached");
    watch.until("watching ");
    watch.end();
}

#[test]
fn a_command_line_that_is_wrong_stays_wrong() {
    let env = TestEnv::new();
    let ran = env.words("build report.wasm delay --watch").code(2);
    assert!(ran.stderr().contains("did you mean `delays`?"), "{}", ran.stderr());
    let ran = env.words("build none.wasm --watch").code(4);
    assert!(ran.stderr().contains("cannot read `none.wasm`"), "{}", ran.stderr());
}
