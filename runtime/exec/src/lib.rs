//! Executors: what turns an Action into an output, and what answers `declare`.
//!
//! - [`Executor`] and [`Planner`]: the contracts; fakes are enough to test a Session.
//! - [`wasm`]: both, over a component.
//! - [`Containers`]: the contract of what runs containers.
//! - [`docker`]: it, over the Engine API; the only place that names bollard.
//!
//! Must never be imported here: the Session, a terminal.

pub mod docker;
pub mod wasm;

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use wrun_core::digest::ActionKey;
use wrun_core::param::Params;
use wrun_core::plan::{ContainerSpec, Limits, OutputSpec, Plan};
use wrun_core::task::PluginDescription;
pub use wrun_plugin::run::*;
use wrun_store::files::Dir;

/// Runs tasks.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Runs one attempt to its end. It may take a thread for as long as the guest computes.
    async fn run(&self, run: Run, context: Arc<dyn RunContext>) -> Result<Made, RunError>;

    /// Returns the bytes of the code that it runs, where they are at hand: what a store needs to make a result again.
    fn code(&self) -> Option<Arc<[u8]>> {
        None
    }
}

/// Answers what a plugin declares. Blocking and quick: call it where that is fine.
pub trait Planner: Send + Sync {
    /// What the plugin says of itself, already validated.
    fn description(&self) -> &PluginDescription;
    /// Asks for the Plan of a call. It asks twice and validates.
    fn declare(&self, task: &str, params: &Params) -> Result<Plan, PlanError>;
}

/// An image that is known by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// As the task named it.
    pub reference: String,
    /// What is in keys: the digest of the image for this platform, `sha256:…`.
    pub digest: String,
    /// What an engine is asked for: `name@sha256:…`, or the id of a local image.
    pub from: String,
}

/// One attempt to run one container action.
#[derive(Clone, Debug)]
pub struct ContainerRun {
    /// The key of the action.
    pub key: ActionKey,
    /// Where the result goes: a container that an earlier wrun left counts only if its result would go there too.
    pub generation: u32,
    /// For people: `task param=value …`.
    pub task: String,
    /// What to run.
    pub spec: ContainerSpec,
    /// Its image.
    pub image: Image,
    /// What shows under `/in`, by input name; the bytes are on this machine.
    pub inputs: Vec<(String, Dir)>,
    /// What must be under `/out` in the end.
    pub outputs: Vec<OutputSpec>,
    /// Caps on output and log.
    pub limits: Limits,
}

/// How many files were shown to containers as inputs, by how.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// By reflink.
    pub reflinks: u64,
    /// By hard link.
    pub links: u64,
    /// As copies.
    pub copies: u64,
}

/// What a machine has for containers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// CPU cores, in thousandths.
    pub cpu_millis: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// Runs containers.
///
/// A run that is dropped stops its container (TERM, a grace, KILL) and removes it, beside whatever else goes on;
/// [`Self::settle`] waits for that. So does what a finished run left, once its [`Made::left`] is dropped: until then
/// a wrun that starts after a crash finds it, and runs nothing again.
#[async_trait]
pub trait Containers: Send + Sync {
    /// Finds an image and pins it. `pull` says whether one that is not here may be fetched; `None` is one that would
    /// have to be.
    async fn image(&self, reference: &str, pull: bool) -> Result<Option<Image>, RunError>;

    /// Runs one attempt to its end.
    async fn run(&self, run: ContainerRun, context: Arc<dyn RunContext>) -> Result<Made, RunError>;

    /// Returns what the machine has; asked once, at planning.
    fn capacity(&self) -> Capacity;

    /// Tells whether it knows a bucket that containers may write outputs to.
    fn stages(&self) -> bool {
        false
    }

    /// Tells how inputs were shown so far.
    fn shown(&self) -> Shown {
        Shown::default()
    }

    /// Waits, at most so long, until what was dropped is stopped and removed.
    async fn settle(&self, most: Duration);
}
