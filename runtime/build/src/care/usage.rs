//! How many bytes there are, by task type.

use super::catalog::Closure;
use super::{Catalog, Known};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_core::result::Address;
use wrun_store::{Store, StoreError};

/// Results, blobs, bytes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// How many results.
    pub results: u64,
    /// How many blobs and trees.
    pub blobs: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// The usage of one task type.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UsageOf {
    /// The plugin's id; empty for what no result names.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// What it has.
    #[serde(flatten)]
    pub usage: Usage,
}

/// Adds up results and blobs, by the task type of the first result that names a blob: bytes that several share
/// count once.
pub(super) async fn add_up(
    catalog: &Catalog,
    results: &HashSet<Address>,
    blobs: &HashMap<Digest, u64>,
) -> Result<Vec<UsageOf>, StoreError> {
    let mut by_type: BTreeMap<(String, String), Usage> = BTreeMap::new();
    let mut left: HashSet<Digest> = blobs.keys().copied().collect();
    let name = |known: &Known| (known.plugin.clone(), known.task.clone());
    for known in catalog.results.values().filter(|known| results.contains(&known.address)) {
        let usage = by_type.entry(name(known)).or_default();
        usage.results += 1;
        usage.bytes += known.size;
        let mut closure = Closure::default();
        catalog.closure(known, &mut closure).await?;
        for (_, digest) in closure.blobs {
            if left.remove(&digest) {
                usage.blobs += 1;
                usage.bytes += blobs[&digest];
            }
        }
    }
    let unread = results.iter().filter(|address| !catalog.results.contains_key(address));
    let mut rest = Usage { blobs: left.len() as u64, ..Usage::default() };
    rest.bytes = left.iter().map(|digest| blobs[digest]).sum();
    for address in unread {
        rest.results += 1;
        rest.bytes += catalog.listed.get(address).map_or(0, |item| item.size);
    }
    if rest != Usage::default() {
        by_type.insert((String::new(), String::new()), rest);
    }
    Ok(by_type.into_iter().map(|((plugin, task), usage)| UsageOf { plugin, task, usage }).collect())
}

/// Says what a store has, by task type.
pub async fn usage(store: &Arc<dyn Store>) -> Result<Vec<UsageOf>, StoreError> {
    let catalog = Catalog::read(store).await?;
    let blobs = store.list_blobs().await?.into_iter().map(|item| (item.what, item.size)).collect();
    let results = catalog.listed.keys().copied().collect();
    add_up(&catalog, &results, &blobs).await
}
