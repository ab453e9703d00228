//! Externals, which no task makes: found, hashed once, and brought into the store when something reads them.
//!
//! The memory of digests is by device, inode, size, mtime and ctime, and never of a file that was touched
//! within two seconds of being hashed: such a file may change again without its times showing it.
//!
//! Of what a server has, the same is remembered by what it says of it (ETag, date, size). To hash it is to bring it,
//! so it is in the store by then.
//!
//! A file is a tree with that one file under its own name. A folder is the tree of the files below it, and
//! a glob that of the files that match, by their paths below the part of the glob that is fixed; folders
//! without files are in neither.
//!
//! - `mod.rs`: one mechanism for all: list, remember, hash, make trees, bring
//! - `rule.rs`: what is asked for, and what wrun.toml says of it
//! - `list.rs`, `file.rs`: files of this machine
//! - `origin.rs`: the contract of servers; `there.rs`: listing and bringing what they have; `http.rs`, `date.rs`: web
//!   servers. Buckets are in `objects::s3`.
//! - `stub.rs`: a web server for tests
//! - `error.rs`: what may be wrong

use crate::api::{BlobKind, Bytes, FileStamp, Stamp, Store, Write};
use crate::error::StoreError;
use crate::files::{Dir, Objects};
use file::{hash, ingest, settled};
use futures_util::{StreamExt as _, TryStreamExt as _};
use list::Listed;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use wrun_core::action::InputKind;
use wrun_core::digest::{Digest, TreeDigest};
use wrun_core::plan::ExternalMode;
use wrun_core::tree::{Entry, EntryKind, Tree};

mod date;
mod error;
mod file;
mod http;
mod list;
mod origin;
mod rule;
pub mod stub;
#[cfg(test)]
mod tests;
mod there;

pub use error::ExternalError;
pub use http::{HttpOptions, parse as parse_url};
pub(crate) use origin::land;
pub use origin::{Landed, Origin, ReadError, Seen, Sources};
pub use rule::{By, Place, Request, Rule, Weak};

/// Files of at most this many bytes are kept in memory once they are read.
const SMALL: u64 = 4 << 10;
/// So many externals are listed at once.
const AT_ONCE: usize = 32;

/// An external that is there.
pub struct Found {
    /// What the digest is of.
    pub kind: InputKind,
    /// Its content.
    pub digest: TreeDigest,
    /// New memories of digests, to be committed whenever.
    pub stamps: Vec<Write>,
    /// What tells that it still holds the same: of a single file of this machine, which has not just been written.
    pub stamp: Option<FileStamp>,
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
    /// A path, or an address.
    path: PathBuf,
    size: u64,
    exec: bool,
    digest: Option<Digest>,
    from: Where,
}

/// Where a file is, and what it was when it was listed.
#[derive(Clone)]
enum Where {
    Here(FileStamp),
    There(Arc<dyn Origin>, Seen),
}

/// Returns what a file of this machine is known by; `None` of anything else.
pub fn file_stamp(path: &Path) -> Option<FileStamp> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|found| file::stamp(&found))
}

/// Finds and hashes externals. What is remembered is not read.
pub async fn find(
    store: &Arc<dyn Store>,
    sources: &Sources,
    requests: &[Request],
) -> Result<Vec<Result<Found, ExternalError>>, StoreError> {
    let all = if requests.iter().all(|request| matches!(request.place, Place::Here(_))) {
        // Nobody is waited for, so there is nothing to wait for at once.
        futures_util::stream::iter(requests)
            .then(|request| there::list(sources, store, request))
            .try_collect()
            .await
    } else {
        let listing = (0..requests.len()).map(|i| there::list(sources, store, &requests[i]));
        futures_util::stream::iter(listing).buffered(AT_ONCE).try_collect().await
    };
    let mut all: Vec<Result<Listed, ExternalError>> = all?;
    let mut wanted: Vec<(&mut FoundFile, Stamp)> = Vec::with_capacity(requests.len());
    for (request, listed) in requests.iter().zip(&mut all) {
        if let (true, Ok((files, _))) = (reads(request), listed) {
            let unknown = files.iter_mut().filter(|file| file.digest.is_none());
            wanted.extend(unknown.filter_map(|file| file.stamp().map(|stamp| (file, stamp))));
        }
    }
    let stamps: Vec<Stamp> = wanted.iter().map(|(_, stamp)| *stamp).collect();
    if !stamps.is_empty() {
        let known = store.externals(&stamps).await?;
        wanted.into_iter().zip(known).for_each(|((file, _), digest)| file.digest = digest);
    }
    bring_unknown(store, requests, &mut all).await?;
    let now = SystemTime::now();
    let mut read = FxHashMap::default();
    let finish = |(request, listed): (&Request, Result<Listed, ExternalError>)| {
        let (files, alone) = listed?;
        let found = match (request.mode, request.rule.weak()) {
            (ExternalMode::Listing, _) => listing_of(store, &files),
            (ExternalMode::Content, Some(weak)) => pinned(store, files, weak, request.rule.by),
            (ExternalMode::Content, None) => content(store, files, alone, now, &mut read),
        };
        let mut found = found.and_then(|found| found.checked(request))?;
        // More counts than the file.
        found.stamp.take_if(|_| request.rule.marker.is_some());
        Ok(found)
    };
    Ok(requests.iter().zip(all).map(finish).collect())
}

/// Tells whether the content of an external counts.
fn reads(request: &Request) -> bool {
    request.mode == ExternalMode::Content && request.rule.weak().is_none()
}

/// Brings what servers have and nobody remembers, all at once: to hash it is to bring it.
async fn bring_unknown(
    store: &Arc<dyn Store>,
    requests: &[Request],
    all: &mut [Result<Listed, ExternalError>],
) -> Result<(), StoreError> {
    let mut unknown = Vec::new();
    for (request, listed) in requests.iter().zip(all.iter_mut()) {
        let Ok((files, _)) = listed else { continue };
        let there = files.iter_mut().filter(|file| file.digest.is_none() && matches!(file.from, Where::There(..)));
        for file in there.filter(|_| reads(request)) {
            // Where content is pinned, it alone decides, whatever the server says of it.
            if let (Some(_), Where::There(_, seen)) = (request.rule.digest, &mut file.from) {
                *seen = Seen::any(&seen.key);
            }
            unknown.push(file.clone());
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let brought = there::bring(store, unknown).await?;
    for (request, listed) in requests.iter().zip(all) {
        let Ok((files, _)) = listed else { continue };
        let mut amiss = None;
        for file in files.iter_mut().filter(|file| file.digest.is_none() && reads(request)) {
            match brought.get(&file.path) {
                Some(Ok((digest, size))) => (file.digest, file.size) = (Some(*digest), *size),
                Some(Err(why)) => amiss = amiss.or_else(|| Some(why.clone().of(&file.path))),
                None => {}
            }
        }
        if let Some(error) = amiss {
            *listed = Err(error);
        }
    }
    Ok(())
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
        // What servers have was hashed before.
        let Where::Here(stamp) = file.from else { continue };
        let (digest, bytes) = match read.get(&stamp) {
            Some(known) => known.clone(),
            None => {
                let made = hash(&file.path, stamp)?;
                if settled(&stamp, now) {
                    stamps.push(Write::External(stamp.into(), made.0));
                }
                read.insert(stamp, made.clone());
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
    let stamp = match (alone, files.first()) {
        (true, Some(FoundFile { from: Where::Here(stamp), .. })) => {
            Some(*stamp).filter(|stamp| settled(stamp, now))
        }
        _ => None,
    };
    Ok(Found { kind: InputKind::Tree, digest, stamps, stamp, files, alone, store: store.clone(), dir })
}

fn trees(files: &[FoundFile], memory: &mut Objects) -> Result<TreeDigest, ExternalError> {
    let leaves = files.iter().map(|file| Leaf {
        name: &file.name,
        path: &file.path,
        exec: file.exec,
        digest: file.digest.unwrap_or_else(|| Digest::of_blob(b"")),
        size: file.size,
    });
    build(leaves.collect(), memory)
}

fn listing_of(store: &Arc<dyn Store>, files: &[FoundFile]) -> Result<Found, ExternalError> {
    // A line must end where its name does.
    if let Some(file) = files.iter().find(|file| file.name.contains(char::is_control)) {
        let why = "it has a control character in its name, which a listing cannot hold".into();
        return Err(ExternalError::Name { path: file.path.clone(), why });
    }
    let unsized_file = |file: &&FoundFile| matches!(&file.from, Where::There(_, seen) if seen.size.is_none());
    if let Some(file) = files.iter().find(unsized_file) {
        let why = "its server does not say its size, which a listing needs".into();
        return Err(ExternalError::Address { uri: file.path.display().to_string(), why });
    }
    let lines: String = files.iter().map(|file| format!("{}\t{}\n", file.size, file.name)).collect();
    written(store, InputKind::Listing, "listing", lines, Vec::new())
}

/// Makes what stands for files that are not read before they are needed, or never: what their server says of each.
fn pinned(store: &Arc<dyn Store>, files: Vec<FoundFile>, weak: Weak, by: By) -> Result<Found, ExternalError> {
    let mut lines = String::new();
    for file in &files {
        let Where::There(_, seen) = &file.from else { continue };
        let pin = match weak {
            Weak::VersionId => &seen.version,
            Weak::Etag => &seen.etag,
        };
        let pin = pin.as_deref().unwrap_or_default();
        lines += &format!("{}\t{pin}\t{}\t{}\n", file.size, file.path.display(), file.name);
    }
    if by == By::Reference {
        // A line must end where its name does: a task reads it.
        if let Some(file) = files.iter().find(|file| file.name.contains(char::is_control)) {
            let why = "it has a control character in its name, which a reference cannot hold".into();
            return Err(ExternalError::Name { path: file.path.clone(), why });
        }
        return written(store, InputKind::Reference, "reference", lines, Vec::new());
    }
    let kind = match weak {
        Weak::VersionId => InputKind::VersionId,
        Weak::Etag => InputKind::Etag,
    };
    written(store, kind, "pins", lines, files)
}

/// Makes a tree with one file, which stands for others.
fn written(
    store: &Arc<dyn Store>,
    kind: InputKind,
    name: &str,
    lines: String,
    files: Vec<FoundFile>,
) -> Result<Found, ExternalError> {
    let bytes: Bytes = lines.into_bytes().into();
    let (digest, size) = (Digest::of_blob(&bytes), bytes.len() as u64);
    let mut memory = Objects::default();
    memory.blobs.insert(digest, bytes);
    let leaf = Leaf { name, path: Path::new(name), exec: false, digest, size };
    let digest = build(vec![leaf], &mut memory)?;
    let dir = OnceLock::from(Dir::with_memory(digest, memory, Some(store.clone())));
    let stamps = Vec::new();
    Ok(Found { kind, digest, stamps, stamp: None, files, alone: false, store: store.clone(), dir })
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

    /// Checks it against the digest that wrun.toml pins.
    fn checked(self, request: &Request) -> Result<Self, ExternalError> {
        let Some(due) = request.rule.digest else { return Ok(self) };
        let found = match self.files.first() {
            Some(file) if self.alone => file.digest.unwrap_or(self.digest.0),
            _ => self.digest.0,
        };
        if found == due {
            return Ok(self);
        }
        let path = request.place.to_string().into();
        Err(ExternalError::Pinned { path, due, found, page: origin::is_page(&self.store, found) })
    }

    /// Brings the bytes of all its files to where a task can read them. Returns the same directory (of what was not
    /// hashed yet, that of its content), with what is small in memory, and what has to be committed before a result
    /// that stands on it.
    pub async fn bring(&self, store: &Arc<dyn Store>) -> Result<(Dir, Vec<Write>), BringError> {
        if matches!(self.kind, InputKind::VersionId | InputKind::Etag) {
            return self.bring_pinned(store).await;
        }
        let known = self.dir();
        let absent = absent(store, &self.files, known.memory()).await?;
        if absent.is_empty() {
            return Ok((known.clone(), self.kept(store, known.memory())));
        }
        let mut memory = Objects { blobs: known.memory().blobs.clone(), trees: known.memory().trees.clone() };
        let mut far = Vec::new();
        for (file, due) in absent {
            if memory.blobs.contains_key(&due) {
                continue;
            }
            match &file.from {
                Where::There(..) => far.push((file.clone(), due)),
                Where::Here(stamp) if stamp.size <= SMALL => {
                    let (digest, bytes) = hash(&file.path, *stamp)?;
                    if digest != due {
                        return Err(ExternalError::Changed(file.path.clone()).into());
                    }
                    memory.blobs.extend(bytes.map(|bytes| (due, bytes)));
                }
                Where::Here(stamp) => ingest(store, &file.path, *stamp, due)?,
            }
        }
        let brought = there::bring(store, far.iter().map(|(file, _)| file.clone()).collect()).await?;
        for (file, due) in far {
            match brought.get(&file.path) {
                Some(Ok((digest, _))) if *digest == due => {}
                Some(Err(why)) => return Err(why.clone().of(&file.path).into()),
                _ => return Err(ExternalError::Changed(file.path).into()),
            }
        }
        let writes = self.kept(store, &memory);
        Ok((Dir::with_memory(self.digest, memory, Some(store.clone())), writes))
    }

    /// Says what has to be committed of what is in memory.
    fn kept(&self, store: &Arc<dyn Store>, memory: &Objects) -> Vec<Write> {
        // Whoever makes the result again elsewhere must find what it stood on.
        let whole = !self.alone || store.is_remote();
        let trees = memory.trees.values().filter(|_| whole);
        let trees = trees.map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into()));
        memory.blobs.values().map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone())).chain(trees).collect()
    }

    /// Brings what is known by its pin alone, and hashes it by that.
    async fn bring_pinned(&self, store: &Arc<dyn Store>) -> Result<(Dir, Vec<Write>), BringError> {
        let mut files = self.files.clone();
        let stamped: Vec<(usize, Stamp)> =
            files.iter().enumerate().filter_map(|(i, file)| Some((i, file.stamp()?))).collect();
        let stamps: Vec<Stamp> = stamped.iter().map(|(_, stamp)| *stamp).collect();
        let known = store.externals(&stamps).await?;
        stamped.iter().zip(known).for_each(|((i, _), digest)| files[*i].digest = digest);
        let gone = absent(store, &files, &Objects::default()).await?;
        let gone: Vec<PathBuf> = gone.into_iter().map(|(file, _)| file.path.clone()).collect();
        let far =
            files.iter().filter(|file| file.digest.is_none() || gone.contains(&file.path)).cloned().collect();
        let brought = there::bring(store, far).await?;
        for file in &mut files {
            match brought.get(&file.path) {
                Some(Ok((digest, size))) => (file.digest, file.size) = (Some(*digest), *size),
                Some(Err(why)) => return Err(why.clone().of(&file.path).into()),
                None => {}
            }
        }
        let mut memory = Objects::default();
        let digest = trees(&files, &mut memory)?;
        let trees = memory.trees.values().map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into()));
        let pins = self.dir().memory();
        let pins = pins
            .blobs
            .values()
            .map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone()))
            .chain(pins.trees.values().map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into())));
        let writes = trees.chain(pins).collect();
        Ok((Dir::with_memory(digest, memory, Some(store.clone())), writes))
    }
}

/// Returns the files whose digest is known, and whose bytes are neither in memory nor in the store.
async fn absent<'a>(
    store: &Arc<dyn Store>,
    files: &'a [FoundFile],
    memory: &Objects,
) -> Result<Vec<(&'a FoundFile, Digest)>, StoreError> {
    let known = files.iter().filter_map(|file| Some((file, file.digest?)));
    let wanted: Vec<_> = known.filter(|(_, digest)| !memory.blobs.contains_key(digest)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<_> = wanted.iter().map(|(_, digest)| (BlobKind::Blob, *digest)).collect();
    let there = store.fetch(&asked).await?;
    Ok(wanted.into_iter().zip(there).filter(|(_, there)| !there).map(|(one, _)| one).collect())
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
    let mut entries = Vec::with_capacity(leaves.len());
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
