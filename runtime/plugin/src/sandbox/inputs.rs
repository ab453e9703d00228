//! `/in`: trees and blobs, read straight from the store.
//!
//! Inode numbers are made of the path inside the guest's view: they tell files apart and say nothing of
//! the machine.

use super::fault::Fault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::digest::TreeDigest;
use wrun_core::tree::{Entry, EntryKind};
use wrun_store::Blob;
use wrun_store::files::Dir;

/// The folder `/in` of one run; a `need` adds to it.
pub(crate) struct Inputs {
    named: Mutex<BTreeMap<String, Arc<InDir>>>,
}

impl Inputs {
    pub(crate) fn new(inputs: Vec<(String, Dir)>) -> Self {
        let named = inputs.into_iter().map(|(name, dir)| (name.clone(), Arc::new(InDir::root(name, dir))));
        Self { named: Mutex::new(named.collect()) }
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Arc<InDir>>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<InDir>> {
        self.named().get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.named().keys().cloned().collect()
    }

    /// Adds an input. Answers with the digest that is there already under this name, if it is another.
    pub(crate) fn add(&self, name: String, dir: Dir) -> Result<(), TreeDigest> {
        let mut named = self.named();
        match named.get(&name) {
            Some(there) if there.dir.digest() == dir.digest() => Ok(()),
            Some(there) => Err(there.dir.digest()),
            None => {
                named.insert(name.clone(), Arc::new(InDir::root(name, dir)));
                Ok(())
            }
        }
    }
}

/// A directory below `/in`.
pub(crate) struct InDir {
    input: Arc<str>,
    path: String,
    dir: Dir,
    /// Directories below that were looked into, so that each listing is decoded once.
    below: Mutex<BTreeMap<String, Arc<InDir>>>,
}

/// A file below `/in`.
pub(crate) struct InFile {
    pub(crate) input: Arc<str>,
    pub(crate) blob: Blob,
    pub(crate) inode: u64,
}

/// What a name in `/in` is.
pub(crate) enum Found {
    Dir(Arc<InDir>),
    File(Entry),
}

impl InDir {
    fn root(name: String, dir: Dir) -> Self {
        Self { input: name.as_str().into(), path: name, dir, below: Mutex::default() }
    }

    pub(crate) fn inode(&self) -> u64 {
        inode(&self.path)
    }

    pub(crate) fn list(&self) -> Result<Vec<(String, EntryKind)>, Fault> {
        let tree = self.dir.tree().map_err(|error| Fault::reading(&self.input, error))?;
        Ok(tree.entries().iter().map(|entry| (entry.name.clone(), entry.kind)).collect())
    }

    pub(crate) fn find(&self, name: &str) -> Result<Option<Found>, Fault> {
        let tree = self.dir.tree().map_err(|error| Fault::reading(&self.input, error))?;
        let Some(entry) = tree.get(name) else { return Ok(None) };
        if entry.kind != EntryKind::Directory {
            return Ok(Some(Found::File(entry.clone())));
        }
        let mut below = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        let child = below.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Self {
                input: self.input.clone(),
                path: format!("{}/{name}", self.path),
                dir: self.dir.child(entry),
                below: Mutex::default(),
            })
        });
        Ok(Some(Found::Dir(child.clone())))
    }

    pub(crate) fn file_inode(&self, name: &str) -> u64 {
        inode(&format!("{}/{name}", self.path))
    }

    pub(crate) fn open(&self, entry: &Entry) -> Result<InFile, Fault> {
        let blob = self.dir.file(entry).map_err(|error| Fault::reading(&self.input, error))?;
        Ok(InFile { input: self.input.clone(), blob, inode: self.file_inode(&entry.name) })
    }
}

impl InFile {
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        self.blob
            .read_at(buffer, offset)
            .map_err(|error| Fault::Infrastructure(format!("cannot read input `{}`: {error}", self.input)))
    }
}

/// Inodes of `/in` have the top bit set; those of `/out` are counted from 1.
pub(crate) fn inode(path: &str) -> u64 {
    let hash = blake3::hash(path.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(head) | 1 << 63
}
