//! The contract of every store, and the plain data it moves.

use crate::error::StoreError;
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wrun_core::digest::{ActionKey, Digest, GoalKey, PlanKey, TaskId};
use wrun_core::result::Address;

/// What a digest is of; the two have hash domains of their own.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlobKind {
    /// The bytes of a file.
    Blob,
    /// The encoding of a [`wrun_core::tree::Tree`].
    Tree,
}

impl BlobKind {
    /// Hashes bytes in this domain.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Blob => Digest::of_blob(bytes),
            Self::Tree => wrun_core::tree::digest_of_encoding(bytes).0,
        }
    }
}

/// Bytes that are shared, not copied.
pub type Bytes = Arc<[u8]>;

/// A verified blob: in memory while small, else an open file that only grows stale by deletion.
#[derive(Clone, Debug)]
pub enum Blob {
    /// Small.
    Memory(Bytes),
    /// Large: an open, read-only file. Read it by position (`read_at`), never by seeking.
    File(Arc<std::fs::File>, u64),
}

impl Blob {
    /// Returns the size in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }

    /// Tells whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` from `offset`, all of it unless the end comes first; returns how many bytes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Self::File(file, _) => {
                use std::os::unix::fs::FileExt as _;
                if offset >= self.len() {
                    return Ok(0);
                }
                let mut done = 0;
                while done < buffer.len() {
                    match file.read_at(&mut buffer[done..], offset + done as u64) {
                        Ok(0) => break,
                        Ok(count) => done += count,
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(done)
            }
        }
    }

    /// Returns all bytes.
    pub fn to_vec(&self) -> std::io::Result<Vec<u8>> {
        let size = usize::try_from(self.len()).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        let mut buffer = vec![0; size];
        let count = self.read_at(&mut buffer, 0)?;
        if count == size { Ok(buffer) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A file being written into the store: hashed as it grows, renamed into place when it is finished,
/// removed when it is dropped.
pub trait Staged: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
    /// Makes it a blob (not yet durable: the next [`Store::commit`] makes it so) and returns its digest.
    fn finish(self: Box<Self>) -> Result<Digest, StoreError>;
    /// Where the bytes lie meanwhile, for whoever must write at a position; `finish` then hashes anew.
    fn path(&self) -> Option<&Path>;
    /// Says that the file was written by its path, so that what was hashed does not count.
    fn touched(&mut self);
}

/// A stored result: its generation and its bytes, uninterpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 0.
    pub generation: u32,
    /// JSON.
    pub body: Bytes,
}

/// One thing to make durable. A batch is written in this order: blobs, then the rest, in one step.
#[derive(Clone, Debug)]
pub enum Write {
    /// A small blob or tree; larger ones went through [`Store::stage`].
    Blob(BlobKind, Bytes),
    /// A new result: create-only, at exactly this generation.
    Result {
        /// Its address.
        address: Address,
        /// JSON.
        body: Bytes,
        /// The task that it is of, whose latest result it becomes.
        task: TaskId,
    },
    /// The latest result of a task, where a hit was of another address than the last time.
    Latest(TaskId, Address),
    /// A Plan.
    Plan(PlanKey, Bytes),
    /// A hint: what a dynamic action asks for at this key of its trace.
    Step(ActionKey, Bytes),
    /// A tombstone at exactly this number: create-only, without gaps.
    Tombstone(u64, Bytes),
    /// A session record's header, the newest of its goal, and an entry in the history under its run id.
    Session {
        /// The goal.
        goal: GoalKey,
        /// Sorts by time.
        run: String,
        /// JSON.
        header: Bytes,
    },
    /// What a build that left no session record did, for the history.
    Run {
        /// Sorts by time.
        run: String,
        /// JSON.
        header: Bytes,
    },
    /// The digest of an external file, by what `stat` said of it.
    External(FileStamp, Digest),
    /// The last attempt of a task that failed, instead of the one before.
    Attempt(TaskId, Bytes),
}

/// What became of one [`Write::Result`] or [`Write::Tombstone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is there and durable.
    Written,
    /// Something else was there first: these bytes, which win.
    Lost(Bytes),
}

/// What identifies the content of an external file on this machine.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileStamp {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: i128,
    /// Nanoseconds since 1970.
    pub ctime: i128,
}

/// Requests so far, by kind.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counters {
    /// Look-ups of records, of any kind.
    pub lookups: u64,
    /// Blobs read.
    pub reads: u64,
    /// Batches made durable.
    pub commits: u64,
    /// Blobs written as files.
    pub files: u64,
}

/// Blobs by digest, and small records by key.
///
/// Every implementation promises:
///
/// - **Nobody ever sees half an object.** A blob is there whole or not at all.
/// - **Results are create-only.** A (key, generation) is never overwritten; whoever loses a race is
///   given the winner's bytes.
/// - **A record is visible only after its bytes are durable**, and [`Self::commit`] returns only then.
/// - **Bytes handed out are verified.** Each blob is checked against its digest when it enters and at its
///   first use in a session; what does not match is moved aside and is [`StoreError::Corrupt`] once, then
///   absent.
/// - **A failure is an error**, never a miss.
///
/// Look-ups take many keys at once and answer in the same order.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Says where the store is, for people.
    fn describe(&self) -> String;

    /// Returns a blob or tree that is on this machine, verified; `None` if it is absent. Blocking and
    /// quick: a running guest reads through it.
    fn get(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError>;

    /// Brings blobs and trees to this machine, so that [`Self::get`] finds them; tells which are there.
    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError>;

    /// Tells which blobs are there, without reading them.
    async fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreError>;

    /// Starts a file in the store's own staging folder.
    fn stage(&self) -> Result<Box<dyn Staged>, StoreError>;

    /// Returns all generations of each key, in order.
    async fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError>;

    /// Returns the address of the latest result of each task.
    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError>;

    /// Returns cached Plans.
    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns step hints.
    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns the last attempt of each task that failed, whatever came after it.
    async fn attempts(&self, tasks: &[TaskId]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns remembered digests of external files.
    async fn externals(&self, stamps: &[FileStamp]) -> Result<Vec<Option<Digest>>, StoreError>;

    /// Returns the tombstones whose number is greater than `after`, in order.
    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError>;

    /// Returns the newest session record of a goal.
    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError>;

    /// Returns the newest `most` runs, newest first.
    async fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError>;

    /// Makes a batch durable, together with every staged file finished before. Answers one [`Committed`]
    /// for each write, in order.
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError>;

    /// Tells whether another process wrote records since the last time this was asked.
    fn others_wrote(&self) -> Result<bool, StoreError>;

    /// Returns the folder on this machine that holds locks, staging and compiled code, if there is one.
    fn local_root(&self) -> Option<PathBuf>;

    /// Returns the requests so far.
    fn counters(&self) -> Counters;
}
