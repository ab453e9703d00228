//! What a build after a change need not look at again.
//!
//! The last build of a goal left its [`Graph`]. A task below which no external moved has the key that it had, and the
//! result that it had: it *stands*. Only what lies above a change is walked; what that needs of the rest is looked up
//! by the key that is known, and the rest is believed, as a session record is. With `--check` the record of each task
//! that stands is looked up, and its bytes are asked for. One that is not what the graph says, wherever that comes
//! out, makes the build walk everything: what it would make again might differ from what the tasks above stand on.

mod externals;
pub(crate) mod listing;

use crate::api::BuildError;
use crate::jobs::Shared;
use crate::rerun::{blob, local_blob};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinHandle;
use wrun_core::digest::{ActionKey, PlanKey};
use wrun_core::graph::{Graph, Task};
use wrun_core::session::SessionRecord;
use wrun_store::Store;

pub(crate) use externals::{Externals, listed, order};

/// A session record, of whose externals nothing is read.
pub(crate) type Head = SessionRecord<serde::de::IgnoredAny>;

/// What the last build of the goals left, and what of it stands.
pub(crate) struct Recalled {
    pub(crate) graph: Arc<Graph>,
    pub(crate) externals: Externals,
    record: Head,
    standing: usize,
    /// The places of the tasks that stand, where some do not.
    at: FxHashMap<PlanKey, u32>,
    /// How many of those that stand were asked for.
    pub(crate) seen: usize,
    listing: Option<JoinHandle<Option<Vec<u8>>>>,
    pub(crate) kept: Kept,
}

/// What this build has of the last one's tasks, once it has ended.
#[derive(Default)]
pub(crate) struct Kept {
    /// Where each task of the last build is in this one's listing; [`u32::MAX`] for those that are not.
    pub(crate) places: Arc<Vec<u32>>,
    /// How many are.
    pub(crate) count: u32,
    /// Their lines, as those of hits.
    pub(crate) lines: Arc<Vec<u8>>,
    pub(crate) saved_seconds: f64,
}

impl Recalled {
    /// Finds out what stands. `None` where everything has to be walked.
    pub(crate) async fn new(
        shared: &Arc<Shared>,
        record: Head,
        mut externals: Externals,
    ) -> Result<Option<Self>, BuildError> {
        let Some(digest) = record.graph else { return Ok(None) };
        let Some(bytes) = blob(&*shared.setup.store, digest).await? else { return Ok(None) };
        let Ok(graph) = Graph::decode(&bytes, externals.same().len()) else { return Ok(None) };
        drop(bytes);
        let mut stands: Vec<bool> = Vec::with_capacity(graph.tasks().len());
        for (at, task) in graph.tasks().iter().enumerate() {
            let mut needs = graph.needs(at).iter();
            let mut pins = graph.externals(at).iter();
            let stood =
                needs.all(|need| stands[*need as usize]) && pins.all(|pin| externals.same()[*pin as usize]);
            stands.push(stood && !task.clocked);
        }
        let (graph, stands) = (Arc::new(graph), Arc::<[bool]>::from(stands));
        if shared.options.check && !all_stand(shared, &graph, &stands).await? {
            return Ok(None);
        }
        let standing = stands.iter().filter(|stands| **stands).count();
        let mut at = FxHashMap::default();
        if standing < stands.len() {
            // Something is walked, and asks for these.
            if externals.pins().is_empty() && !externals.read_pins() {
                return Ok(None);
            }
            let places = (0..).zip(graph.tasks().iter().zip(&*stands));
            at.reserve(standing);
            at.extend(places.filter(|(_, (_, stands))| **stands).map(|(at, (task, _))| (task.plan, at)));
        }
        let kept = Kept::default();
        Ok(Some(Self { graph, externals, record, standing, at, seen: 0, listing: None, kept }))
    }

    /// Returns what the last build said of itself, and of its externals.
    pub(crate) fn parts(&mut self) -> (&Head, &mut Externals) {
        (&self.record, &mut self.externals)
    }

    /// Tells whether every task stands.
    pub(crate) fn is_whole(&self) -> bool {
        self.standing == self.graph.tasks().len()
    }

    /// Returns how many tasks stand.
    pub(crate) fn standing(&self) -> usize {
        self.standing
    }

    /// Begins to read what the last build said of its tasks.
    pub(crate) fn read_listing(&mut self, store: &Arc<dyn Store>) {
        let (store, digest) = (store.clone(), self.record.listing);
        self.listing = Some(tokio::task::spawn_blocking(move || local_blob(&*store, digest).ok().flatten()));
    }

    /// Returns where the last build has a task, if it stands.
    pub(crate) fn find(&self, plan: PlanKey) -> Option<u32> {
        self.at.get(&plan).copied()
    }

    /// Returns a task of the last build.
    pub(crate) fn task(&self, at: u32) -> &Task {
        &self.graph.tasks()[at as usize]
    }

    /// Returns the images of the last build's containers, which are the same now.
    pub(crate) fn images(&self) -> &BTreeMap<String, String> {
        &self.record.images
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
        let mut kept = Kept::default();
        for (task, place) in self.graph.tasks().iter().zip(&mut places).filter(|(_, place)| **place != u32::MAX) {
            *place = kept.count;
            kept.count += 1;
            kept.saved_seconds += task.seconds;
        }
        let Some(reading) = self.listing.take() else { return false };
        let Ok(Some(listing)) = reading.await else { return false };
        let places = Arc::new(places);
        let Some(lines) = listing::keep(Arc::new(listing), places.clone()).await else { return false };
        self.kept = Kept { lines: Arc::new(lines), places, ..kept };
        true
    }
}

impl Kept {
    /// Returns the places of the last build's tasks that are kept, and where they are now.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, u32)> {
        self.places.iter().copied().enumerate().filter(|(_, place)| *place != u32::MAX)
    }
}

/// Tells whether the result of each task that should stand is there, live, what it was, and with all its bytes.
async fn all_stand(shared: &Arc<Shared>, graph: &Arc<Graph>, stands: &Arc<[bool]>) -> Result<bool, BuildError> {
    // So few, because records are copied, and memory that a process has used is faster than memory that it has not.
    const TOGETHER: usize = 128;
    let start = |first: usize| {
        let (shared, graph, stands) = (shared.clone(), graph.clone(), stands.clone());
        tokio::spawn(async move {
            let some = graph.tasks().iter().zip(&*stands).skip(first).take(TOGETHER);
            let some: Vec<&Task> = some.filter(|(_, stands)| **stands).map(|(task, _)| task).collect();
            these_stand(&shared, &some).await
        })
    };
    let jobs: Vec<JoinHandle<_>> = (0..stands.len()).step_by(TOGETHER).map(start).collect();
    let mut all = true;
    for job in jobs {
        all &= job.await.map_err(|error| BuildError::Internal(error.to_string()))??;
    }
    Ok(all)
}

async fn these_stand(shared: &Shared, tasks: &[&Task]) -> Result<bool, BuildError> {
    let keys: Vec<ActionKey> = tasks.iter().map(|task| task.address.key).collect();
    let found = shared.setup.store.results(&keys).await?;
    for (task, records) in tasks.iter().zip(found) {
        let Some(record) = crate::answer::live(shared, task.address, &records) else { return Ok(false) };
        let Some((tree, inlined)) = crate::jobs::head(record) else { return Ok(false) };
        if tree != task.tree {
            return Ok(false);
        }
        if !inlined
            && let Some(output) = crate::jobs::output(shared, task.address.key, record)
            && !crate::answer::present(shared, &output).await?
        {
            return Ok(false);
        }
    }
    Ok(true)
}
