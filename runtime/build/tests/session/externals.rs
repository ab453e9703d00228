//! Externals on servers, in whole sessions.

use crate::fake::*;
use std::path::PathBuf;
use std::sync::Arc;
use wrun_core::action::InputKind;
use wrun_core::plan::{External, ExternalMode, Input, Source};
use wrun_core::reason::Reason;
use wrun_core::report::{AnsweredBy, State};
use wrun_core::result::ActionResult;
use wrun_store::Store as _;
use wrun_store::external::{Rule, Sources, Weak};
use wrun_store::objects::memory::MemoryObjects;

fn external(name: &str, uri: &str, wait: bool) -> Input {
    let external = External { uri: uri.into(), mode: ExternalMode::Content, wait };
    Input { name: name.into(), source: Source::External(external) }
}

/// A task that reads one address of a bucket under whose `in/` plugins may read.
fn world(uri: &'static str, wait: bool, objects: &[(&str, &str)]) -> (World, Arc<Fake>, MemoryObjects) {
    let fake = plugin(vec![("reads", pure(move |_| vec![external("f", uri, wait)], |_, all| all.into()))]);
    let bucket = MemoryObjects::default();
    objects.iter().for_each(|(name, text)| bucket.plant(name, text.as_bytes()));
    let mut world = World::new(2);
    world.roots = vec![PathBuf::from("s3://b/in/")];
    world.sources = Arc::new(Sources::default().with("s3://b", Arc::new(bucket.clone())));
    (world, fake, bucket)
}

fn requests(world: &World) -> (u64, u64, u64) {
    let traffic = world.sources.traffic();
    (traffic.heads, traffic.lists, traffic.gets)
}

#[test]
fn an_object_is_an_input_and_a_no_op_costs_one_request() {
    let (world, fake, bucket) = world("s3://b/in/a", false, &[("in/a", "one")]);
    assert_eq!(world.build(&fake, &[("reads", 1)]).report.totals.ran, 1);
    assert_eq!(requests(&world), (1, 0, 1));
    let again = world.build(&fake, &[("reads", 1)]);
    assert_eq!(again.report.answered_by, AnsweredBy::SessionRecord);
    assert_eq!(requests(&world), (2, 0, 1));
    bucket.plant("in/a", b"two");
    let changed = world.build(&fake, &[("reads", 1)]);
    assert_eq!(changed.report.totals.ran, 1);
    let reason = &changed.report.tasks[0].reason[0];
    assert!(matches!(reason, Reason::InputChanged { name, .. } if name == "f"), "{reason}");
    bucket.plant("in/a", b"one");
    assert_eq!(
        world.build(&fake, &[("reads", 1)]).report.totals.cached,
        1,
        "content counts, not when it was written"
    );
}

#[test]
fn a_plugin_reads_under_the_roots_alone() {
    for uri in ["s3://b/secret", "s3://b/in/../secret", "s3://b/input", "s3://other/in/a", "https://b/in/a"] {
        let (mut world, fake, _) = world(uri, false, &[("secret", "1"), ("in/../secret", "2")]);
        let outcome = world.build(&fake, &[("reads", 1)]);
        assert_eq!((outcome.report.totals.failed, requests(&world)), (1, (0, 0, 0)), "{uri}");
        assert!(outcome.failures[0].message.contains(uri) && outcome.failures[0].hint.is_some());
        world.options.given_paths = vec![uri.into()];
        if uri == "s3://b/secret" {
            assert_eq!(world.build(&fake, &[("reads", 1)]).report.totals.ran, 1, "the user named it");
        }
    }
    let (world, fake, _) = world("gopher://h/in", false, &[]);
    assert!(world.build(&fake, &[("reads", 1)]).failures[0].message.contains("scheme `gopher`"));
}

#[test]
fn what_is_missing_is_waited_for_and_what_is_refused_is_not() {
    let (mut world, fake, bucket) = world("s3://b/in/day/", true, &[("in/day/a", "one")]);
    let rule = Rule { marker: Some("_SUCCESS".into()), ..Rule::default() };
    world.options.externals.insert("s3://b/in/".into(), rule);
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!(outcome.report.totals.waiting, 1);
    let message = outcome.report.tasks[0].message.clone().unwrap();
    assert!(message.contains("s3://b/in/day/_SUCCESS") && message.ends_with("is not there yet"), "{message}");
    bucket.plant("in/day/_SUCCESS", b"");
    assert_eq!(world.build(&fake, &[("reads", 1)]).report.totals.ran, 1);
    bucket.deny("in/day/");
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!((outcome.report.totals.failed, outcome.report.totals.waiting), (1, 0));
    assert!(outcome.failures[0].message.contains("Denied"), "{:?}", outcome.failures);
}

#[test]
fn a_weaker_pin_is_marked_wherever_it_is_written_down() {
    let (mut world, fake, bucket) = world("s3://b/in/", false, &[("in/a", "one"), ("in/b", "two")]);
    world.options.externals.insert("s3://b/in/".into(), Rule { pin: Some(Weak::Etag), ..Rule::default() });
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!(outcome.report.totals.ran, 1);
    let key = outcome.report.tasks[0].key.unwrap();
    let record = world.block_on(world.store.results(&[key])).unwrap().pop().unwrap().pop().unwrap();
    let result: ActionResult = serde_json::from_slice(&record.body).unwrap();
    assert_eq!(result.action.inputs[0].kind, InputKind::Etag);
    assert_ne!(result.provenance.contents["f"], result.action.inputs[0].tree, "what it held is known too");
    assert_eq!(world.record().1[0].kind, InputKind::Etag);
    // A hit downloads nothing, even where nothing is remembered of the bytes.
    let gets = requests(&world).2;
    bucket.plant("in/c", b"three");
    world.store.drop_all_blobs();
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!((outcome.report.totals.ran, requests(&world).2), (1, gets + 3));
    world.options.externals.clear();
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!(outcome.report.tasks[0].state, State::Ran, "by content it is another key");
}

#[test]
fn what_a_rule_says_is_in_the_goal() {
    let (mut world, fake, _) = world("s3://b/in/a", false, &[("in/a", "one")]);
    world.build(&fake, &[("reads", 1)]);
    let due = wrun_core::digest::Digest::of_blob(b"other");
    world.options.externals.insert("s3://b/in/a".into(), Rule { digest: Some(due), ..Rule::default() });
    let outcome = world.build(&fake, &[("reads", 1)]);
    assert_eq!(outcome.report.totals.failed, 1);
    assert!(outcome.failures[0].message.contains("wrun.toml pins"), "{:?}", outcome.failures);
}
