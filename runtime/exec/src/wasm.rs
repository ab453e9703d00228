//! Runs and plans with a component.

use crate::{Executor, Made, PlanError, Planner, Run, RunContext, RunError};
use async_trait::async_trait;
use std::sync::Arc;
use wrun_core::param::Params;
use wrun_core::plan::Plan;
use wrun_core::task::PluginDescription;
use wrun_plugin::{LoadError, Plugin};
use wrun_store::Store;

/// A plugin, and the store that its runs read from and write to.
pub struct WasmPlugin {
    plugin: Plugin,
    description: PluginDescription,
    store: Arc<dyn Store>,
}

impl WasmPlugin {
    /// Takes a plugin. It is asked to describe itself, unless its description came from a cache.
    pub fn new(plugin: Plugin, store: Arc<dyn Store>) -> Result<Self, LoadError> {
        let description = plugin.description()?.clone();
        Ok(Self { plugin, description, store })
    }

    /// Returns the plugin.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }
}

#[async_trait]
impl Executor for WasmPlugin {
    /// The bytes of the inputs must be on this machine already ([`wrun_store::files::Dir::fetch`]).
    async fn run(&self, run: Run, context: Arc<dyn RunContext>) -> Result<Made, RunError> {
        self.plugin.run(run, context, self.store.clone()).await
    }

    fn code(&self) -> Option<Arc<[u8]>> {
        Some(self.plugin.bytes().clone())
    }
}

impl Planner for WasmPlugin {
    fn description(&self) -> &PluginDescription {
        &self.description
    }

    fn declare(&self, task: &str, params: &Params) -> Result<Plan, PlanError> {
        self.plugin.declare(task, params)
    }
}
