//! A store, a context and the hostile guest.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use wrun_core::digest::{ActionKey, BlobHasher, Digest, GoalKey, PlanKey, TaskId};
use wrun_core::param::Params;
use wrun_core::plan::{Limits, OutputKind, OutputSpec};
use wrun_core::result::Address;
use wrun_core::task::Need;
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_plugin::{Host, HostConfig, Made, NeedEnded, Plugin, Run, RunContext, RunError};
use wrun_store::files::{Dir, Objects};
use wrun_store::{
    Blob, BlobKind, Bytes, Committed, Counters, Health, Item, Record, Removal, Staged, Stamp, Store, StoreError,
    Write,
};

/// Blobs in a folder that goes away, and nothing else.
pub(crate) struct TestStore {
    folder: Option<tempfile::TempDir>,
    blobs: Mutex<BTreeMap<Digest, Blob>>,
    staged: AtomicU64,
}

impl TestStore {
    pub(crate) fn new() -> Arc<Self> {
        let folder = Some(tempfile::tempdir().unwrap());
        Arc::new(Self { folder, blobs: Mutex::default(), staged: AtomicU64::new(0) })
    }

    /// A store whose staged files have no path.
    pub(crate) fn without_files() -> Arc<Self> {
        Arc::new(Self { folder: None, blobs: Mutex::default(), staged: AtomicU64::new(0) })
    }

    pub(crate) fn staged(&self) -> u64 {
        self.staged.load(Relaxed)
    }
}

struct TestStaged {
    store: &'static TestStore,
    _keep: Arc<TestStore>,
    file: tempfile::NamedTempFile,
    hasher: BlobHasher,
    touched: bool,
}

impl Staged for TestStaged {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(StoreError::io("write", self.file.path()))
    }

    fn finish(self: Box<Self>) -> Result<Digest, StoreError> {
        let path = self.file.path().to_owned();
        let bytes = std::fs::read(&path).map_err(StoreError::io("read", &path))?;
        let digest = Digest::of_blob(&bytes);
        assert!(self.touched || digest == self.hasher.digest(), "the hash while writing is another");
        let file = File::open(&path).map_err(StoreError::io("read", &path))?;
        self.store.blobs.lock().unwrap().insert(digest, Blob::File(Arc::new(file), bytes.len() as u64));
        Ok(digest)
    }

    fn path(&self) -> Option<&Path> {
        self.store.folder.as_ref().map(|_| self.file.path())
    }

    fn touched(&mut self) {
        self.touched = true;
    }
}

/// Gives `stage` an owner to hold on to.
pub(crate) struct Shared(pub(crate) Arc<TestStore>);

#[async_trait]
impl Store for Shared {
    fn describe(&self) -> String {
        "a test".into()
    }
    fn get(&self, _: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        Ok(self.0.blobs.lock().unwrap().get(&digest).cloned())
    }
    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![true; wanted.len()])
    }
    async fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![true; digests.len()])
    }
    fn stage(&self) -> Result<Box<dyn Staged>, StoreError> {
        self.0.staged.fetch_add(1, Relaxed);
        let file = match &self.0.folder {
            Some(folder) => tempfile::NamedTempFile::new_in(folder.path()).unwrap(),
            None => tempfile::NamedTempFile::new().unwrap(),
        };
        // Leaked: a test process is short.
        let store: &'static TestStore = Box::leak(Box::new(self.0.clone()));
        Ok(Box::new(TestStaged { store, _keep: self.0.clone(), file, hasher: BlobHasher::new(), touched: false }))
    }
    async fn results(&self, _: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        Ok(vec![])
    }
    async fn latest(&self, _: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        Ok(vec![])
    }
    async fn plans(&self, _: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(vec![])
    }
    async fn steps(&self, _: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(vec![])
    }
    async fn externals(&self, _: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        Ok(vec![])
    }
    async fn attempts(&self, _: &[TaskId]) -> Result<Vec<Option<wrun_store::Bytes>>, StoreError> {
        Ok(vec![])
    }
    async fn tombstones(&self, _: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        Ok(vec![])
    }
    async fn session(&self, _: GoalKey) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }
    async fn runs(&self, _: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        Ok(vec![])
    }
    async fn commit(&self, _: Vec<Write>) -> Result<Vec<Committed>, StoreError> {
        Ok(vec![])
    }
    async fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError> {
        Ok(vec![])
    }
    async fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError> {
        Ok(vec![])
    }
    async fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError> {
        Ok(vec![])
    }
    async fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError> {
        Ok(vec![])
    }
    async fn run(&self, _: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }
    async fn now(&self) -> Result<i64, StoreError> {
        Ok(0)
    }
    async fn remove(&self, _: &Removal) -> Result<(), StoreError> {
        Ok(())
    }
    async fn inspect(&self, _: Digest) -> Result<Health, StoreError> {
        Ok(Health::Absent)
    }
    async fn repair(&self, _: BlobKind, _: Digest) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        Ok(vec![])
    }
    async fn set_pin(&self, _: &str, _: Option<Bytes>) -> Result<(), StoreError> {
        Ok(())
    }
    fn others_wrote(&self) -> Result<bool, StoreError> {
        Ok(false)
    }
    fn local_root(&self) -> Option<PathBuf> {
        None
    }
    fn counters(&self) -> Counters {
        Counters::default()
    }
}

/// Answers needs by task name, and remembers what it was told.
#[derive(Default)]
pub(crate) struct TestContext {
    pub(crate) answers: BTreeMap<String, Dir>,
    pub(crate) asked: Mutex<Vec<Vec<Need>>>,
    pub(crate) progress: Mutex<Vec<(Option<f64>, String)>>,
    pub(crate) log: Mutex<Vec<u8>>,
}

#[async_trait]
impl RunContext for TestContext {
    async fn need(&self, needs: Vec<Need>) -> Result<Vec<Dir>, NeedEnded> {
        let found = needs.iter().map(|need| self.answers.get(&need.call.task).cloned().ok_or(NeedEnded)).collect();
        self.asked.lock().unwrap().push(needs);
        // Elsewhere others run.
        tokio::task::yield_now().await;
        found
    }
    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.progress.lock().unwrap().push((fraction, message.to_owned()));
    }
    fn log(&self, bytes: &[u8]) {
        self.log.lock().unwrap().extend_from_slice(bytes);
    }
}

/// Makes a directory of files; a `/` in a name makes directories.
pub(crate) fn dir(files: &[(&str, &[u8])]) -> Dir {
    let mut objects = Objects::default();
    let digest = level(files, &mut objects);
    Dir::with_memory(digest, objects, None)
}

fn level(files: &[(&str, &[u8])], objects: &mut Objects) -> wrun_core::digest::TreeDigest {
    let mut entries = Vec::new();
    let mut below: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    for (name, bytes) in files {
        if let Some((first, rest)) = name.split_once('/') {
            below.entry(first).or_default().push((rest, bytes));
            continue;
        }
        let digest = Digest::of_blob(bytes);
        objects.blobs.insert(digest, (*bytes).into());
        let kind = EntryKind::File { exec: false };
        entries.push(Entry { name: (*name).to_owned(), kind, digest, size: bytes.len() as u64 });
    }
    for (name, files) in below {
        let digest = level(&files, objects).0;
        let size = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        entries.push(Entry { name: name.to_owned(), kind: EntryKind::Directory, digest, size });
    }
    let tree = Tree::new(entries).unwrap();
    let digest = tree.digest();
    objects.trees.insert(digest, Arc::new(tree));
    digest
}

/// Lists an output: `path bytes` lines.
pub(crate) fn listing(dir: &Dir) -> String {
    let mut lines = Vec::new();
    dir.walk(&mut |path, entry, dir| {
        lines.push(match entry.kind {
            EntryKind::Directory => format!("{path}/"),
            EntryKind::File { .. } => {
                let bytes = dir.file(entry)?.to_vec().unwrap();
                assert_eq!((Digest::of_blob(&bytes), bytes.len() as u64), (entry.digest, entry.size), "{path}");
                format!("{path} {}", String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]))
            }
        });
        Ok(())
    })
    .unwrap();
    lines.join("\n")
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests").canonicalize().unwrap()
}

/// Returns the hostile guest's bytes, built if anything changed.
pub(crate) fn hostile_bytes() -> Vec<u8> {
    let guests = guests();
    let built = guests.join("target/wasm32-wasip2/release/hostile.wasm");
    let changed = |path: &Path| path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut sources = vec![
        guests.join("Cargo.toml"),
        guests.join("Cargo.lock"),
        guests.join("hostile/Cargo.toml"),
        guests.join("../../sdk/wit/task.wit"),
    ];
    sources.extend(guests.join("hostile/src").read_dir().unwrap().map(|entry| entry.unwrap().path()));
    if !built.exists() || sources.iter().any(|source| changed(source) > changed(&built)) {
        let status = std::process::Command::new(guests.join("build.sh")).status().unwrap();
        assert!(status.success(), "the test guests cannot be built: run tests/guests/build.sh");
        File::open(&built).unwrap().set_modified(SystemTime::now()).unwrap();
    }
    std::fs::read(built).unwrap()
}

pub(crate) fn config() -> HostConfig {
    HostConfig {
        compiled_dir: Some(guests().join("target/compiled")),
        pool: 64,
        tick: Duration::from_millis(2),
        plan_cpu: Duration::from_millis(200),
        plan_memory: 64 << 20,
    }
}

pub(crate) fn hostile() -> Plugin {
    hostile_variant(0)
}

/// The hostile guest with another description.
pub(crate) fn hostile_variant(variant: u8) -> Plugin {
    let mut bytes = hostile_bytes();
    let mark = b"hostile guest variant 00";
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
    let digits = format!("{variant:02}");
    bytes[at + mark.len() - 2..at + mark.len()].copy_from_slice(digits.as_bytes());
    Plugin::open(&Host::new(config()), bytes, "hostile.wasm").unwrap()
}

pub(crate) fn params() -> Params {
    Params::from_json("t", &[], "{}").unwrap()
}

/// A run of a task that makes the file `out`.
pub(crate) fn a_run(task: &str) -> Run {
    Run {
        task: task.to_owned(),
        params: params(),
        inputs: vec![],
        outputs: vec![OutputSpec { name: "out".into(), kind: OutputKind::File }],
        limits: Limits { cpu_ms: Some(5_000), memory: Some(64 << 20), ..Limits::default() },
        dynamic: task.starts_with("dynamic"),
        native_nan: false,
    }
}

/// The same, of a task that makes any names.
pub(crate) fn free_run(task: &str) -> Run {
    Run { outputs: vec![OutputSpec { name: ".".into(), kind: OutputKind::Directory }], ..a_run(task) }
}

pub(crate) fn run_with(
    plugin: &Plugin,
    run: Run,
    context: &Arc<TestContext>,
    store: &Arc<TestStore>,
) -> Result<Made, RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store: Arc<dyn Store> = Arc::new(Shared(store.clone()));
    runtime.block_on(plugin.run(run, context.clone(), store))
}

pub(crate) fn run(plugin: &Plugin, run: Run) -> Result<Made, RunError> {
    run_with(plugin, run, &Arc::default(), &TestStore::new())
}

/// Returns the file `out` of a run that must succeed.
pub(crate) fn out(plugin: &Plugin, a_run: Run) -> String {
    let made = run(plugin, a_run).unwrap();
    listing(&made.output).strip_prefix("out ").unwrap().to_owned()
}
