//! A component behind the contracts that a Session sees.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../plugin/tests/all/support.rs"]
#[allow(dead_code, reason = "this needs less of it than the tests of the plugin crate")]
mod support;

use std::sync::Arc;
use support::{Shared, TestContext, TestStore, a_run, hostile, hostile_variant, listing, params};
use wrun_exec::wasm::WasmPlugin;
use wrun_exec::{Executor, Planner, RunError};

fn plugin() -> WasmPlugin {
    WasmPlugin::new(hostile(), Arc::new(Shared(TestStore::new()))).unwrap()
}

#[test]
fn a_component_plans_and_runs() {
    let plugin = plugin();
    let planner: &dyn Planner = &plugin;
    assert_eq!(planner.description().id, "hostile");
    let plan = planner.declare("fine", &params()).unwrap();
    assert_eq!(plan.outputs[0].name, "out");
    let executor: &dyn Executor = &plugin;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let context = Arc::new(TestContext::default());
    let made = runtime.block_on(executor.run(a_run("fine"), context.clone())).unwrap();
    assert_eq!(listing(&made.output).len(), "out ".len() + 100);
    let failed = runtime.block_on(executor.run(a_run("errs"), context)).unwrap_err();
    assert!(matches!(failed, RunError::Failed { ref message, .. } if message == "there is no such day"));
}

#[test]
fn a_cached_description_saves_the_asking() {
    // This one cannot describe itself.
    let broken = || hostile_variant(10);
    let store: Arc<dyn wrun_store::Store> = Arc::new(Shared(TestStore::new()));
    assert!(WasmPlugin::new(broken(), store.clone()).is_err());
    let known = hostile().describe().unwrap();
    assert_eq!(*WasmPlugin::new(broken().with_description(known.clone()), store).unwrap().description(), known);
}
