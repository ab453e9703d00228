//! Bytes that come from the truth to this machine: verified before anybody sees them.

use super::care::Doubts;
use super::{AT_ONCE, names};
use crate::api::{Blob, BlobKind, Bytes, Staged, Store, Write};
use crate::error::StoreError;
use crate::objects::Objects;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::path::Path;
use std::sync::Arc;
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
    (truth, doubts): (&Arc<dyn Objects>, &Doubts),
    wanted: &[(BlobKind, Digest)],
) -> Result<Vec<bool>, StoreError> {
    let mut there = Vec::with_capacity(wanted.len());
    let mut small = Vec::new();
    let found = futures_util::stream::iter(wanted.to_vec())
        .map(|(kind, digest)| one(cache, (truth, doubts), kind, digest));
    let mut found = std::pin::pin!(found.buffered(AT_ONCE));
    while let Some(found) = found.try_next().await? {
        there.push(!matches!(found, Found::Absent));
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
    cache: &Arc<dyn Store>,
    (truth, doubts): (&Arc<dyn Objects>, &Doubts),
    kind: BlobKind,
    digest: Digest,
) -> Result<Found, StoreError> {
    let name = names::blob(digest);
    for _ in 0..TRIES {
        let mut landing = Landing::new(cache, kind);
        if !truth.download(&name, &mut landing).await? {
            return Ok(Found::Absent);
        }
        match landing.land()? {
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

/// Where a download goes: to memory while it is small, then to a file of the cache. A tree stays in memory: a file
/// has another hash domain.
struct Landing<'a> {
    cache: &'a Arc<dyn Store>,
    most: usize,
    memory: Vec<u8>,
    staged: Option<Box<dyn Staged>>,
}

enum Landed {
    Memory(Bytes),
    Staged(Digest),
}

impl<'a> Landing<'a> {
    fn new(cache: &'a Arc<dyn Store>, kind: BlobKind) -> Self {
        let most = if kind == BlobKind::Tree { usize::MAX } else { SMALL };
        Self { cache, most, memory: Vec::new(), staged: None }
    }

    fn land(self) -> Result<Landed, StoreError> {
        match self.staged {
            None => Ok(Landed::Memory(self.memory.into())),
            Some(staged) => Ok(Landed::Staged(staged.finish()?)),
        }
    }
}

impl Staged for Landing<'_> {
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
        match (*self).land()? {
            Landed::Memory(bytes) => Ok(Digest::of_blob(&bytes)),
            Landed::Staged(digest) => Ok(digest),
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
