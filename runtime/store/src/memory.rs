//! A store in memory, for tests.

use crate::api::*;
use crate::error::StoreError;
use async_trait::async_trait;
use std::collections::BTreeMap;
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
    externals: BTreeMap<FileStamp, Digest>,
    tombstones: BTreeMap<u64, Bytes>,
    sessions: BTreeMap<GoalKey, Bytes>,
    runs: BTreeMap<String, Bytes>,
    counters: Counters,
    failing: u32,
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
        Ok(state.blobs.get(&(kind, digest)).cloned().map(Blob::Memory))
    }

    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError> {
        let state = self.state();
        Ok(wanted.iter().map(|key| state.blobs.contains_key(key)).collect())
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
            records.map(|(at, body)| Record { generation: at.generation, body: body.clone() }).collect()
        };
        Ok(keys.iter().map(all).collect())
    }

    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        let state = self.state();
        Ok(tasks.iter().map(|task| state.latest.get(task).copied()).collect())
    }

    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.plans.get(key).cloned()).collect())
    }

    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.steps.get(key).cloned()).collect())
    }

    async fn externals(&self, stamps: &[FileStamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        let state = self.state();
        Ok(stamps.iter().map(|stamp| state.externals.get(stamp).copied()).collect())
    }

    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let state = self.state();
        Ok(state.tombstones.range(after + 1..).map(|(number, body)| (*number, body.clone())).collect())
    }

    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state().sessions.get(&goal).cloned())
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
                Write::Tombstone(number, body) => {
                    let next = state.tombstones.last_key_value().map_or(0, |(last, _)| *last) + 1;
                    match state.tombstones.get(&number) {
                        Some(first) if *first != body => outcome = Committed::Lost(first.clone()),
                        Some(_) => {}
                        None if number == next => _ = state.tombstones.insert(number, body),
                        None => {
                            let gap = format!("tombstone {number} would leave a gap after {}", next - 1);
                            return Err(StoreError::Damaged { path: PathBuf::from("memory"), why: gap });
                        }
                    }
                }
                Write::Session { goal, run, header } => {
                    state.sessions.insert(goal, header.clone());
                    state.runs.insert(run, header);
                }
                Write::Run { run, header } => _ = state.runs.insert(run, header),
                Write::External(stamp, digest) => _ = state.externals.insert(stamp, digest),
            }
            out.push(outcome);
        }
        Ok(out)
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
