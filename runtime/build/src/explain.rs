//! `why`: which fields of a task's key differ from the last time it was built.

use crate::api::{BuildError, GoalCall, Options, Setup};
use wrun_core::digest::ActionKey;
use wrun_core::reason::Reason;

/// Why a goal would run, or why it last ran, down to what changed upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// `task param=value …`
    pub task: String,
    /// The key now, where it is known.
    pub key: Option<ActionKey>,
    /// Whether it is a hit now.
    pub hit: bool,
    /// What differs from the last time that this task was built, or from the time before where it is a hit.
    pub reasons: Vec<Reason>,
    /// The same, for the upstream task or external behind each changed input: input name, explanation.
    pub upstream: Vec<(String, Upstream)>,
}

/// What is behind a changed input.
#[derive(Clone, Debug, PartialEq)]
pub enum Upstream {
    /// Another task.
    Task(Box<Explanation>),
    /// An external: its address, and the path inside that changed where it is known.
    External(String),
}

/// Explains a goal.
pub async fn why(
    setup: &Setup,
    options: &Options,
    goal: &GoalCall,
    runtime: &tokio::runtime::Handle,
) -> Result<Explanation, BuildError> {
    let _ = (setup, options, goal, runtime);
    Err(BuildError::Internal("being written".into()))
}
