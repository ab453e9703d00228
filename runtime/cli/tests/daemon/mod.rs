//! A container engine of a test's own, which may be stopped, killed and started again.

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    child: Child,
    /// Whether containers outlive it.
    outlived: bool,
}

impl Daemon {
    /// Starts one that has the tests' image.
    pub(crate) fn start(outlived: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&folder, outlived);
        let it = Self { folder, child, outlived };
        it.answers();
        let mut saved =
            Command::new("docker").args(["save", "wrun-test:latest"]).stdout(Stdio::piped()).spawn().unwrap();
        let loaded = it.command().arg("load").stdin(saved.stdout.take().unwrap()).output().unwrap();
        assert!(saved.wait().unwrap().success() && loaded.status.success(), "{loaded:?}");
        it
    }

    /// What `DOCKER_HOST` is to be.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host());
        command
    }

    pub(crate) fn docker(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Ends it: as an operator does, or as a fault does.
    pub(crate) fn stop(&mut self, gently: bool) {
        let signal = if gently { rustix::process::Signal::TERM } else { rustix::process::Signal::KILL };
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) fn again(&mut self) {
        // One that was killed left these, as after a power cut; the numbers may be others' by now.
        for pid in ["pid", "run/containerd/containerd.pid"] {
            _ = std::fs::remove_file(self.folder.path().join(pid));
        }
        self.child = spawn(&self.folder, self.outlived);
        self.answers();
    }

    fn answers(&self) {
        let since = Instant::now();
        while !self.docker(&["info"]).status.success() {
            assert!(since.elapsed() < Duration::from_secs(60), "dockerd does not answer: {}", self.log());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }
}

fn spawn(folder: &tempfile::TempDir, outlived: bool) -> Child {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let log = std::fs::File::options().create(true).append(true).open(at("log.txt")).unwrap();
    // In a network of its own: without a bridge it removes the one that there is, which is another engine's.
    let mut command = Command::new("unshare");
    command.args(["--net", "/usr/sbin/dockerd"]);
    command.args(["--data-root", &at("data"), "--exec-root", &at("run"), "--pidfile", &at("pid")]);
    command.args(["--host", &format!("unix://{}", at("docker.sock")), "--bridge", "none", "--iptables=false"]);
    if outlived {
        command.arg("--live-restore");
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let left = String::from_utf8(self.docker(&["ps", "-aq"]).stdout).unwrap_or_default();
        let left: Vec<&str> = ["rm", "-f"].into_iter().chain(left.lines()).collect();
        if left.len() > 2 {
            self.docker(&left);
        }
        if std::thread::panicking() {
            _ = writeln!(std::io::stderr(), "{}", self.log());
        }
        self.stop(true);
        // One that was killed leaves what it had mounted over its own folder.
        _ = Command::new("umount").args(["--quiet", "--recursive"]).arg(self.folder.path().join("data")).output();
    }
}
