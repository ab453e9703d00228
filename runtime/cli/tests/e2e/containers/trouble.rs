//! What goes wrong around containers.

use super::*;
use crate::daemon::Daemon;

#[test]
fn without_an_engine_it_is_said_which_was_asked() {
    let mut env = world();
    env.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    // There is no store yet either.
    let plan = env.words("plan boxes.wasm alone").code(1).stdout();
    assert!(plan.contains("no engine answers at unix:///nowhere/docker.sock (DOCKER_HOST)"), "{plan}");
    fails(
        &env,
        "true",
        &[],
        &["no engine answers at unix:///nowhere/docker.sock (DOCKER_HOST)", "hint: `wrun doctor`"],
    );
    env.set("DOCKER_HOST", "ssh://host");
    fails(&env, "true", &[], &["only unix:// and tcp:// can"]);
}

/// A small file system, which is gone in the end.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: std::path::PathBuf, size: &str) -> Self {
        std::fs::create_dir(&at).unwrap();
        let it = Self(at);
        it.run(&["-t", "tmpfs", "-o", size, "none"]);
        it
    }

    fn run(&self, options: &[&str]) {
        let mounted = Command::new("mount").args(options).arg(&self.0).output().unwrap();
        assert!(mounted.status.success(), "who runs an engine may mount: {mounted:?}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left() {
    if !engine() {
        return;
    }
    let env = world();
    let small = Small::mount(env.path(".wrun"), "size=24m");
    fails(
        &env,
        "dd if=/dev/zero of=/out/o bs=1M count=60 || { rm /out/o; exit 1; }",
        &[],
        &["exit code 1", "No space left on device"],
    );
    // There is room for what the container writes, and none for the store to take it.
    let many = "i=0; while [ $i -lt 250 ]; do head -c 60000 /dev/urandom > /out/$i; i=$((i+1)); done";
    let said = build(&env, many, &[]).code(5).stderr();
    assert!(said.contains("hint: free some space"), "{said}");
    nothing_left(&env);
    small.run(&["-o", "remount,size=200m"]);
    build(&env, many, &[]).ok();
    env.words("store check").ok();
    nothing_left(&env);
}

/// Sets the clock of what this world runs from now on, and of what runs already.
fn set_clock(env: &TestEnv, ahead: &str) {
    let beside = env.write("clock.new", ahead);
    std::fs::rename(beside, env.path("clock")).unwrap();
}

#[test]
fn a_clock_that_jumps_ends_no_container_too_early_or_too_late() {
    if !engine() {
        return;
    }
    let mut env = world();
    let lib = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let lib = lib.map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.exists());
    let lib = lib.expect("libfaketime is missing: tests/tools/need.sh docker");
    env.set("LD_PRELOAD", &lib);
    env.set("FAKETIME_TIMESTAMP_FILE", env.path("clock"));
    env.set("FAKETIME_NO_CACHE", "1");
    env.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    set_clock(&env, "+2d");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut date = Command::new("date");
    date.arg("+%s").env("LD_PRELOAD", &lib).env("FAKETIME_TIMESTAMP_FILE", env.path("clock"));
    let date = String::from_utf8(date.output().unwrap().stdout).unwrap();
    assert!(date.trim().parse::<u64>().unwrap() > now + 86_400, "the clock of a child can be set");
    set_clock(&env, "+0");
    let waits = "cat /proc/sys/kernel/random/uuid > /out/o; until [ -e /out/go ]; do sleep 0.1; done";
    let hour = ["timeout=3600"];
    let mut child = env.command().args(words("build", waits, &hour)).spawn().unwrap();
    container(&env, "running");
    set_clock(&env, "+2d");
    seen::go(&env);
    assert!(child.wait().unwrap().success());
    // One that is taken over by a wrun whose clock is half a day ahead has not run for so long. It may end before that:
    // by a clock a whole day ahead it would have ended too long ago to be asked for.
    set_clock(&env, "+0");
    let waits = format!("{waits}; true");
    let mut child = env.command().args(words("build", &waits, &hour)).spawn().unwrap();
    let id = container(&env, "running");
    child.kill().unwrap();
    child.wait().unwrap();
    set_clock(&env, "+12h");
    let mut again = env.command().args(words("build", &waits, &hour)).spawn().unwrap();
    seen::go(&env);
    assert!(again.wait().unwrap().success());
    assert!(!docker(["inspect", &id]).status.success(), "it was taken over, so it is gone");
    // And one that is due ends, although the clock says that it has not begun.
    set_clock(&env, "+0");
    let mut child = env.command().args(words("build", "sleep 600", &["timeout=2"])).spawn().unwrap();
    container(&env, "running");
    set_clock(&env, "-2d");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    nothing_left(&env);
}

/// Waits until an engine runs a container that is not this one, and returns its id.
fn other(daemon: &Daemon, than: &str) -> String {
    let since = Instant::now();
    loop {
        let running = daemon.docker(&["ps", "-q", "--no-trunc"]);
        let running = String::from_utf8(running.stdout).unwrap();
        if let Some(id) = running.lines().find(|id| *id != than) {
            return id.to_owned();
        }
        assert!(since.elapsed() < Duration::from_secs(60), "no other container runs");
    }
}

#[test]
fn an_engine_that_is_restarted_costs_a_run_and_no_build() {
    if !engine() {
        return;
    }
    let mut env = world();
    let mut daemon = Daemon::start(false);
    env.set("DOCKER_HOST", daemon.host());
    for gently in [true, false] {
        let script =
            format!("trap 'exit 1' TERM; until [ -e /out/go ]; do sleep 0.1; done; echo {gently} > /out/o");
        let mut child = env.command().args(words("build", &script, &[])).spawn().unwrap();
        let id = other(&daemon, "");
        daemon.stop(gently);
        daemon.again();
        other(&daemon, &id);
        // The folder of the first may be there too: nobody could remove its container.
        for folder in env.path(".wrun/store/containers").read_dir().unwrap().flatten() {
            _ = std::fs::write(folder.path().join("out/go"), "");
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(out(&env, &script, &[]), format!("{gently}\n"));
    }
    // What was left while nobody answered is swept.
    build(&env, "true", &[]).ok();
    assert_eq!(String::from_utf8(daemon.docker(&["ps", "-aq"]).stdout).unwrap(), "");
    nothing_left(&env);
}

#[test]
fn a_container_that_outlives_its_engine_is_waited_for() {
    if !engine() {
        return;
    }
    let mut env = world();
    let mut daemon = Daemon::start(true);
    env.set("DOCKER_HOST", daemon.host());
    let script = "cat /proc/sys/kernel/random/uuid > /out/o; until [ -e /out/go ]; do sleep 0.1; done; rm /out/go";
    let mut child = env.command().args(words("build", script, &[])).spawn().unwrap();
    let id = other(&daemon, "");
    daemon.stop(false);
    daemon.again();
    assert_eq!(other(&daemon, ""), id);
    seen::go(&env);
    assert!(child.wait().unwrap().success());
    nothing_left(&env);
}
