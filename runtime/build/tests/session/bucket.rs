//! Machines that share a bucket: each has a cache of its own, and each command is a process of its own.

use crate::fake::*;
use std::sync::Arc;
use wrun_build::care::{Collected, GcOptions, collect};
use wrun_build::tombstones::{Decision, append};
use wrun_build::{BuildError, Interrupt, Options, Outcome, Plugin, Setup, build};
use wrun_core::digest::{ComponentDigest, Digest};
use wrun_core::event::Ignore;
use wrun_store::Store;
use wrun_store::memory::MemoryStore;
use wrun_store::objects::memory::MemoryObjects;
use wrun_store::tiered::TieredStore;

/// One day of the server's clock.
pub const DAY: i64 = 24 * 3600 * 1000;

pub struct Bucket {
    pub objects: MemoryObjects,
    runtime: tokio::runtime::Runtime,
    root: tempfile::TempDir,
    pub options: Options,
}

/// A machine: what its cache has survives its processes.
#[derive(Default)]
pub struct Machine {
    pub cache: Arc<MemoryStore>,
}

impl Bucket {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut options = Options::new(2, "2013-02-01T00:00:00Z".parse().unwrap());
        options.most_cheap_suspended = usize::MAX;
        let it = Self { objects: MemoryObjects::default(), runtime, root: tempfile::tempdir().unwrap(), options };
        it.objects.pass(1000 * DAY);
        it
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Opens the store in a process of its own.
    pub fn open(&self, machine: &Machine) -> Arc<dyn Store> {
        TieredStore::new(machine.cache.clone(), Arc::new(self.objects.clone()))
    }

    pub fn try_build(
        &self,
        machine: &Machine,
        (fake, code): (&Arc<Fake>, &str),
        goals: &[(&str, i64)],
    ) -> Result<Outcome, BuildError> {
        let component = ComponentDigest(Digest::of_blob(code.as_bytes()));
        let plugin = Plugin { alias: String::new(), component, planner: fake.clone(), executor: fake.clone() };
        let setup = Setup {
            sources: Arc::default(),
            plugins: vec![plugin],
            store: self.open(machine),
            locks: None,
            root: self.root.path().to_owned(),
            roots: Vec::new(),
            sink: Arc::new(Ignore),
            machine: "test".into(),
            version: "test".into(),
        };
        let interrupt = Interrupt::default();
        self.block_on(build(&setup, &self.options, &calls(goals), self.runtime.handle(), &interrupt))
    }

    pub fn decide(&self, machine: &Machine, decision: &Decision) -> u64 {
        self.block_on(append(&*self.open(machine), decision.encode())).unwrap()
    }

    pub fn gc(&self, machine: &Machine, keep: i64, grace: i64) -> Collected {
        let options = GcOptions { keep, keep_last: 0, grace, alone: false, dry_run: false, who: 1 };
        self.block_on(collect(&self.open(machine), &options)).unwrap()
    }
}

#[test]
fn what_a_guest_needs_is_brought_from_where_another_machine_put_it() {
    let bucket = Bucket::new();
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string().repeat(10_000))),
        (
            "dyn",
            make(|_| Vec::new(), |guest| async move { Ok(Ok(guest.need("leaf", 1).await?.len().to_string())) }),
        ),
    ]);
    bucket.try_build(&Machine::default(), (&fake, "code"), &[("leaf", 1)]).unwrap();
    fake.took();
    let outcome = bucket.try_build(&Machine::default(), (&fake, "code"), &[("dyn", 0)]).unwrap();
    assert_eq!(output(&outcome, 0), "10000");
    assert_eq!(fake.ran(), names(&["dyn 0"]));
}
