//! Object stores such as S3: bytes by name, and no more.
//!
//! - [`Objects`] is the contract; its doc says what every implementation promises.
//! - [`s3`]: Amazon S3, and what speaks like it.
//! - [`folder`]: a folder, for what is published to one.
//! - [`memory`]: for tests, with faults to order.
//! - `limit`: how many requests are under way, and how often one is repeated.
//! - [`conformance`]: one suite, run over every implementation.

pub mod conformance;
pub mod folder;
pub(crate) mod limit;
pub mod memory;
pub mod s3;

use crate::api::{Blob, Bytes, Staged};
use crate::error::StoreError;
use async_trait::async_trait;

pub use wrun_core::report::Traffic;

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

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Bytes.
    pub size: u64,
    /// Names this state of it: another write has another.
    pub tag: String,
    /// What [`Objects::swap`] noted of it.
    pub note: Option<String>,
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
    /// It sends us elsewhere, without end or to where nobody can be sure of the bytes.
    Redirected,
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
            Self::Redirected => "name the address that it leads to",
            Self::Local => "free some space, or name another folder with `--cache DIR`",
            Self::Other => return None,
        })
    }
}

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
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

    /// Writes again, on condition that nothing is there, what is there; tells whether the server refused, which one
    /// that does not heed conditions does not. Where the user gave up on conditions nothing is asked.
    async fn heeds_conditions(&self, name: &str, body: Bytes) -> Result<bool, ObjectError>;

    /// Writes a small object, over whatever is there.
    async fn put(&self, name: &str, body: Bytes) -> Result<(), ObjectError>;

    /// Writes an object of any size whose name says what is in it; an equal one may be there. With `replace` it
    /// is written even then.
    async fn upload(&self, name: &str, body: &Blob, replace: bool) -> Result<(), ObjectError>;

    /// Appends an object of any size to a file; tells whether there is one.
    async fn download(&self, name: &str, to: &mut dyn Staged) -> Result<bool, DownloadError>;

    /// Returns the size of an object, or nothing where there is none.
    async fn size(&self, name: &str) -> Result<Option<u64>, ObjectError>;

    /// Returns what is known of an object without reading it.
    async fn look(&self, name: &str) -> Result<Option<State>, ObjectError>;

    /// Compares and swaps: writes an object, with a short note of ASCII, if the one of this tag is there, or none where
    /// there is no tag; tells whether it was. A reply that was lost is no loss: it is true as well where equal bytes are
    /// there already.
    async fn swap(
        &self,
        name: &str,
        body: &Blob,
        over: Option<&str>,
        note: Option<&str>,
    ) -> Result<bool, ObjectError>;

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
