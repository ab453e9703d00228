//! Short runs that share slots, and go on with what was made ready for them.

use crate::fake::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use wrun_build::Interrupt;
use wrun_core::report::State;
use wrun_core::session::SessionRecord;

const LEAVES: i64 = 400;

/// A top over many leaves of a type that never suspends.
fn many(body: impl Fn(i64) -> Result<String, String> + Clone + Send + Sync + 'static) -> Arc<Fake> {
    let running = Arc::new(AtomicUsize::new(0));
    let leaf = make(
        |_| Vec::new(),
        move |guest| {
            let (running, body) = (running.clone(), body.clone());
            async move {
                let others = running.fetch_add(1, Ordering::SeqCst);
                assert!(others < 2, "{others} others run");
                // Whatever else can go on does.
                tokio::task::yield_now().await;
                let made = body(guest.n);
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(made)
            }
        },
    );
    let top = pure(|_| (0..LEAVES).map(|n| task(&format!("i{n}"), "leaf", n)).collect(), |_, all| all.into());
    let fake = plugin(vec![("leaf", leaf), ("top", top)]);
    fake.changed(|description| description.tasks.iter_mut().for_each(|task| task.dynamic = false), |_| ())
}

#[test]
fn no_more_runs_at_once_than_there_are_slots() {
    for slots in [1, 2] {
        let world = World::new(slots);
        let fake = many(|n| Ok(n.to_string()));
        let outcome = world.build(&fake, &[("top", 0)]);
        assert_eq!(outcome.report.totals.ran, u64::try_from(LEAVES).unwrap() + 1);
        assert_eq!(fake.ran().len(), usize::try_from(LEAVES).unwrap() + 1);
        let timings = outcome.report.tasks.iter().map(|task| task.timing.as_ref().unwrap());
        let spells = timings.flat_map(|timing| &timing.spells);
        assert!(spells.clone().all(|spell| (spell.slot as usize) < slots && spell.started <= spell.ended));
    }
}

#[test]
fn the_first_failure_stops_what_is_ready_for_a_slot_too() {
    let mut world = World::new(2);
    world.options.fail_fast = true;
    let bad = |n: i64| if n == LEAVES / 2 { Err("broken".to_owned()) } else { Ok(n.to_string()) };
    let fake = many(bad);
    let totals = world.build(&fake, &[("top", 0)]).report.totals;
    let all = u64::try_from(LEAVES).unwrap() + 1;
    assert_eq!((totals.failed, totals.ran + totals.blocked), (1, all - 1));
    assert!(totals.blocked > 0);
    // What was finished is kept, and nothing ran that was not.
    let first = fake.ran();
    assert_eq!(first.len() as u64, totals.ran + totals.failed);
    let fake = many(|n| Ok(n.to_string()));
    world.build(&fake, &[("top", 0)]);
    assert_eq!(fake.ran().len() as u64, all - totals.ran);
}

#[test]
fn an_interrupt_leaves_nothing_behind_that_would_be_wrong() {
    let world = World::new(2);
    let stop: Arc<OnceLock<Interrupt>> = Arc::default();
    let in_run = stop.clone();
    let fake = many(move |n| {
        if n == LEAVES / 2 {
            in_run.get_or_init(Interrupt::default).stop();
        }
        Ok(n.to_string())
    });
    let setup = world.setup(&fake, "code");
    let interrupt = stop.get_or_init(Interrupt::default);
    let goals = calls(&[("top", 0)]);
    let work = wrun_build::build(&setup, &world.options, &goals, world.handle(), interrupt);
    let outcome = world.block_on(work).unwrap();
    assert!(outcome.interrupted);
    let kept = outcome.report.tasks.iter().filter(|task| task.state == State::Ran).count();
    assert!(kept < usize::try_from(LEAVES).unwrap());
    // It is in the history, and is not what the next build begins with.
    let runs = world.block_on(setup.store.runs(10)).unwrap();
    let record: SessionRecord = serde_json::from_slice(&runs[0].1).unwrap();
    assert_eq!((runs.len(), record.totals.ran), (1, kept as u64));
    assert!(record.totals.blocked > 0);
    assert!(world.block_on(setup.store.session(record.goal)).unwrap().is_none());
    let again = many(|n| Ok(n.to_string()));
    let outcome = world.build(&again, &[("top", 0)]);
    let expected: Vec<String> = (0..LEAVES).map(|n| n.to_string()).collect();
    let mut made: Vec<String> = output(&outcome, 0).split(',').map(str::to_owned).collect();
    made.sort_by_key(|n| n.parse::<i64>().unwrap());
    assert_eq!(made, expected);
    // All that the first session said it had made was there.
    assert!(again.ran().len() <= usize::try_from(LEAVES).unwrap() + 1 - kept);
}
