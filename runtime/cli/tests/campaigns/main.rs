//! Long campaigns over the program itself: kills, races, damage, chaos, and what a guest can observe.
//!
//! Seeded; a tenth of each in the usual tests, all of it in `make soak`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, prints its figures, and has an environment"
)]

mod bucket;
mod chaos;
mod containers;
#[path = "../daemon/mod.rs"]
mod daemon;
mod damage;
mod determinism;
#[path = "../../../store/tests/fake_s3/mod.rs"]
mod fake_s3;
mod kills;
mod machine;
mod races;
mod scale;
mod world;
