//! How nodes end, and what that does to those that wait for them.

use super::{Engine, Mode, Stop, finish};
use crate::graph::{Dependency, End, ExternalState, NodeId, Phase, number};
use crate::jobs::Trouble;
use wrun_core::event::Event;
use wrun_core::report::State;

impl Engine {
    /// Tells those that waited for what has ended.
    pub(super) fn wake(&mut self) {
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
    pub(super) fn because_of(&self, other: NodeId) -> Option<(u8, End)> {
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

    pub(super) fn end(&mut self, id: NodeId, end: End) {
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
        if node.recalled.is_some() {
            return;
        }
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

    /// Nothing moves and nodes are left: each waits for another that waits for it.
    pub(super) fn break_cycles(&mut self) -> bool {
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
}
