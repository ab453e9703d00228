//! What a result was made from, down to what no task made; and what was made from a result.
//!
//! Up, a record names everything: the records that its inputs came from, and the externals. Down, the listings of
//! builds say which task was given what; the records decide, for a build may have been given another generation.

use crate::tombstones::Tombstones;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use wrun_core::action::InputKind;
use wrun_core::digest::{ActionKey, Digest, TreeDigest};
use wrun_core::report::TaskReport;
use wrun_core::result::{ActionResult, Address};
use wrun_core::session::SessionRecord;
use wrun_store::{BlobKind, Record, Store, StoreError};

/// So many builds are looked through for what was made from a result.
const MOST_RUNS: usize = 10_000;
/// So many records are asked for at once.
const AT_ONCE: usize = 1000;

/// Results and what they were made from. What is needed stands behind what needs it, wherever there is no circle.
#[derive(Debug, Default)]
pub struct Lineage {
    /// Results and externals, each once; those that were asked about come first.
    pub nodes: Vec<Node>,
}

/// One of them.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub what: What,
    /// What it was made from: the name of the input, and its place.
    pub from: Vec<(String, usize)>,
}

/// What a node is.
#[derive(Debug)]
pub enum What {
    /// A result, and whether it is disowned.
    Result {
        /// Its address.
        address: Address,
        /// Its record.
        result: Box<ActionResult>,
        /// Whether a tombstone disowns it.
        disowned: bool,
    },
    /// Something that no task made.
    External {
        /// Its address.
        uri: String,
        /// What it held.
        tree: TreeDigest,
        /// What the digest is of.
        kind: InputKind,
    },
    /// A record that is not in the store, or that this version cannot read.
    Gone(Address),
}

/// Reads records, many at a time.
struct Reader<'a> {
    store: &'a dyn Store,
    tombstones: Tombstones,
}

impl<'a> Reader<'a> {
    async fn new(store: &'a dyn Store) -> Result<Self, StoreError> {
        let mut tombstones = Tombstones::default();
        tombstones.refresh(store).await?;
        Ok(Self { store, tombstones })
    }

    async fn read(&self, addresses: &[Address]) -> Result<Vec<What>, StoreError> {
        let keys: Vec<ActionKey> = addresses.iter().map(|address| address.key).collect();
        let mut out = Vec::with_capacity(addresses.len());
        for (address, records) in addresses.iter().zip(self.store.results(&keys).await?) {
            let known = records.into_iter().find(|record| record.generation == address.generation);
            // A store where each costs a request may have answered with the first alone.
            let record = match known {
                None if address.generation > 0 => self.store.result(*address).await?,
                known => known,
            };
            out.push(record.map_or(What::Gone(*address), |record| self.what(*address, &record)));
        }
        Ok(out)
    }

    fn what(&self, address: Address, record: &Record) -> What {
        match serde_json::from_slice(&record.body) {
            Ok(result) => {
                let disowned = self.tombstones.disowns(address.key, record);
                What::Result { address, result: Box::new(result), disowned }
            }
            Err(_) => What::Gone(address),
        }
    }
}

/// Returns the live result of a key; where all are disowned, the last.
pub async fn live(store: &dyn Store, key: ActionKey) -> Result<Option<Address>, StoreError> {
    let mut tombstones = Tombstones::default();
    tombstones.refresh(store).await?;
    let mut last = None;
    for generation in 0.. {
        let address = Address { key, generation };
        let Some(record) = store.result(address).await? else { break };
        last = Some(address);
        if !tombstones.disowns(key, &record) {
            break;
        }
    }
    Ok(last)
}

/// Follows results to everything that they were made from.
pub async fn up(store: &dyn Store, of: &[Address]) -> Result<Lineage, StoreError> {
    let reader = Reader::new(store).await?;
    let mut lineage = Lineage::default();
    let mut places: HashMap<Address, usize> = HashMap::new();
    let mut externals: HashMap<(String, TreeDigest), usize> = HashMap::new();
    let mut open: VecDeque<Address> = VecDeque::new();
    for address in of {
        if !places.contains_key(address) {
            places.insert(*address, lineage.nodes.len());
            lineage.nodes.push(Node { what: What::Gone(*address), from: Vec::new() });
            open.push_back(*address);
        }
    }
    while !open.is_empty() {
        let batch: Vec<Address> = open.drain(..open.len().min(AT_ONCE)).collect();
        for (address, what) in batch.iter().zip(reader.read(&batch).await?) {
            let place = places[address];
            let mut from = Vec::new();
            if let What::Result { result, .. } = &what {
                for (name, source) in &result.provenance.inputs {
                    let at = *places.entry(*source).or_insert_with(|| {
                        lineage.nodes.push(Node { what: What::Gone(*source), from: Vec::new() });
                        open.push_back(*source);
                        lineage.nodes.len() - 1
                    });
                    from.push((name.clone(), at));
                }
                for (name, uri) in &result.provenance.externals {
                    let Some(input) = result.action.inputs.iter().find(|input| input.name == *name) else {
                        continue;
                    };
                    let at = *externals.entry((uri.clone(), input.tree)).or_insert_with(|| {
                        let what = What::External { uri: uri.clone(), tree: input.tree, kind: input.kind };
                        lineage.nodes.push(Node { what, from: Vec::new() });
                        lineage.nodes.len() - 1
                    });
                    from.push((name.clone(), at));
                }
            }
            lineage.nodes[place] = Node { what, from };
        }
    }
    Ok(lineage)
}

/// Follows results to everything that is known to be made from them.
pub async fn down(store: &dyn Store, of: &[Address]) -> Result<Lineage, StoreError> {
    let reader = Reader::new(store).await?;
    let given = given(store).await?;
    let mut found = Found::new();
    let mut order: Vec<Address> = Vec::new();
    for (address, what) in of.iter().zip(reader.read(of).await?) {
        if found.insert(*address, what).is_none() {
            order.push(*address);
        }
    }
    // What is new in the closure, by key: what may have been made from it is looked at.
    let mut open: BTreeSet<ActionKey> = of.iter().map(|address| address.key).collect();
    while !open.is_empty() {
        let to = std::mem::take(&mut open).into_iter().filter_map(|key| given.to.get(&key));
        let candidates: BTreeSet<ActionKey> = to.flatten().copied().collect();
        let candidates: Vec<ActionKey> = candidates.into_iter().collect();
        for keys in candidates.chunks(AT_ONCE) {
            for (key, records) in keys.iter().zip(store.results(keys).await?) {
                for record in &records {
                    let address = Address { key: *key, generation: record.generation };
                    let what = reader.what(address, record);
                    let What::Result { result, .. } = &what else { continue };
                    if !found.contains_key(&address) && !sources(result, *key, &found, &given).is_empty() {
                        found.insert(address, what);
                        order.push(address);
                        open.insert(*key);
                    }
                }
            }
        }
    }
    let places: HashMap<Address, usize> = order.iter().copied().zip(0..).collect();
    let from = |address: &Address| match &found[address] {
        What::Result { result, .. } => {
            let sources = sources(result, address.key, &found, &given).into_iter();
            sources.filter(|(_, source)| source != address).map(|(name, source)| (name, places[&source])).collect()
        }
        _ => Vec::new(),
    };
    let from: Vec<Vec<(String, usize)>> = order.iter().map(from).collect();
    let what = order.iter().filter_map(|address| found.remove(address));
    let what: Vec<What> = what.collect();
    Ok(Lineage { nodes: what.into_iter().zip(from).map(|(what, from)| Node { what, from }).collect() })
}

/// What is in the closure.
type Found = BTreeMap<Address, What>;

/// Which task was given the results of which, by the listings of builds.
#[derive(Default)]
struct Given {
    to: HashMap<ActionKey, BTreeSet<ActionKey>>,
    by: HashMap<ActionKey, BTreeSet<ActionKey>>,
}

/// Returns which of these a result was made from, by input: its record says so, or a build gave it one that its
/// record does not name, because another with the same bytes was there first.
fn sources(result: &ActionResult, key: ActionKey, found: &Found, given: &Given) -> Vec<(String, Address)> {
    let named = &result.provenance.inputs;
    let here = named.iter().filter(|(_, address)| found.contains_key(address));
    let mut sources: Vec<_> = here.map(|(name, address)| (name.clone(), *address)).collect();
    let keys: HashSet<ActionKey> = named.values().map(|address| address.key).collect();
    for other in given.by.get(&key).into_iter().flatten().filter(|other| !keys.contains(other)) {
        let (first, last) =
            (Address { key: *other, generation: 0 }, Address { key: *other, generation: u32::MAX });
        sources.extend(found.range(first..=last).map(|(address, _)| (String::new(), *address)));
    }
    sources
}

/// Reads the listings of all builds.
async fn given(store: &dyn Store) -> Result<Given, StoreError> {
    let mut out = Given::default();
    let mut read: HashSet<Digest> = HashSet::new();
    for (_, header) in store.everyones_runs(MOST_RUNS).await? {
        let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { continue };
        if !read.insert(record.listing) {
            continue;
        }
        let tasks = listing(store, &record).await?;
        for task in &tasks {
            let Some(key) = task.key else { continue };
            for need in &task.needs {
                if let Some(source) = tasks.get(*need as usize).and_then(|need| need.key) {
                    out.to.entry(source).or_default().insert(key);
                    out.by.entry(key).or_default().insert(source);
                }
            }
        }
    }
    Ok(out)
}

/// Reads what a build touched; nothing where that is gone.
pub async fn listing(store: &dyn Store, record: &SessionRecord) -> Result<Vec<TaskReport>, StoreError> {
    if store.fetch(&[(BlobKind::Blob, record.listing)]).await? != [true] {
        return Ok(Vec::new());
    }
    let blob = match store.get(BlobKind::Blob, record.listing) {
        Err(StoreError::Corrupt { .. }) => None,
        blob => blob?,
    };
    let bytes = blob.and_then(|blob| blob.to_vec().ok()).unwrap_or_default();
    // A line that cannot be read keeps its place: needs are places.
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map_while(|line| serde_json::from_slice(line).ok()).collect())
}
