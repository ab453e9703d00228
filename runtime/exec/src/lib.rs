//! Executors: what turns an Action into an output, and what answers `declare`.
//!
//! - [`Executor`] and [`Planner`]: the contracts; fakes are enough to test a Session.
//! - [`wasm`]: both, over a component.
//!
//! Must never be imported here: the Session, a terminal.

pub mod wasm;

use async_trait::async_trait;
use std::sync::Arc;
use wrun_core::param::Params;
use wrun_core::plan::Plan;
use wrun_core::task::PluginDescription;
pub use wrun_plugin::run::*;

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
