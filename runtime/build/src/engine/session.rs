//! From goals to a session, and the passes that a session takes.

use super::{Engine, Memory, Mode};
use crate::api::{BuildError, GoalCall, Interrupt, Options, Outcome, Preview, Setup};
use crate::graph::End;
use crate::jobs::Shared;
use crate::resolve::Resolver;
use crate::tombstones::Tombstones;
use std::sync::Arc;
use std::time::Instant;
use wrun_core::event::Event;

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
    setup.sink.send(Event::Started { goals: goals.len(), slots: options.slots });
    if let Some(outcome) = crate::record::answer(setup, options, goals, started).await? {
        setup.sink.send(Event::Finished { totals: outcome.report.totals });
        return Ok(outcome);
    }
    let session = session(setup, options, goals, runtime, interrupt, Mode::Build, started).await?;
    session.finish(goals).await
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

/// Walks the graph until nothing that it found has lost its bytes.
pub(crate) async fn session(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    runtime: &tokio::runtime::Handle,
    interrupt: &Interrupt,
    mode: Mode,
    started: Instant,
) -> Result<Session, BuildError> {
    let mut memory = Memory::default();
    for _ in 0..MOST_PASSES {
        let mut tombstones = Tombstones::default();
        tombstones.refresh(&*setup.store).await?;
        let resolver = Resolver::new(&setup.plugins, options);
        let shared = Shared {
            setup: setup.clone(),
            options: options.clone(),
            resolver,
            tombstones,
            relatives: tokio::sync::OnceCell::new(),
            keep_records: mode == Mode::Preview,
        };
        let mut engine = Engine::new(Arc::new(shared), mode.clone(), runtime.clone(), memory, started)?;
        for goal in goals {
            engine.goal(goal)?;
        }
        let interrupted = engine.run(interrupt).await?;
        if mode == Mode::Build && !engine.again && !interrupted {
            engine.look_for_bytes().await?;
        }
        if !engine.again || interrupted {
            return Ok(Session { engine, interrupted });
        }
        for address in std::mem::take(&mut engine.lost) {
            let now = options.now.as_millisecond();
            crate::commit::disown(&*setup.store, address, crate::tombstones::Why::Lost, now).await?;
        }
        memory = engine.memory;
    }
    Err(BuildError::Unstable(MOST_PASSES))
}

impl Engine {
    /// Asks for the bytes of the goals' outputs, or of all outputs with `--check`.
    async fn look_for_bytes(&mut self) -> Result<(), BuildError> {
        let all = self.shared.options.check;
        let nodes = if all { self.ended.clone() } else { self.goals.clone() };
        for id in nodes {
            let Some(End::Done { output, hit: Some(_) }) = self.nodes[id as usize].end() else { continue };
            if !crate::record::present(&self.shared, output).await? {
                let address = output.address;
                self.start_over(address);
            }
        }
        Ok(())
    }
}
