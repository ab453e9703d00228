//! Depth, width, and memory.

use crate::world::{World, total};

#[test]
fn a_recursive_reduce_of_depth_twelve_finishes_with_one_slot() {
    let world = World::new();
    let report = world.build("shards", "sum", &["depth=12"], &["-j", "1"]);
    assert_eq!(total(&report, "ran"), (1 << 13) - 1);
    // And a walk of it runs no guest.
    let report = world.build("shards", "sum", &["depth=12"], &["-j", "1", "--check"]);
    assert_eq!(total(&report, "cached"), (1 << 13) - 1);
}

#[test]
fn a_chain_of_a_thousand_suspended_guests_finishes_with_one_slot() {
    let world = World::new();
    let report = world.build("shards", "chain", &["n=1000"], &["-j", "1"]);
    assert_eq!(total(&report, "ran"), total(&report, "tasks"));
}
