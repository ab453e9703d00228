//! `why`: which fields of a task's key differ from the last time it was built, down to what changed upstream.
//!
//! Where an input changed, the record that it came from before is known: the explanation goes on with what
//! differs between that record and what stands there now. Where it is not known, it goes on with why the task
//! behind the input ran when it made what is there now.

use crate::api::{BuildError, GoalCall, Interrupt, Options, Setup};
use crate::engine::{Engine, Mode, session};
use crate::graph::{Dependency, End, ExternalState, NodeId};
use crate::jobs::{diff_steps, differs};
use crate::verify::files;
use std::collections::HashMap;
use std::time::Instant;
use wrun_core::digest::{ActionKey, Digest, TreeDigest};
use wrun_core::reason::{Reason, changes};
use wrun_core::result::{ActionResult, Address};
use wrun_core::session::SessionRecord;
use wrun_store::Store;
use wrun_store::files::Dir;

/// An explanation goes at most this deep.
const DEEPEST: usize = 32;

/// Why a task would run, or why it last ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// `task param=value …`
    pub task: String,
    /// The key now, where it is known.
    pub key: Option<ActionKey>,
    /// How it stands.
    pub standing: Standing,
    /// What differs from the last time that this task was built, or that its output was used.
    pub reasons: Vec<Reason>,
    /// Whether the reasons are rather those that were recorded when it ran.
    pub recorded: bool,
    /// What is behind the changed inputs, by input name.
    pub upstream: Vec<(String, Upstream)>,
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A live result is there, made at this time (milliseconds since 1970).
    Hit(i64),
    /// It would run.
    Run,
    /// That depends on what this task makes.
    Unknown(String),
    /// It cannot run, and why.
    Other(String),
}

/// What is behind a changed input.
#[derive(Clone, Debug, PartialEq)]
pub enum Upstream {
    /// Another task.
    Task(Box<Explanation>),
    /// An external: its address, and the paths inside that changed where they are known.
    External {
        /// As the plan names it.
        uri: String,
        /// What changed, at most ten.
        paths: Vec<String>,
    },
}

/// Explains goals.
pub async fn why(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
) -> Result<Vec<Explanation>, BuildError> {
    let interrupt = Interrupt::default();
    let session = session(setup, options, goals, runtime, &interrupt, Mode::Preview, Instant::now()).await?;
    let mut explainer = Explainer { engine: &session.engine, names: None };
    let mut out = Vec::with_capacity(goals.len());
    for goal in &session.engine.goals {
        out.push(explainer.explain(*goal, None, DEEPEST).await?);
    }
    Ok(out)
}

/// Builds that are looked through for one of the same task.
const MOST_RUNS: usize = 100;

/// Brings the records of the newest build of a task to this machine, whichever machine built it, so that there is
/// something to compare with. Where nothing is remote they are here.
pub async fn recall(store: &dyn Store, plugin: &str, task: &str) -> Result<(), BuildError> {
    if !store.is_remote() {
        return Ok(());
    }
    let runs = store.everyones_runs(MOST_RUNS).await?;
    let read = |header: &wrun_store::Bytes| serde_json::from_slice::<SessionRecord>(header).ok();
    let known = runs.iter().filter_map(|(_, header)| read(header));
    let known: Vec<_> = known.filter(|record| record.plugin == plugin && record.pack.is_some()).collect();
    // A build of another task of the plugin may have needed this one.
    match known.iter().find(|record| record.task == task).or(known.first()) {
        Some(record) => crate::answer::warm(store, record).await.map(drop),
        None => Ok(()),
    }
}

struct Explainer<'a> {
    engine: &'a Engine,
    /// Nodes by what people call them, once somebody asks.
    names: Option<HashMap<String, NodeId>>,
}

/// What is known of one task that is explained.
struct Known<'a> {
    id: NodeId,
    standing: &'a Standing,
    reasons: &'a [Reason],
    /// The record that the reasons compare with, where that is known.
    old: Option<&'a ActionResult>,
    /// The record of a hit.
    now: Option<&'a ActionResult>,
    depth: usize,
}

impl Explainer<'_> {
    /// Explains a task: against the record `before` if its output was used before, else against its latest.
    async fn explain(
        &mut self,
        id: NodeId,
        before: Option<ActionResult>,
        depth: usize,
    ) -> Result<Explanation, BuildError> {
        let engine = self.engine;
        let node = &engine.nodes[id as usize];
        let keyed = node.keyed.as_ref();
        let mut key = keyed.map(|keyed| keyed.key);
        let (mut recorded, mut reasons, mut now, mut old) = (false, Vec::new(), None, None);
        let standing = match node.end() {
            Some(End::Done { output, .. }) => {
                key = Some(output.address.key);
                now = output.result();
                if let (Some(before), Some(now)) = (before, &now) {
                    reasons = differs(&engine.shared, &node.call, &before.action, &now.action);
                    reasons.extend(diff_steps(&engine.shared, &node.call, &before.steps, &now.steps));
                    old = Some(before);
                }
                if reasons.is_empty() {
                    recorded = true;
                    reasons = now.as_ref().map(|now| now.provenance.reasons.clone()).unwrap_or_default();
                }
                Standing::Hit(now.as_ref().map_or(0, |now| now.provenance.started))
            }
            Some(End::Unknown(until)) => {
                Standing::Unknown(engine.shared.resolver.display(&engine.nodes[*until as usize].call))
            }
            Some(End::WouldRun) | None => {
                reasons = keyed.map(|keyed| keyed.reasons.clone()).unwrap_or_default();
                old = self.latest(id).await?;
                Standing::Run
            }
            Some(End::Failed { message, .. }) => Standing::Other(message.clone()),
            Some(End::Blocked(why) | End::Waiting(why) | End::Skipped(why)) => Standing::Other(why.clone()),
        };
        let (old, now) = (old.as_ref(), now.as_ref());
        let known = Known { id, standing: &standing, reasons: &reasons, old, now, depth };
        let mut upstream = Vec::new();
        if depth > 0 {
            self.inputs(&known, &mut upstream).await?;
            self.needs(&known, &mut upstream).await?;
        }
        Ok(Explanation {
            task: engine.shared.resolver.display(&node.call),
            key,
            standing,
            reasons,
            recorded,
            upstream,
        })
    }

    /// Returns the last record of a task.
    async fn latest(&self, id: NodeId) -> Result<Option<ActionResult>, BuildError> {
        let shared = &self.engine.shared;
        let task = crate::jobs::id_of(shared, &self.engine.nodes[id as usize].call);
        match shared.setup.store.latest(&[task]).await?.first() {
            Some(Some(address)) => self.record(*address).await,
            _ => Ok(None),
        }
    }

    async fn record(&self, address: Address) -> Result<Option<ActionResult>, BuildError> {
        let found = self.engine.shared.setup.store.results(&[address.key]).await?;
        let record = found.iter().flatten().find(|record| record.generation == address.generation);
        Ok(record.and_then(|record| serde_json::from_slice(&record.body).ok()))
    }

    /// Explains the task behind an input, against the record that the input came from before.
    async fn behind(
        &mut self,
        other: NodeId,
        before: Option<Address>,
        depth: usize,
    ) -> Result<Upstream, BuildError> {
        let before = match before {
            Some(address) => self.record(address).await?,
            None => None,
        };
        let explained = Box::pin(self.explain(other, before, depth - 1)).await?;
        Ok(Upstream::Task(Box::new(explained)))
    }

    fn is_open(&self, id: NodeId) -> bool {
        matches!(self.engine.nodes[id as usize].end(), Some(End::WouldRun | End::Unknown(_)))
    }

    /// Follows the inputs of the Plan that changed; where all depends on some that are not made yet, those.
    async fn inputs(&mut self, known: &Known<'_>, out: &mut Vec<(String, Upstream)>) -> Result<(), BuildError> {
        let engine = self.engine;
        let node = &engine.nodes[known.id as usize];
        let Some(planned) = &node.planned else { return Ok(()) };
        for (input, dependency) in planned.plan.inputs.iter().zip(&node.dependencies) {
            let change = known.reasons.iter().find_map(|reason| match reason {
                Reason::InputChanged { name, old, new, .. } if *name == input.name => Some((*old, *new)),
                _ => None,
            });
            match (dependency, change) {
                (Dependency::Task(other), _) => {
                    let follow = match known.standing {
                        Standing::Unknown(_) => self.is_open(*other),
                        _ => change.is_some(),
                    };
                    if follow {
                        let before = known.old.and_then(|old| old.provenance.inputs.get(&input.name));
                        let behind = self.behind(*other, before.copied(), known.depth).await?;
                        out.push((input.name.clone(), behind));
                    }
                }
                (Dependency::External(other), Some(change)) => {
                    let external = &engine.externals[*other as usize];
                    let paths = self.changed_paths(&external.state, change);
                    out.push((
                        input.name.clone(),
                        Upstream::External { uri: external.external.uri.clone(), paths },
                    ));
                }
                (Dependency::External(_), None) | (Dependency::Nothing, _) => {}
            }
        }
        Ok(())
    }

    /// Lists what changed inside an external, as far as its old and its new bytes are at hand.
    fn changed_paths(&self, state: &ExternalState, (old, new): (Option<Digest>, Option<Digest>)) -> Vec<String> {
        let store = &self.engine.shared.setup.store;
        let now = match state {
            ExternalState::Found(found) if new == Some(found.found.digest.0) => Some(found.found.dir().clone()),
            _ => new.map(|new| Dir::stored(TreeDigest(new), store.clone())),
        };
        let then = old.map(|old| Dir::stored(TreeDigest(old), store.clone()));
        match (then, now) {
            (Some(then), Some(now)) => {
                let changed = changes(files(&then), files(&now)).into_iter().map(|(path, ..)| path);
                changed.take(10).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Follows the needs of a dynamic task that changed; where all depends on some that are not made yet, those.
    async fn needs(&mut self, known: &Known<'_>, out: &mut Vec<(String, Upstream)>) -> Result<(), BuildError> {
        let engine = self.engine;
        if let (Standing::Unknown(_), Some(trace)) = (known.standing, &engine.nodes[known.id as usize].trace) {
            for other in trace.nodes.iter().filter(|other| self.is_open(**other)).collect::<Vec<_>>() {
                let name = engine.shared.resolver.display(&engine.nodes[*other as usize].call);
                let behind = self.behind(*other, None, known.depth).await?;
                out.push((name, behind));
            }
        }
        let mut seen = Vec::new();
        for reason in known.reasons {
            let Reason::NeedChanged { name, task, .. } = reason else { continue };
            let Some(other) = self.needed(known, name, task.as_deref()) else { continue };
            // One task may be needed for several of its paths.
            if seen.contains(&other) {
                continue;
            }
            seen.push(other);
            let shown = engine.shared.resolver.display(&engine.nodes[other as usize].call);
            let before = known.old.and_then(|old| self.address_of(known.id, old, &shown));
            let behind = self.behind(other, before, known.depth).await?;
            out.push((shown, behind));
        }
        Ok(())
    }

    /// Returns the node of a need that changed, if it is in the graph.
    fn needed(&mut self, known: &Known<'_>, name: &str, task: Option<&str>) -> Option<NodeId> {
        let engine = self.engine;
        if let Some(task) = task {
            let names = self.names.get_or_insert_with(|| {
                let named = engine.nodes.iter().zip(0..);
                named.map(|(node, id)| (engine.shared.resolver.display(&node.call), id)).collect()
            });
            return names.get(task).copied();
        }
        // A record of before the task was written down.
        let steps = known.now.or(known.old).map(|record| record.steps.as_slice()).unwrap_or_default();
        let need = steps.iter().flat_map(|step| &step.needs).find(|need| need.name == name)?;
        let call = engine.shared.resolver.need(&engine.nodes[known.id as usize].call, need).ok()?;
        engine.node_of(&call)
    }

    /// Returns the record that a need was answered from before.
    fn address_of(&self, id: NodeId, old: &ActionResult, task: &str) -> Option<Address> {
        let resolver = &self.engine.shared.resolver;
        let call = &self.engine.nodes[id as usize].call;
        let is = |need: &&wrun_core::task::Need| {
            resolver.need(call, need).is_ok_and(|found| resolver.display(&found) == task)
        };
        let need = old.steps.iter().flat_map(|step| &step.needs).find(is)?;
        old.provenance.inputs.get(&need.name).copied()
    }
}
