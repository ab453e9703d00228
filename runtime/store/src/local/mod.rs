//! The local store: blobs as files, small blobs and records in one SQLite index.
//!
//! ```text
//! cas/<2 hex>/<62 hex>   blobs and trees over 64 KiB, read-only files
//! index.sqlite           everything small: results, plans, steps, externals, tombstones, sessions, blobs
//! locks                  one byte a key, locked while an action runs
//! staging/<pid>-<n>/     files being written; swept once the process is gone
//! corrupt/               blobs whose bytes were not those of their digest
//! pins/                  what `gc` keeps because somebody said so
//! ```

mod care;
pub(crate) mod index;
mod log;
mod sqlite;
mod staging;
mod trim;

use crate::api::*;
use crate::care::inspect;
use crate::error::StoreError;
use async_trait::async_trait;
use index::{Index, Kind};
use staging::{Shards, StagedFile, Staging};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wrun_core::digest::{ActionKey, BlobHasher, Digest, GoalKey, PlanKey, TaskId};
use wrun_core::result::Address;

pub use trim::Trimmed;

/// Blobs of at most this many bytes are rows of the index: a file costs a sync of its own, which takes as
/// long as writing a megabyte.
pub const SMALL: usize = 64 << 10;
/// Files of at most this many bytes are handed out in memory.
const IN_MEMORY: u64 = 64 << 10;

/// A store in a folder of this machine.
pub struct LocalStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    index: Arc<Index>,
    shards: Arc<Shards>,
    staging: Mutex<Option<Arc<Staging>>>,
    /// Large blobs whose bytes were checked by this process.
    verified: Mutex<HashSet<(BlobKind, Digest)>>,
    /// Whether reading a file is noted at the file, for [`LocalStore::trim`].
    notes_use: bool,
    lookups: AtomicU64,
    reads: AtomicU64,
    commits: AtomicU64,
    files: Arc<AtomicU64>,
}

impl LocalStore {
    /// Opens the store in a folder, and makes it if it is not there.
    pub fn open(root: &Path) -> Result<Arc<Self>, StoreError> {
        Self::open_as(root, false)
    }

    /// Opens the folder of a cache, from which [`LocalStore::trim`] takes what was not read for long.
    pub fn open_cache(root: &Path) -> Result<Arc<Self>, StoreError> {
        Self::open_as(root, true)
    }

    fn open_as(root: &Path, notes_use: bool) -> Result<Arc<Self>, StoreError> {
        let cas = root.join("cas");
        if !cas.is_dir() {
            std::fs::create_dir_all(&cas).map_err(StoreError::io("create", &cas))?;
        }
        let root = std::fs::canonicalize(root).map_err(StoreError::io("open", root))?;
        let index = Index::open(&root)?;
        let inner = Inner {
            shards: Arc::new(Shards::new(root.join("cas"))),
            root,
            index,
            staging: Mutex::default(),
            verified: Mutex::default(),
            notes_use,
            lookups: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            files: Arc::default(),
        };
        Ok(Arc::new(Self { inner: Arc::new(inner) }))
    }

    /// Opens a store that must be there.
    pub fn open_existing(root: &Path) -> Result<Arc<Self>, StoreError> {
        let path = root.join("index.sqlite");
        std::fs::metadata(&path).map_err(StoreError::io("open", &path))?;
        Self::open(root)
    }
}

impl Inner {
    fn staging(&self) -> Result<Arc<Staging>, StoreError> {
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(staging) = &*staging {
            return Ok(staging.clone());
        }
        let made = Arc::new(Staging::open(&self.root)?);
        *staging = Some(made.clone());
        Ok(made)
    }

    fn stage(&self) -> Result<Box<StagedFile>, StoreError> {
        let staging = self.staging()?;
        let (path, file) = staging.create()?;
        Ok(Box::new(StagedFile {
            path,
            file,
            hasher: BlobHasher::new(),
            touched: false,
            shards: self.shards.clone(),
            placed: false,
            files: self.files.clone(),
            _staging: staging,
        }))
    }

    /// Writes large blobs as files; what is left of the batch goes into the index.
    fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError> {
        let mut rows = Vec::with_capacity(batch.len());
        let mut at = Vec::with_capacity(batch.len());
        let total = batch.len();
        for (i, write) in batch.into_iter().enumerate() {
            match write {
                Write::Blob(kind, bytes) if bytes.len() > SMALL => self.write_file(kind, &bytes)?,
                other => {
                    rows.push(other);
                    at.push(i);
                }
            }
        }
        // Blobs first, then what names them. This syncs even where all blobs were there already.
        self.shards.sync()?;
        let outcomes = self.index.commit(&rows)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        let mut all = vec![Committed::Written; total];
        for (i, outcome) in at.into_iter().zip(outcomes) {
            all[i] = outcome;
        }
        Ok(all)
    }

    fn write_file(&self, kind: BlobKind, bytes: &[u8]) -> Result<(), StoreError> {
        let digest = kind.digest(bytes);
        let path = self.shards.path(digest);
        if self.checked(kind, digest) && path.exists() {
            // Whoever placed it may not have made its name durable yet.
            path.parent().into_iter().for_each(|shard| self.shards.mark(shard.to_owned()));
            return Ok(());
        }
        let mut staged = self.stage()?;
        std::io::Write::write_all(&mut staged.file, bytes).map_err(StoreError::io("write", &staged.path))?;
        self.shards.place(&staged.path, &staged.file, digest)?;
        staged.placed = true;
        self.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn checked(&self, kind: BlobKind, digest: Digest) -> bool {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&(kind, digest))
    }

    fn get(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let path = self.shards.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return self.small(kind, digest),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let fail = StoreError::io("read", &path);
        let size = match file.metadata() {
            Ok(metadata) => {
                if self.notes_use {
                    trim::note_use(&file, &metadata);
                }
                metadata.len()
            }
            Err(error) => return Err(fail(error)),
        };
        if size <= IN_MEMORY {
            let mut bytes = Vec::new();
            if let Err(error) = (&file).take(IN_MEMORY + 1).read_to_end(&mut bytes) {
                return Err(fail(error));
            }
            return match kind.digest(&bytes) == digest {
                true => Ok(Some(Blob::Memory(bytes.into()))),
                false if other(kind).digest(&bytes) == digest => Ok(None),
                false => Err(self.corrupt(digest, &path)),
            };
        }
        if !self.checked(kind, digest) {
            match hash(kind, &file) {
                Ok(found) if found == digest => {}
                Ok(_) if hash(other(kind), &file).is_ok_and(|found| found == digest) => return Ok(None),
                Ok(_) => return Err(self.corrupt(digest, &path)),
                Err(error) => return Err(fail(error)),
            }
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, digest));
        }
        Ok(Some(Blob::File(Arc::new(file), size)))
    }

    fn small(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        let found = self.index.bodies(Kind::Blob, &[*digest.as_bytes()])?;
        let Some(bytes) = found.into_iter().next().flatten() else { return Ok(None) };
        if kind.digest(&bytes) == digest {
            return Ok(Some(Blob::Memory(bytes)));
        }
        if other(kind).digest(&bytes) == digest {
            return Ok(None);
        }
        self.index.forget_blob(digest)?;
        Err(StoreError::Corrupt { digest, path: self.root.join("index.sqlite") })
    }

    /// Moves a blob aside whose bytes are not those of its digest.
    fn corrupt(&self, digest: Digest, path: &Path) -> StoreError {
        let aside = self.root.join("corrupt");
        let moved =
            std::fs::create_dir_all(&aside).and_then(|()| std::fs::rename(path, aside.join(digest.to_hex())));
        match moved {
            Ok(()) => StoreError::Corrupt { digest, path: path.to_owned() },
            // Another process moved it first.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                StoreError::Corrupt { digest, path: path.to_owned() }
            }
            Err(error) => StoreError::io("move aside", path)(error),
        }
    }
}

/// A digest asked for under the wrong kind is absent; nothing is wrong with its bytes.
fn other(kind: BlobKind) -> BlobKind {
    match kind {
        BlobKind::Blob => BlobKind::Tree,
        BlobKind::Tree => BlobKind::Blob,
    }
}

fn hash(kind: BlobKind, mut file: &File) -> std::io::Result<Digest> {
    file.seek(std::io::SeekFrom::Start(0))?;
    std::io::Seek::rewind(&mut file)?;
    if kind == BlobKind::Tree {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(kind.digest(&bytes));
    }
    let mut hasher = BlobHasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.digest()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[async_trait]
impl Store for LocalStore {
    fn describe(&self) -> String {
        self.inner.root.display().to_string()
    }

    fn get(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        self.inner.get(kind, digest)
    }

    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError> {
        let there = |(kind, digest): &(BlobKind, Digest)| match self.inner.get(*kind, *digest) {
            Ok(found) => Ok(found.is_some()),
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        wanted.iter().map(there).collect()
    }

    async fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreError> {
        let mut there: Vec<bool> = digests.iter().map(|digest| self.inner.shards.path(*digest).exists()).collect();
        let left: Vec<usize> = (0..digests.len()).filter(|i| !there[*i]).collect();
        let keys: Vec<[u8; 32]> = left.iter().map(|i| *digests[*i].as_bytes()).collect();
        let found = self.inner.index.has(Kind::Blob, &keys)?;
        left.into_iter().zip(found).for_each(|(i, found)| there[i] = found);
        Ok(there)
    }

    fn stage(&self) -> Result<Box<dyn Staged>, StoreError> {
        Ok(self.inner.stage()?)
    }

    async fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        self.inner.lookups.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.inner.index.results(keys)
    }

    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        self.inner.lookups.fetch_add(tasks.len() as u64, Ordering::Relaxed);
        self.inner.index.latest(tasks)
    }

    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.lookups.fetch_add(keys.len() as u64, Ordering::Relaxed);
        let keys: Vec<[u8; 32]> = keys.iter().map(|key| *key.0.as_bytes()).collect();
        self.inner.index.bodies(Kind::Plan, &keys)
    }

    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.lookups.fetch_add(keys.len() as u64, Ordering::Relaxed);
        let keys: Vec<[u8; 32]> = keys.iter().map(|key| *key.0.as_bytes()).collect();
        self.inner.index.bodies(Kind::Step, &keys)
    }

    async fn attempts(&self, tasks: &[TaskId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.lookups.fetch_add(tasks.len() as u64, Ordering::Relaxed);
        let keys: Vec<[u8; 32]> = tasks.iter().map(|task| *task.0.as_bytes()).collect();
        self.inner.index.bodies(Kind::Attempt, &keys)
    }

    async fn externals(&self, stamps: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.inner.lookups.fetch_add(stamps.len() as u64, Ordering::Relaxed);
        self.inner.index.externals(stamps)
    }

    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        self.inner.lookups.fetch_add(1, Ordering::Relaxed);
        self.inner.index.tombstones(after)
    }

    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError> {
        self.inner.lookups.fetch_add(1, Ordering::Relaxed);
        self.inner.index.session(goal)
    }

    async fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.inner.index.runs(most)
    }

    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || inner.commit(batch)).await;
        done.unwrap_or_else(|error| Err(StoreError::io("write", &self.inner.root)(std::io::Error::other(error))))
    }

    async fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError> {
        self.inner.list_results()
    }

    async fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError> {
        self.inner.list_blobs()
    }

    async fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError> {
        self.inner.index.list_runs()
    }

    async fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError> {
        self.inner.index.list_goals()
    }

    async fn run(&self, id: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.index.run(id)
    }

    async fn now(&self) -> Result<i64, StoreError> {
        self.inner.now()
    }

    async fn remove(&self, what: &Removal) -> Result<(), StoreError> {
        self.inner.remove(what)
    }

    async fn inspect(&self, digest: Digest) -> Result<Health, StoreError> {
        inspect(self, digest)
    }

    async fn repair(&self, kind: BlobKind, digest: Digest) -> Result<bool, StoreError> {
        // Wrong bytes are moved aside when they are read, and there is no other place to take good ones from.
        Ok(matches!(self.inner.get(kind, digest), Ok(Some(_))))
    }

    async fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.inner.pins()
    }

    async fn set_pin(&self, name: &str, body: Option<Bytes>) -> Result<(), StoreError> {
        self.inner.set_pin(name, body.as_deref())
    }

    async fn owed(&self) -> Result<Vec<Address>, StoreError> {
        self.inner.index.owed()
    }

    fn others_wrote(&self) -> Result<bool, StoreError> {
        self.inner.index.others_wrote()
    }

    fn local_root(&self) -> Option<PathBuf> {
        Some(self.inner.root.clone())
    }

    fn counters(&self) -> Counters {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            lookups: load(&self.inner.lookups),
            reads: load(&self.inner.reads),
            commits: load(&self.inner.commits),
            files: load(&self.inner.files),
            traffic: Default::default(),
        }
    }
}
