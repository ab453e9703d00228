//! `plan`: what it says is what happens.

use crate::fake::*;
use wrun_build::Fate;

#[test]
fn hits_runs_and_unknowns_are_told_apart() {
    let world = World::new(1);
    let tasks = |version: &str| {
        let mut a = leaf(|n| n.to_string());
        a.version = Some(version.into());
        let mut b = leaf(|n| n.to_string());
        b.version = Some("1".into());
        let mut top = pure(|_| vec![task("a", "a", 1), task("b", "b", 1)], |_, all| all.into());
        top.version = Some("1".into());
        plugin(vec![("a", a), ("b", b), ("top", top)])
    };
    world.build(&tasks("1"), &[("top", 0)]);
    let fake = tasks("2");
    let preview = world.plan(&fake, "other code", &[("top", 0)]);
    let fate = |name: &str| preview.tasks.iter().find(|task| task.task == name).unwrap().fate.clone();
    assert!(matches!(fate("a"), Fate::Run(_)));
    assert!(matches!(fate("b"), Fate::Hit(_)));
    assert_eq!(fate("top"), Fate::Unknown("a n=1".into()));
    assert_eq!(fake.ran(), names(&[]));
    // The bytes turn out the same, so what was unknown is a hit.
    world.try_build(&fake, "other code", &[("top", 0)]).unwrap();
    assert_eq!(fake.ran(), names(&["a 1"]));
}
