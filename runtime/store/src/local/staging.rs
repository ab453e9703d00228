//! Files being written into the store: hashed as they grow, made durable, and renamed into place.

use crate::api::Staged;
use crate::error::StoreError;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::digest::{BlobHasher, Digest};

/// The staging folder of this process. A lock that the kernel releases with the process says that it is in use.
pub(crate) struct Staging {
    folder: PathBuf,
    count: AtomicU64,
    _lock: File,
}

impl Staging {
    /// Makes the folder of this process, and removes those of processes that are gone.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let all = root.join("staging");
        std::fs::create_dir_all(&all).map_err(StoreError::io("create", &all))?;
        // Nobody sweeps a folder between its making and its locking.
        let _others = exclusive(&all)?;
        sweep(&all)?;
        for n in 0u64.. {
            let folder = all.join(format!("{}-{n}", std::process::id()));
            match std::fs::create_dir(&folder) {
                Ok(()) => {
                    let path = folder.join("lock");
                    let lock = File::create(&path).map_err(StoreError::io("create", &path))?;
                    let taken = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
                    taken.map_err(|error| StoreError::io("lock", &path)(error.into()))?;
                    return Ok(Self { folder, count: AtomicU64::new(0), _lock: lock });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("create", &folder)(error)),
            }
        }
        Err(StoreError::io("create", &all)(std::io::ErrorKind::AlreadyExists.into()))
    }

    pub(crate) fn create(&self) -> Result<(PathBuf, File), StoreError> {
        let path = self.folder.join(self.count.fetch_add(1, Ordering::Relaxed).to_string());
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(&path);
        Ok((path.clone(), file.map_err(StoreError::io("create", &path))?))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is swept by the next process that stages.
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Locks a folder until the file is dropped.
pub(crate) fn exclusive(folder: &Path) -> Result<File, StoreError> {
    let file = File::open(folder).map_err(StoreError::io("open", folder))?;
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StoreError::io("lock", folder)(error.into())),
        }
    }
}

fn sweep(all: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(all).map_err(StoreError::io("list", all))? {
        let folder = entry.map_err(StoreError::io("list", all))?.path();
        // Whoever died before it made its lock left nothing else either.
        let dead = match File::open(folder.join("lock")) {
            Ok(lock) => rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if dead {
            _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// So many bytes are hashed and written at a time.
const PIECE: usize = 128 << 10;

/// So many files are synced one by one; where there are more, the file system is as a whole, which takes a fraction of
/// the time, but waits for what other programs wrote as well.
const FEW: usize = 64;

/// Where blobs end up, and what of them is not durable yet.
pub(crate) struct Shards {
    pub(crate) cas: PathBuf,
    /// Open before anything is written: of what went wrong earlier the kernel would tell it nothing.
    root: Option<File>,
    fresh: Mutex<Fresh>,
    /// Held while syncing: who finds nothing to be synced must not go on before it is.
    syncing: Mutex<()>,
}

/// What was placed since the last sync.
#[derive(Default)]
struct Fresh {
    /// Files, until there are more than [`FEW`].
    files: Vec<(PathBuf, File)>,
    many: bool,
    /// Folders that have new names.
    folders: std::collections::BTreeSet<PathBuf>,
}

impl Shards {
    pub(crate) fn new(cas: PathBuf) -> Self {
        let root = File::open(&cas).ok();
        Self { cas, root, fresh: Mutex::default(), syncing: Mutex::default() }
    }

    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.cas.join(&hex[..2]).join(&hex[2..])
    }

    /// Makes a complete, unsynced file the blob of a digest. It is durable after the next [`Self::sync`], before which
    /// nothing durable names it. One that is there already is replaced: it may be what a power cut left.
    pub(crate) fn place(&self, from: &Path, file: &File, digest: Digest) -> Result<(), StoreError> {
        let to = self.path(digest);
        let folder = to.parent().unwrap_or(&self.cas).to_owned();
        let mut mode = rustix::fs::Mode::empty();
        mode |= rustix::fs::Mode::RUSR | rustix::fs::Mode::RGRP | rustix::fs::Mode::ROTH;
        rustix::fs::fchmod(file, mode).map_err(|error| StoreError::io("protect", from)(error.into()))?;
        let renamed = match std::fs::rename(from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
                self.mark(self.cas.clone());
                std::fs::rename(from, &to)
            }
            other => other,
        };
        renamed.map_err(StoreError::io("write", &to))?;
        let mut fresh = self.fresh();
        fresh.folders.insert(folder);
        match file.try_clone() {
            Ok(file) if !fresh.many && fresh.files.len() < FEW => fresh.files.push((to, file)),
            _ if self.root.is_some() => {
                fresh.many = true;
                fresh.files.clear();
            }
            _ => file.sync_data().map_err(StoreError::io("sync", &to))?,
        }
        Ok(())
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a folder may have a name that is not durable.
    pub(crate) fn mark(&self, folder: PathBuf) {
        self.fresh().folders.insert(folder);
    }

    /// Makes all placed blobs durable, and their names.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = std::mem::take(&mut *self.fresh());
        let synced = self.sync_these(&fresh);
        if synced.is_err() {
            // Whoever commits next tries all of it again.
            let mut now = self.fresh();
            now.many |= fresh.many;
            now.files.extend(fresh.files);
            now.folders.extend(fresh.folders);
        }
        synced
    }

    fn sync_these(&self, fresh: &Fresh) -> Result<(), StoreError> {
        if let Some(root) = self.root.as_ref().filter(|_| fresh.many) {
            return rustix::fs::syncfs(root).map_err(|error| StoreError::io("sync", &self.cas)(error.into()));
        }
        for (path, file) in &fresh.files {
            file.sync_data().map_err(StoreError::io("sync", path))?;
        }
        for folder in &fresh.folders {
            let synced = File::open(folder).and_then(|file| file.sync_all());
            synced.map_err(StoreError::io("sync", folder))?;
        }
        Ok(())
    }
}

/// A file being written.
pub(crate) struct StagedFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) hasher: BlobHasher,
    pub(crate) touched: bool,
    pub(crate) shards: Arc<Shards>,
    pub(crate) placed: bool,
    pub(crate) files: Arc<AtomicU64>,
    /// Keeps the folder.
    pub(crate) _staging: Arc<Staging>,
}

impl Staged for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        // What is hashed is still in the processor's cache when it is written.
        for piece in bytes.chunks(PIECE) {
            self.hasher.update(piece);
            self.file.write_all(piece).map_err(StoreError::io("write", &self.path))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Digest, StoreError> {
        let digest = if self.touched { self.rehash()? } else { self.hasher.digest() };
        self.shards.place(&self.path, &self.file, digest)?;
        self.placed = true;
        self.files.fetch_add(1, Ordering::Relaxed);
        Ok(digest)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn touched(&mut self) {
        self.touched = true;
    }

    fn take(&mut self, file: &File) -> Result<(), StoreError> {
        if self.link(file) {
            self.touched = true;
            return Ok(());
        }
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        loop {
            let count = std::os::unix::fs::FileExt::read_at(file, &mut buffer, at);
            let count = count.map_err(StoreError::io("read", &self.path))?;
            if count == 0 {
                return Ok(());
            }
            self.write(&buffer[..count])?;
            at += count as u64;
        }
    }
}

impl StagedFile {
    /// Puts a link to a file in the place of the staged one; tells whether that is possible.
    fn link(&mut self, file: &File) -> bool {
        use rustix::fs::{AtFlags, CWD};
        use std::os::fd::AsRawFd as _;
        let Ok(handle) = file.try_clone() else { return false };
        let beside = self.path.with_extension("link");
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        // Of a file that is another user's the permissions could change later.
        let own = rustix::fs::fchown(file, Some(rustix::process::geteuid()), None).is_ok();
        let linked = own && rustix::fs::linkat(CWD, from, CWD, &beside, AtFlags::SYMLINK_FOLLOW).is_ok();
        if !linked || std::fs::rename(&beside, &self.path).is_err() {
            return false;
        }
        self.file = handle;
        true
    }

    fn rehash(&mut self) -> Result<Digest, StoreError> {
        let fail = |error| StoreError::io("read", &self.path)(error);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let mut hasher = BlobHasher::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).map_err(fail)? {
                0 => return Ok(hasher.digest()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.placed {
            // What is left is swept with the folder.
            _ = std::fs::remove_file(&self.path);
        }
    }
}
