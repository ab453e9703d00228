//! Where results are: a folder of this machine, or a bucket with a folder in front of it.

use crate::args::StoreArgs;
use crate::config::{Config, Size};
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::workspace::cache_folder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;
use wrun_core::digest::Digest;
use wrun_store::Store;
use wrun_store::local::{LocalStore, Trimmed};
use wrun_store::objects::s3::{S3Objects, S3Options, split_uri};
use wrun_store::tiered::TieredStore;

/// Where results are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    S3(Box<Bucket>),
}

/// A bucket, and the cache in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) cache: PathBuf,
    /// At most so many bytes of it are kept after a build.
    pub(crate) cache_size: Option<Size>,
    pub(crate) offline: bool,
    pub(crate) options: S3Options,
}

/// In the cache, says what it is in front of.
const TRUTH: &str = "truth";

impl Place {
    /// Decides: the command line, the environment, wrun.toml, the user's cache folder.
    pub(crate) fn of(args: &StoreArgs, config: &Config, folder: Option<&Path>, cwd: &Path) -> Result<Self> {
        let place = |from: &Path, given: &Path| Self::read(args, config, folder, (cwd, from), given);
        if let Some(given) = &args.store {
            return place(cwd, given);
        }
        if let Some(given) = env::var("WRUN_STORE") {
            return place(cwd, Path::new(&given));
        }
        let local = match (folder, &config.store) {
            (Some(folder), Some(given)) => return place(folder, Path::new(given)),
            (Some(folder), None) => folder.join(".wrun/store"),
            (None, _) => cache_folder().map(|cache| cache.join("store")).ok_or_else(|| {
                CliError::usage("there is nowhere to keep results: no wrun.toml, no HOME")
                    .code(Code::Nowhere)
                    .hint("name a folder with `--store DIR`")
            })?,
        };
        place(cwd, &local)
    }

    fn read(
        args: &StoreArgs,
        config: &Config,
        folder: Option<&Path>,
        (cwd, from): (&Path, &Path),
        given: &Path,
    ) -> Result<Self> {
        let Some((scheme, _)) = given.to_str().and_then(|text| text.split_once("://")) else {
            let flags = [
                ("--cache", args.cache.is_some()),
                ("--cache-size", args.cache_size.is_some()),
                ("--offline", args.offline),
            ];
            return match flags.into_iter().find(|(_, given)| *given) {
                None => Ok(Self::Folder(from.join(given))),
                Some((flag, _)) => {
                    Err(CliError::usage(format!("`{flag}` is for a store on S3, and the store is a folder"))
                        .hint(format!("leave it out, or name a store with `--store s3://BUCKET/PREFIX {flag}`")))
                }
            };
        };
        let uri = given.to_str().unwrap_or_default();
        let Some((bucket, prefix)) = split_uri(uri) else {
            let error = CliError::usage(match scheme {
                "s3" => format!("the store `{uri}` names no bucket"),
                _ => format!("the store `{uri}` has the scheme `{scheme}`, which wrun cannot use"),
            });
            return Err(error.code(Code::UnsupportedStore).hint("name a folder, or s3://BUCKET/PREFIX"));
        };
        let cache = match (&args.cache, &config.cache, folder) {
            (Some(given), ..) => cwd.join(given),
            (None, Some(given), Some(folder)) => folder.join(given),
            _ => {
                let endpoint = config.s3.endpoint.as_deref().unwrap_or_default();
                let name = Digest::of_blob(format!("{endpoint}\n{bucket}\n{prefix}").as_bytes()).to_hex();
                let caches = cache_folder().ok_or_else(|| {
                    CliError::usage("there is nowhere to keep a cache: no HOME")
                        .code(Code::Nowhere)
                        .hint("name a folder with `--cache DIR`")
                })?;
                caches.join("s3").join(&name[..16])
            }
        };
        Ok(Self::S3(Box::new(Bucket {
            name: bucket.to_owned(),
            prefix: prefix.to_owned(),
            cache,
            cache_size: args.cache_size.or(config.cache_size),
            offline: args.offline,
            options: config.s3.clone(),
        })))
    }

    /// Returns the folder of this machine: the store, or its cache.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::S3(bucket) => &bucket.cache,
        }
    }
}

impl Bucket {
    fn uri(&self) -> String {
        format!("s3://{}/{}", self.name, self.prefix)
    }

    /// Reaches the bucket; nothing is asked of it yet.
    pub(crate) fn objects(&self, runtime: &Runtime) -> S3Objects {
        runtime.block_on(S3Objects::open(&self.name, &self.prefix, &self.options))
    }

    /// Opens the cache, and the bucket behind it.
    pub(crate) fn open(&self, runtime: &Runtime) -> Result<Arc<dyn Store>> {
        let cache = LocalStore::open_cache(&self.cache)?;
        self.claim()?;
        if self.offline {
            return Ok(TieredStore::offline(cache, &self.uri()));
        }
        Ok(TieredStore::new(cache, Arc::new(self.objects(runtime))))
    }

    /// Makes the cache as small as it is to be, unless a build uses it or it has what the bucket has not.
    pub(crate) fn trim(&self, runtime: &Runtime) -> Result<Option<Trimmed>> {
        let Some(Size(limit)) = self.cache_size.filter(|_| !self.offline) else { return Ok(None) };
        let cache = LocalStore::open_existing(&self.cache)?;
        Ok(runtime.block_on(cache.trim(limit))?)
    }

    /// Makes sure that the cache is of this bucket: what it owes, it owes to one.
    fn claim(&self) -> Result<()> {
        let path = self.cache.join(TRUTH);
        let ours = format!("{}\n{}\n", self.uri(), self.options.endpoint.as_deref().unwrap_or_default());
        match std::fs::read_to_string(&path) {
            Ok(known) if known == ours => Ok(()),
            Ok(known) => {
                let whose = known.lines().next().unwrap_or_default().to_owned();
                let message = format!("the cache `{}` is of {whose}, not of {}", self.cache.display(), self.uri());
                Err(CliError::new(Exit::Store, message)
                    .code(Code::NoStore)
                    .hint("name another folder with `--cache DIR`, or leave it out"))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                claim_new(&path, &ours).map_err(|error| CliError::file(Exit::Store, "write", &path, &error))?;
                // Another process may have been first, and of another bucket.
                self.claim()
            }
            Err(error) => Err(CliError::file(Exit::Store, "read", &path, &error)),
        }
    }
}

/// Makes a file with its content at once, unless it is there: a process that reads it, or is killed, never sees half.
fn claim_new(path: &Path, content: &str) -> std::io::Result<()> {
    let beside = path.with_extension(std::process::id().to_string());
    std::fs::write(&beside, content)?;
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_first_claim_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TRUTH);
        claim_new(&path, "one").unwrap();
        claim_new(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
