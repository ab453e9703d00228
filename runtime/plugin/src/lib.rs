//! The wasmtime host: load, describe, declare and run plugins deterministically.
//!
//! The only crate that names wasmtime. Must never be imported here: the Session, a terminal.

pub mod run;

pub use run::*;
