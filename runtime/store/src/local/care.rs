//! Listing, cleaning and pinning in a folder.

use super::Inner;
use super::index::Kind;
use crate::api::{Bytes, Item, Removal};
use crate::error::StoreError;
use std::fs::Metadata;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;
use wrun_core::digest::{ActionKey, Digest};
use wrun_core::result::Address;

impl Inner {
    pub(super) fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError> {
        let mut all = Vec::new();
        self.index.each(Kind::Result, &mut |key, generation, size| {
            let what = Address { key: ActionKey(Digest::from_bytes(key)), generation };
            all.push(Item { what, size, written: None });
        })?;
        all.sort();
        Ok(all)
    }

    pub(super) fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError> {
        let mut all = Vec::new();
        self.index.each(Kind::Blob, &mut |key, _, size| {
            all.push(Item { what: Digest::from_bytes(key), size, written: None });
        })?;
        self.each_file(|what, metadata| all.push(Item { what, size: metadata.len(), written: None }))?;
        all.sort();
        all.dedup_by_key(|item| item.what);
        Ok(all)
    }

    /// Looks at every blob that is a file.
    pub(super) fn each_file(&self, mut look: impl FnMut(Digest, &Metadata)) -> Result<(), StoreError> {
        let cas = &self.shards.cas;
        let list = |folder: &PathBuf| std::fs::read_dir(folder).map_err(StoreError::io("list", folder));
        for shard in list(cas)? {
            let shard = shard.map_err(StoreError::io("list", cas))?.path();
            if !shard.is_dir() {
                continue;
            }
            for file in list(&shard)? {
                let file = file.map_err(StoreError::io("list", &shard))?;
                let names =
                    (shard.file_name().and_then(|name| name.to_str()).map(str::to_owned), file.file_name());
                let (Some(first), Some(rest)) = (names.0, names.1.to_str()) else { continue };
                // What has another name is nothing of ours.
                let Ok(what) = format!("b3:{first}{rest}").parse::<Digest>() else { continue };
                // It may just have been moved aside.
                let Ok(metadata) = file.metadata() else { continue };
                look(what, &metadata);
            }
        }
        Ok(())
    }

    /// Returns the time by the file system's clock, which is that of its server where it has one.
    pub(super) fn now(&self) -> Result<i64, StoreError> {
        let staged = self.stage()?;
        let fail = StoreError::io("read", &staged.path);
        let changed = match staged.file.metadata().and_then(|metadata| metadata.modified()) {
            Ok(changed) => changed,
            Err(error) => return Err(fail(error)),
        };
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// What names others goes first, so that nothing names what is gone.
    pub(super) fn remove(&self, what: &Removal) -> Result<(), StoreError> {
        self.index.remove(what)?;
        what.blobs.iter().try_for_each(|digest| self.remove_file(*digest))
    }

    /// Removes the file of a blob, if it has one.
    pub(super) fn remove_file(&self, digest: Digest) -> Result<(), StoreError> {
        let path = self.shards.path(digest);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn pin_folder(&self) -> PathBuf {
        self.root.join("pins")
    }

    pub(super) fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        let folder = self.pin_folder();
        let mut all = Vec::new();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(all),
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(StoreError::io("list", &folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !name.contains('.') {
                all.push((name.to_owned(), std::fs::read(&path).map_err(StoreError::io("read", &path))?.into()));
            }
        }
        all.sort();
        Ok(all)
    }

    pub(super) fn set_pin(&self, name: &str, body: Option<&[u8]>) -> Result<(), StoreError> {
        let folder = self.pin_folder();
        let path = folder.join(name);
        let Some(body) = body else {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::io("remove", &path)(error))
                }
                _ => Ok(()),
            };
        };
        std::fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let mut staged = self.stage()?;
        staged.file.write_all(body).map_err(StoreError::io("write", &staged.path))?;
        staged.file.sync_data().map_err(StoreError::io("sync", &staged.path))?;
        std::fs::rename(&staged.path, &path).map_err(StoreError::io("write", &path))?;
        staged.placed = true;
        let folder_file = std::fs::File::open(&folder).map_err(StoreError::io("open", &folder))?;
        folder_file.sync_all().map_err(StoreError::io("sync", &folder))
    }
}
