//! What a caller gives to a session, and what it gets.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wrun_core::digest::{ActionKey, ComponentDigest};
use wrun_core::event::Sink;
use wrun_core::param::{ParamError, Params, Value};
use wrun_core::plan::ContainerSpec;
use wrun_core::reason::Reason;
use wrun_core::report::{HitSource, Moved, Report};
use wrun_core::result::Address;
use wrun_exec::{Containers, Executor, Planner};
use wrun_store::external::{Rule, Sources};
use wrun_store::files::Dir;
use wrun_store::lock::Locks;
use wrun_store::{Store, StoreError};

/// One plugin of a session.
#[derive(Clone)]
pub struct Plugin {
    /// The alias by which others call it; empty for the one that was named.
    pub alias: String,
    /// Its component.
    pub component: ComponentDigest,
    /// Answers `describe` and `declare`.
    pub planner: Arc<dyn Planner>,
    /// Runs its tasks.
    pub executor: Arc<dyn Executor>,
}

/// Everything that stays the same for the sessions of one process.
#[derive(Clone)]
pub struct Setup {
    /// The plugin that was named first, then those of wrun.toml.
    pub plugins: Vec<Plugin>,
    /// Where results are.
    pub store: Arc<dyn Store>,
    /// Single flight between processes, where the store is on this machine.
    pub locks: Option<Arc<Locks>>,
    /// Where relative paths start: the folder of wrun.toml, else the working directory.
    pub root: PathBuf,
    /// Folders and addresses under which a plugin may name externals, besides [`Self::root`].
    pub roots: Vec<PathBuf>,
    /// The servers that externals are read from.
    pub sources: Arc<Sources>,
    /// Runs containers; without it a task that is one fails.
    pub containers: Option<Arc<dyn Containers>>,
    /// Takes what happens.
    pub sink: Arc<dyn Sink>,
    /// The machine's ISA and engine, for the keys of task types with native NaNs.
    pub machine: String,
    /// The version of wrun, for provenance.
    pub version: String,
}

impl Setup {
    /// Returns what was asked of servers so far.
    pub(crate) fn traffic(&self) -> Moved {
        Moved { store: self.store.counters().traffic, externals: self.sources.traffic() }
    }
}

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many tasks may run at once; at least 1.
    pub slots: usize,
    /// How many guests may wait for what they need and stay in memory; those above are run again later.
    pub most_suspended: usize,
    /// The same for guests that have computed so little that to run them again is cheaper than to keep them.
    pub most_cheap_suspended: usize,
    /// Whether to stop at the first failure.
    pub fail_fast: bool,
    /// Whether to walk the graph and ask for all bytes although a session record answers.
    pub check: bool,
    /// What to run although it is cached.
    pub force: Force,
    /// Globs over `task` and `task param=value …`: what to leave out.
    pub except: Vec<String>,
    /// Task types that wrun.toml disables.
    pub disabled: Vec<String>,
    /// In every key; empty is none.
    pub salt: String,
    /// Params per task type from wrun.toml, by (plugin alias, task, param); weaker than what a call gives.
    pub defaults: BTreeMap<(String, String), BTreeMap<String, Value>>,
    /// Paths and addresses that the user gave as params: these may be outside the roots.
    pub given_paths: Vec<PathBuf>,
    /// What wrun.toml says of externals, by their address; of all below where that ends in `/`.
    pub externals: BTreeMap<String, Rule>,
    /// The time that clocks are compared with.
    pub now: Timestamp,
    /// A build that takes longer says so where several machines share a store, and what it has touched so far, each
    /// time that so long has passed: so that no gc takes what it uses.
    pub publish_every: Duration,
    /// Which tasks the report lists.
    pub list: Listed,
    /// Whether the outcome says where the externals are.
    pub want_externals: bool,
}

/// Guests that wait in memory, unless something else is said. Each takes some memory maps, of which a process
/// may have 65,530 by default.
const MOST_SUSPENDED: usize = 5_000;
/// As many as the small pool of instances has room for: the large one costs time to make, and memory.
const MOST_CHEAP_SUSPENDED: usize = 200;

/// Far less than the grace of a gc, and more than most builds take.
const PUBLISH_EVERY: Duration = Duration::from_secs(300);

impl Options {
    /// Returns the defaults, for this many slots at this time.
    pub fn new(slots: usize, now: Timestamp) -> Self {
        Self {
            slots: slots.max(1),
            most_suspended: MOST_SUSPENDED,
            most_cheap_suspended: MOST_CHEAP_SUSPENDED,
            fail_fast: false,
            check: false,
            force: Force::Nothing,
            except: Vec::new(),
            disabled: Vec::new(),
            salt: String::new(),
            defaults: BTreeMap::new(),
            given_paths: Vec::new(),
            externals: BTreeMap::new(),
            now,
            publish_every: PUBLISH_EVERY,
            list: Listed::Changes,
            want_externals: false,
        }
    }
}

/// Which tasks a report lists.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those that were no hits.
    Misses,
    /// All of them, if one was no hit that the goals' session record knows.
    Changes,
    /// All of them.
    All,
}

/// What to run although it is cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Force {
    /// Nothing.
    Nothing,
    /// The goals themselves.
    Goals,
    /// Every task of these types.
    Tasks(Vec<String>),
}

/// One goal: a task of the first plugin with canonical params.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalCall {
    /// The task type.
    pub task: String,
    /// Complete params.
    pub params: Params,
}

/// What a build came to.
#[derive(Debug)]
pub struct Outcome {
    /// The skip report; its tasks are those of [`Options::list`].
    pub report: Report,
    /// The output of each goal, where there is one, in the order given.
    pub goals: Vec<Option<GoalOutput>>,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// How each task that failed failed: its name, its message, its log, in the order in which they were asked for.
    pub failures: Vec<Failure>,
    /// Task types whose runs for changed code all made the same bytes, and how many there were: a `version`
    /// would spare them.
    pub same_bytes: BTreeMap<String, u64>,
    /// Where the externals of this machine are that it looked at, if that was wanted: files, folders and globs.
    pub externals: Vec<PathBuf>,
}

/// The output of a goal.
#[derive(Clone, Debug)]
pub struct GoalOutput {
    /// Its result.
    pub address: Address,
    /// Its files.
    pub dir: Dir,
}

/// A task that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `task param=value …`
    pub task: String,
    /// What, where, why.
    pub message: String,
    /// One thing to try.
    pub hint: Option<String>,
    /// What it wrote.
    pub log: Vec<u8>,
}

/// What a build would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Every task of the graph as far as it can be known, dependencies first.
    pub tasks: Vec<PreviewTask>,
}

/// What a build would do with one task.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewTask {
    /// The plugin's id.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// Its params, private ones left out.
    pub params: Params,
    /// What would happen.
    pub fate: Fate,
    /// The key of its action, where all that goes into it is known.
    pub key: Option<ActionKey>,
    /// How long it took the last time, in seconds.
    pub usual_seconds: Option<f64>,
    /// Whether it may need tasks that are not listed.
    pub dynamic: bool,
    /// The container that does it, unless a private param might be in its words.
    pub container: Option<ContainerSpec>,
    /// The tasks that it needs as far as that can be known, by their places in the preview.
    pub needs: Vec<u32>,
}

/// What would happen to a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It will be a hit.
    Hit(HitSource),
    /// It will run, or be blocked by a failure.
    Run(Vec<Reason>),
    /// That depends on what this task makes: `task param=value …`.
    Unknown(String),
    /// It waits, for this.
    Waiting(String),
    /// It cannot be built, for this reason.
    Failed(String),
    /// A task that it needs cannot be built.
    Blocked(String),
    /// The user left it out.
    Skipped(String),
}

/// Why there was no build at all, or why one had to stop.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store's own error: a write that fails is an error that the user sees.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A goal that is not a task.
    #[error("the plugin has no task `{task}`")]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// Params that the task does not take.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A glob that is none.
    #[error("`{glob}` is not a glob: {why}")]
    Glob {
        /// The text.
        glob: String,
        /// Why.
        why: String,
    },
    /// Results kept vanishing while the build went on.
    #[error("the build started over {0} times, because results that were there had no bytes")]
    Unstable(u32),
    /// A bug of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Stops a build from outside. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<tokio::sync::Notify>, Arc<std::sync::atomic::AtomicBool>);

impl Interrupt {
    /// Asks the build to stop: nothing more starts, what is finished is kept.
    pub fn stop(&self) {
        self.1.store(true, std::sync::atomic::Ordering::SeqCst);
        self.0.notify_waiters();
        self.0.notify_one();
    }

    /// Tells whether it was asked.
    pub fn stopped(&self) -> bool {
        self.1.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits until it is asked.
    pub async fn wait(&self) {
        while !self.stopped() {
            self.0.notified().await;
        }
    }
}

/// Builds goals. `runtime` is where guests compute: it has at least as many worker threads as there are
/// slots; the coordinator itself runs on the caller's thread.
pub async fn build(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
) -> Result<Outcome, BuildError> {
    crate::engine::build(setup, options, goals, runtime, interrupt).await
}

/// Says what [`build`] would do, and does nothing.
pub async fn preview(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
) -> Result<Preview, BuildError> {
    crate::engine::preview(setup, options, goals, runtime).await
}
