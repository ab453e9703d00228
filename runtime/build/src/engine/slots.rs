//! Which slot a run holds, so that a report can show them side by side. How many may be held is for
//! `batch.rs` to know.

use super::Engine;
use crate::graph::NodeId;
use wrun_core::report::{Spell, Timing};

/// The slots that are held.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<bool>);

impl Slots {
    fn take(&mut self) -> u32 {
        let free = self.0.iter().position(|held| !held).unwrap_or_else(|| {
            self.0.push(false);
            self.0.len() - 1
        });
        self.0[free] = true;
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    fn hold(&mut self, slot: u32) {
        if let Some(held) = self.0.get_mut(slot as usize) {
            *held = true;
        }
    }

    fn give(&mut self, slot: u32) {
        if let Some(held) = self.0.get_mut(slot as usize) {
            *held = false;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Engine {
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A node could run, if there were a slot.
    pub(super) fn now_ready(&mut self, id: NodeId) {
        let ready = self.seconds();
        self.nodes[id as usize]
            .timing
            .get_or_insert_with(|| Box::new(Timing { ready, spells: Vec::with_capacity(1) }));
    }

    /// Nodes got a slot, which they use one after another.
    pub(super) fn got_slot(&mut self, ids: &[NodeId]) {
        let slot = self.slots.take();
        self.has_slot(ids, slot);
    }

    /// Nodes go on with the slot of others, which have just given it back.
    pub(super) fn kept_slot(&mut self, ids: &[NodeId], slot: u32) {
        self.slots.hold(slot);
        self.has_slot(ids, slot);
    }

    fn has_slot(&mut self, ids: &[NodeId], slot: u32) {
        let started = self.seconds();
        for id in ids {
            if let Some(timing) = &mut self.nodes[*id as usize].timing {
                timing.spells.push(Spell { slot, started, ended: started });
            }
        }
    }

    /// A node gives back the slot that it holds, alone or with others. Returns which.
    pub(super) fn gave_slot(&mut self, id: NodeId) -> Option<u32> {
        let ended = self.seconds();
        let spell = self.nodes[id as usize].timing.as_mut()?.spells.last_mut()?;
        spell.ended = ended;
        self.slots.give(spell.slot);
        Some(spell.slot)
    }

    /// When an attempt really began and ended: runs that share a slot got it together.
    pub(super) fn ran_within(&mut self, id: NodeId, began: f64, ended: f64) {
        let node = &mut self.nodes[id as usize];
        // A guest that suspended had its first slot from the beginning, and alone.
        let alone = node.trace.is_some();
        if let Some(spell) = node.timing.as_mut().and_then(|timing| timing.spells.last_mut()) {
            if !alone {
                spell.started = began;
            }
            spell.ended = ended.max(spell.started);
        }
    }

    /// Returns when a node ran, if it did.
    pub(super) fn timing(&self, id: NodeId) -> Option<Timing> {
        let timing = self.nodes[id as usize].timing.as_deref()?;
        (!timing.spells.is_empty()).then(|| timing.clone())
    }

    /// Returns which nodes a node needed, each once.
    pub(super) fn needs(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let node = &self.nodes[id as usize];
        let required = node.dependencies.iter().filter_map(|dependency| match dependency {
            crate::graph::Dependency::Task(other) => Some(*other),
            _ => None,
        });
        let mut all: Vec<NodeId> = required.chain(node.asked.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }
}
