//! Whether a store is whole: every record can be read and is what its key says, every blob is what its name says,
//! and nothing that a live record needs is missing.

use super::catalog::{Closure, Unread};
use super::{CareError, Catalog};
use crate::tombstones::{Why, disown};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_core::result::{ActionResult, Address};
use wrun_core::task::{SANDBOX, task_id};
use wrun_store::{BlobKind, Health, Store, StoreError};

/// So many blobs are read at once.
const AT_ONCE: usize = 16;

/// How to check.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Whether to put right what can be.
    pub repair: bool,
    /// Milliseconds since 1970, for what is written.
    pub time: i64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Problem {
    /// A record that is no record. No build takes it for a result.
    Garbled {
        /// Where.
        address: Address,
        /// What is wrong.
        why: String,
    },
    /// A record of a later version. It is left alone.
    Newer {
        /// Where.
        address: Address,
        /// Its format.
        format: u32,
    },
    /// A record that says something that cannot be true.
    Lies {
        /// Where.
        address: Address,
        /// What it says.
        why: String,
    },
    /// Bytes that are not what their name says.
    Wrong {
        /// Their name.
        digest: Digest,
    },
    /// A live record that needs bytes which are nowhere.
    Lost {
        /// The record.
        address: Address,
        /// The task, for people.
        task: String,
        /// The first blob that is missing.
        digest: Digest,
    },
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Records that were read.
    pub results: u64,
    /// Blobs and trees that were read.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is wrong, and whether it was put right.
    pub problems: Vec<(Problem, bool)>,
}

impl Checked {
    /// Tells whether anything is wrong still.
    pub fn is_whole(&self) -> bool {
        self.problems.iter().all(|(_, repaired)| *repaired)
    }
}

/// So often what was put right is looked at again.
const PASSES: u32 = 3;

/// Checks a store.
pub async fn check(store: &Arc<dyn Store>, options: &CheckOptions) -> Result<Checked, CareError> {
    let mut out = pass(store, options).await?;
    for _ in 1..PASSES {
        // A record that was put right needs bytes, which were not looked for.
        let records = |(problem, repaired): &(Problem, bool)| {
            *repaired && matches!(problem, Problem::Garbled { .. } | Problem::Lies { .. })
        };
        if !options.repair || !out.problems.iter().any(records) {
            break;
        }
        let next = pass(store, options).await?;
        let done = next.problems.is_empty();
        out.problems.extend(next.problems);
        if done {
            break;
        }
    }
    Ok(out)
}

async fn pass(store: &Arc<dyn Store>, options: &CheckOptions) -> Result<Checked, CareError> {
    let mut lies: BTreeMap<Address, String> = BTreeMap::new();
    let catalog = Catalog::read_with(store, true, &mut |address, body| {
        if let Ok(result) = serde_json::from_slice::<ActionResult>(body)
            && let Some(lie) = lie(address, &result)
        {
            lies.insert(address, lie);
        }
    })
    .await?;
    let last = catalog.tombstones.last();
    for (address, known) in &catalog.results {
        if known.knew > last {
            let lie = format!("it knows tombstone {}, and there are {last}", known.knew);
            lies.entry(*address).or_insert(lie);
        }
        if known.inputs.contains(address) {
            lies.entry(*address).or_insert_with(|| "it names itself as an input of its own".into());
        }
    }
    let mut out = Checked { results: catalog.listed.len() as u64, ..Checked::default() };
    for (address, unread) in &catalog.unread {
        let address = *address;
        out.problems.push(match unread {
            Unread::Garbled(why) => {
                let fixed = options.repair && put_away(&catalog, address, options).await?;
                (Problem::Garbled { address, why: why.clone() }, fixed)
            }
            Unread::Newer(format) => (Problem::Newer { address, format: *format }, true),
            Unread::Gone => continue,
        });
    }
    for (address, why) in &lies {
        let fixed = options.repair && put_away(&catalog, *address, options).await?;
        out.problems.push((Problem::Lies { address: *address, why: why.clone() }, fixed));
    }
    let health = inspect(store, &mut out).await?;
    let mut repaired = BTreeSet::new();
    for (digest, found) in &health {
        if *found == Health::Wrong {
            let fixed = options.repair && mend(&**store, *digest).await?;
            if fixed {
                repaired.insert(*digest);
            }
            out.problems.push((Problem::Wrong { digest: *digest }, fixed || options.repair));
        }
    }
    let good = |digest: &Digest| matches!(health.get(digest), Some(Health::Good(_))) || repaired.contains(digest);
    for (address, known) in &catalog.results {
        if known.disowned.is_some() || lies.contains_key(address) {
            continue;
        }
        let mut closure = Closure::default();
        catalog.closure(known, &mut closure).await?;
        let mut missing: Vec<_> = closure.blobs.iter().filter(|(_, digest)| !good(digest)).collect();
        missing.sort();
        let mut absent = None;
        for (kind, digest) in missing {
            if !(options.repair && store.repair(*kind, *digest).await?) {
                absent.get_or_insert(*digest);
            }
        }
        let Some(digest) = absent.or_else(|| closure.lost.iter().find(|digest| good(digest)).copied()) else {
            continue;
        };
        let fixed = options.repair && disowned_now(&catalog, *address, options).await?;
        let task = format!("{} {}", known.task, known.params.display(&[]));
        out.problems.push((Problem::Lost { address: *address, task, digest }, fixed));
    }
    Ok(out)
}

/// Says what a record says that cannot be true.
fn lie(address: Address, result: &ActionResult) -> Option<String> {
    let key = result.key();
    if key != address.key {
        return Some(format!("it is the result of {key}"));
    }
    if let Some(inline) = &result.inline
        && let Err(error) = inline.objects(result.tree)
    {
        return Some(error.to_string());
    }
    if result.action.sandbox > SANDBOX {
        return None;
    }
    let id = task_id(&result.provenance.plugin, &result.action.task, &result.action.params);
    if id != result.provenance.task_id {
        return Some(format!("it is of the task {id}, and says {}", result.provenance.task_id));
    }
    None
}

/// Puts away a record that is none: for this machine's own if that is good. Where another generation comes after it,
/// it has to stay, or nobody would find that one; so it is disowned.
async fn put_away(catalog: &Catalog, address: Address, options: &CheckOptions) -> Result<bool, StoreError> {
    if catalog.store.repair_result(address).await? {
        return Ok(true);
    }
    let after = Address { generation: address.generation.saturating_add(1), ..address };
    if catalog.listed.contains_key(&after) {
        return disowned_now(catalog, address, options).await;
    }
    let what = wrun_store::Removal { results: vec![address], ..wrun_store::Removal::default() };
    catalog.store.remove(&what).await?;
    Ok(true)
}

/// Disowns a result as lost, unless that was done.
async fn disowned_now(catalog: &Catalog, address: Address, options: &CheckOptions) -> Result<bool, StoreError> {
    let done = catalog.results.get(&address).is_some_and(|known| known.disowned.is_some());
    if !done {
        disown(&*catalog.store, address, Why::Lost, options.time).await?;
    }
    Ok(true)
}

/// Reads every blob.
async fn inspect(store: &Arc<dyn Store>, out: &mut Checked) -> Result<HashMap<Digest, Health>, StoreError> {
    let listed = store.list_blobs().await?;
    let asked = futures_util::stream::iter(listed).map(|item| {
        let store = store.clone();
        async move { Ok::<_, StoreError>((item.what, item.size, store.inspect(item.what).await?)) }
    });
    let mut asked = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
    let mut health = HashMap::new();
    while let Some((digest, size, found)) = asked.try_next().await? {
        out.blobs += 1;
        out.bytes += size;
        health.insert(digest, found);
    }
    Ok(health)
}

/// Puts good bytes in the place of wrong ones, or removes them: whoever makes good ones again must find the place free.
async fn mend(store: &dyn Store, digest: Digest) -> Result<bool, StoreError> {
    for kind in [BlobKind::Blob, BlobKind::Tree] {
        if store.repair(kind, digest).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
