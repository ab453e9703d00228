//! What a build after a change does not look at again, and what makes it look at everything.

use crate::fake::*;
use std::sync::Arc;
use wrun_build::Outcome;
use wrun_core::plan::{External, ExternalMode, Input, Source};
use wrun_core::report::{AnsweredBy, State};
use wrun_core::session::SessionRecord;
use wrun_store::{Removal, Store as _};

/// Leaves that each read a file, middles over ten leaves, a top over all middles.
fn grid(middles: i64) -> Arc<Fake> {
    let file = |n: i64| {
        let external = External { uri: format!("f{n}"), mode: ExternalMode::Content, wait: false };
        Input { name: "file".into(), source: Source::External(external) }
    };
    let many = |task_name: &'static str, from: i64, to: i64| {
        (from..to).map(|n| task(&format!("i{n:03}"), task_name, n)).collect::<Vec<_>>()
    };
    plugin(vec![
        ("leaf", pure(move |n| vec![file(n)], |_, all| all.into())),
        ("middle", pure(move |n| many("leaf", 10 * n, 10 * n + 10), |_, all| all.replace(',', ""))),
        ("top", pure(move |_| many("middle", 0, middles), |_, all| all.into())),
    ])
}

fn write(world: &World, n: i64, text: &str) {
    std::fs::write(world.root.path().join(format!("f{n}")), text).unwrap();
}

fn world(middles: i64) -> (World, Arc<Fake>) {
    let mut world = World::new(2);
    world.options.list = wrun_build::Listed::All;
    (0..10 * middles).for_each(|n| write(&world, n, "a"));
    (world, grid(middles))
}

fn build(world: &World, fake: &Arc<Fake>) -> Outcome {
    fake.took();
    world.build(fake, &[("top", 0)])
}

/// Result, plan and other look-ups of one build.
fn look_ups(world: &World, fake: &Arc<Fake>) -> (Outcome, u64) {
    let before = world.store.counters().lookups;
    let outcome = build(world, fake);
    (outcome, world.store.counters().lookups - before)
}

#[test]
fn only_what_lies_above_a_change_is_looked_at() {
    let (world, fake) = world(20);
    build(&world, &fake);
    write(&world, 7, "b");
    let (outcome, asked) = look_ups(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 7", "middle 0", "top 0"]));
    assert_eq!(output(&outcome, 0)[..12], *"aaaaaaabaa,a");
    // 200 files, of which one is looked at by its new time; nine leaves, nineteen middles; the rest is of the three
    // that run: plans, keys, pasts.
    assert!(asked < 200 + 1 + 28 + 25, "{asked} look-ups");
    let totals = &outcome.report.totals;
    assert_eq!((totals.tasks, totals.cached, totals.ran), (221, 218, 3));
    assert!(totals.saved_seconds >= 0.0);
    assert_eq!(outcome.report.answered_by, AnsweredBy::Walk);
}

#[test]
fn the_report_is_that_of_a_walk() {
    let (world, fake) = world(3);
    build(&world, &fake);
    write(&world, 7, "b");
    let known = build(&world, &fake).report;
    // The same, by a session that knows nothing.
    let mut other = World::new(2);
    other.options.list = wrun_build::Listed::All;
    (0..30).for_each(|n| write(&other, n, if n == 7 { "b" } else { "a" }));
    let walked = build(&other, &grid(3)).report;
    let lines = |report: &wrun_core::report::Report| {
        let task = |at: u32| &report.tasks[at as usize];
        let mut lines: Vec<String> = report
            .tasks
            .iter()
            .map(|one| {
                let needs: Vec<String> = one
                    .needs
                    .iter()
                    .map(|need| format!("{} {:?}", task(*need).task, task(*need).params))
                    .collect();
                format!("{} {:?} {:?} {:?} {needs:?}", one.task, one.params, one.key, one.output)
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&known), lines(&walked));
    for (at, task) in known.tasks.iter().enumerate() {
        assert!(task.needs.iter().all(|need| (*need as usize) < at), "what a task needs is before it");
        assert_eq!(task.state == State::Ran, at >= 31);
        assert_eq!(task.reason.is_empty(), task.state == State::Cached);
    }
    // And so is the record: it answers, and it is recalled in its turn.
    let again = build(&world, &fake).report;
    assert_eq!(again.answered_by, AnsweredBy::SessionRecord);
    assert_eq!((lines(&again), again.totals.cached), (lines(&known), 34));
    write(&world, 25, "c");
    let third = build(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 25", "middle 2", "top 0"]));
    assert_eq!((third.report.totals.cached, output(&third, 0).len()), (31, 32));
    assert_eq!(world.record().1.len(), 30);
}

#[test]
fn files_are_looked_at_by_their_times() {
    let mut world = World::new(2);
    world.options.list = wrun_build::Listed::All;
    let path = |n: usize| world.root.path().join(format!("f{n}"));
    (0..30).for_each(|n| link_old(&path(n), n));
    let fake = grid(3);
    let first = build(&world, &fake);
    let (record, externals) = world.record();
    assert_eq!((record.format, record.externals.len(), externals.len()), (2, 0, 30));
    let (outcome, asked) = look_ups(&world, &fake);
    assert_eq!(outcome.report.answered_by, AnsweredBy::SessionRecord);
    assert_eq!((outcome.report.tasks.len(), output(&outcome, 0)), (34, output(&first, 0)));
    assert!(asked < 5, "{asked} look-ups: nothing is asked of any file");
    // The same path names another file now, and then the first again.
    link_old(&path(7), 1);
    let (changed, asked) = look_ups(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 7", "middle 0", "top 0"]));
    assert_ne!(output(&changed, 0), output(&first, 0));
    assert!(asked < 50, "{asked} look-ups");
    link_old(&path(7), 7);
    let back = build(&world, &fake);
    assert_eq!((fake.ran().len(), output(&back, 0)), (0, output(&first, 0)));
    // One that is gone fails as in a walk.
    std::fs::remove_file(path(7)).unwrap();
    let gone = build(&world, &fake);
    assert_eq!((gone.report.totals.failed, gone.report.totals.blocked, gone.report.totals.cached), (1, 2, 31));
}

#[test]
fn a_gc_keeps_the_graph_of_the_newest_build_of_a_goal() {
    use wrun_build::care::{GcOptions, collect};
    let (mut world, fake) = world(2);
    build(&world, &fake);
    let old = world.record().0;
    write(&world, 7, "b");
    world.options.now = "2013-02-01T00:01:00Z".parse().unwrap();
    build(&world, &fake);
    let new = world.record().0;
    world.store.set_now(world.options.now.as_millisecond() + 1000);
    let options = GcOptions { keep: 3_600_000, keep_last: 0, grace: 0, alone: true, dry_run: false, who: 1 };
    let store: Arc<dyn wrun_store::Store> = world.store.clone();
    world.block_on(collect(&store, &options)).unwrap();
    let there = |record: &SessionRecord| {
        let digests = [record.listing, record.graph.unwrap(), record.pins.unwrap()];
        world.block_on(world.store.has(&digests)).unwrap()
    };
    assert_eq!((there(&old), there(&new)), (vec![true, false, false], vec![true; 3]));
    write(&world, 7, "c");
    build(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 7", "middle 0", "top 0"]));
}

#[test]
fn a_record_of_another_goal_answers_nothing() {
    let (mut world, fake) = world(1);
    let first = build(&world, &fake);
    world.options.now = "2013-02-01T00:01:00Z".parse().unwrap();
    let other = world.build(&fake, &[("middle", 0)]);
    let (of_other, _) = world.record();
    // The header of one goal lies where that of the other is looked for.
    let (run, header) = world.block_on(world.store.runs(1)).unwrap().pop().unwrap();
    let runs = world.block_on(world.store.runs(9)).unwrap();
    let top: Vec<SessionRecord> = runs.iter().map(|run| serde_json::from_slice(&run.1).unwrap()).collect();
    let top = top.iter().find(|record| record.task == "top").unwrap();
    assert_ne!(top.goal, of_other.goal);
    let write = wrun_store::Write::Session { goal: top.goal, run, header };
    world.block_on(world.store.commit(vec![write])).unwrap();
    let again = build(&world, &fake);
    assert_eq!((again.report.answered_by, output(&again, 0)), (AnsweredBy::Walk, output(&first, 0)));
    assert_eq!(output(&other, 0).len(), 10);
}

#[test]
fn early_cutoff_ends_the_walk() {
    let world = World::new(2);
    write(&world, 1, "a");
    let file = External { uri: "f1".into(), mode: ExternalMode::Content, wait: false };
    let reads = move |_| vec![Input { name: "file".into(), source: Source::External(file.clone()) }];
    let fake = plugin(vec![
        ("length", pure(reads, |_, all| all.len().to_string())),
        ("top", pure(|_| vec![task("a", "length", 1)], |_, all| all.into())),
    ]);
    build(&world, &fake);
    write(&world, 1, "z");
    let outcome = build(&world, &fake);
    assert_eq!(fake.ran(), names(&["length 1"]));
    assert_eq!(state_of(&outcome, "top", 0), State::Cached);
}

#[test]
fn a_check_looks_up_every_result_and_finds_what_is_gone() {
    let (mut world, fake) = world(4);
    let first = build(&world, &fake);
    world.options.check = true;
    let (outcome, asked) = look_ups(&world, &fake);
    assert_eq!(outcome.report.answered_by, AnsweredBy::Walk);
    assert_eq!((outcome.report.totals.cached, outcome.report.tasks.len()), (45, 45));
    // Each file by its time, each result once; plans and keys are believed.
    assert!((85..90).contains(&asked), "{asked} look-ups");
    // A result in between that is gone is made again, although nothing above it has to be.
    let leaf = first.report.tasks.iter().find(|task| task.task == "leaf").unwrap();
    let gone = wrun_core::result::Address { key: leaf.key.unwrap(), generation: 0 };
    world.block_on(world.store.remove(&Removal { results: vec![gone], ..Removal::default() })).unwrap();
    let outcome = build(&world, &fake);
    assert_eq!((fake.ran().len(), outcome.report.totals.ran, outcome.report.totals.cached), (1, 1, 44));
    assert_eq!(output(&outcome, 0), output(&first, 0));
}

#[test]
fn whoever_stops_a_build_is_heard_before_anything_is_looked_up() {
    let (mut world, fake) = world(2);
    build(&world, &fake);
    for check in [false, true] {
        world.options.check = check;
        let interrupt = wrun_build::Interrupt::default();
        interrupt.stop();
        let (setup, goals) = (world.setup(&fake, "code"), calls(&[("top", 0)]));
        let built = wrun_build::build(&setup, &world.options, &goals, world.handle(), &interrupt);
        assert!(world.block_on(built).unwrap().interrupted);
    }
}

#[test]
fn a_check_finds_bytes_that_are_gone() {
    let mut world = World::new(2);
    write(&world, 1, "a");
    let fake = plugin(vec![
        ("large", leaf(|n| n.to_string().repeat(20_000))),
        ("top", pure(|_| vec![task("a", "large", 1)], |_, all| all.len().to_string())),
    ]);
    build(&world, &fake);
    world.options.check = true;
    world.store.drop_all_blobs();
    let outcome = build(&world, &fake);
    assert_eq!(fake.ran(), names(&["large 1"]));
    assert_eq!(state_of(&outcome, "top", 0), State::Cached);
}

#[test]
fn a_result_that_is_not_what_it_was_makes_everything_be_walked() {
    let (world, fake) = world(4);
    let first = build(&world, &fake);
    // A neighbour of what changes: it is needed, and it is gone.
    let leaf =
        first.report.tasks.iter().find(|one| one.task == "leaf" && format!("{:?}", one.params).contains("\"8\""));
    let gone = wrun_core::result::Address { key: leaf.unwrap().key.unwrap(), generation: 0 };
    world.block_on(world.store.remove(&Removal { results: vec![gone], ..Removal::default() })).unwrap();
    write(&world, 7, "b");
    let (outcome, asked) = look_ups(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 7", "leaf 8", "middle 0", "top 0"]));
    assert_eq!((outcome.report.totals.ran, outcome.report.totals.tasks), (4, 45));
    assert!(asked > 40 + 2 * 45, "{asked} look-ups are no walk");
}

#[test]
fn what_was_disowned_since_is_walked() {
    use wrun_build::tombstones::{Decision, Predicate, append};
    let (world, fake) = world(2);
    build(&world, &fake);
    let predicate = Predicate { task: Some("middle".into()), ..Predicate::default() };
    let decision = Decision { disown: Some(predicate), ..Decision::new("", "", 0) };
    world.block_on(append(&*world.store, decision.encode())).unwrap();
    write(&world, 7, "b");
    build(&world, &fake);
    assert_eq!(fake.ran(), names(&["leaf 7", "middle 0", "middle 1", "top 0"]));
}

#[test]
fn a_graph_that_cannot_be_read_is_none() {
    for corrupt in [true, false] {
        let (mut world, fake) = world(2);
        build(&world, &fake);
        let (record, _) = world.record();
        for digest in [record.graph.unwrap(), record.listing] {
            match corrupt {
                true => world.store.corrupt_blob(digest),
                false => world.store.drop_blob(digest),
            }
            write(&world, 7, if digest == record.listing { "c" } else { "b" });
            let outcome = build(&world, &fake);
            assert_eq!(fake.ran(), names(&["leaf 7", "middle 0", "top 0"]));
            assert_eq!((outcome.report.totals.ran, outcome.report.tasks.len()), (3, 23));
        }
        world.options.check = true;
        world.store.drop_all_blobs();
        assert_eq!(build(&world, &fake).report.totals.cached, 23);
    }
}

#[test]
fn a_clock_is_looked_at_again() {
    let mut world = World::new(1);
    write(&world, 1, "a");
    let inputs = |_| {
        let clock = Source::Clock { not_before: "2013-01-31T00:00:00Z".into() };
        let file = External { uri: "f1".into(), mode: ExternalMode::Content, wait: false };
        vec![
            Input { name: "clock".into(), source: clock },
            Input { name: "file".into(), source: Source::External(file) },
        ]
    };
    let fake = plugin(vec![
        ("gated", pure(|_| Vec::new(), |_, _| "g".into())),
        ("late", pure(inputs, |_, all| all.into())),
        ("top", pure(|_| vec![task("a", "late", 1), task("b", "gated", 1)], |_, all| all.into())),
    ]);
    build(&world, &fake);
    // Somebody set the clock back: what waits for it waits again.
    world.options.now = "2013-01-30T00:00:00Z".parse().unwrap();
    world.options.check = true;
    let outcome = build(&world, &fake);
    assert_eq!((outcome.report.totals.waiting, outcome.report.totals.cached), (2, 1));
}

#[test]
fn what_is_needed_no_more_is_not_listed() {
    let world = World::new(2);
    write(&world, 0, "1");
    let file = External { uri: "f0".into(), mode: ExternalMode::Content, wait: false };
    let reads = move |_| vec![Input { name: "file".into(), source: Source::External(file.clone()) }];
    let chooses = make(reads, |guest| async move {
        let which: i64 = guest.all().parse().unwrap_or(0);
        Ok(Ok(guest.need("below", which).await?))
    });
    let fake = plugin(vec![
        ("below", pure(|n| vec![task("a", "deep", n % 2)], |n, all| format!("{n}{all}"))),
        ("deep", leaf(|n| n.to_string())),
        ("top", chooses),
    ]);
    let listed = |outcome: &Outcome| {
        let name = |task: &wrun_core::report::TaskReport| format!("{} {}", task.task, task.params.to_json());
        let mut names: Vec<String> = outcome.report.tasks.iter().map(name).collect();
        names.sort();
        names
    };
    let one = build(&world, &fake);
    assert_eq!(listed(&one), [r#"below {"n":1}"#, r#"deep {"n":1}"#, r#"top {"n":0}"#]);
    write(&world, 0, "3");
    let three = build(&world, &fake);
    // What it needs now needs, in its turn, what stands.
    assert_eq!(listed(&three), [r#"below {"n":3}"#, r#"deep {"n":1}"#, r#"top {"n":0}"#]);
    assert_eq!(fake.ran(), names(&["below 3", "top 0"]));
    write(&world, 0, "2");
    assert_eq!(listed(&build(&world, &fake)), [r#"below {"n":2}"#, r#"deep {"n":0}"#, r#"top {"n":0}"#]);
    write(&world, 0, "1");
    let back = build(&world, &fake);
    assert_eq!((listed(&back), fake.ran().len()), (listed(&one), 0));
}
