//! Results that somebody disowned.

use crate::fake::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wrun_build::BuildError;
use wrun_build::tombstones::{Decision, Pattern, Predicate, append};
use wrun_core::digest::{ComponentDigest, Digest};
use wrun_core::reason::Reason;
use wrun_core::report::{AnsweredBy, State};
use wrun_store::StoreError;

/// sum(n) requires leaf(0..n), and needs leaf(9) while it runs.
fn sums() -> Arc<Fake> {
    plugin(vec![
        ("leaf", leaf(|n| format!("x{n}"))),
        (
            "sum",
            make(
                |n| (0..n).map(|i| task(&format!("i{i}"), "leaf", i)).collect(),
                |guest| async move {
                    let all = guest.all();
                    let more = guest.need("leaf", 9).await?;
                    Ok(Ok(format!("[{all}+{more}]")))
                },
            ),
        ),
    ])
}

fn disown(world: &World, predicate: Predicate) -> u64 {
    let decision = Decision { disown: Some(predicate), ..Decision::new("wrong rounding", "ann", 7) };
    world.block_on(append(&*world.store, decision.encode())).unwrap()
}

fn undo(world: &World, number: u64) {
    let decision = Decision { undo: Some(number), ..Decision::new("", "ann", 8) };
    world.block_on(append(&*world.store, decision.encode())).unwrap();
}

fn of_task(task: &str) -> Predicate {
    Predicate { task: Some(task.into()), ..Predicate::default() }
}

fn with_n(task: &str, pattern: Pattern) -> Predicate {
    Predicate { params: [("n".to_owned(), pattern)].into(), ..of_task(task) }
}

#[test]
fn the_next_build_makes_just_that_again_and_equal_bytes_stop_it() {
    let world = World::new(2);
    let fake = sums();
    world.build(&fake, &[("sum", 3)]);
    fake.took();
    let number = disown(&world, with_n("leaf", Pattern::Range("1".into(), "2".into())));
    let outcome = world.build(&fake, &[("sum", 3)]);
    assert_eq!(fake.ran(), names(&["leaf 1", "leaf 2"]));
    assert_eq!(state_of(&outcome, "sum", 3), State::Cached);
    let ran = outcome.report.tasks.iter().find(|task| task.state == State::Ran).unwrap();
    assert_eq!(ran.reason, [Reason::Disowned { by: Some(number), why: Some("wrong rounding".into()) }]);
    assert!(ran.same_output, "it says that it made the bytes of the disowned result");
    // And it is live although all that the predicate says is true of it.
    world.build(&fake, &[("sum", 3)]);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_dynamic_task_is_made_again_too() {
    let world = World::new(1);
    let fake = sums();
    world.build(&fake, &[("sum", 2)]);
    fake.took();
    disown(&world, of_task("sum"));
    let outcome = world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&["sum 2"]));
    assert_eq!(output(&outcome, 0), "[x0,x1+x9]");
    world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn other_bytes_go_on_downstream() {
    let world = World::new(1);
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let fake = plugin(vec![
        ("bad", leaf(move |_| counted.fetch_add(1, Ordering::SeqCst).to_string())),
        ("top", pure(|_| vec![task("a", "bad", 1)], |_, all| all.into())),
    ]);
    assert_eq!(output(&world.build(&fake, &[("top", 0)]), 0), "0");
    let number = disown(&world, of_task("bad"));
    assert_eq!(output(&world.build(&fake, &[("top", 0)]), 0), "1");
    fake.took();
    // Undone, the first result is the live one again.
    undo(&world, number);
    assert_eq!(output(&world.build(&fake, &[("top", 0)]), 0), "0");
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn an_undo_makes_the_old_results_hits_again() {
    let world = World::new(1);
    let fake = sums();
    world.build(&fake, &[("sum", 2)]);
    fake.took();
    let code = ComponentDigest(Digest::of_blob(b"code"));
    let number = disown(&world, Predicate { component: Some(code), ..Predicate::default() });
    undo(&world, number);
    let outcome = world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&[]));
    assert_eq!(outcome.report.answered_by, AnsweredBy::Walk, "the session record lapsed");
    disown(&world, Predicate { component: Some(code), ..Predicate::default() });
    world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&["leaf 0", "leaf 1", "leaf 9", "sum 2"]));
}

#[test]
fn an_entry_that_cannot_be_judged_stops_the_build() {
    let world = World::new(1);
    let fake = sums();
    world.build(&fake, &[("leaf", 1)]);
    let body = r#"{"format":9,"moon":"full"}"#.as_bytes();
    let number = world.block_on(append(&*world.store, body.into())).unwrap();
    let refused = world.try_build(&fake, "code", &[("leaf", 1)]).unwrap_err();
    assert!(matches!(refused, BuildError::Store(StoreError::UnknownTombstone { number: n, .. }) if n == number));
    undo(&world, number);
    world.build(&fake, &[("leaf", 1)]);
}
