//! Locks, runs, commits.

use super::{Engine, Mode, Ran, Stop};
use crate::commit::{Item, Settled};
use crate::graph::{Answer, Dependency, End, ExternalState, NodeId, Phase, number};
use crate::jobs::Trouble;
use crate::runner::{self, Finished, Input, Task};
use crate::tombstones::Why;
use crate::verify::Verdict;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use wrun_core::digest::ActionKey;
use wrun_core::event::Event;
use wrun_core::plan::Source;
use wrun_core::result::{Address, FailedAttempt};
use wrun_exec::RunError;
use wrun_store::lock::Held;
use wrun_store::{StoreError, Write};

/// A run that fails for no fault of the task's is repeated this often.
const INFRASTRUCTURE_RETRIES: u32 = 2;
/// Another build that runs a task is waited for so long before the user is told.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    pub(super) fn resume(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize];
        let Some(trace) = &mut node.trace else { return };
        let Some(answer) = trace.ready.take().map(Arc::new) else { return };
        trace.given.push(answer.clone());
        if trace.dropped {
            return self.replay(id);
        }
        if let Some(reply) = trace.reply.take() {
            node.phase = Phase::Running;
            self.running += 1;
            self.got_slot(&[id]);
            self.shared.setup.sink.send(Event::Resumed { number: number(id) });
            // A guest that is gone reports its own end.
            _ = reply.send(Ok(answer));
        }
    }

    /// Takes a node's lock, and tells whether it was taken just now; `None` if another has it, which is waited for beside
    /// the loop, or if that cannot be told, which ends the session.
    pub(super) fn take_lock(&mut self, id: NodeId) -> Option<bool> {
        let node = &mut self.nodes[id as usize];
        let key = node.keyed.as_ref()?.key;
        let Some(locks) = self.shared.setup.locks.clone().filter(|_| node.held.is_none()) else {
            return Some(false);
        };
        match locks.try_lock(key) {
            Ok(Some(held)) => {
                node.held = Some(held);
                return Some(true);
            }
            Ok(None) => {
                node.phase = Phase::Locked;
                let holds = self.holders_above(id);
                let sender = self.sender.clone();
                self.locking += 1;
                let task = self.shared.resolver.display(&self.nodes[id as usize].call);
                let (sink, told) = (self.shared.setup.sink.clone(), self.told_of_others.clone());
                self.runtime.spawn(async move {
                    let mut locked = std::pin::pin!(locks.lock(key, &holds));
                    let held = match tokio::time::timeout(PATIENCE, &mut locked).await {
                        Ok(held) => held,
                        Err(_) => {
                            if !told.swap(true, Relaxed) {
                                let message =
                                    format!("`{task}` is run by another build: its result is waited for");
                                sink.send(Event::Note { message });
                            }
                            locked.await
                        }
                    };
                    _ = sender.send(super::Message::Locked(id, held));
                });
            }
            Err(error) => self.set_fatal(error),
        }
        None
    }

    pub(super) fn locked(&mut self, id: NodeId, held: Result<Held, StoreError>) {
        match held {
            Ok(held) => {
                self.nodes[id as usize].held = Some(held);
                self.epoch += 1;
                self.look_up_first(id);
            }
            Err(error @ StoreError::CrossProcessCycle { .. }) => self.fail(
                id,
                Trouble {
                    message: format!("two builds wait for each other: {error}"),
                    hint: Some("the tasks need each other; break the circle in their `requires` or `need`".into()),
                },
            ),
            Err(error) => self.set_fatal(error),
        }
    }

    /// Returns the keys that this session holds locks of and that wait for this node.
    fn holders_above(&self, id: NodeId) -> Vec<ActionKey> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut queue = vec![id];
        let mut keys = Vec::new();
        while let Some(at) = queue.pop() {
            let node = &self.nodes[at as usize];
            if let (Some(_), Some(keyed)) = (&node.held, &node.keyed) {
                keys.push(keyed.key);
            }
            queue.extend(node.dependents.iter().filter(|other| seen.insert(**other)));
        }
        keys
    }

    fn set_fatal(&mut self, error: StoreError) {
        self.fatal.get_or_insert(error.into());
    }

    /// Looks whether others wrote, after locks were taken: what they wrote before is seen by it.
    pub(super) fn look_at_others(&mut self) {
        match self.shared.setup.store.others_wrote() {
            Ok(wrote) => self.epoch += u64::from(wrote),
            Err(error) => self.set_fatal(error),
        }
    }

    pub(super) fn start(&mut self, id: NodeId) -> Option<Task> {
        let inputs = match self.inputs(id) {
            Ok(inputs) => inputs,
            Err(address) => {
                self.start_over(address);
                return None;
            }
        };
        let display = self.shared.resolver.display(&self.nodes[id as usize].call);
        let node = &mut self.nodes[id as usize];
        let Some(keyed) = &node.keyed else { return None };
        let task = keyed.task.unwrap_or_else(|| crate::jobs::id_of(&self.shared, &node.call));
        node.phase = Phase::Running;
        node.trace = None;
        node.attempts += 1;
        self.shared.setup.sink.send(Event::Running {
            number: number(id),
            task: display,
            id: task,
            reason: keyed.reasons.clone(),
            usual_seconds: keyed.before.map(|before| before.1),
        });
        self.attempt(id, inputs, Vec::new())
    }

    /// Makes an attempt, which is given first what an earlier one of the same guest was given.
    pub(super) fn attempt(&self, id: NodeId, inputs: Vec<Input>, replay: Vec<Arc<Answer>>) -> Option<Task> {
        let node = &self.nodes[id as usize];
        let (Some(keyed), Some(planned)) = (&node.keyed, node.planned.clone()) else { return None };
        Some(Task {
            node: id,
            shared: self.shared.clone(),
            call: node.call.clone(),
            id: keyed.task.unwrap_or_else(|| crate::jobs::id_of(&self.shared, &node.call)),
            planned,
            action: keyed.action.clone(),
            key: keyed.key,
            generation: keyed.generation,
            reasons: keyed.reasons.clone(),
            inputs,
            replay,
            number: number(id),
            sender: self.sender.clone(),
            session_started: self.started,
        })
    }

    /// Returns what shows under `/in`; an error names a result whose bytes are gone.
    pub(super) fn inputs(&self, id: NodeId) -> Result<Vec<Input>, Address> {
        let node = &self.nodes[id as usize];
        let Some(planned) = &node.planned else { return Ok(Vec::new()) };
        let mut inputs = Vec::with_capacity(planned.plan.inputs.len());
        for (input, dependency) in planned.plan.inputs.iter().zip(&node.dependencies) {
            match dependency {
                Dependency::Nothing => {}
                Dependency::Task(other) => {
                    let (Some(End::Done { output, .. }), Source::Task { path, .. }) =
                        (self.nodes[*other as usize].end(), &input.source)
                    else {
                        continue;
                    };
                    let dir = output.at(path.as_deref()).map_err(|_| output.address)?;
                    let content = runner::Content::Made(dir, output.address);
                    inputs.push(Input { name: input.name.clone(), content });
                }
                Dependency::External(other) => {
                    let external = &self.externals[*other as usize];
                    if let ExternalState::Found(found) = &external.state {
                        let content = runner::Content::External(external.external.uri.clone(), found.clone());
                        inputs.push(Input { name: input.name.clone(), content });
                    }
                }
            }
        }
        Ok(inputs)
    }

    pub(super) fn ran_one(&mut self, id: NodeId, result: Result<Box<Finished>, RunError>) {
        match result {
            Ok(finished) => self.finished(id, *finished),
            Err(RunError::NeedEnded) => self.fail(
                id,
                Trouble { message: "the task went on after a `need` that did not succeed".into(), hint: None },
            ),
            Err(RunError::Store(error)) => self.set_fatal(error),
            Err(RunError::LostInput { input }) => self.lost_input(id, &input),
            Err(RunError::Infrastructure(message)) => {
                let left = self.nodes[id as usize].attempts <= INFRASTRUCTURE_RETRIES;
                let hint = self.share(id).map(|_| "`wrun doctor` looks at the container engine".to_owned());
                self.failed(id, message, hint, Vec::new(), left);
            }
            Err(RunError::Failed { kind, message, log }) => {
                let retries = self.shared.resolver.task_type(&self.nodes[id as usize].call).retries;
                let left = kind.may_pass() && self.nodes[id as usize].attempts <= retries;
                let hint = kind.hint().map(Into::into).or_else(|| self.folder_hint(id, &message));
                self.failed(id, message, hint, log, left);
            }
        }
    }

    /// A task that stumbles over an input may have been given a folder where it wants a file: it cannot know
    /// what the user named.
    fn folder_hint(&self, id: NodeId, message: &str) -> Option<String> {
        let node = &self.nodes[id as usize];
        let inputs = node.planned.as_ref()?.plan.inputs.iter().zip(&node.dependencies);
        inputs.into_iter().find_map(|(input, dependency)| {
            let Dependency::External(external) = dependency else { return None };
            let external = &self.externals[*external as usize];
            let path = external.place.path().filter(|path| path.is_dir())?;
            message.contains(&format!("/in/{}", input.name)).then(|| {
                let path = path.display();
                format!(
                    "input `{}` is the folder `{path}`; where the task wants one file, name that file",
                    input.name
                )
            })
        })
    }

    fn failed(&mut self, id: NodeId, message: String, hint: Option<String>, log: Vec<u8>, again: bool) {
        if self.mode == Mode::Build {
            self.keep_failed(id, &message, &log);
        }
        let node = &mut self.nodes[id as usize];
        if again && !matches!(self.mode, Mode::Verify(_)) {
            let (attempt, call) = (node.attempts, node.call.clone());
            node.phase = Phase::Ready;
            self.ready.push_back(id);
            let task = self.shared.resolver.display(&call);
            self.shared.setup.sink.send(Event::Retrying { number: number(id), task, attempt, message });
            return;
        }
        node.held = None;
        if matches!(self.mode, Mode::Verify(_)) {
            let name = self.shared.resolver.display(&self.nodes[id as usize].call);
            self.memory.verdicts.push((name, Verdict::Failed(message)));
            return self.keep_first(id);
        }
        self.end(id, End::Failed { message, hint, log });
    }

    /// Keeps what a failed attempt said for `wrun log`, instead of the one before.
    fn keep_failed(&mut self, id: NodeId, message: &str, log: &[u8]) {
        let node = &self.nodes[id as usize];
        let Some(keyed) = &node.keyed else { return };
        let since = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let attempt = FailedAttempt {
            format: wrun_core::result::FORMAT,
            key: keyed.key,
            attempt: node.attempts,
            ended: self.shared.options.now.as_millisecond().saturating_add(since),
            message: message.to_owned(),
            log: FailedAttempt::shorten(log),
        };
        let task = crate::jobs::id_of(&self.shared, &node.call);
        if let Ok(body) = serde_json::to_vec(&attempt) {
            self.commit_loose(vec![Write::Attempt(task, body.into())]);
        }
    }

    /// Ends a verified node with the result that it had.
    fn keep_first(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize];
        node.held = None;
        match node.keyed.as_mut().and_then(|keyed| keyed.forced_over.take()) {
            Some(output) => self.end(id, End::Done { output, hit: Some(super::LOCAL) }),
            None => self.end(id, End::WouldRun),
        }
    }

    fn finished(&mut self, id: NodeId, finished: Finished) {
        let call = self.nodes[id as usize].call.clone();
        if let Mode::Verify(_) = self.mode {
            return self.verified(id, &finished);
        }
        let timing = self.timing(id);
        let node = &mut self.nodes[id as usize];
        let Some(keyed) = &mut node.keyed else { return };
        node.seconds = finished.output.seconds;
        let pace = self.pace.entry((call.plugin, call.task)).or_default();
        *pace = (pace.0 + 1, pace.1 + finished.output.seconds);
        let same = keyed.before.is_some_and(|before| before.0 == finished.output.tree);
        if keyed.only_code {
            let name = self.shared.resolver.task_type(&call).name.clone();
            if same {
                *self.memory.same_bytes.entry(name).or_default() += 1;
            } else {
                self.memory.other_bytes.insert(name);
            }
        }
        let mut ran = Ran {
            reasons: keyed.reasons.clone(),
            seconds: finished.output.seconds,
            usual: keyed.before.map(|before| before.1),
            same,
            address: finished.output.address,
            timing,
        };
        let mut disown = None;
        let mut output = finished.output;
        let mut writes = finished.writes;
        let first = keyed.forced_over.take().filter(|first| first.address.key == output.address.key);
        if let Some(first) = first {
            self.memory.forced.insert(call.key);
            if first.tree == output.tree {
                // The same bytes again: the first result stays.
                writes.clear();
                ran.address = first.address;
                output = first;
            } else {
                let name = self.shared.resolver.display(&call);
                let both = super::differ(first.tree, output.tree);
                self.note(format!(
                    "nondeterminism: `{name}` made {both} from the same inputs; forced, so the second is kept"
                ));
                disown = Some((first.address, Why::Forced, self.shared.options.now.as_millisecond()));
            }
        }
        self.memory.ran.insert(call.key, ran);
        if !writes.is_empty() {
            let held = self.nodes[id as usize].held.take();
            self.uncommitted += 1;
            self.committer.send(Item { node: Some(id), writes, disown, held, left: finished.left });
        }
        self.nodes[id as usize].held = None;
        self.end(id, End::Done { output, hit: None });
    }

    fn verified(&mut self, id: NodeId, finished: &Finished) {
        let name = self.shared.resolver.display(&self.nodes[id as usize].call);
        let first = self.nodes[id as usize].keyed.as_ref().and_then(|keyed| keyed.forced_over.clone());
        if let Some(first) = first {
            let second = finished.output.tree;
            let verdict = if first.tree == second {
                Verdict::Same
            } else {
                let paths = crate::verify::differing(&first, &finished.output);
                self.note(format!(
                    "nondeterminism: `{name}` made {} from the same inputs",
                    super::differ(first.tree, second)
                ));
                Verdict::Differs { first: first.tree, second, paths }
            };
            self.memory.verdicts.push((name, verdict));
        }
        self.keep_first(id);
    }

    fn lost_input(&mut self, id: NodeId, input: &str) {
        let node = &self.nodes[id as usize];
        let from_plan = node.planned.as_ref().and_then(|planned| {
            let at = planned.plan.inputs.iter().position(|i| i.name == input)?;
            node.dependencies.get(at).copied()
        });
        let from_need = node.trace.as_ref().and_then(|trace| {
            let at = trace.needs.iter().position(|need| need.name == input)?;
            trace.nodes.get(at).map(|other| Dependency::Task(*other))
        });
        match from_need.or(from_plan) {
            Some(Dependency::Task(other)) => {
                if let Some(End::Done { output, .. }) = self.nodes[other as usize].end() {
                    let address = output.address;
                    return self.start_over(address);
                }
                self.again = true;
            }
            // An external is read again from where it lies.
            _ => self.again = true,
        }
    }

    /// A result's bytes are gone: it is disowned, and the session walks again.
    pub(super) fn start_over(&mut self, address: Address) {
        if self.mode == Mode::Preview && self.lost.contains(&address) {
            return;
        }
        self.again = true;
        self.lost.push(address);
    }

    /// Writes what belongs to no node.
    pub(super) fn commit_loose(&mut self, writes: Vec<Write>) {
        self.uncommitted += 1;
        self.committer.send(Item { node: None, writes, disown: None, held: None, left: None });
    }

    pub(super) fn committed(&mut self, batch: Result<Vec<Settled>, StoreError>) {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return self.set_fatal(error),
        };
        for settled in batch {
            self.uncommitted -= 1;
            if let (Some(id), Some((address, winner))) = (settled.node, settled.lost) {
                self.adopt(id, address, winner);
            }
        }
    }

    /// Another was first: its result is the result.
    pub(super) fn adopt(&mut self, id: NodeId, address: Address, winner: wrun_store::Bytes) {
        let record = wrun_store::Record { generation: address.generation, body: winner, remote: true };
        let Some(theirs) = crate::jobs::output(&self.shared, address.key, &record) else {
            self.again = true;
            return;
        };
        if self.shared.tombstones.disowns(address.key, &record) {
            // Made by somebody who did not know that yet: the next generation is ours.
            self.again = true;
            return;
        }
        let Some(End::Done { output: ours, .. }) = self.nodes[id as usize].end() else { return };
        if ours.tree == theirs.tree {
            return;
        }
        let name = self.shared.resolver.display(&self.nodes[id as usize].call);
        let both = super::differ(theirs.tree, ours.tree);
        self.note(format!("nondeterminism: `{name}` made {both} from the same inputs; the first is kept"));
        self.memory.ran.remove(&self.nodes[id as usize].call.key);
        self.again = true;
    }

    /// Tells whether the first failure stopped the build.
    pub(super) fn stopped_early(&self) -> bool {
        self.stopped == Some(Stop::FailFast)
    }
}
