//! Externals on servers: which files there are, and bringing them here.

use super::list::{Listed, MAGIC, matcher};
use super::origin::{Landed, Origin, ReadError, Seen, Sources};
use super::rule::{By, Place, Request, Rule, Weak};
use super::{ExternalError, FoundFile, Where};
use crate::api::{BlobKind, Stamp, Store, Write};
use crate::error::StoreError;
use crate::objects::ObjectError;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_core::plan::ExternalMode;

/// So many objects are looked at or brought at once.
const AT_ONCE: usize = 16;

/// Lists the files of an external, of this machine or of a server.
pub(super) async fn list(
    sources: &Sources,
    store: &Arc<dyn Store>,
    request: &Request,
) -> Result<Result<Listed, ExternalError>, StoreError> {
    let uri = match &request.place {
        Place::Here(path) => return Ok(here(path, &request.rule)),
        Place::There(uri) => uri,
    };
    let pinned = request.rule.digest.filter(|_| request.mode == ExternalMode::Content);
    // What is pinned and here needs no server.
    if let Some(due) = pinned
        && let Some(listed) = kept(sources, store, uri, due).await?
    {
        return Ok(Ok(listed));
    }
    let listed = there(sources, uri, &request.rule).await;
    match (listed, pinned) {
        // Nor does what the truth has, where its server has lost it.
        (Err(error), Some(due)) if store.fetch(&[(BlobKind::Blob, due)]).await?.first() == Some(&true) => {
            Ok(kept(sources, store, uri, due).await?.ok_or(error))
        }
        (listed, _) => Ok(listed),
    }
}

fn here(path: &Path, rule: &Rule) -> Result<Listed, ExternalError> {
    if rule.by == By::Reference {
        return Err(ExternalError::NoReference(path.to_owned()));
    }
    if let Some(weak) = rule.pin {
        return Err(no_pin(path, weak, "it is a file of this machine"));
    }
    if let Some(marker) = &rule.marker {
        let text = path.to_string_lossy();
        let folder = match text.find(MAGIC).filter(|_| !path.exists()) {
            Some(at) => Path::new(&text[..text[..at].rfind('/').unwrap_or(0)]),
            None if path.is_dir() => path,
            None => path.parent().unwrap_or(path),
        };
        super::file::metadata(&folder.join(marker))?;
    }
    super::list::list(path)
}

/// Returns the one file whose content is pinned, if its bytes are here.
async fn kept(
    sources: &Sources,
    store: &Arc<dyn Store>,
    uri: &str,
    due: Digest,
) -> Result<Option<Listed>, StoreError> {
    let Some(blob) = store.get(BlobKind::Blob, due)? else { return Ok(None) };
    // What is wrong with the address is said by who lists it.
    let Ok((origin, key)) = sources.of(uri).await else { return Ok(None) };
    let mut file = file(&origin, Seen::any(&key), uri, last(&key));
    (file.size, file.digest) = (blob.len(), Some(due));
    Ok(Some((vec![file], true)))
}

async fn there(sources: &Sources, uri: &str, rule: &Rule) -> Result<Listed, ExternalError> {
    let (origin, key) = sources.of(uri).await?;
    let glob = uri.starts_with("s3://").then(|| key.find(MAGIC)).flatten();
    if let Some(marker) = &rule.marker {
        let whole = &key[..glob.unwrap_or(key.len())];
        let path = whole.split_once('?').map_or(whole, |(path, _)| path);
        let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
        let marker = format!("{folder}{marker}");
        if origin.look(&marker).await?.is_none() {
            return Err(ExternalError::Missing(address(&origin, uri, &marker)));
        }
    }
    let (mut files, alone) = match glob {
        _ if !uri.starts_with("s3://") => {
            (vec![alone(&origin, uri, &key).await?.ok_or_else(|| missing(uri))?], true)
        }
        Some(at) => matches(&origin, uri, &key, at).await?,
        None if key.is_empty() || key.ends_with('/') => (below(&origin, uri, &key).await?, false),
        None => match alone(&origin, uri, &key).await? {
            Some(file) => (vec![file], true),
            None => (below(&origin, uri, &format!("{key}/")).await?, false),
        },
    };
    if let Some(weak) = rule.weak() {
        versions(&origin, &mut files, weak).await?;
    }
    Ok((files, alone))
}

async fn alone(origin: &Arc<dyn Origin>, uri: &str, key: &str) -> Result<Option<FoundFile>, ExternalError> {
    Ok(origin.look(key).await?.map(|seen| file(origin, seen, uri, last(key))))
}

/// Lists what a glob matches; what has that very name is meant.
async fn matches(origin: &Arc<dyn Origin>, uri: &str, key: &str, at: usize) -> Result<Listed, ExternalError> {
    let fixed = key[..at].rfind('/').map_or(0, |slash| slash + 1);
    let all = origin.list(&key[..at]).await?;
    if let Some(exact) = all.iter().find(|seen| seen.key == key) {
        return Ok((vec![file(origin, exact.clone(), uri, last(key))], true));
    }
    let glob = matcher(uri, &key[fixed..])?;
    let wanted = all.into_iter().filter(|seen| !seen.key.ends_with('/') && glob.is_match(&seen.key[fixed..]));
    let files: Vec<FoundFile> = wanted.map(|seen| part(origin, seen, uri, fixed)).collect();
    if files.is_empty() { Err(ExternalError::NoMatch(uri.into())) } else { Ok((files, false)) }
}

async fn below(origin: &Arc<dyn Origin>, uri: &str, prefix: &str) -> Result<Vec<FoundFile>, ExternalError> {
    // Consoles make empty objects that stand for folders.
    let all = origin.list(prefix).await?.into_iter().filter(|seen| !seen.key.ends_with('/'));
    let files: Vec<FoundFile> = all.map(|seen| part(origin, seen, uri, prefix.len())).collect();
    if files.is_empty() { Err(missing(uri)) } else { Ok(files) }
}

/// Asks for what a weaker pin goes by, where listings do not say it.
async fn versions(origin: &Arc<dyn Origin>, files: &mut [FoundFile], weak: Weak) -> Result<(), ExternalError> {
    for batch in files.chunks_mut(AT_ONCE) {
        let looks = batch.iter().map(|file| async move {
            match &file.from {
                Where::There(origin, seen) if weak == Weak::VersionId && seen.version.is_none() => {
                    origin.look(&seen.key).await
                }
                Where::There(_, seen) => Ok(Some(seen.clone())),
                Where::Here(_) => Ok(None),
            }
        });
        let seen = futures_util::future::join_all(looks).await;
        for (file, seen) in batch.iter_mut().zip(seen) {
            let seen = seen?.ok_or_else(|| ExternalError::Vanished(file.path.clone()))?;
            if weak == Weak::VersionId && seen.version.is_none() {
                return Err(no_pin(&file.path, weak, "its server keeps no versions of it"));
            }
            if weak == Weak::Etag && seen.etag.is_none() {
                return Err(no_pin(&file.path, weak, "its server gives it none that stands for its bytes"));
            }
            file.size = seen.size.ok_or_else(|| no_pin(&file.path, weak, "its server does not say its size"))?;
            file.from = Where::There(origin.clone(), seen);
        }
    }
    Ok(())
}

fn no_pin(path: &Path, weak: Weak, why: &'static str) -> ExternalError {
    let what = match weak {
        Weak::VersionId => "version-id",
        Weak::Etag => "ETag",
    };
    ExternalError::NoPin { path: path.to_owned(), what, why }
}

fn missing(uri: &str) -> ExternalError {
    ExternalError::Missing(uri.into())
}

fn part(origin: &Arc<dyn Origin>, seen: Seen, uri: &str, from: usize) -> FoundFile {
    let name = seen.key[from..].to_owned();
    file(origin, seen, uri, name)
}

fn file(origin: &Arc<dyn Origin>, seen: Seen, uri: &str, name: String) -> FoundFile {
    let path = address(origin, uri, &seen.key);
    let size = seen.size.unwrap_or_default();
    FoundFile { name, path, size, exec: false, digest: None, from: Where::There(origin.clone(), seen) }
}

/// Returns the whole address of an object beside or below another.
fn address(_: &Arc<dyn Origin>, uri: &str, key: &str) -> PathBuf {
    match uri.strip_prefix("s3://").map(|rest| rest.split('/').next().unwrap_or(rest)) {
        Some(bucket) => format!("s3://{bucket}/{key}").into(),
        None => key.into(),
    }
}

/// Returns what a file that is alone is called.
fn last(key: &str) -> String {
    let Some((_, rest)) = key.split_once("://") else {
        return key.rsplit('/').next().unwrap_or(key).to_owned();
    };
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let name = path.split_once('/').and_then(|(_, path)| path.rsplit('/').next()).unwrap_or_default();
    if name.is_empty() { "index".to_owned() } else { super::http::decoded(name) }
}

impl FoundFile {
    /// Returns what its digest is remembered by, where that can be relied on.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        match &self.from {
            Where::Here(stamp) => Some(Stamp::File(*stamp)),
            Where::There(origin, seen) => seen.stamp(&origin.place()),
        }
    }

    /// Brings it into the store, if it is still what it was listed as.
    async fn land(&self, store: &Arc<dyn Store>) -> Result<Landed, ReadError> {
        match &self.from {
            Where::Here(_) => Err(ReadError::Vanished),
            Where::There(origin, seen) => origin.read(seen, store).await,
        }
    }
}

/// Why a file was not brought, so that it can be said of each external that has it.
#[derive(Clone, Debug)]
pub(super) enum Amiss {
    Changed,
    Vanished,
    Object(ObjectError),
}

impl Amiss {
    pub(super) fn of(self, path: &Path) -> ExternalError {
        match self {
            Self::Changed => ExternalError::Changed(path.to_owned()),
            Self::Vanished => ExternalError::Vanished(path.to_owned()),
            Self::Object(error) => error.into(),
        }
    }
}

/// What became of each file, by its address.
pub(super) type Brought = BTreeMap<PathBuf, Result<(Digest, u64), Amiss>>;

/// Brings files into the store, each once, and remembers their digests.
pub(super) async fn bring(store: &Arc<dyn Store>, files: Vec<FoundFile>) -> Result<Brought, StoreError> {
    let unique: BTreeMap<PathBuf, FoundFile> = files.into_iter().map(|file| (file.path.clone(), file)).collect();
    let landing = futures_util::stream::iter(unique.into_values()).map(|file| async move {
        let landed = file.land(store).await;
        (file, landed)
    });
    let all: Vec<(FoundFile, Result<Landed, ReadError>)> = landing.buffer_unordered(AT_ONCE).collect().await;
    let (mut brought, mut writes) = (Brought::new(), Vec::new());
    for (file, landed) in all {
        let result = match landed {
            Ok(Landed { seen, digest, size }) => {
                if let Where::There(origin, _) = &file.from
                    && let Some(stamp) = seen.stamp(&origin.place())
                {
                    writes.push(Write::External(stamp, digest));
                }
                Ok((digest, size))
            }
            Err(ReadError::Store(error)) => return Err(error),
            Err(ReadError::Changed) => Err(Amiss::Changed),
            Err(ReadError::Vanished) => Err(Amiss::Vanished),
            Err(ReadError::Object(error)) => Err(Amiss::Object(error)),
        };
        brought.insert(file.path, result);
    }
    // Even an empty batch makes durable what was brought.
    if brought.values().any(Result::is_ok) {
        store.commit(writes).await?;
    }
    Ok(brought)
}
