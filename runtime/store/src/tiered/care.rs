//! Listing, checking and cleaning a truth that many machines share.
//!
//! What a gc condemns is published as `tomb/~gc-<name>`, and what it has removed as `tomb/~swept-<name>`: names that
//! every reading of the log's tail lists anyway, so that a build learns of them without a request of its own. While a
//! list stands, builds treat what is on it as absent and write it again; of what was swept each cache forgets its copy.

use super::{AT_ONCE, down, names};
use crate::api::*;
use crate::error::StoreError;
use crate::objects::{Listed, Objects};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::codec::Encoder;
use wrun_core::digest::{BlobHasher, Digest, PlanKey};
use wrun_core::result::Address;

/// The folder of pins.
const PINS: &str = "pin/";
/// Written to learn the server's time.
const CLOCK: &str = "gc/clock";
/// A tree of more bytes than this is not looked at as one.
const LARGEST_TREE: usize = 256 << 20;

/// What must not be relied on in the truth, shared with the uploads.
#[derive(Default)]
pub(super) struct Doubts(Mutex<State>);

#[derive(Default)]
struct State {
    lists: HashMap<String, Arc<Removal>>,
    results: HashSet<Address>,
    /// What is condemned, and what was seen to have other bytes than its name says.
    blobs: HashSet<Digest>,
}

impl Doubts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether a blob has to be written although one is there.
    pub(super) fn of(&self, digest: Digest) -> bool {
        self.state().blobs.contains(&digest)
    }

    /// Notes that other bytes lie under a name.
    pub(super) fn add(&self, digest: Digest) {
        self.state().blobs.insert(digest);
    }

    /// It was written anew.
    pub(super) fn settle(&self, digest: Digest) {
        self.state().blobs.remove(&digest);
    }

    pub(super) fn condemned(&self, address: Address) -> bool {
        self.state().results.contains(&address)
    }

    fn knows(&self, name: &str) -> bool {
        self.state().lists.contains_key(name)
    }

    fn take(&self, name: &str, list: Removal) {
        let mut state = self.state();
        state.results.extend(&list.results);
        state.blobs.extend(&list.blobs);
        state.lists.insert(name.to_owned(), Arc::new(list));
    }
}

/// Packs a list.
fn encode(list: &Removal) -> Bytes {
    let json = serde_json::to_vec(list).unwrap_or_default();
    zstd::bulk::compress(&json, 3).unwrap_or_default().into()
}

/// Reads one; nothing where it is none.
fn decode(body: &[u8]) -> Option<Removal> {
    serde_json::from_slice(&zstd::stream::decode_all(body).ok()?).ok()
}

/// Where a cache notes that it has forgotten what was swept: a Plan that no call can have.
fn applied(name: &str) -> PlanKey {
    let mut encoder = Encoder::new("wrun.swept", 1);
    encoder.text(name);
    PlanKey(encoder.finish())
}

/// Reads the lists whose names the log's tail had.
pub(super) async fn read_lists(
    cache: &Arc<dyn Store>,
    truth: &Arc<dyn Objects>,
    doubts: &Doubts,
    listed: &[Listed],
) -> Result<(), StoreError> {
    for object in listed {
        match names::read_log_entry(&object.name) {
            Some(names::LogEntry::Condemned(name)) if !doubts.knows(&name) => {
                // One that cannot be read is of another version; what it has removed will be a `lost` result.
                if let Some(list) = truth.get(&object.name).await?.and_then(|body| decode(&body)) {
                    doubts.take(&name, list);
                }
            }
            Some(names::LogEntry::Swept(name)) => {
                let key = applied(&name);
                if cache.plans(&[key]).await? == [None] {
                    if let Some(list) = truth.get(&object.name).await?.and_then(|body| decode(&body)) {
                        forget(cache, truth, list).await?;
                    }
                    cache.commit(vec![Write::Plan(key, Bytes::from(b"1".as_slice()))]).await?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Forgets results that the truth has no more. One that somebody has written again since then stays, and so do
/// those that this machine still owes.
async fn forget(cache: &Arc<dyn Store>, truth: &Arc<dyn Objects>, list: Removal) -> Result<(), StoreError> {
    let owed: HashSet<Address> = cache.owed().await?.into_iter().collect();
    let mut here = HashSet::new();
    for item in cache.list_results().await? {
        here.insert(item.what);
    }
    let mine: Vec<Address> =
        list.results.into_iter().filter(|address| here.contains(address) && !owed.contains(address)).collect();
    let asked = futures_util::stream::iter(mine)
        .map(|address| async move { Ok::<_, StoreError>((address, truth.size(&names::result(address)).await?)) });
    let asked: Vec<_> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    let results = asked.into_iter().filter(|(_, size)| size.is_none()).map(|(address, _)| address).collect();
    cache.remove(&Removal { results, ..Removal::default() }).await
}

/// Lists what lies in a folder, as far as its name can be read.
pub(super) async fn list<T>(
    truth: &Arc<dyn Objects>,
    folder: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Item<T>>, StoreError> {
    let listed = truth.list(folder, "").await?;
    let item = |object: Listed| {
        let what = read(&object.name)?;
        Some(Item { what, size: object.size, written: Some(object.written) })
    };
    Ok(listed.into_iter().filter_map(item).collect())
}

/// Asks the server what time it is: by the time that it gives to an object.
pub(super) async fn now(truth: &Arc<dyn Objects>) -> Result<i64, StoreError> {
    truth.put(CLOCK, b"wrun\n".as_slice().into()).await?;
    let listed = truth.list(CLOCK, "").await?;
    let written = listed.iter().find(|object| object.name == CLOCK).map(|object| object.written);
    written.ok_or_else(|| StoreError::Damaged {
        path: PathBuf::from(truth.describe()),
        why: format!("`{CLOCK}` was written and is not listed"),
    })
}

/// Removes what names others first.
pub(super) async fn remove(truth: &Arc<dyn Objects>, what: &Removal) -> Result<(), StoreError> {
    let goals: Vec<String> = what.goals.iter().map(|goal| names::goal(*goal)).collect();
    let runs: Vec<String> = what.runs.iter().map(|run| names::run(run)).collect();
    let results: Vec<String> = what.results.iter().map(|address| names::result(*address)).collect();
    let blobs: Vec<String> = what.blobs.iter().map(|digest| names::blob(*digest)).collect();
    for names in [goals, runs, results, blobs] {
        if !names.is_empty() {
            truth.remove(&names).await?;
        }
    }
    Ok(())
}

/// Returns the lists that stand.
pub(super) async fn condemned(truth: &Arc<dyn Objects>) -> Result<Vec<Item<(String, Removal)>>, StoreError> {
    let listed =
        list(truth, names::CONDEMNED, |name| name.strip_prefix(names::CONDEMNED).map(str::to_owned)).await?;
    let mut all = Vec::with_capacity(listed.len());
    for Item { what, size, written } in listed {
        let body = truth.get(&names::condemned(&what)).await?;
        // One that cannot be read condemns nothing, and goes like one that was swept.
        let list = body.and_then(|body| decode(&body)).unwrap_or_default();
        all.push(Item { what: (what, list), size, written });
    }
    Ok(all)
}

pub(super) async fn condemn(truth: &Arc<dyn Objects>, name: &str, list: &Removal) -> Result<(), StoreError> {
    Ok(truth.put(&names::condemned(name), encode(list)).await?)
}

pub(super) async fn swept(truth: &Arc<dyn Objects>, name: &str, removed: &Removal) -> Result<(), StoreError> {
    // Caches keep results by themselves; blobs are asked for again where they are needed.
    let results = Removal { results: removed.results.clone(), ..Removal::default() };
    if !results.is_empty() {
        truth.put(&names::swept(name), encode(&results)).await?;
    }
    Ok(truth.remove(&[names::condemned(name)]).await?)
}

pub(super) async fn pins(truth: &Arc<dyn Objects>) -> Result<Vec<(String, Bytes)>, StoreError> {
    let mut all = Vec::new();
    for object in truth.list(PINS, "").await? {
        let name = object.name[PINS.len()..].to_owned();
        all.extend(truth.get(&object.name).await?.map(|body| (name, body)));
    }
    Ok(all)
}

pub(super) async fn set_pin(truth: &Arc<dyn Objects>, name: &str, body: Option<Bytes>) -> Result<(), StoreError> {
    let name = format!("{PINS}{name}");
    match body {
        Some(body) => truth.put(&name, body).await?,
        None => truth.remove(&[name]).await?,
    }
    Ok(())
}

/// Reads a blob in the truth.
pub(super) async fn inspect(truth: &Arc<dyn Objects>, digest: Digest) -> Result<Health, StoreError> {
    let mut sink = Sink::default();
    if !truth.download(&names::blob(digest), &mut sink).await? {
        return Ok(Health::Absent);
    }
    Ok(match sink.memory {
        _ if sink.hasher.digest() == digest => Health::Good(BlobKind::Blob),
        Some(bytes) if BlobKind::Tree.digest(&bytes) == digest => Health::Good(BlobKind::Tree),
        _ => Health::Wrong,
    })
}

/// Puts what this machine has in the place of wrong or absent bytes.
pub(super) async fn repair(
    cache: &Arc<dyn Store>,
    truth: &Arc<dyn Objects>,
    kind: BlobKind,
    digest: Digest,
) -> Result<bool, StoreError> {
    match down::read(cache, kind, digest)? {
        Some(blob) => {
            truth.upload(&names::blob(digest), &blob, true).await?;
            Ok(true)
        }
        None => {
            truth.remove(&[names::blob(digest)]).await?;
            Ok(false)
        }
    }
}

/// Takes bytes to be hashed in both domains, and keeps none of a large file.
struct Sink {
    hasher: BlobHasher,
    memory: Option<Vec<u8>>,
}

impl Default for Sink {
    fn default() -> Self {
        Self { hasher: BlobHasher::new(), memory: Some(Vec::new()) }
    }
}

impl Staged for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        // Every tree begins with its domain.
        let tree = |memory: &[u8]| memory.len() < 17 || memory[9..17] == *b"wrun.tre";
        self.memory = self.memory.take().and_then(|mut memory| {
            memory.extend_from_slice(bytes);
            (memory.len() <= LARGEST_TREE && tree(&memory)).then_some(memory)
        });
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Digest, StoreError> {
        Ok(self.hasher.digest())
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn touched(&mut self) {}
}
