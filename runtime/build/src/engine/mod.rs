//! The coordinator: one loop that owns the graph, and never blocks.
//!
//! Work a task is O(1): it is planned, keyed, looked up and explained in batches beside the loop
//! ([`crate::jobs`]), runs on a worker ([`crate::runner`]), and is committed in batches
//! ([`crate::commit`]). The loop only moves nodes between queues.
//!
//! - `mod.rs`: the loop, nodes and how they end
//! - `trace.rs`: look-ups, and the traces of dynamic actions
//! - `run.rs`: slots, locks, runs, commits
//! - `suspended.rs`: guests that wait, and those that are dropped meanwhile
//! - `slots.rs`: which run holds which slot, and since when
//! - `finish.rs`: reports and previews

mod finish;
mod run;
mod slots;
mod suspended;
mod trace;

use crate::api::{BuildError, Force, GoalCall, Interrupt, Options, Outcome, Preview, Setup};
use crate::commit::{Committer, Settled};
use crate::graph::{
    Behind, Dependency, End, ExternalId, ExternalNode, ExternalState, Node, NodeId, Phase, Planned, number,
};
use crate::jobs::{self, Explained, Miss, Question, Shared, Trouble};
use crate::resolve::{Resolver, SharedCall};
use crate::runner::Finished;
use crate::tombstones::Tombstones;
use crate::verify::Verdict;
use globset::{Glob, GlobSet, GlobSetBuilder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use wrun_core::digest::{PlanKey, TreeDigest};
use wrun_core::event::Event;
use wrun_core::plan::External;
use wrun_core::reason::Reason;
use wrun_core::report::{HitSource, State, Timing};
use wrun_core::result::Address;
use wrun_core::task::Need;
use wrun_exec::{NeedEnded, RunError};
use wrun_store::StoreError;
use wrun_store::lock::Held;

/// A chain of requirements longer than this is taken for one without end.
const DEEPEST: u32 = 100_000;
/// So many passes may end in the discovery that a result's bytes are gone.
const MOST_PASSES: u32 = 8;
/// Jobs take at most this many nodes, so that several can work side by side.
const BATCH: usize = 1024;

/// What an engine is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Build,
    /// Nothing runs.
    Preview,
    /// Only what is cached runs, and is compared; of these types, or of all if there are none.
    Verify(Vec<String>),
}

/// What the loop is told.
pub(crate) enum Message {
    Planned(Result<jobs::PlannedBatch, StoreError>),
    Externals(Result<crate::external::FoundBatch, StoreError>),
    LookedUp(Result<jobs::LookedUpBatch, StoreError>),
    Explained(Result<Vec<(NodeId, Explained)>, StoreError>),
    Locked(NodeId, Result<Held, StoreError>),
    Needed {
        node: NodeId,
        needs: Vec<Need>,
        reply: oneshot::Sender<Result<Arc<crate::graph::Answer>, NeedEnded>>,
    },
    /// The runs that shared one slot, one after the other.
    Ran(Vec<Attempt>),
    Committed(Result<Vec<Settled>, StoreError>),
}

/// One attempt that is over.
pub(crate) struct Attempt {
    pub(crate) node: NodeId,
    /// How many answers it had from the beginning.
    pub(crate) replayed: usize,
    /// In seconds since the session began.
    pub(crate) began: f64,
    pub(crate) ended: f64,
    pub(crate) result: Result<Box<Finished>, RunError>,
}

/// What later passes know of earlier ones.
#[derive(Default)]
pub(crate) struct Memory {
    /// What ran: why, how long, whether it made the bytes of before.
    pub(crate) ran: FxHashMap<PlanKey, Ran>,
    pub(crate) forced: FxHashSet<PlanKey>,
    pub(crate) notes: Vec<String>,
    /// Task types that changed code ran again to make the same bytes, and how often.
    pub(crate) same_bytes: std::collections::BTreeMap<String, u64>,
    /// Those that made other bytes, if only once.
    pub(crate) other_bytes: std::collections::BTreeSet<String>,
    pub(crate) verdicts: Vec<(String, Verdict)>,
}

/// One task that ran.
#[derive(Clone)]
pub(crate) struct Ran {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) seconds: f64,
    pub(crate) usual: Option<f64>,
    pub(crate) same: bool,
    pub(crate) address: Address,
    pub(crate) timing: Option<Timing>,
}

pub(crate) struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) mode: Mode,
    runtime: tokio::runtime::Handle,
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    committer: Committer,
    pub(crate) nodes: Vec<Node>,
    index: FxHashMap<PlanKey, NodeId>,
    pub(crate) externals: Vec<ExternalNode>,
    external_index: HashMap<External, ExternalId>,
    pub(crate) goals: Vec<NodeId>,
    except: GlobSet,
    /// In the order in which they ended: dependencies first.
    pub(crate) ended: Vec<NodeId>,
    woken: Vec<NodeId>,
    to_plan: VecDeque<NodeId>,
    to_hash: VecDeque<ExternalId>,
    to_look_up: VecDeque<(NodeId, bool, Question)>,
    to_explain: VecDeque<Miss>,
    ready: VecDeque<NodeId>,
    resuming: VecDeque<NodeId>,
    running: usize,
    slots: slots::Slots,
    suspended: suspended::Suspended,
    /// How long the runs of each task type take: how many there were, and seconds in all.
    pace: FxHashMap<(usize, usize), (u32, f64)>,
    handles: FxHashMap<NodeId, tokio::task::AbortHandle>,
    jobs: usize,
    locking: usize,
    uncommitted: usize,
    /// Counts how often other processes were seen to have written.
    epoch: u64,
    memory: Memory,
    /// A result whose bytes are gone: the session forgets everything derived from it and walks again.
    again: bool,
    lost: Vec<Address>,
    stopped: Option<Stop>,
    fatal: Option<BuildError>,
    counted: (u64, u64),
    pub(crate) started: Instant,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stop {
    Interrupted,
    FailFast,
}

/// What one session found out.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) interrupted: bool,
}

pub(crate) async fn build(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
) -> Result<Outcome, BuildError> {
    let started = Instant::now();
    setup.sink.send(Event::Started { goals: goals.len(), slots: options.slots });
    if let Some(outcome) = crate::record::answer(setup, options, goals, started).await? {
        setup.sink.send(Event::Finished { totals: outcome.report.totals });
        return Ok(outcome);
    }
    let session = session(setup, options, goals, runtime, interrupt, Mode::Build, started).await?;
    session.finish(goals).await
}

pub(crate) async fn preview(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
) -> Result<Preview, BuildError> {
    let interrupt = Interrupt::default();
    let session = session(setup, options, goals, runtime, &interrupt, Mode::Preview, Instant::now()).await?;
    Ok(session.preview())
}

/// Walks the graph until nothing that it found has lost its bytes.
pub(crate) async fn session(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
    mode: Mode,
    started: Instant,
) -> Result<Session, BuildError> {
    let mut memory = Memory::default();
    for _ in 0..MOST_PASSES {
        let mut tombstones = Tombstones::default();
        tombstones.refresh(&*setup.store).await?;
        let resolver = Resolver::new(&setup.plugins, options);
        let shared = Shared {
            setup: setup.clone(),
            options: options.clone(),
            resolver,
            tombstones,
            relatives: tokio::sync::OnceCell::new(),
            keep_records: mode == Mode::Preview,
        };
        let mut engine = Engine::new(Arc::new(shared), mode.clone(), runtime.clone(), memory, started)?;
        for goal in goals {
            engine.goal(goal)?;
        }
        let interrupted = engine.run(interrupt).await?;
        if mode == Mode::Build && !engine.again && !interrupted {
            engine.look_for_bytes().await?;
        }
        if !engine.again || interrupted {
            return Ok(Session { engine, interrupted });
        }
        for address in std::mem::take(&mut engine.lost) {
            let now = options.now.as_millisecond();
            crate::commit::disown(&*setup.store, address, crate::tombstones::Why::Lost, now).await?;
        }
        memory = engine.memory;
    }
    Err(BuildError::Unstable(MOST_PASSES))
}

impl Engine {
    fn new(
        shared: Arc<Shared>,
        mode: Mode,
        runtime: tokio::runtime::Handle,
        memory: Memory,
        started: Instant,
    ) -> Result<Self, BuildError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut except = GlobSetBuilder::new();
        for glob in &shared.options.except {
            let bad =
                |error: globset::Error| BuildError::Glob { glob: glob.clone(), why: error.kind().to_string() };
            except.add(Glob::new(glob).map_err(bad)?);
        }
        let except = except
            .build()
            .map_err(|error| BuildError::Glob { glob: shared.options.except.join(" "), why: error.to_string() })?;
        let committer = Committer::start(shared.setup.store.clone(), sender.clone(), &runtime);
        Ok(Self {
            shared,
            mode,
            runtime,
            sender,
            receiver,
            committer,
            nodes: Vec::new(),
            index: FxHashMap::default(),
            externals: Vec::new(),
            external_index: HashMap::new(),
            goals: Vec::new(),
            except,
            ended: Vec::new(),
            woken: Vec::new(),
            to_plan: VecDeque::new(),
            to_hash: VecDeque::new(),
            to_look_up: VecDeque::new(),
            to_explain: VecDeque::new(),
            ready: VecDeque::new(),
            resuming: VecDeque::new(),
            running: 0,
            slots: slots::Slots::default(),
            suspended: suspended::Suspended::default(),
            pace: FxHashMap::default(),
            handles: FxHashMap::default(),
            jobs: 0,
            locking: 0,
            uncommitted: 0,
            epoch: 0,
            memory,
            again: false,
            lost: Vec::new(),
            stopped: None,
            fatal: None,
            counted: (0, 0),
            started,
        })
    }

    fn goal(&mut self, goal: &GoalCall) -> Result<(), BuildError> {
        let resolver = &self.shared.resolver;
        let task = resolver.find(0, &goal.task).map_err(|error| match error {
            crate::resolve::ResolveError::Task { task, near, .. } => BuildError::UnknownTask { task, near },
            other => BuildError::Internal(other.to_string()),
        })?;
        let call = resolver.complete(0, task, goal.params.0.clone()).map_err(|error| match error {
            crate::resolve::ResolveError::Param { error, .. } => BuildError::Param(error),
            other => BuildError::Internal(other.to_string()),
        })?;
        let node = self.request(Arc::new(call), 0);
        self.goals.push(node);
        Ok(())
    }

    /// Returns the node of a call, made if it is not there yet.
    fn request(&mut self, call: SharedCall, depth: u32) -> NodeId {
        if let Some(node) = self.index.get(&call.key) {
            return *node;
        }
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.index.insert(call.key, id);
        let skipped = self.skipped(&call);
        self.nodes.push(Node::new(call, depth));
        if let Some(why) = skipped {
            self.end(id, End::Skipped(why));
        } else if depth > DEEPEST {
            self.fail(
                id,
                Trouble {
                    message: format!("a chain of more than {DEEPEST} tasks, each requiring the next"),
                    hint: Some("does a task require itself with other params without end?".into()),
                },
            );
        } else {
            self.to_plan.push_back(id);
        }
        id
    }

    fn skipped(&self, call: &SharedCall) -> Option<String> {
        let options = &self.shared.options;
        if options.disabled.is_empty() && options.except.is_empty() {
            return None;
        }
        let name = &self.shared.resolver.task_type(call).name;
        if options.disabled.contains(name) {
            return Some("skipped by you: disabled in wrun.toml".into());
        }
        let shown = self.shared.resolver.display(call);
        (self.except.is_match(name) || self.except.is_match(&shown)).then(|| "skipped by you: --except".into())
    }

    /// Runs until every node has ended and everything is durable. Tells whether it was interrupted.
    async fn run(&mut self, interrupt: &Interrupt) -> Result<bool, BuildError> {
        loop {
            self.wake();
            self.start_jobs();
            self.dispatch();
            self.wake();
            self.count();
            if let Some(fatal) = self.fatal.take() {
                self.abort();
                return Err(fatal);
            }
            if self.queued() {
                continue;
            }
            let halted = self.again || self.stopped.is_some();
            if self.idle() || (halted && self.running == 0 && self.uncommitted == 0) {
                if halted || !self.break_cycles() {
                    break;
                }
                continue;
            }
            if self.uncommitted > 0 && self.jobs == 0 && self.running == 0 {
                self.committer.now();
            }
            tokio::select! {
                biased;
                () = interrupt.wait(), if self.stopped != Some(Stop::Interrupted) => {
                    self.stopped = Some(Stop::Interrupted);
                    // What has finished is kept; what has not is dropped.
                    while let Ok(message) = self.receiver.try_recv() {
                        self.handle(message);
                    }
                    self.abort();
                }
                message = self.receiver.recv() => {
                    if let Some(message) = message {
                        self.handle(message);
                    }
                    while let Ok(message) = self.receiver.try_recv() {
                        self.handle(message);
                    }
                }
            }
        }
        self.abort();
        Ok(self.stopped == Some(Stop::Interrupted))
    }

    /// Asks for the bytes of the goals' outputs, or of all outputs with `--check`.
    async fn look_for_bytes(&mut self) -> Result<(), BuildError> {
        let all = self.shared.options.check;
        let nodes = if all { self.ended.clone() } else { self.goals.clone() };
        for id in nodes {
            let Some(End::Done { output, hit: Some(_) }) = self.nodes[id as usize].end() else { continue };
            if !crate::record::present(&self.shared, output).await? {
                let address = output.address;
                self.start_over(address);
            }
        }
        Ok(())
    }

    fn abort(&mut self) {
        for (_, handle) in self.handles.drain() {
            handle.abort();
        }
        self.running = 0;
        self.slots.clear();
        self.suspended.clear();
    }

    fn halted(&self) -> bool {
        self.again || self.stopped.is_some() || self.fatal.is_some()
    }

    /// Tells whether a job can be started now.
    fn queued(&self) -> bool {
        let empty = self.to_plan.is_empty()
            && self.to_hash.is_empty()
            && self.to_look_up.is_empty()
            && self.to_explain.is_empty();
        !empty && !self.halted() && self.jobs < self.most_jobs()
    }

    /// Jobs that are under way at once: enough for every core, and few, because their answers queue up.
    fn most_jobs(&self) -> usize {
        2 * self.shared.options.slots.max(1)
    }

    fn idle(&self) -> bool {
        self.jobs == 0
            && self.running == 0
            && self.locking == 0
            && self.uncommitted == 0
            && self.ready.is_empty()
            && self.resuming.is_empty()
    }

    /// Starts jobs, those first that bring nodes nearest to their end.
    fn start_jobs(&mut self) {
        while !self.halted() && self.jobs < self.most_jobs() {
            if !self.to_explain.is_empty() {
                let batch = chunk(&mut self.to_explain);
                self.job(|shared| async move { Message::Explained(jobs::explain(&shared, batch).await) });
            } else if !self.to_look_up.is_empty() {
                let batch = chunk(&mut self.to_look_up);
                self.job(|shared| async move { Message::LookedUp(jobs::look_up(&shared, batch).await) });
            } else if !self.to_hash.is_empty() {
                let batch: Vec<_> = chunk(&mut self.to_hash)
                    .into_iter()
                    .map(|id| {
                        let node = &self.externals[id as usize];
                        (id, node.external.clone(), node.path.clone())
                    })
                    .collect();
                self.job(|shared| async move { Message::Externals(crate::external::find(&shared, batch).await) });
            } else if !self.to_plan.is_empty() {
                let nodes = chunk(&mut self.to_plan);
                let batch = nodes.into_iter().map(|node| (node, self.nodes[node as usize].call.clone())).collect();
                self.job(|shared| async move { Message::Planned(jobs::plan(&shared, batch).await) });
            } else {
                return;
            }
        }
    }

    fn job<F>(&mut self, work: impl FnOnce(Arc<Shared>) -> F)
    where
        F: Future<Output = Message> + Send + 'static,
    {
        self.jobs += 1;
        let work = work(self.shared.clone());
        let sender = self.sender.clone();
        self.runtime.spawn(async move {
            // The receiver is gone only when the session is.
            _ = sender.send(work.await);
        });
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Planned(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                if !batch.writes.is_empty() && self.mode != Mode::Preview {
                    self.commit_loose(batch.writes);
                }
                for (node, plan) in batch.plans {
                    match plan {
                        Ok(planned) => self.planned(node, planned),
                        Err(trouble) => self.fail(node, trouble),
                    }
                }
            }
            Message::Externals(found) => {
                self.jobs -= 1;
                let Some(found) = self.or_fatal(found) else { return };
                if !found.writes.is_empty() && self.mode != Mode::Preview {
                    self.commit_loose(found.writes);
                }
                for (id, state) in found.states {
                    let external = &mut self.externals[id as usize];
                    external.state = state;
                    let dependents = std::mem::take(&mut external.dependents);
                    self.woken.extend(dependents);
                }
            }
            Message::LookedUp(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                for (node, found) in batch {
                    self.looked_up(node, found);
                }
            }
            Message::Explained(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                for (node, explained) in batch {
                    self.explained(node, explained);
                }
            }
            Message::Locked(node, held) => {
                self.locking -= 1;
                self.locked(node, held);
            }
            Message::Needed { node, needs, reply } => self.needed(node, needs, reply),
            Message::Ran(batch) => self.ran(batch),
            Message::Committed(batch) => self.committed(batch),
        }
        self.wake();
    }

    fn or_fatal<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.fatal.get_or_insert(error.into())).ok()
    }

    fn planned(&mut self, id: NodeId, planned: Arc<Planned>) {
        let depth = self.nodes[id as usize].depth + 1;
        let closed = planned.behind.iter().find_map(|behind| match behind {
            Behind::Closed(instant) => Some(instant.clone()),
            _ => None,
        });
        if let Some(instant) = closed {
            self.nodes[id as usize].planned = Some(planned);
            return self.end(id, End::Waiting(format!("not before {instant}")));
        }
        let mut dependencies = Vec::with_capacity(planned.behind.len());
        let mut waits = 0;
        for behind in &planned.behind {
            dependencies.push(match behind {
                Behind::Task(call) => {
                    let node = self.request(call.clone(), depth);
                    if self.nodes[node as usize].end().is_none() {
                        self.nodes[node as usize].dependents.push(id);
                        waits += 1;
                    }
                    Dependency::Task(node)
                }
                Behind::External(external, path) => {
                    let external = self.external(external, path);
                    if matches!(self.externals[external as usize].state, ExternalState::Pending) {
                        self.externals[external as usize].dependents.push(id);
                        waits += 1;
                    }
                    Dependency::External(external)
                }
                Behind::Open | Behind::Closed(_) => Dependency::Nothing,
            });
        }
        let node = &mut self.nodes[id as usize];
        node.dependencies = dependencies;
        node.planned = Some(planned);
        node.phase = Phase::Inputs;
        // One more, which the call below takes off.
        node.waits = waits + 1;
        self.woken.push(id);
    }

    fn external(&mut self, external: &External, path: &std::path::Path) -> ExternalId {
        if let Some(id) = self.external_index.get(external) {
            return *id;
        }
        let id = u32::try_from(self.externals.len()).unwrap_or(u32::MAX);
        self.external_index.insert(external.clone(), id);
        self.externals.push(ExternalNode {
            external: external.clone(),
            path: path.to_owned(),
            state: ExternalState::Pending,
            dependents: Vec::new(),
        });
        self.to_hash.push_back(id);
        id
    }

    /// Tells those that waited for what has ended.
    fn wake(&mut self) {
        while let Some(id) = self.woken.pop() {
            let node = &mut self.nodes[id as usize];
            node.waits = node.waits.saturating_sub(1);
            if node.waits == 0 {
                match node.phase {
                    Phase::Inputs if node.trace.is_none() => self.inputs_ready(id),
                    Phase::Inputs | Phase::Suspended => self.needs_ready(id),
                    _ => {}
                }
            }
        }
    }

    fn inputs_ready(&mut self, id: NodeId) {
        if let Some(end) = self.worst(id) {
            return self.end(id, end);
        }
        self.look_up_first(id);
    }

    /// Returns how a node must end because of what it requires, if it must.
    fn worst(&self, id: NodeId) -> Option<End> {
        let node = &self.nodes[id as usize];
        let mut worst: Option<(u8, End)> = None;
        for (i, dependency) in node.dependencies.iter().enumerate() {
            let found = match dependency {
                Dependency::Nothing => None,
                Dependency::Task(other) => self.because_of(*other),
                Dependency::External(other) => {
                    let input = node.planned.as_ref().map(|p| p.plan.inputs[i].name.clone()).unwrap_or_default();
                    match &self.externals[*other as usize].state {
                        ExternalState::Waiting(what) => {
                            Some((2, End::Waiting(format!("input `{input}`: {what}"))))
                        }
                        ExternalState::Failed { message, hint } => Some((
                            4,
                            End::Failed {
                                message: format!("input `{input}`: {message}"),
                                hint: hint.clone(),
                                log: Vec::new(),
                            },
                        )),
                        ExternalState::Pending | ExternalState::Found(_) => None,
                    }
                }
            };
            if let Some(found) = found
                && worst.as_ref().is_none_or(|worst| worst.0 < found.0)
            {
                worst = Some(found);
            }
        }
        worst.map(|(_, end)| end)
    }

    /// Returns how a node must end because of how another did, and how grave that is.
    fn because_of(&self, other: NodeId) -> Option<(u8, End)> {
        let node = &self.nodes[other as usize];
        let name = || self.shared.resolver.display(&node.call);
        match node.end() {
            None | Some(End::Done { .. }) => None,
            Some(End::WouldRun) => Some((0, End::Unknown(other))),
            Some(End::Unknown(until)) => Some((0, End::Unknown(*until))),
            Some(End::Skipped(_)) => Some((1, End::Skipped(format!("needs `{}`, which you skipped", name())))),
            Some(End::Waiting(_)) => Some((2, End::Waiting(format!("needs `{}`, which waits", name())))),
            Some(End::Blocked(_)) => Some((3, End::Blocked(format!("needs `{}`, which is blocked", name())))),
            Some(End::Failed { .. }) => Some((3, End::Blocked(format!("needs `{}`, which failed", name())))),
        }
    }

    pub(crate) fn fail(&mut self, id: NodeId, trouble: Trouble) {
        self.end(id, End::Failed { message: trouble.message, hint: trouble.hint, log: Vec::new() });
    }

    fn end(&mut self, id: NodeId, end: End) {
        let node = &mut self.nodes[id as usize];
        if node.end().is_some() {
            return;
        }
        let quiet = matches!(end, End::WouldRun | End::Unknown(_));
        if matches!(end, End::Failed { .. }) && self.shared.options.fail_fast && self.mode == Mode::Build {
            self.stopped.get_or_insert(Stop::FailFast);
        }
        if self.mode == Mode::Build && matches!(end, End::Done { .. }) {
            // Nobody asks for them again, and there may be a hundred thousand.
            node.planned = None;
            node.keyed = None;
            node.trace = None;
        }
        node.phase = Phase::Ended(end);
        let dependents = std::mem::take(&mut node.dependents);
        self.woken.extend(dependents);
        self.ended.push(id);
        if !quiet {
            self.announce(id);
        }
    }

    fn announce(&self, id: NodeId) {
        let sink = &self.shared.setup.sink;
        let node = &self.nodes[id as usize];
        let Some(end) = node.end() else { return };
        let hit = matches!(end, End::Done { hit: Some(_), .. });
        if hit && !sink.wants_hits() {
            return;
        }
        let (state, message) = finish::state(end);
        let (output, source) = match end {
            End::Done { output, hit } => (Some(output), *hit),
            _ => (None, None),
        };
        sink.send(Event::Ended {
            number: number(id),
            task: self.shared.resolver.display(&node.call),
            state,
            key: output.map(|output| output.address.key).or(node.keyed.as_ref().map(|keyed| keyed.key)),
            output: output.map(|output| output.tree),
            source,
            message: message.map(str::to_owned),
            seconds: if state == State::Cached { 0.0 } else { node.seconds },
        });
    }

    fn count(&mut self) {
        let counted = (self.nodes.len() as u64, self.ended.len() as u64);
        if counted != self.counted {
            self.counted = counted;
            self.shared.setup.sink.send(Event::Counted { known: counted.0, done: counted.1 });
        }
    }

    pub(crate) fn note(&mut self, message: String) {
        self.shared.setup.sink.send(Event::Note { message: message.clone() });
        self.memory.notes.push(message);
    }

    /// Nothing moves and nodes are left: each waits for another that waits for it.
    fn break_cycles(&mut self) -> bool {
        let cycles = crate::cycle::find(self);
        for (id, path) in &cycles {
            self.fail(
                *id,
                Trouble {
                    message: format!("the task needs itself: {path}"),
                    hint: Some("break the circle in one of these tasks' `requires` or `need`".into()),
                },
            );
        }
        !cycles.is_empty()
    }

    /// Returns the content behind each input, once all are there.
    fn contents(&self, id: NodeId) -> Vec<Option<jobs::Content>> {
        let node = &self.nodes[id as usize];
        let Some(planned) = &node.planned else { return Vec::new() };
        let inputs = planned.plan.inputs.iter().zip(&node.dependencies);
        inputs
            .map(|(input, dependency)| match dependency {
                Dependency::Nothing => None,
                Dependency::Task(other) => match (self.nodes[*other as usize].end(), &input.source) {
                    (Some(End::Done { output, .. }), wrun_core::plan::Source::Task { path, .. }) => {
                        Some(jobs::Content::Output(output.clone(), path.clone()))
                    }
                    _ => None,
                },
                Dependency::External(other) => match &self.externals[*other as usize].state {
                    ExternalState::Found(found) => {
                        Some(jobs::Content::External(found.found.kind, found.found.digest))
                    }
                    _ => None,
                },
            })
            .collect()
    }

    pub(crate) fn take_verdicts(&mut self) -> Vec<(String, Verdict)> {
        std::mem::take(&mut self.memory.verdicts)
    }

    pub(crate) fn node_of(&self, call: &crate::resolve::TaskCall) -> Option<NodeId> {
        self.index.get(&call.key).copied()
    }

    fn forced(&self, id: NodeId) -> bool {
        let node = &self.nodes[id as usize];
        let name = || &self.shared.resolver.task_type(&node.call).name;
        if let Mode::Verify(only) = &self.mode {
            return only.is_empty() || only.contains(name());
        }
        if self.memory.forced.contains(&node.call.key) {
            return false;
        }
        match &self.shared.options.force {
            Force::Nothing => false,
            Force::Goals => self.goals.contains(&id),
            Force::Tasks(tasks) => tasks.contains(name()),
        }
    }
}

/// Takes a batch from the front of a queue.
fn chunk<T>(queue: &mut VecDeque<T>) -> Vec<T> {
    queue.drain(..queue.len().min(BATCH)).collect()
}

/// Where a hit came from, for a store on this machine.
pub(crate) const LOCAL: HitSource = HitSource::Local;

/// Tells two outputs apart for people.
pub(crate) fn differ(first: TreeDigest, second: TreeDigest) -> String {
    format!("{} and {}", first.0.short(), second.0.short())
}
