//! A place of its own for each test, and the example components, built once.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// How many rounds a campaign has: a tenth in the usual tests, all in `make soak`.
pub(crate) fn rounds(tenth: u32, all: u32) -> u32 {
    if std::env::var_os("WRUN_SOAK").is_some() { all } else { tenth }
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Returns an example component, compiled if its source changed.
pub(crate) fn component(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let plugins = repository().join("plugins");
        let cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--target", "wasm32-wasip2", "--locked"])
            .current_dir(&plugins)
            .output()
            .unwrap();
        assert!(
            cargo.status.success(),
            "cannot build the example plugins; is the target there (`rustup target add wasm32-wasip2`)?\n{}",
            String::from_utf8_lossy(&cargo.stderr)
        );
        plugins.join("target/wasm32-wasip2/release")
    });
    folder.join(format!("{name}.wasm"))
}

/// A folder with a store, and nothing of the user's environment.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// The program, in this world.
    pub(crate) fn wrun<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wrun"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        command
    }

    /// The arguments of a build with a report.
    pub(crate) fn build_args(&self, plugin: &str, task: &str, params: &[&str], report: &str) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let mut args = vec!["build".into(), text(component(plugin)), task.into()];
        for param in params {
            args.extend(["--param".into(), (*param).into()]);
        }
        args.extend([
            "--store".into(),
            text(self.store()),
            "--report".into(),
            text(self.path(report)),
            "-q".into(),
        ]);
        args
    }

    /// Builds, and returns the report of a build that must succeed.
    pub(crate) fn build(&self, plugin: &str, task: &str, params: &[&str], more: &[&str]) -> Value {
        let mut args = self.build_args(plugin, task, params, "report.json");
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let output = self.wrun(args).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        self.report("report.json")
    }

    pub(crate) fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

/// What a run printed, and how it ended.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{:?}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub(crate) fn total(report: &Value, name: &str) -> u64 {
    report["totals"][name].as_u64().unwrap()
}

/// The output of the last task, which is the goal.
pub(crate) fn goal(report: &Value) -> String {
    report["tasks"].as_array().unwrap().last().unwrap()["output"].as_str().unwrap().to_owned()
}

/// A small seeded generator (SplitMix64), so that a campaign can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
