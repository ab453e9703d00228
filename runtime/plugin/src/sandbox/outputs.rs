//! `/out`: directories and files that a run makes, and the tree that they become.

use super::body::{Body, Usage};
use super::fault::Fault;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_store::files::{Dir, Objects};

/// Directories nest at most this deep: whoever walks an output may do so recursively.
pub(crate) const MOST_DEPTH: usize = 200;
/// With more files than this open for staging, those that the guest has closed are finished.
const MOST_STAGED: usize = 64;

/// What a name in `/out` is.
#[derive(Clone)]
pub(crate) enum OutNode {
    Dir(Arc<OutDir>),
    File(Arc<OutFile>),
}

/// A directory below `/out`, or `/out` itself.
pub(crate) struct OutDir {
    pub(crate) inode: u64,
    shared: Arc<Shared>,
    entries: Mutex<BTreeMap<String, OutNode>>,
    parent: Mutex<Weak<OutDir>>,
    removed: AtomicBool,
}

/// A file below `/out`.
pub(crate) struct OutFile {
    pub(crate) inode: u64,
    shared: Arc<Shared>,
    body: Mutex<Body>,
    /// Descriptors and streams that the guest holds.
    pub(crate) opened: AtomicUsize,
}

/// What all nodes of a run share.
pub(crate) struct Shared {
    pub(crate) usage: Arc<Usage>,
    staged: Mutex<Vec<Weak<OutFile>>>,
}

impl OutDir {
    pub(crate) fn root(usage: Arc<Usage>) -> Arc<Self> {
        Self::with(Arc::new(Shared { usage, staged: Mutex::default() }), 0, Weak::new())
    }

    fn with(shared: Arc<Shared>, inode: u64, parent: Weak<Self>) -> Arc<Self> {
        Arc::new(Self {
            inode,
            shared,
            entries: Mutex::default(),
            parent: Mutex::new(parent),
            removed: AtomicBool::new(false),
        })
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, OutNode>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<OutNode> {
        self.entries().get(name).cloned()
    }

    /// Whether it was removed while the guest holds it open: nothing can be made in it.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    pub(crate) fn mark_removed(&self) {
        self.removed.store(true, Relaxed);
    }

    fn parent(&self) -> Option<Arc<Self>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Returns how many directories are above, `/out` included.
    pub(crate) fn depth(&self) -> usize {
        let mut depth = 0;
        let mut above = self.parent();
        while let Some(dir) = above {
            depth += 1;
            above = dir.parent();
        }
        depth
    }

    /// Returns how many levels of directories are below.
    pub(crate) fn height(&self) -> usize {
        let entries = self.entries();
        let below = entries.values().map(|node| match node {
            OutNode::Dir(dir) => dir.height() + 1,
            OutNode::File(_) => 0,
        });
        below.max().unwrap_or(0)
    }

    /// Tells whether it is `other` or lies below it.
    pub(crate) fn is_within(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut at = Some(self.clone());
        while let Some(dir) = at {
            if Arc::ptr_eq(&dir, other) {
                return true;
            }
            at = dir.parent();
        }
        false
    }

    pub(crate) fn make_dir(self: &Arc<Self>, name: String) -> Result<(), Fault> {
        let inode = self.shared.usage.add_node()?;
        let dir = Self::with(self.shared.clone(), inode, Arc::downgrade(self));
        self.entries().insert(name, OutNode::Dir(dir));
        Ok(())
    }

    pub(crate) fn make_file(self: &Arc<Self>, name: String) -> Result<Arc<OutFile>, Fault> {
        let inode = self.shared.usage.add_node()?;
        let file = Arc::new(OutFile {
            inode,
            shared: self.shared.clone(),
            body: Mutex::new(Body::new(self.shared.usage.clone())),
            opened: AtomicUsize::new(0),
        });
        self.entries().insert(name, OutNode::File(file.clone()));
        Ok(file)
    }

    /// Puts a node that was taken from elsewhere here.
    pub(crate) fn adopt(self: &Arc<Self>, name: String, node: OutNode) {
        if let OutNode::Dir(dir) = &node {
            *dir.parent.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(self);
        }
        self.entries().insert(name, node);
    }

    /// Makes the tree of what is there. The files are finished: nothing can be written after.
    pub(crate) fn finish(&self) -> Result<Dir, Fault> {
        let mut objects = Objects::default();
        let entry = self.finish_into("out", &mut objects)?;
        let digest = wrun_core::digest::TreeDigest(entry.digest);
        Ok(Dir::with_memory(digest, objects, Some(self.shared.usage.store.clone())))
    }

    fn finish_into(&self, name: &str, objects: &mut Objects) -> Result<Entry, Fault> {
        let made = std::mem::take(&mut *self.entries());
        let mut entries = Vec::with_capacity(made.len());
        for (name, node) in made {
            entries.push(match node {
                OutNode::Dir(dir) => dir.finish_into(&name, objects)?,
                OutNode::File(file) => {
                    let done = file.body().finish()?;
                    if let Some(bytes) = done.bytes {
                        objects.blobs.insert(done.digest, bytes);
                    }
                    let kind = EntryKind::File { exec: false };
                    Entry { name, kind, digest: done.digest, size: done.length }
                }
            });
        }
        let tree = Tree::new(entries).map_err(|error| Fault::Infrastructure(error.to_string()))?;
        let (digest, size) = (tree.digest(), tree.size());
        objects.trees.insert(digest, Arc::new(tree));
        Ok(Entry { name: name.to_owned(), kind: EntryKind::Directory, digest: digest.0, size })
    }
}

impl OutFile {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> u64 {
        self.body().len()
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        self.body().read_at(buffer, offset)
    }

    pub(crate) fn write(self: &Arc<Self>, bytes: &[u8], offset: Option<u64>) -> Result<(), Fault> {
        self.change(|body| match offset {
            Some(offset) => body.write_at(bytes, offset),
            None => body.append(bytes),
        })
    }

    pub(crate) fn set_len(self: &Arc<Self>, length: u64) -> Result<(), Fault> {
        self.change(|body| body.set_len(length))
    }

    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Body) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut body = self.body();
        let before = body.is_staged();
        change(&mut body)?;
        let spilled = !before && body.is_staged();
        drop(body);
        if spilled { self.shared.limit_staged(self) } else { Ok(()) }
    }
}

impl Shared {
    /// Remembers a file that has just been spilled, and keeps the number of open ones small.
    fn limit_staged(&self, new: &Arc<OutFile>) -> Result<(), Fault> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if staged.len() >= MOST_STAGED {
            let mut kept = Vec::new();
            for file in staged.iter().filter_map(Weak::upgrade) {
                if file.opened.load(Relaxed) > 0 {
                    kept.push(Arc::downgrade(&file));
                } else if file.body().is_staged() {
                    file.body().finish()?;
                }
            }
            *staged = kept;
        }
        staged.push(Arc::downgrade(new));
        Ok(())
    }
}

impl Drop for OutDir {
    fn drop(&mut self) {
        self.shared.usage.remove_node();
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        self.shared.usage.remove_node();
    }
}
