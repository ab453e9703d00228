//! Two machines, one bucket, and everything that may happen to them in any order: builds, edits, results disowned and
//! undone, gcs, crashes, lost caches. Outputs always equal those of a build into an empty store, and nothing that a
//! session record of late names is ever collected.

use crate::bucket::{Bucket, DAY, Machine};
use crate::fake::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use wrun_build::care::{CheckOptions, Problem, check};
use wrun_build::tombstones::{Decision, Predicate};
use wrun_core::session::SessionRecord;
use wrun_store::objects::Fault;
use wrun_store::objects::memory::Trouble;

#[derive(Clone, Debug)]
enum Op {
    Build(usize, i64),
    /// A build whose n-th request on results or blobs is refused, and which gives up there.
    Crash(usize, i64, bool),
    Edit(usize, u8),
    Invalidate(usize, usize),
    Undo(usize, u64),
    Gc(usize),
    /// Days of the server's clock.
    Pass(i64),
    LoseCache(usize),
}

const TASKS: [&str; 4] = ["leaf", "mid", "top", "dyn"];

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0usize..2, 0i64..3).prop_map(|(m, n)| Op::Build(m, n)),
        1 => (0usize..2, 0i64..3, any::<bool>()).prop_map(|(m, n, blob)| Op::Crash(m, n, blob)),
        2 => (0usize..4, 0u8..3).prop_map(|(task, text)| Op::Edit(task, text)),
        2 => (0usize..2, 0usize..4).prop_map(|(m, task)| Op::Invalidate(m, task)),
        1 => (0usize..2, 1u64..6).prop_map(|(m, n)| Op::Undo(m, n)),
        4 => (0usize..2).prop_map(Op::Gc),
        4 => (0i64..6).prop_map(Op::Pass),
        1 => (0usize..2).prop_map(Op::LoseCache),
    ]
}

/// Leaves below middles below a top, and a dynamic task; some outputs ride in their records and some do not.
fn plugin_of(texts: [u8; 4]) -> Arc<Fake> {
    let [leaf_text, mid_text, top_text, dyn_text] = texts;
    let mut leaf = leaf(move |n| format!("{leaf_text}{n}").repeat(if n % 2 == 0 { 5000 } else { 1 }));
    let mut mid = pure(
        |n| vec![task("a", "leaf", n), task("b", "leaf", n + 1)],
        move |n, all| format!("{mid_text}m{n}:{};", all.len() % 7).repeat(if n == 1 { 3000 } else { 1 }),
    );
    let mut top = pure(
        |n| vec![task("a", "mid", n), task("b", "mid", n + 1), task("c", "dyn", n)],
        move |n, all| format!("{top_text}t{n}<{}>", all.len()),
    );
    let mut dynamic = make(
        |_| Vec::new(),
        move |guest| async move {
            let first = guest.need("leaf", guest.n).await?;
            let more = guest.need("mid", (first.len() % 2) as i64).await?;
            Ok(Ok(format!("{dyn_text}d{}{}", first.len(), more).repeat(if guest.n == 2 { 2000 } else { 1 })))
        },
    );
    leaf.version = Some(leaf_text.to_string());
    mid.version = Some(mid_text.to_string());
    top.version = Some(top_text.to_string());
    dynamic.version = Some(dyn_text.to_string());
    plugin(vec![("leaf", leaf), ("mid", mid), ("top", top), ("dyn", dynamic)])
}

const KEEP: i64 = 5 * DAY;
const GRACE: i64 = 2 * DAY;

struct Model {
    bucket: Bucket,
    machines: [Machine; 2],
    texts: [u8; 4],
    /// The server's time now.
    now: i64,
}

impl Model {
    fn build(&self, machine: usize, n: i64) {
        let fake = plugin_of(self.texts);
        let code = format!("{:?}", self.texts);
        let built = self.bucket.try_build(&self.machines[machine], (&fake, &code), &[("top", n)]);
        let outcome = built.unwrap();
        let fresh = World::new(2);
        let due = fresh.build(&plugin_of(self.texts), &[("top", n)]);
        assert_eq!(output(&outcome, 0), output(&due, 0));
        // And so does what another machine says that knows nothing.
        let stranger = Machine::default();
        let fake = plugin_of(self.texts);
        let again = self.bucket.try_build(&stranger, (&fake, &code), &[("top", n)]).unwrap();
        assert_eq!(output(&again, 0), output(&due, 0));
        assert_eq!(fake.ran(), names(&[]), "what was built is there for everybody");
    }

    fn gc(&self, machine: usize) {
        self.bucket.gc(&self.machines[machine], KEEP, GRACE);
        let store = self.bucket.open(&Machine::default());
        let listed: BTreeSet<_> =
            self.bucket.block_on(store.list_results()).unwrap().into_iter().map(|item| item.what).collect();
        for run in self.bucket.block_on(store.list_runs()).unwrap() {
            if run.written.unwrap() < self.now - KEEP {
                continue;
            }
            let header = self.bucket.block_on(store.run(&run.what)).unwrap().unwrap();
            let record: SessionRecord = serde_json::from_slice(&header).unwrap();
            for result in &record.results {
                assert!(listed.contains(&result.address), "{} names what was collected", run.what);
            }
        }
        let options = CheckOptions { repair: false, time: 0 };
        let checked = self.bucket.block_on(check(&store, &options)).unwrap();
        // What is condemned may be taken in parts only by a gc that dies; these do not.
        let lost: Vec<&Problem> = checked.problems.iter().map(|(problem, _)| problem).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Build(machine, n) => self.build(machine, n),
            Op::Crash(machine, n, blob) => {
                let at = if blob { "cas/" } else { "ac/" };
                self.bucket.objects.order(at, Trouble::Before(Fault::Denied));
                let fake = plugin_of(self.texts);
                // It may have made no such request.
                let code = format!("{:?}", self.texts);
                _ = self.bucket.try_build(&self.machines[machine], (&fake, &code), &[("top", n)]);
                self.bucket.objects.obey();
            }
            Op::Edit(task, text) => self.texts[task] = text,
            Op::Invalidate(machine, task) => {
                let predicate = Predicate { task: Some(TASKS[task].into()), ..Predicate::default() };
                let decision = Decision { disown: Some(predicate), ..Decision::new("", "", self.now) };
                self.bucket.decide(&self.machines[machine], &decision);
            }
            Op::Undo(machine, number) => {
                let store = self.bucket.open(&self.machines[machine]);
                if self.bucket.block_on(store.tombstones(0)).unwrap().len() as u64 >= number {
                    let decision = Decision { undo: Some(number), ..Decision::new("", "", self.now) };
                    self.bucket.decide(&self.machines[machine], &decision);
                }
            }
            Op::Gc(machine) => self.gc(machine),
            Op::Pass(days) => {
                self.now += days * DAY;
                self.bucket.objects.pass(days * DAY);
                // Builds have clocks of their own; these agree.
                let now = self.bucket.options.now.as_millisecond() + days * DAY + 1000;
                self.bucket.options.now = jiff::Timestamp::from_millisecond(now).unwrap();
            }
            Op::LoseCache(machine) => self.machines[machine] = Machine::default(),
        }
        let now = self.bucket.options.now.as_millisecond() + 1000;
        self.bucket.options.now = jiff::Timestamp::from_millisecond(now).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: crate::cases(100, 1000),
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_101),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_outputs_are_right_and_nothing_reachable_is_collected(
        ops in prop::collection::vec(op(), 1..25),
    ) {
        let bucket = Bucket::new();
        let now = 1000 * DAY;
        let mut model = Model { bucket, machines: Default::default(), texts: [0; 4], now };
        for op in &ops {
            model.step(op);
        }
    }
}
