//! Single flight between the processes of one machine.
//!
//! One byte a key: an open-file-description lock on a byte whose offset is taken from the key. The kernel
//! releases it with the process, no file is made per action, and nothing has to be cleaned up. The kernel
//! keeps the locks of a file in a list, so they are spread over a few files. Who waits for whom is written
//! to the index, so that a circle across processes is found.

use crate::error::StoreError;
use crate::local::index::Index;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wrun_core::digest::{ActionKey, Digest};

/// Sessions have their own bytes in the first file, above those of all keys.
const SESSIONS: i64 = 1 << 61;
/// Every session holds this byte of the first file together with the others; a gc holds it alone.
const ALONE: i64 = 1 << 60;
const FILES: usize = 128;
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(50);

/// The locks that one session takes. Two sessions of one process exclude each other too.
pub struct Locks {
    folder: PathBuf,
    files: Vec<OnceLock<Arc<File>>>,
    /// What this session holds: the kernel does not keep an owner from taking its own lock twice.
    own: Arc<Own>,
    index: Arc<Index>,
    session: i64,
}

type Own = Mutex<HashSet<i64>>;

/// A held lock. Dropping it releases it.
pub struct Held {
    file: Arc<File>,
    own: Arc<Own>,
    offset: i64,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({:x})", self.offset)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The kernel refuses only what is no file.
        _ = set(&self.file, self.offset, libc::F_UNLCK);
        self.own.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.offset);
    }
}

fn record(offset: i64, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: offset,
        l_len: 1,
        l_pid: 0,
    }
}

fn set(file: &File, offset: i64, kind: libc::c_int) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&record(offset, kind))).map(drop)
}

/// Tells whether somebody else holds a byte.
fn held_elsewhere(file: &File, offset: i64) -> nix::Result<bool> {
    let mut found = record(offset, libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(libc::c_int::from(found.l_type) != libc::F_UNLCK)
}

fn offset(key: ActionKey) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&key.0.as_bytes()[..8]);
    i64::from_be_bytes(bytes) & ((1 << 60) - 1)
}

fn share(file: &File) -> nix::Result<()> {
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&record(ALONE, libc::F_RDLCK))) {
            Err(nix::Error::EINTR) => {}
            done => return done.map(drop),
        }
    }
}

/// The store on this machine is nobody else's until this is dropped: builds that start wait.
pub struct Alone {
    _file: File,
}

impl Alone {
    /// Takes the store at `root`; none while a session uses it.
    pub fn try_take(root: &Path) -> Result<Option<Self>, StoreError> {
        let folder = root.join("locks");
        std::fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let path = folder.join("00");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(StoreError::io("open", &path))?;
        match set(&file, ALONE, libc::F_WRLCK) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(None),
            Err(error) => Err(StoreError::io("lock", &folder)(error.into())),
        }
    }
}

impl Locks {
    /// Opens the locks of the store at `root`, which must be there.
    pub fn open(root: &Path) -> Result<Arc<Self>, StoreError> {
        let folder = root.join("locks");
        if !folder.is_dir() {
            std::fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        }
        let index = Index::open(root)?;
        let files = std::iter::repeat_with(OnceLock::new).take(FILES).collect();
        let mut locks = Self { folder, files, own: Arc::default(), index, session: 0 };
        // A session's number is its process and a count; a number that is taken is passed over.
        let file = locks.file(0)?;
        let pid = i64::from(std::process::id()) << 16;
        let taken = |n: &i64| set(&file, SESSIONS + n, libc::F_WRLCK).is_ok();
        locks.session = (pid..pid + (1 << 16)).find(taken).unwrap_or(pid);
        // A gc takes moments, and is waited for.
        share(&file).map_err(|error| StoreError::io("lock", &locks.folder)(error.into()))?;
        Ok(Arc::new(locks))
    }

    fn file(&self, n: usize) -> Result<Arc<File>, StoreError> {
        if let Some(file) = self.files[n].get() {
            return Ok(file.clone());
        }
        let path = self.folder.join(format!("{n:02x}"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = Arc::new(options.open(&path).map_err(StoreError::io("open", &path))?);
        // One description for all: another would not see the locks of the first as its own.
        Ok(self.files[n].get_or_init(|| file).clone())
    }

    /// Takes a lock if nobody holds it, this session included.
    pub fn try_lock(&self, key: ActionKey) -> Result<Option<Held>, StoreError> {
        let offset = offset(key);
        let file = self.file(usize::from(key.0.as_bytes()[31]) % FILES)?;
        let own = || self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // The kernel is asked while nobody waits for the mutex: another thread may be letting go of a thousand.
        if !own().insert(offset) {
            return Ok(None);
        }
        match set(&file, offset, libc::F_WRLCK) {
            Ok(()) => Ok(Some(Held { file, own: self.own.clone(), offset })),
            Err(error) => {
                own().remove(&offset);
                match error {
                    nix::Error::EAGAIN | nix::Error::EACCES => Ok(None),
                    error => Err(StoreError::io("lock", &self.folder)(error.into())),
                }
            }
        }
    }

    /// Waits for a lock, on behalf of actions whose locks this session holds.
    pub async fn lock(&self, key: ActionKey, for_actions: &[ActionKey]) -> Result<Held, StoreError> {
        let mut pause = SHORTEST;
        let mut written = false;
        let result = loop {
            match self.try_lock(key) {
                Ok(Some(held)) => break Ok(held),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            if !for_actions.is_empty() {
                let known = if written { Ok(()) } else { self.index.add_waits(self.session, for_actions, key) };
                if let Err(error) = known.and_then(|()| self.check_circle(key, for_actions)) {
                    written = true;
                    break Err(error);
                }
                written = true;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        };
        if written {
            self.index.remove_waits(self.session, key)?;
        }
        result
    }

    /// Follows what other live sessions wait for, and fails if that leads back here.
    fn check_circle(&self, key: ActionKey, ours: &[ActionKey]) -> Result<(), StoreError> {
        let waits = self.index.waits()?;
        let mut reached: Vec<(Digest, i64)> = vec![(key.0, self.session)];
        let mut at = 0;
        while let Some((wanted, _)) = reached.get(at).copied() {
            at += 1;
            for wait in waits.iter().filter(|wait| wait.holds == wanted && wait.session != self.session) {
                let live = held_elsewhere(&*self.file(0)?, SESSIONS + wait.session);
                if !live.map_err(|error| StoreError::io("lock", &self.folder)(error.into()))? {
                    self.index.forget_session(wait.session)?;
                    continue;
                }
                if let Some(waiter) = ours.iter().find(|held| held.0 == wait.wants) {
                    let holder = u32::try_from(wait.session >> 16).unwrap_or_default();
                    return Err(StoreError::CrossProcessCycle { waiter: waiter.0, wanted: key.0, holder });
                }
                if !reached.iter().any(|(known, _)| *known == wait.wants) {
                    reached.push((wait.wants, wait.session));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn key(text: &str) -> ActionKey {
        ActionKey(Digest::of_blob(text.as_bytes()))
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn a_lock_excludes_until_it_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Locks::open(root.path()).unwrap(), Locks::open(root.path()).unwrap());
        let held = one.try_lock(key("a")).unwrap().unwrap();
        assert!(two.try_lock(key("a")).unwrap().is_none());
        assert!(two.try_lock(key("b")).unwrap().is_some());
        drop(held);
        assert!(two.try_lock(key("a")).unwrap().is_some());
    }

    #[test]
    fn a_store_is_nobody_elses_only_while_no_session_uses_it() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Locks::open(root.path()).unwrap(), Locks::open(root.path()).unwrap());
        assert!(Alone::try_take(root.path()).unwrap().is_none());
        drop(one);
        assert!(Alone::try_take(root.path()).unwrap().is_none());
        drop(two);
        let alone = Alone::try_take(root.path()).unwrap().unwrap();
        assert!(Alone::try_take(root.path()).unwrap().is_none(), "two gcs");
        let path = root.path().to_owned();
        let waits = std::thread::spawn(move || Locks::open(&path).map(drop));
        drop(alone);
        waits.join().unwrap().unwrap();
    }

    #[test]
    fn one_session_takes_a_lock_once() {
        let root = tempfile::tempdir().unwrap();
        let locks = Locks::open(root.path()).unwrap();
        let held = locks.try_lock(key("a")).unwrap().unwrap();
        assert!(locks.try_lock(key("a")).unwrap().is_none());
        drop(held);
        assert!(locks.try_lock(key("a")).unwrap().is_some());
    }

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_free() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Locks::open(root.path()).unwrap(), Locks::open(root.path()).unwrap());
        let held = one.try_lock(key("a")).unwrap().unwrap();
        block_on(async {
            let ours = [key("x")];
            let (got, ()) = tokio::join!(two.lock(key("a"), &ours), async { drop(held) });
            got.unwrap();
        });
        assert_eq!(one.index.waits().unwrap().len(), 0);
    }

    #[test]
    fn a_circle_of_waiters_is_found_by_one_of_them() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Locks::open(root.path()).unwrap(), Locks::open(root.path()).unwrap());
        let a = one.try_lock(key("a")).unwrap().unwrap();
        let b = two.try_lock(key("b")).unwrap().unwrap();
        block_on(async {
            let first = async {
                let got = one.lock(key("b"), &[key("a")]).await;
                drop(a);
                got
            };
            let second = async {
                let got = two.lock(key("a"), &[key("b")]).await;
                drop(b);
                got
            };
            let (first, second) = tokio::join!(first, second);
            let found = |got: &Result<Held, StoreError>| matches!(got, Err(StoreError::CrossProcessCycle { .. }));
            assert!(found(&first) || found(&second));
        });
    }

    #[test]
    fn those_who_are_gone_are_in_no_circle() {
        let root = tempfile::tempdir().unwrap();
        let one = Locks::open(root.path()).unwrap();
        let held = one.try_lock(key("a")).unwrap().unwrap();
        one.index.add_waits(12345 << 16, &[key("b")], key("a")).unwrap();
        let two = Locks::open(root.path()).unwrap();
        let other = two.try_lock(key("b")).unwrap().unwrap();
        block_on(async {
            let ours = [key("a")];
            let (got, ()) = tokio::join!(one.lock(key("b"), &ours), async { drop(other) });
            got.unwrap();
        });
        drop(held);
    }
}
