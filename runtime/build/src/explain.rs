//! `why`: which fields of a task's key differ from the last time it was built, down to what changed upstream.

use crate::api::{BuildError, GoalCall, Interrupt, Options, Setup};
use crate::engine::{Engine, Mode, session};
use crate::graph::{Dependency, End, ExternalState, NodeId};
use crate::verify::files;
use std::collections::BTreeMap;
use std::time::Instant;
use wrun_core::digest::{ActionKey, TreeDigest};
use wrun_core::reason::{Reason, changes};
use wrun_core::result::{ActionResult, Address};
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
    /// What differs from the last time that this task was built; where it is a hit, why it ran then.
    pub reasons: Vec<Reason>,
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
    let engine = session.engine;
    let records = Records::read(&engine).await?;
    Ok(engine.goals.iter().map(|goal| records.explain(&engine, *goal, DEEPEST)).collect())
}

/// The last result of every task of the graph, and those before them.
struct Records {
    latest: BTreeMap<NodeId, ActionResult>,
}

impl Records {
    async fn read(engine: &Engine) -> Result<Self, BuildError> {
        let store = &engine.shared.setup.store;
        let ids: Vec<_> = engine.nodes.iter().map(|node| crate::jobs::id_of(&engine.shared, &node.call)).collect();
        let latest = store.latest(&ids).await?;
        let addresses: Vec<(usize, Address)> =
            latest.iter().enumerate().filter_map(|(i, address)| address.map(|address| (i, address))).collect();
        let keys: Vec<_> = addresses.iter().map(|(_, address)| address.key).collect();
        let mut found = BTreeMap::new();
        for ((i, address), records) in addresses.into_iter().zip(store.results(&keys).await?) {
            let record = records.iter().find(|record| record.generation == address.generation);
            let result = record.and_then(|record| serde_json::from_slice(&record.body).ok());
            if let (Some(result), Ok(id)) = (result, u32::try_from(i)) {
                found.insert(id, result);
            }
        }
        Ok(Self { latest: found })
    }

    fn explain(&self, engine: &Engine, id: NodeId, depth: usize) -> Explanation {
        let node = &engine.nodes[id as usize];
        let keyed = node.keyed.as_ref();
        let mut key = keyed.map(|keyed| keyed.key);
        let mut before = self.latest.get(&id).cloned();
        let (standing, reasons) = match node.end() {
            Some(End::Done { output, .. }) => {
                key = Some(output.address.key);
                before = output.result();
                let made = before.as_ref().map(|result| &result.provenance);
                (
                    Standing::Hit(made.map_or(0, |made| made.started)),
                    made.map(|made| made.reasons.clone()).unwrap_or_default(),
                )
            }
            Some(End::Unknown(until)) => {
                let until = engine.shared.resolver.display(&engine.nodes[*until as usize].call);
                (Standing::Unknown(until), Vec::new())
            }
            Some(End::WouldRun) | None => {
                (Standing::Run, keyed.map(|keyed| keyed.reasons.clone()).unwrap_or_default())
            }
            Some(end) => {
                let words = match end {
                    End::Failed { message, .. } => message.clone(),
                    End::Blocked(why) | End::Waiting(why) | End::Skipped(why) => why.clone(),
                    _ => String::new(),
                };
                (Standing::Other(words), Vec::new())
            }
        };
        let mut upstream = Vec::new();
        if depth > 0 {
            self.upstream(engine, id, &standing, &reasons, before.as_ref(), depth, &mut upstream);
        }
        Explanation { task: engine.shared.resolver.display(&node.call), key, standing, reasons, upstream }
    }

    #[expect(clippy::too_many_arguments, reason = "one place, and each is plain data")]
    fn upstream(
        &self,
        engine: &Engine,
        id: NodeId,
        standing: &Standing,
        reasons: &[Reason],
        before: Option<&ActionResult>,
        depth: usize,
        out: &mut Vec<(String, Upstream)>,
    ) {
        let node = &engine.nodes[id as usize];
        let Some(planned) = &node.planned else { return };
        let changed = |name: &str| {
            let is = |reason: &Reason| matches!(reason, Reason::InputChanged { name: n, .. } if n == name);
            reasons.iter().find(|reason| is(reason))
        };
        for (input, dependency) in planned.plan.inputs.iter().zip(&node.dependencies) {
            let change = changed(&input.name);
            match dependency {
                Dependency::Task(other) => {
                    let open =
                        matches!(engine.nodes[*other as usize].end(), Some(End::WouldRun | End::Unknown(_)));
                    let follow = match standing {
                        Standing::Unknown(_) => open,
                        _ => change.is_some(),
                    };
                    if follow {
                        let explanation = self.explain(engine, *other, depth - 1);
                        out.push((input.name.clone(), Upstream::Task(Box::new(explanation))));
                    }
                }
                Dependency::External(other) if change.is_some() => {
                    let external = &engine.externals[*other as usize];
                    let (old, new) = match change {
                        Some(Reason::InputChanged { old, new, .. }) => (*old, *new),
                        _ => (None, None),
                    };
                    let now = match &external.state {
                        ExternalState::Found(found) if new == Some(found.found.dir.digest().0) => {
                            Some(found.found.dir.clone())
                        }
                        _ => None,
                    };
                    let store = engine.shared.setup.store.clone();
                    let now = now.or_else(|| new.map(|new| Dir::stored(TreeDigest(new), store.clone())));
                    let then = old.map(|old| Dir::stored(TreeDigest(old), store));
                    let paths = match (then, now) {
                        (Some(then), Some(now)) => {
                            let changed = changes(files(&then), files(&now)).into_iter().map(|(path, ..)| path);
                            changed.take(10).collect()
                        }
                        _ => Vec::new(),
                    };
                    out.push((
                        input.name.clone(),
                        Upstream::External { uri: external.external.uri.clone(), paths },
                    ));
                }
                Dependency::External(_) | Dependency::Nothing => {}
            }
        }
        let Some(trace) = &node.trace else {
            self.needs(engine, id, reasons, before, depth, out);
            return;
        };
        for (need, other) in trace.needs.iter().zip(&trace.nodes) {
            if matches!(engine.nodes[*other as usize].end(), Some(End::WouldRun | End::Unknown(_))) {
                let explanation = self.explain(engine, *other, depth - 1);
                out.push((need.name.clone(), Upstream::Task(Box::new(explanation))));
            }
        }
    }

    /// Follows the changed needs of a dynamic task, by what its record says that it asked for.
    fn needs(
        &self,
        engine: &Engine,
        id: NodeId,
        reasons: &[Reason],
        before: Option<&ActionResult>,
        depth: usize,
        out: &mut Vec<(String, Upstream)>,
    ) {
        let Some(before) = before else { return };
        let call = &engine.nodes[id as usize].call;
        for reason in reasons {
            let Reason::NeedChanged { name, .. } = reason else { continue };
            let need = before.steps.iter().flat_map(|step| &step.needs).find(|need| need.name == *name);
            let found = need.and_then(|need| engine.shared.resolver.need(call, need).ok());
            if let Some(other) = found.and_then(|call| engine.node_of(&call)) {
                let explanation = self.explain(engine, other, depth - 1);
                out.push((name.clone(), Upstream::Task(Box::new(explanation))));
            }
        }
    }
}
