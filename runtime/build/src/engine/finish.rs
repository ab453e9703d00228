//! Reports and previews: what the graph says once nothing moves any more.

use super::{Engine, Session};
use crate::api::{BuildError, Failure, Fate, GoalCall, GoalOutput, Listed, Outcome, Preview, PreviewTask};
use crate::both::both;
use crate::graph::{End, Node, NodeId};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wrun_core::event::Event;
use wrun_core::param::{Params, Visibility};
use wrun_core::report::{AnsweredBy, FORMAT, HitSource, Moved, Report, State, TaskReport, Totals};
use wrun_core::session::ExternalPin;

/// How long an interrupted build may take for its line in the history.
const LAST_LINE: Duration = Duration::from_secs(1);

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
    /// Makes the report, and the session record where everything succeeded; of any other only what belongs in the history.
    pub(crate) async fn finish(self, goals: &[GoalCall], before: Moved) -> Result<Outcome, BuildError> {
        let Self { mut engine, interrupted } = self;
        engine.end_the_rest(interrupted);
        let totals = engine.totals();
        let found = crate::record::found(&mut engine);
        let known = !interrupted && crate::record::confirmed(&engine, goals, totals, &found).await?;
        let list = engine.shared.options.list;
        // A list of a hundred thousand hits that nobody asked for would cost more than the walk.
        let silent = known && list != Listed::All;
        let walked = if silent { Vec::new() } else { engine.task_reports() };
        let outputs: Vec<Option<GoalOutput>> = engine.goals.iter().map(|goal| engine.goal_output(*goal)).collect();
        let failures = engine.failures();
        if interrupted {
            // Whoever asked to stop waits for no store that is slow, and hears of no trouble that it has.
            let line = crate::record::write(&engine, goals, totals, &walked, &found, true);
            _ = tokio::time::timeout(LAST_LINE, line).await;
        } else if !known {
            crate::record::write(&engine, goals, totals, &walked, &found, false).await?;
        }
        let mut report = Report {
            format: FORMAT,
            answered_by: AnsweredBy::Walk,
            totals,
            tasks: if silent { Vec::new() } else { engine.listed(walked, list).await? },
            externals: crate::record::shown(&found.externals),
            notes: engine.memory.notes.clone(),
            ..Report::default()
        };
        report.totals.seconds = engine.started.elapsed().as_secs_f64();
        report.traffic = engine.shared.setup.traffic().since(before);
        let finished = Event::Finished { totals: report.totals, traffic: report.traffic.into() };
        engine.shared.setup.sink.send(finished);
        let mut same_bytes = std::mem::take(&mut engine.memory.same_bytes);
        same_bytes.retain(|task, _| !engine.memory.other_bytes.contains(task));
        let externals = engine.external_places(&found.externals);
        // A large graph takes a while to be taken apart, and nobody waits for it.
        let runtime = engine.runtime.clone();
        runtime.spawn_blocking(move || drop(engine));
        Ok(Outcome { report, goals: outputs, interrupted, failures, same_bytes, externals })
    }

    /// Says what a build would do.
    pub(crate) fn preview(self) -> Preview {
        let engine = self.engine;
        let places = engine.places();
        let tasks = engine.ended.iter().map(|id| engine.preview_task(*id, &places)).collect();
        Preview { tasks }
    }
}

impl Engine {
    /// Returns where the externals of this machine are, if somebody wants to know.
    fn external_places(&self, pins: &[ExternalPin]) -> Vec<PathBuf> {
        if !self.shared.options.want_externals {
            return Vec::new();
        }
        // Those that are not there yet are nowhere else.
        let walked = self.externals.iter().map(|external| external.place.clone());
        let recalled = pins.iter().filter_map(|pin| crate::external::place(&self.shared, &pin.external.uri).ok());
        walked.chain(recalled).filter_map(|place| place.path().map(Path::to_owned)).collect()
    }

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

    /// Returns what failed, in the order in which it was asked for: that in which it ended is nobody's.
    fn failures(&self) -> Vec<Failure> {
        let failed = self.nodes.iter().filter_map(|node| match node.end() {
            Some(End::Failed { message, hint, log }) => Some(Failure {
                task: self.shared.resolver.display(&node.call),
                message: message.clone(),
                hint: hint.clone(),
                log: log.clone(),
            }),
            _ => None,
        });
        failed.collect()
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for id in &self.ended {
            let (state, seconds) = self.ended_as(*id);
            totals.count(state);
            if state == State::Cached {
                totals.saved_seconds += seconds;
                let remote =
                    matches!(self.nodes[*id as usize].end(), Some(End::Done { hit: Some(HitSource::Remote), .. }));
                totals.remote += u64::from(remote);
                totals.saved_remote_seconds += if remote { seconds } else { 0.0 };
            }
        }
        if let Some(recalled) = &self.recalled {
            let kept = u64::from(recalled.kept.count);
            totals.tasks += kept;
            totals.cached += kept;
            totals.saved_seconds += recalled.kept.saved_seconds;
        }
        totals.seconds = self.started.elapsed().as_secs_f64();
        totals
    }

    /// Returns how a node ended, and how long its run took, now or whenever it was.
    fn ended_as(&self, id: NodeId) -> (State, f64) {
        let node = &self.nodes[id as usize];
        let Some(end) = node.end() else { return (State::Blocked, 0.0) };
        let End::Done { output, .. } = end else { return (state(end).0, node.seconds) };
        // What ran in an earlier pass of this session is a hit of the last one.
        match self.memory.ran.get(&node.call.key) {
            Some(ran) if ran.address == output.address => (State::Ran, ran.seconds),
            _ => (state(end).0, output.seconds),
        }
    }

    /// Says of each task that was walked how it ended.
    pub(crate) fn task_reports(&self) -> Vec<TaskReport> {
        let places = self.places();
        let report =
            |ids: &[NodeId]| -> Vec<TaskReport> { ids.iter().map(|id| self.task_report(*id, &places)).collect() };
        let (first, rest) = self.ended.split_at(self.ended.len() / 2);
        let (mut rest, mut all) = both(self.ended.len(), || report(rest), || report(first));
        all.append(&mut rest);
        all
    }

    /// Returns what the report lists.
    async fn listed(&self, mut walked: Vec<TaskReport>, list: Listed) -> Result<Vec<TaskReport>, BuildError> {
        let kept = self.recalled.as_ref().map(|recalled| &recalled.kept).filter(|kept| kept.count > 0);
        if list == Listed::Misses {
            let all = walked.len();
            walked.retain(|task| task.state != State::Cached);
            if walked.len() < all || kept.is_some() {
                // Places in a list that is not this one.
                walked.iter_mut().for_each(|task| task.needs.clear());
            }
        } else if let Some(kept) = kept {
            let hits = crate::recall::listing::parse(kept.lines.clone()).await;
            let mut hits = hits.ok_or_else(|| BuildError::Internal("a listing cannot be read again".into()))?;
            hits.append(&mut walked);
            return Ok(hits);
        }
        Ok(walked)
    }

    /// Returns where each node is in the report.
    pub(crate) fn places(&self) -> Vec<u32> {
        let kept = self.recalled.as_ref().map(|recalled| &recalled.kept);
        let place = |node: &Node| Some(*kept?.places.get(node.recalled? as usize)?);
        let mut places: Vec<u32> = self.nodes.iter().map(|node| place(node).unwrap_or(u32::MAX)).collect();
        let first = kept.map_or(0, |kept| kept.count);
        for (place, id) in (first..).zip(&self.ended) {
            places[*id as usize] = place;
        }
        places
    }

    pub(crate) fn needs_at(&self, id: NodeId, places: &[u32]) -> Vec<u32> {
        self.needs(id).map(|other| places[other as usize]).filter(|place| *place != u32::MAX).collect()
    }

    fn task_report(&self, id: NodeId, places: &[u32]) -> TaskReport {
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
        let mut timing = self.timing(id).filter(|_| state != State::Cached);
        // What ran in an earlier pass of this session is a hit of the last one.
        let ran = self.memory.ran.get(&node.call.key);
        if let (Some(ran), Some(output)) = (ran, output)
            && ran.address == output.address
        {
            (state, source) = (State::Ran, None);
            (reason, usual_seconds, same_output) = (ran.reasons.clone(), ran.usual, ran.same);
            seconds = ran.seconds;
            timing.clone_from(&ran.timing);
        }
        let log = match &end {
            End::Failed { log, .. } => end_of(log),
            _ => None,
        };
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
            needs: self.needs_at(id, places),
            timing,
            log,
        }
    }

    fn preview_task(&self, id: NodeId, places: &[u32]) -> PreviewTask {
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
        let secretive = spec.params.iter().any(|param| param.visibility == Visibility::Private);
        let container = node.planned.as_ref().filter(|_| !secretive).and_then(|it| it.plan.container.clone());
        PreviewTask {
            plugin: self.shared.resolver.plugin(&node.call).planner.description().id.clone(),
            task: spec.name.clone(),
            params: shown(&node.call.params, &spec.params),
            fate,
            key: keyed.map(|keyed| keyed.key),
            usual_seconds: keyed.and_then(|keyed| keyed.before).map(|before| before.1),
            dynamic: spec.dynamic,
            container,
            needs: self.needs_at(id, places),
        }
    }
}

/// Returns the last lines of a log, as far as they fit into a report.
fn end_of(log: &[u8]) -> Option<String> {
    const MOST: usize = 2 << 10;
    let text = String::from_utf8_lossy(&log[log.len().saturating_sub(MOST)..]);
    let text = if log.len() > MOST { text.split_once('\n').map_or(&*text, |(_, rest)| rest) } else { &text };
    (!text.trim().is_empty()).then(|| text.trim_end().to_owned())
}

/// Leaves out private params.
fn shown(params: &Params, specs: &[wrun_core::param::ParamSpec]) -> Params {
    let mut shown = params.clone();
    if specs.iter().any(|spec| spec.visibility == Visibility::Private) {
        shown.0.retain(|name, _| {
            specs.iter().any(|spec| spec.name == name && spec.visibility != Visibility::Private)
        });
    }
    shown
}
