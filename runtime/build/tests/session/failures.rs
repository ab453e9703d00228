//! What fails, what is blocked by it, what waits.

use crate::fake::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wrun_core::plan::{External, ExternalMode, Input, Source};
use wrun_core::report::State;
use wrun_core::result::FailedAttempt;
use wrun_store::Store as _;

fn external(name: &str, uri: &str, wait: bool) -> Input {
    let external = External { uri: uri.into(), mode: ExternalMode::Content, wait };
    Input { name: name.into(), source: Source::External(external) }
}

#[test]
fn what_needs_a_failed_task_is_blocked_and_the_rest_is_built() {
    let world = World::new(2);
    let fake = plugin(vec![
        ("good", leaf(|n| n.to_string())),
        ("bad", make(|_| Vec::new(), |_| async { Ok(Err("no such thing".into())) })),
        ("top", pure(|_| vec![task("a", "good", 1), task("b", "bad", 2)], |_, all| all.into())),
        ("over", pure(|_| vec![task("a", "top", 0)], |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("over", 0)]);
    assert_eq!(state_of(&outcome, "good", 1), State::Ran);
    assert_eq!(state_of(&outcome, "bad", 2), State::Failed);
    assert_eq!(state_of(&outcome, "top", 0), State::Blocked);
    assert_eq!(state_of(&outcome, "over", 0), State::Blocked);
    assert_eq!(outcome.failures[0].message, "no such thing");
    assert_eq!(outcome.failures[0].log, b"a line of log\n");
    // Failures are not remembered: only what failed is tried again.
    fake.took();
    world.build(&fake, &[("over", 0)]);
    assert_eq!(fake.ran(), names(&["bad 2"]));
}

#[test]
fn a_failed_attempt_is_repeated_as_often_as_the_task_says() {
    let world = World::new(1);
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let mut flaky = make(
        |_| Vec::new(),
        move |_| {
            let tried = counted.fetch_add(1, Ordering::SeqCst);
            async move { Ok(if tried < 2 { Err("not yet".into()) } else { Ok("done".into()) }) }
        },
    );
    flaky.retries = 2;
    let outcome = world.build(&plugin(vec![("flaky", flaky)]), &[("flaky", 0)]);
    assert_eq!(output(&outcome, 0), "done");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[test]
fn the_last_failed_attempt_is_kept_and_is_no_result() {
    let world = World::new(1);
    let mut bad = make(|_| Vec::new(), |_| async { Ok(Err("no such thing".into())) });
    bad.retries = 1;
    world.build(&plugin(vec![("bad", bad)]), &[("bad", 2)]);
    let params = calls(&[("bad", 2)]).remove(0).params;
    let id = wrun_core::task::task_id("fake", "bad", &params);
    let store = &world.store;
    let (latest, kept) = world.block_on(async { (store.latest(&[id]).await, store.attempts(&[id]).await) });
    assert_eq!(latest.unwrap(), [None]);
    let kept: FailedAttempt = serde_json::from_slice(kept.unwrap()[0].as_ref().unwrap()).unwrap();
    assert_eq!((kept.attempt, kept.message.as_str(), kept.log.as_str()), (2, "no such thing", "a line of log\n"));
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let mut world = World::new(1);
    world.options.fail_fast = true;
    let fake = plugin(vec![
        ("bad", make(|_| Vec::new(), |_| async { Ok(Err("broken".into())) })),
        ("top", pure(|_| (0..10).map(|n| task(&format!("i{n}"), "bad", n)).collect(), |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("top", 0)]);
    assert_eq!(fake.ran().len(), 1);
    assert_eq!(outcome.report.totals.failed, 1);
    assert_eq!(outcome.report.totals.blocked, 10);
}

#[test]
fn a_clock_that_has_not_struck_is_waiting_and_gates_before_any_look_up() {
    let mut world = World::new(1);
    let clock = |n: i64| {
        vec![Input {
            name: "at".into(),
            source: Source::Clock { not_before: format!("2013-02-{n:02}T06:00:00Z") },
        }]
    };
    let fake = plugin(vec![
        ("day", pure(clock, |n, _| n.to_string())),
        ("top", pure(|_| vec![task("a", "day", 3)], |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("top", 0)]);
    assert_eq!((state_of(&outcome, "day", 3), state_of(&outcome, "top", 0)), (State::Waiting, State::Waiting));
    world.options.now = "2013-02-03T06:00:00Z".parse().unwrap();
    let outcome = world.build(&fake, &[("top", 0)]);
    assert_eq!(output(&outcome, 0), "3");
}

#[test]
fn a_missing_external_fails_or_waits_as_the_task_says() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("reads", pure(|_| vec![external("f", "data.txt", false)], |_, all| all.into())),
        ("waits", pure(|_| vec![external("f", "file:later.txt", true)], |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("reads", 0)]);
    assert_eq!(state_of(&outcome, "reads", 0), State::Failed);
    assert!(outcome.failures[0].message.contains("data.txt"), "{:?}", outcome.failures);
    let outcome = world.build(&fake, &[("waits", 0)]);
    assert_eq!(state_of(&outcome, "waits", 0), State::Waiting);
    std::fs::write(world.root.path().join("data.txt"), "here").unwrap();
    std::fs::write(world.root.path().join("later.txt"), "too").unwrap();
    assert_eq!(output(&world.build(&fake, &[("reads", 0)]), 0), "here");
    assert_eq!(output(&world.build(&fake, &[("waits", 0)]), 0), "too");
}

#[test]
fn an_external_outside_the_roots_is_refused_unless_the_user_gave_it() {
    let mut world = World::new(1);
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("secret.txt");
    std::fs::write(&path, "s").unwrap();
    let uri = format!("file:{}", path.display());
    let fake = plugin(vec![("reads", pure(move |_| vec![external("f", &uri, false)], |_, all| all.into()))]);
    let outcome = world.build(&fake, &[("reads", 0)]);
    assert!(outcome.failures[0].message.contains("outside"), "{:?}", outcome.failures);
    world.options.given_paths = vec![path];
    assert_eq!(output(&world.build(&fake, &[("reads", 0)]), 0), "s");
}

#[test]
fn a_changed_external_runs_what_stands_on_it() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("reads", pure(|n| vec![external("f", &format!("{n}.txt"), false)], |_, all| all.into())),
        ("both", pure(|_| vec![task("a", "reads", 1), task("b", "reads", 2)], |_, all| all.into())),
    ]);
    for n in 1..=2 {
        std::fs::write(world.root.path().join(format!("{n}.txt")), "x").unwrap();
    }
    assert_eq!(output(&world.build(&fake, &[("both", 0)]), 0), "x,x");
    fake.took();
    std::fs::write(world.root.path().join("2.txt"), "yy").unwrap();
    let outcome = world.build(&fake, &[("both", 0)]);
    assert_eq!(output(&outcome, 0), "x,yy");
    assert_eq!(fake.ran(), names(&["reads 2", "both 0"]));
}

#[test]
fn unknown_tasks_and_params_are_told_with_what_was_meant() {
    let world = World::new(1);
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        ("asks", pure(|_| vec![task("a", "laef", 1)], |_, all| all.into())),
    ]);
    let outcome = world.build(&fake, &[("asks", 0)]);
    assert_eq!(outcome.failures[0].hint.as_deref(), Some("did you mean `leaf`?"));
    let error = world.try_build(&fake, "code", &[("leef", 0)]).unwrap_err();
    assert!(error.to_string().contains("leef"));
}
