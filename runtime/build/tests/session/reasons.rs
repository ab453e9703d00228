//! `why` names the field that changed.

use crate::fake::*;
use std::sync::Arc;
use wrun_build::Force;
use wrun_build::explain::{Standing, Upstream, why};
use wrun_core::param::Visibility;
use wrun_core::plan::{External, ExternalMode, Input, OutputKind, OutputSpec, Source};
use wrun_core::reason::Reason;

fn file(name: &str) -> Input {
    let external = External { uri: "data.txt".into(), mode: ExternalMode::Content, wait: false };
    Input { name: name.into(), source: Source::External(external) }
}

/// Builds with one plugin, then asks why with another.
fn ask(
    world: &mut World,
    first: &Arc<Fake>,
    change: impl FnOnce(&mut World),
    second: (&Arc<Fake>, &str),
    goal: (&str, i64),
) -> wrun_build::explain::Explanation {
    std::fs::write(world.root.path().join("data.txt"), "one").unwrap();
    world.try_build(first, "code", &[goal]).unwrap();
    change(world);
    let setup = world.setup(second.0, second.1);
    let goals = calls(&[goal]);
    let mut all = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap();
    all.remove(0)
}

/// top requires `inputs`, with a version if there is one.
fn top(version: Option<&str>, inputs: Vec<Input>) -> (&'static str, Task) {
    let mut top = pure(move |_| inputs.clone(), |_, all| all.into());
    top.version = version.map(str::to_owned);
    ("top", top)
}

fn leaves(version: &'static str) -> (&'static str, Task) {
    let mut leaf = leaf(move |n| format!("{version}{n}"));
    leaf.version = Some(version.into());
    ("leaf", leaf)
}

#[test]
fn code() {
    let fake = plugin(vec![top(None, vec![])]);
    let why = ask(&mut World::new(1), &fake, |_| {}, (&fake, "other"), ("top", 0));
    assert!(matches!(why.reasons[..], [Reason::CodeChanged { .. }]));
    assert_eq!(why.standing, Standing::Run);
}

#[test]
fn version() {
    let (one, two) = (plugin(vec![top(Some("1"), vec![])]), plugin(vec![top(Some("2"), vec![])]));
    let why = ask(&mut World::new(1), &one, |_| {}, (&two, "other"), ("top", 0));
    assert_eq!(why.reasons, [Reason::VersionChanged { old: Some("1".into()), new: Some("2".into()) }]);
}

#[test]
fn first_version() {
    let (one, two) = (plugin(vec![top(None, vec![])]), plugin(vec![top(Some("2"), vec![])]));
    let why = ask(&mut World::new(1), &one, |_| {}, (&two, "other"), ("top", 0));
    assert_eq!(why.reasons, [Reason::VersionChanged { old: None, new: Some("2".into()) }]);
}

#[test]
fn external() {
    let fake = plugin(vec![top(None, vec![file("f")])]);
    let change = |world: &mut World| std::fs::write(world.root.path().join("data.txt"), "other").unwrap();
    let why = ask(&mut World::new(1), &fake, change, (&fake, "code"), ("top", 0));
    assert!(matches!(&why.reasons[..], [Reason::InputChanged { name, .. }] if name == "f"));
    assert!(
        matches!(&why.upstream[..], [(name, Upstream::External { uri, .. })] if name == "f" && uri == "data.txt")
    );
}

#[test]
fn upstream() {
    let one = plugin(vec![leaves("a"), top(Some("1"), vec![task("l", "leaf", 1)])]);
    let two = plugin(vec![leaves("b"), top(Some("1"), vec![task("l", "leaf", 1)])]);
    let mut world = World::new(1);
    let why1 = ask(&mut world, &one, |_| {}, (&two, "other"), ("top", 0));
    // The leaf has not run yet: what it makes decides.
    assert_eq!(why1.standing, Standing::Unknown("leaf n=1".into()));
    let Upstream::Task(leaf) = &why1.upstream[0].1 else { panic!("no task upstream") };
    assert!(matches!(leaf.reasons[..], [Reason::VersionChanged { .. }]));
    // Once it has, its content is the reason.
    world.try_build(&two, "other", &[("top", 0)]).unwrap();
    let setup = world.setup(&two, "other");
    let goals = calls(&[("top", 0)]);
    let why2 = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap().remove(0);
    assert!(matches!(why2.standing, Standing::Hit(_)));
    assert!(matches!(&why2.reasons[..], [Reason::InputChanged { name, .. }] if name == "l"));
    assert!(matches!(&why2.upstream[..], [(name, Upstream::Task(_))] if name == "l"));
}

#[test]
fn another_input() {
    let one = plugin(vec![leaves("a"), top(Some("1"), vec![task("l", "leaf", 1)])]);
    let two = plugin(vec![leaves("a"), top(Some("1"), vec![task("l", "leaf", 1), task("m", "leaf", 1)])]);
    let why = ask(&mut World::new(1), &one, |_| {}, (&two, "other"), ("top", 0));
    assert!(matches!(&why.reasons[..], [Reason::InputChanged { name, old: None, .. }] if name == "m"));
}

#[test]
fn one_input_less() {
    let one = plugin(vec![leaves("a"), top(Some("1"), vec![task("l", "leaf", 1), task("m", "leaf", 1)])]);
    let two = plugin(vec![leaves("a"), top(Some("1"), vec![task("l", "leaf", 1)])]);
    let why = ask(&mut World::new(1), &one, |_| {}, (&two, "other"), ("top", 0));
    assert!(matches!(&why.reasons[..], [Reason::InputChanged { name, new: None, .. }] if name == "m"));
}

#[test]
fn salt() {
    let fake = plugin(vec![top(None, vec![])]);
    let change = |world: &mut World| world.options.salt = "s".into();
    let why = ask(&mut World::new(1), &fake, change, (&fake, "code"), ("top", 0));
    assert_eq!(why.reasons, [Reason::SaltChanged]);
}

#[test]
fn outputs() {
    let fake = plugin(vec![top(Some("1"), vec![])]);
    let two = fake
        .changed(|_| (), |plan| plan.outputs = vec![OutputSpec { name: ".".into(), kind: OutputKind::Directory }]);
    let why = ask(&mut World::new(1), &fake, |_| {}, (&two, "other"), ("top", 0));
    assert_eq!(why.reasons, [Reason::OutputsChanged]);
}

#[test]
fn nan_mode() {
    let fake = plugin(vec![top(None, vec![])]);
    let two = fake.changed(|it| it.tasks[0].native_nan = true, |_| ());
    let why = ask(&mut World::new(1), &fake, |_| {}, (&two, "code"), ("top", 0));
    assert_eq!(why.reasons, [Reason::NanChanged]);
}

#[test]
fn what_is_in_no_key_is_no_reason() {
    let fake = plugin(vec![top(Some("1"), vec![])]);
    let two = fake.changed(|it| it.tasks[0].retries = 9, |plan| plan.limits.memory = Some(1 << 30));
    let why = ask(&mut World::new(1), &fake, |_| {}, (&two, "other"), ("top", 0));
    assert!(matches!(why.standing, Standing::Hit(_)), "{why:?}");
}

#[test]
fn need() {
    let asks = || {
        let mut asks = make(|_| vec![], |guest| async move { Ok(Ok(guest.need("leaf", 1).await?)) });
        asks.version = Some("1".into());
        ("top", asks)
    };
    let (one, two) = (plugin(vec![leaves("a"), asks()]), plugin(vec![leaves("b"), asks()]));
    let mut world = World::new(1);
    ask(&mut world, &one, |_| {}, (&one, "code"), ("top", 0));
    world.try_build(&two, "other", &[("leaf", 1)]).unwrap();
    let setup = world.setup(&two, "other");
    let goals = calls(&[("top", 0)]);
    let why = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap().remove(0);
    let [Reason::NeedChanged { name, task: Some(task), .. }] = &why.reasons[..] else { panic!("{why:?}") };
    assert_eq!((name.as_str(), task.as_str()), ("leaf-1", "leaf n=1"));
    let Upstream::Task(leaf) = &why.upstream[0].1 else { panic!("no task upstream") };
    assert_eq!((why.upstream[0].0.as_str(), leaf.task.as_str()), ("leaf n=1", "leaf n=1"));
    assert!(matches!(leaf.reasons[..], [Reason::VersionChanged { .. }]), "{leaf:?}");
}

#[test]
fn forced() {
    let fake = plugin(vec![top(None, vec![])]);
    let change = |world: &mut World| world.options.force = Force::Goals;
    let why = ask(&mut World::new(1), &fake, change, (&fake, "code"), ("top", 0));
    assert_eq!(why.reasons, [Reason::Forced]);
}

#[test]
fn new() {
    let fake = plugin(vec![top(None, vec![])]);
    let world = World::new(1);
    let setup = world.setup(&fake, "code");
    let goals = calls(&[("top", 0)]);
    let why = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap().remove(0);
    assert_eq!(why.reasons, [Reason::New]);
}

#[test]
fn param() {
    let fake = plugin(vec![top(None, vec![])]);
    let world = World::new(1);
    world.build(&fake, &[("top", 1)]);
    let setup = world.setup(&fake, "code");
    let goals = calls(&[("top", 2)]);
    let why = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap().remove(0);
    let changed = Reason::ParamChanged { name: "n".into(), old: Some("1".into()), new: Some("2".into()) };
    assert_eq!(why.reasons, [changed]);
}

#[test]
fn private_param() {
    let fake = plugin(vec![top(None, vec![])])
        .changed(|it| it.tasks[0].params[0].visibility = Visibility::Private, |_| ());
    let world = World::new(1);
    world.build(&fake, &[("top", 1)]);
    let setup = world.setup(&fake, "code");
    let goals = calls(&[("top", 2)]);
    let why = world.block_on(why(&setup, &world.options, &goals, world.handle())).unwrap().remove(0);
    assert_eq!(why.reasons, [Reason::ParamChanged { name: "n".into(), old: None, new: None }]);
    assert_eq!(why.reasons[0].to_string(), "param n changed");
}

#[test]
fn very_many_new_tasks_are_not_each_compared_with_all_of_the_last_run() {
    let leaves = |top: i64| -> Vec<i64> { if top == 1 { vec![0] } else { (1..=300).collect() } };
    let inputs = move |top| leaves(top).into_iter().map(|n| task(&format!("i{n}"), "leaf", n)).collect();
    let fake = plugin(vec![("leaf", leaf(|n| n.to_string())), ("top", pure(inputs, |_, all| all.into()))]);
    let world = World::new(2);
    world.build(&fake, &[("top", 1)]);
    let outcome = world.build(&fake, &[("top", 2)]);
    let (new, changed): (Vec<_>, Vec<_>) =
        outcome.report.tasks.iter().partition(|task| task.reason == [Reason::New]);
    assert_eq!((new.len(), changed.len()), (45, 256));
    assert!(changed.iter().all(|task| matches!(task.reason[..], [Reason::ParamChanged { .. }])));
}
