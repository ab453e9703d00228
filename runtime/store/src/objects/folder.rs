//! A folder that is used like an object store: what is published to `file:`.
//!
//! Every write is a file beside its place, synced and renamed. Who swaps holds the lock of the folder, which the
//! kernel frees with its process. A note lies beside its file, as `.NAME.wrun`, and is no object.

use super::limit::{Kind, Limit};
use super::{DownloadError, Fault, Listed, ObjectError, Objects, Put, State, Traffic};
use crate::api::{Blob, Bytes, Staged};
use async_trait::async_trait;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A folder.
pub struct FolderObjects {
    root: PathBuf,
    limit: Limit,
}

/// Names files that are being written, among all of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// What is read at once.
const PART: usize = 1 << 20;

impl FolderObjects {
    /// Uses a folder, which is made with the first object.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), limit: Limit::new(Duration::ZERO, 1) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn failed(&self, doing: &'static str, name: &str) -> impl FnOnce(std::io::Error) -> ObjectError {
        let uri = self.path(name).display().to_string();
        move |error| {
            let denied = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
            let fault = if denied { Fault::Denied } else { Fault::Local };
            ObjectError { doing, uri, fault, why: error.to_string() }
        }
    }

    /// Returns where a note of a file is.
    fn note(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.wrun"))
    }

    fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file beside its place, synced.
    fn beside(&self, path: &Path, body: &Blob) -> std::io::Result<PathBuf> {
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let beside = folder.join(format!(".wrun-{}-{count}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o666).open(&beside)?;
        let written = copy(body, &mut file).and_then(|()| file.sync_all());
        if let Err(error) = written {
            _ = std::fs::remove_file(&beside);
            return Err(error);
        }
        Ok(beside)
    }

    fn replace(&self, path: &Path, body: &Blob) -> std::io::Result<()> {
        let beside = self.beside(path, body)?;
        std::fs::rename(&beside, path).inspect_err(|_| _ = std::fs::remove_file(&beside))?;
        sync_folder(path)
    }

    fn put_if_new(&self, path: &Path, body: &Blob) -> std::io::Result<bool> {
        let beside = self.beside(path, body)?;
        let linked = std::fs::hard_link(&beside, path);
        _ = std::fs::remove_file(&beside);
        match linked {
            Ok(()) => sync_folder(path).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn look_now(&self, path: &Path) -> std::io::Result<Option<State>> {
        let meta = match path.metadata() {
            Ok(meta) => meta,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let tag = format!("{}-{}-{}.{}", meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
        let note = Self::read(&Self::note(path))?.and_then(|note| String::from_utf8(note).ok());
        Ok(Some(State { size: meta.size(), tag, note }))
    }

    fn swap_now(&self, path: &Path, body: &Blob, over: Option<&str>, note: Option<&str>) -> std::io::Result<bool> {
        std::fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        let folder = File::open(path.parent().unwrap_or(&self.root))?;
        while let Err(error) = rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        let there = self.look_now(path)?.map(|seen| seen.tag);
        if there.as_deref() != over {
            return Ok(false);
        }
        self.replace(path, body)?;
        if let Some(note) = note {
            self.replace(&Self::note(path), &Blob::Memory(note.as_bytes().into()))?;
        }
        Ok(true)
    }

    fn list_below(folder: &Path, above: &str, out: &mut Vec<Listed>) -> std::io::Result<()> {
        let entries = match folder.read_dir() {
            Err(error) if is_absent(&error) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // What is not UTF-8 is not ours; what begins so is a note, or is being written.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(".wrun-") || (name.starts_with('.') && name.ends_with(".wrun")) {
                continue;
            }
            let meta = entry.metadata()?;
            let name = format!("{above}{name}");
            if meta.is_dir() {
                Self::list_below(&entry.path(), &format!("{name}/"), out)?;
            } else {
                let written = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
                out.push(Listed { name, size: meta.size(), written });
            }
        }
        Ok(())
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Shares the blocks where the file system can.
fn copy(body: &Blob, file: &mut File) -> std::io::Result<()> {
    if let Blob::File(source, _) = body
        && rustix::fs::ioctl_ficlone(&*file, &**source).is_ok()
    {
        return Ok(());
    }
    let mut buffer = vec![0; PART.min(usize::try_from(body.len()).unwrap_or(PART))];
    let mut at = 0;
    while at < body.len() {
        let count = body.read_at(&mut buffer, at)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&buffer[..count])?;
        at += count as u64;
    }
    Ok(())
}

#[async_trait]
impl Objects for FolderObjects {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectError> {
        let found = self
            .limit
            .request(Kind::Get, || async { Self::read(&self.path(name)).map_err(self.failed("read", name)) })
            .await?;
        self.limit.down(found.as_ref().map_or(0, |bytes| bytes.len() as u64));
        Ok(found.map(Into::into))
    }

    async fn put_new(&self, name: &str, body: Bytes) -> Result<Put, ObjectError> {
        let blob = Blob::Memory(body.clone());
        let made = self
            .limit
            .request(Kind::Put, || async {
                self.put_if_new(&self.path(name), &blob).map_err(self.failed("write", name))
            })
            .await?;
        self.limit.up(body.len() as u64);
        match if made { None } else { self.get(name).await? } {
            Some(there) if there != body => Ok(Put::Exists(there)),
            _ => Ok(Put::Created),
        }
    }

    async fn heeds_conditions(&self, _: &str, _: Bytes) -> Result<bool, ObjectError> {
        Ok(true)
    }

    async fn put(&self, name: &str, body: Bytes) -> Result<(), ObjectError> {
        self.upload(name, &Blob::Memory(body), true).await
    }

    async fn upload(&self, name: &str, body: &Blob, replace: bool) -> Result<(), ObjectError> {
        let path = self.path(name);
        self.limit
            .request(Kind::Put, || async {
                if !replace && path.metadata().is_ok_and(|meta| meta.size() == body.len()) {
                    return Ok(());
                }
                self.replace(&path, body).map_err(self.failed("write", name))
            })
            .await?;
        self.limit.up(body.len());
        Ok(())
    }

    async fn download(&self, name: &str, to: &mut dyn Staged) -> Result<bool, DownloadError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(self.failed("read", name)(error).into()),
        };
        let size = file.metadata().map_err(self.failed("read", name))?.size();
        let blob = Blob::File(file.into(), size);
        let mut buffer = vec![0; PART];
        let mut at = 0;
        loop {
            let count = blob.read_at(&mut buffer, at).map_err(self.failed("read", name))?;
            if count == 0 {
                self.limit.down(at);
                return Ok(true);
            }
            to.write(&buffer[..count])?;
            at += count as u64;
        }
    }

    async fn size(&self, name: &str) -> Result<Option<u64>, ObjectError> {
        Ok(self.look(name).await?.map(|seen| seen.size))
    }

    async fn look(&self, name: &str) -> Result<Option<State>, ObjectError> {
        let path = self.path(name);
        self.limit
            .request(Kind::Head, || async { self.look_now(&path).map_err(self.failed("look for", name)) })
            .await
    }

    async fn swap(
        &self,
        name: &str,
        body: &Blob,
        over: Option<&str>,
        note: Option<&str>,
    ) -> Result<bool, ObjectError> {
        let path = self.path(name);
        let work = || async { self.swap_now(&path, body, over, note).map_err(self.failed("write", name)) };
        let done = self.limit.request(Kind::Put, work).await?;
        self.limit.up(body.len());
        Ok(done)
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<Listed>, ObjectError> {
        let work = || async {
            let mut all = Vec::new();
            Self::list_below(&self.root, "", &mut all).map_err(self.failed("list", prefix))?;
            Ok(all)
        };
        let mut all = self.limit.request(Kind::List, work).await?;
        all.retain(|object| object.name.starts_with(prefix) && object.name.as_str() > after);
        all.sort();
        Ok(all)
    }

    async fn remove(&self, names: &[String]) -> Result<(), ObjectError> {
        for name in names {
            let path = self.path(name);
            let work = || async {
                for path in [&path, &Self::note(&path)] {
                    match std::fs::remove_file(path) {
                        Err(error) if !is_absent(&error) => return Err(self.failed("remove", name)(error)),
                        _ => {}
                    }
                }
                Ok(())
            };
            self.limit.request(Kind::Delete, work).await?;
        }
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}
