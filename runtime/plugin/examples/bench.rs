//! What a guest costs: a plan, a leaf, a large file, and thousands that wait.
//!
//! `cargo run --release -p wrun-plugin --example bench -- PLUGIN.wasm [SUSPENDED]`, where PLUGIN is the
//! hostile test guest (tests/guests/build.sh).

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "an example that prints figures")]

#[path = "../tests/all/support.rs"]
#[allow(dead_code, reason = "a bench needs less of it than the tests")]
mod support;

use std::sync::Arc;
use std::time::Instant;
use support::{Shared, TestContext, TestStore, a_run, dir, free_run, params};
use wrun_plugin::{Host, HostConfig, NeedEnded, Plugin, RunContext};
use wrun_store::Store;
use wrun_store::files::Dir;

/// Holds every need back until the gate opens.
struct Gate {
    gate: tokio::sync::Semaphore,
    waiting: std::sync::atomic::AtomicUsize,
    answer: Dir,
}

#[async_trait::async_trait]
impl RunContext for Gate {
    async fn need(&self, _: Vec<wrun_core::task::Need>) -> Result<Vec<Dir>, NeedEnded> {
        self.waiting.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let _open = self.gate.acquire().await.map_err(|_| NeedEnded)?;
        Ok(vec![self.answer.clone()])
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn log(&self, _: &[u8]) {}
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps").map(|maps| maps.lines().count()).unwrap_or(0)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap();
    let suspended: usize = args.next().map_or(2000, |n| n.parse().unwrap());
    let compiled = tempfile::tempdir().unwrap();
    let config = HostConfig { compiled_dir: Some(compiled.path().join("c")), ..HostConfig::default() };
    let host = Host::new(config.clone());
    let bytes: Arc<[u8]> = std::fs::read(path).unwrap().into();
    let start = Instant::now();
    let plugin = Plugin::open(&host, bytes.clone(), "bench").unwrap();
    println!("open            {:?}", start.elapsed());
    let start = Instant::now();
    plugin.description().unwrap();
    println!("compile+describe {:?}", start.elapsed());
    drop((plugin, host));
    let host = Host::new(config);
    let plugin = Arc::new(Plugin::open(&host, bytes, "bench").unwrap());
    let start = Instant::now();
    plugin.description().unwrap();
    println!("load+describe   {:?}", start.elapsed());

    let start = Instant::now();
    for _ in 0..5000 {
        plugin.declare("fine", &params()).unwrap();
    }
    println!("declare (twice) {:?}", start.elapsed() / 5000);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let store: Arc<dyn Store> = Arc::new(Shared(TestStore::new()));
    let context = Arc::new(TestContext::default());
    for threads in [1, 2] {
        let start = Instant::now();
        let tasks: Vec<_> = (0..threads)
            .map(|_| {
                let (plugin, store, context) = (plugin.clone(), store.clone(), context.clone());
                runtime.spawn(async move {
                    for _ in 0..10_000 {
                        plugin.run(a_run("fine"), context.clone(), store.clone()).await.unwrap();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
        println!("leaf, {threads} threads {:?} each", start.elapsed() / 10_000 / threads);
    }

    let files: Vec<(String, Vec<u8>)> = (0..100).map(|i| (format!("f{i}"), vec![b'x'; 100])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let input = dir(&files);
    let start = Instant::now();
    for _ in 0..200 {
        let mut run = a_run("copies");
        run.inputs = vec![("data".into(), input.clone())];
        runtime.block_on(plugin.run(run, context.clone(), store.clone())).unwrap();
    }
    println!("read 100 files  {:?}", start.elapsed() / 200);

    let start = Instant::now();
    let big = runtime.block_on(plugin.run(a_run("big"), context.clone(), store.clone())).unwrap();
    println!("write 256 MiB   {:?}", start.elapsed());
    let start = Instant::now();
    let mut run = a_run("reads-big");
    run.inputs = vec![("data".into(), big.output)];
    runtime.block_on(plugin.run(run, context.clone(), store.clone())).unwrap();
    println!("read 256 MiB    {:?}", start.elapsed());
    runtime.block_on(plugin.run(free_run("whole"), context, store.clone())).unwrap();

    let before = resident();
    let gate = Arc::new(Gate { gate: tokio::sync::Semaphore::new(0), waiting: 0.into(), answer: dir(&[]) });
    let start = Instant::now();
    let tasks: Vec<_> = (0..suspended)
        .map(|_| {
            let (plugin, store, gate) = (plugin.clone(), store.clone(), gate.clone());
            runtime.spawn(async move { plugin.run(a_run("dynamic-waits"), gate, store).await.map(|_| ()) })
        })
        .collect();
    let mut failed = false;
    while gate.waiting.load(std::sync::atomic::Ordering::SeqCst) < suspended && !failed {
        failed = tasks.iter().any(tokio::task::JoinHandle::is_finished);
        std::thread::yield_now();
    }
    println!(
        "{suspended} suspended in {:?}: {} MiB, {} KiB each, {} maps",
        start.elapsed(),
        resident() / 1024,
        (resident() - before) / suspended as u64,
        maps()
    );
    let start = Instant::now();
    gate.gate.add_permits(suspended);
    let mut bad = 0;
    for task in tasks {
        if let Err(error) = runtime.block_on(task).unwrap() {
            bad += 1;
            if bad == 1 {
                println!("{error}");
            }
        }
    }
    println!("resumed in {:?}, {bad} failed", start.elapsed());
}
