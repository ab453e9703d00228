//! Moves results, and all that they stand on, from one store to another: `wrun store push` and `pull`.
//!
//! A result goes after its bytes, its component and the results that it was made from, so that whoever is interrupted
//! leaves nothing half. What the other store has it keeps: of two results at one address the first stays. An earlier
//! generation goes along, with the tombstone that disowns it, for the live result of a key is the lowest that none does.

use crate::api::BuildError;
use crate::lineage::{listing, live};
use crate::tombstones::Tombstones;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use wrun_core::digest::{ActionKey, Digest, TaskId};
use wrun_core::result::{ActionResult, Address, Log};
use wrun_core::session::SessionRecord;
use wrun_core::tree::{EntryKind, Tree};
use wrun_store::{Blob, BlobKind, Bytes, Committed, Store, StoreError, Write};

/// So many results are moved together.
const TOGETHER: usize = 256;
/// Blobs of at most this many bytes are written with small records, until there are so many bytes of them.
const SMALL: u64 = 64 << 10;
const MOST_SMALL: u64 = 16 << 20;
/// All builds that a store knows of.
const ALL_RUNS: usize = 1_000_000;

/// What was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Results that are there now and were not before.
    pub results: u64,
    /// Results that were there.
    pub there: u64,
    /// Blobs and trees that were written.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Results of which the other store has others: two runs made different bytes. Both stores keep their own.
    pub differing: Vec<Address>,
    /// Results whose record or bytes are not in the store that they should come from.
    pub lost: Vec<Address>,
    /// Results that went without the component, or without an external, so that `rerun` cannot make them again there.
    pub bare: u64,
    /// Headers of builds.
    pub runs: u64,
}

/// Two stores.
pub struct Transfer {
    /// Where results are.
    pub from: Arc<dyn Store>,
    /// Where they are to be.
    pub to: Arc<dyn Store>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A record on its way.
struct Parcel {
    address: Address,
    body: Bytes,
    result: Box<ActionResult>,
}

impl Transfer {
    /// Moves these results and everything that they were made from.
    pub async fn results(&self, of: &[Address]) -> Result<Moved, BuildError> {
        let mut moved = Moved::default();
        self.closure(of, &mut HashSet::new(), &mut moved).await?;
        self.settle(&mut moved).await?;
        Ok(moved)
    }

    /// Moves everything that any build of the store touched, and what the builds left: history, answers, packs.
    pub async fn everything(&self) -> Result<Moved, BuildError> {
        let mut moved = Moved::default();
        let mut lives: HashMap<ActionKey, Option<Address>> = HashMap::new();
        let mut seen = HashSet::new();
        let runs = self.from.everyones_runs(ALL_RUNS).await?;
        // The oldest first: whoever is interrupted goes on where it was.
        for (run, header) in runs.into_iter().rev() {
            let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { continue };
            let tasks = listing(&*self.from, &record).await?;
            let mut addresses: BTreeSet<Address> = record.results.iter().map(|result| result.address).collect();
            for key in tasks.iter().filter(|task| task.output.is_some()).filter_map(|task| task.key) {
                let known = match lives.get(&key) {
                    Some(known) => *known,
                    None => live(&*self.from, key).await?,
                };
                lives.insert(key, known);
                addresses.extend(known);
            }
            let addresses: Vec<Address> = addresses.into_iter().collect();
            self.closure(&addresses, &mut seen, &mut moved).await?;
            self.settle(&mut moved).await?;
            self.run(run, record, &addresses, &mut moved).await?;
        }
        Ok(moved)
    }

    async fn settle(&self, moved: &mut Moved) -> Result<(), StoreError> {
        for (address, winner) in self.to.settle().await?.lost {
            self.lost_race(address, &winner, moved).await?;
        }
        Ok(())
    }

    /// Counts a result of which the other store has one already.
    async fn lost_race(&self, address: Address, winner: &[u8], moved: &mut Moved) -> Result<(), StoreError> {
        moved.results = moved.results.saturating_sub(1);
        let ours = self.from.result(address).await?;
        let tree = |body: &[u8]| serde_json::from_slice::<ActionResult>(body).ok().map(|result| result.tree);
        if ours.and_then(|record| tree(&record.body)) == tree(winner) {
            moved.there += 1;
        } else {
            moved.differing.push(address);
        }
        Ok(())
    }

    /// Moves results with what they were made from, which goes first.
    async fn closure(
        &self,
        of: &[Address],
        seen: &mut HashSet<Address>,
        moved: &mut Moved,
    ) -> Result<(), BuildError> {
        let mut open: Vec<Address> = of.iter().copied().filter(|address| seen.insert(*address)).collect();
        let mut parcels = Vec::new();
        while !open.is_empty() {
            let batch = std::mem::take(&mut open);
            let keys: Vec<ActionKey> = batch.iter().map(|address| address.key).collect();
            // One request for many; each is asked for by itself where that was not enough.
            self.from.results(&keys).await?;
            for address in batch {
                let record = self.from.result(address).await?;
                let read = record.and_then(|record| {
                    let result = serde_json::from_slice::<ActionResult>(&record.body).ok()?;
                    Some(Parcel { address, body: record.body, result: Box::new(result) })
                });
                let Some(parcel) = read else {
                    moved.lost.push(address);
                    continue;
                };
                let earlier = (0..address.generation).map(|generation| Address { generation, ..address });
                let sources = parcel.result.provenance.inputs.values().copied();
                open.extend(sources.chain(earlier).filter(|source| seen.insert(*source)));
                parcels.push(parcel);
            }
        }
        // What was found last is what the rest was made from.
        parcels.reverse();
        for parcels in parcels.chunks(TOGETHER) {
            self.batch(parcels, moved).await?;
        }
        Ok(())
    }

    async fn batch(&self, parcels: &[Parcel], moved: &mut Moved) -> Result<(), BuildError> {
        let keys: Vec<ActionKey> = parcels.iter().map(|parcel| parcel.address.key).collect();
        self.to.results(&keys).await?;
        let mut due = Vec::new();
        for parcel in parcels {
            match self.to.result(parcel.address).await? {
                Some(known) => {
                    // It is not moved; counted as one that lost a race long ago.
                    moved.results += 1;
                    self.lost_race(parcel.address, &known.body, moved).await?;
                }
                None => due.push(parcel),
            }
        }
        self.disown(&due).await?;
        let mut freight = Freight::default();
        let mut writes = Vec::new();
        for parcel in due {
            match self.load(&parcel.result, &mut freight).await? {
                Some(bare) => moved.bare += u64::from(bare),
                None => {
                    moved.lost.push(parcel.address);
                    continue;
                }
            }
            let (address, task) = (parcel.address, parcel.result.provenance.task_id);
            let body = unaware(&parcel.result, parcel.body.clone());
            writes.push(Write::Result { address, body, task });
        }
        self.ship(freight, moved).await?;
        self.write(writes, moved).await
    }

    /// Writes records, and leaves each task the latest result that it had.
    async fn write(&self, writes: Vec<Write>, moved: &mut Moved) -> Result<(), BuildError> {
        let result = |write: &Write| match write {
            Write::Result { address, task, .. } => Some((*address, *task)),
            _ => None,
        };
        let all: Vec<(Address, TaskId)> = writes.iter().filter_map(result).collect();
        if all.is_empty() {
            return Ok(());
        }
        let tasks: Vec<TaskId> = all.iter().map(|(_, task)| *task).collect();
        let latest = self.to.latest(&tasks).await?;
        let outcomes = self.to.commit(writes).await?;
        for ((address, _), outcome) in all.iter().zip(outcomes) {
            moved.results += 1;
            if let Committed::Lost(winner) = outcome {
                self.lost_race(*address, &winner, moved).await?;
            }
        }
        let before = tasks.iter().zip(latest).filter_map(|(task, latest)| Some(Write::Latest(*task, latest?)));
        let before: Vec<Write> = before.collect();
        if !before.is_empty() {
            self.to.commit(before).await?;
        }
        Ok(())
    }

    /// Disowns there what is disowned here, before it arrives.
    async fn disown(&self, due: &[&Parcel]) -> Result<(), BuildError> {
        let mut here = Tombstones::default();
        here.refresh(&*self.from).await?;
        for parcel in due {
            let address = parcel.address;
            let record =
                wrun_store::Record { generation: address.generation, body: parcel.body.clone(), remote: false };
            if let Some(by) = here.judge(address.key, &record) {
                crate::tombstones::disown(&*self.to, address, by.why, self.now).await?;
            }
        }
        Ok(())
    }

    /// Collects what a result needs besides its record. None if its own bytes are gone; else whether something is
    /// missing that only `rerun` needs.
    async fn load(&self, result: &ActionResult, freight: &mut Freight) -> Result<Option<bool>, StoreError> {
        let mut own = Vec::new();
        if let Log::Blob(log) = result.log {
            own.push((BlobKind::Blob, log));
        }
        if result.inline.is_none() && !self.tree(result.tree.0, &mut own).await? {
            return Ok(None);
        }
        if !self.from.fetch(&own).await?.into_iter().all(|there| there) {
            return Ok(None);
        }
        freight.add(own);
        let code = (BlobKind::Blob, result.provenance.component.0);
        let mut bare = self.from.fetch(&[code]).await? != [true];
        if !bare {
            freight.add(vec![code]);
        }
        for input in &result.action.inputs {
            if result.provenance.externals.contains_key(&input.name) {
                let mut files = Vec::new();
                let content = result.provenance.contents.get(&input.name).unwrap_or(&input.tree);
                let whole = self.tree(content.0, &mut files).await?
                    && self.from.fetch(&files).await?.into_iter().all(|there| there);
                bare |= !whole;
                if whole {
                    freight.add(files);
                }
            }
        }
        Ok(Some(bare))
    }

    /// Collects a tree and all below it; false if a part of it is gone.
    async fn tree(&self, root: Digest, out: &mut Vec<(BlobKind, Digest)>) -> Result<bool, StoreError> {
        let mut open = vec![root];
        let mut trees = Vec::new();
        while !open.is_empty() {
            let wanted: Vec<_> = open.iter().map(|digest| (BlobKind::Tree, *digest)).collect();
            if !self.from.fetch(&wanted).await?.into_iter().all(|there| there) {
                return Ok(false);
            }
            for digest in std::mem::take(&mut open) {
                let bytes = self.read(BlobKind::Tree, digest)?.and_then(|blob| blob.to_vec().ok());
                let Some(tree) = bytes.and_then(|bytes| Tree::decode(&bytes).ok()) else { return Ok(false) };
                for entry in tree.entries() {
                    match entry.kind {
                        EntryKind::Directory => open.push(entry.digest),
                        EntryKind::File { .. } => out.push((BlobKind::Blob, entry.digest)),
                    }
                }
                trees.push((BlobKind::Tree, digest));
            }
        }
        // Files first, and the root last.
        out.extend(trees.into_iter().rev());
        Ok(true)
    }

    fn read(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        match self.from.get(kind, digest) {
            Err(StoreError::Corrupt { .. }) => Ok(None),
            found => found,
        }
    }

    /// Writes what the other store lacks.
    async fn ship(&self, freight: Freight, moved: &mut Moved) -> Result<(), BuildError> {
        let digests: Vec<Digest> = freight.all.iter().map(|(_, digest)| *digest).collect();
        let there = self.to.has(&digests).await?;
        let mut small = Vec::new();
        let mut weight = 0;
        for ((kind, digest), there) in freight.all.into_iter().zip(there) {
            if there {
                continue;
            }
            let gone = || StoreError::Corrupt { digest, path: self.from.describe().into() };
            let blob = self.read(kind, digest)?.ok_or_else(gone)?;
            moved.blobs += 1;
            moved.bytes += blob.len();
            if kind == BlobKind::Tree || blob.len() <= SMALL {
                weight += blob.len();
                small.push(Write::Blob(kind, blob.to_vec().map_err(|_| gone())?.into()));
                if weight > MOST_SMALL {
                    self.to.commit(std::mem::take(&mut small)).await?;
                    weight = 0;
                }
                continue;
            }
            let mut staged = self.to.stage()?;
            let mut buffer = vec![0; 1 << 20];
            let mut at = 0;
            while at < blob.len() {
                let count = blob.read_at(&mut buffer, at).map_err(|_| gone())?;
                if count == 0 {
                    break;
                }
                staged.write(&buffer[..count])?;
                at += count as u64;
            }
            if staged.finish()? != digest {
                return Err(gone().into());
            }
        }
        self.to.commit(small).await?;
        Ok(())
    }

    /// Writes what a build left. It warms other machines there and is part of the history; it does not answer a build
    /// where tombstones were written, for their numbers are of another log.
    async fn run(
        &self,
        run: String,
        mut record: SessionRecord,
        addresses: &[Address],
        moved: &mut Moved,
    ) -> Result<(), BuildError> {
        let newest = self.from.session(record.goal).await?;
        let newest = newest.and_then(|header| serde_json::from_slice::<SessionRecord>(&header).ok());
        let newest = newest.is_some_and(|newest| newest.run == record.run);
        let mut writes = Vec::new();
        let listing = crate::rerun::blob(&*self.from, record.listing).await?;
        writes.extend(listing.map(|listing| Write::Blob(BlobKind::Blob, listing.into())));
        let nothing_buried = self.from.tombstones(0).await?.is_empty() && self.to.tombstones(0).await?.is_empty();
        if !nothing_buried {
            record.tombstone = NEVER;
        }
        (record.pack, record.graph) = (None, None);
        let externals = crate::recall::listed(&*self.from, &mut record).await?;
        // One that does not know its externals must answer no build.
        let newest = newest && externals.is_some();
        record.externals = externals.unwrap_or_default();
        if record.is_known() {
            (record.format, record.pins) = (1, None);
        }
        if newest && self.to.is_remote() {
            let pack = self.pack(addresses).await?;
            record.pack = Some(Digest::of_blob(&pack));
            writes.push(Write::Blob(BlobKind::Blob, pack));
        }
        let header: Bytes =
            serde_json::to_vec(&record).map_err(|error| BuildError::Internal(error.to_string()))?.into();
        writes.push(match newest {
            true => Write::Session { goal: record.goal, run, header },
            false => Write::Run { run, header },
        });
        self.to.commit(writes).await?;
        moved.runs += 1;
        Ok(())
    }

    /// Packs the records that a build touched.
    async fn pack(&self, addresses: &[Address]) -> Result<Bytes, BuildError> {
        let mut writes = Vec::with_capacity(2 * addresses.len());
        for address in addresses {
            let Some(record) = self.to.result(*address).await? else { continue };
            let Ok(result) = serde_json::from_slice::<ActionResult>(&record.body) else { continue };
            writes.push(Write::Latest(result.provenance.task_id, *address));
            writes.push(Write::Known { address: *address, body: record.body });
        }
        wrun_store::pack::encode(&writes).map_err(|error| BuildError::Internal(error.to_string()))
    }
}

/// Returns a record that knows no tombstone: it says which of the log it comes from, and the other store has its own,
/// each entry of which may disown what arrives.
fn unaware(result: &ActionResult, body: Bytes) -> Bytes {
    if result.provenance.tombstone == 0 {
        return body;
    }
    let mut result = result.clone();
    result.provenance.tombstone = 0;
    serde_json::to_vec(&result).map_or(body, Into::into)
}

/// A number that no log of tombstones comes to.
const NEVER: u64 = u64::MAX;

/// Blobs and trees to be moved, each once, in order.
#[derive(Default)]
struct Freight {
    all: Vec<(BlobKind, Digest)>,
    seen: HashSet<Digest>,
}

impl Freight {
    fn add(&mut self, more: Vec<(BlobKind, Digest)>) {
        for (kind, digest) in more {
            if self.seen.insert(digest) {
                self.all.push((kind, digest));
            }
        }
    }
}
