//! `verify`: runs cached actions again, and compares.

use crate::api::{BuildError, GoalCall, Interrupt, Options, Setup};
use wrun_core::digest::TreeDigest;

/// What a second run of one cached task came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// `task param=value …`
    pub task: String,
    /// How it compares.
    pub verdict: Verdict,
}

/// How a second run compares with the first.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Equal bytes.
    Same,
    /// Other bytes: a nondeterminism event. The first result is kept.
    Differs {
        /// The first result.
        first: TreeDigest,
        /// The second.
        second: TreeDigest,
        /// The paths that differ.
        paths: Vec<String>,
    },
    /// The second run failed.
    Failed(String),
    /// It was not cached, so there was nothing to compare.
    NotCached,
}

/// Runs every cached task of the goals' graphs again (or only those of the types in `only`, if it is not
/// empty) and compares.
pub async fn verify(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    only: &[String],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
) -> Result<Vec<Verified>, BuildError> {
    let _ = (setup, options, goals, only, runtime, interrupt);
    Err(BuildError::Internal("being written".into()))
}
