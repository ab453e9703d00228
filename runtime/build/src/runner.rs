//! One run: from inputs to a record that is ready to be committed.

use crate::api::Plugin;
use crate::engine::Message;
use crate::graph::{Answer, FoundExternal, NodeId, Output, Planned};
use crate::jobs::Shared;
use crate::resolve::SharedCall;
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use wrun_core::action::Action;
use wrun_core::digest::{ActionKey, ComponentDigest, Digest, TaskId, TreeDigest};
use wrun_core::event::{Event, TaskNumber};
use wrun_core::plan::{ContainerSpec, Limits};
use wrun_core::reason::Reason;
use wrun_core::result::{ActionResult, Address, Contained, FORMAT, Log, Provenance};
use wrun_core::task::Need;
use wrun_exec::{ContainerRun, FailureKind, Made, NeedEnded, Run, RunContext, RunError};
use wrun_store::files::{Dir, FilesError};
use wrun_store::{BlobKind, Bytes, Store, StoreError, Write};

/// Outputs of at most this many bytes ride inside their record.
const INLINE: u64 = 4 << 10;
/// Logs of at most this many bytes do too.
const INLINE_LOG: usize = 4 << 10;

/// What shows at one place under `/in`.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// What an input is of.
pub(crate) enum Content {
    /// The output of the record, or a part of it.
    Made(Dir, Address),
    /// The external of this address.
    External(String, Arc<FoundExternal>),
}

/// One attempt.
pub(crate) struct Task {
    pub(crate) node: NodeId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) call: SharedCall,
    pub(crate) id: TaskId,
    pub(crate) planned: Arc<Planned>,
    pub(crate) action: Arc<Action>,
    pub(crate) key: ActionKey,
    pub(crate) generation: u32,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) inputs: Vec<Input>,
    /// What the same guest was given before it was dropped.
    pub(crate) replay: Vec<Arc<Answer>>,
    pub(crate) number: TaskNumber,
    pub(crate) sender: mpsc::UnboundedSender<Message>,
    pub(crate) session_started: Instant,
}

/// What a run made, ready to be committed.
pub(crate) struct Finished {
    pub(crate) output: Arc<Output>,
    pub(crate) writes: Vec<Write>,
    /// What has to stay until that is committed.
    pub(crate) left: Option<Arc<dyn Send + Sync>>,
}

/// What the run asked for so far.
struct Asked {
    key: ActionKey,
    generation: u32,
    /// The key at which each step was asked.
    keys: Vec<ActionKey>,
    answers: Vec<Arc<Answer>>,
    /// How long it was suspended, without a slot.
    waited: Duration,
    /// How it asked for something else than the first time.
    diverged: Option<String>,
    /// Why it was not given what it asked for, although that is there.
    broken: Option<RunError>,
}

impl Asked {
    fn new(task: &Task) -> Self {
        Self {
            key: task.key,
            generation: task.generation,
            keys: Vec::new(),
            answers: Vec::new(),
            waited: Duration::ZERO,
            diverged: None,
            broken: None,
        }
    }

    fn take(&mut self, answer: Arc<Answer>) -> Vec<Dir> {
        self.keys.push(self.key);
        self.key = answer.key;
        self.generation = answer.generation;
        let dirs = answer.dirs.clone();
        self.answers.push(answer);
        dirs
    }
}

struct Context {
    task: Arc<Task>,
    asked: Mutex<Asked>,
}

impl Context {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers at once what the same guest was given before it was dropped; `None` where it goes on from there.
    fn replayed(&self, needs: &[Need]) -> Option<Result<Vec<Dir>, NeedEnded>> {
        let mut asked = self.asked();
        let answer = self.task.replay.get(asked.answers.len())?.clone();
        if answer.step.needs == needs {
            return Some(Ok(asked.take(answer)));
        }
        asked.diverged = Some(format!("first for {}, then for {}", names(&answer.step.needs), names(needs)));
        Some(Err(NeedEnded))
    }
}

/// Names what was asked for.
pub(crate) fn names(needs: &[Need]) -> String {
    const MOST: usize = 3;
    let name = |need: &Need| format!("`{}` {}", need.call.task, need.call.params);
    let mut names: Vec<String> = needs.iter().take(MOST).map(name).collect();
    if needs.len() > MOST {
        names.push(format!("{} more", needs.len() - MOST));
    }
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// A guest that does not do again what it did.
fn unlike(task: &str, how: &str) -> RunError {
    RunError::Failed {
        kind: FailureKind::Contract,
        message: format!(
            "`{task}` was run again after it had waited, and asked for something else: {how}; what a task needs may \
             depend on its params and inputs alone"
        ),
        log: Vec::new(),
    }
}

#[async_trait]
impl RunContext for Context {
    async fn need(&self, needs: Vec<Need>) -> Result<Vec<Dir>, NeedEnded> {
        if let Some(answer) = self.replayed(&needs) {
            return answer;
        }
        let (reply, answer) = oneshot::channel::<Result<Arc<Answer>, NeedEnded>>();
        let message = Message::Needed { node: self.task.node, needs: needs.clone(), reply };
        // From here on the slot may be another's.
        let since = Instant::now();
        self.task.sender.send(message).map_err(|_| NeedEnded)?;
        let answer = answer.await.map_err(|_| NeedEnded)??;
        // What another machine made is not on this one yet.
        for (need, dir) in needs.iter().zip(&answer.dirs) {
            if let Err(error) = fetch(dir, &need.name).await {
                self.asked().broken = Some(error);
                return Err(NeedEnded);
            }
        }
        let mut asked = self.asked();
        asked.waited += since.elapsed();
        Ok(asked.take(answer))
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        let event = Event::Progress { number: self.task.number, fraction, message: message.to_owned() };
        self.task.shared.setup.sink.send(event);
    }

    fn log(&self, bytes: &[u8]) {
        self.task.shared.setup.sink.log(self.task.number, bytes);
    }
}

/// Brings the bytes of an input to this machine.
async fn fetch(dir: &Dir, input: &str) -> Result<(), RunError> {
    match dir.fetch().await {
        Err(FilesError::Store(error)) => Err(error.into()),
        other => other.map_err(|_| RunError::LostInput { input: input.to_owned() }),
    }
}

/// Which components a session has put into the store.
#[derive(Default)]
pub(crate) struct Kept(Mutex<HashSet<ComponentDigest>>);

impl Kept {
    /// Puts the code of a plugin into the store, once, so that its results can be made again from the store alone.
    /// Like every staged file it is durable with the next commit, which the result is in.
    fn keep(&self, store: &dyn Store, plugin: &Plugin) -> Result<(), StoreError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(&plugin.component) {
            return Ok(());
        }
        let there = match store.get(BlobKind::Blob, plugin.component.0) {
            Err(StoreError::Corrupt { .. }) => false,
            there => there?.is_some(),
        };
        if let (false, Some(code)) = (there, plugin.executor.code()) {
            let mut staged = store.stage()?;
            staged.write(&code)?;
            staged.finish()?;
        }
        kept.insert(plugin.component);
        Ok(())
    }
}

/// What goes into the record beside what the run makes.
#[derive(Default)]
struct Carried {
    writes: Vec<Write>,
    /// What inputs held that are known by a server's word.
    contents: BTreeMap<String, TreeDigest>,
    container: Option<Contained>,
}

/// Runs one attempt.
pub(crate) async fn run(task: Arc<Task>) -> Result<Box<Finished>, RunError> {
    let shared = &task.shared;
    shared.kept.keep(&*shared.setup.store, shared.resolver.plugin(&task.call))?;
    let spec = shared.resolver.task_type(&task.call);
    let mut carried = Carried::default();
    let mut inputs = Vec::with_capacity(task.inputs.len());
    for input in &task.inputs {
        let dir = match &input.content {
            Content::External(_, found) => {
                crate::external::bring(shared, found, &input.name, &mut carried.writes).await?
            }
            Content::Made(dir, _) => dir.clone(),
        };
        fetch(&dir, &input.name).await?;
        if let Content::External(_, found) = &input.content
            && found.found.kind.is_weak()
        {
            carried.contents.insert(input.name.clone(), dir.digest());
        }
        inputs.push((input.name.clone(), dir));
    }
    let limits = task.planned.plan.limits.or(spec.limits);
    if let Some(container) = &task.planned.plan.container {
        return contain(&task, container.clone(), inputs, limits, carried).await;
    }
    let run = Run {
        task: spec.name.clone(),
        params: task.call.params.masked(&spec.params),
        inputs,
        outputs: task.planned.plan.outputs.clone(),
        limits,
        dynamic: spec.dynamic,
        native_nan: spec.native_nan,
    };
    let context = Arc::new(Context { task: task.clone(), asked: Mutex::new(Asked::new(&task)) });
    let started = Instant::now();
    let executor = shared.resolver.plugin(&task.call).executor.clone();
    let made = executor.run(run, context.clone()).await;
    let elapsed = started.elapsed();
    let mut asked = context.asked();
    let seconds = elapsed.saturating_sub(asked.waited).as_secs_f64();
    if let Some(error) = asked.broken.take() {
        return Err(error);
    }
    if let Some(how) = asked.diverged.take() {
        return Err(unlike(&spec.name, &how));
    }
    let made = made?;
    if let Some(answer) = task.replay.get(asked.answers.len()) {
        return Err(unlike(&spec.name, &format!("first for {}, then for nothing", names(&answer.step.needs))));
    }
    let asked = Asked {
        key: asked.key,
        generation: asked.generation,
        keys: std::mem::take(&mut asked.keys),
        answers: std::mem::take(&mut asked.answers),
        waited: asked.waited,
        diverged: None,
        broken: None,
    };
    record(&task, made, asked, started, seconds, carried)
}

/// Runs one attempt in a container.
async fn contain(
    task: &Arc<Task>,
    spec: ContainerSpec,
    inputs: Vec<(String, Dir)>,
    limits: Limits,
    carried: Carried,
) -> Result<Box<Finished>, RunError> {
    let shared = &task.shared;
    let absent = || RunError::Infrastructure("the container's image is not known".into());
    let image = shared.images.find(shared, &spec.image).await?.ok_or_else(absent)?;
    let containers = shared.setup.containers.clone().ok_or_else(absent)?;
    let contained = Contained::new(&spec, &image.from);
    let run = ContainerRun {
        key: task.key,
        generation: task.generation,
        task: shared.resolver.display(&task.call),
        spec,
        image,
        inputs,
        outputs: task.planned.plan.outputs.clone(),
        limits,
    };
    let context = Arc::new(Context { task: task.clone(), asked: Mutex::new(Asked::new(task)) });
    let started = Instant::now();
    let made = containers.run(run, context).await?;
    let carried = Carried { container: Some(contained), ..carried };
    record(task, made, Asked::new(task), started, started.elapsed().as_secs_f64(), carried)
}

fn record(
    task: &Task,
    made: Made,
    asked: Asked,
    started: Instant,
    seconds: f64,
    Carried { mut writes, contents, container }: Carried,
) -> Result<Box<Finished>, RunError> {
    let broken = |error: FilesError| match error {
        FilesError::Store(error) => RunError::Store(error),
        other => RunError::Infrastructure(format!("the output cannot be read back: {other}")),
    };
    let shared = &task.shared;
    let dir = made.output;
    let tree = dir.tree().map_err(broken)?;
    let inline = dir.inline(INLINE).map_err(broken)?;
    if inline.is_none() {
        let objects = dir.memory();
        writes.extend(objects.blobs.values().map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone())));
        writes.extend(objects.trees.values().map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into())));
    }
    let log = match std::str::from_utf8(&made.log) {
        Ok("") => Log::Empty,
        Ok(text) if text.len() <= INLINE_LOG => Log::Text(text.to_owned()),
        _ => {
            let bytes: Bytes = made.log.into();
            let digest = Digest::of_blob(&bytes);
            writes.push(Write::Blob(BlobKind::Blob, bytes));
            Log::Blob(digest)
        }
    };
    for (key, answer) in asked.keys.iter().zip(&asked.answers) {
        let needs =
            serde_json::to_vec(&answer.step.needs).map_err(|error| RunError::Infrastructure(error.to_string()))?;
        writes.push(Write::Step(*key, needs.into()));
    }
    let spec = shared.resolver.task_type(&task.call);
    let plugin = shared.resolver.plugin(&task.call);
    let since = i64::try_from(started.duration_since(task.session_started).as_millis()).unwrap_or(i64::MAX);
    let mut inputs: BTreeMap<String, Address> =
        asked.answers.iter().flat_map(|answer| answer.addresses.iter().cloned()).collect();
    let mut externals = BTreeMap::new();
    for input in &task.inputs {
        match &input.content {
            Content::Made(_, from) => _ = inputs.insert(input.name.clone(), *from),
            Content::External(uri, _) => _ = externals.insert(input.name.clone(), uri.clone()),
        }
    }
    let result = ActionResult {
        format: FORMAT,
        tree: dir.digest(),
        size: tree.size(),
        inline,
        log,
        steps: asked.answers.iter().map(|answer| answer.step.clone()).collect(),
        action: (*task.action).clone(),
        provenance: Provenance {
            task_id: task.id,
            plugin: plugin.planner.description().id.clone(),
            component: plugin.component,
            params: task.call.params.masked(&spec.params),
            started: shared.options.now.as_millisecond().saturating_add(since),
            seconds,
            inputs,
            externals,
            contents,
            reasons: task.reasons.clone(),
            tombstone: shared.tombstones.last(),
            adopted: None,
            container,
            wrun: shared.setup.version.clone(),
        },
    };
    let body: Bytes =
        serde_json::to_vec(&result).map_err(|error| RunError::Infrastructure(error.to_string()))?.into();
    let address = Address { key: asked.key, generation: asked.generation };
    writes.push(Write::Result { address, body, task: task.id });
    let output = Output::made(address, dir.digest(), seconds, shared.setup.store.clone(), dir);
    Ok(Box::new(Finished { output: Arc::new(output), writes, left: made.left }))
}
