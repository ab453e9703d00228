//! Bytes that are gone, writes that fail, second results that differ.

use crate::fake::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wrun_build::verify::{Verdict, verify};
use wrun_build::{BuildError, Interrupt};
use wrun_core::reason::Reason;
use wrun_core::report::State;

/// Outputs that are too large to ride inside their records.
fn large() -> Arc<Fake> {
    let mut leaf = leaf(|n| format!("{n}").repeat(10_000));
    leaf.version = Some("1".into());
    let top = |text: &'static str| {
        pure(|_| vec![task("a", "leaf", 1), task("b", "leaf", 2)], move |_, all| format!("{text}{}", all.len()))
    };
    plugin(vec![("leaf", leaf), ("top", top("t")), ("other", top("o"))])
}

#[test]
fn a_result_whose_bytes_are_gone_is_a_miss_that_rebuilds() {
    let world = World::new(2);
    let fake = large();
    world.build(&fake, &[("top", 0)]);
    fake.took();
    world.store.drop_all_blobs();
    // The goal's own record still has its bytes; another goal needs those of the leaves.
    let outcome = world.build(&fake, &[("other", 0)]);
    assert_eq!(output(&outcome, 0), "o20001");
    assert_eq!(fake.ran(), names(&["leaf 1", "leaf 2", "other 0"]));
    assert_eq!(outcome.report.totals.ran, 3);
    let leaf = outcome.report.tasks.iter().find(|task| task.task == "leaf").unwrap();
    assert_eq!(leaf.reason, [Reason::ResultLost]);
    world.build(&fake, &[("other", 0), ("top", 0)]);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_lost_goal_is_made_again() {
    let world = World::new(2);
    let fake = large();
    world.build(&fake, &[("leaf", 1)]);
    world.store.drop_all_blobs();
    fake.took();
    let outcome = world.build(&fake, &[("leaf", 1)]);
    assert_eq!(output(&outcome, 0).len(), 10_000);
    assert_eq!(fake.ran(), names(&["leaf 1"]));
}

#[test]
fn a_write_that_fails_is_an_error() {
    let world = World::new(2);
    let fake = large();
    world.store.fail_commits(1);
    let error = world.try_build(&fake, "code", &[("top", 0)]).unwrap_err();
    assert!(matches!(error, BuildError::Store(_)));
    let outcome = world.build(&fake, &[("top", 0)]);
    assert_eq!(state_of(&outcome, "top", 0), State::Ran);
}

#[test]
fn who_stops_a_build_hears_of_no_trouble_with_its_line_in_the_history() {
    let (world, fake, interrupt) = (World::new(2), large(), Interrupt::default());
    interrupt.stop();
    let (setup, goals) = (world.setup(&fake, "code"), calls(&[("top", 0)]));
    let runs = [true, false].map(|fails| {
        world.store.fail_commits(u32::from(fails));
        let built = wrun_build::build(&setup, &world.options, &goals, world.handle(), &interrupt);
        assert!(world.block_on(built).unwrap().interrupted);
        world.block_on(setup.store.runs(9)).unwrap().len()
    });
    assert_eq!(runs, [0, 1]);
}

#[test]
fn verify_finds_what_is_not_deterministic_and_keeps_the_first_result() {
    let world = World::new(2);
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let fake = plugin(vec![
        ("good", leaf(|n| n.to_string())),
        ("bad", leaf(move |_| counted.fetch_add(1, Ordering::SeqCst).to_string())),
        ("top", pure(|_| vec![task("a", "good", 1), task("b", "bad", 2)], |_, all| all.into())),
    ]);
    world.build(&fake, &[("top", 0)]);
    let setup = world.setup(&fake, "code");
    let goals = calls(&[("top", 0)]);
    let interrupt = Interrupt::default();
    let verified =
        world.block_on(verify(&setup, &world.options, &goals, &[], world.handle(), &interrupt)).unwrap();
    let verdict = |name: &str| &verified.iter().find(|one| one.task == name).unwrap().verdict;
    assert_eq!(verdict("good n=1"), &Verdict::Same);
    assert_eq!(verdict("top n=0"), &Verdict::Same);
    assert!(matches!(verdict("bad n=2"), Verdict::Differs { paths, .. } if paths == &["out"]));
    assert_eq!(output(&world.build(&fake, &[("top", 0)]), 0), "1,0");
}
