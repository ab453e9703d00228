//! Results that go elsewhere: to other stores, to where people read them; and those that come from elsewhere.

use crate::fake::*;
use std::sync::Arc;
use wrun_build::adopt::{AdoptError, adopt};
use wrun_build::lineage::{What, up};
use wrun_build::publish::{Fate, Layout, MANIFEST, Manifest, Publication, PublishError};
use wrun_build::rerun::read as record;
use wrun_build::transfer::Transfer;
use wrun_core::param::Params;
use wrun_core::report::State;
use wrun_core::result::{ActionResult, Address};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_store::files::{Dir, Objects as InMemory};
use wrun_store::memory::MemoryStore;
use wrun_store::objects::Objects as _;
use wrun_store::objects::memory::{MemoryObjects, Trouble};
use wrun_store::tiered::TieredStore;
use wrun_store::{BlobKind, Store, Write};

fn two_layers(size: usize) -> Arc<Fake> {
    plugin(vec![
        ("leaf", leaf(move |n| n.to_string().repeat(size))),
        ("top", pure(|n| vec![task("a", "leaf", n), task("b", "leaf", 5)], |_, all| all.into())),
    ])
}

fn address(world: &World, fake: &Arc<Fake>, goal: (&str, i64)) -> Address {
    world.build(fake, &[goal]).goals[0].as_ref().unwrap().address
}

#[test]
fn a_closure_moves_whole_and_once() {
    for size in [1, 100_000] {
        let world = World::new(2);
        let fake = two_layers(size);
        let top = address(&world, &fake, ("top", 1));
        let other: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let transfer = Transfer { from: world.store.clone(), to: other.clone(), now: 0 };
        let moved = world.block_on(transfer.results(&[top])).unwrap();
        assert_eq!((moved.results, moved.there, moved.bare), (3, 0, 0));
        assert!(moved.lost.is_empty() && moved.differing.is_empty());
        let again = world.block_on(transfer.results(&[top])).unwrap();
        assert_eq!((again.results, again.there, again.blobs), (0, 3, 0));
        let there = world.block_on(up(&*other, &[top])).unwrap();
        assert!(there.nodes.iter().all(|node| matches!(node.what, What::Result { .. })));
    }
}

#[test]
fn everything_moves_to_a_bucket_and_an_empty_machine_builds_from_it() {
    let world = World::new(2);
    let fake = two_layers(1);
    let top = address(&world, &fake, ("top", 1));
    let bucket = MemoryObjects::default();
    let machine = || TieredStore::new(Arc::new(MemoryStore::default()), Arc::new(bucket.clone()));
    let transfer = Transfer { from: world.store.clone(), to: machine(), now: 0 };
    let moved = world.block_on(transfer.everything()).unwrap();
    assert_eq!((moved.results, moved.runs), (3, 1));
    let empty = machine();
    let runs = world.block_on(empty.everyones_runs(10)).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(world.block_on(record(&*empty, top)).unwrap().tree, dir("1,5").digest());
    // And back, into a store that has nothing.
    let home: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let back = Transfer { from: empty, to: home, now: 0 };
    assert_eq!(world.block_on(back.everything()).unwrap().results, 3);
}

#[test]
fn of_two_results_at_one_address_each_store_keeps_its_own() {
    let world = World::new(1);
    let fake = two_layers(1);
    let top = address(&world, &fake, ("top", 1));
    let body = world.block_on(world.store.result(top)).unwrap().unwrap().body;
    let mut result: ActionResult = serde_json::from_slice(&body).unwrap();
    result.tree = dir("other").digest();
    let other: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let theirs = serde_json::to_vec(&result).unwrap();
    world.block_on(other.commit(vec![Write::Known { address: top, body: theirs.clone().into() }])).unwrap();
    let transfer = Transfer { from: world.store.clone(), to: other.clone(), now: 0 };
    let moved = world.block_on(transfer.results(&[top])).unwrap();
    assert_eq!((moved.results, moved.differing), (2, vec![top]));
    assert_eq!(world.block_on(other.result(top)).unwrap().unwrap().body[..], theirs[..]);
}

/// A directory of these files in a store, as the output of a task that is there.
fn several(world: &World, files: &[(&str, &str)], like: &ActionResult) -> Box<ActionResult> {
    let mut writes = Vec::new();
    let entry = |(name, text): &(&str, &str)| Entry {
        name: (*name).to_owned(),
        kind: EntryKind::File { exec: false },
        digest: wrun_core::digest::Digest::of_blob(text.as_bytes()),
        size: text.len() as u64,
    };
    let tree = Tree::new(files.iter().map(entry).collect()).unwrap();
    writes.extend(files.iter().map(|(_, text)| Write::Blob(BlobKind::Blob, text.as_bytes().into())));
    writes.push(Write::Blob(BlobKind::Tree, tree.encode().into()));
    world.block_on(world.store.commit(writes)).unwrap();
    let mut result = like.clone();
    (result.tree, result.inline) = (tree.digest(), None);
    Box::new(result)
}

struct Shelf {
    world: World,
    bucket: MemoryObjects,
    address: Address,
    like: ActionResult,
}

impl Shelf {
    fn new() -> Self {
        let world = World::new(1);
        let address = address(&world, &two_layers(1), ("leaf", 1));
        let like = world.block_on(record(&*world.store, address)).unwrap();
        Self { world, bucket: MemoryObjects::default(), address, like }
    }

    fn publication(&self, files: &[(&str, &str)], layout: Layout, started: i64) -> Publication {
        Publication {
            to: Arc::new(self.bucket.clone()),
            file: None,
            layout,
            address: self.address,
            result: several(&self.world, files, &self.like),
            params: Params::default(),
            started,
            check: false,
        }
    }

    fn publish(&self, publication: &Publication) -> Result<Fate, PublishError> {
        let store: Arc<dyn Store> = self.world.store.clone();
        self.world.block_on(publication.publish(&store))
    }

    fn get(&self, name: &str) -> Option<String> {
        let bytes = self.world.block_on(self.bucket.get(name)).unwrap()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// What a reader of the manifest sees.
    fn through_the_manifest(&self) -> Vec<String> {
        let manifest: Manifest = serde_json::from_str(&self.get(MANIFEST).unwrap()).unwrap();
        manifest.files.values().map(|file| self.get(&file.at).unwrap()).collect()
    }
}

#[test]
fn one_file_is_one_put_and_an_older_build_loses() {
    let shelf = Shelf::new();
    let at = |text, started| shelf.publication(&[("a.csv", text)], Layout::Tree, started);
    let puts = || shelf.bucket.traffic().puts;
    assert_eq!(shelf.publish(&at("one", 1)).unwrap(), Fate::Written(1, 3));
    assert_eq!(shelf.bucket.names(), ["a.csv"]);
    assert_eq!(shelf.publish(&at("one", 2)).unwrap(), Fate::There);
    assert_eq!(shelf.publish(&at("three", 3)).unwrap(), Fate::Written(1, 5));
    assert!(matches!(shelf.publish(&at("two", 2)).unwrap(), Fate::Newer(_)));
    assert_eq!(shelf.get("a.csv").unwrap(), "three");
    // To a file of another name.
    let mut named = at("four", 4);
    named.file = Some((Arc::new(shelf.bucket.clone()), "today.csv".into()));
    shelf.publish(&named).unwrap();
    assert_eq!(shelf.get("today.csv").unwrap(), "four");
    assert!(puts() <= 3);
}

#[test]
fn a_manifest_moves_after_its_files_and_readers_see_no_mixture() {
    let shelf = Shelf::new();
    let of = |text: &str, started| {
        let files = [("a", text), ("b", text)];
        shelf.publication(&files, Layout::Tree, started)
    };
    assert_eq!(shelf.publish(&of("old", 1)).unwrap(), Fate::Written(2, 6));
    assert_eq!(shelf.through_the_manifest(), ["old", "old"]);
    // The manifest could not be moved: what readers see is the old, whole.
    shelf.bucket.deny(MANIFEST);
    assert!(shelf.publish(&of("new", 2)).is_err());
    let reader = MemoryObjects::clone(&shelf.bucket);
    assert_eq!(reader.names().len(), 3);
    let shelf = Shelf::new();
    let of = |text: &str, started| shelf.publication(&[("a", text), ("b", text)], Layout::Tree, started);
    shelf.publish(&of("new", 2)).unwrap();
    assert!(matches!(shelf.publish(&of("old", 1)).unwrap(), Fate::Newer(_)));
    assert_eq!(shelf.publish(&of("new", 3)).unwrap(), Fate::There);
    assert_eq!(shelf.through_the_manifest(), ["new", "new"]);
    // A reply that was lost is no loss.
    shelf.bucket.order(MANIFEST, Trouble::LostReply);
    shelf.publish(&of("newest", 4)).unwrap();
    assert_eq!(shelf.through_the_manifest(), ["newest", "newest"]);
}

#[test]
fn check_looks_at_the_files() {
    let shelf = Shelf::new();
    let mut publication = shelf.publication(&[("a", "text"), ("b", "more")], Layout::Tree, 1);
    shelf.publish(&publication).unwrap();
    let name = shelf.bucket.names().into_iter().find(|name| name.ends_with("/b")).unwrap();
    shelf.bucket.vanish(&name);
    assert_eq!(shelf.publish(&publication).unwrap(), Fate::There);
    publication.check = true;
    assert_eq!(shelf.publish(&publication).unwrap(), Fate::Written(1, 4));
    assert_eq!(shelf.publish(&publication).unwrap(), Fate::There);
}

#[test]
fn flat_files_lie_under_their_own_names() {
    let shelf = Shelf::new();
    shelf.publish(&shelf.publication(&[("a", "1"), ("b", "1")], Layout::Flat, 1)).unwrap();
    shelf.publish(&shelf.publication(&[("a", "2"), ("c", "2")], Layout::Flat, 2)).unwrap();
    assert_eq!(shelf.bucket.names(), [MANIFEST, "a", "c"]);
    assert_eq!(shelf.through_the_manifest(), ["2", "2"]);
    let reserved = shelf.publication(&[(MANIFEST, "2"), ("c", "2")], Layout::Flat, 3);
    assert!(matches!(shelf.publish(&reserved), Err(PublishError::Reserved { .. })));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let shelf = Shelf::new();
    shelf.bucket.plant("a", b"by hand");
    let one = shelf.publication(&[("a", "1")], Layout::Tree, 1);
    assert!(matches!(shelf.publish(&one), Err(PublishError::Foreign { .. })));
    assert_eq!(shelf.get("a").unwrap(), "by hand");
    let mut other = shelf.publication(&[("b", "1")], Layout::Tree, 1);
    shelf.publish(&other).unwrap();
    other.result.action.task = "another".into();
    assert!(matches!(shelf.publish(&other), Err(PublishError::OtherTask { .. })));
    assert!(matches!(shelf.publish(&shelf.publication(&[], Layout::Tree, 1)), Err(PublishError::Nothing { .. })));
}

fn adopted(world: &World, fake: &Arc<Fake>, goal: (&str, i64), dir: &Dir) -> Result<(Address, bool), AdoptError> {
    let setup = world.setup(fake, "code");
    let goal = &calls(&[goal])[0];
    world.block_on(adopt(&setup, &world.options, goal, world.handle(), (dir, "s3://old/place")))
}

/// One file of any name.
fn file(name: &str, text: &str) -> Dir {
    let digest = wrun_core::digest::Digest::of_blob(text.as_bytes());
    let entry =
        Entry { name: name.into(), kind: EntryKind::File { exec: false }, digest, size: text.len() as u64 };
    let tree = Tree::new(vec![entry]).unwrap();
    let mut objects = InMemory::default();
    objects.blobs.insert(digest, text.as_bytes().into());
    let digest = tree.digest();
    objects.trees.insert(digest, Arc::new(tree));
    Dir::with_memory(digest, objects, None)
}

#[test]
fn what_is_adopted_is_a_hit_for_what_stands_on_it() {
    let world = World::new(1);
    let fake = two_layers(1);
    // Nothing is known of the top before its leaves are there.
    assert!(matches!(adopted(&world, &fake, ("top", 1), &dir("x")), Err(AdoptError::Unknown { .. })));
    let (leaf, new) = adopted(&world, &fake, ("leaf", 1), &file("from-luigi.csv", "luigi")).unwrap();
    assert!(new);
    let again = adopted(&world, &fake, ("leaf", 1), &file("from-luigi.csv", "luigi")).unwrap();
    assert_eq!(again, (leaf, false));
    let outcome = world.build(&fake, &[("top", 1)]);
    assert_eq!(output(&outcome, 0), "luigi,5");
    assert_eq!(state_of(&outcome, "leaf", 1), State::Cached);
    assert_eq!(fake.ran(), names(&["leaf 5", "top 1"]));
    let top = outcome.goals[0].as_ref().unwrap().address;
    let lineage = world.block_on(up(&*world.store, &[top])).unwrap();
    let from = lineage.nodes.iter().find_map(|node| match &node.what {
        What::Result { result, .. } => result.provenance.adopted.clone(),
        _ => None,
    });
    assert_eq!(from.unwrap().from, "s3://old/place");
}

#[test]
fn what_contradicts_is_not_adopted() {
    let world = World::new(1);
    let fake = two_layers(1);
    world.build(&fake, &[("leaf", 1)]);
    let error = adopted(&world, &fake, ("leaf", 1), &dir("other")).unwrap_err();
    assert!(matches!(error, AdoptError::Other { .. }), "{error}");
    let empty = Tree::new(Vec::new()).unwrap();
    let mut objects = InMemory::default();
    let digest = empty.digest();
    objects.trees.insert(digest, Arc::new(empty));
    let error = adopted(&world, &fake, ("leaf", 2), &Dir::with_memory(digest, objects, None)).unwrap_err();
    assert_eq!(error.to_string(), "`leaf n=2` declares `out`, and there is nothing");
}
