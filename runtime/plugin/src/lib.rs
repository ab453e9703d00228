//! The wasmtime host: load, describe, declare and run plugins deterministically.
//!
//! | module | holds |
//! |---|---|
//! | [`run`] | what goes into a run and what comes out, in words that every executor shares |
//! | [`host`] | [`Host`]: engines, made when they are first needed; the ticker of CPU time |
//! | [`plugin`] | [`Plugin`]: one component; its description and its Plans |
//! | [`symbols`] | which line of source an address belongs to; the file beside a component |
//! | [`error`] | [`LoadError`]: a file that is not a plugin |
//! | [`core_module`] | core modules, made into components |
//! | `guest` | one run, from instantiation to the tree of its output |
//! | `compiled` | compiled code on disk |
//! | `convert` | the contract's types to wrun's nouns |
//! | `sandbox` | all that a guest can see: files, clocks, randomness, streams, `need` |
//!
//! A [`Host`] costs nothing until a guest is called: reading a cached Plan never touches wasmtime.
//!
//! The only crate that names wasmtime. Must never be imported here: the Session, a terminal.

mod bindings;
mod compiled;
mod convert;
pub mod core_module;
mod cpu;
pub mod error;
mod guest;
pub mod host;
pub mod plugin;
pub mod run;
#[expect(unreachable_pub, reason = "the generated bindings re-export their resources")]
mod sandbox;
pub mod symbols;

pub use error::LoadError;
pub use host::{Host, HostConfig, machine};
pub use plugin::Plugin;
pub use run::*;
