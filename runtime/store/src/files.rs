//! Views of trees and blobs: what the sandbox reads its inputs from, and what a run's output is.
//!
//! A [`Dir`] is a tree whose bytes may be in memory (small outputs that ride inside records, outputs just
//! made), or in a store and read at first use. Cloning is cheap. Reading is blocking and touches this
//! machine alone; [`Dir::fetch`] brings what is missing before.

use crate::api::{Blob, BlobKind, Bytes, Store};
use crate::error::StoreError;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use wrun_core::digest::{Digest, TreeDigest};
use wrun_core::result::{Inline, InlineError, InlineNode, Object};
use wrun_core::tree::{Entry, EntryKind, Tree, split_path};

/// A directory: its digest, and where the bytes below it are.
#[derive(Clone)]
pub struct Dir {
    digest: TreeDigest,
    tree: Arc<OnceLock<Arc<Tree>>>,
    memory: Arc<Objects>,
    store: Option<Arc<dyn Store>>,
}

/// Objects in memory, by digest. There may be one for each of a hundred thousand tasks, mostly of one file: a B-tree's
/// first node has room for eleven.
#[derive(Debug, Default)]
pub struct Objects {
    /// The bytes of files.
    pub blobs: FxHashMap<Digest, Bytes>,
    /// Directories.
    pub trees: FxHashMap<TreeDigest, Arc<Tree>>,
}

impl std::fmt::Debug for Dir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dir({:?})", self.digest)
    }
}

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A blob or tree is gone.
    #[error("{0} is gone from the store")]
    Lost(Digest),
    /// The store's own error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A path that is not in the tree; the paths that are there, at the level where it ends.
    #[error("there is no `{path}` in it")]
    NoPath {
        /// The path.
        path: String,
        /// What is there instead.
        there: Vec<String>,
    },
    /// An inlined output that is not what its record says.
    #[error(transparent)]
    Inline(#[from] InlineError),
}

impl Dir {
    /// Names a tree whose bytes are all in a store.
    pub fn stored(digest: TreeDigest, store: Arc<dyn Store>) -> Self {
        Self { digest, tree: Arc::default(), memory: Arc::default(), store: Some(store) }
    }

    /// Names a tree of which some objects are in memory; the rest is in the store, if there is one.
    pub fn with_memory(digest: TreeDigest, memory: Objects, store: Option<Arc<dyn Store>>) -> Self {
        Self { digest, tree: Arc::default(), memory: Arc::new(memory), store }
    }

    /// Decodes an inlined output and checks it against its digest.
    pub fn inlined(inline: &Inline, due: TreeDigest) -> Result<Self, FilesError> {
        let mut memory = Objects::default();
        for object in inline.objects(due)? {
            match object {
                Object::Blob(digest, bytes) => _ = memory.blobs.insert(digest, bytes.into()),
                Object::Tree(digest, tree) => _ = memory.trees.insert(digest, Arc::new(tree)),
            }
        }
        Ok(Self::with_memory(due, memory, None))
    }

    /// Returns the digest of the tree.
    pub fn digest(&self) -> TreeDigest {
        self.digest
    }

    /// Returns the objects that are in memory.
    pub fn memory(&self) -> &Objects {
        &self.memory
    }

    /// Returns the store that has what is not in memory.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    /// Returns the listing.
    pub fn tree(&self) -> Result<Arc<Tree>, FilesError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree.clone());
        }
        let tree = self.subtree(self.digest)?;
        Ok(self.tree.get_or_init(|| tree).clone())
    }

    /// Returns the directory of an entry.
    pub fn child(&self, entry: &Entry) -> Self {
        Self {
            digest: TreeDigest(entry.digest),
            tree: Arc::default(),
            memory: self.memory.clone(),
            store: self.store.clone(),
        }
    }

    /// Returns the bytes of a file's entry.
    pub fn file(&self, entry: &Entry) -> Result<Blob, FilesError> {
        if let Some(bytes) = self.memory.blobs.get(&entry.digest) {
            return Ok(Blob::Memory(bytes.clone()));
        }
        self.look_in_store(BlobKind::Blob, entry.digest)
    }

    /// Returns what a path names: a directory as it is, a file as a directory with that one file.
    pub fn at(&self, path: &str) -> Result<Self, FilesError> {
        let mut dir = self.clone();
        let names = split_path(path).unwrap_or_default();
        for (i, name) in names.iter().enumerate() {
            let tree = dir.tree()?;
            let missing = || FilesError::NoPath {
                path: path.to_owned(),
                there: tree.entries().iter().map(|entry| below(&names[..i], &entry.name)).collect(),
            };
            let entry = tree.get(name).ok_or_else(missing)?;
            match entry.kind {
                EntryKind::Directory => dir = dir.child(entry),
                EntryKind::File { .. } if i + 1 == names.len() => {
                    let alone = Tree::new(vec![entry.clone()]).map_err(|_| missing())?;
                    let mut memory = Objects::default();
                    if let Some(bytes) = dir.memory.blobs.get(&entry.digest) {
                        memory.blobs.insert(entry.digest, bytes.clone());
                    }
                    let digest = alone.digest();
                    memory.trees.insert(digest, Arc::new(alone));
                    return Ok(Self::with_memory(digest, memory, dir.store.clone()));
                }
                EntryKind::File { .. } => return Err(missing()),
            }
        }
        if names.is_empty() {
            return Err(FilesError::NoPath { path: path.to_owned(), there: Vec::new() });
        }
        Ok(dir)
    }

    /// Brings everything below to this machine; tells what is missing.
    pub async fn fetch(&self) -> Result<(), FilesError> {
        let Some(store) = &self.store else { return Ok(()) };
        let mut dirs = vec![self.clone()];
        while !dirs.is_empty() {
            demand(store, &absent_trees(&dirs)).await?;
            let mut files = Vec::new();
            let mut below = Vec::new();
            for dir in &dirs {
                for entry in dir.tree()?.entries() {
                    match entry.kind {
                        EntryKind::Directory => below.push(dir.child(entry)),
                        EntryKind::File { .. } if dir.memory.blobs.contains_key(&entry.digest) => {}
                        EntryKind::File { .. } => files.push((BlobKind::Blob, entry.digest)),
                    }
                }
            }
            demand(store, &files).await?;
            dirs = below;
        }
        Ok(())
    }

    /// Brings the directories below to this machine, without their files.
    pub async fn fetch_trees(&self) -> Result<(), FilesError> {
        let Some(store) = &self.store else { return Ok(()) };
        let mut dirs = vec![self.clone()];
        while !dirs.is_empty() {
            demand(store, &absent_trees(&dirs)).await?;
            let mut below = Vec::new();
            for dir in &dirs {
                let tree = dir.tree()?;
                let folders = tree.entries().iter().filter(|entry| entry.kind == EntryKind::Directory);
                below.extend(folders.map(|entry| dir.child(entry)));
            }
            dirs = below;
        }
        Ok(())
    }

    /// Calls `visit` with the path, entry and directory of everything below, parents first, in order.
    pub fn walk(
        &self,
        visit: &mut dyn FnMut(&str, &Entry, &Self) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        self.walk_below("", visit)
    }

    fn walk_below(
        &self,
        above: &str,
        visit: &mut dyn FnMut(&str, &Entry, &Self) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        for entry in self.tree()?.entries() {
            let path = if above.is_empty() { entry.name.clone() } else { format!("{above}/{}", entry.name) };
            visit(&path, entry, self)?;
            if entry.kind == EntryKind::Directory {
                self.child(entry).walk_below(&path, visit)?;
            }
        }
        Ok(())
    }

    /// Returns the whole output for its record, if it has at most `most` bytes and 64 entries.
    pub fn inline(&self, most: u64) -> Result<Option<Inline>, FilesError> {
        const MOST_ENTRIES: usize = 64;
        if self.tree()?.size() > most {
            return Ok(None);
        }
        let mut left = MOST_ENTRIES;
        Ok(self.inline_nodes(&mut left)?.map(Inline))
    }

    fn inline_nodes(&self, left: &mut usize) -> Result<Option<BTreeMap<String, InlineNode>>, FilesError> {
        let tree = self.tree()?;
        if tree.entries().len() > *left {
            return Ok(None);
        }
        *left -= tree.entries().len();
        let mut nodes = BTreeMap::new();
        for entry in tree.entries() {
            let node = match entry.kind {
                EntryKind::Directory => match self.child(entry).inline_nodes(left)? {
                    Some(nodes) => InlineNode::Dir(nodes),
                    None => return Ok(None),
                },
                EntryKind::File { exec } => {
                    let bytes = self.file(entry)?.to_vec().map_err(|_| FilesError::Lost(entry.digest))?;
                    InlineNode::file(&bytes, exec)
                }
            };
            nodes.insert(entry.name.clone(), node);
        }
        Ok(Some(nodes))
    }

    /// Reads from the store. A corrupt blob has been moved aside there, and is gone like any other.
    fn look_in_store(&self, kind: BlobKind, digest: Digest) -> Result<Blob, FilesError> {
        match self.store.as_ref().map(|store| store.get(kind, digest)).transpose() {
            Ok(found) => found.flatten().ok_or(FilesError::Lost(digest)),
            Err(StoreError::Corrupt { .. }) => Err(FilesError::Lost(digest)),
            Err(error) => Err(error.into()),
        }
    }

    fn subtree(&self, digest: TreeDigest) -> Result<Arc<Tree>, FilesError> {
        if let Some(tree) = self.memory.trees.get(&digest) {
            return Ok(tree.clone());
        }
        let blob = self.look_in_store(BlobKind::Tree, digest.0)?;
        let bytes = blob.to_vec().map_err(|_| FilesError::Lost(digest.0))?;
        // The bytes have the digest of a tree, so only a newer format can fail here.
        Tree::decode(&bytes).map(Arc::new).map_err(|_| FilesError::Lost(digest.0))
    }
}

/// Returns which of the paths of a [`FilesError::NoPath`] was meant: they differ from it in one name.
pub fn meant<'a>(path: &str, there: &'a [String]) -> Option<&'a str> {
    let name = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let level = there.first()?.matches('/').count();
    let wrong = path.split('/').nth(level)?;
    let near = wrun_core::suggest::nearest(wrong, there.iter().map(|path| name(path)))?;
    there.iter().map(String::as_str).find(|path| name(path) == near)
}

fn below(folders: &[&str], name: &str) -> String {
    folders.iter().chain([&name]).copied().collect::<Vec<_>>().join("/")
}

/// Returns the trees of directories that are not in memory.
fn absent_trees(dirs: &[Dir]) -> Vec<(BlobKind, Digest)> {
    let absent = dirs.iter().filter(|dir| !dir.memory.trees.contains_key(&dir.digest));
    absent.map(|dir| (BlobKind::Tree, dir.digest.0)).collect()
}

async fn demand(store: &Arc<dyn Store>, wanted: &[(BlobKind, Digest)]) -> Result<(), FilesError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let there = store.fetch(wanted).await?;
    match wanted.iter().zip(there).find(|(_, there)| !there) {
        Some(((_, digest), _)) => Err(FilesError::Lost(*digest)),
        None => Ok(()),
    }
}
