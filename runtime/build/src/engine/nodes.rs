//! How nodes come to be, and what they stand on.

use super::{Engine, Mode};
use crate::api::{BuildError, Force, GoalCall};
use crate::graph::{
    Behind, Dependency, End, ExternalId, ExternalNode, ExternalState, Node, NodeId, Phase, Planned,
};
use crate::jobs::{self, Question, Trouble};
use crate::resolve::SharedCall;
use std::sync::Arc;
use wrun_core::plan::External;

/// A chain of requirements longer than this is taken for one without end.
const DEEPEST: u32 = 100_000;

impl Engine {
    pub(super) fn goal(&mut self, goal: &GoalCall) -> Result<(), BuildError> {
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
    pub(super) fn request(&mut self, call: SharedCall, depth: u32) -> NodeId {
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
        } else if !self.recall(id) {
            self.to_plan.push_back(id);
        }
        id
    }

    /// Asks for the result of a node that stands where the last build left it. Tells whether it does.
    fn recall(&mut self, id: NodeId) -> bool {
        let node = &mut self.nodes[id as usize];
        let Some(recalled) = &mut self.recalled else { return false };
        let Some(at) = recalled.find(node.call.key) else { return false };
        recalled.seen += 1;
        node.recalled = Some(at);
        node.phase = Phase::LookUp;
        self.to_look_up.push_back((id, false, Question::Step(recalled.task(at).address.key)));
        true
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

    pub(super) fn planned(&mut self, id: NodeId, planned: Arc<Planned>) {
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
                Behind::External(external, place) => {
                    let external = self.external(external, place);
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

    fn external(&mut self, external: &External, place: &wrun_store::external::Place) -> ExternalId {
        if let Some(id) = self.external_index.get(external) {
            return *id;
        }
        let id = u32::try_from(self.externals.len()).unwrap_or(u32::MAX);
        self.external_index.insert(external.clone(), id);
        let known = self.recalled.as_ref().and_then(|recalled| recalled.externals.found(external));
        let state = known.map_or(ExternalState::Pending, ExternalState::Found);
        if matches!(state, ExternalState::Pending) {
            self.to_hash.push_back(id);
        }
        let (external, place) = (external.clone(), place.clone());
        self.externals.push(ExternalNode { external, place, state, dependents: Vec::new() });
        id
    }

    /// Returns the content behind each input, once all are there.
    pub(super) fn contents(&self, id: NodeId) -> Vec<Option<jobs::Content>> {
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

    pub(crate) fn node_of(&self, call: &crate::resolve::TaskCall) -> Option<NodeId> {
        self.index.get(&call.key).copied()
    }

    pub(super) fn forced(&self, id: NodeId) -> bool {
        let node = &self.nodes[id as usize];
        let name = || &self.shared.resolver.task_type(&node.call).name;
        if let Mode::Verify(only) = &self.mode {
            // What acts on the world is not repeated to look at it.
            let effect = node.planned.as_ref().and_then(|planned| planned.plan.container.as_ref());
            let effect = effect.is_some_and(|container| container.effect);
            return !effect && (only.is_empty() || only.contains(name()));
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
