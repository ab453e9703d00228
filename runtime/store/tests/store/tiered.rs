//! A cache in front of a truth in memory: several machines, faults, what is owed.

use crate::digest;
use std::path::PathBuf;
use std::sync::Arc;
use wrun_core::action::{Action, ActionInput, Code, InputKind, NanMode};
use wrun_core::digest::{ActionKey, ComponentDigest, Digest, GoalKey, TaskId, TreeDigest};
use wrun_core::param::Params;
use wrun_core::plan::{OutputKind, OutputSpec};
use wrun_core::result::{ActionResult, Address, FORMAT, Log, Provenance, Step};
use wrun_core::task::{Call, Need};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_store::conformance::Home;
use wrun_store::local::LocalStore;
use wrun_store::objects::Fault;
use wrun_store::objects::memory::{MemoryObjects, Trouble};
use wrun_store::tiered::TieredStore;
use wrun_store::{BlobKind, Bytes, Committed, Settled, Store, StoreError, Write};

/// One machine whose processes share a cache, in front of a truth.
struct Machine {
    cache: crate::suite::LocalHome,
    truth: MemoryObjects,
}

impl Home for Machine {
    fn open(&self) -> Arc<dyn Store> {
        let cache = LocalStore::open(self.cache.0.path()).unwrap();
        TieredStore::through(cache, Arc::new(self.truth.clone()))
    }

    fn corrupt(&self, digest: Digest) -> bool {
        // What the cache lost would come back from the truth.
        self.truth.vanish(&cas(digest));
        self.cache.corrupt(digest)
    }

    fn remove(&self, digest: Digest) {
        self.truth.vanish(&cas(digest));
        self.cache.remove(digest);
    }
}

fn cas(digest: Digest) -> String {
    let hex = digest.to_hex();
    format!("cas/{}/{}", &hex[..2], &hex[2..])
}

fn ac(address: Address) -> String {
    let hex = address.key.0.to_hex();
    format!("ac/{}/{}.{}", &hex[..2], &hex[2..], address.generation)
}

fn machine() -> Machine {
    Machine { cache: crate::suite::LocalHome(tempfile::tempdir().unwrap()), truth: MemoryObjects::default() }
}

mod suite {
    wrun_store::conformance_suite!(super::machine);
}

mod objects {
    use std::sync::Arc;
    use wrun_store::objects::Objects;
    use wrun_store::objects::conformance::Bucket;
    use wrun_store::objects::memory::MemoryObjects;

    struct Memory(MemoryObjects);

    impl Bucket for Memory {
        async fn open(&self) -> Arc<dyn Objects> {
            Arc::new(self.0.clone())
        }
    }

    fn bucket() -> Memory {
        Memory(MemoryObjects::default())
    }

    wrun_store::objects_suite!(bucket);
}

mod folder {
    use std::sync::Arc;
    use wrun_store::objects::Objects;
    use wrun_store::objects::conformance::Bucket;
    use wrun_store::objects::folder::FolderObjects;

    struct Folder(tempfile::TempDir);

    impl Bucket for Folder {
        async fn open(&self) -> Arc<dyn Objects> {
            Arc::new(FolderObjects::new(self.0.path().join("new")))
        }
    }

    fn bucket() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    wrun_store::objects_suite!(bucket);
}

/// A machine of its own: its cache, its store, what it asked of the truth.
struct Own {
    folder: tempfile::TempDir,
    truth: MemoryObjects,
    store: Arc<TieredStore>,
}

impl Own {
    fn new(bucket: &MemoryObjects) -> Self {
        Self::with(tempfile::tempdir().unwrap(), bucket)
    }

    fn with(folder: tempfile::TempDir, bucket: &MemoryObjects) -> Self {
        let truth = bucket.clone();
        let cache = LocalStore::open(folder.path()).unwrap();
        let store = TieredStore::new(cache, Arc::new(truth.clone()));
        Self { folder, truth: bucket.clone(), store }
    }

    /// The process is gone; what its cache has is there.
    fn restarted(self) -> Self {
        Self::with(self.folder, &self.truth)
    }

    async fn settle(&self) -> Result<Settled, StoreError> {
        self.store.settle().await
    }

    async fn record(&self, address: Address) -> Option<Bytes> {
        self.store.result(address).await.unwrap().map(|record| record.body)
    }
}

/// A result with one file, small or large, and everything that must be durable before it.
fn made(name: &str, content: &[u8], seconds: f64) -> (Address, Vec<Write>) {
    let file = Entry {
        name: "out".into(),
        kind: EntryKind::File { exec: false },
        digest: Digest::of_blob(content),
        size: content.len() as u64,
    };
    let tree = Tree::new(vec![file]).unwrap();
    let action = Action {
        container: None,
        code: Code::Component(ComponentDigest(digest("component"))),
        task: name.into(),
        params: Params::default(),
        inputs: vec![ActionInput { name: "in".into(), kind: InputKind::Tree, tree: TreeDigest(digest("input")) }],
        outputs: vec![OutputSpec { name: "out".into(), kind: OutputKind::File }],
        sandbox: 1,
        nan: NanMode::Canonical,
        salt: String::new(),
    };
    let address = Address { key: action.key(), generation: 0 };
    let result = ActionResult {
        format: FORMAT,
        tree: tree.digest(),
        size: tree.size(),
        inline: None,
        log: Log::Empty,
        steps: Vec::new(),
        action,
        provenance: Provenance {
            task_id: TaskId(digest(name)),
            plugin: "test".into(),
            component: ComponentDigest(digest("component")),
            params: Params::default(),
            started: 0,
            seconds,
            inputs: Default::default(),
            externals: Default::default(),
            tombstone: 0,
            contents: Default::default(),
            reasons: Vec::new(),
            adopted: None,
            container: None,
            wrun: "test".into(),
        },
    };
    let writes = vec![
        Write::Blob(BlobKind::Blob, content.into()),
        Write::Blob(BlobKind::Tree, tree.encode().into()),
        Write::Result { address, body: serde_json::to_vec(&result).unwrap().into(), task: TaskId(digest(name)) },
    ];
    (address, writes)
}

async fn commit(own: &Own, writes: Vec<Write>) {
    let done = own.store.commit(writes).await.unwrap();
    assert!(done.iter().all(|one| *one == Committed::Written));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_machine_made_another_finds() {
    let bucket = MemoryObjects::default();
    let (one, two) = (Own::new(&bucket), Own::new(&bucket));
    for (name, content) in [("small", vec![1; 10]), ("large", vec![2; 3 << 20])] {
        let (address, writes) = made(name, &content, 1.0);
        commit(&one, writes).await;
        one.settle().await.unwrap();
        let body = two.record(address).await.unwrap();
        let tree: ActionResult = serde_json::from_slice(&body).unwrap();
        let wanted = [(BlobKind::Tree, tree.tree.0), (BlobKind::Blob, Digest::of_blob(&content))];
        assert_eq!(two.store.fetch(&wanted).await.unwrap(), [true, true]);
        let blob = two.store.get(BlobKind::Blob, Digest::of_blob(&content)).unwrap().unwrap();
        assert!(blob.to_vec().unwrap() == content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_comes_after_its_bytes() {
    let bucket = MemoryObjects::default();
    let one = Own::new(&bucket);
    let (address, writes) = made("task", &[1; 100_000], 1.0);
    // The tree cannot be written, so neither may the record be.
    bucket.deny("cas/");
    commit(&one, writes).await;
    let error = one.settle().await.unwrap_err();
    assert!(matches!(&error, StoreError::Remote(error) if error.fault == Fault::Denied), "{error}");
    assert!(!bucket.names().contains(&ac(address)));
    assert_eq!(one.store.owed().await.unwrap(), [address], "it stays owed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_owed_when_a_process_died_is_sent_by_the_next() {
    let bucket = MemoryObjects::default();
    let (address, writes) = made("task", b"bytes", 1.0);
    let folder = tempfile::tempdir().unwrap();
    let cache = LocalStore::open(folder.path()).unwrap();
    let offline = TieredStore::offline(cache, "memory://bucket");
    offline.commit(writes).await.unwrap();
    assert_eq!(offline.settle().await.unwrap().owed, 1);
    drop(offline);
    let next = Own::with(folder, &bucket);
    assert_eq!(next.settle().await.unwrap(), Settled::default());
    assert!(bucket.names().contains(&ac(address)));
    assert_eq!(next.store.owed().await.unwrap(), []);
    let puts = next.store.traffic().puts;
    let again = next.restarted();
    again.settle().await.unwrap();
    assert_eq!((again.store.traffic().puts, puts > 0), (0, true), "nothing is sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_a_race_adopts_the_winner() {
    let bucket = MemoryObjects::default();
    let (one, two) = (Own::new(&bucket), Own::new(&bucket));
    let (address, first) = made("task", b"bytes", 1.0);
    let (same, second) = made("task", b"bytes", 2.0);
    assert_eq!(address, same);
    commit(&one, first).await;
    one.settle().await.unwrap();
    commit(&two, second).await;
    let lost = two.settle().await.unwrap().lost;
    let winner = one.record(address).await.unwrap();
    assert_eq!(lost, [(address, winner.clone())]);
    assert_eq!(two.record(address).await, Some(winner.clone()), "its own is replaced");
    let two = two.restarted();
    assert_eq!((two.record(address).await, two.settle().await.unwrap()), (Some(winner), Settled::default()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_was_lost_is_no_race() {
    let bucket = MemoryObjects::default();
    let one = Own::new(&bucket);
    let (address, writes) = made("task", b"bytes", 1.0);
    for prefix in ["ac/", "cas/", "tomb/~"] {
        one.truth.order(prefix, Trouble::LostReply);
    }
    commit(&one, writes).await;
    assert_eq!(one.settle().await.unwrap(), Settled::default());
    assert!(one.store.traffic().retries >= 2);
    assert!(bucket.names().contains(&ac(address)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_truth_is_an_error_and_never_a_miss() {
    let bucket = MemoryObjects::default();
    let (address, _) = made("task", b"bytes", 1.0);
    for fault in [Fault::Denied, Fault::Credentials, Fault::NoBucket] {
        let own = Own::new(&bucket);
        own.truth.order("ac/", Trouble::Before(fault));
        assert!(own.store.results(&[address.key]).await.is_err(), "{fault:?}");
        assert_eq!(own.store.results(&[address.key]).await.unwrap(), [vec![]]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_are_asked_for_again_and_never_handed_out() {
    let bucket = MemoryObjects::default();
    let (small, large) = (b"small".to_vec(), vec![3; 2 << 20]);
    for content in [&small, &large] {
        let due = Digest::of_blob(content);
        bucket.plant(&cas(due), content);
        let own = Own::new(&bucket);
        own.truth.order("cas/", Trouble::WrongBytes);
        assert_eq!(own.store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [true], "damaged on the way");
        bucket.plant(&cas(due), b"something else");
        let own = Own::new(&bucket);
        assert_eq!(own.store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [false], "damaged there");
        assert!(own.store.get(BlobKind::Blob, due).unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tombstones_are_agreed_upon_and_read_as_a_tail() {
    let bucket = MemoryObjects::default();
    let (one, two) = (Own::new(&bucket), Own::new(&bucket));
    assert_eq!(two.store.tombstones(0).await.unwrap(), []);
    let bury = async |own: &Own, n, body: &str| {
        own.store.commit(vec![Write::Tombstone(n, body.as_bytes().into())]).await.unwrap().pop().unwrap()
    };
    assert_eq!(bury(&one, 1, "one's").await, Committed::Written);
    assert_eq!(bury(&two, 1, "two's").await, Committed::Lost(b"one's".as_slice().into()));
    assert_eq!(bury(&two, 2, "two's").await, Committed::Written);
    let three = Own::new(&bucket);
    assert_eq!(three.store.tombstones(0).await.unwrap().len(), 2);
    assert_eq!((three.store.traffic().lists, three.store.traffic().gets), (1, 2));
    let three = three.restarted();
    assert_eq!(three.store.tombstones(0).await.unwrap().len(), 2);
    assert_eq!((three.store.traffic().lists, three.store.traffic().gets), (1, 0), "only what is new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_in_the_log_and_a_newer_format_are_refused() {
    let bucket = MemoryObjects::default();
    bucket.plant("tomb/0000000000000002", b"{}");
    let error = Own::new(&bucket).store.tombstones(0).await.unwrap_err();
    assert!(error.to_string().contains("tombstone 1 is missing"), "{error}");
    let bucket = MemoryObjects::default();
    bucket.plant("tomb/~format-2", b"");
    let own = Own::new(&bucket);
    assert!(matches!(own.store.tombstones(0).await, Err(StoreError::NewerFormat { found: 2, .. })));
    let (_, writes) = made("task", b"bytes", 1.0);
    assert!(own.store.commit(writes).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_is_one_object_and_gives_every_step() {
    let bucket = MemoryObjects::default();
    let (one, two) = (Own::new(&bucket), Own::new(&bucket));
    let (_, mut writes) = made("task", b"bytes", 1.0);
    let need = |name: &str| Need {
        name: name.into(),
        call: Call { plugin: None, task: "leaf".into(), params: "{}".into() },
        path: None,
    };
    let steps: Vec<Step> =
        ["a", "b"].map(|name| Step { needs: vec![need(name)], answers: vec![TreeDigest(digest(name))] }).into();
    let mut first = ActionKey(digest(""));
    for write in &mut writes {
        let Write::Result { body, .. } = write else { continue };
        let mut result: ActionResult = serde_json::from_slice(body).unwrap();
        result.steps = steps.clone();
        first = result.action.key();
        *body = serde_json::to_vec(&result).unwrap().into();
    }
    commit(&one, writes).await;
    one.settle().await.unwrap();
    let found = two.store.steps(&[first]).await.unwrap().pop().unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Need>>(&found).unwrap(), steps[0].needs);
    let answers: Vec<_> = steps[0].answers.iter().map(|tree| (InputKind::Tree, *tree)).collect();
    let second = wrun_core::action::step_key(first, &answers);
    let gets = two.store.traffic().gets;
    let found = two.store.steps(&[second]).await.unwrap().pop().unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Need>>(&found).unwrap(), steps[1].needs);
    assert_eq!(two.store.traffic().gets, gets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_few() {
    let bucket = MemoryObjects::default();
    let one = Own::new(&bucket);
    one.store.tombstones(0).await.unwrap();
    let before = one.store.traffic();
    // A small result rides whole inside its record.
    let (address, writes) = made("task", b"bytes", 1.0);
    let writes =
        writes.into_iter().filter(|write| matches!(write, Write::Result { .. })).map(|write| match write {
            Write::Result { address, body, task } => {
                let mut result: ActionResult = serde_json::from_slice(&body).unwrap();
                result.inline = Some(serde_json::from_str(r#"{"out": {"text": "bytes"}}"#).unwrap());
                Write::Result { address, body: serde_json::to_vec(&result).unwrap().into(), task }
            }
            other => other,
        });
    assert_eq!(one.store.results(&[address.key]).await.unwrap(), [vec![]]);
    commit(&one, writes.collect()).await;
    one.settle().await.unwrap();
    let after = one.store.traffic();
    let asked = (after.gets - before.gets, after.puts - before.puts);
    assert_eq!(asked, (1, 3), "a look-up; whether conditions are heeded, the format, the record");
    let two = Own::new(&bucket);
    assert_eq!(two.store.results(&[address.key]).await.unwrap()[0].len(), 1);
    assert_eq!(two.store.traffic().requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_record_is_everybodys() {
    let bucket = MemoryObjects::default();
    let (one, two) = (Own::new(&bucket), Own::new(&bucket));
    let goal = GoalKey(digest("goal"));
    let listing: Bytes = b"listing".as_slice().into();
    let session = |header: &str| {
        let run = "001357516800000-0000002a".to_owned();
        vec![
            Write::Blob(BlobKind::Blob, listing.clone()),
            Write::Session { goal, run, header: header.as_bytes().into() },
        ]
    };
    commit(&one, session("first")).await;
    assert_eq!(two.store.session(goal).await.unwrap().as_deref(), Some(b"first".as_slice()));
    assert_eq!(two.store.traffic().requests(), 1);
    let due = Digest::of_blob(&listing);
    assert_eq!(two.store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [true]);
    assert!(bucket.names().iter().any(|name| name.starts_with("run/2013-01-07/")), "{:?}", bucket.names());
    let offline = TieredStore::offline(LocalStore::open(one.folder.path()).unwrap(), "memory://bucket");
    assert_eq!(offline.session(goal).await.unwrap().as_deref(), Some(b"first".as_slice()));
    assert_eq!(PathBuf::from(offline.describe()), PathBuf::from("memory://bucket"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_truth_has_wrong_is_replaced_by_whoever_makes_it_again() {
    let bucket = MemoryObjects::default();
    let content = vec![5; 1 << 20];
    let (address, writes) = made("task", &content, 1.0);
    let due = Digest::of_blob(&content);
    // Of the right size: only its digest tells.
    bucket.plant(&cas(due), &vec![6; 1 << 20]);
    let own = Own::new(&bucket);
    assert_eq!(own.store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [false]);
    commit(&own, writes).await;
    own.settle().await.unwrap();
    let other = Own::new(&bucket);
    assert!(other.record(address).await.is_some());
    assert_eq!(other.store.fetch(&[(BlobKind::Blob, due)]).await.unwrap(), [true]);
}
