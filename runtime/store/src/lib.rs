//! Blobs by digest, results by action digest. Knows bytes and digests, not tasks.
//!
//! - [`Store`] is the contract; its doc says what every implementation promises.
//! - [`local::LocalStore`]: blobs as files, small records in SQLite (WAL).
//! - [`memory::MemoryStore`]: for tests.
//! - [`tiered::TieredStore`]: a cache in front of an object store, which is the truth.
//! - [`objects`]: object stores such as S3.
//! - [`pack`]: many small records in one blob.
//! - [`conformance`]: one suite, run over every implementation.
//! - [`lock`]: single flight between processes of one machine.
//! - [`external`]: files that no task makes: found, hashed, brought into the store.
//! - [`files`]: views of trees and blobs that the sandbox and ingestion read through.
//!
//! Must never be imported here: anything that knows a task type, wasmtime, or a terminal.

pub mod api;
mod care;
pub mod conformance;
pub mod error;
pub mod external;
pub mod files;
pub mod local;
pub mod lock;
pub mod memory;
pub mod objects;
pub mod pack;
pub mod tiered;

pub use api::*;
pub use error::StoreError;
