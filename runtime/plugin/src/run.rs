//! What goes into a run and what comes out, in words that every executor shares.

use async_trait::async_trait;
use std::sync::Arc;
use wrun_core::param::Params;
use wrun_core::plan::{Limits, OutputSpec};
use wrun_core::task::{ContractError, Need};
use wrun_store::files::Dir;

/// One attempt to run one action.
#[derive(Clone, Debug)]
pub struct Run {
    /// The task type's name.
    pub task: String,
    /// The params as `run` sees them: masked, the insignificant ones included.
    pub params: Params,
    /// What shows under `/in`, by input name.
    pub inputs: Vec<(String, Dir)>,
    /// What must be under `/out` in the end.
    pub outputs: Vec<OutputSpec>,
    /// Caps.
    pub limits: Limits,
    /// Whether it may call `need`.
    pub dynamic: bool,
    /// Whether NaNs are whatever the machine makes.
    pub native_nan: bool,
}

/// What a run made.
#[derive(Clone)]
pub struct Made {
    /// The output: its blobs are finished staged files, or in memory while small.
    pub output: Dir,
    /// What it wrote to stdout and stderr.
    pub log: Vec<u8>,
    /// What has to stay until the result is durable, if anything: whoever drops the last of it cleans up.
    pub left: Option<Arc<dyn Send + Sync>>,
}

impl Made {
    /// Makes one that leaves nothing behind.
    pub fn new(output: Dir, log: Vec<u8>) -> Self {
        Self { output, log, left: None }
    }
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("output", &self.output).field("log", &self.log.len()).finish_non_exhaustive()
    }
}

/// How a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The task's own failure, or a limit or trap; `message` names what, where and why.
    #[error("{message}")]
    Failed {
        /// What kind of failure.
        kind: FailureKind,
        /// For people.
        message: String,
        /// What it had written to its log.
        log: Vec<u8>,
    },
    /// A `need` did not succeed; the Session knows why.
    #[error("a need did not succeed")]
    NeedEnded,
    /// An input's bytes are gone from the store.
    #[error("the bytes of input `{input}` are gone from the store")]
    LostInput {
        /// Which input, or which name of a need.
        input: String,
    },
    /// Not the task's fault.
    #[error(transparent)]
    Store(#[from] wrun_store::StoreError),
    /// Not the task's fault.
    #[error("{0}")]
    Infrastructure(String),
}

impl RunError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Failed { kind, .. } => kind.hint(),
            Self::LostInput { .. } => Some("build again: what is gone is made anew"),
            Self::NeedEnded | Self::Store(_) | Self::Infrastructure(_) => None,
        }
    }
}

/// Kinds of failure that are told apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// `run` returned an error.
    Error,
    /// A panic, with its source line in the log.
    Panic,
    /// Another trap.
    Trap,
    /// `exit(n)`.
    Exit,
    /// The stack ran out.
    StackOverflow,
    /// The memory cap.
    Memory,
    /// The CPU-time cap.
    Deadline,
    /// The output caps.
    OutputLimit,
    /// A declared output was not made, or one more was.
    Outputs,
    /// It broke the contract, such as `need` in a task that is not dynamic.
    Contract,
    /// A container's program ended with a code that is not accepted.
    ContainerExit,
    /// A signal that nobody here sent ended a container's program.
    Killed,
    /// The kernel ended a container, or a process in it, for its memory.
    OutOfMemory,
    /// A container ran longer than it may.
    Timeout,
    /// An image that cannot be had, or is for another machine.
    Image,
    /// A program that is not in the image, or cannot be started.
    EntryPoint,
    /// A secret that nobody gave.
    Secret,
}

impl FailureKind {
    /// Tells whether another attempt may end otherwise.
    pub fn may_pass(self) -> bool {
        !matches!(self, Self::Image | Self::EntryPoint | Self::Secret | Self::OutOfMemory)
    }

    /// Returns one thing to try.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Error => return None,
            Self::Panic | Self::Trap => "the task's log has what it wrote before: `wrun log`",
            Self::Exit => "return an error from `run` instead of calling `exit`",
            Self::StackOverflow => "recurse less deeply, or keep the work in a list on the heap",
            Self::Memory => "raise `memory` in the task's limits, or hold less at a time",
            Self::Deadline => "raise `cpu-ms` in the task's limits",
            Self::OutputLimit => "raise `output-bytes` or `output-files` in the task's limits",
            Self::Outputs => "make exactly the declared outputs, or declare a directory, in which names are free",
            Self::ContainerExit => {
                "the end of its log says why, `wrun log` has all of it; a code that is fine can be accepted by the task"
            }
            Self::Killed => {
                "something else on this machine killed it: an operator, or the machine's own lack of memory"
            }
            Self::OutOfMemory => "raise the container's `memory`, or let the program hold less at a time",
            Self::Timeout => "raise the container's `timeout`, or give the program less to do",
            Self::Image => "`docker pull` or `docker images` show whether the name is right and you may have it",
            Self::EntryPoint => {
                "name a program that is in the image, by its whole path; an image from scratch has no shell"
            }
            Self::Secret => "add it under [secrets] of wrun.toml, as { env = \"NAME\" } or { file = \"PATH\" }",
            Self::Contract => "correct the plugin: sdk/wit/task.wit says what is allowed",
        })
    }
}

/// What a running task asks of the Session.
#[async_trait]
pub trait RunContext: Send + Sync {
    /// Suspends until all are there; answers in the order asked. `Err` means that the run must end as
    /// [`RunError::NeedEnded`].
    async fn need(&self, needs: Vec<Need>) -> Result<Vec<Dir>, NeedEnded>;
    /// Takes a progress message.
    fn progress(&self, fraction: Option<f64>, message: &str);
    /// Takes log bytes as they are written.
    fn log(&self, bytes: &[u8]);
    /// Tells whether anybody would look at what a failed run leaves under `/out`.
    fn wants_left(&self) -> bool {
        false
    }
    /// Takes what a failed run left under `/out`.
    fn left(&self, _output: Dir) {}
}

/// A `need` that did not succeed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct NeedEnded;

/// Why there is no Plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The plugin refused these params, in its own words.
    #[error("{0}")]
    Refused(String),
    /// An answer that breaks the contract.
    #[error("the plugin breaks the contract: {0}")]
    Contract(#[from] ContractError),
    /// Two answers to one question.
    #[error("`declare` answered two different plans when it was asked twice: {0}")]
    Unstable(String),
    /// A trap, or a limit.
    #[error("{0}")]
    Trapped(String),
}
