//! A plugin in a few lines: tasks are closures, and every run is counted.

use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use wrun_build::rerun::{Engines, RerunError, Rerunner, Verdict};
use wrun_build::{
    BuildError, Force, GoalCall, Interrupt, Options, Outcome, Plugin, Preview, Setup, build, preview,
};
use wrun_core::digest::{ComponentDigest, Digest};
use wrun_core::event::Ignore;
use wrun_core::param::{ParamSpec, Params, Value, Visibility};
use wrun_core::plan::{Input, Limits, OutputKind, OutputSpec, Plan, Source};
use wrun_core::report::State;
use wrun_core::result::Address;
use wrun_core::session::{ExternalPin, SessionRecord};
use wrun_core::task::{Call, Need, PluginDescription, TaskType};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_exec::{Executor, FailureKind, Made, NeedEnded, PlanError, Planner, Run, RunContext, RunError};
use wrun_store::files::{Dir, Objects};
use wrun_store::memory::MemoryStore;
use wrun_store::{BlobKind, Store as _};

/// What a running task sees.
pub struct Guest {
    pub n: i64,
    pub run: Run,
    context: Arc<dyn RunContext>,
}

impl Guest {
    /// All inputs in order of their names, joined.
    pub fn all(&self) -> String {
        self.run.inputs.iter().map(|(_, dir)| read(dir)).collect::<Vec<_>>().join(",")
    }

    pub async fn need(&self, task: &str, n: i64) -> Result<String, NeedEnded> {
        Ok(self.needs(&[(task, n)]).await?.remove(0))
    }

    pub async fn needs(&self, tasks: &[(&str, i64)]) -> Result<Vec<String>, NeedEnded> {
        let needs =
            tasks.iter().map(|(task, n)| Need { name: format!("{task}-{n}"), call: call(task, *n), path: None });
        let dirs = self.context.need(needs.collect()).await?;
        Ok(dirs.iter().map(read).collect())
    }
}

pub fn read(dir: &Dir) -> String {
    let tree = dir.tree().unwrap();
    let entry = tree.get("out").unwrap_or(&tree.entries()[0]).clone();
    String::from_utf8(dir.file(&entry).unwrap().to_vec().unwrap()).unwrap()
}

pub fn call(task: &str, n: i64) -> Call {
    Call { plugin: None, task: task.into(), params: format!("{{\"n\":{n}}}") }
}

type Body = Arc<
    dyn Fn(Guest) -> std::pin::Pin<Box<dyn Future<Output = Result<Result<String, String>, NeedEnded>> + Send>>
        + Send
        + Sync,
>;
type Requires = Arc<dyn Fn(i64) -> Result<Vec<Input>, String> + Send + Sync>;

/// One fake task type.
#[derive(Clone)]
pub struct Task {
    requires: Requires,
    body: Body,
    pub version: Option<String>,
    pub retries: u32,
}

/// A plugin whose tasks each have one param, `n`, and one output file, `out`.
pub struct Fake {
    description: PluginDescription,
    tasks: BTreeMap<String, Task>,
    /// The last word on every Plan.
    edit: fn(&mut Plan),
    pub runs: Mutex<BTreeMap<String, u32>>,
    pub declared: Mutex<u32>,
}

/// A task that another requires.
pub fn task(name: &str, task: &str, n: i64) -> Input {
    Input { name: name.into(), source: Source::Task { call: call(task, n), path: None } }
}

/// Makes a task from what it requires and what it does.
pub fn make<F>(
    requires: impl Fn(i64) -> Vec<Input> + Send + Sync + 'static,
    body: impl Fn(Guest) -> F + Send + Sync + 'static,
) -> Task
where
    F: Future<Output = Result<Result<String, String>, NeedEnded>> + Send + 'static,
{
    Task {
        requires: Arc::new(move |n| Ok(requires(n))),
        body: Arc::new(move |guest| Box::pin(body(guest))),
        version: None,
        retries: 0,
    }
}

/// A task whose output is a text made of its number and its inputs.
pub fn pure(
    requires: impl Fn(i64) -> Vec<Input> + Send + Sync + 'static,
    text: impl Fn(i64, &str) -> String + Send + Sync + 'static,
) -> Task {
    let text = Arc::new(text);
    make(requires, move |guest| {
        let out = text(guest.n, &guest.all());
        async move { Ok(Ok(out)) }
    })
}

/// A task that requires nothing.
pub fn leaf(text: impl Fn(i64) -> String + Send + Sync + 'static) -> Task {
    pure(|_| Vec::new(), move |n, _| text(n))
}

impl Planner for Fake {
    fn description(&self) -> &PluginDescription {
        &self.description
    }

    fn declare(&self, task: &str, params: &Params) -> Result<Plan, PlanError> {
        *self.declared.lock().unwrap() += 1;
        let n = number(params);
        let inputs = (self.tasks[task].requires)(n).map_err(PlanError::Refused)?;
        let outputs = vec![OutputSpec { name: "out".into(), kind: OutputKind::File }];
        let mut plan = Plan { inputs, outputs, ..Plan::default() };
        (self.edit)(&mut plan);
        Ok(plan.validate(self.description.task(task).unwrap())?)
    }
}

#[async_trait]
impl Executor for Fake {
    async fn run(&self, run: Run, context: Arc<dyn RunContext>) -> Result<Made, RunError> {
        let n = number(&run.params);
        *self.runs.lock().unwrap().entry(format!("{} {n}", run.task)).or_default() += 1;
        let body = self.tasks[&run.task].body.clone();
        match body(Guest { n, run, context }).await {
            Err(NeedEnded) => Err(RunError::NeedEnded),
            Ok(Err(message)) => {
                Err(RunError::Failed { kind: FailureKind::Error, message, log: b"a line of log\n".to_vec() })
            }
            Ok(Ok(text)) => Ok(Made::new(dir(&text), Vec::new())),
        }
    }
}

/// The same, with code that a store can keep.
struct Coded {
    fake: Arc<Fake>,
    code: Arc<[u8]>,
}

#[async_trait]
impl Executor for Coded {
    async fn run(&self, run: Run, context: Arc<dyn RunContext>) -> Result<Made, RunError> {
        self.fake.run(run, context).await
    }

    fn code(&self) -> Option<Arc<[u8]>> {
        Some(self.code.clone())
    }
}

/// A directory with the one file `out`.
pub fn dir(text: &str) -> Dir {
    let digest = Digest::of_blob(text.as_bytes());
    let entry =
        Entry { name: "out".into(), kind: EntryKind::File { exec: false }, digest, size: text.len() as u64 };
    let tree = Tree::new(vec![entry]).unwrap();
    let mut objects = Objects::default();
    objects.blobs.insert(digest, text.as_bytes().to_vec().into());
    let digest = tree.digest();
    objects.trees.insert(digest, Arc::new(tree));
    Dir::with_memory(digest, objects, None)
}

fn number(params: &Params) -> i64 {
    let Some(Value::Int(digits)) = params.0.get("n") else { panic!("no n in {params:?}") };
    digits.parse().unwrap()
}

/// A store and a clock; plugins come and go.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub options: Options,
    runtime: tokio::runtime::Runtime,
    pub root: tempfile::TempDir,
    pub roots: Vec<std::path::PathBuf>,
    pub sources: Arc<wrun_store::external::Sources>,
}

impl World {
    pub fn new(slots: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut options = Options::new(slots, "2013-02-01T00:00:00Z".parse().unwrap());
        // Tests count runs.
        options.most_cheap_suspended = usize::MAX;
        Self {
            store: Arc::new(MemoryStore::default()),
            options,
            runtime,
            root: tempfile::tempdir().unwrap(),
            roots: Vec::new(),
            sources: Arc::default(),
        }
    }

    pub fn setup(&self, fake: &Arc<Fake>, code: &str) -> Setup {
        Setup {
            plugins: vec![Plugin {
                alias: String::new(),
                component: ComponentDigest(Digest::of_blob(code.as_bytes())),
                planner: fake.clone(),
                executor: Arc::new(Coded { fake: fake.clone(), code: code.as_bytes().into() }),
            }],
            store: self.store.clone(),
            locks: None,
            root: self.root.path().to_owned(),
            roots: self.roots.clone(),
            sources: self.sources.clone(),
            containers: None,
            sink: Arc::new(Ignore),
            machine: "test".into(),
            version: "test".into(),
        }
    }

    pub fn try_build(&self, fake: &Arc<Fake>, code: &str, goals: &[(&str, i64)]) -> Result<Outcome, BuildError> {
        let setup = self.setup(fake, code);
        let interrupt = Interrupt::default();
        let goals = calls(goals);
        self.runtime.block_on(build(&setup, &self.options, &goals, self.runtime.handle(), &interrupt))
    }

    pub fn build(&self, fake: &Arc<Fake>, goals: &[(&str, i64)]) -> Outcome {
        self.try_build(fake, "code", goals).unwrap()
    }

    pub fn plan(&self, fake: &Arc<Fake>, code: &str, goals: &[(&str, i64)]) -> Preview {
        let setup = self.setup(fake, code);
        self.runtime.block_on(preview(&setup, &self.options, &calls(goals), self.runtime.handle())).unwrap()
    }

    /// Makes a result again.
    pub fn rerun(&self, fake: &Arc<Fake>, address: Address, engines: Engines<'_>) -> Result<Verdict, RerunError> {
        let load = |component: ComponentDigest, _: Vec<u8>| {
            Ok(Plugin { alias: String::new(), component, planner: fake.clone(), executor: fake.clone() })
        };
        let mut rerunner = Rerunner {
            store: self.store.clone(),
            load: &load,
            engines,
            runtime: self.handle().clone(),
            machine: "test".into(),
            root: self.root.path().to_owned(),
            loaded: HashMap::new(),
        };
        self.block_on(rerunner.rerun(address)).map(|(_, verdict)| verdict)
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    pub fn force(&mut self, force: Force) {
        self.options.force = force;
    }
}

pub fn calls(goals: &[(&str, i64)]) -> Vec<GoalCall> {
    let goal = |(task, n): &(&str, i64)| GoalCall {
        task: (*task).into(),
        params: Params([("n".to_owned(), Value::Int(n.to_string()))].into()),
    };
    goals.iter().map(goal).collect()
}

pub fn plugin(tasks: Vec<(&str, Task)>) -> Arc<Fake> {
    let spec = |name: &str, task: &Task| TaskType {
        name: name.into(),
        doc: String::new(),
        params: vec![ParamSpec {
            name: "n".into(),
            doc: String::new(),
            kind: "int".parse().unwrap(),
            default: None,
            significant: true,
            visibility: Visibility::Public,
            positional: false,
        }],
        outputs: Vec::new(),
        limits: Limits::default(),
        version: task.version.clone(),
        dynamic: true,
        native_nan: false,
        retries: task.retries,
        policy: Vec::new(),
    };
    let description = PluginDescription {
        id: "fake".into(),
        doc: String::new(),
        tasks: tasks.iter().map(|(name, task)| spec(name, task)).collect(),
        default_goal: None,
        policy: Vec::new(),
    };
    description.validate().unwrap();
    Arc::new(Fake {
        description,
        tasks: tasks.into_iter().map(|(name, task)| (name.to_owned(), task)).collect(),
        edit: |_| (),
        runs: Mutex::default(),
        declared: Mutex::default(),
    })
}

impl Fake {
    /// The same tasks, described and planned otherwise.
    pub fn changed(&self, describe: fn(&mut PluginDescription), edit: fn(&mut Plan)) -> Arc<Self> {
        let mut description = self.description.clone();
        describe(&mut description);
        description.validate().unwrap();
        let tasks = self.tasks.clone();
        Arc::new(Self { description, tasks, edit, runs: Mutex::default(), declared: Mutex::default() })
    }

    /// What ran since the last time this was asked, each as `task n`, with its count.
    pub fn took(&self) -> BTreeMap<String, u32> {
        std::mem::take(&mut self.runs.lock().unwrap())
    }

    /// The same, once each.
    pub fn ran(&self) -> BTreeSet<String> {
        let took = self.took();
        assert!(took.values().all(|count| *count == 1), "something ran twice: {took:?}");
        took.into_keys().collect()
    }
}

impl World {
    /// The session record of the last run, and the externals that it lists.
    pub fn record(&self) -> (SessionRecord, Vec<ExternalPin>) {
        let (_, header) = self.block_on(self.store.runs(1)).unwrap().pop().unwrap();
        let record: SessionRecord = serde_json::from_slice(&header).unwrap();
        let Some(digest) = record.pins else { return (record, Vec::new()) };
        let bytes = self.store.get(BlobKind::Blob, digest).unwrap().unwrap().to_vec().unwrap();
        (record, wrun_core::externals::decode(&bytes).unwrap())
    }
}

/// Makes `path` name one of some files that nobody has written to lately, and whose times are therefore believed.
pub fn link_old(path: &std::path::Path, which: usize) {
    const OLD: [&str; 5] = ["lib.rs", "api.rs", "cycle.rs", "graph.rs", "images.rs"];
    let old = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(OLD[which % OLD.len()]);
    // Removed first, if it is there.
    _ = std::fs::remove_file(path);
    std::os::unix::fs::symlink(old, path).unwrap();
}

/// The text that a goal made.
pub fn output(outcome: &Outcome, goal: usize) -> String {
    let goal = outcome.goals[goal].as_ref().unwrap_or_else(|| panic!("no output: {:?}", outcome.failures));
    read(&goal.dir)
}

/// The state of one task in the report.
pub fn state_of(outcome: &Outcome, task: &str, n: i64) -> State {
    let n = Value::Int(n.to_string());
    let found = outcome.report.tasks.iter().find(|t| t.task == task && t.params.0["n"] == n);
    found.unwrap_or_else(|| panic!("{task} is not in the report")).state
}

pub fn names(set: &[&str]) -> BTreeSet<String> {
    set.iter().map(|name| (*name).to_owned()).collect()
}
