//! Containers in a session: keys, images, pools, effects, retries. What runs them is a fake.

use crate::fake::*;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wrun_build::rerun::{RerunError, Verdict};
use wrun_build::{Fate, Force, Interrupt, Outcome, Setup, build, preview};
use wrun_core::plan::{ContainerSpec, External, ExternalMode, Input, Plan, Source};
use wrun_core::reason::Reason;
use wrun_core::report::State;
use wrun_core::result::{ActionResult, Address};
use wrun_exec::{Capacity, ContainerRun, Containers, FailureKind, Image, Made, RunContext, RunError};
use wrun_store::{Store as _, Write};

/// An engine whose containers all write the digest of their image.
#[derive(Default)]
struct Engine {
    images: Mutex<BTreeMap<String, String>>,
    pulled: AtomicU32,
    runs: Mutex<Vec<String>>,
    /// The same, whole.
    given: Mutex<Vec<ContainerRun>>,
    /// What containers write, if not the digest of their image.
    writes: Mutex<Option<String>>,
    /// Whether the machine has half as much.
    small: AtomicBool,
    /// Whether it knows no bucket.
    bare: AtomicBool,
    /// Thousandths of a core that are used now, and were at most.
    used: AtomicU64,
    most: AtomicU64,
    /// So many attempts fail first, in this way.
    failing: Mutex<Vec<RunError>>,
    left: Arc<AtomicU32>,
    /// Whether an image becomes another one once somebody has looked at it.
    moves: AtomicBool,
}

/// Counts what a run leaves for as long as somebody needs it.
struct Left(Arc<AtomicU32>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Containers for Engine {
    async fn image(&self, reference: &str, pull: bool) -> Result<Option<Image>, RunError> {
        let known = self.images.lock().unwrap().get(reference).cloned();
        let digest = match known {
            Some(digest) => digest,
            None if !pull => return Ok(None),
            None => {
                self.pulled.fetch_add(1, Ordering::SeqCst);
                let digest = format!("sha256:{reference}");
                self.images.lock().unwrap().insert(reference.to_owned(), digest.clone());
                digest
            }
        };
        if self.moves.swap(false, Ordering::SeqCst) {
            self.images.lock().unwrap().insert(reference.to_owned(), "sha256:moved".into());
        }
        Ok(Some(Image { reference: reference.to_owned(), from: format!("{reference}@{digest}"), digest }))
    }

    async fn run(&self, run: ContainerRun, _: Arc<dyn RunContext>) -> Result<Made, RunError> {
        let cpu = run.spec.cpu_millis.unwrap_or_default();
        let now = self.used.fetch_add(cpu, Ordering::SeqCst) + cpu;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.runs.lock().unwrap().push(run.task.clone());
        self.given.lock().unwrap().push(run.clone());
        // Others get their turn.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.used.fetch_sub(cpu, Ordering::SeqCst);
        if let Some(error) = self.failing.lock().unwrap().pop() {
            return Err(error);
        }
        self.left.fetch_add(1, Ordering::SeqCst);
        let writes = self.writes.lock().unwrap().clone();
        let mut made = Made::new(dir(&writes.unwrap_or(run.image.digest)), Vec::new());
        made.left = Some(Arc::new(Left(self.left.clone())));
        Ok(made)
    }

    fn capacity(&self) -> Capacity {
        let part = if self.small.load(Ordering::SeqCst) { 2 } else { 1 };
        Capacity { cpu_millis: 2000 / part, memory: (1 << 30) / part }
    }

    fn stages(&self) -> bool {
        !self.bare.load(Ordering::SeqCst)
    }

    async fn settle(&self, _: Duration) {}
}

fn spec() -> ContainerSpec {
    ContainerSpec { image: "tool".into(), ..ContainerSpec::default() }
}

/// A task without inputs is a small container, one with an input a big one, any other no container.
fn contained(plan: &mut Plan) {
    plan.container = match plan.inputs.len() {
        0 => Some(ContainerSpec { cpu_millis: Some(500), ..spec() }),
        1 => Some(ContainerSpec { cpu_millis: Some(2000), memory: Some(1 << 30), ..spec() }),
        _ => None,
    };
}

fn setup(world: &World, fake: &Arc<Fake>, code: &str, engine: &Arc<Engine>) -> Setup {
    Setup { containers: Some(engine.clone()), ..world.setup(fake, code) }
}

fn built(world: &World, setup: &Setup, goals: &[(&str, i64)]) -> Outcome {
    let interrupt = Interrupt::default();
    world.block_on(build(setup, &world.options, &calls(goals), world.handle(), &interrupt)).unwrap()
}

fn one() -> Arc<Fake> {
    plugin(vec![("box", leaf(|_| unreachable!("a container does it")))]).changed(|_| (), contained)
}

#[test]
fn a_recompiled_plugin_runs_no_container_and_a_changed_image_its_own() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), one());
    let first = built(&world, &setup(&world, &fake, "code", &engine), &[("box", 1)]);
    assert_eq!(output(&first, 0), "sha256:tool");
    // Nothing of it is in the key, so that the second is a hit of the first.
    let again = built(&world, &setup(&world, &fake, "other code", &engine), &[("box", 1), ("box", 2)]);
    assert_eq!(state_of(&again, "box", 1), State::Cached);
    assert_eq!(state_of(&again, "box", 2), State::Cached);
    engine.images.lock().unwrap().insert("tool".into(), "sha256:moved".into());
    let moved = built(&world, &setup(&world, &fake, "other code", &engine), &[("box", 1)]);
    assert_eq!(output(&moved, 0), "sha256:moved");
    let task = &moved.report.tasks[0];
    let due = Reason::ImageChanged { old: "sha256:tool".into(), new: "sha256:moved".into() };
    assert_eq!(task.reason, [due]);
    assert_eq!(engine.runs.lock().unwrap().len(), 2);
    assert_eq!(engine.left.load(Ordering::SeqCst), 0);
}

#[test]
fn a_session_record_answers_only_while_the_image_is_the_same() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), one());
    let setup = setup(&world, &fake, "code", &engine);
    built(&world, &setup, &[("box", 1)]);
    let by = |outcome: &Outcome| outcome.report.answered_by;
    assert_eq!(by(&built(&world, &setup, &[("box", 1)])), wrun_core::report::AnsweredBy::SessionRecord);
    engine.images.lock().unwrap().insert("tool".into(), "sha256:moved".into());
    assert_eq!(by(&built(&world, &setup, &[("box", 1)])), wrun_core::report::AnsweredBy::Walk);
    // An image that is gone from this machine is no answer either, and no failure.
    engine.images.lock().unwrap().clear();
    assert_eq!(by(&built(&world, &setup, &[("box", 1)])), wrun_core::report::AnsweredBy::Walk);
}

#[test]
fn an_image_that_moves_during_a_build_is_one_image_for_all_tasks() {
    let (world, engine) = (World::new(1), Arc::new(Engine::default()));
    let file = |_| {
        let file = External { uri: "f".into(), mode: ExternalMode::Content, wait: false };
        vec![Input { name: "file".into(), source: Source::External(file) }]
    };
    let fake = plugin(vec![
        ("box", leaf(|_| unreachable!("a container does it"))),
        ("reads", pure(file, |_, _| unreachable!("a container does it"))),
        ("top", pure(|_| vec![task("a", "box", 1), task("b", "reads", 1)], |_, all| all.into())),
    ]);
    let fake = fake.changed(|_| (), contained);
    let setup = setup(&world, &fake, "code", &engine);
    std::fs::write(world.root.path().join("f"), "1").unwrap();
    assert_eq!(output(&built(&world, &setup, &[("top", 1)]), 0), "sha256:tool,sha256:tool");
    std::fs::write(world.root.path().join("f"), "2").unwrap();
    // `box` stands by the image that it had when the build began; `reads` runs in the one that came after.
    engine.moves.store(true, Ordering::SeqCst);
    let mixed = built(&world, &setup, &[("top", 1)]);
    assert_eq!(output(&mixed, 0), "sha256:moved,sha256:moved");
    assert_eq!(mixed.report.totals.tasks, 3);
}

#[test]
fn a_preview_pulls_nothing() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), one());
    let setup = setup(&world, &fake, "code", &engine);
    let seen = world.block_on(preview(&setup, &world.options, &calls(&[("box", 1)]), world.handle())).unwrap();
    assert!(matches!(seen.tasks[0].fate, Fate::Run(_)), "{:?}", seen.tasks[0].fate);
    assert_eq!(engine.pulled.load(Ordering::SeqCst), 0);
}

#[test]
fn containers_share_the_machine_and_no_big_one_starves() {
    let mut world = World::new(8);
    world.options.list = wrun_build::Listed::All;
    let engine = Arc::new(Engine::default());
    let tasks = vec![
        ("small", leaf(|_| unreachable!("a container does it"))),
        ("plain", pure(|_| vec![task("a", "small", 0), task("b", "small", 1)], |n, _| n.to_string())),
        ("big", pure(|_| vec![task("a", "small", 0)], |_, _| unreachable!("a container does it"))),
        (
            "top",
            pure(
                |_| {
                    let small = (0..40).map(|n| task(&format!("s{n}"), "small", n));
                    let plain = (0..9).map(|n| task(&format!("p{n}"), "plain", n));
                    small.chain([task("b", "big", 0)]).chain(plain).collect()
                },
                |_, all| all.len().to_string(),
            ),
        ),
    ];
    let fake = plugin(tasks).changed(|_| (), contained);
    let outcome = built(&world, &setup(&world, &fake, "code", &engine), &[("top", 0)]);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert_eq!(engine.most.load(Ordering::SeqCst), 2000, "never more than there is, and all of it");
    assert_eq!(engine.used.load(Ordering::SeqCst), 0);
    assert_eq!(engine.left.load(Ordering::SeqCst), 0);
    let runs = engine.runs.lock().unwrap();
    assert!(runs.iter().any(|run| run.starts_with("big")), "{runs:?}");
}

#[test]
fn what_no_machine_has_is_refused_at_planning() {
    let (world, engine) = (World::new(1), Arc::new(Engine::default()));
    let more = |plan: &mut Plan| plan.container = Some(ContainerSpec { cpu_millis: Some(2001), ..spec() });
    let fake = plugin(vec![("box", leaf(|_| String::new()))]).changed(|_| (), more);
    let outcome = built(&world, &setup(&world, &fake, "code", &engine), &[("box", 1)]);
    assert_eq!(outcome.failures[0].message, "the task's container asks for 2.001 cpus, and this machine has 2");
    assert!(engine.runs.lock().unwrap().is_empty());
}

#[test]
fn an_effect_is_repeated_by_force_alone() {
    let mut world = World::new(1);
    let engine = Arc::new(Engine::default());
    let effect = |plan: &mut Plan| plan.container = Some(ContainerSpec { effect: true, ..spec() });
    let fake = plugin(vec![("load", leaf(|_| String::new()))]).changed(|_| (), effect);
    let setup = setup(&world, &fake, "code", &engine);
    built(&world, &setup, &[("load", 1)]);
    let verified = world
        .block_on(wrun_build::verify::verify(
            &setup,
            &world.options,
            &calls(&[("load", 1)]),
            &[],
            world.handle(),
            &Interrupt::default(),
        ))
        .unwrap();
    assert!(verified.is_empty(), "{verified:?}");
    assert_eq!(engine.runs.lock().unwrap().len(), 1);
    world.force(Force::Goals);
    built(&world, &setup, &[("load", 1)]);
    assert_eq!(engine.runs.lock().unwrap().len(), 2);
}

#[test]
fn only_what_may_pass_is_tried_again() {
    let failed = |kind| RunError::Failed { kind, message: "no".into(), log: Vec::new() };
    // How often it is tried: by the task's two retries, by ours, or not again.
    for (error, due) in [
        (failed(FailureKind::ContainerExit), 3),
        (failed(FailureKind::Timeout), 3),
        (failed(FailureKind::OutOfMemory), 1),
        (failed(FailureKind::EntryPoint), 1),
        (failed(FailureKind::Secret), 1),
        (RunError::Infrastructure("gone".into()), 3),
    ] {
        let (world, engine) = (World::new(1), Arc::new(Engine::default()));
        let again = match &error {
            RunError::Failed { kind, .. } => failed(*kind),
            _ => RunError::Infrastructure("gone".into()),
        };
        let last = match &error {
            RunError::Failed { kind, .. } => failed(*kind),
            _ => RunError::Infrastructure("gone".into()),
        };
        let shown = error.to_string();
        *engine.failing.lock().unwrap() = vec![error, again, last];
        let mut flaky = leaf(|_| String::new());
        flaky.retries = 2;
        let fake = plugin(vec![("box", flaky)]).changed(|_| (), contained);
        let outcome = built(&world, &setup(&world, &fake, "code", &engine), &[("box", 1)]);
        assert_eq!(outcome.failures.len(), 1);
        assert_eq!(engine.runs.lock().unwrap().len(), due, "{shown}");
    }
}

/// Code after a container, which has one input and every option that a task can give.
fn again() -> Arc<Fake> {
    let options = |plan: &mut Plan| {
        if plan.inputs.len() == 1 {
            plan.container = Some(ContainerSpec {
                entrypoint: Some(vec!["/bin/tool".into()]),
                argv: vec!["{out-url}".into()],
                workdir: Some("/tmp".into()),
                env: vec![("A".into(), "1".into())],
                user: Some("7".into()),
                network: true,
                cpu_millis: Some(1500),
                memory: Some(1 << 20),
                gpus: 1,
                timeout: Some(60),
                tmpfs: Some(1 << 21),
                accepted: vec![0, 3],
                secrets: vec!["key".into()],
                ..spec()
            });
        }
    };
    let tasks = vec![
        ("words", leaf(|n| n.to_string())),
        ("box", pure(|n| vec![task("words", "words", n)], |_, _| unreachable!("a container does it"))),
        ("after", pure(|n| vec![task("a", "box", n), task("b", "words", n)], |_, all| all.into())),
    ];
    plugin(tasks).changed(|_| (), options)
}

fn address_of(outcome: &Outcome) -> Address {
    outcome.goals[0].as_ref().unwrap_or_else(|| panic!("{:?}", outcome.failures)).address
}

#[test]
fn a_container_is_run_again_as_it_was_and_so_is_code_after_it() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), again());
    let setup = setup(&world, &fake, "code", &engine);
    let after = address_of(&built(&world, &setup, &[("after", 1)]));
    let made = address_of(&built(&world, &setup, &[("box", 1)]));
    let engines = || Ok(engine.clone() as Arc<dyn Containers>);
    // Another Plan, as that of params that are tokens in the record would be: none of it is asked for.
    let other = fake.changed(|_| (), |plan| plan.container = None);
    assert_eq!(world.rerun(&other, made, &engines).unwrap(), Verdict::Same);
    let none = || unreachable!("only a container needs an engine");
    assert_eq!(world.rerun(&fake, after, &none).unwrap(), Verdict::Same);
    let given = engine.given.lock().unwrap().clone();
    let [first, second] = &given[..] else { panic!("{given:?}") };
    assert_eq!(second.spec, first.spec);
    assert_eq!(second.image, first.image);
    assert_eq!((second.key, second.generation), (made.key, made.generation));
    assert_eq!(second.outputs, first.outputs);
    let inputs =
        |run: &ContainerRun| run.inputs.iter().map(|(name, dir)| (name.clone(), read(dir))).collect::<Vec<_>>();
    assert_eq!(inputs(second), [("words".to_owned(), "1".to_owned())]);
    *engine.writes.lock().unwrap() = Some("else".into());
    match world.rerun(&fake, made, &engines).unwrap() {
        Verdict::Differs { first, second, paths } => assert!(first != second && paths == ["out"]),
        other => panic!("{other:?}"),
    }
    // Nothing was written, and nothing is left.
    assert_eq!(output(&built(&world, &setup, &[("box", 1)]), 0), "sha256:tool");
    assert_eq!(engine.left.load(Ordering::SeqCst), 0);
}

#[test]
fn an_effect_is_not_run_again() {
    let (world, engine) = (World::new(1), Arc::new(Engine::default()));
    let effect = |plan: &mut Plan| plan.container = Some(ContainerSpec { effect: true, ..spec() });
    let fake = plugin(vec![("load", leaf(|_| String::new()))]).changed(|_| (), effect);
    let made = address_of(&built(&world, &setup(&world, &fake, "code", &engine), &[("load", 1)]));
    let error = world.rerun(&fake, made, &|| unreachable!("no engine is asked")).unwrap_err();
    assert!(matches!(error, RerunError::Effect(address) if address == made), "{error}");
    assert_eq!(engine.runs.lock().unwrap().len(), 1);
}

#[test]
fn what_this_machine_lacks_is_no_verdict() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), again());
    let made = address_of(&built(&world, &setup(&world, &fake, "code", &engine), &[("box", 1)]));
    let engines = || Ok(engine.clone() as Arc<dyn Containers>);
    let none = || Err("no engine answers".to_owned());
    let said = world.rerun(&fake, made, &none).unwrap_err().to_string();
    assert_eq!(said, "its container cannot be run here: no engine answers");
    let fails = |error| {
        engine.failing.lock().unwrap().push(error);
        world.rerun(&fake, made, &engines)
    };
    let failed = |kind| RunError::Failed { kind, message: "no".into(), log: Vec::new() };
    assert!(matches!(fails(RunError::Infrastructure("no".into())), Err(RerunError::NoEngine(why)) if why == "no"));
    assert!(matches!(fails(failed(FailureKind::Image)), Err(RerunError::NoImage(why)) if why == "no"));
    assert!(matches!(fails(failed(FailureKind::Secret)), Err(RerunError::NoSecret(why)) if why == "no"));
    // What the container itself does is one.
    assert_eq!(fails(failed(FailureKind::ContainerExit)).unwrap(), Verdict::Failed("no".into()));
    let runs = engine.runs.lock().unwrap().len();
    engine.bare.store(true, Ordering::SeqCst);
    assert!(matches!(world.rerun(&fake, made, &engines), Err(RerunError::NoBucket)));
    engine.small.store(true, Ordering::SeqCst);
    let said = world.rerun(&fake, made, &engines).unwrap_err().to_string();
    assert_eq!(said, "its container had 1.5 cpus, and this machine has 1");
    assert_eq!(engine.runs.lock().unwrap().len(), runs);
}

#[test]
fn a_containers_record_of_another_wrun_says_why_it_is_not_repeated() {
    let (world, engine, fake) = (World::new(1), Arc::new(Engine::default()), again());
    let made = address_of(&built(&world, &setup(&world, &fake, "code", &engine), &[("box", 1)]));
    let plant = |edit: &dyn Fn(&mut ActionResult)| {
        let mut result = world.block_on(wrun_build::rerun::read(&*world.store, made)).unwrap();
        edit(&mut result);
        let address = Address { key: result.action.key(), generation: 0 };
        let body = serde_json::to_vec(&result).unwrap().into();
        world.block_on(world.store.commit(vec![Write::Adopted { address, body }])).unwrap();
        world.rerun(&fake, address, &|| unreachable!("no engine is asked")).unwrap_err()
    };
    let layout = |result: &mut ActionResult| result.action.container.as_mut().unwrap().layout = 99;
    assert!(matches!(plant(&layout), RerunError::OtherLayout { made: 99 }));
    let old = plant(&|result| result.provenance.container = None);
    assert!(matches!(old, RerunError::NoOrigin(_)), "{old}");
}
