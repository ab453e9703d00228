//! What results were made from, what was made from them, and making them again.

use crate::fake::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wrun_build::Force;
use wrun_build::lineage::{Lineage, What, down, up};
use wrun_build::rerun::{RerunError, Verdict};
use wrun_core::digest::ComponentDigest;
use wrun_core::plan::{External, ExternalMode, Input, Source};
use wrun_core::result::{ActionResult, Address};
use wrun_store::{Store, Write};

fn names_in(lineage: &Lineage) -> Vec<String> {
    let name = |what: &What| match what {
        What::Result { result, .. } => format!("{} {}", result.action.task, result.action.params.0["n"].to_text()),
        What::External { uri, .. } => uri.clone(),
        What::Gone(_) => "gone".into(),
    };
    let mut names: Vec<String> = lineage.nodes.iter().map(|node| name(&node.what)).collect();
    names[1..].sort();
    names
}

fn rerun(world: &World, fake: &Arc<Fake>, address: Address) -> Result<Verdict, RerunError> {
    world.rerun(fake, address, &|| unreachable!("no container made it"))
}

/// A tree of three layers; the top needs a leaf while it runs, and one reads a file.
fn layers(world: &World, size: usize) -> Arc<Fake> {
    std::fs::write(world.root.path().join("file.txt"), "text").unwrap();
    let file = |_| {
        let external = External { uri: "file:file.txt".into(), mode: ExternalMode::Content, wait: false };
        vec![Input { name: "file".into(), source: Source::External(external) }]
    };
    let top = make(
        |n| vec![task("mid", "mid", n)],
        |guest| async move {
            let leaf = guest.needs(&[("leaf", 7), ("leaf", 8)]).await?.join("+");
            let more = guest.need("leaf", leaf.len() as i64 % 2).await?;
            Ok(Ok(format!("{} {leaf} {more}", guest.all())))
        },
    );
    plugin(vec![
        ("leaf", leaf(move |n| n.to_string().repeat(size))),
        ("mid", pure(|n| vec![task("a", "leaf", n), task("b", "file", n)], |_, all| all.into())),
        ("file", pure(file, |_, all| all.into())),
        ("top", top),
    ])
}

#[test]
fn a_result_is_traced_both_ways() {
    let world = World::new(2);
    let fake = layers(&world, 1);
    let outcome = world.build(&fake, &[("top", 1)]);
    let top = outcome.goals[0].as_ref().unwrap().address;
    let lineage = world.block_on(up(&*world.store, &[top])).unwrap();
    let due = ["top 1", "file 1", "file:file.txt", "leaf 1", "leaf 7", "leaf 8", "mid 1"];
    assert_eq!(names_in(&lineage), due);
    let from = |node: usize| lineage.nodes[node].from.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(from(0), ["leaf-1", "leaf-7", "leaf-8", "mid"]);
    let leaf = lineage.nodes.iter().find_map(|node| match &node.what {
        What::Result { result, address, .. }
            if result.action.task == "leaf" && result.action.params.0["n"].to_text() == "1" =>
        {
            Some(*address)
        }
        _ => None,
    });
    let below = world.block_on(down(&*world.store, &[leaf.unwrap()])).unwrap();
    assert_eq!(names_in(&below), ["leaf 1", "mid 1", "top 1"]);
    assert_eq!(below.nodes.iter().map(|node| node.from.len()).sum::<usize>(), 3);
    // Nothing was made from the top.
    assert_eq!(names_in(&world.block_on(down(&*world.store, &[top])).unwrap()), ["top 1"]);
}

#[test]
fn every_result_can_be_made_again_from_its_record() {
    // Outputs that ride in their records, and such that do not.
    for size in [1, 10_000] {
        let world = World::new(2);
        let fake = layers(&world, size);
        let outcome = world.build(&fake, &[("top", 1)]);
        let top = outcome.goals[0].as_ref().unwrap().address;
        fake.took();
        let lineage = world.block_on(up(&*world.store, &[top])).unwrap();
        let mut again = 0;
        for node in &lineage.nodes {
            if let What::Result { address, .. } = &node.what {
                assert_eq!(rerun(&world, &fake, *address).unwrap(), Verdict::Same);
                again += 1;
            }
        }
        assert_eq!(again, 6);
        // Each once: what it needs is answered from what is recorded.
        assert_eq!(fake.ran().len(), 6);
    }
}

#[test]
fn what_is_not_the_same_is_found() {
    let world = World::new(1);
    let count = Arc::new(AtomicU32::new(0));
    let (text, asked) = (count.clone(), count.clone());
    let fickle = make(
        |_| Vec::new(),
        move |guest| {
            let n = i64::from(asked.fetch_add(1, Ordering::SeqCst));
            async move { Ok(Ok(guest.need("leaf", n).await?)) }
        },
    );
    let fake = plugin(vec![
        ("leaf", leaf(|n| n.to_string())),
        ("random", leaf(move |_| text.fetch_add(1, Ordering::SeqCst).to_string())),
        ("fickle", fickle),
    ]);
    let address = |goal| world.build(&fake, &[goal]).goals[0].as_ref().unwrap().address;
    let (random, fickle) = (address(("random", 0)), address(("fickle", 0)));
    match rerun(&world, &fake, random).unwrap() {
        Verdict::Differs { first, second, paths } => assert!(first != second && paths == ["out"]),
        other => panic!("{other:?}"),
    }
    match rerun(&world, &fake, fickle).unwrap() {
        Verdict::AskedElse(how) => assert_eq!(how, "first for `leaf` {\"n\":1}, then for `leaf` {\"n\":3}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disowned_result_and_its_successor_are_told_apart() {
    let mut world = World::new(1);
    let count = Arc::new(AtomicU32::new(0));
    let text = count.clone();
    let fake = plugin(vec![
        ("base", leaf(move |_| text.fetch_add(1, Ordering::SeqCst).to_string())),
        ("top", pure(|_| vec![task("a", "base", 1)], |_, all| all.into())),
    ]);
    let first = world.build(&fake, &[("top", 0)]).goals[0].as_ref().unwrap().address;
    world.force(Force::Tasks(vec!["base".into()]));
    // Builds of one process are told apart by their time.
    world.options.now = "2013-02-02T00:00:00Z".parse().unwrap();
    let second = world.build(&fake, &[("top", 0)]).goals[0].as_ref().unwrap().address;
    assert_ne!(first.key, second.key);
    let base = |of| {
        let lineage = world.block_on(up(&*world.store, &[of])).unwrap();
        match &lineage.nodes[1].what {
            What::Result { address, disowned, .. } => (*address, *disowned),
            other => panic!("{other:?}"),
        }
    };
    let (old, new) = (base(first), base(second));
    assert_eq!((old.0.generation, old.1, new.0.generation, new.1), (0, true, 1, false));
    let below = |of| world.block_on(down(&*world.store, &[of])).unwrap();
    let tops = |lineage: Lineage| match &lineage.nodes[1].what {
        What::Result { address, .. } => *address,
        other => panic!("{other:?}"),
    };
    assert_eq!((tops(below(old.0)), tops(below(new.0))), (first, second));
}

#[test]
fn a_record_that_cannot_be_made_again_says_why() {
    let world = World::new(1);
    let fake = layers(&world, 1);
    let address = world.build(&fake, &[("mid", 1)]).goals[0].as_ref().unwrap().address;
    let body = world.block_on(world.store.result(address)).unwrap().unwrap().body;
    let plant = |edit: &dyn Fn(&mut ActionResult)| {
        let mut result: ActionResult = serde_json::from_slice(&body).unwrap();
        edit(&mut result);
        let body = serde_json::to_vec(&result).unwrap().into();
        world.block_on(world.store.commit(vec![Write::Adopted { address, body }])).unwrap();
        rerun(&world, &fake, address).unwrap_err().to_string()
    };
    assert!(plant(&|result| result.action.task = "other".into()).contains(" is not of its key"));
    assert!(
        plant(&|result| result.provenance.component = ComponentDigest(result.tree.0)).contains("the component")
    );
    assert!(plant(&|result| result.provenance.inputs.clear()).starts_with("the store does not have the bytes of"));
    let missing = Address { generation: 9, ..address };
    assert!(matches!(rerun(&world, &fake, missing), Err(RerunError::NoResult(_))));
}
