//! What of a store is needed.
//!
//! Roots are the session records that are young enough, those of running builds among them; results that were written
//! lately, whether or not a build finished; the newest results of each task, where asked for; and pins. A root needs
//! what it names: every key that its build touched, the listing, the pack, and, of the newest of each goal, the graph
//! and the externals. A key needs all its generations that are not disowned, with their bytes, and the records of
//! those that are: whoever looks for a result begins with the lowest. A result needs its bytes, what makes it possible to make it again, and the results that its inputs came
//! from.

use super::catalog::{Closure, Unread};
use super::{CareError, Catalog, Known};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use wrun_core::digest::{ActionKey, Digest, GoalKey};
use wrun_core::result::Address;
use wrun_core::session::{FORMAT, SessionRecord};
use wrun_store::{BlobKind, Bytes, Store};

/// The format number of pins.
const PIN_FORMAT: u32 = 1;

/// What is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What builds touched, and what was made, since this time by the store's clock: milliseconds since 1970.
    pub since: i64,
    /// So many of the newest results of each task, however old.
    pub last: usize,
}

/// Something that is kept because somebody said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    format: u32,
    /// The results.
    pub results: Vec<Address>,
    /// What it is, for people.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub author: String,
    /// Milliseconds since 1970.
    pub time: i64,
}

impl Pin {
    /// Makes one.
    pub fn new(results: Vec<Address>, what: &str, reason: &str, author: &str, time: i64) -> Self {
        let (what, reason, author) = (what.to_owned(), reason.to_owned(), author.to_owned());
        Self { format: PIN_FORMAT, results, what, reason, author, time }
    }

    /// Returns the bytes, and the name that they give it.
    pub fn encode(&self) -> (String, Bytes) {
        let body = serde_json::to_vec(self).unwrap_or_default();
        let name = Digest::of_blob(&body).to_hex()[..12].to_owned();
        (name, body.into())
    }

    /// Reads one.
    pub fn decode(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(body).ok().filter(|pin| pin.format == PIN_FORMAT)
    }
}

/// What is needed.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) results: HashSet<Address>,
    pub(super) blobs: HashSet<Digest>,
    pub(super) runs: HashSet<String>,
    pub(super) goals: HashSet<GoalKey>,
    /// Records that could not be read, and what that means.
    pub(super) notes: Vec<String>,
}

/// Finds out what is needed.
pub(super) async fn mark(catalog: &Catalog, keep: Keep) -> Result<Marks, CareError> {
    let store = &*catalog.store;
    let mut marks = Marks::default();
    let newer = |what: String| CareError::Newer { store: store.describe(), what };
    if let Some((address, _)) = catalog.unread.iter().find(|(_, unread)| matches!(unread, Unread::Newer(_))) {
        return Err(newer(format!("the result {}.{}", address.key, address.generation)));
    }
    let mut keys: BTreeSet<ActionKey> = BTreeSet::new();
    let young = |written: Option<i64>| written.is_none_or(|written| written >= keep.since);
    for run in store.list_runs().await? {
        if !young(run.written) {
            continue;
        }
        let Some(header) = store.run(&run.what).await? else { continue };
        session(store, &run.what, &header, &mut marks, &mut keys).await?;
        marks.runs.insert(run.what);
    }
    for goal in store.list_goals().await? {
        if young(goal.written) {
            marks.goals.insert(goal.what);
        }
    }
    for (name, body) in store.pins().await? {
        let pin = Pin::decode(&body).ok_or_else(|| newer(format!("the pin `{name}`")))?;
        keys.extend(pin.results.iter().map(|address| address.key));
    }
    for known in catalog.results.values() {
        let recent = known.written.unwrap_or(known.started) >= keep.since;
        if recent && known.disowned.is_none() {
            keys.insert(known.address.key);
        }
    }
    keys.extend(newest(catalog, keep.last));
    let mut closure = Closure::default();
    let mut open: Vec<ActionKey> = keys.iter().copied().collect();
    while let Some(key) = open.pop() {
        for known in catalog.of_key(key) {
            marks.results.insert(known.address);
            if known.disowned.is_some() {
                continue;
            }
            catalog.closure(known, &mut closure).await?;
            catalog.sources(known, &mut closure).await?;
            open.extend(known.inputs.iter().map(|input| input.key).filter(|key| keys.insert(*key)));
        }
        // What cannot be read keeps its place: a generation is never written twice.
        let range = Address { key, generation: 0 }..=Address { key, generation: u32::MAX };
        marks.results.extend(catalog.unread.range(range).map(|(address, _)| *address));
    }
    marks.blobs.extend(closure.blobs.into_iter().map(|(_, digest)| digest));
    Ok(marks)
}

/// Takes what one session record names.
async fn session(
    store: &dyn Store,
    run: &str,
    header: &[u8],
    marks: &mut Marks,
    keys: &mut BTreeSet<ActionKey>,
) -> Result<(), CareError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    #[derive(Deserialize)]
    struct Line {
        key: Option<ActionKey>,
    }
    let record = match serde_json::from_slice::<SessionRecord>(header) {
        Ok(record) if record.is_known() => record,
        _ if serde_json::from_slice::<Format>(header).is_ok_and(|found| found.format > FORMAT) => {
            let what = format!("the session record `{run}`");
            return Err(CareError::Newer { store: store.describe(), what });
        }
        _ => {
            marks.notes.push(format!("the session record `{run}` cannot be read, and keeps nothing"));
            return Ok(());
        }
    };
    marks.blobs.insert(record.listing);
    marks.blobs.extend(record.pack);
    // These are of use to the next build of the goal alone.
    let newest = store.session(record.goal).await?;
    let newest = newest.and_then(|header| serde_json::from_slice::<SessionRecord<IgnoredAny>>(&header).ok());
    if newest.is_some_and(|newest| newest.run == record.run) {
        marks.blobs.extend(record.graph);
        marks.blobs.extend(record.pins);
    }
    keys.extend(record.results.iter().map(|result| result.address.key));
    let Some(listing) = super::bytes(store, BlobKind::Blob, record.listing).await? else {
        // What its goals were made of is still found through their records.
        marks.notes.push(format!("the listing of the session record `{run}` is gone"));
        return Ok(());
    };
    for line in listing.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        keys.extend(serde_json::from_slice::<Line>(line).ok().and_then(|line| line.key));
    }
    Ok(())
}

/// Returns the keys of the newest live results of each task.
fn newest(catalog: &Catalog, most: usize) -> Vec<ActionKey> {
    if most == 0 {
        return Vec::new();
    }
    let mut tasks: BTreeMap<_, Vec<&Known>> = BTreeMap::new();
    for known in super::live(catalog) {
        tasks.entry(known.task_id).or_default().push(known);
    }
    let newest = tasks.into_values().flat_map(|mut all| {
        all.sort_by_key(|known| std::cmp::Reverse((known.written.unwrap_or(known.started), known.address)));
        all.truncate(most);
        all
    });
    newest.map(|known| known.address.key).collect()
}
