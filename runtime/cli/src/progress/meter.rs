//! How fast bytes move to and from servers: counters that are read now and then, so that nothing that moves them has
//! to say so.

use super::Probe;
use std::time::{Duration, Instant};
use wrun_core::event::Event;
use wrun_core::report::Traffic;

/// So often it is said, while anything moves.
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct Meter {
    probe: Probe,
    last: Traffic,
    at: Instant,
    moving: bool,
}

impl Meter {
    pub(super) fn new(probe: Probe) -> Self {
        let last = probe();
        Self { probe, last, at: Instant::now(), moving: false }
    }

    /// Returns what to say at a time: how much and how fast, and once that it has stopped.
    pub(super) fn read(&mut self, at: Instant) -> Option<Event> {
        let took = at.saturating_duration_since(self.at);
        if took < EVERY {
            return None;
        }
        let now = (self.probe)();
        let moved = now.since(self.last);
        (self.last, self.at) = (now, at);
        let moves = moved.bytes_up + moved.bytes_down > 0;
        if !moves && !std::mem::take(&mut self.moving) {
            return None;
        }
        self.moving = moves;
        #[expect(clippy::cast_precision_loss, reason = "shown to people")]
        let rate = |bytes: u64| bytes as f64 / took.as_secs_f64();
        Some(Event::Transferring {
            sent: now.bytes_up,
            received: now.bytes_down,
            sent_per_second: rate(moved.bytes_up),
            received_per_second: rate(moved.bytes_down),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn it_is_said_while_bytes_move_and_once_when_they_stop() {
        let down = Arc::new(AtomicU64::new(0));
        let theirs = down.clone();
        let probe = move || Traffic { bytes_down: theirs.load(Relaxed), ..Traffic::default() };
        let mut meter = Meter::new(Box::new(probe));
        let began = meter.at;
        let mut read = |seconds: u64| match meter.read(began + Duration::from_secs(seconds)) {
            Some(Event::Transferring { received, received_per_second, .. }) => {
                Some((received, received_per_second))
            }
            _ => None,
        };
        assert_eq!(read(1), None);
        down.store(4000, Relaxed);
        assert_eq!(read(3), Some((4000, 2000.0)));
        assert_eq!(read(3), None, "too soon");
        assert_eq!(read(4), Some((4000, 0.0)));
        assert_eq!(read(5), None);
    }
}
