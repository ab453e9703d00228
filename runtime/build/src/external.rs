//! External inputs: which a plugin may name, and finding, hashing and bringing them.

use crate::api::{Options, Setup};
use crate::graph::{ExternalId, ExternalState, FoundExternal};
use crate::jobs::{Shared, Trouble};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use wrun_core::plan::External;
use wrun_exec::{FailureKind, RunError};
use wrun_store::external::{BringError, ExternalError, Found, Place, Request, Rule, find as find_all, parse_url};
use wrun_store::files::Dir;
use wrun_store::{StoreError, Write};

/// What became of externals, and what is to be remembered of them.
pub(crate) struct FoundBatch {
    pub(crate) states: Vec<(ExternalId, ExternalState)>,
    pub(crate) writes: Vec<Write>,
}

/// Resolves the address of an external, and checks that a plugin may name it.
pub(crate) fn place(shared: &Shared, uri: &str) -> Result<Place, Trouble> {
    let text = uri.strip_prefix("file:").unwrap_or(uri);
    if let Some((scheme, _)) = text.split_once("://") {
        return there(shared, scheme, text);
    }
    let path = normal(&shared.setup.root.join(text));
    if shared.roots.iter().any(|root| path.starts_with(root)) {
        return Ok(Place::Here(path));
    }
    Err(Trouble {
        message: format!("`{}` is outside the folders that the plugin may read", path.display()),
        hint: Some(format!(
            "it may read under `{}`, under `roots` of wrun.toml, and what you pass as a path param",
            shared.setup.root.display()
        )),
    })
}

/// Returns the folders that a plugin may read: there may be a file for each task, so they are found out once.
pub(crate) fn roots(setup: &Setup, options: &Options) -> Vec<PathBuf> {
    let all = std::iter::once(&setup.root).chain(&setup.roots).chain(&options.given_paths);
    all.map(|root| normal(&setup.root.join(root))).collect()
}

fn there(shared: &Shared, scheme: &str, text: &str) -> Result<Place, Trouble> {
    let uri = address(text).map_err(|why| match scheme {
        "s3" | "http" | "https" => Trouble {
            message: format!("`{text}` is no address: {why}"),
            hint: Some("such as `s3://BUCKET/KEY`, `s3://BUCKET/PREFIX/` or `https://HOST/PATH`".into()),
        },
        _ => Trouble {
            message: format!("`{text}` has the scheme `{scheme}`, which wrun cannot read"),
            hint: Some("externals are `file:PATH`, `s3://BUCKET/KEY` and `https://HOST/PATH`".into()),
        },
    })?;
    let roots = shared.setup.roots.iter().chain(&shared.options.given_paths);
    let mut roots = roots.filter_map(|root| address(root.to_str()?).ok());
    if roots.any(|root| below(&uri, &root)) {
        return Ok(Place::There(uri));
    }
    Err(Trouble {
        message: format!("the plugin may not read `{uri}`"),
        hint: Some(
            "it may read what lies under an address in `roots` of wrun.toml, and what you pass as a path param"
                .into(),
        ),
    })
}

/// Reads an address, and writes it in the one way that it is compared in.
fn address(text: &str) -> Result<String, String> {
    let Some(rest) = text.strip_prefix("s3://") else { return parse_url(text) };
    let key = rest.split_once('/').map_or("", |(_, key)| key);
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("it has `.` or `..` in it".into());
    }
    if rest.is_empty() || rest.starts_with('/') { Err("it names no bucket".into()) } else { Ok(text.to_owned()) }
}

/// Tells whether an address is another one, or lies below it.
fn below(uri: &str, root: &str) -> bool {
    match uri.strip_prefix(root) {
        Some("") => true,
        Some(rest) => root.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// Removes `.` and `..` without looking at the disk.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = out.pop(),
            part => out.push(part),
        }
    }
    out
}

/// Returns what wrun.toml says of an external: of itself, else of the nearest address above it.
fn rule(shared: &Shared, place: &Place) -> Rule {
    let matching = |key: &str| match place {
        Place::There(uri) => {
            address(key).is_ok_and(|key| *uri == key || (key.ends_with('/') && uri.starts_with(&key)))
        }
        Place::Here(path) => {
            let key = key.strip_prefix("file:").unwrap_or(key);
            let named = normal(&shared.setup.root.join(key));
            !key.contains("://") && (*path == named || (key.ends_with('/') && path.starts_with(named)))
        }
    };
    let rules = shared.options.externals.iter().filter(|(key, _)| matching(key));
    let (key, rule) = match rules.max_by_key(|(key, _)| key.len()) {
        Some(found) => found,
        None => return Rule::default(),
    };
    // A digest is of one thing.
    let exact = match place {
        Place::There(uri) => address(key).is_ok_and(|key| key == *uri),
        Place::Here(path) => *path == normal(&shared.setup.root.join(key.strip_prefix("file:").unwrap_or(key))),
    };
    Rule { digest: rule.digest.filter(|_| exact), ..rule.clone() }
}

fn request(shared: &Shared, external: &External, place: Place) -> Request {
    let rule = rule(shared, &place);
    Request { place, mode: external.mode, rule }
}

/// Finds and hashes externals.
pub(crate) async fn find(
    shared: &Shared,
    batch: Vec<(ExternalId, External, Place)>,
) -> Result<FoundBatch, StoreError> {
    let requests: Vec<Request> =
        batch.iter().map(|(_, external, place)| request(shared, external, place.clone())).collect();
    let found = find_all(&shared.setup.store, &shared.setup.sources, &requests).await?;
    let mut writes = Vec::new();
    let mut states = Vec::with_capacity(batch.len());
    for ((id, external, _), found) in batch.into_iter().zip(found) {
        let state = match found {
            Ok(mut found) => {
                writes.append(&mut found.stamps);
                ExternalState::Found(Arc::new(FoundExternal { found, brought: OnceCell::new() }))
            }
            Err(error) if external.wait && error.is_missing() => ExternalState::Waiting(format!("{error} yet")),
            Err(error) => ExternalState::Failed { message: error.to_string(), hint: Some(error.hint()) },
        };
        states.push((id, state));
    }
    Ok(FoundBatch { states, writes })
}

/// Finds some externals again; leaves out those that are not there, or cannot be read.
pub(crate) async fn find_again(
    shared: &Shared,
    wanted: Vec<(usize, &External)>,
) -> Result<Vec<(usize, Found)>, StoreError> {
    let (mut at, mut requests) = (Vec::new(), Vec::new());
    for (i, external) in wanted {
        if let Ok(place) = place(shared, &external.uri) {
            at.push(i);
            requests.push(request(shared, external, place));
        }
    }
    let mut found = find_side_by_side(shared, requests).await?;
    // What was read here need not be read by the next build.
    let stamps: Vec<Write> =
        found.iter_mut().flatten().flat_map(|found| std::mem::take(&mut found.stamps)).collect();
    if !stamps.is_empty() {
        shared.setup.store.commit(stamps).await?;
    }
    Ok(at.into_iter().zip(found).filter_map(|(i, found)| Some((i, found.ok()?))).collect())
}

/// Finds many externals on all threads, and few on this one.
async fn find_side_by_side(
    shared: &Shared,
    mut requests: Vec<Request>,
) -> Result<Vec<Result<Found, ExternalError>>, StoreError> {
    const TOGETHER: usize = 1024;
    let setup = &shared.setup;
    if requests.len() <= TOGETHER {
        return find_all(&setup.store, &setup.sources, &requests).await;
    }
    let mut jobs = Vec::with_capacity(requests.len().div_ceil(TOGETHER));
    while !requests.is_empty() {
        let rest = requests.split_off(requests.len().min(TOGETHER));
        let (some, store, sources) =
            (std::mem::replace(&mut requests, rest), setup.store.clone(), setup.sources.clone());
        jobs.push(tokio::spawn(async move { find_all(&store, &sources, &some).await }));
    }
    let mut found = Vec::new();
    for job in jobs {
        let gone = |error| Err(StoreError::io("look at", &setup.root)(std::io::Error::other(error)));
        found.extend(job.await.unwrap_or_else(gone)?);
    }
    Ok(found)
}

/// Brings an external's bytes to where a task can read them, once a session; whoever is first also commits
/// them.
pub(crate) async fn bring(
    shared: &Shared,
    external: &FoundExternal,
    input: &str,
    writes: &mut Vec<Write>,
) -> Result<Dir, RunError> {
    let mut fresh = Vec::new();
    let dir = external
        .brought
        .get_or_try_init(|| async {
            let (dir, made) = external.found.bring(&shared.setup.store).await?;
            fresh = made;
            Ok(dir)
        })
        .await
        .map_err(|error| match error {
            BringError::Store(error) => RunError::Store(error),
            BringError::External(error) => RunError::Failed {
                kind: FailureKind::Error,
                message: format!("input `{input}`: {error}"),
                log: Vec::new(),
            },
        })?
        .clone();
    writes.append(&mut fresh);
    Ok(dir)
}
