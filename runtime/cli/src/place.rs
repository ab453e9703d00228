//! Where results are: a folder of this machine, or a bucket with a folder in front of it.

use crate::args::StoreArgs;
use crate::config::Config;
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
use wrun_store::local::LocalStore;
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
            return match (&args.cache, args.offline) {
                (None, false) => Ok(Self::Folder(from.join(given))),
                (cache, _) => {
                    let flag = if cache.is_some() { "--cache" } else { "--offline" };
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
        let cache = LocalStore::open(&self.cache)?;
        self.claim()?;
        if self.offline {
            return Ok(TieredStore::offline(cache, &self.uri()));
        }
        Ok(TieredStore::new(cache, Arc::new(self.objects(runtime))))
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
                std::fs::write(&path, ours).map_err(|error| CliError::file(Exit::Store, "write", &path, &error))
            }
            Err(error) => Err(CliError::file(Exit::Store, "read", &path, &error)),
        }
    }
}
