//! What a build after a change need not look at again.
//!
//! The last build of a goal left its [`Graph`]. A task below which no external moved has the key that it had, and the
//! result that it had: it *stands*. Only what lies above a change is walked; what that needs of the rest is looked up
//! by the key that is known, and the rest is believed, as a session record is. With `--check` the record of each task
//! that stands is looked up, and its bytes are asked for. One that is not what the graph says, wherever that comes
//! out, makes the build walk everything: what it would make again might differ from what the tasks above stand on.

use crate::api::BuildError;
use crate::graph::FoundExternal;
use crate::jobs::Shared;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use wrun_core::digest::{ActionKey, Digest, PlanKey};
use wrun_core::graph::{Graph, Task};
use wrun_core::plan::External;
use wrun_core::report::{State, TaskReport};
use wrun_core::session::{ExternalPin, SessionRecord};
use wrun_store::external::Found;
use wrun_store::{Blob, BlobKind, Bytes, Store, StoreError};

/// Look-ups of one turn.
const TOGETHER: usize = 1024;

/// What the last build of the goals left, and what of it stands.
pub(crate) struct Recalled {
    pub(crate) graph: Graph,
    /// The externals of that build, and what they hold now.
    pub(crate) pins: Vec<ExternalPin>,
    found: Vec<Option<Arc<FoundExternal>>>,
    /// The images of its containers, which are the same now.
    pub(crate) images: std::collections::BTreeMap<String, String>,
    /// The places of the tasks that stand.
    at: FxHashMap<PlanKey, u32>,
    /// How many of those that stand were asked for.
    pub(crate) seen: usize,
    listed: Digest,
    listing: Option<Listing>,
    pub(crate) kept: Kept,
}

/// What this build has of the last one's tasks, once it has ended.
#[derive(Default)]
pub(crate) struct Kept {
    /// Where each task of the last build is in this one's listing; [`u32::MAX`] for those that are not.
    pub(crate) places: Vec<u32>,
    /// Their lines.
    pub(crate) tasks: Vec<TaskReport>,
    pub(crate) saved_seconds: f64,
}

impl Recalled {
    /// Finds out what stands. `None` where everything has to be walked.
    pub(crate) async fn new(
        shared: &Arc<Shared>,
        record: SessionRecord,
        found: Vec<Option<Found>>,
    ) -> Result<Option<Self>, BuildError> {
        let Some(digest) = record.graph else { return Ok(None) };
        let Some(bytes) = blob(&*shared.setup.store, digest).await? else { return Ok(None) };
        let Ok(graph) = Graph::decode(&bytes, record.externals.len()) else { return Ok(None) };
        let same = |(pin, found): (&ExternalPin, &Option<Found>)| is_same(pin, found.as_ref());
        let same: Vec<bool> = record.externals.iter().zip(&found).map(same).collect();
        let mut stands: Vec<bool> = Vec::with_capacity(graph.tasks().len());
        for (at, task) in graph.tasks().iter().enumerate() {
            let mut needs = graph.needs(at).iter();
            let mut externals = graph.externals(at).iter();
            let stood = needs.all(|need| stands[*need as usize]) && externals.all(|pin| same[*pin as usize]);
            stands.push(stood && !task.clocked);
        }
        let standing = || graph.tasks().iter().zip(&stands).filter(|(_, stands)| **stands).map(|(task, _)| *task);
        if shared.options.check && !all_stand(shared, standing().collect()).await? {
            return Ok(None);
        }
        let places = (0..).zip(graph.tasks().iter().zip(&stands));
        let at = places.filter(|(_, (_, stands))| **stands).map(|(at, (task, _))| (task.plan, at)).collect();
        let found = found
            .into_iter()
            .map(|found| found.map(|found| Arc::new(FoundExternal { found, brought: OnceCell::new() })));
        Ok(Some(Self {
            found: found.collect(),
            pins: record.externals,
            images: record.images,
            at,
            seen: 0,
            listing: None,
            listed: record.listing,
            kept: Kept::default(),
            graph,
        }))
    }

    /// Tells whether every task stands.
    pub(crate) fn is_whole(&self) -> bool {
        self.at.len() == self.graph.tasks().len()
    }

    /// Returns how many tasks stand.
    pub(crate) fn standing(&self) -> usize {
        self.at.len()
    }

    /// Begins to read what the last build said of its tasks.
    pub(crate) async fn read_listing(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        self.listing = Listing::start(store, self.listed).await?;
        Ok(())
    }

    /// Returns where the last build has a task, if it stands.
    pub(crate) fn find(&self, plan: PlanKey) -> Option<u32> {
        self.at.get(&plan).copied()
    }

    /// Returns a task of the last build.
    pub(crate) fn task(&self, at: u32) -> &Task {
        &self.graph.tasks()[at as usize]
    }

    /// Returns what an external holds, if the last build had it and it can be read: nothing is looked at twice.
    pub(crate) fn external(&self, wanted: &External) -> Option<Arc<FoundExternal>> {
        let at = self.pins.binary_search_by(|pin| order(&pin.external).cmp(&order(wanted))).ok()?;
        self.found[at].clone()
    }

    /// Keeps of the last build what the nodes of this one lead to. Tells whether its listing could be read.
    pub(crate) async fn keep(&mut self, asked: impl Iterator<Item = u32>) -> bool {
        let mut places = vec![u32::MAX; self.graph.tasks().len()];
        let mut open: Vec<u32> = asked.collect();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut places[at as usize], 0) == u32::MAX {
                open.extend(self.graph.needs(at as usize));
            }
        }
        let mut count = 0;
        for place in places.iter_mut().filter(|place| **place != u32::MAX) {
            *place = count;
            count += 1;
        }
        let Some(listing) = self.listing.take() else { return false };
        let lines = listing.read().await.filter(|lines| lines.len() == places.len());
        let Some(lines) = lines else { return false };
        let kept = lines.into_iter().zip(&places).filter(|(_, place)| **place != u32::MAX);
        let tasks = kept.map(|(mut task, _)| {
            task.needs.iter_mut().for_each(|need| *need = places[*need as usize]);
            task
        });
        let tasks: Vec<TaskReport> = tasks.collect();
        let saved_seconds = tasks.iter().map(|task| task.seconds).sum();
        self.kept = Kept { places, tasks, saved_seconds };
        true
    }
}

impl Kept {
    /// Returns the places of the last build's tasks that are kept, and where they are now.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, u32)> {
        self.places.iter().copied().enumerate().filter(|(_, place)| *place != u32::MAX)
    }
}

/// What externals are sorted by.
pub(crate) fn order(external: &External) -> impl Ord {
    (&external.uri, external.mode, external.wait)
}

/// Tells whether an external holds what it held.
pub(crate) fn is_same(pin: &ExternalPin, found: Option<&Found>) -> bool {
    found.is_some_and(|found| found.digest == pin.tree && found.kind == pin.kind)
}

/// Tells whether the result of each task is there, live, what it was, and with all its bytes.
async fn all_stand(shared: &Arc<Shared>, tasks: Vec<Task>) -> Result<bool, BuildError> {
    let jobs: Vec<JoinHandle<_>> = tasks
        .chunks(TOGETHER)
        .map(|tasks| {
            let (shared, tasks) = (shared.clone(), tasks.to_vec());
            tokio::spawn(async move { these_stand(&shared, &tasks).await })
        })
        .collect();
    let mut all = true;
    for job in jobs {
        all &= job.await.map_err(|error| BuildError::Internal(error.to_string()))??;
    }
    Ok(all)
}

async fn these_stand(shared: &Shared, tasks: &[Task]) -> Result<bool, BuildError> {
    let keys: Vec<ActionKey> = tasks.iter().map(|task| task.address.key).collect();
    let found = shared.setup.store.results(&keys).await?;
    for (task, records) in tasks.iter().zip(found) {
        let Some(output) = crate::record::live(shared, task.address, &records) else { return Ok(false) };
        if output.tree != task.tree || !crate::record::present(shared, &output).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns a blob that saves time: one that is gone, or not what it was, is none.
async fn blob(store: &dyn Store, digest: Digest) -> Result<Option<Bytes>, StoreError> {
    if store.is_remote() {
        store.fetch(&[(BlobKind::Blob, digest)]).await?;
    }
    match store.get(BlobKind::Blob, digest) {
        Ok(Some(Blob::Memory(bytes))) => Ok(Some(bytes)),
        Ok(found) => Ok(found.and_then(|blob| blob.to_vec().ok()).map(Bytes::from)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The listing of a session, which is read on other threads while the build goes on.
pub(crate) struct Listing(Vec<JoinHandle<Option<Vec<TaskReport>>>>);

impl Listing {
    /// Begins to read a listing, if it is there.
    pub(crate) async fn start(store: &dyn Store, digest: Digest) -> Result<Option<Self>, StoreError> {
        const PART: usize = 256 << 10;
        let Some(bytes) = blob(store, digest).await? else { return Ok(None) };
        let (mut parts, mut start) = (Vec::new(), 0);
        while start < bytes.len() {
            let most = (start + PART).min(bytes.len());
            let end = bytes[most..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| most + at + 1);
            let (bytes, part) = (bytes.clone(), start..end);
            parts.push(tokio::task::spawn_blocking(move || lines(&bytes[part])));
            start = end;
        }
        Ok(Some(Self(parts)))
    }

    /// Returns its tasks, all of them as hits; `None` if it cannot be read.
    pub(crate) async fn read(self) -> Option<Vec<TaskReport>> {
        let mut all = Vec::new();
        for part in self.0 {
            all.append(&mut part.await.ok()??);
        }
        Some(all)
    }
}

/// Reads one JSON line a task.
fn lines(bytes: &[u8]) -> Option<Vec<TaskReport>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).ok().map(as_hit)).collect()
}

/// Makes of what was said of a task what is said of it when it is a hit.
fn as_hit(task: TaskReport) -> TaskReport {
    TaskReport {
        state: State::Cached,
        source: Some(crate::engine::LOCAL),
        reason: Vec::new(),
        usual_seconds: None,
        same_output: false,
        timing: None,
        ..task
    }
}
