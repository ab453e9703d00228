//! Machines: processes with caches of their own, in front of one bucket.

use crate::fake_s3::FakeS3;
use crate::world::{World, text};
use serde_json::Value;
use std::process::{Command, Output};

/// A bucket that is empty; its objects are those of the server below this.
pub(crate) const PREFIX: &str = "bucket/p/";

pub(crate) struct Machine {
    pub(crate) world: World,
}

impl Machine {
    pub(crate) fn new(server: &FakeS3) -> Self {
        let world = World::new();
        let config = format!("[s3]\nendpoint = \"{}\"\nregion = \"us-east-1\"\n", server.url());
        std::fs::write(world.path("wrun.toml"), config).unwrap();
        Self { world }
    }

    /// The program, on this machine.
    pub(crate) fn wrun(&self, args: &[&str]) -> Command {
        let cache = self.world.path("cache").display().to_string();
        let mut command = self.world.wrun(args);
        command.args(["--store", "s3://bucket/p", "--cache", &cache]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// A build with a report.
    pub(crate) fn build(&self, plugin: &str, task: &str, params: &[&str], report: &str) -> Command {
        let mut args = vec!["build", plugin, task, "-q"];
        params.iter().for_each(|param| args.extend(["--param", param]));
        let report = self.world.path(report).display().to_string();
        args.extend(["--report", &report]);
        self.wrun(&args)
    }

    /// Does a build that must succeed; returns its report and what it printed.
    pub(crate) fn built(&self, plugin: &str, task: &str, params: &[&str]) -> (Value, Output) {
        let output = self.build(plugin, task, params, "report.json").output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        (self.world.report("report.json"), output)
    }

    /// The bytes of a task's output.
    pub(crate) fn cat(&self, plugin: &str, task: &str) -> String {
        let output = self.wrun(&["cat", plugin, task]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}
