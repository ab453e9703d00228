//! What is a hit, what runs, and why.

use crate::fake::*;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use wrun_build::{Force, Interrupt};
use wrun_core::event::{Event, Sink};
use wrun_core::reason::Reason;
use wrun_core::report::{AnsweredBy, State};
use wrun_store::lock::Locks;

/// sum(n) requires leaf(0..n); the leaves are as told.
fn sums(leaf_text: &'static str) -> Arc<Fake> {
    plugin(vec![
        ("leaf", leaf(move |n| format!("{leaf_text}{n}"))),
        (
            "sum",
            pure(|n| (0..n).map(|i| task(&format!("i{i}"), "leaf", i)).collect(), |_, all| format!("[{all}]")),
        ),
    ])
}

#[test]
fn a_second_build_runs_nothing() {
    let world = World::new(2);
    let fake = sums("x");
    let first = world.build(&fake, &[("sum", 3)]);
    assert_eq!(output(&first, 0), "[x0,x1,x2]");
    assert_eq!(fake.ran(), names(&["leaf 0", "leaf 1", "leaf 2", "sum 3"]));
    let second = world.build(&fake, &[("sum", 3)]);
    assert_eq!(fake.ran(), names(&[]));
    assert_eq!(output(&second, 0), "[x0,x1,x2]");
    assert_eq!(second.report.answered_by, AnsweredBy::SessionRecord);
    assert_eq!((second.report.totals.tasks, second.report.totals.cached), (4, 4));
}

#[test]
fn a_walk_says_the_same_as_the_session_record() {
    let mut world = World::new(2);
    let fake = sums("x");
    world.build(&fake, &[("sum", 3)]);
    world.options.check = true;
    let walked = world.build(&fake, &[("sum", 3)]);
    assert_eq!(walked.report.answered_by, AnsweredBy::Walk);
    assert_eq!((walked.report.totals.tasks, walked.report.totals.cached), (4, 4));
    world.options.check = false;
    world.options.list = wrun_build::Listed::All;
    let answered = world.build(&fake, &[("sum", 3)]);
    assert_eq!(answered.report.tasks.len(), 4);
    assert!(answered.report.tasks.iter().all(|task| task.state == State::Cached));
}

#[test]
fn plans_are_asked_for_once() {
    let mut world = World::new(2);
    world.options.check = true;
    let fake = sums("x");
    world.build(&fake, &[("sum", 3)]);
    assert_eq!(*fake.declared.lock().unwrap(), 4);
    world.build(&fake, &[("sum", 3)]);
    assert_eq!(*fake.declared.lock().unwrap(), 4);
}

#[test]
fn shared_tasks_run_once() {
    let world = World::new(4);
    let fake = sums("x");
    world.build(&fake, &[("sum", 3), ("sum", 4), ("sum", 5)]);
    assert_eq!(fake.ran().len(), 5 + 3);
}

#[test]
fn changed_code_runs_everything_and_equal_bytes_stop_it() {
    let world = World::new(2);
    let mut a = leaf(|n| format!("{}", n / 10));
    a.version = Some("1".into());
    let tasks = |leaf: Task| {
        let mut sum = pure(|n| vec![task("a", "leaf", n)], |_, all| format!("<{all}>"));
        sum.version = Some("1".into());
        plugin(vec![("leaf", leaf), ("sum", sum)])
    };
    world.build(&tasks(a.clone()), &[("sum", 7)]);
    // Other code and another version of the leaf, which makes the same bytes: the sum is a hit.
    a.version = Some("2".into());
    let again = tasks(a);
    let outcome = world.try_build(&again, "other code", &[("sum", 7)]).unwrap();
    assert_eq!(again.ran(), names(&["leaf 7"]));
    assert_eq!(state_of(&outcome, "sum", 7), State::Cached);
    let report = outcome.report.tasks.iter().find(|task| task.task == "leaf").unwrap();
    assert_eq!(report.reason, [Reason::VersionChanged { old: Some("1".into()), new: Some("2".into()) }]);
    assert!(report.same_output);
}

#[test]
fn code_that_makes_the_same_bytes_is_pointed_out() {
    let world = World::new(2);
    world.build(&sums("x"), &[("sum", 2)]);
    let fake = sums("x");
    let outcome = world.try_build(&fake, "other code", &[("sum", 2)]).unwrap();
    assert_eq!(fake.ran(), names(&["leaf 0", "leaf 1", "sum 2"]));
    assert_eq!(outcome.same_bytes.get("leaf"), Some(&2));
    assert!(matches!(outcome.report.tasks[0].reason[..], [Reason::CodeChanged { .. }]));
}

#[test]
fn forced_runs_keep_what_they_confirm() {
    let mut world = World::new(2);
    let fake = sums("x");
    world.build(&fake, &[("sum", 2)]);
    fake.took();
    world.force(Force::Goals);
    let outcome = world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&["sum 2"]));
    assert_eq!(outcome.report.totals.ran, 1);
    world.force(Force::Tasks(vec!["leaf".into()]));
    world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&["leaf 0", "leaf 1"]));
    world.force(Force::Nothing);
    world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_salt_starts_afresh() {
    let mut world = World::new(2);
    let fake = sums("x");
    world.build(&fake, &[("sum", 2)]);
    fake.took();
    world.options.salt = "s".into();
    let outcome = world.build(&fake, &[("sum", 2)]);
    assert_eq!(fake.ran().len(), 3);
    assert_eq!(outcome.report.tasks[0].reason, [Reason::SaltChanged]);
}

#[test]
fn excepted_and_disabled_tasks_are_skipped_by_the_user() {
    let mut world = World::new(2);
    let fake = sums("x");
    world.options.except = vec!["leaf n=1".into()];
    let outcome = world.build(&fake, &[("sum", 2), ("leaf", 5)]);
    assert_eq!(fake.ran(), names(&["leaf 0", "leaf 5"]));
    assert_eq!(outcome.report.totals.skipped, 2);
    world.options.except.clear();
    world.options.disabled = vec!["sum".into()];
    let outcome = world.build(&fake, &[("sum", 2)]);
    assert_eq!(state_of(&outcome, "sum", 2), State::Skipped);
}

/// Hands on what a build says.
struct Notes(Sender<String>);

impl Sink for Notes {
    fn send(&self, event: Event) {
        if let Event::Note { message } = event {
            self.0.send(message).unwrap();
        }
    }
}

#[test]
fn who_waits_for_another_build_says_so() {
    let mut world = World::new(2);
    let fake = plugin(vec![("leaf", leaf(|n| n.to_string()))]);
    let key = world.build(&fake, &[("leaf", 1)]).report.tasks[0].key.unwrap();
    world.force(Force::Goals);
    let folder = tempfile::tempdir().unwrap();
    let other = Locks::open(folder.path()).unwrap();
    let held = other.try_lock(key).unwrap().unwrap();
    let (sender, notes) = channel();
    let mut setup = world.setup(&fake, "code");
    setup.locks = Some(Locks::open(folder.path()).unwrap());
    setup.sink = Arc::new(Notes(sender));
    let ends = std::thread::spawn(move || {
        let (goals, interrupt) = (calls(&[("leaf", 1)]), Interrupt::default());
        let work = wrun_build::build(&setup, &world.options, &goals, world.handle(), &interrupt);
        world.block_on(work).unwrap().report.totals.ran
    });
    assert_eq!(notes.recv().unwrap(), "`leaf n=1` is run by another build: its result is waited for");
    drop(held);
    assert_eq!(ends.join().unwrap(), 1);
}
