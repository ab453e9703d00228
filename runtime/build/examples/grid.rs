//! Times a session over a real component and a real store: `grid PLUGIN.wasm STORE TASK PARAMS-JSON [check]`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a tool for measuring")]

use std::sync::Arc;
use std::time::Instant;
use wrun_build::{GoalCall, Interrupt, Options, Plugin, Setup, build};
use wrun_core::event::Ignore;
use wrun_core::param::Params;
use wrun_exec::Planner as _;
use wrun_exec::wasm::WasmPlugin;
use wrun_plugin::{Host, HostConfig, Plugin as Component};
use wrun_store::Store;
use wrun_store::local::LocalStore;
use wrun_store::lock::Locks;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let started = Instant::now();
    let root = std::path::PathBuf::from(&args[2]);
    let store: Arc<dyn Store> = LocalStore::open(&root).unwrap();
    let locks = Locks::open(&root).unwrap();
    let config = HostConfig { compiled_dir: Some(root.join("compiled")), ..HostConfig::default() };
    let host = Host::new(config);
    let bytes = std::fs::read(&args[1]).unwrap();
    let component = Component::open(&host, bytes, &args[1]).unwrap();
    let digest = component.digest();
    let plugin = Arc::new(WasmPlugin::new(component, store.clone()).unwrap());
    println!("open {:?}", started.elapsed());
    let task = plugin.description().task(&args[3]).unwrap().clone();
    let params = Params::from_json(&task.name, &task.params, &args[4]).unwrap();
    let setup = Setup {
        plugins: vec![Plugin {
            alias: String::new(),
            component: digest,
            planner: plugin.clone(),
            executor: plugin,
        }],
        store,
        locks: Some(locks),
        root: std::env::current_dir().unwrap(),
        roots: Vec::new(),
        sink: Arc::new(Ignore),
        machine: "m".into(),
        version: "bench".into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let mut options = Options::new(2, "2026-01-01T00:00:00Z".parse().unwrap());
    options.check = args.get(5).is_some();
    let goals = [GoalCall { task: task.name, params }];
    let began = Instant::now();
    let outcome =
        runtime.block_on(build(&setup, &options, &goals, runtime.handle(), &Interrupt::default())).unwrap();
    println!("build {:?} {:?}", began.elapsed(), outcome.report.totals);
    for failure in outcome.failures.iter().take(3) {
        println!("{failure:?}");
    }
    println!("all {:?}", started.elapsed());
    std::process::exit(0);
}
