//! A store in memory, for tests.

use crate::api::*;
use crate::care::{inspect, run_started};
use crate::error::StoreError;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::digest::{ActionKey, Digest, GoalKey, PlanKey, TaskId};
use wrun_core::result::Address;

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<(BlobKind, Digest), Bytes>,
    results: BTreeMap<Address, Bytes>,
    latest: BTreeMap<TaskId, Address>,
    plans: BTreeMap<PlanKey, Bytes>,
    steps: BTreeMap<ActionKey, Bytes>,
    externals: BTreeMap<Stamp, Digest>,
    attempts: BTreeMap<TaskId, Bytes>,
    tombstones: BTreeMap<u64, Bytes>,
    sessions: BTreeMap<GoalKey, (String, Bytes)>,
    runs: BTreeMap<String, Bytes>,
    pins: BTreeMap<String, Bytes>,
    now: i64,
    owed: BTreeSet<Address>,
    counters: Counters,
    failing: u32,
}

impl State {
    /// Returns a blob as it is, without looking at its digest.
    fn find(&self, kind: BlobKind, digest: Digest) -> Option<Bytes> {
        self.blobs.get(&(kind, digest)).cloned()
    }

    /// Returns the number of the tombstone of a batch that would leave a gap.
    fn gap(&self, batch: &[Write]) -> Option<u64> {
        let mut last = self.tombstones.last_key_value().map_or(0, |(last, _)| *last);
        let numbers = batch.iter().filter_map(|write| match write {
            Write::Tombstone(number, _) => Some(*number),
            _ => None,
        });
        for number in numbers {
            match number {
                0 => return Some(0),
                _ if number == last + 1 => last = number,
                _ if number > last => return Some(number),
                _ => {}
            }
        }
        None
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next `count` commits fail.
    pub fn fail_commits(&self, count: u32) {
        self.state().failing = count;
    }

    /// Forgets a blob, as if its bytes were gone.
    pub fn drop_blob(&self, digest: Digest) {
        self.state().blobs.retain(|(_, known), _| *known != digest);
    }

    /// Flips a bit of a blob.
    pub fn corrupt_blob(&self, digest: Digest) {
        for ((_, known), bytes) in &mut self.state().blobs {
            if *known == digest {
                let mut changed = bytes.to_vec();
                match changed.first_mut() {
                    Some(first) => *first ^= 1,
                    None => changed.push(1),
                }
                *bytes = changed.into();
            }
        }
    }

    /// Sets the store's clock: milliseconds.
    pub fn set_now(&self, milliseconds: i64) {
        self.state().now = milliseconds;
    }

    /// Forgets all blobs.
    pub fn drop_all_blobs(&self) {
        self.state().blobs.clear();
    }
}

struct StagedMemory {
    bytes: Vec<u8>,
    state: Arc<Mutex<State>>,
}

impl Staged for StagedMemory {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Digest, StoreError> {
        let digest = Digest::of_blob(&self.bytes);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.blobs.insert((BlobKind::Blob, digest), self.bytes.into());
        Ok(digest)
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn touched(&mut self) {}
}

#[async_trait]
impl Store for MemoryStore {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn get(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        let mut state = self.state();
        state.counters.reads += 1;
        match state.find(kind, digest) {
            Some(bytes) if kind.digest(&bytes) != digest => {
                state.blobs.remove(&(kind, digest));
                Err(StoreError::Corrupt { digest, path: PathBuf::from("memory") })
            }
            found => Ok(found.map(Blob::Memory)),
        }
    }

    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError> {
        let there = |(kind, digest): &(BlobKind, Digest)| match self.get(*kind, *digest) {
            Err(StoreError::Corrupt { .. }) => Ok(false),
            found => found.map(|blob| blob.is_some()),
        };
        wanted.iter().map(there).collect()
    }

    async fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreError> {
        let state = self.state();
        let any = |digest: &Digest| {
            [BlobKind::Blob, BlobKind::Tree].iter().any(|kind| state.blobs.contains_key(&(*kind, *digest)))
        };
        Ok(digests.iter().map(any).collect())
    }

    fn stage(&self) -> Result<Box<dyn Staged>, StoreError> {
        Ok(Box::new(StagedMemory { bytes: Vec::new(), state: self.state.clone() }))
    }

    async fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += keys.len() as u64;
        let all = |key: &ActionKey| {
            let range = Address { key: *key, generation: 0 }..=Address { key: *key, generation: u32::MAX };
            let records = state.results.range(range);
            records
                .map(|(at, body)| Record { generation: at.generation, body: body.clone(), remote: false })
                .collect()
        };
        Ok(keys.iter().map(all).collect())
    }

    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += tasks.len() as u64;
        Ok(tasks.iter().map(|task| state.latest.get(task).copied()).collect())
    }

    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += keys.len() as u64;
        Ok(keys.iter().map(|key| state.plans.get(key).cloned()).collect())
    }

    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += keys.len() as u64;
        Ok(keys.iter().map(|key| state.steps.get(key).cloned()).collect())
    }

    async fn attempts(&self, tasks: &[TaskId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += tasks.len() as u64;
        Ok(tasks.iter().map(|task| state.attempts.get(task).cloned()).collect())
    }

    async fn externals(&self, stamps: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        let mut state = self.state();
        state.counters.lookups += stamps.len() as u64;
        Ok(stamps.iter().map(|stamp| state.externals.get(stamp).copied()).collect())
    }

    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let state = self.state();
        Ok(state
            .tombstones
            .range((Bound::Excluded(after), Bound::Unbounded))
            .map(|(number, body)| (*number, body.clone()))
            .collect())
    }

    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().sessions.get(&goal).map(|(_, header)| header.clone()))
    }

    async fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        let state = self.state();
        Ok(state.runs.iter().rev().take(most).map(|(run, header)| (run.clone(), header.clone())).collect())
    }

    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError> {
        let mut state = self.state();
        if state.failing > 0 {
            state.failing -= 1;
            return Err(StoreError::io("write", "memory")(std::io::ErrorKind::StorageFull.into()));
        }
        if let Some(number) = state.gap(&batch) {
            let why = format!("tombstone {number} would leave a gap in the log");
            return Err(StoreError::Damaged { path: PathBuf::from("memory"), why });
        }
        state.counters.commits += 1;
        let mut out = Vec::with_capacity(batch.len());
        for write in batch {
            let mut outcome = Committed::Written;
            match write {
                Write::Blob(kind, bytes) => _ = state.blobs.insert((kind, kind.digest(&bytes)), bytes),
                Write::Result { address, body, task } => match state.results.get(&address) {
                    Some(first) if *first != body => outcome = Committed::Lost(first.clone()),
                    _ => {
                        state.results.insert(address, body);
                        state.latest.insert(task, address);
                    }
                },
                Write::Latest(task, address) => _ = state.latest.insert(task, address),
                Write::Plan(key, body) => _ = state.plans.insert(key, body),
                Write::Step(key, body) => _ = state.steps.insert(key, body),
                Write::Tombstone(number, body) => match state.tombstones.get(&number) {
                    Some(first) if *first != body => outcome = Committed::Lost(first.clone()),
                    _ => _ = state.tombstones.insert(number, body),
                },
                Write::Session { goal, run, header } => {
                    if state.sessions.get(&goal).is_none_or(|(newest, _)| *newest <= run) {
                        state.sessions.insert(goal, (run.clone(), header.clone()));
                    }
                    state.runs.insert(run, header);
                }
                Write::Run { run, header } => _ = state.runs.insert(run, header),
                Write::External(stamp, digest) => _ = state.externals.insert(stamp, digest),
                Write::Attempt(task, body) => _ = state.attempts.insert(task, body),
                Write::Known { address, body } => _ = state.results.entry(address).or_insert(body),
                Write::Adopted { address, body } => _ = state.results.insert(address, body),
                Write::Owed(address) => _ = state.owed.insert(address),
                Write::Settled(address) => _ = state.owed.remove(&address),
            }
            out.push(outcome);
        }
        Ok(out)
    }

    async fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError> {
        let state = self.state();
        let item = |(at, body): (&Address, &Bytes)| Item { what: *at, size: body.len() as u64, written: None };
        Ok(state.results.iter().map(item).collect())
    }

    async fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError> {
        let state = self.state();
        let item = |((_, digest), body): (&(BlobKind, Digest), &Bytes)| Item {
            what: *digest,
            size: body.len() as u64,
            written: None,
        };
        let mut all: Vec<Item<Digest>> = state.blobs.iter().map(item).collect();
        all.sort();
        all.dedup_by_key(|item| item.what);
        Ok(all)
    }

    async fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError> {
        let state = self.state();
        let item = |(run, header): (&String, &Bytes)| Item {
            what: run.clone(),
            size: header.len() as u64,
            written: run_started(run),
        };
        Ok(state.runs.iter().map(item).collect())
    }

    async fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError> {
        let state = self.state();
        let item = |(goal, (run, header)): (&GoalKey, &(String, Bytes))| Item {
            what: *goal,
            size: header.len() as u64,
            written: run_started(run),
        };
        Ok(state.sessions.iter().map(item).collect())
    }

    async fn run(&self, id: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().runs.get(id).cloned())
    }

    async fn now(&self) -> Result<i64, StoreError> {
        Ok(self.state().now)
    }

    async fn remove(&self, what: &Removal) -> Result<(), StoreError> {
        let mut state = self.state();
        what.goals.iter().for_each(|goal| _ = state.sessions.remove(goal));
        what.runs.iter().for_each(|run| _ = state.runs.remove(run));
        what.results.iter().for_each(|address| _ = state.results.remove(address));
        for digest in &what.blobs {
            state.blobs.remove(&(BlobKind::Blob, *digest));
            state.blobs.remove(&(BlobKind::Tree, *digest));
        }
        Ok(())
    }

    async fn inspect(&self, digest: Digest) -> Result<Health, StoreError> {
        inspect(self, digest)
    }

    async fn repair(&self, kind: BlobKind, digest: Digest) -> Result<bool, StoreError> {
        // Wrong bytes go when they are read, and there is no other place to take good ones from.
        Ok(matches!(self.get(kind, digest), Ok(Some(_))))
    }

    async fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        Ok(self.state().pins.iter().map(|(name, body)| (name.clone(), body.clone())).collect())
    }

    async fn set_pin(&self, name: &str, body: Option<Bytes>) -> Result<(), StoreError> {
        let mut state = self.state();
        match body {
            Some(body) => _ = state.pins.insert(name.to_owned(), body),
            None => _ = state.pins.remove(name),
        }
        Ok(())
    }

    async fn owed(&self) -> Result<Vec<Address>, StoreError> {
        Ok(self.state().owed.iter().copied().collect())
    }

    fn others_wrote(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn local_root(&self) -> Option<PathBuf> {
        None
    }

    fn counters(&self) -> Counters {
        self.state().counters
    }
}
