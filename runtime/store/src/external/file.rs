//! Files of this machine: hashed where they lie, copied when something reads them.

use super::{BringError, ExternalError, SMALL};
use crate::api::{Bytes, FileStamp, Store};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use wrun_core::digest::{BlobHasher, Digest};

/// A file that was touched so shortly before it was hashed is not remembered.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Copies a large file into the store, and checks that it is what was hashed.
pub(super) fn ingest(
    store: &Arc<dyn Store>,
    path: &Path,
    due_stamp: FileStamp,
    due: Digest,
) -> Result<(), BringError> {
    let mut source = open(path)?;
    let mut staged = store.stage()?;
    let reflinked = staged.path().is_some_and(|to| {
        File::options().write(true).open(to).is_ok_and(|to| rustix::fs::ioctl_ficlone(&to, &source).is_ok())
    });
    if reflinked {
        staged.touched();
    } else {
        let mut buffer = vec![0; 1 << 20];
        loop {
            match read(&mut source, &mut buffer, path)? {
                0 => break,
                count => staged.write(&buffer[..count])?,
            }
        }
    }
    let after = source.metadata().map_err(|source| unreadable(path, source))?;
    if stamp(&after) == due_stamp && staged.finish()? == due {
        Ok(())
    } else {
        Err(ExternalError::Changed(path.to_owned()).into())
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

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> ExternalError {
    match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            ExternalError::Missing(path.to_owned())
        }
        _ => ExternalError::Unreadable { path: path.to_owned(), source },
    }
}

pub(super) fn metadata(path: &Path) -> Result<Metadata, ExternalError> {
    std::fs::metadata(path).map_err(|source| unreadable(path, source))
}

/// Hashes a file that must still be the one of the stamp when it is done. Small ones come back whole.
pub(super) fn hash(path: &Path, due: FileStamp) -> Result<(Digest, Option<Bytes>), ExternalError> {
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
        if hasher.size() == due.size {
            break; // If there is more, its size tells.
        }
    }
    let after = file.metadata().map_err(|source| unreadable(path, source))?;
    if stamp(&after) != due || hasher.size() != due.size {
        return Err(ExternalError::Changed(path.to_owned()));
    }
    Ok((hasher.digest(), (due.size <= SMALL).then(|| small.into())))
}

pub(super) fn stamp(metadata: &Metadata) -> FileStamp {
    let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    FileStamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

pub(super) fn settled(stamp: &FileStamp, now: SystemTime) -> bool {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let limit = i128::try_from(since.saturating_sub(UNSETTLED).as_nanos()).unwrap_or(i128::MAX);
    stamp.mtime < limit && stamp.ctime < limit
}
