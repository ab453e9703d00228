//! Sessions over a memory store and a fake plugin: planning, keys, hits, needs, failures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "one binary")]

mod bucket;
mod containers;
mod externals;
mod failures;
mod fake;
mod gc;
mod hits;
mod invalidate;
mod keys;
mod losses;
mod model;
mod moves;
mod needs;
mod previews;
mod provenance;
mod random;
mod reasons;
mod recall;
mod slots;

/// How many cases a campaign has: a tenth of them in the usual tests, all of them in `make soak`.
#[allow(clippy::disallowed_methods, reason = "how large the campaigns are is the test's own affair")]
fn cases(tenth: u32, all: u32) -> u32 {
    if std::env::var_os("WRUN_SOAK").is_some() { all } else { tenth }
}
