//! What the externals of the last build hold now.

use super::Head;
use crate::api::BuildError;
use crate::graph::{ExternalState, FoundExternal};
use crate::jobs::Shared;
use crate::rerun::blob;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use wrun_core::externals::{self, Stamped};
use wrun_core::plan::External;
use wrun_core::session::{ExternalPin, SessionRecord};
use wrun_store::external::{Found, file_stamp};
use wrun_store::{Bytes, FileStamp, Store, StoreError};

/// So many files are looked at in one turn.
const TOGETHER: usize = 1024;

/// Where the externals of a record are.
enum Source {
    Header(Bytes),
    Blob(Arc<Vec<u8>>),
}

/// The externals of the last build, as they are now.
pub(crate) struct Externals {
    source: Source,
    /// What they were, once somebody asks for more than whether they are the same.
    pins: Vec<ExternalPin>,
    /// Whether each holds what it held.
    same: Vec<bool>,
    /// Those that do not.
    found: FxHashMap<usize, Arc<FoundExternal>>,
    stamps: Vec<Option<FileStamp>>,
}

impl Externals {
    /// Looks at all externals: at files by their times, and otherwise at what they hold. `None` if the record cannot
    /// be read.
    pub(crate) async fn look(
        shared: &Arc<Shared>,
        record: &Head,
        header: Bytes,
    ) -> Result<Option<Self>, BuildError> {
        let source = match record.pins {
            None => Source::Header(header),
            Some(digest) => match blob(&*shared.setup.store, digest).await? {
                Some(bytes) => Source::Blob(Arc::new(bytes)),
                None => return Ok(None),
            },
        };
        let (same, stamps) = match &source {
            Source::Header(_) => (Vec::new(), Vec::new()),
            Source::Blob(bytes) => {
                let Ok(stamped) = externals::stamps(bytes) else { return Ok(None) };
                let stamps = stamped.iter().map(|(_, stamp)| stamp.map(FileStamp::from_bytes)).collect();
                (untouched(shared, bytes, stamped).await?, stamps)
            }
        };
        let mut all = Self { source, pins: Vec::new(), same, found: FxHashMap::default(), stamps };
        if record.pins.is_some() && all.are_same() {
            return Ok(Some(all));
        }
        if !all.read_pins() {
            return Ok(None);
        }
        let touched = all.pins.iter().enumerate().filter(|(at, _)| !all.same[*at]);
        let touched: Vec<(usize, &External)> = touched.map(|(at, pin)| (at, &pin.external)).collect();
        for (at, found) in crate::external::find_again(shared, touched).await? {
            all.same[at] = is_same(&all.pins[at], &found);
            all.stamps[at] = found.stamp;
            // Of the others nobody may ever ask.
            if !all.same[at] {
                all.found.insert(at, Arc::new(FoundExternal { found, brought: OnceCell::new() }));
            }
        }
        Ok(Some(all))
    }

    /// Reads what they were. Tells whether that was possible.
    pub(crate) fn read_pins(&mut self) -> bool {
        let pins = match &self.source {
            Source::Header(header) => serde_json::from_slice::<SessionRecord>(header).ok().map(|it| it.externals),
            Source::Blob(bytes) => externals::decode(bytes).ok(),
        };
        let Some(pins) = pins else { return false };
        self.pins = pins;
        if self.same.len() != self.pins.len() {
            // Nothing is known of them yet.
            self.same = vec![false; self.pins.len()];
            self.stamps = vec![None; self.pins.len()];
        }
        true
    }

    /// Returns the externals as they were.
    pub(crate) fn pins(&self) -> &[ExternalPin] {
        &self.pins
    }

    /// Hands over the externals as they were, to whoever writes the next record: there may be very many.
    pub(crate) fn take_pins(&mut self) -> Vec<ExternalPin> {
        std::mem::take(&mut self.pins)
    }

    /// Returns what tells of each that it still holds the same.
    pub(crate) fn stamps(&self) -> &[Option<FileStamp>] {
        &self.stamps
    }

    /// Tells of each whether it holds what it held.
    pub(crate) fn same(&self) -> &[bool] {
        &self.same
    }

    /// Tells whether all hold what they held.
    pub(crate) fn are_same(&self) -> bool {
        self.same.iter().all(|same| *same)
    }

    fn pin(&self, wanted: &External) -> Option<usize> {
        self.pins.binary_search_by(|pin| order(&pin.external).cmp(&order(wanted))).ok()
    }

    /// Returns what an external holds now that held something else: what changed is not read twice.
    pub(crate) fn found(&self, wanted: &External) -> Option<Arc<FoundExternal>> {
        self.found.get(&self.pin(wanted)?).cloned()
    }

    /// Tells whether what an external turned out to hold is what it was taken to hold.
    pub(crate) fn agree(&self, external: &External, state: &ExternalState) -> bool {
        let Some(at) = self.pin(external).filter(|at| self.same[*at]) else { return true };
        matches!(state, ExternalState::Found(found) if is_same(&self.pins[at], &found.found))
    }
}

/// What externals are sorted by.
pub(crate) fn order(external: &External) -> impl Ord {
    (&external.uri, external.mode, external.wait)
}

/// Tells whether an external holds what it held.
fn is_same(pin: &ExternalPin, found: &Found) -> bool {
    found.digest == pin.tree && found.kind == pin.kind
}

/// Tells of each external whether it is a file that has the times that it had.
async fn untouched(
    shared: &Arc<Shared>,
    bytes: &Arc<Vec<u8>>,
    stamped: Vec<Stamped>,
) -> Result<Vec<bool>, BuildError> {
    let stamped = Arc::new(stamped);
    let start = |first: usize| -> JoinHandle<Vec<bool>> {
        let (shared, bytes, stamped) = (shared.clone(), bytes.clone(), stamped.clone());
        tokio::spawn(async move {
            let same = |(at, stamp): &Stamped| {
                let Some(stamp) = stamp.map(FileStamp::from_bytes) else { return false };
                let uri = std::str::from_utf8(&bytes[at.clone()]).ok();
                let place = uri.and_then(|uri| crate::external::place(&shared, uri).ok());
                place.and_then(|place| file_stamp(place.path()?)) == Some(stamp)
            };
            stamped.iter().skip(first).take(TOGETHER).map(same).collect()
        })
    };
    let jobs: Vec<_> = (0..stamped.len()).step_by(TOGETHER).map(start).collect();
    let mut all = Vec::with_capacity(stamped.len());
    for job in jobs {
        all.append(&mut job.await.map_err(|error| BuildError::Internal(error.to_string()))?);
    }
    Ok(all)
}

/// Takes what externals a record lists; `None` if that is gone, or cannot be read.
pub(crate) async fn listed(
    store: &dyn Store,
    record: &mut SessionRecord,
) -> Result<Option<Vec<ExternalPin>>, StoreError> {
    let Some(digest) = record.pins else { return Ok(Some(std::mem::take(&mut record.externals))) };
    Ok(blob(store, digest).await?.and_then(|bytes| externals::decode(&bytes).ok()))
}
