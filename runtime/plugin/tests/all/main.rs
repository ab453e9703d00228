//! Every way in which a guest misbehaves, and what a good one sees.
//!
//! - `support`: a store, a context and the hostile guest;
//! - `load`: bytes that are no plugin, descriptions that lie;
//! - `plan`: `declare`;
//! - `files`: `/in` and `/out`;
//! - `fail`: failures and limits, told apart;
//! - `need`: dynamic tasks;
//! - `bindings`: generated bindings of other languages;
//! - `probe`: what could differ from run to run;
//! - `compiled`: compiled code on disk.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod bindings;
mod compiled;
mod fail;
mod files;
mod load;
mod need;
mod plan;
mod probe;
mod support;
