//! The bytes of one file under `/out`.
//!
//! Small files stay in memory. Past [`SPILL`], or once the run's files in memory are more than
//! [`MEMORY`], a file goes to the store's staging folder, where it is hashed as it grows. A write that
//! is not at the end turns hashing while writing off for that file: it is hashed when it is finished.

use super::fault::{Fault, bytes};
use crate::run::FailureKind;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wrun_core::digest::Digest;
use wrun_store::{BlobKind, Bytes, Staged, Store, StoreError};

/// A file larger than this is spilled to the store.
pub(crate) const SPILL: u64 = 256 << 10;
/// Once this many bytes are in memory every file that grows is spilled.
pub(crate) const MEMORY: u64 = 64 << 20;
/// Bytes are hashed and written in steps of at least this.
const STEP: usize = 128 << 10;

/// What all files of a run share: what they may use, and what they use.
pub(crate) struct Usage {
    task: String,
    pub(crate) store: Arc<dyn Store>,
    most_bytes: u64,
    most_files: u64,
    bytes: AtomicU64,
    files: AtomicU64,
    memory: AtomicU64,
    inodes: AtomicU64,
}

impl Usage {
    pub(crate) fn new(task: String, store: Arc<dyn Store>, most_bytes: u64, most_files: u64) -> Self {
        let zero = AtomicU64::default;
        Self { task, store, most_bytes, most_files, bytes: zero(), files: zero(), memory: zero(), inodes: zero() }
    }

    /// Accounts for one more file or directory; returns its inode number.
    pub(crate) fn add_node(&self) -> Result<u64, Fault> {
        let files = self.files.fetch_add(1, Relaxed) + 1;
        if files > self.most_files {
            let message = format!(
                "`{}` made more than its output cap of {} files and directories",
                self.task, self.most_files
            );
            return Err(Fault::stop(FailureKind::OutputLimit, message));
        }
        // A count, not a path: a deterministic guest makes its files in one order, and a renamed file
        // keeps its inode.
        Ok(self.inodes.fetch_add(1, Relaxed) + 1)
    }

    pub(crate) fn remove_node(&self) {
        self.files.fetch_sub(1, Relaxed);
    }

    /// Accounts for a change of length before anything is allocated.
    fn resize(&self, from: u64, to: u64) -> Result<(), Fault> {
        if to <= from {
            self.bytes.fetch_sub(from - to, Relaxed);
            return Ok(());
        }
        let total = self.bytes.load(Relaxed).saturating_add(to - from);
        if total > self.most_bytes {
            let message = format!("`{}` wrote more than its output cap of {}", self.task, bytes(self.most_bytes));
            return Err(Fault::stop(FailureKind::OutputLimit, message));
        }
        self.bytes.store(total, Relaxed);
        Ok(())
    }
}

/// The bytes of a file.
pub(crate) struct Body {
    usage: Arc<Usage>,
    length: u64,
    data: Data,
}

enum Data {
    Memory(Vec<u8>),
    /// Only ever appended to: hashed while it is written.
    Appended {
        staged: Box<dyn Staged>,
        path: PathBuf,
        written: u64,
        tail: Vec<u8>,
        reader: Option<File>,
    },
    /// Written anywhere: hashed at the end.
    Random {
        staged: Box<dyn Staged>,
        path: PathBuf,
        file: File,
    },
    Finished {
        digest: Digest,
    },
}

/// What became of a file's bytes.
pub(crate) struct Done {
    pub(crate) digest: Digest,
    pub(crate) length: u64,
    /// The bytes, unless they are a blob of the store.
    pub(crate) bytes: Option<Bytes>,
}

impl Body {
    pub(crate) fn new(usage: Arc<Usage>) -> Self {
        Self { usage, length: 0, data: Data::Memory(Vec::new()) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Whether an open file of the operating system stands behind it.
    pub(crate) fn is_staged(&self) -> bool {
        matches!(self.data, Data::Appended { .. } | Data::Random { .. })
    }

    pub(crate) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        let rest = self.length.saturating_sub(offset);
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..count];
        match &mut self.data {
            Data::Memory(data) => copy_from(data, offset, buffer),
            Data::Appended { path, written, tail, reader, .. } => {
                let head = usize::try_from(written.saturating_sub(offset)).unwrap_or(usize::MAX).min(count);
                if head > 0 {
                    let file = match reader {
                        Some(file) => file,
                        None => reader.insert(File::open(&*path).map_err(StoreError::io("read", &*path))?),
                    };
                    file.read_exact_at(&mut buffer[..head], offset).map_err(StoreError::io("read", &*path))?;
                }
                copy_from(tail, offset.saturating_sub(*written), &mut buffer[head..]);
            }
            Data::Random { file, path, .. } => {
                file.read_exact_at(buffer, offset).map_err(StoreError::io("read", &*path))?;
            }
            Data::Finished { digest } => {
                let blob = self.usage.store.get(BlobKind::Blob, *digest)?;
                let lost = || Fault::Infrastructure(format!("the staged output {digest} is gone from the store"));
                let blob = blob.ok_or_else(lost)?;
                blob.read_at(buffer, offset).map_err(|_| lost())?;
            }
        }
        Ok(count)
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.write_at(bytes, self.length)
    }

    pub(crate) fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.saturating_add(bytes.len() as u64);
        let length = self.length.max(end);
        self.usage.resize(self.length, length)?;
        let old = std::mem::replace(&mut self.length, length);
        self.reopen(old)?;
        if self.wants_spill() {
            self.spill(old)?;
        }
        if let Data::Memory(data) = &mut self.data {
            let before = data.len();
            return match copy_to(data, offset, bytes) {
                Some(()) => {
                    self.usage.memory.fetch_add((data.len() - before) as u64, Relaxed);
                    Ok(())
                }
                None => Err(out_of_memory()),
            };
        }
        if let Data::Appended { staged, written, tail, .. } = &mut self.data {
            let within = offset >= *written && offset - *written <= tail.len() as u64;
            if within {
                if tail.is_empty() && bytes.len() >= STEP {
                    staged.write(bytes)?;
                    *written = end;
                    return Ok(());
                }
                copy_to(tail, offset - *written, bytes).ok_or_else(out_of_memory)?;
                if tail.len() >= STEP {
                    staged.write(tail)?;
                    *written += tail.len() as u64;
                    tail.clear();
                }
                return Ok(());
            }
        }
        let (file, path) = self.random()?;
        Ok(file.write_all_at(bytes, offset).map_err(StoreError::io("write", path))?)
    }

    pub(crate) fn set_len(&mut self, length: u64) -> Result<(), Fault> {
        if length == self.length {
            return Ok(());
        }
        self.usage.resize(self.length, length)?;
        let old = std::mem::replace(&mut self.length, length);
        if length == 0 {
            // Starting anew is common, and whatever was staged is dropped with its file.
            if let Data::Memory(data) = &self.data {
                self.usage.memory.fetch_sub(data.len() as u64, Relaxed);
            }
            self.data = Data::Memory(Vec::new());
            return Ok(());
        }
        self.reopen(old)?;
        if self.wants_spill() {
            self.spill(old)?;
        }
        if let Data::Memory(data) = &mut self.data {
            let size = usize::try_from(length).map_err(|_| out_of_memory())?;
            let before = data.len();
            data.try_reserve(size.saturating_sub(before)).map_err(|_| out_of_memory())?;
            data.resize(size, 0);
            self.usage.memory.fetch_add(size as u64, Relaxed);
            self.usage.memory.fetch_sub(before as u64, Relaxed);
            return Ok(());
        }
        let (file, path) = self.random()?;
        Ok(file.set_len(length).map_err(StoreError::io("write", path))?)
    }

    /// Makes a blob of what is there, so that no file stays open.
    pub(crate) fn finish(&mut self) -> Result<Done, Fault> {
        let length = self.length;
        let placeholder = Data::Memory(Vec::new());
        let digest = match std::mem::replace(&mut self.data, placeholder) {
            Data::Memory(data) => {
                let digest = Digest::of_blob(&data);
                let bytes: Bytes = data.into();
                self.usage.memory.fetch_sub(bytes.len() as u64, Relaxed);
                self.data = Data::Finished { digest };
                return Ok(Done { digest, length, bytes: Some(bytes) });
            }
            Data::Appended { mut staged, tail, .. } => {
                if !tail.is_empty() {
                    staged.write(&tail)?;
                }
                staged.finish()?
            }
            Data::Random { staged, .. } => staged.finish()?,
            Data::Finished { digest } => digest,
        };
        self.data = Data::Finished { digest };
        Ok(Done { digest, length, bytes: None })
    }

    fn wants_spill(&self) -> bool {
        matches!(self.data, Data::Memory(_)) && (self.length > SPILL || self.usage.memory.load(Relaxed) > MEMORY)
    }

    /// Moves the first `length` bytes from memory to a staged file, if the store has files.
    fn spill(&mut self, length: u64) -> Result<(), Fault> {
        let mut staged = self.usage.store.stage()?;
        let Some(path) = staged.path().map(PathBuf::from) else { return Ok(()) };
        let Data::Memory(data) = &mut self.data else { return Ok(()) };
        self.usage.memory.fetch_sub(data.len() as u64, Relaxed);
        let mut tail = std::mem::take(data);
        let mut written = 0;
        if tail.len() >= STEP {
            staged.write(&tail)?;
            written = length;
            tail.clear();
        }
        self.data = Data::Appended { staged, path, written, tail, reader: None };
        Ok(())
    }

    /// Makes a finished file writable again: a copy of its blob.
    fn reopen(&mut self, length: u64) -> Result<(), Fault> {
        let Data::Finished { digest } = &self.data else { return Ok(()) };
        let gone = || Fault::Infrastructure(format!("the staged output {digest} is gone from the store"));
        let blob = self.usage.store.get(BlobKind::Blob, *digest)?.ok_or_else(gone)?;
        let mut staged = self.usage.store.stage()?;
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        while at < length {
            let count = blob.read_at(&mut buffer, at).map_err(|_| gone())?;
            if count == 0 {
                return Err(gone());
            }
            staged.write(&buffer[..count])?;
            at += count as u64;
        }
        let path = staged.path().map(PathBuf::from).unwrap_or_default();
        self.data = Data::Appended { staged, path, written: length, tail: Vec::new(), reader: None };
        Ok(())
    }

    /// Returns the file to write to at any position.
    fn random(&mut self) -> Result<(&File, &PathBuf), Fault> {
        if matches!(self.data, Data::Appended { .. }) {
            let old = std::mem::replace(&mut self.data, Data::Memory(Vec::new()));
            if let Data::Appended { mut staged, path, tail, .. } = old {
                if !tail.is_empty() {
                    staged.write(&tail)?;
                }
                let mut options = File::options();
                let file = options.read(true).write(true).open(&path).map_err(StoreError::io("write", &path))?;
                staged.touched();
                self.data = Data::Random { staged, path, file };
            }
        }
        match &self.data {
            Data::Random { file, path, .. } => Ok((file, path)),
            _ => Err(Fault::Infrastructure("an output file is in no state to be written".to_owned())),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.usage.bytes.fetch_sub(self.length, Relaxed);
        if let Data::Memory(data) = &self.data {
            self.usage.memory.fetch_sub(data.len() as u64, Relaxed);
        }
    }
}

fn copy_from(data: &[u8], offset: u64, buffer: &mut [u8]) {
    let rest = usize::try_from(offset).ok().and_then(|at| data.get(at..)).unwrap_or_default();
    let count = rest.len().min(buffer.len());
    buffer[..count].copy_from_slice(&rest[..count]);
}

/// Writes into a buffer, which grows as needed; a gap is zeros.
fn copy_to(data: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Option<()> {
    let at = usize::try_from(offset).ok()?;
    if at == data.len() {
        data.try_reserve(bytes.len()).ok()?;
        data.extend_from_slice(bytes);
        return Some(());
    }
    let end = at.checked_add(bytes.len())?;
    if end > data.len() {
        data.try_reserve(end - data.len()).ok()?;
        data.resize(end, 0);
    }
    data.get_mut(at..end)?.copy_from_slice(bytes);
    Some(())
}

fn out_of_memory() -> Fault {
    Fault::Infrastructure("there is no memory left for an output file".to_owned())
}
