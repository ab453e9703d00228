//! Plugins for tests: built once, below `target/e2e`, by whichever test comes first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where built plugins and compiled code are.
pub(crate) fn folder() -> PathBuf {
    repository().join("target/e2e")
}

/// Returns the path of a built plugin: one of `plugins/`, or the hostile guest.
pub(crate) fn built(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
    folder().join(format!("{name}.wasm"))
}

fn build() {
    let (root, folder) = (repository(), folder());
    fs::create_dir_all(folder.join("compiled")).unwrap();
    // The processes of a test run wait for the first of them.
    let lock = File::create(folder.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let forget = || {
        // Compiled code of plugins that are no more.
        _ = fs::remove_dir_all(folder.join("compiled"));
        fs::create_dir_all(folder.join("compiled")).unwrap();
    };
    for name in ["grid", "pivot", "report", "shards", "tools"] {
        let made = folder.join(format!("{name}.wasm"));
        if newest(&[root.join("plugins").join(name), root.join("sdk")]) <= changed(&made) {
            continue;
        }
        forget();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wrun"));
        command.args(["plugin", "build"]).arg(root.join("plugins").join(name)).arg("-o").arg(&made);
        run(clean(&mut command), &format!("plugins/{name} cannot be built"));
        File::options().append(true).open(&made).unwrap().set_modified(SystemTime::now()).unwrap();
    }
    let guests = root.join("tests/guests");
    for (name, stands_on) in [("hostile", "sdk/wit"), ("boxes", "sdk")] {
        let made = folder.join(format!("{name}.wasm"));
        if newest(&[guests.join(name), root.join(stands_on)]) > changed(&made) {
            forget();
            run(clean(Command::new("sh").arg(guests.join("build.sh"))), "tests/guests cannot be built");
            fs::copy(guests.join(format!("target/wasm32-wasip2/release/{name}.wasm")), &made).unwrap();
        }
    }
}

/// What cargo set for this test must not reach another cargo.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
            command.env_remove(&name);
        }
    }
    command
}

fn run(command: &mut Command, why: &str) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}; is the target there? `rustup target add wasm32-wasip2`\n{said}");
}

fn changed(path: &Path) -> SystemTime {
    path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(paths: &[PathBuf]) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for path in paths {
        if path.is_dir() {
            if path.ends_with("target") {
                continue;
            }
            let below: Vec<PathBuf> = path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
            newest = newest.max(self::newest(&below));
        } else {
            newest = newest.max(changed(path));
        }
    }
    newest
}
