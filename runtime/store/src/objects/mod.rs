//! Object stores such as S3: bytes by name, and no more.
//!
//! - [`Objects`] is the contract; its doc says what every implementation promises.
//! - [`s3`]: Amazon S3, and what speaks like it.
//! - [`memory`]: for tests, with faults to order.
//! - `limit`: how many requests are under way, and how often one is repeated.
//! - [`conformance`]: one suite, run over every implementation.

pub mod conformance;
mod limit;
pub mod memory;
pub mod s3;

use crate::api::{Blob, Bytes, Staged};
use crate::error::StoreError;
use async_trait::async_trait;
use serde::Serialize;

/// What became of a put that must not overwrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there: by this request, or by an earlier one of the same bytes.
    Created,
    /// Other bytes were there first.
    Exists(Bytes),
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name, below the prefix of the store.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, by the server's clock: milliseconds since 1970.
    pub written: i64,
}

/// Requests and bytes so far.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Traffic {
    /// Objects asked for, whole or by range.
    pub gets: u64,
    /// Objects written, parts of them included.
    pub puts: u64,
    /// Questions whether an object is there.
    pub heads: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Batches of removals.
    pub deletes: u64,
    /// Requests that were repeated because of a passing fault.
    pub retries: u64,
    /// Answers that asked for fewer requests.
    pub throttled: u64,
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
}

impl Traffic {
    /// Returns the number of requests of every kind, repeated ones included.
    pub fn requests(&self) -> u64 {
        self.gets + self.puts + self.heads + self.lists + self.deletes
    }
}

/// Why a request failed, as far as that decides what to do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server does not let us.
    Denied,
    /// Who we are cannot be found out, or is known no more.
    Credentials,
    /// Our clock is too far from the server's.
    ClockSkew,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is elsewhere.
    Region,
    /// Nobody answers at the address.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The server asks for fewer requests, again and again.
    Throttled,
    /// The server cannot, again and again.
    Server,
    /// The answer is not what was asked for.
    Garbled,
    /// The server does not do what this needs.
    Unsupported,
    /// A file of this machine.
    Local,
    /// Anything else.
    Other,
}

impl Fault {
    /// Tells whether the same request may succeed a little later.
    pub fn passes(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Throttled | Self::Server | Self::Garbled)
    }

    /// Returns one thing to try.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Denied => {
                "the rights that wrun needs are in docs/using/s3.md; `wrun doctor` tries them one by one"
            }
            Self::Credentials => {
                "log in again, or name a profile: `profile` under [s3] in wrun.toml, or AWS_PROFILE"
            }
            Self::ClockSkew => "set this machine's clock",
            Self::NoBucket => "make the bucket, or correct its name in `--store s3://BUCKET/PREFIX`",
            Self::Region => "name the bucket's region: `region` under [s3] in wrun.toml, or AWS_REGION",
            Self::Unreachable => "look at the network, and at `endpoint` under [s3] in wrun.toml",
            Self::TimedOut | Self::Server => "try again; what is finished is kept",
            Self::Throttled => "run fewer builds at once against this bucket, or try again later",
            Self::Garbled => "look at what stands between this machine and the server",
            Self::Unsupported => {
                "use a server that knows `If-None-Match`, or say `conditional = false` under [s3] in wrun.toml"
            }
            Self::Local => "free some space, or name another folder with `--cache DIR`",
            Self::Other => return None,
        })
    }
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{uri}`: {why}")]
pub struct ObjectError {
    /// Such as `read`.
    pub doing: &'static str,
    /// What it was about.
    pub uri: String,
    /// What kind of failure it is.
    pub fault: Fault,
    /// The server's words, or those of the network.
    pub why: String,
}

/// Bytes by name.
///
/// Every implementation promises:
///
/// - **A put is atomic and durable.** Nobody ever sees half an object, and who is told that it is there finds it.
/// - **[`Self::put_new`] never overwrites.** Of many writers one wins; the others are given the winner's bytes. A
///   server's word that something is there is confirmed by reading it, and a reply that was lost is no loss.
/// - **A failure is an error**, after several tries where it may pass, and never an absence.
///
/// Names are below a prefix of the store's own, parts between `/`.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Says where it is, for people: `s3://bucket/prefix`.
    fn describe(&self) -> String;

    /// Returns an object, or nothing where there is none.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectError>;

    /// Writes a small object that must not be there yet.
    async fn put_new(&self, name: &str, body: Bytes) -> Result<Put, ObjectError>;

    /// Writes a small object, over whatever is there.
    async fn put(&self, name: &str, body: Bytes) -> Result<(), ObjectError>;

    /// Writes an object of any size whose name says what is in it; an equal one may be there. With `replace` it
    /// is written even then.
    async fn upload(&self, name: &str, body: &Blob, replace: bool) -> Result<(), ObjectError>;

    /// Appends an object of any size to a file; tells whether there is one.
    async fn download(&self, name: &str, to: &mut dyn Staged) -> Result<bool, DownloadError>;

    /// Returns the size of an object, or nothing where there is none.
    async fn size(&self, name: &str) -> Result<Option<u64>, ObjectError>;

    /// Lists the objects whose names begin so, in order of their bytes, after a name.
    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<Listed>, ObjectError>;

    /// Removes objects; those that are not there are no error.
    async fn remove(&self, names: &[String]) -> Result<(), ObjectError>;

    /// Returns what was done so far.
    fn traffic(&self) -> Traffic;
}

/// Why a download failed: at either end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Here.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DownloadError> for StoreError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Object(error) => error.into(),
            DownloadError::Store(error) => error,
        }
    }
}
