//! From goals to a session, and the passes that a session takes.

use super::{Engine, Memory, Mode};
use crate::answer::Answer;
use crate::api::{BuildError, GoalCall, Interrupt, Options, Outcome, Preview, Setup};
use crate::graph::End;
use crate::jobs::Shared;
use crate::recall::Recalled;
use crate::tombstones::Tombstones;
use rustc_hash::FxHashSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wrun_core::event::Event;
use wrun_core::result::Address;
use wrun_store::Bytes;

/// What the last build left, as judged by these tombstones.
type Known = (Box<Recalled>, Arc<Tombstones>);

/// So many passes may end in the discovery that a result's bytes are gone.
const MOST_PASSES: u32 = 8;

/// What one session found out.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) interrupted: bool,
}

pub(crate) async fn build(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
) -> Result<Outcome, BuildError> {
    let started = Instant::now();
    let before = setup.traffic();
    let (mut warmed, mut known) = (FxHashSet::default(), None);
    setup.sink.send(Event::Started { goals: goals.len(), slots: options.slots });
    let answer = tokio::select! {
        biased;
        // Whoever walks hears of it.
        () = interrupt.wait() => Answer::Walk(None),
        answer = crate::answer::answer(setup, options, goals, started) => answer?,
    };
    match answer {
        Answer::Outcome(mut outcome) => {
            // An earlier process may have died before it had sent what it made.
            let settled = setup.store.settle().await?;
            outcome.report.notes.extend(owed(settled.owed));
            outcome.report.traffic = setup.traffic().since(before);
            setup
                .sink
                .send(Event::Finished { totals: outcome.report.totals, traffic: outcome.report.traffic.into() });
            return Ok(*outcome);
        }
        Answer::Recalled(recalled, tombstones) => known = Some((recalled, tombstones)),
        Answer::Walk(Some(record)) => warmed = crate::answer::warm(&*setup.store, &record).await?,
        Answer::Walk(None) => {}
    }
    let memory = Memory { warmed, ..Memory::default() };
    let session = passes(setup, options, goals, runtime, interrupt, (Mode::Build, memory, known, started)).await;
    settle(setup).await;
    session?.finish(goals, before).await
}

pub(crate) async fn preview(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
) -> Result<Preview, BuildError> {
    let interrupt = Interrupt::default();
    let session = session(setup, options, goals, runtime, &interrupt, Mode::Preview, Instant::now()).await?;
    Ok(session.preview())
}

/// Walks the graph, knowing nothing.
pub(crate) async fn session(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
    mode: Mode,
    started: Instant,
) -> Result<Session, BuildError> {
    let session =
        passes(setup, options, goals, runtime, interrupt, (mode, Memory::default(), None, started)).await;
    settle(setup).await;
    session
}

/// So long, at most, the end of a session waits for containers to be stopped and removed. What is left then, the next
/// one sweeps.
const SETTLE: Duration = Duration::from_secs(30);

/// Waits until no container is left.
async fn settle(setup: &Setup) {
    if let Some(containers) = &setup.containers {
        containers.settle(SETTLE).await;
    }
}

/// Walks the graph until nothing that it found has lost its bytes.
async fn passes(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
    (mode, mut memory, mut known, started): (Mode, Memory, Option<Known>, Instant),
) -> Result<Session, BuildError> {
    for _ in 0..MOST_PASSES {
        // What is known is taken for granted once: the second pass walks everything.
        let (recalled, tombstones) = match known.take() {
            Some((recalled, tombstones)) => (Some(recalled), tombstones),
            None => {
                let mut tombstones = Tombstones::default();
                tombstones.refresh(&*setup.store).await?;
                (None, Arc::new(tombstones))
            }
        };
        let shared = Shared {
            keep_records: mode == Mode::Preview,
            images: crate::images::Images::new(mode != Mode::Preview),
            capacity: setup.containers.as_ref().map(|containers| containers.capacity()),
            ..Shared::new(setup, options, tombstones)
        };
        let mut engine = Engine::new(Arc::new(shared), mode.clone(), runtime.clone(), memory, recalled, started)?;
        for goal in goals {
            engine.goal(goal)?;
        }
        let mut interrupted = engine.run(interrupt).await?;
        if mode == Mode::Build && !interrupted {
            interrupted = engine.settle(interrupt).await?;
        }
        if mode == Mode::Build && !engine.again && !interrupted {
            engine.look_for_bytes().await?;
        }
        engine.keep_recalled().await;
        if !engine.again || interrupted {
            return Ok(Session { engine, interrupted });
        }
        for address in std::mem::take(&mut engine.lost) {
            let now = options.now.as_millisecond();
            crate::tombstones::disown(&*setup.store, address, crate::tombstones::Why::Lost, now).await?;
        }
        memory = engine.memory;
    }
    Err(BuildError::Unstable(MOST_PASSES))
}

/// Says what could not be sent.
fn owed(results: usize) -> Option<String> {
    (results > 0).then(|| {
        let what = if results == 1 { "1 result is".to_owned() } else { format!("{results} results are") };
        format!("offline: {what} in the cache alone; a build without `--offline` sends what is owed")
    })
}

impl Engine {
    /// Takes from the last build what this one did not have to look at; walks again if that cannot be read, or if an
    /// image has meanwhile become another one.
    async fn keep_recalled(&mut self) {
        let asked = self.nodes.iter().filter_map(|node| node.recalled);
        let Some(recalled) = &mut self.recalled else { return };
        let mut images = self.shared.images.all().into_iter();
        let same = images.all(|(name, digest)| recalled.images().get(&name).is_none_or(|known| *known == digest));
        if !same || !recalled.keep(asked).await {
            (self.recalled, self.again) = (None, true);
        }
    }

    /// Waits until all that was made is durable in the truth, and adopts what others made first. Tells whether it was
    /// interrupted.
    async fn settle(&mut self, interrupt: &Interrupt) -> Result<bool, BuildError> {
        let store = self.shared.setup.store.clone();
        let settled = tokio::select! {
            biased;
            () = interrupt.wait() => return Ok(true),
            settled = store.settle() => settled?,
        };
        if let Some(note) = owed(settled.owed) {
            self.note(note);
        }
        if settled.lost.is_empty() {
            return Ok(false);
        }
        let mut lost: HashMap<Address, Bytes> = settled.lost.into_iter().collect();
        for id in 0..self.nodes.len() {
            let Some(End::Done { output, .. }) = self.nodes[id].end() else { continue };
            if let Some(winner) = lost.remove(&output.address) {
                self.adopt(u32::try_from(id).unwrap_or(u32::MAX), output.address, winner);
            }
        }
        Ok(false)
    }

    /// Asks for the bytes of the goals' outputs, or of all outputs with `--check`.
    async fn look_for_bytes(&mut self) -> Result<(), BuildError> {
        let all = self.shared.options.check;
        let nodes = if all { self.ended.clone() } else { self.goals.clone() };
        for id in nodes {
            let Some(End::Done { output, hit: Some(_) }) = self.nodes[id as usize].end() else { continue };
            if !crate::answer::present(&self.shared, output).await? {
                let address = output.address;
                self.start_over(address);
            }
        }
        Ok(())
    }
}
