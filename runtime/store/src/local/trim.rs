//! Keeping the folder of a cache below a size.

use super::LocalStore;
use crate::api::Store as _;
use crate::error::StoreError;
use crate::lock::Alone;
use std::fs::{File, FileTimes, Metadata};
use std::time::{Duration, SystemTime};
use wrun_core::digest::Digest;

/// A file's time of use is right to this much: noting each read would cost more than it is worth.
const COARSE: Duration = Duration::from_secs(600);

/// What was removed, and what is left.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Files that are gone.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of files that are left.
    pub left: u64,
}

/// Notes that a file is read. The time of its change serves, for bytes never change; that of access is not kept by
/// every mount.
pub(super) fn note_use(file: &File, metadata: &Metadata) {
    let now = SystemTime::now();
    if metadata.modified().is_ok_and(|known| now.duration_since(known).is_ok_and(|age| age > COARSE)) {
        // A cache that somebody else owns is read all the same.
        _ = file.set_times(FileTimes::new().set_modified(now));
    }
}

impl LocalStore {
    /// Removes files of blobs, those first that were not read for longest, until at most `limit` bytes are left. Only
    /// for a cache: all of it must be in the truth. None, and nothing is removed, while a build uses the folder or
    /// something in it is still owed. What is small lies in the index and does not count.
    pub async fn trim(&self, limit: u64) -> Result<Option<Trimmed>, StoreError> {
        let Some(_alone) = Alone::try_take(&self.inner.root)? else { return Ok(None) };
        if !self.owed().await?.is_empty() {
            return Ok(None);
        }
        let mut files: Vec<(SystemTime, Digest, u64)> = Vec::new();
        self.inner.each_file(|digest, metadata| {
            files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), digest, metadata.len()));
        })?;
        let mut done = Trimmed { left: files.iter().map(|(_, _, size)| size).sum(), ..Trimmed::default() };
        files.sort_unstable();
        for (_, digest, size) in files {
            if done.left <= limit {
                break;
            }
            self.inner.remove_file(digest)?;
            done.files += 1;
            done.bytes += size;
            done.left -= size;
        }
        Ok(Some(done))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::api::{BlobKind, Write};
    use crate::lock::Locks;

    #[tokio::test]
    async fn what_was_not_read_for_longest_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open_cache(root.path()).unwrap();
        let mut digests = Vec::new();
        for n in 0..4_u8 {
            let mut staged = store.stage().unwrap();
            staged.write(&vec![n; 100_000]).unwrap();
            digests.push(staged.finish().unwrap());
        }
        let small = vec![9; 100];
        store.commit(vec![Write::Blob(BlobKind::Blob, small.clone().into())]).await.unwrap();
        let hour = Duration::from_secs(3600);
        for (age, digest) in [9, 8, 7, 6].into_iter().zip(&digests) {
            let file = File::open(store.inner.shards.path(*digest)).unwrap();
            file.set_times(FileTimes::new().set_modified(SystemTime::now() - hour * age)).unwrap();
        }
        // Reading is noted.
        assert!(store.get(BlobKind::Blob, digests[0]).unwrap().is_some());
        let session = Locks::open(root.path()).unwrap();
        assert_eq!(store.trim(0).await.unwrap(), None, "a build uses it");
        drop(session);
        let all = Trimmed { files: 0, bytes: 0, left: 400_000 };
        assert_eq!(store.trim(400_000).await.unwrap(), Some(all));
        let done = Trimmed { files: 2, bytes: 200_000, left: 200_000 };
        assert_eq!(store.trim(299_999).await.unwrap(), Some(done));
        let there = store.has(&digests).await.unwrap();
        assert_eq!(there, [true, false, false, true]);
        assert_eq!(store.trim(0).await.unwrap().map(|done| done.left), Some(0));
        assert_eq!(store.has(&[Digest::of_blob(&small)]).await.unwrap(), [true]);
    }
}
