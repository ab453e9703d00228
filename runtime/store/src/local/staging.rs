//! Files being written into the store: hashed as they grow, made durable, and renamed into place.

use crate::api::Staged;
use crate::error::StoreError;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// Where blobs end up, and which folders have entries that are not durable yet.
pub(crate) struct Shards {
    pub(crate) cas: PathBuf,
    dirty: Mutex<std::collections::BTreeSet<PathBuf>>,
}

impl Shards {
    pub(crate) fn new(cas: PathBuf) -> Self {
        Self { cas, dirty: Mutex::default() }
    }

    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.cas.join(&hex[..2]).join(&hex[2..])
    }

    /// Makes a complete, unsynced file the blob of a digest. One that is there already is replaced: it may be
    /// what a power cut left.
    pub(crate) fn place(&self, from: &Path, file: &File, digest: Digest) -> Result<(), StoreError> {
        let to = self.path(digest);
        let folder = to.parent().unwrap_or(&self.cas).to_owned();
        file.sync_data().map_err(StoreError::io("sync", from))?;
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
        self.mark(folder);
        Ok(())
    }

    pub(crate) fn mark(&self, folder: PathBuf) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
    }

    /// Makes the names of all placed blobs durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
        for folder in dirty {
            let synced = File::open(&folder).and_then(|file| file.sync_all());
            if let Err(error) = synced {
                self.mark(folder.clone());
                return Err(StoreError::io("sync", &folder)(error));
            }
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
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(StoreError::io("write", &self.path))
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
