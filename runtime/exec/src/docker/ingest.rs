//! What a container left under `/out` becomes a tree. The container is gone by then, so nothing changes meanwhile.
//!
//! Nothing is followed: every name is opened below the handle of its folder, without links. A folder or a regular
//! file is taken; a link, device, socket or fifo is an error that names it, and so is a name that no tree can have.
//! Files are hashed once, by several threads; large ones become blobs by hard link where that is possible. Of
//! permissions only the exec bit is kept; owners and times are not.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use wrun_core::digest::Digest;
use wrun_core::plan::{Limits, OUT_URL, OutputKind, OutputSpec};
use wrun_core::tree::{Entry, EntryKind, Tree, is_name};
use wrun_store::files::{Dir, Objects};
use wrun_store::{Store, StoreError};

/// Files of at most this size go with the record's batch; larger ones are files of the store.
const SMALL: u64 = 64 << 10;
/// So many bytes of small files are kept in memory; what is over goes the way of large ones.
const MOST_IN_MEMORY: u64 = 64 << 20;
/// Folders below `/out` are at most so deep: each takes a handle while its files are read.
const DEEPEST: usize = 100;
/// So many files are handed to a thread at once.
const BATCH: usize = 32;

/// Why there is no tree.
#[derive(Debug)]
pub(super) enum IngestError {
    /// The container is at fault; in words.
    Output(String),
    /// The container is at fault, unless somebody else may read what it wrote; in words.
    Unreadable(String),
    /// It wrote more than it may; in words.
    TooMuch(String),
    /// The store.
    Store(StoreError),
    /// This machine.
    Io(String),
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A file that is in the store already, and is part of the output: a path, and its content.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) path: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// How much may be there.
#[derive(Copy, Clone, Debug)]
pub(super) struct Most {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Most {
    /// As the task says, else as much as is usual.
    pub(super) fn of(limits: &Limits) -> Self {
        const BYTES: u64 = 64 << 30;
        const FILES: u64 = 1_000_000;
        Self { bytes: limits.output_bytes.unwrap_or(BYTES), files: limits.output_files.unwrap_or(FILES) }
    }
}

enum Node {
    Folder(BTreeMap<String, Node>),
    /// The number of the file.
    File(usize),
}

#[derive(Clone)]
struct Hashed {
    digest: Digest,
    size: u64,
    exec: bool,
}

struct Job {
    number: usize,
    folder: Arc<OwnedFd>,
    name: String,
    shown: String,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// Takes what is under a folder, and what was written elsewhere.
pub(super) fn ingest(
    out: &Path,
    given: Vec<Given>,
    outputs: &[OutputSpec],
    most: Most,
    store: &Arc<dyn Store>,
) -> Result<Dir, IngestError> {
    let root = rustix::fs::open(out, FOLDER, Mode::empty()).map_err(|error| io(out, error.into()))?;
    let (sender, receiver) = mpsc::sync_channel::<Vec<Job>>(16);
    let receiver = Mutex::new(receiver);
    let taken = Taken { store: store.as_ref(), memory: AtomicU64::new(0), failed: AtomicBool::new(false) };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (tree, parts) = std::thread::scope(|scope| {
        let work = || {
            let mut part = Part::default();
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(jobs) = next else { return Ok(part) };
                for job in jobs {
                    if taken.failed.load(Ordering::Relaxed) {
                        continue;
                    }
                    if let Err(error) = taken.take(&job, &mut part) {
                        taken.failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let bytes = given.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
        let mut walk = Walk { most, bytes, files: given.len() as u64, number: 0, sender };
        let tree = walk.folder(Arc::new(root), "", outputs);
        drop(walk);
        let parts: Vec<Result<Part, IngestError>> = threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(IngestError::Io("a thread that hashes died".into())))
            })
            .collect();
        (tree, parts)
    });
    // A thread that failed made the walk fail too, for want of listeners; its own words say more.
    let mut files = BTreeMap::new();
    let mut objects = Objects::default();
    for part in parts {
        let part = part?;
        files.extend(part.files);
        objects.blobs.extend(part.small);
    }
    let mut tree = tree?;
    for file in given {
        let number = files.last_key_value().map_or(0, |(last, _)| last + 1);
        put(&mut tree, &file.path, number)?;
        files.insert(number, Hashed { digest: file.digest, size: file.size, exec: false });
    }
    missing(&tree, outputs)?;
    let digest = fold(&tree, &files, &mut objects)?.0;
    Ok(Dir::with_memory(wrun_core::digest::TreeDigest(digest), objects, Some(store.clone())))
}

fn io(path: &Path, error: std::io::Error) -> IngestError {
    IngestError::Io(format!("cannot read `{}`: {error}", path.display()))
}

/// Puts a file where its path says.
fn put(tree: &mut BTreeMap<String, Node>, path: &str, number: usize) -> Result<(), IngestError> {
    let twice = || {
        IngestError::Output(format!("the container wrote `{path}` in two places: below /out, and to {OUT_URL}"))
    };
    let (mut at, mut rest) = (tree, path);
    while let Some((folder, below)) = rest.split_once('/') {
        let node = at.entry(folder.to_owned()).or_insert_with(|| Node::Folder(BTreeMap::new()));
        let Node::Folder(inner) = node else { return Err(twice()) };
        (at, rest) = (inner, below);
    }
    match at.insert(rest.to_owned(), Node::File(number)) {
        Some(_) => Err(twice()),
        None => Ok(()),
    }
}

/// Checks that exactly what was declared is there.
fn missing(tree: &BTreeMap<String, Node>, outputs: &[OutputSpec]) -> Result<(), IngestError> {
    if outputs.iter().any(|spec| spec.name == ".") {
        return Ok(());
    }
    for spec in outputs {
        match (tree.get(&spec.name), spec.kind) {
            (None, _) => {
                return Err(IngestError::Output(format!("the container did not write `/out/{}`", spec.name)));
            }
            (Some(Node::Folder(_)), OutputKind::File) => {
                let why = format!("`/out/{}` is a directory, and is declared as a file", spec.name);
                return Err(IngestError::Output(why));
            }
            (Some(Node::File(_)), OutputKind::Directory) => {
                let why = format!("`/out/{}` is a file, and is declared as a directory", spec.name);
                return Err(IngestError::Output(why));
            }
            _ => {}
        }
    }
    let extra = tree.keys().find(|name| outputs.iter().all(|spec| spec.name != **name));
    match extra {
        Some(name) => {
            Err(IngestError::Output(format!("the container wrote `/out/{name}`, which is not declared")))
        }
        None => Ok(()),
    }
}

struct Walk {
    most: Most,
    bytes: u64,
    files: u64,
    number: usize,
    sender: mpsc::SyncSender<Vec<Job>>,
}

impl Walk {
    fn folder(
        &mut self,
        root: Arc<OwnedFd>,
        above: &str,
        outputs: &[OutputSpec],
    ) -> Result<BTreeMap<String, Node>, IngestError> {
        self.below(&root, above, 0, outputs)
    }

    fn below(
        &mut self,
        folder: &Arc<OwnedFd>,
        above: &str,
        depth: usize,
        outputs: &[OutputSpec],
    ) -> Result<BTreeMap<String, Node>, IngestError> {
        if depth > DEEPEST {
            let at: String = above.chars().take(80).collect();
            return Err(IngestError::Output(format!("`/out/{at}…` is more than {DEEPEST} directories deep")));
        }
        let cannot = |error: rustix::io::Errno| unreadable(above, error.into());
        let mut names: Vec<String> = Vec::new();
        for entry in rustix::fs::Dir::read_from(folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            let shown = || format!("/out/{}", join(above, &name.to_string_lossy()));
            let name = name.to_str().ok().filter(|name| is_name(name)).ok_or_else(|| {
                IngestError::Output(format!(
                    "`{}` is not UTF-8, which the names of outputs are",
                    shown().escape_debug()
                ))
            })?;
            self.files += 1;
            if self.files > self.most.files {
                let why = format!("the container wrote more than {} files and directories", self.most.files);
                return Err(IngestError::TooMuch(why));
            }
            names.push(name.to_owned());
        }
        if depth == 0
            && let Some(name) =
                names.iter().find(|name| outputs.iter().all(|spec| spec.name != "." && spec.name != **name))
        {
            return Err(IngestError::Output(format!("the container wrote `/out/{name}`, which is not declared")));
        }
        let mut nodes = BTreeMap::new();
        let mut batch = Vec::new();
        let mut folders = Vec::new();
        for name in names {
            let path = join(above, &name);
            let stat = rustix::fs::statat(&**folder, &name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|error| unreadable(&path, error.into()))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => folders.push((name, path)),
                FileType::RegularFile => {
                    self.bytes = self.bytes.saturating_add(size(&stat));
                    if self.bytes > self.most.bytes {
                        let why = format!("the container wrote more than {} bytes", self.most.bytes);
                        return Err(IngestError::TooMuch(why));
                    }
                    batch.push(Job {
                        number: self.number,
                        folder: folder.clone(),
                        name: name.clone(),
                        shown: path,
                    });
                    nodes.insert(name, Node::File(self.number));
                    self.number += 1;
                    if batch.len() == BATCH {
                        self.send(std::mem::take(&mut batch))?;
                    }
                }
                other => {
                    let what = match other {
                        FileType::Symlink => "a symbolic link",
                        FileType::Fifo => "a fifo",
                        FileType::Socket => "a socket",
                        FileType::BlockDevice | FileType::CharacterDevice => "a device",
                        _ => "no file",
                    };
                    let why = format!("`/out/{path}` is {what}: outputs are files and directories");
                    return Err(IngestError::Output(why));
                }
            }
        }
        self.send(batch)?;
        for (name, path) in folders {
            let below = rustix::fs::openat(&**folder, &name, FOLDER, Mode::empty())
                .map_err(|error| unreadable(&path, error.into()))?;
            let node = Node::Folder(self.below(&Arc::new(below), &path, depth + 1, outputs)?);
            nodes.insert(name, node);
        }
        Ok(nodes)
    }

    fn send(&self, batch: Vec<Job>) -> Result<(), IngestError> {
        // Nobody listens once every thread has failed, which they say themselves.
        if batch.is_empty() { Ok(()) } else { self.sender.send(batch).map_err(|_| IngestError::Io(String::new())) }
    }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

fn unreadable(path: &str, error: std::io::Error) -> IngestError {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        return IngestError::Unreadable(format!(
            "`/out/{path}` cannot be read by the user of wrun: the container's program owns it and lets nobody else read it"
        ));
    }
    IngestError::Io(format!("cannot read `/out/{path}`: {error}"))
}

/// What one thread has taken.
#[derive(Default)]
struct Part {
    files: BTreeMap<usize, Hashed>,
    small: BTreeMap<Digest, wrun_store::Bytes>,
}

struct Taken<'a> {
    store: &'a dyn Store,
    /// Bytes of small files so far.
    memory: AtomicU64,
    failed: AtomicBool,
}

impl Taken<'_> {
    fn take(&self, job: &Job, part: &mut Part) -> Result<(), IngestError> {
        let cannot = |error: std::io::Error| unreadable(&job.shown, error);
        // A fifo that took the file's place would block, and a link would lead elsewhere.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*job.folder, &job.name, flags, Mode::empty());
        let mut file = File::from(file.map_err(|error| cannot(error.into()))?);
        let stat = rustix::fs::fstat(&file).map_err(|error| cannot(error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(IngestError::Io(format!("`/out/{}` changed while it was read", job.shown)));
        }
        let exec = stat.st_mode & 0o111 != 0;
        let size = size(&stat);
        let small = size <= SMALL && self.memory.fetch_add(size, Ordering::Relaxed) + size <= MOST_IN_MEMORY;
        let digest = if small {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            file.read_to_end(&mut bytes).map_err(cannot)?;
            let digest = Digest::of_blob(&bytes);
            part.small.insert(digest, bytes.into());
            digest
        } else {
            let mut staged = self.store.stage()?;
            staged.take(&file)?;
            staged.finish()?
        };
        part.files.insert(job.number, Hashed { digest, size, exec });
        Ok(())
    }
}

/// Makes trees from the bottom up; returns the digest and the size of the one given.
fn fold(
    nodes: &BTreeMap<String, Node>,
    files: &BTreeMap<usize, Hashed>,
    objects: &mut Objects,
) -> Result<(Digest, u64), IngestError> {
    let mut entries = Vec::with_capacity(nodes.len());
    for (name, node) in nodes {
        let (kind, digest, size) = match node {
            Node::Folder(below) => {
                let (digest, size) = fold(below, files, objects)?;
                (EntryKind::Directory, digest, size)
            }
            Node::File(number) => {
                let hashed = files.get(number);
                let hashed = hashed.ok_or_else(|| IngestError::Io(format!("`{name}` was not hashed")))?;
                (EntryKind::File { exec: hashed.exec }, hashed.digest, hashed.size)
            }
        };
        entries.push(Entry { name: name.clone(), kind, digest, size });
    }
    let tree = Tree::new(entries).map_err(|error| IngestError::Output(error.to_string()))?;
    let (digest, size) = (tree.digest(), tree.size());
    objects.trees.insert(digest, Arc::new(tree));
    Ok((digest.0, size))
}

/// Counts what is under a folder so far, as far as it can be read; it may change meanwhile.
pub(super) fn usage(out: &Path) -> (u64, u64) {
    fn below(folder: &OwnedFd, depth: usize, sum: &mut (u64, u64)) {
        let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            sum.1 += 1;
            if entry.file_type() == FileType::Directory {
                if depth < DEEPEST
                    && let Ok(folder) = rustix::fs::openat(folder, name, FOLDER, Mode::empty())
                {
                    below(&folder, depth + 1, sum);
                }
            } else if let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                // What it takes of the disk: a hole takes nothing.
                sum.0 = sum.0.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512));
            }
        }
    }
    let mut sum = (0, 0);
    if let Ok(root) = rustix::fs::open(out, FOLDER, Mode::empty()) {
        below(&root, 0, &mut sum);
    }
    sum
}

#[cfg(test)]
mod tests;
