//! Every result of a store, read once and cut down to what care looks at.

use crate::tombstones::{Disowned, Facts, Tombstones};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use wrun_core::digest::{ActionKey, Digest, TaskId, TreeDigest};
use wrun_core::param::Params;
use wrun_core::result::{ActionResult, Address, FORMAT, Log};
use wrun_core::tree::{EntryKind, Tree};
use wrun_store::{BlobKind, Item, Record, Store, StoreError};

/// So many records are read at once.
const AT_ONCE: usize = 128;

/// What care looks at of one result.
#[derive(Clone, Debug)]
pub struct Known {
    /// Where it is.
    pub address: Address,
    /// Names its task across builds.
    pub task_id: TaskId,
    /// The plugin's id.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// Its params.
    pub params: Params,
    /// Its output.
    pub tree: TreeDigest,
    /// When it was made, by its machine's clock: milliseconds since 1970.
    pub started: i64,
    /// When it was written, by the store's clock.
    pub written: Option<i64>,
    /// Bytes of the record.
    pub size: u64,
    /// The results that its inputs came from.
    pub inputs: BTreeSet<Address>,
    /// The number of the last tombstone that was known when it was made.
    pub knew: u64,
    /// What disowns it.
    pub disowned: Option<Disowned>,
    /// Whether its bytes ride in the record.
    inlined: bool,
    log: Option<Digest>,
    component: Digest,
    externals: Vec<TreeDigest>,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no JSON of ours.
    Garbled(String),
    /// A later version wrote it.
    Newer(u32),
    /// Listed, and gone when it was asked for.
    Gone,
}

/// Every result of a store.
pub struct Catalog {
    pub(crate) store: Arc<dyn Store>,
    /// Those that can be read, by key and generation.
    pub results: BTreeMap<Address, Known>,
    pub(crate) unread: BTreeMap<Address, Unread>,
    /// All that is listed.
    pub(crate) listed: BTreeMap<Address, Item<Address>>,
    /// The log of tombstones.
    pub tombstones: Tombstones,
}

/// The blobs and trees that a result needs, besides the results that its inputs came from.
#[derive(Default)]
pub(crate) struct Closure {
    pub(crate) blobs: HashSet<(BlobKind, Digest)>,
    /// Trees that could not be read, so that what is below them is not known.
    pub(crate) lost: HashSet<Digest>,
}

impl Catalog {
    /// Reads it. `visit` is given every record with its body; `common` asks for those that everybody has, where this
    /// machine's own would do.
    pub(crate) async fn read_with(
        store: &Arc<dyn Store>,
        common: bool,
        visit: &mut (dyn FnMut(Address, &[u8]) + Send),
    ) -> Result<Self, StoreError> {
        let mut tombstones = Tombstones::default();
        tombstones.refresh(&**store).await?;
        let listed = store.list_results().await?;
        let mut catalog = Self {
            store: store.clone(),
            results: BTreeMap::new(),
            unread: BTreeMap::new(),
            listed: listed.iter().map(|item| (item.what, item.clone())).collect(),
            tombstones,
        };
        let asked = futures_util::stream::iter(listed).map(|item| {
            let store = store.clone();
            async move {
                let found = match common {
                    true => store.common_result(item.what).await?,
                    false => store.result(item.what).await?,
                };
                Ok::<_, StoreError>((found, item))
            }
        });
        let mut asked = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
        while let Some((record, item)) = asked.try_next().await? {
            match record {
                None => _ = catalog.unread.insert(item.what, Unread::Gone),
                Some(record) => {
                    visit(item.what, &record.body);
                    catalog.take(&item, &record);
                }
            }
        }
        Ok(catalog)
    }

    /// Reads it.
    pub async fn read(store: &Arc<dyn Store>) -> Result<Self, StoreError> {
        Self::read_with(store, false, &mut |_, _| ()).await
    }

    fn take(&mut self, item: &Item<Address>, record: &Record) {
        #[derive(serde::Deserialize)]
        struct Format {
            format: u32,
        }
        let result = match serde_json::from_slice::<ActionResult>(&record.body) {
            Ok(result) if result.format == FORMAT => result,
            other => {
                let format = serde_json::from_slice::<Format>(&record.body).map_or(0, |found| found.format);
                let unread = match other {
                    _ if format > FORMAT => Unread::Newer(format),
                    Ok(_) => Unread::Garbled(format!("it has format {format}")),
                    Err(error) => Unread::Garbled(error.to_string()),
                };
                self.unread.insert(item.what, unread);
                return;
            }
        };
        let external = |name: &str| result.provenance.externals.contains_key(name);
        let inputs = result.action.inputs.iter();
        let known = Known {
            address: item.what,
            task_id: result.provenance.task_id,
            plugin: result.provenance.plugin.clone(),
            task: result.action.task.clone(),
            params: result.provenance.params.clone(),
            tree: result.tree,
            started: result.provenance.started,
            written: item.written,
            size: item.size,
            inputs: result.provenance.inputs.values().copied().collect(),
            knew: result.provenance.tombstone,
            disowned: self.tombstones.judge(item.what.key, record),
            inlined: result.inline.is_some(),
            log: if let Log::Blob(digest) = result.log { Some(digest) } else { None },
            component: result.provenance.component.0,
            externals: inputs
                .filter(|input| external(&input.name))
                .map(|input| input.tree)
                .chain(result.provenance.contents.values().copied())
                .collect(),
        };
        self.results.insert(item.what, known);
    }

    /// Returns the generations of a key that can be read.
    pub fn of_key(&self, key: ActionKey) -> impl Iterator<Item = &Known> {
        let range = Address { key, generation: 0 }..=Address { key, generation: u32::MAX };
        self.results.range(range).map(|(_, known)| known)
    }

    /// Collects the blobs of a result. Those that only may be there, such as the component, count where they are.
    pub(crate) async fn closure(&self, known: &Known, closure: &mut Closure) -> Result<(), StoreError> {
        closure.blobs.extend(known.log.map(|log| (BlobKind::Blob, log)));
        if !known.inlined {
            self.walk(known.tree.0, closure).await?;
        }
        Ok(())
    }

    /// Collects what makes it possible to make a result again: code, and what lay outside of the store.
    pub(crate) async fn sources(&self, known: &Known, closure: &mut Closure) -> Result<(), StoreError> {
        closure.blobs.insert((BlobKind::Blob, known.component));
        for tree in &known.externals {
            self.walk(tree.0, closure).await?;
        }
        Ok(())
    }

    async fn walk(&self, root: Digest, closure: &mut Closure) -> Result<(), StoreError> {
        let mut open = vec![root];
        while let Some(digest) = open.pop() {
            if !closure.blobs.insert((BlobKind::Tree, digest)) {
                continue;
            }
            let bytes = super::bytes(&*self.store, BlobKind::Tree, digest).await?;
            let Some(tree) = bytes.and_then(|bytes| Tree::decode(&bytes).ok()) else {
                closure.lost.insert(digest);
                continue;
            };
            for entry in tree.entries() {
                match entry.kind {
                    EntryKind::Directory => open.push(entry.digest),
                    EntryKind::File { .. } => _ = closure.blobs.insert((BlobKind::Blob, entry.digest)),
                }
            }
        }
        Ok(())
    }

    /// Reads what predicates are judged by.
    pub(crate) fn facts(body: &[u8]) -> Option<Facts> {
        serde_json::from_slice(body).ok()
    }
}
