//! Blobs by digest, results by action digest. Knows bytes and digests, not tasks.
//!
//! - [`Store`] is the contract; its doc says what every implementation promises.
//! - [`local::LocalStore`]: blobs as files, small records in SQLite (WAL).
//! - [`memory::MemoryStore`]: for tests.
//! - [`conformance`]: one suite, run over every implementation.
//! - [`lock`]: single flight between processes of one machine.
//! - [`external`]: files that no task makes: found, hashed, brought into the store.
//! - [`files`]: views of trees and blobs that the sandbox and ingestion read through.
//!
//! Must never be imported here: anything that knows a task type, wasmtime, or a terminal.

pub mod api;
pub mod conformance;
pub mod error;
pub mod external;
pub mod files;
pub mod local;
pub mod lock;
pub mod memory;

pub use api::*;
pub use error::StoreError;
