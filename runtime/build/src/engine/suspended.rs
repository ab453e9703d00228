//! Guests that wait, within a budget: above it, the one that is cheapest to run again is dropped, and run
//! again when all that it waits for is there. A live instance takes some 100 KiB and a place in a pool, so the
//! budget of those that have hardly computed is small.
//!
//! A guest is deterministic, so run again it asks for the same, and is given at once what it was given
//! before; [`crate::runner`] holds it to that. Its lock, its place in the graph and its key stay.

use super::Engine;
use crate::graph::{NodeId, Phase, number};
use std::collections::BTreeSet;
use std::sync::Arc;
use wrun_core::event::Event;

/// Microseconds of computing that are cheaper to repeat than to keep an instance for.
const CHEAP: u64 = 5_000;

/// Live guests that wait, by how long they computed so far, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Suspended(BTreeSet<(u64, NodeId)>);

impl Suspended {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Engine {
    /// A guest waits: it counts, and somebody may have to go.
    pub(super) fn waits(&mut self, id: NodeId) {
        let cost = self.computed(id);
        let Some(trace) = self.nodes[id as usize].trace.as_mut().filter(|trace| trace.reply.is_some()) else {
            return;
        };
        trace.cost = cost;
        self.suspended.0.insert((cost, id));
        let (all, cheap) = (self.shared.options.most_suspended, self.shared.options.most_cheap_suspended);
        while let Some((cost, cheapest)) = self.suspended.0.first().copied() {
            let most = if cost < CHEAP { cheap.min(all) } else { all };
            if self.suspended.0.len() <= most {
                return;
            }
            self.suspended.0.pop_first();
            self.drop_guest(cheapest);
        }
    }

    /// A guest has all that it waited for, or never gets it.
    pub(super) fn waits_no_more(&mut self, id: NodeId) {
        if let Some(trace) = &self.nodes[id as usize].trace {
            self.suspended.0.remove(&(trace.cost, id));
        }
    }

    fn drop_guest(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize];
        let waits = matches!(node.phase, Phase::Suspended);
        let Some(trace) = node.trace.as_mut().filter(|_| waits) else { return };
        if let Some(handle) = self.handles.remove(&id) {
            handle.abort();
        }
        trace.reply = None;
        trace.dropped = true;
    }

    /// Runs a dropped guest again, up to where it was and on.
    pub(super) fn replay(&mut self, id: NodeId) {
        let inputs = match self.inputs(id) {
            Ok(inputs) => inputs,
            Err(address) => return self.start_over(address),
        };
        let Some(trace) = &mut self.nodes[id as usize].trace else { return };
        trace.dropped = false;
        trace.replayed = trace.given.len();
        let given: Vec<Arc<_>> = trace.given.clone();
        if let Some(task) = self.attempt(id, inputs, given) {
            self.nodes[id as usize].phase = Phase::Running;
            self.shared.setup.sink.send(Event::Resumed { number: number(id) });
            self.spawn(vec![task], false);
        }
    }

    /// Returns how long a guest has computed, in microseconds.
    fn computed(&self, id: NodeId) -> u64 {
        let spells = self.nodes[id as usize].timing.as_ref().map(|timing| timing.spells.as_slice());
        let seconds: f64 = spells.unwrap_or_default().iter().map(|spell| spell.ended - spell.started).sum();
        let time = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }
}
