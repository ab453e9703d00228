//! What a container writes to a bucket itself: below a prefix of its own, fresh in every attempt.
//!
//! In its arguments and its environment `{out-url}` stands for the address of that prefix; the key has the word. Once the
//! container has ended well, what lies there is hashed on its way into the store, and is part of the output as if it
//! had been written below `/out`. The address is written down in the folder of the run before the container exists,
//! so whoever takes the run over, or sweeps it, finds it.

use super::ingest::{Given, Most};
use super::{failed, infrastructure};
use crate::{FailureKind, RunError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::OnceCell;
use wrun_core::plan::OUT_URL;
use wrun_core::tree::split_path;
use wrun_store::Store;
use wrun_store::external::{Origin, ReadError, Seen};
use wrun_store::objects::s3::{ABANDONED, S3Objects, S3Options, split_uri};
use wrun_store::objects::{Listed, ObjectError, Objects};

/// The file that has the name of the prefix.
const NAME: &str = "out-url";
/// So many objects are read at once.
const AT_ONCE: usize = 16;
/// So many objects are removed by one request.
const REMOVED_AT_ONCE: usize = 1000;

/// Below which address containers write, and how to reach it.
#[derive(Clone, Debug)]
pub struct Staging {
    /// `s3://BUCKET/PREFIX`.
    pub url: String,
    /// How to reach the bucket.
    pub options: S3Options,
}

impl Staging {
    async fn open(&self) -> S3Objects {
        let (bucket, prefix) = split_uri(&self.url).unwrap_or_default();
        S3Objects::open(bucket, prefix, &self.options).await
    }

    /// Removes what runs wrote whose machine is lost, for a run that is over sweeps its own: all below the prefix of a
    /// run where nothing was written for a week. `now` is in milliseconds since 1970. Returns how many prefixes.
    pub async fn sweep_abandoned(&self, now: i64) -> Result<usize, ObjectError> {
        let limit = now - i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX);
        let objects = self.open().await;
        let mut runs: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for object in Objects::list(&objects, "", "").await? {
            match object.name.split_once('/') {
                Some((run, _)) if is_run(run) => runs.entry(run.to_owned()).or_default().push(object),
                // It is somebody else's.
                _ => {}
            }
        }
        runs.retain(|_, all| all.iter().all(|object| object.written < limit));
        for all in runs.values() {
            let names: Vec<String> = all.iter().map(|object| object.name.clone()).collect();
            remove(&objects, &names).await?;
        }
        Ok(runs.len())
    }
}

/// The same, reached when somebody asks for it.
pub(super) struct Bucket {
    staging: Staging,
    objects: OnceCell<S3Objects>,
}

impl Bucket {
    pub(super) fn new(staging: Staging) -> Self {
        let url = staging.url.trim_end_matches('/').to_owned();
        Self { staging: Staging { url, ..staging }, objects: OnceCell::new() }
    }

    async fn objects(&self) -> &S3Objects {
        self.objects.get_or_init(|| self.staging.open()).await
    }

    /// Names a prefix that nobody has used, and writes that down in the folder of the run.
    pub(super) fn fresh(&self, folder: &Path, lease: &str) -> Result<(), String> {
        let mut random = [0; 8];
        let path = Path::new("/dev/urandom");
        let read =
            std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut random));
        read.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        let name = folder.join(NAME);
        std::fs::write(&name, format!("{lease}-{:016x}/", u64::from_le_bytes(random)))
            .map_err(|error| format!("cannot write `{}`: {error}", name.display()))
    }

    /// Returns the address of a run's prefix.
    pub(super) fn url(&self, folder: &Path) -> Option<String> {
        Some(format!("{}/{}", self.staging.url, prefix(folder)?))
    }

    /// Brings what a run wrote there into the store.
    pub(super) async fn land(
        &self,
        folder: &Path,
        most: Most,
        store: &Arc<dyn Store>,
    ) -> Result<Vec<Given>, RunError> {
        let Some(prefix) = prefix(folder) else { return Ok(Vec::new()) };
        let objects = self.objects().await;
        let seen = Origin::list(objects, &prefix).await.map_err(|error| passing(&error))?;
        // Consoles make empty objects that stand for folders.
        let files: Vec<Seen> = seen.into_iter().filter(|seen| !seen.key.ends_with('/')).collect();
        let bytes = files.iter().fold(0u64, |sum, seen| sum.saturating_add(seen.size.unwrap_or_default()));
        if files.len() as u64 > most.files || bytes > most.bytes {
            let much =
                if bytes > most.bytes { format!("{} bytes", most.bytes) } else { format!("{} files", most.files) };
            return Err(failed(
                FailureKind::OutputLimit,
                format!("the container wrote more than {much} to {OUT_URL}"),
            ));
        }
        let prefix = &prefix;
        let landing = files.into_iter().map(|seen| async move {
            let path = &seen.key[prefix.len()..];
            if split_path(path).is_none() {
                let why = format!(
                    "the container wrote `{}` to {OUT_URL}, which no output can be called",
                    path.escape_debug()
                );
                return Err(failed(FailureKind::Outputs, why));
            }
            let landed = objects.read(&seen, store).await.map_err(|error| match error {
                ReadError::Store(error) => RunError::Store(error),
                ReadError::Object(error) => passing(&error),
                other => infrastructure(format!("`{}/{}` cannot be taken: {other}", self.staging.url, seen.key)),
            })?;
            Ok(Given { path: path.to_owned(), digest: landed.digest, size: landed.size })
        });
        futures_util::stream::iter(landing).buffered(AT_ONCE).try_collect().await
    }

    /// Removes all that a run wrote there.
    pub(super) async fn sweep(&self, folder: &Path) -> Result<(), ObjectError> {
        let Some(prefix) = prefix(folder) else { return Ok(()) };
        let objects = self.objects().await;
        let names: Vec<String> = Origin::list(objects, &prefix).await?.into_iter().map(|seen| seen.key).collect();
        remove(objects, &names).await
    }
}

async fn remove(objects: &S3Objects, names: &[String]) -> Result<(), ObjectError> {
    for names in names.chunks(REMOVED_AT_ONCE) {
        objects.remove(names).await?;
    }
    Ok(())
}

/// Returns the name of a run's prefix: `<lease>-<16 hex>/`; none where it has none.
fn prefix(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(NAME)).ok().filter(|name| name.ends_with('/'))
}

/// Tells whether a name is that of a run's prefix, but for the `/`.
fn is_run(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(lease, random)| {
        !lease.is_empty() && random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn passing(error: &ObjectError) -> RunError {
    infrastructure(format!("what the container wrote to {OUT_URL} cannot be taken: {error}"))
}
