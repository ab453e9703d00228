//! The folder of one run: what shows at `/in`, `/out` and `/run/secrets`.
//!
//! ```text
//! <store>/containers/<first 32 hex of the key>-<n>/
//!   lock      held by the process that cares for the run; the kernel frees it
//!   in/       mounted read-only
//!   out/      mounted writable
//! <store>/containers/removed-<name>/      one that is being removed: no container finds a half of it
//! ```
//!
//! Files of the store are shown by reflink where the file system can, else by hard link behind the read-only mount,
//! else as copies. Whoever makes, takes over or sweeps folders holds the lock of their parent meanwhile.

use crate::Shown;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wrun_core::tree::EntryKind;
use wrun_store::Blob;
use wrun_store::files::{Dir, FilesError};

/// What the name of a folder begins with that is being removed.
const REMOVED: &str = "removed-";

/// The folders of all runs of one store.
pub(super) struct Folders {
    root: PathBuf,
    /// Whether the file system is known to have no reflinks.
    no_reflinks: AtomicBool,
    pub(super) counts: Counts,
}

/// How inputs were shown.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) reflinks: AtomicU64,
    pub(super) links: AtomicU64,
    pub(super) copies: AtomicU64,
}

impl Counts {
    pub(super) fn shown(&self) -> Shown {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Shown { reflinks: read(&self.reflinks), links: read(&self.links), copies: read(&self.copies) }
    }
}

/// A run's folder, and the lock that says that somebody cares for it.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Why a folder could not be used: what was tried where, and the error.
pub(super) type Trouble = String;

fn trouble(doing: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Trouble {
    let what = format!("cannot {doing} `{}`", path.display());
    move |error| format!("{what}: {error}")
}

impl Folders {
    pub(super) fn new(store: &Path) -> Self {
        Self { root: store.join("containers"), no_reflinks: AtomicBool::new(false), counts: Counts::default() }
    }

    /// Tells whether there is any folder: of this process, of another, or of one that is gone.
    pub(super) fn any(&self) -> bool {
        std::fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_some())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Locks the parent until the file is dropped.
    fn exclusive(&self) -> Result<File, Trouble> {
        std::fs::create_dir_all(&self.root).map_err(trouble("create", &self.root))?;
        // What other users could read are other people's data.
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&self.root, private).map_err(trouble("protect", &self.root))?;
        let file = File::open(&self.root).map_err(trouble("open", &self.root))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| trouble("lock", &self.root)(error))?;
        Ok(file)
    }

    /// Makes a new folder.
    pub(super) fn make(&self, key: &str) -> Result<Folder, Trouble> {
        let _all = self.exclusive()?;
        for n in 0u64.. {
            let path = self.root.join(format!("{key}-{n}"));
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    for name in ["in", "out"] {
                        let inner = path.join(name);
                        std::fs::create_dir(&inner).map_err(trouble("create", &inner))?;
                    }
                    // Whoever the image's user is, it may write; the folder above lets nobody else in.
                    let out = path.join("out");
                    let open = std::fs::Permissions::from_mode(0o777);
                    std::fs::set_permissions(&out, open).map_err(trouble("open up", &out))?;
                    let lock = path.join("lock");
                    let file = File::create(&lock).map_err(trouble("create", &lock))?;
                    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(trouble("lock", &lock))?;
                    return Ok(Folder { path, _lock: file });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(trouble("create", &path)(error)),
            }
        }
        Err(format!("`{}` is full", self.root.display()))
    }

    /// Takes over the folder of a run whose process is gone; none while somebody cares for it, or if it is gone too.
    pub(super) fn take(&self, name: &str) -> Result<Option<Folder>, Trouble> {
        let _all = self.exclusive()?;
        let path = self.root.join(name);
        let lock = path.join("lock");
        let file = match File::open(&lock) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !path.exists() {
                    return Ok(None);
                }
                // Whoever made it, or removed it, was killed over it.
                File::create(&lock).map_err(trouble("create", &lock))?
            }
            opened => opened.map_err(trouble("open", &lock))?,
        };
        Ok(flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(Folder { path, _lock: file }))
    }

    /// Takes over every folder whose process is gone.
    pub(super) fn abandoned(&self) -> Result<Vec<Folder>, Trouble> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = {
            let _all = self.exclusive()?;
            let entries = std::fs::read_dir(&self.root).map_err(trouble("list", &self.root))?;
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
        };
        let mut found = Vec::new();
        for name in names {
            found.extend(self.take(&name)?);
        }
        Ok(found)
    }

    /// Shows a tree below a folder of this store's file system.
    pub(super) fn show(&self, dir: &Dir, at: &Path) -> Result<(), ShowError> {
        std::fs::create_dir(at).map_err(trouble("create", at))?;
        for entry in dir.tree()?.entries() {
            let path = at.join(&entry.name);
            match entry.kind {
                EntryKind::Directory => self.show(&dir.child(entry), &path)?,
                EntryKind::File { exec } => self.show_file(&dir.file(entry)?, exec, &path)?,
            }
        }
        Ok(())
    }

    fn show_file(&self, blob: &Blob, exec: bool, path: &Path) -> Result<(), Trouble> {
        let write = trouble("write", path);
        let mode = if exec { 0o555 } else { 0o444 };
        let create = || std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let (file, size) = match blob {
            Blob::Memory(bytes) => {
                self.counts.copies.fetch_add(1, Ordering::Relaxed);
                return create().and_then(|mut file| file.write_all(bytes)).map_err(write);
            }
            Blob::File(file, size) => (file, *size),
        };
        if !self.no_reflinks.load(Ordering::Relaxed) {
            let to = create().map_err(trouble("create", path))?;
            if rustix::fs::ioctl_ficlone(&to, &**file).is_ok() {
                self.counts.reflinks.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            self.no_reflinks.store(true, Ordering::Relaxed);
            std::fs::remove_file(path).map_err(trouble("remove", path))?;
        }
        // The exec bit is the inode's, which the store shares.
        if !exec {
            let from = format!("/proc/self/fd/{}", file.as_raw_fd());
            let linked = rustix::fs::linkat(rustix::fs::CWD, from, rustix::fs::CWD, path, AtFlags::SYMLINK_FOLLOW);
            if linked.is_ok() {
                self.counts.links.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
        self.counts.copies.fetch_add(1, Ordering::Relaxed);
        let mut to = create().map_err(trouble("create", path))?;
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        while at < size {
            match blob.read_at(&mut buffer, at) {
                Ok(0) => return Err(format!("the bytes of `{}` end too early", path.display())),
                Ok(count) => to.write_all(&buffer[..count]).map_err(trouble("write", path))?,
                Err(error) => return Err(trouble("read what is to be", path)(error)),
            }
            at += buffer.len() as u64;
        }
        Ok(())
    }
}

/// Why an input could not be shown.
pub(super) enum ShowError {
    /// Its bytes.
    Files(FilesError),
    /// The folder.
    Trouble(Trouble),
}

impl From<FilesError> for ShowError {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

impl From<Trouble> for ShowError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Folder {
    pub(super) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    pub(super) fn inside(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes it, whatever a container made of it.
    pub(super) fn remove(self) -> std::io::Result<()> {
        let name = self.name();
        if name.starts_with(REMOVED) {
            return remove(&self.path);
        }
        let gone = self.path.with_file_name(format!("{REMOVED}{name}"));
        // What a removal that was killed left under the name.
        remove(&gone)?;
        std::fs::rename(&self.path, &gone)?;
        remove(&gone)
    }
}

/// Opens up to this user what a container wrote; tells whether it could.
pub(super) fn open_up(out: &Path) -> bool {
    within(&["chown", "-Rh", "0:0", "--"], out) && within(&["chmod", "-R", "u+rX", "--"], out)
}

/// Runs a program on a path as the root of this user's own ids. What programs in a rootless engine write as other users
/// than root belongs to those ids; what they write in an engine of root's is out of reach.
fn within(program: &[&str], path: &Path) -> bool {
    use std::process::{Command, Stdio};
    if rustix::process::geteuid().is_root() {
        return false;
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--map-auto", "--"]).args(program).arg(path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Removes a tree. One that is deeper than the paths and handles of a process reach is made flat first.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    const STEP: usize = 100;
    for n in 0u64.. {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(()) => return Ok(()),
            // Another user's, or closed to everybody.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return if within(&["rm", "-rf", "--"], path) { Ok(()) } else { Err(error) };
            }
            // Too many handles, or a name too long.
            Err(error) if matches!(error.raw_os_error(), Some(23 | 24 | 36)) => {
                if !flatten(path, STEP, n)? {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves a folder that lies so deep to the top; tells whether there was one.
fn flatten(top: &Path, deep: usize, n: u64) -> std::io::Result<bool> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let root = rustix::fs::open(top, flags, Mode::empty())?;
    let mut stack: Vec<OwnedFd> = vec![rustix::fs::openat(&root, ".", flags, Mode::empty())?];
    let mut lists = vec![folders(&stack[0])?];
    while let Some(names) = lists.last_mut() {
        let Some(name) = names.pop() else {
            lists.pop();
            stack.pop();
            continue;
        };
        let parent = &stack[stack.len() - 1];
        if stack.len() > deep {
            rustix::fs::renameat(parent, &name, &root, format!("wrun-flat-{n}"))?;
            return Ok(true);
        }
        let below = rustix::fs::openat(parent, &name, flags, Mode::empty())?;
        lists.push(folders(&below)?);
        stack.push(below);
    }
    Ok(false)
}

fn folders(of: &OwnedFd) -> std::io::Result<Vec<std::ffi::CString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(of)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() != b"."
            && name.to_bytes() != b".."
            && entry.file_type() == rustix::fs::FileType::Directory
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn flock(file: &File, how: FlockOperation) -> std::io::Result<()> {
    loop {
        match rustix::fs::flock(file, how) {
            Err(rustix::io::Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_folder_is_taken_over_only_once_nobody_holds_it() {
        let store = tempfile::tempdir().unwrap();
        let folders = Folders::new(store.path());
        let first = folders.make("k").unwrap();
        let second = folders.make("k").unwrap();
        assert_ne!(first.name(), second.name());
        assert!(folders.take(&first.name()).unwrap().is_none());
        assert!(folders.abandoned().unwrap().is_empty());
        let name = first.name();
        drop(first);
        let found = folders.abandoned().unwrap();
        assert_eq!(found.iter().map(Folder::name).collect::<Vec<_>>(), [name.as_str()]);
        found.into_iter().for_each(|folder| folder.remove().unwrap());
        assert!(!folders.path(&name).exists());
        assert!(folders.take("never").unwrap().is_none());
    }

    #[test]
    fn a_half_of_a_folder_is_removed_and_never_taken_for_a_whole() {
        let store = tempfile::tempdir().unwrap();
        let folders = Folders::new(store.path());
        // One that was being made, one that was being removed, and one of the same name that is made again.
        for half in ["k-0", "removed-k-1"] {
            std::fs::create_dir_all(folders.path(half).join("out")).unwrap();
        }
        let folder = folders.make("k").unwrap();
        assert_eq!(folder.name(), "k-1");
        folder.remove().unwrap();
        assert!(!folders.path("removed-k-1").exists() && folders.take("k-1").unwrap().is_none());
        std::fs::create_dir_all(folders.path("removed-k-1").join("out")).unwrap();
        let found = folders.abandoned().unwrap();
        assert_eq!(found.len(), 2);
        found.into_iter().for_each(|folder| folder.remove().unwrap());
        assert!(!folders.any());
    }

    #[test]
    fn a_chain_of_folders_deeper_than_any_path_is_removed() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let flags = OFlags::DIRECTORY | OFlags::RDONLY;
        let mut at = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        let name = "d".repeat(100);
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, &name, Mode::from_raw_mode(0o755)).unwrap();
            at = rustix::fs::openat(&at, &name, flags, Mode::empty()).unwrap();
        }
        remove(&path).unwrap();
        assert!(!path.exists());
        remove(&path).unwrap();
    }
}
