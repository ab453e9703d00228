//! The contract of every store, and the plain data it moves.

use crate::error::StoreError;
use crate::objects::Traffic;
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
    /// Takes the bytes of a whole file instead of writing them: by a hard link where that is possible, else as a
    /// copy. Nobody may write to the file any more; it becomes read-only, and this user's.
    fn take(&mut self, file: &std::fs::File) -> Result<(), StoreError> {
        let size = file.metadata().map_err(StoreError::io("read", Path::new("a file")))?.len();
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        while at < size {
            let count = std::os::unix::fs::FileExt::read_at(file, &mut buffer, at);
            let count = count.map_err(StoreError::io("read", Path::new("a file")))?;
            if count == 0 {
                break;
            }
            self.write(&buffer[..count])?;
            at += count as u64;
        }
        Ok(())
    }
}

/// A stored result: its generation and its bytes, uninterpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 0.
    pub generation: u32,
    /// JSON.
    pub body: Bytes,
    /// Whether it came from the truth just now, and not from this machine.
    pub remote: bool,
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
    /// The digest of an external file, by what `stat` or its server said of it.
    External(Stamp, Digest),
    /// The last attempt of a task that failed, instead of the one before.
    Attempt(TaskId, Bytes),
    /// A result that another store has: create-only too, but nobody's latest.
    Known {
        /// Its address.
        address: Address,
        /// JSON.
        body: Bytes,
    },
    /// The result that won a race in the truth: the one exception to create-only, and only for a cache.
    Adopted {
        /// Its address.
        address: Address,
        /// JSON.
        body: Bytes,
    },
    /// This result is not in the truth yet.
    Owed(Address),
    /// This result is durable in the truth.
    Settled(Address),
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

impl FileStamp {
    /// Returns it as bytes: device, inode, size, and both times, little-endian.
    pub fn to_bytes(self) -> [u8; 56] {
        let mut bytes = [0; 56];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.mtime.to_le_bytes());
        bytes[40..].copy_from_slice(&self.ctime.to_le_bytes());
        bytes
    }

    /// Reads those bytes.
    pub fn from_bytes(bytes: [u8; 56]) -> Self {
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let time = |at: usize| i128::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self { device: number(0), inode: number(8), size: number(16), mtime: time(24), ctime: time(40) }
    }
}

/// What identifies the content of an external, as far as this machine has seen it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stamp {
    /// A file of this machine.
    File(FileStamp),
    /// Something on a server: the hash of its address and of what the server says of it.
    Remote(Digest),
}

impl From<FileStamp> for Stamp {
    fn from(stamp: FileStamp) -> Self {
        Self::File(stamp)
    }
}

/// What came of waiting for the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Results of which another was first, and the record that won; it is what the store has now.
    pub lost: Vec<(Address, Bytes)>,
    /// Results that could not be sent, because the truth is out of reach by order.
    pub owed: usize,
}

/// One thing of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item<T> {
    /// What it is.
    pub what: T,
    /// Bytes that are stored of it.
    pub size: u64,
    /// When it was written, by the store's clock: milliseconds since 1970. None where the store does not know.
    pub written: Option<i64>,
}

/// What is to be removed from a store, or is condemned to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Removal {
    /// Results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<Address>,
    /// Blobs and trees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
    /// Entries of the history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
    /// Session records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<GoalKey>,
}

impl Removal {
    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty() && self.blobs.is_empty() && self.runs.is_empty() && self.goals.is_empty()
    }
}

/// What became of the bytes under a digest, once they were read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// They are what their name says.
    Good(BlobKind),
    /// They are something else.
    Wrong,
    /// There are none.
    Absent,
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
    /// Requests to another store, where this one is a cache of it.
    #[serde(flatten)]
    pub traffic: Traffic,
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

    /// Returns the generations of each key, in order. A store where each costs a request may return the first
    /// alone; [`Self::result`] tells whether there is another.
    async fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError>;

    /// Returns the record at an address.
    async fn result(&self, address: Address) -> Result<Option<Record>, StoreError> {
        let found = self.results(&[address.key]).await?.pop().unwrap_or_default();
        Ok(found.into_iter().find(|record| record.generation == address.generation))
    }

    /// Returns the address of the latest result of each task.
    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError>;

    /// Returns cached Plans.
    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns step hints.
    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns the last attempt of each task that failed, whatever came after it.
    async fn attempts(&self, tasks: &[TaskId]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Returns remembered digests of external files.
    async fn externals(&self, stamps: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError>;

    /// Returns the tombstones whose number is greater than `after`, in order.
    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError>;

    /// Returns the newest session record of a goal.
    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError>;

    /// Returns the newest `most` runs, newest first.
    async fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError>;

    /// The same, of all machines that share the truth: where that is another store it costs requests.
    async fn everyones_runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.runs(most).await
    }

    /// Makes a batch durable, together with every staged file finished before. Answers one [`Committed`]
    /// for each write, in order.
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError>;

    /// Lists all results.
    async fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError>;

    /// Lists all blobs and trees.
    async fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError>;

    /// Lists the ids of all runs, in order.
    async fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError>;

    /// Lists the goals that have a session record.
    async fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError>;

    /// Returns the header of a run.
    async fn run(&self, id: &str) -> Result<Option<Bytes>, StoreError>;

    /// Returns the time by the clock that [`Item::written`] is of: milliseconds since 1970.
    async fn now(&self) -> Result<i64, StoreError>;

    /// Removes what is named; what is not there is no error.
    async fn remove(&self, what: &Removal) -> Result<(), StoreError>;

    /// Reads a blob or tree where everybody has it, and says whether it is what its name says.
    async fn inspect(&self, digest: Digest) -> Result<Health, StoreError>;

    /// Puts good bytes in the place of wrong or absent ones, where this machine has them; removes wrong ones where
    /// it has not, so that they can be written again. Tells whether they are good now.
    async fn repair(&self, kind: BlobKind, digest: Digest) -> Result<bool, StoreError>;

    /// Returns the record at an address as everybody has it, whatever it is and whatever this machine has.
    async fn common_result(&self, address: Address) -> Result<Option<Record>, StoreError> {
        self.result(address).await
    }

    /// Puts the record that this machine has in the place of the one that everybody has; tells whether it has one.
    async fn repair_result(&self, _address: Address) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Returns the pins, by name.
    async fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError>;

    /// Writes a pin, or removes it.
    async fn set_pin(&self, name: &str, body: Option<Bytes>) -> Result<(), StoreError>;

    /// Tells whether a result is on a list of what will be removed, so that it must not be relied on any more.
    fn is_condemned(&self, _address: Address) -> bool {
        false
    }

    /// Returns the lists of what will be removed, with their names.
    async fn condemned(&self) -> Result<Vec<Item<(String, Removal)>>, StoreError> {
        Ok(Vec::new())
    }

    /// Publishes a list of what will be removed.
    async fn condemn(&self, _name: &str, _list: &Removal) -> Result<(), StoreError> {
        Ok(())
    }

    /// Says what of a list was removed, so that caches forget it too, and takes the list back.
    async fn swept(&self, _name: &str, _removed: &Removal) -> Result<(), StoreError> {
        Ok(())
    }

    /// Waits until everything that was committed is durable in the truth, where that is another store.
    async fn settle(&self) -> Result<Settled, StoreError> {
        Ok(Settled::default())
    }

    /// Returns the results that are not in the truth yet: of earlier processes too.
    async fn owed(&self) -> Result<Vec<Address>, StoreError> {
        Ok(Vec::new())
    }

    /// Tells whether asking whether something is there may cost a request.
    fn is_remote(&self) -> bool {
        false
    }

    /// Tells whether another process wrote records since the last time this was asked.
    fn others_wrote(&self) -> Result<bool, StoreError>;

    /// Returns the folder on this machine that holds locks, staging and compiled code, if there is one.
    fn local_root(&self) -> Option<PathBuf>;

    /// Returns the requests so far.
    fn counters(&self) -> Counters;
}
