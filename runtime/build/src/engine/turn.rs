//! The turn of the loop: what it is told, and the jobs that it starts.

use super::{Engine, Message, Mode, Stop};
use crate::api::{BuildError, Interrupt};
use crate::jobs::{self, Shared};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use wrun_core::event::Event;
use wrun_store::StoreError;

/// Jobs take at most this many nodes, and fewer where there are few, so that several can work side by side.
const BATCH: usize = 256;
/// Fewer than this are not worth a job of their own.
const LEAST: usize = 16;

impl Engine {
    /// Runs until every node has ended and everything is durable. Tells whether it was interrupted.
    pub(super) async fn run(&mut self, interrupt: &Interrupt) -> Result<bool, BuildError> {
        loop {
            self.wake();
            self.start_jobs();
            self.dispatch();
            self.wake();
            self.count();
            if let Some(fatal) = self.fatal.take() {
                self.abort();
                return Err(fatal);
            }
            if self.queued() {
                continue;
            }
            let halted = self.again || self.stopped.is_some();
            if self.idle() || (halted && self.running == 0 && self.uncommitted == 0) {
                if halted || !self.break_cycles() {
                    break;
                }
                continue;
            }
            if self.uncommitted > 0 && self.jobs == 0 && self.running == 0 {
                self.committer.now();
            }
            tokio::select! {
                biased;
                () = interrupt.wait(), if self.stopped != Some(Stop::Interrupted) => {
                    self.stopped = Some(Stop::Interrupted);
                    // What has finished is kept; what has not is dropped.
                    while let Ok(message) = self.receiver.try_recv() {
                        self.handle(message);
                    }
                    self.abort();
                }
                () = until(self.due), if self.due.is_some() && !self.halted() => self.publish(),
                message = self.receiver.recv() => {
                    if let Some(message) = message {
                        self.handle(message);
                    }
                    while let Ok(message) = self.receiver.try_recv() {
                        self.handle(message);
                    }
                }
            }
        }
        self.abort();
        Ok(self.stopped == Some(Stop::Interrupted))
    }

    /// Says what was touched so far, for whoever collects garbage.
    fn publish(&mut self) {
        // A moment at least, or nothing else would be done.
        let pause = self.shared.options.publish_every.max(Duration::from_secs(1));
        self.due = Some(tokio::time::Instant::now() + pause);
        if let Some(writes) = crate::record::running(self) {
            self.commit_loose(writes);
        }
    }

    /// Tells whether a job can be started now.
    fn queued(&self) -> bool {
        let empty = self.to_plan.is_empty()
            && self.to_hash.is_empty()
            && self.to_look_up.is_empty()
            && self.to_explain.is_empty();
        !empty && !self.halted() && self.jobs < self.most_jobs()
    }

    /// Jobs that are under way at once: enough for every core, and few, because their answers queue up.
    fn most_jobs(&self) -> usize {
        2 * self.shared.options.slots.max(1)
    }

    fn idle(&self) -> bool {
        self.jobs == 0
            && self.running == 0
            && self.locking == 0
            && self.uncommitted == 0
            && self.ready.is_empty()
            && self.resuming.is_empty()
    }

    /// Starts jobs, those first that bring nodes nearest to their end.
    fn start_jobs(&mut self) {
        let most = self.most_jobs();
        while !self.halted() && self.jobs < most {
            let free = most - self.jobs;
            if !self.to_explain.is_empty() {
                let batch = chunk(&mut self.to_explain, free);
                self.job(|shared| async move { Message::Explained(jobs::explain(&shared, batch).await) });
            } else if !self.to_look_up.is_empty() {
                let batch = chunk(&mut self.to_look_up, free);
                self.job(|shared| async move { Message::LookedUp(jobs::look_up(&shared, batch).await) });
            } else if !self.to_hash.is_empty() {
                let batch: Vec<_> = chunk(&mut self.to_hash, free)
                    .into_iter()
                    .map(|id| {
                        let node = &self.externals[id as usize];
                        (id, node.external.clone(), node.place.clone())
                    })
                    .collect();
                self.job(|shared| async move { Message::Externals(crate::external::find(&shared, batch).await) });
            } else if !self.to_plan.is_empty() {
                let nodes = chunk(&mut self.to_plan, free);
                let batch = nodes.into_iter().map(|node| (node, self.nodes[node as usize].call.clone())).collect();
                self.job(|shared| async move { Message::Planned(jobs::plan(&shared, batch).await) });
            } else {
                return;
            }
        }
    }

    fn job<F>(&mut self, work: impl FnOnce(Arc<Shared>) -> F)
    where
        F: Future<Output = Message> + Send + 'static,
    {
        self.jobs += 1;
        let work = work(self.shared.clone());
        let sender = self.sender.clone();
        self.runtime.spawn(async move {
            // The receiver is gone only when the session is.
            _ = sender.send(work.await);
        });
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Planned(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                if !batch.writes.is_empty() && self.mode != Mode::Preview {
                    self.commit_loose(batch.writes);
                }
                for (node, plan) in batch.plans {
                    match plan {
                        Ok(planned) => self.planned(node, planned),
                        Err(trouble) => self.fail(node, trouble),
                    }
                }
            }
            Message::Externals(found) => {
                self.jobs -= 1;
                let Some(found) = self.or_fatal(found) else { return };
                if !found.writes.is_empty() && self.mode != Mode::Preview {
                    self.commit_loose(found.writes);
                }
                for (id, state) in found.states {
                    let external = &mut self.externals[id as usize];
                    external.state = state;
                    if let Some(recalled) = &self.recalled
                        && !recalled.externals.agree(&external.external, &external.state)
                    {
                        // It changed since it was looked at.
                        self.again = true;
                    }
                    let dependents = std::mem::take(&mut external.dependents);
                    self.woken.extend(dependents);
                }
            }
            Message::LookedUp(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                for (node, mut found) in batch {
                    if let Ok(found) = &mut found {
                        found.remote |= self.memory.warmed.contains(&found.key);
                    }
                    self.looked_up(node, found);
                }
            }
            Message::Explained(batch) => {
                self.jobs -= 1;
                let Some(batch) = self.or_fatal(batch) else { return };
                for (node, explained) in batch {
                    self.explained(node, explained);
                }
            }
            Message::Locked(node, held) => {
                self.locking -= 1;
                self.locked(node, held);
            }
            Message::Needed { node, needs, reply } => self.needed(node, needs, reply),
            Message::Ran(batch) => self.ran(batch),
            Message::Committed(batch) => self.committed(batch),
        }
        self.wake();
    }

    fn or_fatal<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| self.fatal.get_or_insert(error.into())).ok()
    }

    pub(super) fn count(&mut self) {
        let (standing, seen) = self.recalled.as_ref().map_or((0, 0), |it| (it.standing(), it.seen));
        let counted = ((self.nodes.len() - seen + standing) as u64, (self.ended.len() + standing) as u64);
        if counted != self.counted {
            self.counted = counted;
            self.shared.setup.sink.send(Event::Counted { known: counted.0, done: counted.1 });
        }
    }
}

async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Takes a batch from the front of a queue that so many jobs share.
fn chunk<T>(queue: &mut VecDeque<T>, jobs: usize) -> Vec<T> {
    let fair = queue.len().div_ceil(jobs).clamp(LEAST, BATCH);
    queue.drain(..queue.len().min(fair)).collect()
}
