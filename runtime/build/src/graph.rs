//! The nodes of one session and what they wait for. Plain data; the engine owns it.

use crate::resolve::SharedCall;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{OnceCell, oneshot};
use wrun_core::action::Action;
use wrun_core::digest::{ActionKey, TaskId, TreeDigest};
use wrun_core::event::TaskNumber;
use wrun_core::plan::{External, Plan};
use wrun_core::reason::Reason;
use wrun_core::report::{HitSource, Timing};
use wrun_core::result::{ActionResult, Address, Step};
use wrun_core::task::Need;
use wrun_exec::NeedEnded;
use wrun_store::external::Place;
use wrun_store::files::{Dir, FilesError};
use wrun_store::lock::Held;
use wrun_store::{Bytes, Store};

pub(crate) type NodeId = u32;
pub(crate) type ExternalId = u32;

/// A Plan whose calls are resolved.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// What stands behind each input of the plan, in the same order.
    pub(crate) behind: Vec<Behind>,
}

/// What stands behind an input of a Plan.
#[derive(Debug)]
pub(crate) enum Behind {
    Task(SharedCall),
    External(External, Place),
    /// A clock that has not struck yet: its instant.
    Closed(String),
    /// A clock that has struck.
    Open,
}

/// The same, as nodes of the graph.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Dependency {
    Task(NodeId),
    External(ExternalId),
    Nothing,
}

/// The output of a task, whose bytes are looked at only when somebody asks.
pub(crate) struct Output {
    pub(crate) address: Address,
    pub(crate) tree: TreeDigest,
    pub(crate) seconds: f64,
    /// The bytes that ride inside the record, as it has them.
    inline: Option<Box<str>>,
    /// The whole record, where somebody will ask for it.
    record: Option<Bytes>,
    store: Arc<dyn Store>,
    dir: OnceLock<Dir>,
    parents: OnceLock<Box<Mutex<HashMap<String, Dir>>>>,
}

impl Output {
    /// Of a run that has just made it.
    pub(crate) fn made(address: Address, tree: TreeDigest, seconds: f64, store: Arc<dyn Store>, dir: Dir) -> Self {
        let dir = OnceLock::from(dir);
        Self { address, tree, seconds, inline: None, record: None, store, dir, parents: OnceLock::new() }
    }

    /// Of a record that was looked up.
    pub(crate) fn found(
        address: Address,
        (tree, seconds): (TreeDigest, f64),
        inline: Option<Box<str>>,
        record: Option<Bytes>,
        store: Arc<dyn Store>,
    ) -> Self {
        let dir = OnceLock::new();
        Self { address, tree, seconds, inline, record, store, dir, parents: OnceLock::new() }
    }

    /// Tells whether all its bytes ride inside the record.
    pub(crate) fn inlined(&self) -> bool {
        self.inline.is_some()
    }

    /// Returns the files.
    pub(crate) fn dir(&self) -> Result<Dir, FilesError> {
        if let Some(dir) = self.dir.get() {
            return Ok(dir.clone());
        }
        let dir = match self.inline.as_deref().and_then(|inline| serde_json::from_str(inline).ok()) {
            Some(inline) => Dir::inlined(&inline, self.tree)?,
            None => Dir::stored(self.tree, self.store.clone()),
        };
        Ok(self.dir.get_or_init(|| dir).clone())
    }

    /// Returns what a path names. The directory above is kept: many tasks each take one file of it.
    pub(crate) fn at(&self, path: Option<&str>) -> Result<Dir, FilesError> {
        let Some(path) = path else { return self.dir() };
        let Some((above, name)) = path.rsplit_once('/') else { return self.dir()?.at(path) };
        let parents = self.parents.get_or_init(Box::default);
        let mut parents = parents.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let parent = match parents.get(above) {
            Some(dir) => dir.clone(),
            None => {
                let dir = self.dir()?;
                let parent = dir.at(above)?;
                parents.insert(above.to_owned(), parent.clone());
                parent
            }
        };
        drop(parents);
        parent.at(name).map_err(|error| match error {
            FilesError::NoPath { there, .. } => FilesError::NoPath {
                path: path.to_owned(),
                there: there.into_iter().map(|name| format!("{above}/{name}")).collect(),
            },
            other => other,
        })
    }

    /// Returns the whole record, where it was kept.
    pub(crate) fn result(&self) -> Option<ActionResult> {
        serde_json::from_slice(self.record.as_ref()?).ok()
    }
}

/// How a node ended.
#[derive(Clone)]
pub(crate) enum End {
    Done {
        output: Arc<Output>,
        hit: Option<HitSource>,
    },
    Failed {
        message: String,
        hint: Option<String>,
        log: Vec<u8>,
    },
    Blocked(String),
    Waiting(String),
    Skipped(String),
    /// Preview: it would run.
    WouldRun,
    /// Preview: that depends on what this node makes.
    Unknown(NodeId),
}

/// Where a node is.
pub(crate) enum Phase {
    /// Its Plan is asked for.
    Planning,
    /// It waits for what stands behind its inputs, or behind the needs of a hint.
    Inputs,
    /// Its key is made and looked up.
    LookUp,
    /// Why it is a miss is being found out.
    Explaining,
    /// It can run as soon as a slot is free.
    Ready,
    /// Another process holds its lock.
    Locked,
    Running,
    /// It waits for what it needs, holding no slot.
    Suspended,
    /// It has what it needs, and no slot yet.
    Resuming,
    Ended(End),
}

/// What a dynamic action has asked for so far.
pub(crate) struct Trace {
    /// The key that the steps so far lead to.
    pub(crate) key: ActionKey,
    /// The steps so far, while walking by hints; a running guest's are kept with the run.
    pub(crate) steps: Vec<Step>,
    /// What it waits for now.
    pub(crate) needs: Vec<Need>,
    pub(crate) nodes: Vec<NodeId>,
    /// How the running guest is answered; absent while walking by hints.
    pub(crate) reply: Option<oneshot::Sender<Result<Arc<Answer>, NeedEnded>>>,
    /// The answer that waits for a slot.
    pub(crate) ready: Option<Answer>,
    /// What the guest was given so far.
    pub(crate) given: Vec<Arc<Answer>>,
    /// Whether the guest was dropped while it waited: it is run again when it could go on.
    pub(crate) dropped: bool,
    /// How many answers the guest had when it was last run again; tells a guest from the dropped one before it.
    pub(crate) replayed: usize,
    /// How long it had computed when it began to wait, in microseconds.
    pub(crate) cost: u64,
}

impl Trace {
    pub(crate) fn new(key: ActionKey) -> Self {
        Self {
            key,
            steps: Vec::new(),
            needs: Vec::new(),
            nodes: Vec::new(),
            reply: None,
            ready: None,
            given: Vec::new(),
            dropped: false,
            replayed: 0,
            cost: 0,
        }
    }

    /// Tells whether there is a guest, be it one that was dropped, or it only walks by hints.
    pub(crate) fn has_guest(&self) -> bool {
        self.reply.is_some() || self.dropped
    }
}

/// What a running guest is given for one `need`.
pub(crate) struct Answer {
    pub(crate) dirs: Vec<Dir>,
    /// The key that the trace leads to now, and the generation that a result there would have.
    pub(crate) key: ActionKey,
    pub(crate) generation: u32,
    /// What was asked and answered.
    pub(crate) step: Step,
    /// Where the answers came from, by name.
    pub(crate) addresses: Vec<(String, Address)>,
}

/// What is known of an action once its key was looked up for the first time.
pub(crate) struct Keyed {
    pub(crate) action: Arc<Action>,
    pub(crate) key: ActionKey,
    /// Where it goes if it runs now; of the last key that was looked up.
    pub(crate) generation: u32,
    /// The live result that a forced run competes with.
    pub(crate) forced_over: Option<Arc<Output>>,
    /// Names the task across builds, once it was explained.
    pub(crate) task: Option<TaskId>,
    pub(crate) reasons: Vec<Reason>,
    /// The last result of the same task: output, seconds.
    pub(crate) before: Option<(TreeDigest, f64)>,
    /// Whether only the code differs from that.
    pub(crate) only_code: bool,
}

/// One task of a session.
pub(crate) struct Node {
    pub(crate) call: SharedCall,
    /// Where the last build has it, if it stands: nothing is asked of it but its result.
    pub(crate) recalled: Option<u32>,
    pub(crate) phase: Phase,
    pub(crate) depth: u32,
    pub(crate) planned: Option<Arc<Planned>>,
    pub(crate) dependencies: Vec<Dependency>,
    /// How many of what it waits for have not ended.
    pub(crate) waits: u32,
    pub(crate) dependents: Vec<NodeId>,
    /// The count of other processes' writes before it was looked up.
    pub(crate) looked_up: u64,
    pub(crate) keyed: Option<Box<Keyed>>,
    pub(crate) trace: Option<Box<Trace>>,
    pub(crate) held: Option<Held>,
    pub(crate) attempts: u32,
    pub(crate) seconds: f64,
    /// When it ran, once it could.
    pub(crate) timing: Option<Box<Timing>>,
    /// What it asked for while it ran, or would have.
    pub(crate) asked: Vec<NodeId>,
}

impl Node {
    pub(crate) fn new(call: SharedCall, depth: u32) -> Self {
        Self {
            call,
            recalled: None,
            phase: Phase::Planning,
            depth,
            planned: None,
            dependencies: Vec::new(),
            waits: 0,
            dependents: Vec::new(),
            looked_up: 0,
            keyed: None,
            trace: None,
            held: None,
            attempts: 0,
            seconds: 0.0,
            timing: None,
            asked: Vec::new(),
        }
    }

    pub(crate) fn end(&self) -> Option<&End> {
        match &self.phase {
            Phase::Ended(end) => Some(end),
            _ => None,
        }
    }
}

/// One external of a session.
pub(crate) struct ExternalNode {
    pub(crate) external: External,
    pub(crate) place: Place,
    pub(crate) state: ExternalState,
    pub(crate) dependents: Vec<NodeId>,
}

/// What is known of an external.
pub(crate) enum ExternalState {
    Pending,
    Found(Arc<FoundExternal>),
    /// It is not there, and the task waits for it.
    Waiting(String),
    Failed {
        message: String,
        hint: Option<String>,
    },
}

/// An external that is there.
pub(crate) struct FoundExternal {
    pub(crate) found: wrun_store::external::Found,
    /// The same directory with its bytes at hand, once a run has asked for them.
    pub(crate) brought: OnceCell<Dir>,
}

/// Turns a node's number into what events carry.
pub(crate) fn number(id: NodeId) -> TaskNumber {
    TaskNumber(id)
}
