//! Dynamic dependencies: suspension, walking by hints, replay.

use crate::fake::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wrun_core::report::State;

/// fold(n) needs fold(n-1), and so on down to leaf(0).
fn folds() -> Arc<Fake> {
    plugin(vec![
        ("leaf", leaf(|n| format!("{n}"))),
        (
            "fold",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let below = match guest.n {
                        0 => guest.need("leaf", 0).await?,
                        n => guest.need("fold", n - 1).await?,
                    };
                    Ok(Ok(format!("({below})")))
                },
            ),
        ),
    ])
}

#[test]
fn a_recursive_reduce_of_depth_twelve_finishes_with_one_slot() {
    let world = World::new(1);
    let fake = folds();
    let outcome = world.build(&fake, &[("fold", 12)]);
    assert_eq!(output(&outcome, 0), format!("{}0{}", "(".repeat(13), ")".repeat(13)));
    assert_eq!(fake.ran().len(), 14);
}

/// Those who wait for others have no slot, so with one slot no two tasks spend the same second.
#[test]
fn time_spent_waiting_is_nobodys_run_time() {
    let mut world = World::new(1);
    world.options.list = wrun_build::Listed::All;
    let report = world.build(&folds(), &[("fold", 200)]).report;
    let spent: f64 = report.tasks.iter().map(|task| task.seconds).sum();
    assert!(spent <= report.totals.seconds, "{spent} s in {} s", report.totals.seconds);
}

#[test]
fn a_warm_walk_runs_no_guest() {
    let mut world = World::new(1);
    let fake = folds();
    world.build(&fake, &[("fold", 5)]);
    fake.took();
    world.options.check = true;
    let outcome = world.build(&fake, &[("fold", 5)]);
    assert_eq!(fake.ran(), names(&[]));
    assert_eq!(outcome.report.totals.cached, 7);
}

#[test]
fn what_a_guest_asks_for_depends_on_what_it_was_given() {
    // choose(n) reads config(0), and needs as many leaves as that says.
    let wanted = Arc::new(AtomicI64::new(2));
    let make_plugin = |wanted: i64| {
        let mut config = leaf(move |_| wanted.to_string());
        config.version = Some(wanted.to_string());
        let mut leaf = leaf(|n| format!("l{n}"));
        leaf.version = Some("1".into());
        let mut choose = make(
            |_| Vec::new(),
            |guest| async move {
                let count: i64 = guest.need("config", 0).await?.parse().unwrap();
                let tasks: Vec<_> = (0..count).map(|n| ("leaf", n)).collect();
                Ok(Ok(guest.needs(&tasks).await?.join("+")))
            },
        );
        choose.version = Some("1".into());
        plugin(vec![("config", config), ("leaf", leaf), ("choose", choose)])
    };
    let world = World::new(1);
    let fake = make_plugin(wanted.load(Ordering::SeqCst));
    assert_eq!(output(&world.build(&fake, &[("choose", 0)]), 0), "l0+l1");
    let fake = make_plugin(3);
    let outcome = world.try_build(&fake, "b", &[("choose", 0)]).unwrap();
    assert_eq!(output(&outcome, 0), "l0+l1+l2");
    assert_eq!(fake.ran(), names(&["config 0", "leaf 2", "choose 0"]));
    // And back: every step is known, so nothing runs but nothing is confused either.
    let fake = make_plugin(2);
    let outcome = world.try_build(&fake, "c", &[("choose", 0)]).unwrap();
    assert_eq!(output(&outcome, 0), "l0+l1");
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_need_that_fails_blocks_and_the_rest_builds() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("good", leaf(|n| n.to_string())),
        ("bad", make(|_| Vec::new(), |_| async { Ok(Err("broken".into())) })),
        (
            "asks",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let good = guest.need("good", 1).await?;
                    _ = guest.need("bad", 1).await?;
                    Ok(Ok(good))
                },
            ),
        ),
    ]);
    let outcome = world.build(&fake, &[("asks", 0), ("good", 2)]);
    assert_eq!(state_of(&outcome, "asks", 0), State::Blocked);
    assert_eq!(state_of(&outcome, "bad", 1), State::Failed);
    assert_eq!(state_of(&outcome, "good", 2), State::Ran);
    assert_eq!(outcome.failures.len(), 1);
    assert_eq!(outcome.failures[0].task, "bad n=1");
}

#[test]
fn cycles_are_printed_as_a_path() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("a", make(|_| Vec::new(), |guest| async move { Ok(Ok(guest.need("b", 0).await?)) })),
        ("b", pure(|_| vec![task("x", "c", 0)], |_, all| all.into())),
        ("c", make(|_| Vec::new(), |guest| async move { Ok(Ok(guest.need("a", 0).await?)) })),
        ("s", pure(|n| vec![task("x", "s", n)], |_, all| all.into())),
        ("t", pure(|n| vec![task("x", "t", 1 - n)], |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("a", 0)]);
    assert!(outcome.failures[0].message.contains("a n=0 → b n=0 → c n=0 → a n=0"), "{:?}", outcome.failures);
    let outcome = world.build(&fake, &[("s", 0)]);
    assert!(outcome.failures[0].message.contains("s n=0 → s n=0"), "{:?}", outcome.failures);
    let outcome = world.build(&fake, &[("t", 0)]);
    assert!(outcome.failures[0].message.contains("t n=0 → t n=1 → t n=0"), "{:?}", outcome.failures);
}

#[test]
fn many_suspended_guests_share_one_slot() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        ("mid", make(|_| Vec::new(), |guest| async move { Ok(Ok(guest.need("leaf", guest.n).await?)) })),
        (
            "top",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let tasks: Vec<_> = (0..guest.n).map(|n| ("mid", n)).collect();
                    Ok(Ok(guest.needs(&tasks).await?.len().to_string()))
                },
            ),
        ),
    ]);
    let outcome = world.build(&fake, &[("top", 500)]);
    assert_eq!(output(&outcome, 0), "500");
    assert_eq!(fake.ran().len(), 1001);
}

/// A top that needs many tasks, each of which waits twice.
fn waiting_twice() -> std::sync::Arc<crate::fake::Fake> {
    plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        (
            "mid",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let first = guest.need("leaf", guest.n).await?;
                    let second = guest.need("leaf", guest.n + 100_000).await?;
                    Ok(Ok(format!("{first} {second}")))
                },
            ),
        ),
        (
            "top",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let tasks: Vec<_> = (0..guest.n).map(|n| ("mid", n)).collect();
                    Ok(Ok(guest.needs(&tasks).await?.join(",")))
                },
            ),
        ),
    ])
}

#[test]
fn guests_above_the_budget_are_dropped_and_run_again() {
    const MANY: i64 = 10_000;
    let fake = waiting_twice();
    let mut world = World::new(2);
    world.options.most_suspended = usize::MAX;
    let all = output(&world.build(&fake, &[("top", MANY)]), 0);
    assert_eq!(fake.ran().len(), 30_001, "each once");
    for budget in [100, 0] {
        let (slots, fake) = (2, waiting_twice());
        world = World::new(slots);
        world.options.most_suspended = budget;
        let outcome = world.build(&fake, &[("top", MANY)]);
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        assert!(output(&outcome, 0) == all, "the same bytes");
        let took = fake.took();
        let again = took.values().filter(|times| **times > 1).count();
        assert!(again > 5_000, "{again} were run again");
        assert!(took.values().all(|times| *times <= 3));
        // What it wrote is what a build with more room finds.
        world.options.most_suspended = 100_000;
        assert_eq!(world.build(&fake, &[("top", MANY)]).report.totals.ran, 0);
    }
}

#[test]
fn a_guest_that_asks_for_something_else_when_it_is_run_again() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static RUNS: AtomicI64 = AtomicI64::new(0);
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        (
            "fickle",
            make(
                |_| Vec::new(),
                |guest| async move {
                    let run = RUNS.fetch_add(1, Ordering::Relaxed);
                    if guest.n == 0 {
                        guest.need("leaf", run).await?;
                    } else if run.rem_euclid(2) == 0 {
                        guest.need("leaf", 0).await?;
                    }
                    Ok(Ok(String::new()))
                },
            ),
        ),
    ]);
    let mut world = World::new(1);
    world.options.most_suspended = 0;
    let outcome = world.build(&fake, &[("fickle", 0)]);
    assert_eq!(
        outcome.failures[0].message,
        "`fickle` was run again after it had waited, and asked for something else: first for `leaf` {\"n\":0}, then \
         for `leaf` {\"n\":1}; what a task needs may depend on its params and inputs alone"
    );
    RUNS.store(0, Ordering::Relaxed);
    let outcome = world.build(&fake, &[("fickle", 1)]);
    assert!(outcome.failures[0].message.contains("then for nothing;"), "{:?}", outcome.failures);
}

#[test]
fn what_a_dropped_guest_needs_fails() {
    let fake = plugin(vec![
        ("bad", make(|_| Vec::new(), |_| async move { Ok(Err("no".to_owned())) })),
        ("top", make(|_| Vec::new(), |guest| async move { Ok(Ok(guest.need("bad", 0).await?)) })),
    ]);
    let mut world = World::new(1);
    world.options.most_suspended = 0;
    let outcome = world.build(&fake, &[("top", 0)]);
    assert_eq!((outcome.report.totals.failed, outcome.report.totals.blocked), (1, 1));
    assert_eq!(fake.took()["top 0"], 1);
}
