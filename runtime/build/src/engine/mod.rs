//! The coordinator: one loop that owns the graph, and never blocks.
//!
//! Work a task is O(1): it is planned, keyed, looked up and explained in batches beside the loop
//! ([`crate::jobs`]), runs on a worker ([`crate::runner`]), and is committed in batches
//! ([`crate::commit`]). The loop only moves nodes between queues.
//!
//! - `mod.rs`: what the loop owns, and what it is told
//! - `session.rs`: from goals to a session, and its passes
//! - `turn.rs`: a turn of the loop, and the jobs that it starts
//! - `nodes.rs`, `end.rs`: how nodes come to be, and how they end
//! - `trace.rs`: look-ups, and the traces of dynamic actions
//! - `batch.rs`: who runs next, and what shares a slot
//! - `run.rs`: locks, runs, commits
//! - `suspended.rs`: guests that wait, and those that are dropped meanwhile
//! - `slots.rs`: which run holds which slot, and since when
//! - `finish.rs`: reports and previews

mod batch;
mod end;
mod finish;
mod nodes;
mod run;
mod session;
mod slots;
mod suspended;
mod trace;
mod turn;

pub(crate) use session::{Session, build, preview, session};

use crate::api::BuildError;
use crate::commit::{Committer, Settled};
use crate::graph::{ExternalId, ExternalNode, Node, NodeId};
use crate::jobs::{self, Explained, Miss, Question, Shared};
use crate::pools::{Pools, Share};
use crate::recall::Recalled;
use crate::runner::Finished;
use crate::verify::Verdict;
use globset::{Glob, GlobSet, GlobSetBuilder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use wrun_core::digest::{PlanKey, TreeDigest};
use wrun_core::event::Event;
use wrun_core::plan::External;
use wrun_core::reason::Reason;
use wrun_core::report::{HitSource, Timing};
use wrun_core::result::Address;
use wrun_core::task::Need;
use wrun_exec::{NeedEnded, RunError};
use wrun_store::StoreError;
use wrun_store::lock::Held;

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
    Ran(batch::Ran),
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
    /// Records that came from the truth all at once, before the walk.
    pub(crate) warmed: FxHashSet<wrun_core::digest::ActionKey>,
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
    /// Slots whose runs are short, and what they go on with.
    short: usize,
    ahead: batch::Ahead,
    /// What is free for containers, and what each that runs took.
    pools: Pools,
    shares: FxHashMap<NodeId, Share>,
    slots: slots::Slots,
    suspended: suspended::Suspended,
    /// How long the runs of each task type take: how many there were, and seconds in all.
    pace: FxHashMap<(usize, usize), (u32, f64)>,
    handles: FxHashMap<NodeId, tokio::task::AbortHandle>,
    jobs: usize,
    locking: usize,
    /// Whether the user knows that another build is waited for.
    told_of_others: Arc<AtomicBool>,
    uncommitted: usize,
    /// Counts how often other processes were seen to have written.
    epoch: u64,
    memory: Memory,
    /// What the last build left, if nothing has to be walked but what lies above a change.
    pub(crate) recalled: Option<Box<Recalled>>,
    /// A result whose bytes are gone: the session forgets everything derived from it and walks again.
    again: bool,
    lost: Vec<Address>,
    stopped: Option<Stop>,
    fatal: Option<BuildError>,
    counted: (u64, u64),
    /// When what it has touched so far is to be published.
    due: Option<tokio::time::Instant>,
    pub(crate) started: Instant,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stop {
    Interrupted,
    FailFast,
}

impl Engine {
    fn new(
        shared: Arc<Shared>,
        mode: Mode,
        runtime: tokio::runtime::Handle,
        memory: Memory,
        recalled: Option<Box<Recalled>>,
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
        let publishes = mode == Mode::Build && shared.setup.store.is_remote();
        let due = publishes.then(|| tokio::time::Instant::now() + shared.options.publish_every);
        let pools = Pools::new(shared.capacity);
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
            short: 0,
            ahead: batch::Ahead::default(),
            pools,
            shares: FxHashMap::default(),
            slots: slots::Slots::default(),
            suspended: suspended::Suspended::default(),
            pace: FxHashMap::default(),
            handles: FxHashMap::default(),
            jobs: 0,
            locking: 0,
            told_of_others: Arc::default(),
            uncommitted: 0,
            epoch: 0,
            memory,
            recalled,
            again: false,
            lost: Vec::new(),
            stopped: None,
            fatal: None,
            counted: (0, 0),
            due,
            started,
        })
    }

    fn abort(&mut self) {
        for (_, handle) in self.handles.drain() {
            handle.abort();
        }
        (self.running, self.short) = (0, 0);
        self.drop_ahead();
        for (_, share) in self.shares.drain() {
            self.pools.give(share);
        }
        self.slots.clear();
        self.suspended.clear();
    }

    fn halted(&self) -> bool {
        self.again || self.stopped.is_some() || self.fatal.is_some()
    }

    pub(crate) fn note(&mut self, message: String) {
        self.shared.setup.sink.send(Event::Note { message: message.clone() });
        self.memory.notes.push(message);
    }

    pub(crate) fn take_verdicts(&mut self) -> Vec<(String, Verdict)> {
        std::mem::take(&mut self.memory.verdicts)
    }
}

/// Where a hit came from, for a store on this machine.
pub(crate) const LOCAL: HitSource = HitSource::Local;

/// Tells two outputs apart for people.
pub(crate) fn differ(first: TreeDigest, second: TreeDigest) -> String {
    format!("{} and {}", first.0.short(), second.0.short())
}
