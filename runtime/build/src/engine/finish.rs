//! Reports and previews: what the graph says once nothing moves any more.

use super::{Engine, Session};
use crate::api::{BuildError, Failure, Fate, GoalCall, GoalOutput, Outcome, Preview, PreviewTask};
use crate::graph::{End, NodeId};
use wrun_core::event::Event;
use wrun_core::param::{Params, Visibility};
use wrun_core::report::{AnsweredBy, FORMAT, Report, State, TaskReport, Totals};

/// Returns the state that an end is shown as, and the words that go with it.
pub(super) fn state(end: &End) -> (State, Option<&str>) {
    match end {
        End::Done { hit: Some(_), .. } => (State::Cached, None),
        End::Done { hit: None, .. } => (State::Ran, None),
        End::Failed { message, .. } => (State::Failed, Some(message)),
        End::Blocked(why) => (State::Blocked, Some(why)),
        End::Waiting(what) => (State::Waiting, Some(what)),
        End::Skipped(why) => (State::Skipped, Some(why)),
        End::WouldRun | End::Unknown(_) => (State::Blocked, None),
    }
}

impl Session {
    /// Makes the report, and the session record where everything succeeded.
    pub(crate) async fn finish(self, goals: &[GoalCall]) -> Result<Outcome, BuildError> {
        let Self { mut engine, interrupted } = self;
        engine.end_the_rest(interrupted);
        let mut report = engine.report();
        let outputs: Vec<Option<GoalOutput>> = engine.goals.iter().map(|goal| engine.goal_output(*goal)).collect();
        let failures = engine.failures();
        if !interrupted {
            crate::record::write(&engine, goals, &report).await?;
        }
        report.totals.seconds = engine.started.elapsed().as_secs_f64();
        engine.shared.setup.sink.send(Event::Finished { totals: report.totals });
        let same_bytes = std::mem::take(&mut engine.memory.same_bytes);
        // A large graph takes a while to be taken apart, and nobody waits for it.
        let runtime = engine.runtime.clone();
        runtime.spawn_blocking(move || drop(engine));
        Ok(Outcome { report, goals: outputs, interrupted, failures, same_bytes })
    }

    /// Says what a build would do.
    pub(crate) fn preview(self) -> Preview {
        let engine = self.engine;
        let tasks = engine.ended.iter().map(|id| engine.preview_task(*id)).collect();
        Preview { tasks }
    }
}

impl Engine {
    /// Ends what an interrupt or the first failure left.
    fn end_the_rest(&mut self, interrupted: bool) {
        let why = if interrupted { "interrupted" } else { "not finished: --fail-fast" };
        if !interrupted && !self.stopped_early() {
            return;
        }
        for id in 0..self.nodes.len() {
            if let Ok(id) = u32::try_from(id) {
                self.end(id, End::Blocked(why.to_owned()));
            }
        }
        self.woken.clear();
    }

    fn goal_output(&self, id: NodeId) -> Option<GoalOutput> {
        match self.nodes[id as usize].end() {
            Some(End::Done { output, .. }) => {
                Some(GoalOutput { address: output.address, dir: output.dir().ok()? })
            }
            _ => None,
        }
    }

    fn failures(&self) -> Vec<Failure> {
        let failed = self.ended.iter().filter_map(|id| match self.nodes[*id as usize].end() {
            Some(End::Failed { message, hint, log }) => Some(Failure {
                task: self.shared.resolver.display(&self.nodes[*id as usize].call),
                message: message.clone(),
                hint: hint.clone(),
                log: log.clone(),
            }),
            _ => None,
        });
        failed.collect()
    }

    fn report(&self) -> Report {
        let mut totals = Totals::default();
        let mut tasks = Vec::with_capacity(self.ended.len());
        for id in &self.ended {
            let task = self.task_report(*id);
            totals.count(task.state);
            if task.state == State::Cached {
                totals.saved_seconds += task.seconds;
            }
            tasks.push(task);
        }
        totals.seconds = self.started.elapsed().as_secs_f64();
        let notes = self.memory.notes.clone();
        Report { format: FORMAT, answered_by: AnsweredBy::Walk, totals, tasks, notes }
    }

    fn task_report(&self, id: NodeId) -> TaskReport {
        let node = &self.nodes[id as usize];
        let spec = self.shared.resolver.task_type(&node.call);
        let end = node.end().cloned().unwrap_or(End::WouldRun);
        let (mut state, message) = state(&end);
        let message = message.map(str::to_owned);
        let (output, mut source) = match &end {
            End::Done { output, hit } => (Some(output), *hit),
            _ => (None, None),
        };
        let mut seconds = output.map_or(node.seconds, |output| output.seconds);
        let (mut reason, mut usual_seconds, mut same_output) = (Vec::new(), None, false);
        // What ran in an earlier pass of this session is a hit of the last one.
        let ran = self.memory.ran.get(&node.call.key);
        if let (Some(ran), Some(output)) = (ran, output)
            && ran.address == output.address
        {
            (state, source) = (State::Ran, None);
            (reason, usual_seconds, same_output) = (ran.reasons.clone(), ran.usual, ran.same);
            seconds = ran.seconds;
        }
        TaskReport {
            plugin: self.shared.resolver.plugin(&node.call).planner.description().id.clone(),
            task: spec.name.clone(),
            params: shown(&node.call.params, &spec.params),
            key: output.map(|output| output.address.key).or(node.keyed.as_ref().map(|keyed| keyed.key)),
            state,
            reason,
            message,
            source,
            seconds,
            usual_seconds,
            same_output,
            output: output.map(|output| output.tree),
        }
    }

    fn preview_task(&self, id: NodeId) -> PreviewTask {
        let node = &self.nodes[id as usize];
        let spec = self.shared.resolver.task_type(&node.call);
        let keyed = node.keyed.as_ref();
        let fate = match node.end().cloned().unwrap_or(End::WouldRun) {
            End::Done { hit, .. } => Fate::Hit(hit.unwrap_or(super::LOCAL)),
            End::WouldRun => Fate::Run(keyed.map(|keyed| keyed.reasons.clone()).unwrap_or_default()),
            End::Unknown(until) => Fate::Unknown(self.shared.resolver.display(&self.nodes[until as usize].call)),
            End::Waiting(what) => Fate::Waiting(what),
            End::Failed { message, .. } => Fate::Failed(message),
            End::Blocked(why) => Fate::Blocked(why),
            End::Skipped(why) => Fate::Skipped(why),
        };
        PreviewTask {
            plugin: self.shared.resolver.plugin(&node.call).planner.description().id.clone(),
            task: spec.name.clone(),
            params: shown(&node.call.params, &spec.params),
            fate,
            usual_seconds: keyed.and_then(|keyed| keyed.before).map(|before| before.1),
            dynamic: spec.dynamic,
        }
    }
}

/// Leaves out private params.
fn shown(params: &Params, specs: &[wrun_core::param::ParamSpec]) -> Params {
    let mut shown = params.clone();
    if specs.iter().any(|spec| spec.visibility == Visibility::Private) {
        shown.0.retain(|name, _| {
            specs.iter().any(|spec| spec.name == *name && spec.visibility != Visibility::Private)
        });
    }
    shown
}
