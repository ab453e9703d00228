//! What is known while a build goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wrun_core::digest::TaskId;
use wrun_core::event::{Event, TaskNumber};
use wrun_core::report::State;

/// Tells whether a task runs for clearly longer than it usually does.
pub(crate) fn slower(took: f64, usual: f64) -> bool {
    took > 2.0 * usual && took > usual + 1.0
}

/// One running task.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) task: String,
    pub(super) since: Instant,
    pub(super) fraction: Option<f64>,
    pub(super) message: String,
    pub(super) suspended: bool,
    pub(super) usual: Option<f64>,
    pub(super) id: TaskId,
}

/// Counts and running tasks.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) known: u64,
    pub(super) done: u64,
    pub(super) ran: u64,
    pub(super) failed: u64,
    /// When the build began.
    pub(super) since: Instant,
    pub(super) running: BTreeMap<TaskNumber, Running>,
    /// What moves to and from servers, in words; empty while nothing does.
    moves: String,
    /// Images that are fetched: bytes that are here, and in all.
    pulling: BTreeMap<String, (u64, u64)>,
    /// When the first task began to run, and how many had ended by then.
    began: Option<(Instant, u64)>,
}

impl Now {
    pub(super) fn new(since: Instant) -> Self {
        Self {
            known: 0,
            done: 0,
            ran: 0,
            failed: 0,
            since,
            running: BTreeMap::new(),
            moves: String::new(),
            pulling: BTreeMap::new(),
            began: None,
        }
    }

    /// Takes what changes counts, at the time that it came.
    pub(super) fn take(&mut self, event: &Event, since: Instant) {
        match event {
            Event::Counted { known, done } => (self.known, self.done) = (*known, *done),
            Event::Running { number, task, id, usual_seconds, .. } => {
                self.began.get_or_insert((since, self.done));
                let running = Running {
                    task: crate::text::plain(task),
                    since,
                    fraction: None,
                    message: String::new(),
                    suspended: false,
                    usual: *usual_seconds,
                    id: *id,
                };
                self.running.insert(*number, running);
            }
            Event::Progress { number, fraction, message } => {
                if let Some(running) = self.running.get_mut(number) {
                    running.fraction = *fraction;
                    running.message = crate::text::plain(message);
                }
            }
            Event::Transferring { sent, received, sent_per_second, received_per_second } => {
                let one = |bytes: u64, rate: f64, word: &str| {
                    (rate > 0.0)
                        .then(|| format!("{word} {} at {}", crate::text::bytes(bytes), crate::text::rate(rate)))
                };
                let both =
                    [one(*sent, *sent_per_second, "sent"), one(*received, *received_per_second, "received")];
                self.moves = both.into_iter().flatten().collect::<Vec<_>>().join(", ");
            }
            Event::Pulling { image, received, total } => {
                // Other layers may follow; then it is said again.
                if received < total {
                    self.pulling.insert(crate::text::plain(image), (*received, *total));
                } else {
                    self.pulling.remove(&crate::text::plain(image));
                }
            }
            Event::Suspended { number, .. } => self.suspend(*number, true),
            Event::Resumed { number } => self.suspend(*number, false),
            Event::Ended { number, state, .. } => {
                self.running.remove(number);
                self.ran += u64::from(*state == State::Ran);
                self.failed += u64::from(*state == State::Failed);
            }
            _ => {}
        }
    }

    /// Says what moves, in words; nothing while nothing does.
    pub(super) fn moving(&self) -> String {
        use crate::text::bytes;
        let pulled = |(image, (received, total)): (&String, &(u64, u64))| {
            format!("image {image}: {} of {}", bytes(*received), bytes(*total))
        };
        let moves = Some(&self.moves).filter(|moves| !moves.is_empty()).cloned();
        moves.into_iter().chain(self.pulling.iter().map(pulled)).collect::<Vec<_>>().join(", ")
    }

    fn suspend(&mut self, number: TaskNumber, suspended: bool) {
        if let Some(running) = self.running.get_mut(&number) {
            running.suspended = suspended;
        }
    }

    /// Guesses how long the rest takes, once enough has run for a guess to mean something.
    pub(super) fn remaining(&self, at: Instant) -> Option<Duration> {
        const ENOUGH: u64 = 5;
        let (began, done_then) = self.began?;
        let (took, ended) = (at.saturating_duration_since(began), self.done.saturating_sub(done_then));
        let left = self.known.saturating_sub(self.done);
        if ended < ENOUGH || self.ran < ENOUGH || took < Duration::from_secs(2) || left == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a guess")]
        let seconds = took.as_secs_f64() * left as f64 / ended as f64;
        Duration::try_from_secs_f64(seconds).ok().filter(|rest| *rest >= Duration::from_secs(1))
    }
}
