//! Which files an external has: a file itself, all below a folder, or those that match a glob.

use super::file::{metadata, stamp, unreadable};
use super::{ExternalError, FoundFile, Where};
use globset::{GlobBuilder, GlobMatcher};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The files of an external in order of their names, and whether it is a single one.
pub(super) type Listed = (Vec<FoundFile>, bool);

/// Folders inside more folders than this are refused.
pub(super) const DEEPEST: usize = 256;

/// What makes a path a glob, where nothing has that very name.
pub(super) const MAGIC: [char; 4] = ['*', '?', '[', '{'];

/// Lists the files of an external.
pub(super) fn list(path: &Path) -> Result<Listed, ExternalError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok((walk(path, None)?, false)),
        Ok(found) => {
            let name = path.file_name().and_then(OsStr::to_str);
            let name = name.ok_or_else(|| ExternalError::NotUtf8(path.to_owned()))?.to_owned();
            Ok((vec![file(name, path.to_owned(), &found)?], true))
        }
        Err(error) => match path.to_str().filter(|text| text.contains(MAGIC)) {
            Some(text) => Ok((matches(text)?, false)),
            None if std::fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()) => {
                Err(ExternalError::Dangling(path.to_owned()))
            }
            None => Err(unreadable(path, error)),
        },
    }
}

fn file(name: String, path: PathBuf, found: &Metadata) -> Result<FoundFile, ExternalError> {
    let kind = found.file_type();
    let special = if kind.is_file() {
        None
    } else if kind.is_fifo() {
        Some("a fifo")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    };
    match special {
        Some(kind) => Err(ExternalError::Special { path, kind }),
        None => {
            let stamp = stamp(found);
            let exec = found.mode() & 0o111 != 0;
            Ok(FoundFile { name, path, size: stamp.size, exec, digest: None, from: Where::Here(stamp) })
        }
    }
}

/// Lists what a glob matches, by the path below its fixed part. `*` does not match `/`; `**` does.
fn matches(text: &str) -> Result<Vec<FoundFile>, ExternalError> {
    let at = text.find(MAGIC).unwrap_or(text.len());
    let fixed = text[..at].rfind('/').map_or(0, |slash| slash + 1);
    let glob = Glob::new(text, &text[fixed..])?;
    let folder = if fixed == 0 { "." } else { &text[..fixed] };
    let files = walk(Path::new(folder), Some(&glob))?;
    if files.is_empty() { Err(ExternalError::NoMatch(PathBuf::from(text))) } else { Ok(files) }
}

/// Compiles the part of a glob that is not fixed.
pub(super) fn matcher(text: &str, pattern: &str) -> Result<GlobMatcher, ExternalError> {
    Ok(Glob::new(text, pattern)?.whole)
}

/// A glob, and what the folders on the way to its matches are called.
struct Glob {
    whole: GlobMatcher,
    above: Vec<GlobMatcher>,
    /// Folders below those of `above` may be called anything.
    deep: bool,
}

impl Glob {
    fn new(text: &str, pattern: &str) -> Result<Self, ExternalError> {
        let compile = |pattern: &str| {
            let built = GlobBuilder::new(pattern).literal_separator(true).build();
            built.map(|glob| glob.compile_matcher())
        };
        let bad =
            |error: globset::Error| ExternalError::Glob { glob: text.to_owned(), why: error.kind().to_string() };
        let whole = compile(pattern).map_err(bad)?;
        let names: Vec<&str> = pattern.split('/').collect();
        let folders = &names[..names.len() - 1];
        // A `/` in braces or brackets leaves parts that are no globs: then every folder is looked into.
        let plain = folders.iter().take_while(|name| !name.contains("**"));
        let above: Option<Vec<GlobMatcher>> = plain.map(|name| compile(name).ok()).collect();
        Ok(match above {
            Some(above) => Self { deep: above.len() < folders.len() || pattern.contains("**"), above, whole },
            None => Self { whole, above: Vec::new(), deep: true },
        })
    }

    /// Tells whether something in a folder, which is inside `depth` others, can match.
    fn enters(&self, name: &OsStr, depth: usize) -> bool {
        self.above.get(depth).map_or(self.deep, |glob| glob.is_match(Path::new(name)))
    }
}

/// Lists the files below a folder, or those of them that match. Links are followed as long as they stay
/// inside it.
fn walk(folder: &Path, glob: Option<&Glob>) -> Result<Vec<FoundFile>, ExternalError> {
    let root = std::fs::canonicalize(folder).map_err(|source| unreadable(folder, source))?;
    let mut walk = Walk { root, glob, open: Vec::new(), files: Vec::new() };
    let found = metadata(folder)?;
    walk.folder(folder, Path::new(""), &found)?;
    walk.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.files)
}

struct Walk<'a> {
    root: PathBuf,
    glob: Option<&'a Glob>,
    /// Device and inode of the folders that are being listed, each inside the one before.
    open: Vec<(u64, u64)>,
    files: Vec<FoundFile>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &Path, found: &Metadata) -> Result<(), ExternalError> {
        let id = (found.dev(), found.ino());
        if self.open.contains(&id) {
            return Err(ExternalError::Loop(folder.to_owned()));
        }
        if self.open.len() == DEEPEST {
            return Err(ExternalError::TooDeep(folder.to_owned()));
        }
        self.open.push(id);
        for entry in std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
            let entry = entry.map_err(|source| unreadable(folder, source))?;
            self.entry(&entry, below)?;
        }
        self.open.pop();
        Ok(())
    }

    fn entry(&mut self, entry: &std::fs::DirEntry, below: &Path) -> Result<(), ExternalError> {
        let (name, path) = (entry.file_name(), entry.path());
        let below = below.join(&name);
        // What a glob leaves out may be anything.
        let (wanted, entered) = match self.glob {
            None => (true, true),
            Some(glob) => (glob.whole.is_match(&below), glob.enters(&name, self.open.len() - 1)),
        };
        if !wanted && !entered {
            return Ok(());
        }
        let kind = entry.file_type().map_err(|source| unreadable(&path, source))?;
        let found = match std::fs::metadata(&path) {
            Ok(found) => found,
            Err(_) if !wanted => return Ok(()),
            Err(_) if kind.is_symlink() => return Err(ExternalError::Dangling(path)),
            Err(error) => return Err(unreadable(&path, error)),
        };
        if !(if found.is_dir() { entered } else { wanted }) {
            return Ok(());
        }
        if kind.is_symlink() {
            let target = std::fs::canonicalize(&path).map_err(|source| unreadable(&path, source))?;
            if !target.starts_with(&self.root) {
                return Err(ExternalError::LinkOut { path, folder: self.root.clone() });
            }
        }
        if found.is_dir() {
            return self.folder(&path, &below, &found);
        }
        let name = below.to_str().ok_or_else(|| ExternalError::NotUtf8(path.clone()))?.to_owned();
        self.files.push(file(name, path, &found)?);
        Ok(())
    }
}
