//! CPU time of a guest: that of the threads which poll it, while they poll it.
//!
//! A loaded machine does not use a task's time up, and a task that is suspended uses none.

use rustix::time::{ClockId, clock_gettime};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

/// Adds up CPU time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Nanoseconds of finished polls.
    before: AtomicU64,
    /// The thread's clock when the running poll began.
    began: AtomicU64,
}

impl Meter {
    /// Returns what was used so far. Only the polling thread may ask.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.before.load(Relaxed) + thread_time().saturating_sub(self.began.load(Relaxed)))
    }

    /// Forgets what was used so far.
    pub(crate) fn reset(&self) {
        self.before.store(0, Relaxed);
        self.begin();
    }

    /// Begins a stretch of work on this thread.
    pub(crate) fn begin(&self) {
        self.began.store(thread_time(), Relaxed);
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.before.store(u64::try_from(self.used().as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// A future whose polls are charged to a meter.
pub(crate) struct Metered<F> {
    inner: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(meter: Arc<Meter>, inner: F) -> Self {
        Self { inner: Box::pin(inner), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let polled = self.inner.as_mut().poll(context);
        // Nobody asks for the time of what is over.
        if polled.is_pending() {
            self.meter.end();
        }
        polled
    }
}

fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_work_between_begin_and_end_counts() {
        let meter = Meter::default();
        meter.begin();
        let mut sum = 0_u64;
        while meter.used() < Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        meter.end();
        let used = meter.before.load(Relaxed);
        assert!(used >= 2_000_000);
        meter.begin();
        assert!(meter.used() >= Duration::from_nanos(used));
    }
}
