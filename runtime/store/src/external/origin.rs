//! Servers that externals are read from: buckets and web servers behind one small contract.
//!
//! What a server says of an object (ETag, date, size) only spares reading it again; what counts is its bytes. The
//! exception is a weaker pin, which the user asks for by name.

use super::ExternalError;
use super::http::{Http, HttpOptions};
use crate::api::{Bytes, Stamp, Store};
use crate::error::StoreError;
use crate::objects::s3::{S3Objects, S3Options};
use crate::objects::{ObjectError, Traffic};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::codec::Encoder;
use wrun_core::digest::Digest;

/// An object as its server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its name there: the key in a bucket, the whole address on the web.
    pub key: String,
    /// Bytes, where the server says.
    pub size: Option<u64>,
    /// What names its content, if the server promises that other bytes would have another one.
    pub etag: Option<String>,
    /// What names this version of it for ever.
    pub version: Option<String>,
    /// When it was written, as the server writes it.
    pub modified: Option<String>,
    /// Whether another object that is described like this has the same bytes.
    pub sure: bool,
}

impl Seen {
    /// Of an object of which nothing is known: whatever is there will do.
    pub fn any(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    /// Returns what its digest is remembered by, where that can be relied on.
    pub(super) fn stamp(&self, place: &str) -> Option<Stamp> {
        let size = self.size.filter(|_| self.sure)?;
        let mut encoder = Encoder::new("wrun.external", 1);
        encoder.text(place).text(&self.key).uint(size);
        for said in [&self.etag, &self.modified] {
            match said {
                Some(text) => encoder.text(text),
                None => encoder.none(),
            };
        }
        Some(Stamp::Remote(encoder.finish()))
    }
}

/// An object that was brought into the store.
#[derive(Clone, Debug)]
pub struct Landed {
    /// How its server described it when it sent the bytes.
    pub seen: Seen,
    /// Its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not any more what it was seen as.
    #[error("it changed")]
    Changed,
    /// It is there no more.
    #[error("it vanished")]
    Vanished,
    /// The server's fault.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A server.
///
/// Every implementation promises that a failure is an error, after several tries where it may pass, and never an
/// absence; and that an object is hashed while it moves, and never whole in memory unless it is small.
#[async_trait]
pub trait Origin: Send + Sync + 'static {
    /// Says which server it is, so that objects of the same name elsewhere are not taken for its own.
    fn place(&self) -> String;

    /// Looks at one object; nothing where there is none.
    async fn look(&self, key: &str) -> Result<Option<Seen>, ObjectError>;

    /// Lists the objects whose names begin so, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<Seen>, ObjectError>;

    /// Brings an object into the store, if it is still what it was seen as. It is durable with the next commit.
    async fn read(&self, seen: &Seen, store: &Arc<dyn Store>) -> Result<Landed, ReadError>;

    /// Returns what was asked of it so far.
    fn traffic(&self) -> Traffic;
}

/// All servers of a process: one client a bucket, one for the web, each made when it is first asked for.
#[derive(Default)]
pub struct Sources {
    s3: S3Options,
    http: HttpOptions,
    open: Mutex<BTreeMap<String, Arc<dyn Origin>>>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.open().keys()).finish()
    }
}

/// The web's place among the clients.
const WEB: &str = "http";

impl Sources {
    /// Says how to reach them. Nothing is asked of anybody yet.
    pub fn new(s3: S3Options, http: HttpOptions) -> Self {
        Self { s3, http, open: Mutex::default() }
    }

    /// Puts something in the place of a bucket (`s3://BUCKET`) or of the web (`http`).
    #[must_use]
    pub fn with(self, name: &str, origin: Arc<dyn Origin>) -> Self {
        self.open().insert(name.to_owned(), origin);
        self
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Origin>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns who has an address, and its name there.
    pub(super) async fn of(&self, uri: &str) -> Result<(Arc<dyn Origin>, String), ExternalError> {
        let bad = |why: &str| ExternalError::Address { uri: uri.to_owned(), why: why.to_owned() };
        if let Some(rest) = uri.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(bad("it names no bucket"));
            }
            let name = format!("s3://{bucket}");
            let known = self.open().get(&name).cloned();
            let origin = match known {
                Some(origin) => origin,
                None => {
                    let made: Arc<dyn Origin> = Arc::new(S3Objects::open(bucket, "", &self.s3).await);
                    self.open().entry(name).or_insert(made).clone()
                }
            };
            return Ok((origin, key.to_owned()));
        }
        let url = super::http::parse(uri).map_err(|why| bad(&why))?;
        let known = self.open().get(WEB).cloned();
        let origin = match known {
            Some(origin) => origin,
            None => {
                let made: Arc<dyn Origin> = Arc::new(Http::new(&self.http).map_err(|why| bad(&why))?);
                self.open().entry(WEB.to_owned()).or_insert(made).clone()
            }
        };
        Ok((origin, url))
    }

    /// Returns what was asked of all of them so far.
    pub fn traffic(&self) -> Traffic {
        self.open().values().fold(Traffic::default(), |sum, origin| sum.plus(origin.traffic()))
    }
}

/// Tells whether bytes begin like a page for people.
pub(super) fn is_page(store: &Arc<dyn Store>, digest: Digest) -> bool {
    let mut start = [0; 256];
    let blob = store.get(crate::api::BlobKind::Blob, digest).ok().flatten();
    let count = blob.and_then(|blob| blob.read_at(&mut start, 0).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&start[..count]).trim_start().to_ascii_lowercase();
    text.starts_with("<!doctype html") || text.starts_with("<html")
}

/// Brings small bytes into the store.
pub(crate) fn land(store: &Arc<dyn Store>, bytes: &Bytes) -> Result<Digest, StoreError> {
    let mut staged = store.stage()?;
    staged.write(bytes)?;
    staged.finish()
}
