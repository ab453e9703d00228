//! Who runs next, and what shares a slot.
//!
//! Short runs of a type that never suspends share a slot, one after the other. While all slots are taken, the next such
//! batch is made ready, and a slot that such runs hold goes on with it at once: it would be idle as long as the loop
//! takes to hear of it and to answer.

use super::{Attempt, Engine, Message};
use crate::graph::{NodeId, Phase};
use crate::pools::Share;
use crate::runner::{self, Task};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs of more seconds than this are not kept waiting behind each other.
const TOGETHER: f64 = 0.002;

/// The batch that whichever slot is free first goes on with.
#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<Option<Vec<Task>>>>);

impl Ahead {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Option<Vec<Task>> {
        self.lock().take()
    }
}

/// The runs of one batch, which are over.
pub(crate) struct Ran {
    attempts: Vec<Attempt>,
    /// Whether the slot would have gone on.
    short: bool,
    /// What it goes on with.
    next: Vec<NodeId>,
}

impl Engine {
    /// Gives free slots to what can use them: the batch that is ready for any of them, then those that resume, then those
    /// that begin.
    pub(super) fn dispatch(&mut self) {
        while self.running < self.shared.options.slots && !self.halted() {
            if let Some(tasks) = self.ahead.take() {
                self.spawn(tasks, true);
            } else if let Some(id) = self.resuming.pop_front() {
                self.resume(id);
            } else if !self.next_fits() {
                return;
            } else {
                let (tasks, short) = self.batch();
                if !tasks.is_empty() {
                    self.spawn(tasks, short);
                }
            }
        }
        self.look_ahead();
    }

    /// Makes a batch ready before a slot is free, if one is held by runs as short.
    fn look_ahead(&mut self) {
        if self.halted() {
            return self.drop_ahead();
        }
        // Those that resume go before another batch.
        if self.short == 0 || !self.resuming.is_empty() || self.ahead.lock().is_some() {
            return;
        }
        let Some(first) = self.ready.front() else { return };
        if self.share(*first).is_none() && self.together(*first) > 1 {
            let (tasks, _) = self.batch();
            if !tasks.is_empty() {
                *self.ahead.lock() = Some(tasks);
            }
            if self.halted() {
                self.drop_ahead();
            }
        }
    }

    /// Gives up what was made ready, and its locks: another process may wait for them.
    pub(super) fn drop_ahead(&mut self) {
        for task in self.ahead.take().into_iter().flatten() {
            self.nodes[task.node as usize].held = None;
        }
    }

    /// Returns what a node takes of the machine beside a slot, if it is a container.
    pub(super) fn share(&self, id: NodeId) -> Option<Share> {
        self.nodes[id as usize].planned.as_ref()?.plan.container.as_ref().map(Share::of)
    }

    /// Brings to the front what can begin: what is ready first, unless it is a container that there is no room for;
    /// then the first that is none. Tells whether there is anything.
    fn next_fits(&mut self) -> bool {
        let Some(first) = self.ready.front().copied() else { return false };
        let Some(share) = self.share(first) else { return true };
        if self.shares.contains_key(&first) {
            return true;
        }
        if self.pools.take(share) {
            self.shares.insert(first, share);
            return true;
        }
        let Some(other) = self.ready.iter().position(|id| self.share(*id).is_none()) else { return false };
        if let Some(id) = self.ready.remove(other) {
            self.ready.push_front(id);
        }
        true
    }

    /// Gives back what a container took of the machine.
    fn give_share(&mut self, id: NodeId) {
        if let Some(share) = self.shares.remove(&id) {
            self.pools.give(share);
        }
    }

    /// Takes what one slot does from what is ready: one run, or several short ones. Tells whether they are short.
    fn batch(&mut self) -> (Vec<Task>, bool) {
        let mut locked = Vec::new();
        let (mut kind, mut most, mut short) = (None, 1, false);
        while locked.len() < most && !self.halted() {
            let Some(id) = self.ready.pop_front() else { break };
            let call = &self.nodes[id as usize].call;
            let same = *kind.get_or_insert((call.plugin, call.task)) == (call.plugin, call.task);
            // A container is alone in its slot, and begins only with its share.
            let alone = self.share(id).is_some();
            if !same || (alone && (!locked.is_empty() || !self.shares.contains_key(&id))) {
                self.ready.push_front(id);
                break;
            }
            if locked.is_empty() {
                // Work is left for every slot, and the last one is not much longer than the others.
                let fair = self.ready.len() / (2 * self.shared.options.slots);
                let together = self.together(id);
                (most, short) = (together.min(fair).max(1), together > 1 && !alone);
            }
            match self.take_lock(id) {
                Some(now) => locked.push((id, now)),
                None => self.give_share(id),
            }
        }
        if locked.iter().any(|(_, now)| *now) {
            self.look_at_others();
        }
        let mut tasks = Vec::with_capacity(locked.len());
        for (id, now) in locked {
            if self.halted() {
                self.nodes[id as usize].held = None;
                continue;
            }
            // Who had the lock may have made it meanwhile.
            let stale = now && self.nodes[id as usize].looked_up != self.epoch;
            let task = if stale { None } else { self.start(id) };
            match task {
                Some(task) => tasks.push(task),
                None => self.give_share(id),
            }
            if stale {
                self.look_up_first(id);
            }
        }
        (tasks, short)
    }

    /// Returns how many runs like this one may share a slot: what fits into two milliseconds.
    fn together(&self, id: NodeId) -> usize {
        const MOST: f64 = 64.0;
        let call = &self.nodes[id as usize].call;
        if self.shared.resolver.task_type(call).dynamic {
            return 1;
        }
        match self.pace.get(&(call.plugin, call.task)) {
            Some((count, seconds)) if *count >= 4 => {
                let fit = TOGETHER * f64::from(*count) / seconds.max(1e-9);
                // At most 64, so nothing is cut off.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 1 and 64")]
                let fit = fit.clamp(1.0, MOST) as usize;
                fit
            }
            _ => 1,
        }
    }

    /// Starts runs in a free slot, one after the other; if they are short it goes on with what is ready then.
    pub(super) fn spawn(&mut self, tasks: Vec<Task>, short: bool) {
        let ids: Vec<NodeId> = tasks.iter().map(|task| task.node).collect();
        let ahead = short.then(|| self.ahead.clone());
        let (sender, start) = (self.sender.clone(), self.started);
        let handle = self.runtime.spawn(async move {
            let mut batch = Some(tasks);
            while let Some(tasks) = batch {
                let mut attempts = Vec::with_capacity(tasks.len());
                for task in tasks {
                    let (node, replayed, began) = (task.node, task.replay.len(), start.elapsed().as_secs_f64());
                    let result = runner::run(Arc::new(task)).await;
                    attempts.push(Attempt { node, replayed, began, ended: start.elapsed().as_secs_f64(), result });
                }
                batch = ahead.as_ref().and_then(Ahead::take);
                let next = batch.iter().flatten().map(|task| task.node).collect();
                _ = sender.send(Message::Ran(Ran { attempts, short, next }));
                // Runs that wait for nothing would keep the thread from all else that waits for it.
                tokio::task::yield_now().await;
            }
        });
        self.short += usize::from(short);
        self.got_slot(&ids);
        self.runs(&ids, &handle.abort_handle());
    }

    fn runs(&mut self, ids: &[NodeId], handle: &tokio::task::AbortHandle) {
        self.running += 1;
        self.handles.extend(ids.iter().map(|id| (*id, handle.clone())));
    }

    pub(super) fn ran(&mut self, Ran { attempts, short, next }: Ran) {
        let mut freed = None;
        for Attempt { node: id, replayed, began, ended, result } in attempts {
            self.give_share(id);
            if replayed != self.nodes[id as usize].trace.as_ref().map_or(0, |trace| trace.replayed) {
                // It was dropped and is run again; this is how the one before it ended.
                continue;
            }
            let Some(handle) = self.handles.remove(&id) else {
                // It was answered otherwise, or dropped.
                continue;
            };
            if freed.is_none() && !matches!(self.nodes[id as usize].phase, Phase::Suspended | Phase::Resuming) {
                self.running -= 1;
                freed = Some((handle, self.gave_slot(id)));
            }
            self.ran_within(id, began, ended);
            self.ran_one(id, result);
        }
        match freed {
            Some((handle, slot)) if !next.is_empty() => {
                match slot {
                    Some(slot) => self.kept_slot(&next, slot),
                    None => self.got_slot(&next),
                }
                self.runs(&next, &handle);
            }
            _ => self.short = self.short.saturating_sub(usize::from(short)),
        }
    }
}
