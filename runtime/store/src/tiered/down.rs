//! Bytes that come from the truth to this machine: verified before anybody sees them.

use super::care::Doubts;
use super::{AT_ONCE, names};
use crate::api::{Blob, BlobKind, Bytes, Staged, Store, Write};
use crate::error::StoreError;
use crate::objects::Objects;
use std::path::Path;
use std::sync::Arc;
use tokio::task::{JoinError, JoinSet};
use wrun_core::digest::Digest;

/// Blobs of at most this many bytes are kept with the small records of the cache.
const SMALL: usize = 64 << 10;
/// So many of them are written together.
const TOGETHER: usize = 512;
/// Bytes that are not what their name says are asked for once more: they may have been damaged on the way.
const TRIES: u32 = 2;

/// Brings blobs and trees to the cache; tells which are there and what they should be.
pub(super) async fn bring(
    cache: &Arc<dyn Store>,
    (truth, doubts): (&Arc<dyn Objects>, &Arc<Doubts>),
    wanted: &[(BlobKind, Digest)],
) -> Result<Vec<bool>, StoreError> {
    let mut there = vec![false; wanted.len()];
    let mut small = Vec::new();
    let mut next = wanted.iter().copied().enumerate();
    // Each is a task of its own: hashing is work for all cores, and syncs that wait together are one for the disk.
    let mut coming = JoinSet::new();
    loop {
        while coming.len() < AT_ONCE
            && let Some((i, (kind, digest))) = next.next()
        {
            let (cache, truth, doubts) = (cache.clone(), truth.clone(), doubts.clone());
            coming.spawn(async move { (i, one(cache, (truth, doubts), kind, digest).await) });
        }
        let Some(came) = coming.join_next().await else { break };
        let (i, found) = came.map_err(|error| stopped(cache, error))?;
        let found = found?;
        there[i] = !matches!(found, Found::Absent);
        if let Found::Small(write) = found {
            small.push(write);
        }
        if small.len() >= TOGETHER {
            cache.commit(std::mem::take(&mut small)).await?;
        }
    }
    // Even where nothing is small: what was staged becomes durable.
    if there.iter().any(|there| *there) {
        cache.commit(small).await?;
    }
    Ok(there)
}

enum Found {
    Absent,
    /// To be written.
    Small(Write),
    /// Staged in the cache.
    Large,
}

async fn one(
    cache: Arc<dyn Store>,
    (truth, doubts): (Arc<dyn Objects>, Arc<Doubts>),
    kind: BlobKind,
    digest: Digest,
) -> Result<Found, StoreError> {
    let name = names::blob(digest);
    for _ in 0..TRIES {
        let mut landing = Landing::new(cache.clone(), kind);
        if !truth.download(&name, &mut landing).await? {
            return Ok(Found::Absent);
        }
        match landing.land().await? {
            Landed::Memory(bytes) if kind.digest(&bytes) == digest => {
                return Ok(Found::Small(Write::Blob(kind, bytes)));
            }
            Landed::Memory(_) => {}
            Landed::Staged(found) if found == digest => return Ok(Found::Large),
            // It lies under its own digest, where nobody will ask for it.
            Landed::Staged(_) => {}
        }
    }
    // The truth has other bytes under that name: for us it has none, and whoever makes them again replaces it.
    doubts.add(digest);
    Ok(Found::Absent)
}

fn stopped(cache: &Arc<dyn Store>, error: JoinError) -> StoreError {
    StoreError::io("write", Path::new(&cache.describe()))(std::io::Error::other(error))
}

/// Where a download goes: to memory while it is small, then to a file of the cache. A tree stays in memory: a file
/// has another hash domain.
struct Landing {
    cache: Arc<dyn Store>,
    most: usize,
    memory: Vec<u8>,
    staged: Option<Box<dyn Staged>>,
}

enum Landed {
    Memory(Bytes),
    Staged(Digest),
}

impl Landing {
    fn new(cache: Arc<dyn Store>, kind: BlobKind) -> Self {
        let most = if kind == BlobKind::Tree { usize::MAX } else { SMALL };
        Self { cache, most, memory: Vec::new(), staged: None }
    }

    async fn land(self) -> Result<Landed, StoreError> {
        let Some(staged) = self.staged else { return Ok(Landed::Memory(self.memory.into())) };
        // It waits for the disk.
        let finished = tokio::task::spawn_blocking(move || staged.finish()).await;
        Ok(Landed::Staged(finished.map_err(|error| stopped(&self.cache, error))??))
    }
}

impl Staged for Landing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(staged) = &mut self.staged {
            return staged.write(bytes);
        }
        if self.memory.len().saturating_add(bytes.len()) <= self.most {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let mut staged = self.cache.stage()?;
        staged.write(&std::mem::take(&mut self.memory))?;
        staged.write(bytes)?;
        self.staged = Some(staged);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Digest, StoreError> {
        match self.staged {
            None => Ok(Digest::of_blob(&self.memory)),
            Some(staged) => staged.finish(),
        }
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn touched(&mut self) {}
}

/// Reads what is needed to send a blob, from the cache.
pub(super) fn read(cache: &Arc<dyn Store>, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
    match cache.get(kind, digest) {
        Err(StoreError::Corrupt { .. }) => Ok(None),
        other => other,
    }
}
