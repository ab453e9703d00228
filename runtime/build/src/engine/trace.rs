//! Look-ups, and the traces of dynamic actions.

use super::{Engine, Mode};
use crate::graph::{Answer, End, Keyed, NodeId, Phase, Trace, number};
use crate::jobs::{Explained, Found, LookUpError, Miss, Question, Trouble, missing_part};
use std::sync::Arc;
use tokio::sync::oneshot;
use wrun_core::action::{InputKind, step_key};
use wrun_core::digest::TreeDigest;
use wrun_core::event::Event;
use wrun_core::plan::{MOST_INPUTS, inner_path, input_name};
use wrun_core::report::HitSource;
use wrun_core::result::Step;
use wrun_core::task::Need;
use wrun_exec::NeedEnded;
use wrun_store::files::Dir;

impl Engine {
    /// Makes the first key of a node and looks it up.
    pub(super) fn look_up_first(&mut self, id: NodeId) {
        let contents = self.contents(id);
        let node = &mut self.nodes[id as usize];
        let Some(planned) = node.planned.clone() else { return };
        node.phase = Phase::LookUp;
        // Now, and not when the answer comes: what is written meanwhile may be missing from it.
        node.looked_up = self.epoch;
        let dynamic = self.shared.resolver.task_type(&node.call).dynamic;
        let question = Question::First { call: node.call.clone(), planned, contents };
        self.to_look_up.push_back((id, dynamic, question));
    }

    pub(super) fn looked_up(&mut self, id: NodeId, found: Result<Found, LookUpError>) {
        let found = match found {
            Ok(found) => found,
            Err(LookUpError::Trouble(trouble)) => return self.fail(id, trouble),
            Err(LookUpError::Lost(address)) => return self.start_over(address),
            Err(LookUpError::Unpulled) => return self.end(id, End::WouldRun),
            Err(LookUpError::Run(error)) => {
                let message = error.to_string();
                let hint = error.hint().map(str::to_owned);
                let hint = hint.or_else(|| Some("`wrun doctor` looks at the container engine".into()));
                return self.fail(id, Trouble { message, hint });
            }
        };
        if self.nodes[id as usize].end().is_some() {
            return;
        }
        if let Some(at) = self.nodes[id as usize].recalled {
            return self.looked_up_recalled(id, at, found);
        }
        match &found.action {
            Some(_) => self.looked_up_first(id, found),
            None => self.looked_up_step(id, found),
        }
    }

    /// The result of a node that stands: it is what it was, or everything is walked.
    fn looked_up_recalled(&mut self, id: NodeId, at: u32, found: Found) {
        let due = self.recalled.as_ref().map(|recalled| *recalled.task(at));
        match (due, found.live) {
            (Some(due), Some(live)) if live.address == due.address && live.tree == due.tree => {
                self.hit(id, live, super::LOCAL);
            }
            _ => self.again = true,
        }
    }

    fn looked_up_first(&mut self, id: NodeId, found: Found) {
        let forced = self.forced(id);
        let Some(action) = found.action else { return };
        let node = &mut self.nodes[id as usize];
        let again = node.keyed.is_some();
        let keyed = node.keyed.get_or_insert_with(|| {
            Box::new(Keyed {
                action: action.clone(),
                key: found.key,
                generation: found.generation,
                forced_over: None,
                task: None,
                reasons: Vec::new(),
                before: None,
                only_code: false,
            })
        });
        keyed.generation = found.generation;
        if let Some(live) = found.live {
            if !forced {
                let source = if again { HitSource::Process } else { source(found.remote) };
                return self.hit(id, live, source);
            }
            keyed.forced_over = Some(live);
        } else if !forced && matches!(self.mode, Mode::Verify(_)) && found.step.is_none() {
            return self.end(id, End::WouldRun);
        }
        if again {
            // It was explained before; its lock was waited for, and nobody has made it meanwhile.
            node.phase = Phase::Ready;
            return self.ready.push_back(id);
        }
        if let Some(needs) = found.step.filter(|_| !forced)
            && self.follow(id, found.key, needs)
        {
            return;
        }
        self.miss(id, found.disowned, forced);
    }

    /// Walks on by a hint: asks for what an earlier run asked for. Tells whether the hint makes sense.
    fn follow(&mut self, id: NodeId, key: wrun_core::digest::ActionKey, needs: Vec<Need>) -> bool {
        let Ok(nodes) = self.resolve_needs(id, &needs) else { return false };
        let node = &mut self.nodes[id as usize];
        let trace = node.trace.get_or_insert_with(|| Box::new(Trace::new(key)));
        trace.needs = needs;
        node.phase = Phase::Inputs;
        self.await_needs(id, nodes);
        true
    }

    fn await_needs(&mut self, id: NodeId, nodes: Vec<NodeId>) {
        let mut waits = 1;
        for other in &nodes {
            if self.nodes[*other as usize].end().is_none() {
                self.nodes[*other as usize].dependents.push(id);
                waits += 1;
            }
        }
        let node = &mut self.nodes[id as usize];
        node.waits = waits;
        node.asked.extend(&nodes);
        if let Some(trace) = &mut node.trace {
            trace.nodes = nodes;
        }
        self.woken.push(id);
    }

    fn resolve_needs(&mut self, id: NodeId, needs: &[Need]) -> Result<Vec<NodeId>, Trouble> {
        if needs.len() > MOST_INPUTS {
            return Err(Trouble {
                message: format!("`need` of {} tasks at once: at most {MOST_INPUTS} are allowed", needs.len()),
                hint: Some("ask for them in several steps, or through tasks in between".into()),
            });
        }
        let call = self.nodes[id as usize].call.clone();
        let depth = self.nodes[id as usize].depth + 1;
        let mut calls = Vec::with_capacity(needs.len());
        for need in needs {
            let checked = input_name(&need.name).and_then(|()| inner_path(need.path.as_deref()));
            checked.map_err(|error| Trouble { message: format!("{}: {error}", said(need)), hint: None })?;
            let found = self
                .shared
                .resolver
                .need(&call, need)
                .map_err(|error| Trouble { message: format!("{}: {error}", said(need)), hint: error.hint() })?;
            if found.key == call.key {
                let name = self.shared.resolver.display(&call);
                return Err(Trouble {
                    message: format!("{}: the task needs itself: {name} → {name}", said(need)),
                    hint: Some("need another task, or the same with other params".into()),
                });
            }
            calls.push(Arc::new(found));
        }
        Ok(calls.into_iter().map(|call| self.request(call, depth)).collect())
    }

    /// A running guest needs other tasks.
    pub(super) fn needed(
        &mut self,
        id: NodeId,
        needs: Vec<Need>,
        reply: oneshot::Sender<Result<Arc<Answer>, NeedEnded>>,
    ) {
        if self.nodes[id as usize].end().is_some() || self.halted() {
            // Dropping the reply ends the guest.
            return;
        }
        self.running -= 1;
        self.gave_slot(id);
        self.shared.setup.sink.send(Event::Suspended { number: number(id), needs: needs.len() });
        let nodes = self.resolve_needs(id, &needs);
        let node = &mut self.nodes[id as usize];
        node.phase = Phase::Suspended;
        let Some(keyed) = &node.keyed else { return };
        let trace = node.trace.get_or_insert_with(|| Box::new(Trace::new(keyed.key)));
        trace.needs = needs;
        trace.reply = Some(reply);
        match nodes {
            Ok(nodes) => {
                self.await_needs(id, nodes);
                self.waits(id);
            }
            Err(trouble) => {
                if let Some(trace) = &mut node.trace {
                    trace.reply = None;
                }
                self.handles.remove(&id);
                self.fail(id, trouble);
            }
        }
    }

    /// All that a dynamic action asked for in its last step has ended.
    pub(super) fn needs_ready(&mut self, id: NodeId) {
        self.waits_no_more(id);
        let Some(trace) = &self.nodes[id as usize].trace else { return };
        let worst = trace.nodes.iter().filter_map(|other| self.because_of(*other)).max_by_key(|(grave, _)| *grave);
        if let Some((_, end)) = worst {
            return self.needs_failed(id, end);
        }
        let mut step = Step { needs: trace.needs.clone(), answers: Vec::with_capacity(trace.nodes.len()) };
        let mut dirs: Vec<Dir> = Vec::with_capacity(trace.nodes.len());
        let mut addresses = Vec::with_capacity(trace.nodes.len());
        for (need, other) in trace.needs.iter().zip(&trace.nodes) {
            let Some(End::Done { output, .. }) = self.nodes[*other as usize].end() else { return };
            // While walking by hints nobody reads the files.
            let found = match (trace.has_guest(), &need.path) {
                (false, None) => Ok(None),
                _ => output.at(need.path.as_deref()).map(Some),
            };
            match found {
                Ok(dir) => {
                    step.answers.push(dir.as_ref().map_or(output.tree, Dir::digest));
                    addresses.push((need.name.clone(), output.address));
                    dirs.extend(dir);
                }
                Err(error) => {
                    let upstream = self.shared.resolver.display(&self.nodes[*other as usize].call);
                    let what = said(need);
                    return match missing_part(&what, &upstream, output, error) {
                        LookUpError::Lost(address) => self.start_over(address),
                        LookUpError::Trouble(trouble) => {
                            self.handles.remove(&id);
                            self.fail(id, trouble);
                        }
                        // Words for a path know nothing of images.
                        LookUpError::Unpulled | LookUpError::Run(_) => {}
                    };
                }
            }
        }
        let answers: Vec<(InputKind, TreeDigest)> =
            step.answers.iter().map(|tree| (InputKind::Tree, *tree)).collect();
        let node = &mut self.nodes[id as usize];
        let Some(trace) = &mut node.trace else { return };
        trace.key = step_key(trace.key, &answers);
        if trace.has_guest() {
            trace.ready = Some(Answer { dirs, key: trace.key, generation: 0, step, addresses });
        } else {
            trace.steps.push(step);
            node.phase = Phase::LookUp;
        }
        self.to_look_up.push_back((id, true, Question::Step(trace.key)));
    }

    fn needs_failed(&mut self, id: NodeId, end: End) {
        let forced = self.forced(id);
        let node = &mut self.nodes[id as usize];
        let Some(trace) = &mut node.trace else { return };
        if trace.has_guest() {
            trace.reply = None;
            self.handles.remove(&id);
            return self.end(id, end);
        }
        match (&self.mode, &end) {
            // The guest would ask for the same.
            (Mode::Preview | Mode::Verify(_), _) => self.end(id, end),
            // Only the guest knows what it asks for; the hint may be wrong.
            (Mode::Build, _) => {
                node.trace = None;
                self.miss(id, None, forced);
            }
        }
    }

    fn looked_up_step(&mut self, id: NodeId, found: Found) {
        let forced = self.forced(id);
        let running = self.nodes[id as usize].trace.as_ref().is_some_and(|trace| trace.has_guest());
        if running {
            let (adopted, competes) = if forced { (None, found.live) } else { (found.live, None) };
            if let Some(live) = adopted {
                // A deterministic guest that was given the same would finish with the same.
                if let Some(handle) = self.handles.remove(&id) {
                    handle.abort();
                }
                self.nodes[id as usize].held = None;
                return self.hit(id, live, source(found.remote));
            }
            let node = &mut self.nodes[id as usize];
            if let Some(answer) = node.trace.as_mut().and_then(|trace| trace.ready.as_mut()) {
                answer.generation = found.generation;
            }
            if let (Some(keyed), Some(live)) = (&mut node.keyed, competes) {
                keyed.forced_over = Some(live);
            }
            node.phase = Phase::Resuming;
            return self.resuming.push_back(id);
        }
        if let Some(live) = found.live {
            return self.hit(id, live, source(found.remote));
        }
        if let Some(needs) = found.step
            && self.follow(id, found.key, needs)
        {
            return;
        }
        if matches!(self.mode, Mode::Verify(_)) {
            return self.end(id, End::WouldRun);
        }
        self.miss(id, found.disowned, forced);
    }

    fn hit(&mut self, id: NodeId, output: Arc<crate::graph::Output>, source: HitSource) {
        let node = &mut self.nodes[id as usize];
        node.held = None;
        self.end(id, End::Done { output, hit: Some(source) });
    }

    fn miss(&mut self, id: NodeId, disowned: Option<crate::jobs::Was>, forced: bool) {
        let node = &mut self.nodes[id as usize];
        let Some(keyed) = &node.keyed else { return };
        node.phase = Phase::Explaining;
        // What the hint said is forgotten; the run says for itself what it needs.
        node.asked.clear();
        let steps = node.trace.take().map(|trace| trace.steps).unwrap_or_default();
        self.to_explain.push_back(Miss {
            node: id,
            call: node.call.clone(),
            action: keyed.action.clone(),
            steps,
            disowned,
            forced,
        });
    }

    pub(super) fn explained(&mut self, id: NodeId, explained: Explained) {
        let node = &mut self.nodes[id as usize];
        if let Some(keyed) = &mut node.keyed {
            keyed.task = Some(explained.task);
            keyed.reasons = explained.reasons;
            keyed.before = explained.before;
            keyed.only_code = explained.only_code;
        }
        if self.mode == Mode::Preview {
            return self.end(id, End::WouldRun);
        }
        node.phase = Phase::Ready;
        self.now_ready(id);
        self.ready.push_back(id);
    }
}

/// Says where a hit came from.
fn source(remote: bool) -> HitSource {
    if remote { HitSource::Remote } else { super::LOCAL }
}

/// Names a need for people: by the name that the author gave it, else by its task.
fn said(need: &Need) -> String {
    match need.name.strip_prefix("need~") {
        Some(_) => format!("need of `{}`", need.call.task),
        None => format!("need `{}`", need.name),
    }
}
