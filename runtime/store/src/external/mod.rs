//! External files: found, hashed once, and brought into the store when something reads them.
//!
//! The memory of digests is by device, inode, size, mtime and ctime, and never of a file that was touched
//! within two seconds of being hashed: such a file may change again without its times showing it.
//!
//! A file is a tree with that one file under its own name. A folder is the tree of the files below it, and
//! a glob that of the files that match, by their paths below the part of the glob that is fixed; folders
//! without files are in neither.
//!
//! - `mod.rs`: hashing, and bringing bytes into the store
//! - `list.rs`: which files there are

use crate::api::{BlobKind, Bytes, FileStamp, Store, Write};
use crate::error::StoreError;
use crate::files::{Dir, Objects};
use list::{Listed, list};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use wrun_core::action::InputKind;
use wrun_core::digest::{BlobHasher, Digest, TreeDigest};
use wrun_core::plan::ExternalMode;
use wrun_core::tree::{Entry, EntryKind, Tree};

mod list;
#[cfg(test)]
mod tests;

/// Files of at most this many bytes are kept in memory once they are read.
const SMALL: u64 = 4 << 10;
/// A file that was touched so shortly before it was hashed is not remembered.
const UNSETTLED: Duration = Duration::from_secs(2);

/// What is wrong with an external.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// Nothing is there.
    #[error("`{}` is not there", .0.display())]
    Missing(PathBuf),
    /// Nothing is there that a glob matches.
    #[error("nothing matches `{}`", .0.display())]
    NoMatch(PathBuf),
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It changed while it was being read, or after it was hashed.
    #[error("`{}` changed while the build was reading it", .0.display())]
    Changed(PathBuf),
    /// A name that is not UTF-8.
    #[error("`{}` has a name that is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// A device, socket or fifo.
    #[error("`{}` is {kind}, not a file or a folder", path.display())]
    Special {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A symbolic link that leads out of the folder that is read.
    #[error("the link `{}` leads out of `{}`", path.display(), folder.display())]
    LinkOut {
        /// The link.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A symbolic link that leads nowhere.
    #[error("the link `{}` points at nothing", .0.display())]
    Dangling(PathBuf),
    /// Folders in folders without end.
    #[error("`{}` leads back to a folder that it is in", .0.display())]
    Loop(PathBuf),
    /// Folders in folders in folders.
    #[error("`{}` is inside more than {} folders", .0.display(), list::DEEPEST)]
    TooDeep(PathBuf),
    /// Not a glob.
    #[error("`{glob}` is not a glob: {why}")]
    Glob {
        /// The text.
        glob: String,
        /// Why.
        why: String,
    },
    /// A name that cannot be in a tree.
    #[error("`{}`: {why}", path.display())]
    Name {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl ExternalError {
    /// Tells whether it may yet appear.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoMatch(_))
    }

    /// Returns one thing to try.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing(path) => match near(path) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "relative paths start at the folder of wrun.toml, else at the working directory".into(),
            },
            Self::Unreadable { .. } => "check its permissions".into(),
            Self::Changed(_) => "build again once nothing writes to it any more".into(),
            Self::NotUtf8(_) => "rename it, or name what you need by a glob that leaves it out".into(),
            Self::Special { .. } => "name what you need by a glob that leaves it out".into(),
            Self::LinkOut { .. } => "copy what it points at into the folder, or name that path itself".into(),
            Self::NoMatch(_) => "`*` stays inside one folder; `**` goes into all below".into(),
            Self::Dangling(_) | Self::Loop(_) => {
                "remove that link, or name what you need by a glob that leaves it out".into()
            }
            Self::TooDeep(_) => "name what you need below it".into(),
            Self::Glob { .. } => "`*`, `?`, `[a-z]`, `{a,b}` and `**` are known".into(),
            Self::Name { .. } => "rename it".into(),
        }
    }
}

fn near(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let there: Vec<String> = std::fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    wrun_core::suggest::nearest(name, there.iter().map(String::as_str)).map(str::to_owned)
}

/// An external that is there.
pub struct Found {
    /// What the digest is of.
    pub kind: InputKind,
    /// Its content.
    pub digest: TreeDigest,
    /// New memories of digests, to be committed whenever.
    pub stamps: Vec<Write>,
    files: Vec<FoundFile>,
    /// Whether it is a single file: its tree is then not worth a record.
    alone: bool,
    store: Arc<dyn Store>,
    /// Made at first use where it takes reading nothing: a graph may have a file for each of its tasks.
    dir: OnceLock<Dir>,
}

#[derive(Clone)]
struct FoundFile {
    /// Below the external, between `/`.
    name: String,
    path: PathBuf,
    stamp: FileStamp,
    exec: bool,
    digest: Option<Digest>,
}

/// Finds and hashes externals. A file whose stamp is remembered is not read.
pub async fn find(
    store: &Arc<dyn Store>,
    requests: &[(PathBuf, ExternalMode)],
) -> Result<Vec<Result<Found, ExternalError>>, StoreError> {
    let mut all: Vec<Result<Listed, ExternalError>> = requests.iter().map(|(path, _)| list(path)).collect();
    let mut wanted: Vec<&mut FoundFile> = Vec::new();
    for ((_, mode), listed) in requests.iter().zip(&mut all) {
        if let (ExternalMode::Content, Ok((files, _))) = (mode, listed) {
            wanted.extend(files);
        }
    }
    let stamps: Vec<FileStamp> = wanted.iter().map(|file| file.stamp).collect();
    if !stamps.is_empty() {
        let known = store.externals(&stamps).await?;
        wanted.into_iter().zip(known).for_each(|(file, digest)| file.digest = digest);
    }
    let now = SystemTime::now();
    let mut read = FxHashMap::default();
    let finish = |((_, mode), listed): (&(PathBuf, ExternalMode), Result<Listed, ExternalError>)| {
        let (files, alone) = listed?;
        match mode {
            ExternalMode::Content => content(store, files, alone, now, &mut read),
            ExternalMode::Listing => listing(store, &files),
        }
    };
    Ok(requests.iter().zip(all).map(finish).collect())
}

/// What was read in one call: no file is read twice.
type Read = FxHashMap<FileStamp, (Digest, Option<Bytes>)>;

fn content(
    store: &Arc<dyn Store>,
    mut files: Vec<FoundFile>,
    alone: bool,
    now: SystemTime,
    read: &mut Read,
) -> Result<Found, ExternalError> {
    let mut memory = Objects::default();
    let mut stamps = Vec::new();
    for file in &mut files {
        if file.digest.is_some() {
            continue;
        }
        let (digest, bytes) = match read.get(&file.stamp) {
            Some(known) => known.clone(),
            None => {
                let made = hash(&file.path, file.stamp)?;
                if settled(&file.stamp, now) {
                    stamps.push(Write::External(file.stamp, made.0));
                }
                read.insert(file.stamp, made.clone());
                made
            }
        };
        file.digest = Some(digest);
        memory.blobs.extend(bytes.map(|bytes| (digest, bytes)));
    }
    let digest = trees(&files, &mut memory)?;
    let dir = match alone && memory.blobs.is_empty() {
        true => OnceLock::new(),
        false => OnceLock::from(Dir::with_memory(digest, memory, Some(store.clone()))),
    };
    Ok(Found { kind: InputKind::Tree, digest, stamps, files, alone, store: store.clone(), dir })
}

fn trees(files: &[FoundFile], memory: &mut Objects) -> Result<TreeDigest, ExternalError> {
    let leaves = files.iter().map(|file| Leaf {
        name: &file.name,
        path: &file.path,
        exec: file.exec,
        digest: file.digest.unwrap_or_else(|| Digest::of_blob(b"")),
        size: file.stamp.size,
    });
    build(leaves.collect(), memory)
}

fn listing(store: &Arc<dyn Store>, files: &[FoundFile]) -> Result<Found, ExternalError> {
    // A line must end where its name does.
    if let Some(file) = files.iter().find(|file| file.name.contains(char::is_control)) {
        let why = "it has a control character in its name, which a listing cannot hold".into();
        return Err(ExternalError::Name { path: file.path.clone(), why });
    }
    let lines: String = files.iter().map(|file| format!("{}\t{}\n", file.stamp.size, file.name)).collect();
    let bytes: Bytes = lines.into_bytes().into();
    let (digest, size) = (Digest::of_blob(&bytes), bytes.len() as u64);
    let mut memory = Objects::default();
    memory.blobs.insert(digest, bytes);
    let leaf = Leaf { name: "listing", path: Path::new("listing"), exec: false, digest, size };
    let digest = build(vec![leaf], &mut memory)?;
    let dir = OnceLock::from(Dir::with_memory(digest, memory, Some(store.clone())));
    let (kind, store) = (InputKind::Listing, store.clone());
    Ok(Found { kind, digest, stamps: Vec::new(), files: Vec::new(), alone: false, store, dir })
}

impl Found {
    /// Returns the listing, and the bytes of small files that were just read.
    pub fn dir(&self) -> &Dir {
        self.dir.get_or_init(|| {
            let mut memory = Objects::default();
            // The names made a tree before, so they do again.
            _ = trees(&self.files, &mut memory);
            Dir::with_memory(self.digest, memory, Some(self.store.clone()))
        })
    }

    /// Brings the bytes of all its files to where a task can read them. Returns the same directory, with what
    /// is small in memory, and what has to be committed before a result that stands on it.
    pub async fn bring(&self, store: &Arc<dyn Store>) -> Result<(Dir, Vec<Write>), BringError> {
        let known = self.dir().memory();
        let mut memory = Objects { blobs: known.blobs.clone(), trees: known.trees.clone() };
        let mut writes = Vec::new();
        let absent: Vec<&FoundFile> =
            self.files.iter().filter(|file| file.digest.is_some_and(|d| !memory.blobs.contains_key(&d))).collect();
        let wanted: Vec<_> = absent.iter().filter_map(|file| file.digest).map(|d| (BlobKind::Blob, d)).collect();
        let there = if wanted.is_empty() { Vec::new() } else { store.fetch(&wanted).await? };
        for (file, there) in absent.into_iter().zip(there) {
            let Some(due) = file.digest.filter(|_| !there) else { continue };
            if memory.blobs.contains_key(&due) {
                continue;
            }
            if file.stamp.size <= SMALL {
                let (digest, bytes) = hash(&file.path, file.stamp)?;
                if digest != due {
                    return Err(ExternalError::Changed(file.path.clone()).into());
                }
                memory.blobs.extend(bytes.map(|bytes| (due, bytes)));
            } else {
                ingest(store, file, due)?;
            }
        }
        writes.extend(memory.blobs.values().map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone())));
        if !self.alone {
            writes.extend(memory.trees.values().map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into())));
        }
        Ok((Dir::with_memory(self.digest, memory, Some(store.clone())), writes))
    }
}

/// Why an external's bytes could not be brought.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// The external's fault.
    #[error(transparent)]
    External(#[from] ExternalError),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies a large file into the store, and checks that it is what was hashed.
fn ingest(store: &Arc<dyn Store>, file: &FoundFile, due: Digest) -> Result<(), BringError> {
    let mut source = open(&file.path)?;
    let mut staged = store.stage()?;
    let reflinked = staged.path().is_some_and(|to| {
        File::options().write(true).open(to).is_ok_and(|to| rustix::fs::ioctl_ficlone(&to, &source).is_ok())
    });
    if reflinked {
        staged.touched();
    } else {
        let mut buffer = vec![0; 1 << 20];
        loop {
            match read(&mut source, &mut buffer, &file.path)? {
                0 => break,
                count => staged.write(&buffer[..count])?,
            }
        }
    }
    let after = source.metadata().map_err(|source| unreadable(&file.path, source))?;
    if stamp(&after) == file.stamp && staged.finish()? == due {
        Ok(())
    } else {
        Err(ExternalError::Changed(file.path.clone()).into())
    }
}

fn open(path: &Path) -> Result<File, ExternalError> {
    // What was a file when it was listed may be a fifo by now, which nobody writes to.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(nonblock).open(path);
    file.map_err(|source| unreadable(path, source))
}

fn read(file: &mut File, buffer: &mut [u8], path: &Path) -> Result<usize, ExternalError> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other.map_err(|source| unreadable(path, source)),
        }
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> ExternalError {
    match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            ExternalError::Missing(path.to_owned())
        }
        _ => ExternalError::Unreadable { path: path.to_owned(), source },
    }
}

fn metadata(path: &Path) -> Result<Metadata, ExternalError> {
    std::fs::metadata(path).map_err(|source| unreadable(path, source))
}

/// Hashes a file that must still be the one of the stamp when it is done. Small ones come back whole.
fn hash(path: &Path, due: FileStamp) -> Result<(Digest, Option<Bytes>), ExternalError> {
    let mut file = open(path)?;
    let mut hasher = BlobHasher::new();
    let mut small = Vec::new();
    let mut buffer = vec![0; usize::try_from((due.size + 1).min(1 << 20)).unwrap_or(1 << 20)];
    loop {
        let count = read(&mut file, &mut buffer, path)?;
        if count == 0 || hasher.size() > due.size {
            break; // At its end, or growing, perhaps without end.
        }
        hasher.update(&buffer[..count]);
        if hasher.size() <= SMALL {
            small.extend_from_slice(&buffer[..count]);
        }
    }
    let after = file.metadata().map_err(|source| unreadable(path, source))?;
    if stamp(&after) != due || hasher.size() != due.size {
        return Err(ExternalError::Changed(path.to_owned()));
    }
    Ok((hasher.digest(), (due.size <= SMALL).then(|| small.into())))
}

fn stamp(metadata: &Metadata) -> FileStamp {
    let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    FileStamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

fn settled(stamp: &FileStamp, now: SystemTime) -> bool {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let limit = i128::try_from(since.saturating_sub(UNSETTLED).as_nanos()).unwrap_or(i128::MAX);
    stamp.mtime < limit && stamp.ctime < limit
}

struct Leaf<'a> {
    name: &'a str,
    path: &'a Path,
    exec: bool,
    digest: Digest,
    size: u64,
}

/// Makes trees of leaves whose names are paths.
fn build(leaves: Vec<Leaf<'_>>, memory: &mut Objects) -> Result<TreeDigest, ExternalError> {
    let first = leaves.first().map(|leaf| leaf.path.to_owned()).unwrap_or_default();
    let mut entries = Vec::new();
    let mut folders: BTreeMap<&str, Vec<Leaf<'_>>> = BTreeMap::new();
    for leaf in leaves {
        match leaf.name.split_once('/') {
            Some((folder, name)) => folders.entry(folder).or_default().push(Leaf { name, ..leaf }),
            None => entries.push(Entry {
                name: leaf.name.to_owned(),
                kind: EntryKind::File { exec: leaf.exec },
                digest: leaf.digest,
                size: leaf.size,
            }),
        }
    }
    for (name, leaves) in folders {
        let size = leaves.iter().fold(0u64, |sum, leaf| sum.saturating_add(leaf.size));
        let digest = build(leaves, memory)?;
        entries.push(Entry { name: name.to_owned(), kind: EntryKind::Directory, digest: digest.0, size });
    }
    let tree = Tree::new(entries).map_err(|error| ExternalError::Name { path: first, why: error.to_string() })?;
    let digest = tree.digest();
    memory.trees.insert(digest, Arc::new(tree));
    Ok(digest)
}
