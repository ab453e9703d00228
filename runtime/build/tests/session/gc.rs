//! Garbage of a bucket that several machines share.

use crate::bucket::{Bucket, DAY, Machine};
use crate::fake::*;
use std::sync::Arc;
use std::time::Duration;
use wrun_build::care::{CareError, CheckOptions, GcOptions, Pin, Problem, check, collect};
use wrun_core::report::State;
use wrun_core::result::Address;
use wrun_core::session::SessionRecord;

/// sum(n) requires large leaves.
fn sums() -> Arc<Fake> {
    plugin(vec![
        ("leaf", leaf(|n| format!("x{n}").repeat(5000))),
        ("sum", pure(|n| vec![task("a", "leaf", n), task("b", "leaf", n + 1)], |_, all| all.len().to_string())),
    ])
}

fn build(bucket: &Bucket, machine: &Machine, fake: &Arc<Fake>, n: i64) -> wrun_build::Outcome {
    bucket.try_build(machine, (fake, "code"), &[("sum", n)]).unwrap()
}

fn is_whole(bucket: &Bucket) {
    let options = CheckOptions { repair: false, time: 0 };
    let checked = bucket.block_on(check(&bucket.open(&Machine::default()), &options)).unwrap();
    assert_eq!(checked.problems, []);
}

#[test]
fn two_steps_remove_what_is_old_and_keep_what_is_young() {
    let bucket = Bucket::new();
    let (one, two) = (Machine::default(), Machine::default());
    let fake = sums();
    build(&bucket, &one, &fake, 1);
    bucket.objects.pass(10 * DAY);
    build(&bucket, &one, &fake, 2);
    let condemned = bucket.gc(&two, 5 * DAY, DAY);
    assert!(condemned.swept.is_empty());
    // leaf 2 is shared.
    assert_eq!(condemned.condemned.iter().map(|of| of.usage.results).sum::<u64>(), 2);
    assert_eq!(condemned.kept, 3);
    assert!(bucket.gc(&two, 5 * DAY, DAY).swept.is_empty(), "the grace has not passed");
    bucket.objects.pass(2 * DAY);
    let swept = bucket.gc(&two, 5 * DAY, DAY);
    assert_eq!(swept.swept.iter().map(|of| of.usage.results).sum::<u64>(), 2);
    is_whole(&bucket);
    fake.took();
    build(&bucket, &Machine::default(), &fake, 2);
    assert_eq!(fake.ran(), names(&[]));
    // The machine that made it has forgotten it too, so that all agree on what is there.
    build(&bucket, &one, &fake, 1);
    assert_eq!(fake.ran(), names(&["leaf 1", "sum 1"]));
    is_whole(&bucket);
}

#[test]
fn a_build_between_the_steps_makes_again_what_is_condemned() {
    let bucket = Bucket::new();
    let (one, two) = (Machine::default(), Machine::default());
    let fake = sums();
    build(&bucket, &one, &fake, 1);
    bucket.objects.pass(10 * DAY);
    bucket.gc(&two, 5 * DAY, DAY);
    bucket.objects.pass(1000);
    fake.took();
    let outcome = build(&bucket, &one, &fake, 1);
    assert_eq!(state_of(&outcome, "sum", 1), State::Ran);
    assert_eq!(fake.ran(), names(&["leaf 1", "leaf 2", "sum 1"]));
    bucket.objects.pass(2 * DAY);
    bucket.gc(&two, 5 * DAY, DAY);
    is_whole(&bucket);
    build(&bucket, &Machine::default(), &fake, 1);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_build_that_began_before_the_list_is_seen_by_its_record() {
    let bucket = Bucket::new();
    let (one, two) = (Machine::default(), Machine::default());
    let fake = sums();
    build(&bucket, &one, &fake, 1);
    bucket.objects.pass(10 * DAY);
    // It has read the log, and knows no list.
    bucket.block_on(bucket.open(&one).tombstones(0)).unwrap();
    let header = {
        let store = bucket.open(&one);
        let runs = bucket.block_on(store.list_runs()).unwrap();
        bucket.block_on(store.run(&runs[0].what)).unwrap().unwrap()
    };
    bucket.gc(&two, 5 * DAY, DAY);
    // It ends with hits alone, and leaves a record.
    let run = wrun_store::Write::Run { run: "009999999999999-1".into(), header };
    bucket.block_on(bucket.open(&one).commit(vec![run])).unwrap();
    bucket.objects.pass(2 * DAY);
    let swept = bucket.gc(&two, 5 * DAY, DAY);
    assert_eq!(swept.swept.iter().map(|of| of.usage.results).sum::<u64>(), 0);
    is_whole(&bucket);
}

#[test]
fn a_build_that_runs_says_what_it_has_touched() {
    let mut bucket = Bucket::new();
    bucket.options.publish_every = Duration::ZERO;
    let objects = bucket.objects.clone();
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        (
            "slow",
            make(
                |_| vec![task("a", "leaf", 1)],
                move |_| {
                    let objects = objects.clone();
                    async move {
                        while !objects.names().iter().any(|name| name.starts_with("run/")) {
                            tokio::task::yield_now().await;
                        }
                        Ok(Err("it is killed".into()))
                    }
                },
            ),
        ),
    ]);
    let machine = Machine::default();
    _ = bucket.try_build(&machine, (&fake, "code"), &[("slow", 1)]).unwrap();
    let store = bucket.open(&Machine::default());
    let runs = bucket.block_on(store.list_runs()).unwrap();
    assert_eq!(runs.len(), 1);
    let header = bucket.block_on(store.run(&runs[0].what)).unwrap().unwrap();
    let record: SessionRecord = serde_json::from_slice(&header).unwrap();
    assert_eq!(record.totals.ran, 1);
}

#[test]
fn pins_and_the_newest_of_each_task_stay_with_what_they_were_made_from() {
    let bucket = Bucket::new();
    let machine = Machine::default();
    let fake = sums();
    let outcome = build(&bucket, &machine, &fake, 1);
    build(&bucket, &machine, &fake, 7);
    let address: Address = outcome.goals[0].as_ref().unwrap().address;
    let (name, body) = Pin::new(vec![address], "sum n=1", "", "ann", 0).encode();
    bucket.block_on(bucket.open(&machine).set_pin(&name, Some(body))).unwrap();
    bucket.objects.pass(100 * DAY);
    assert_eq!(bucket.gc(&machine, DAY, 0).kept, 3);
    bucket.objects.pass(1000);
    assert_eq!(bucket.gc(&machine, DAY, 0).kept, 3);
    is_whole(&bucket);
    let options = GcOptions { keep: 0, keep_last: 1, grace: 0, alone: false, dry_run: true, who: 1 };
    let would = bucket.block_on(collect(&bucket.open(&machine), &options)).unwrap();
    assert_eq!(would.kept, 3, "each is the newest of its task");
}

#[test]
fn two_gcs_and_one_that_dies_do_no_harm() {
    let bucket = Bucket::new();
    let (one, two) = (Machine::default(), Machine::default());
    let fake = sums();
    build(&bucket, &one, &fake, 1);
    bucket.objects.pass(10 * DAY);
    build(&bucket, &one, &fake, 5);
    bucket.objects.pass(1);
    let options = |who| GcOptions { keep: 5 * DAY, keep_last: 0, grace: DAY, alone: false, dry_run: false, who };
    let (first, second) = (bucket.open(&one), bucket.open(&two));
    let (first_options, second_options) = (options(1), options(2));
    let both = async { tokio::join!(collect(&first, &first_options), collect(&second, &second_options)) };
    let (a, b) = bucket.block_on(both);
    a.unwrap();
    b.unwrap();
    bucket.objects.pass(2 * DAY);
    // One dies after it has removed something.
    let half = bucket.objects.names().into_iter().find(|name| name.starts_with("goal/")).unwrap();
    bucket.objects.vanish(&half);
    let (first, second) = (bucket.open(&one), bucket.open(&two));
    let both = async { tokio::join!(collect(&first, &first_options), collect(&second, &second_options)) };
    let (a, b) = bucket.block_on(both);
    a.unwrap();
    b.unwrap();
    is_whole(&bucket);
    let left = bucket.objects.names();
    assert_eq!(left.iter().filter(|name| name.starts_with("ac/")).count(), 3);
    assert!(!left.iter().any(|name| name.starts_with("tomb/~gc-")), "{left:?}");
    fake.took();
    build(&bucket, &Machine::default(), &fake, 5);
    assert_eq!(fake.ran(), names(&[]));
}

#[test]
fn a_clock_that_went_back_stops_a_gc() {
    let bucket = Bucket::new();
    let (one, fake) = (Machine::default(), sums());
    bucket.objects.pass(10 * DAY);
    build(&bucket, &one, &fake, 1);
    let there = bucket.objects.names();
    bucket.objects.pass(-5 * DAY);
    let options = GcOptions { keep: 0, keep_last: 0, grace: 0, alone: false, dry_run: false, who: 1 };
    let stopped = bucket.block_on(collect(&bucket.open(&one), &options)).unwrap_err();
    let CareError::Clock { now, newest, .. } = &stopped else { panic!("{stopped}") };
    assert_eq!(newest - now, 5 * DAY);
    assert!(stopped.hint().is_some());
    let mut left = bucket.objects.names();
    // Written to learn the time.
    left.retain(|name| name != "gc/clock");
    assert_eq!(left, there);
}

#[test]
fn a_record_of_a_newer_wrun_stops_a_gc() {
    let bucket = Bucket::new();
    let machine = Machine::default();
    bucket.objects.plant("run/2013-01-07/001357516800000-1", br#"{"format":9}"#);
    let options = GcOptions { keep: DAY, keep_last: 0, grace: 0, alone: false, dry_run: false, who: 1 };
    let refused = bucket.block_on(collect(&bucket.open(&machine), &options));
    assert!(matches!(refused, Err(wrun_build::care::CareError::Newer { .. })), "{refused:?}");
    bucket.objects.plant("run/2013-01-07/001357516800000-1", b"no json");
    let done = bucket.block_on(collect(&bucket.open(&machine), &options)).unwrap();
    assert_eq!(done.notes.len(), 1);
}

/// The names of a bucket's objects in a folder.
fn in_folder(bucket: &Bucket, folder: &str) -> Vec<String> {
    bucket.objects.names().into_iter().filter(|name| name.starts_with(folder)).collect()
}

#[test]
fn check_finds_what_somebody_planted_and_repair_puts_it_right() {
    let bucket = Bucket::new();
    let machine = Machine::default();
    let fake = sums();
    build(&bucket, &machine, &fake, 1);
    let (records, blobs) = (in_folder(&bucket, "ac/"), in_folder(&bucket, "cas/"));
    let good = bucket.block_on(wrun_store::objects::Objects::get(&bucket.objects, &records[1])).unwrap().unwrap();
    bucket.objects.plant(&records[0], &good);
    bucket.objects.plant(&records[2], b"{}");
    bucket.objects.plant(&blobs[0], b"other bytes");
    bucket.objects.vanish(&blobs[1]);
    let found = |machine: &Machine, repair| {
        let options = CheckOptions { repair, time: 5 };
        bucket.block_on(check(&bucket.open(machine), &options)).unwrap()
    };
    let stranger = Machine::default();
    let problems = found(&stranger, false).problems;
    assert!(problems.iter().any(|(it, _)| matches!(it, Problem::Lies { .. })), "{problems:?}");
    assert!(problems.iter().any(|(it, _)| matches!(it, Problem::Garbled { .. })), "{problems:?}");
    assert!(problems.iter().any(|(it, _)| matches!(it, Problem::Wrong { .. })), "{problems:?}");
    assert!(problems.iter().all(|(_, repaired)| !repaired));
    // A build believes none of it.
    let due = output(&build(&bucket, &machine, &fake, 1), 0);
    assert_eq!(output(&build(&bucket, &Machine::default(), &fake, 1), 0), due);
    // The machine that made it has all that it takes.
    assert!(found(&machine, true).is_whole());
    is_whole(&bucket);
    assert_eq!(output(&build(&bucket, &Machine::default(), &fake, 1), 0), due);
}

#[test]
fn what_cannot_be_saved_is_disowned_and_made_again() {
    let bucket = Bucket::new();
    let fake = sums();
    build(&bucket, &Machine::default(), &fake, 1);
    in_folder(&bucket, "cas/").iter().for_each(|name| bucket.objects.vanish(name));
    let options = CheckOptions { repair: true, time: 5 };
    let stranger = Machine::default();
    let checked = bucket.block_on(check(&bucket.open(&stranger), &options)).unwrap();
    assert!(checked.is_whole() && !checked.problems.is_empty(), "{:?}", checked.problems);
    is_whole(&bucket);
    fake.took();
    let outcome = build(&bucket, &stranger, &fake, 1);
    assert_eq!(fake.ran(), names(&["leaf 1", "leaf 2"]), "the sum rides in its record");
    assert_eq!(output(&outcome, 0), "20001");
    is_whole(&bucket);
}
