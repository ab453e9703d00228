//! Whether files changed: by size and times, and where these differ by content.

use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The clock by which a file system stamps files may be this far behind.
const COARSE: Duration = Duration::from_millis(20);

/// What a file was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) quick: Quick,
    pub(crate) digest: String,
}

/// What `stat` says of a file: as long as it stays, so does the content.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quick {
    size: u64,
    /// Seconds and nanoseconds.
    mtime: (i64, i64),
    /// Changes also where somebody sets the other one.
    ctime: (i64, i64),
    inode: u64,
}

impl Stamp {
    /// Tells whether the file changed after a moment, or so shortly before that nobody can tell.
    pub(crate) fn since(&self, moment: SystemTime) -> bool {
        self.quick.since(moment)
    }
}

impl Quick {
    /// Tells whether the file changed after a moment, or so shortly before that nobody can tell.
    pub(crate) fn since(&self, moment: SystemTime) -> bool {
        let (seconds, nanos) = self.mtime;
        let since = |seconds: i64| Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?).into();
        let changed: Option<Duration> = since(seconds);
        changed.is_some_and(|changed| SystemTime::UNIX_EPOCH + changed + COARSE >= moment)
    }
}

/// Looks at a file; `None` where it cannot be read, `Some(None)` where nothing is there. What was known of it
/// spares reading it again.
#[expect(clippy::option_option, reason = "absent is an answer, and unreadable is none")]
pub(crate) fn look(path: &Path, known: Option<&Stamp>) -> Option<Option<Stamp>> {
    let Some(quick) = quick(path) else {
        return std::fs::symlink_metadata(path).is_err().then_some(None);
    };
    if let Some(known) = known.filter(|known| known.quick == quick && !path.is_dir()) {
        return Some(Some(known.clone()));
    }
    let mut hasher = blake3::Hasher::new();
    content(path, &mut hasher).ok()?;
    Some(Some(Stamp { quick, digest: hasher.finalize().to_hex().to_string() }))
}

/// Returns what `stat` says, if there is a file or folder.
pub(crate) fn quick(path: &Path) -> Option<Quick> {
    let meta = path.metadata().ok()?;
    Some(Quick {
        size: meta.size(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
    })
}

/// Hashes a file, or the names and contents of all below a folder.
fn content(path: &Path, hasher: &mut blake3::Hasher) -> std::io::Result<()> {
    if !path.is_dir() {
        hasher.update_reader(std::fs::File::open(path)?)?;
        return Ok(());
    }
    let mut names: Vec<_> =
        path.read_dir()?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?;
    names.sort();
    for name in names {
        hasher.update(&(name.len() as u64).to_be_bytes()).update(name.as_encoded_bytes());
        let mut inner = blake3::Hasher::new();
        content(&path.join(&name), &mut inner)?;
        hasher.update(inner.finalize().as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_touched_file_is_the_same_and_another_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        assert_eq!(look(&path, None), Some(None));
        std::fs::write(&path, "one").unwrap();
        let first = look(&path, None).unwrap().unwrap();
        assert!(first.since(SystemTime::now() - Duration::from_secs(9)));
        assert!(!first.since(SystemTime::now() + Duration::from_secs(9)));
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9)).unwrap();
        let touched = look(&path, Some(&first)).unwrap().unwrap();
        assert_ne!(touched.quick, first.quick);
        assert_eq!(touched.digest, first.digest);
        std::fs::write(&path, "two").unwrap();
        assert_ne!(look(&path, Some(&first)).unwrap().unwrap().digest, first.digest);
        let folder = look(dir.path(), None).unwrap().unwrap();
        std::fs::write(dir.path().join("b"), "").unwrap();
        assert_ne!(look(dir.path(), Some(&folder)).unwrap().unwrap().digest, folder.digest);
    }
}
