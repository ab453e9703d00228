//! The nouns of wrun, pure: no I/O, no async runtime, no clock, no environment.
//!
//! | module | holds |
//! |---|---|
//! | [`digest`] | [`Digest`](digest::Digest), and the newtypes for what is hashed |
//! | [`codec`] | the canonical, typed, length-prefixed encoding that every key is a hash of |
//! | [`tree`] | [`Tree`](tree::Tree): the canonical listing of a directory |
//! | [`param`] | parameter types, parsing, canonical values |
//! | [`task`] | what a plugin offers: descriptions, task types, calls |
//! | [`plan`] | what `declare` answered |
//! | [`action`] | a plan whose inputs are digests; **the coverage table of the key** |
//! | [`result`] | what an action made, as stored |
//! | [`session`] | what a finished build leaves |
//! | [`externals`] | its externals, where there may be very many |
//! | [`graph`] | its tasks: what each came to, and what it stood on |
//! | [`reason`] | why a task ran, as data |
//! | [`event`] | what happens during a build, as data |
//! | [`report`] | the skip report |
//! | [`suggest`] | did you mean |
//!
//! Must never be imported here: anything that reads a file, a clock or the environment.
//!
//! ```
//! use wrun_core::digest::Digest;
//! assert_eq!(Digest::of_blob(b"").to_string().len(), 3 + 64);
//! ```

pub mod action;
pub mod codec;
pub mod digest;
pub mod event;
pub mod externals;
pub mod graph;
pub mod param;
pub mod plan;
pub mod reason;
pub mod report;
pub mod result;
pub mod session;
pub mod suggest;
pub mod task;
pub mod tree;
