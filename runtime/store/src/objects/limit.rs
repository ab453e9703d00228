//! How many requests are under way at once, and when one is repeated.
//!
//! The number of requests grows by one for each window of answers that came in time, and is halved when the server
//! asks for fewer: additive increase, multiplicative decrease, as TCP does (Jacobson, *Congestion Avoidance and
//! Control*, 1988). A request that failed for a reason that may pass is repeated after a pause of random length
//! below a limit that doubles ("full jitter", M. Brooker, *Exponential Backoff and Jitter*, 2015).

use super::{Fault, ObjectError, Traffic};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At the start so many requests may be under way.
const FIRST: usize = 32;
/// Never more than these.
const MOST: usize = 128;
/// Nor fewer.
const LEAST: usize = 2;
/// A request is tried so often, the first time included.
pub(crate) const TRIES: u32 = 6;

/// The first pause is at most twice this.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Shared by all requests of one store.
pub(crate) struct Limit {
    slots: Arc<Semaphore>,
    window: Mutex<Window>,
    counts: Counts,
    pause: Duration,
    seed: AtomicU64,
}

#[derive(Debug)]
struct Window {
    /// So many may be under way.
    width: usize,
    /// Slots that are to be taken away once they are free.
    owed: usize,
    /// Answers in time since the width last changed.
    good: usize,
}

/// The kinds of requests.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Kind {
    Get,
    Put,
    Head,
    List,
    Delete,
}

#[derive(Default)]
struct Counts {
    kinds: [AtomicU64; 5],
    retries: AtomicU64,
    throttled: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl Limit {
    pub(crate) fn new(pause: Duration, seed: u64) -> Self {
        Self {
            pause,
            slots: Arc::new(Semaphore::new(FIRST)),
            window: Mutex::new(Window { width: FIRST, owed: 0, good: 0 }),
            counts: Counts::default(),
            seed: AtomicU64::new(seed | 1),
        }
    }

    pub(crate) fn up(&self, bytes: u64) {
        self.counts.up.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn down(&self, bytes: u64) {
        self.counts.down.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let kind = |kind: Kind| self.counts.kinds[kind as usize].load(Relaxed);
        Traffic {
            gets: kind(Kind::Get),
            puts: kind(Kind::Put),
            heads: kind(Kind::Head),
            lists: kind(Kind::List),
            deletes: kind(Kind::Delete),
            retries: self.counts.retries.load(Relaxed),
            throttled: self.counts.throttled.load(Relaxed),
            bytes_up: self.counts.up.load(Relaxed),
            bytes_down: self.counts.down.load(Relaxed),
        }
    }

    /// Makes a request, and makes it again while its failure may pass.
    pub(crate) async fn request<T, F>(&self, kind: Kind, attempt: impl Fn() -> F) -> Result<T, ObjectError>
    where
        F: Future<Output = Result<T, ObjectError>>,
    {
        let mut tries = 1;
        loop {
            let result = {
                let _slot = self.slot().await;
                self.counts.kinds[kind as usize].fetch_add(1, Relaxed);
                attempt().await
            };
            match result {
                Ok(value) => {
                    self.went_well();
                    return Ok(value);
                }
                Err(error) => {
                    if error.fault == Fault::Throttled {
                        self.counts.throttled.fetch_add(1, Relaxed);
                    }
                    // A line that is too thin for so many at once shows in answers that come too late.
                    if matches!(error.fault, Fault::Throttled | Fault::TimedOut) {
                        self.narrow();
                    }
                    if !error.fault.passes() || tries == TRIES {
                        return Err(error);
                    }
                }
            }
            self.counts.retries.fetch_add(1, Relaxed);
            tokio::time::sleep(self.pause(tries)).await;
            tries += 1;
        }
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            // It is never closed.
            let slot = self.slots.clone().acquire_owned().await.ok()?;
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            if window.owed == 0 {
                return Some(slot);
            }
            window.owed -= 1;
            slot.forget();
        }
    }

    fn went_well(&self) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.good += 1;
        if window.good >= window.width && window.width < MOST {
            window.good = 0;
            window.width += 1;
            if window.owed > 0 {
                window.owed -= 1;
            } else {
                self.slots.add_permits(1);
            }
        }
    }

    fn narrow(&self) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let width = (window.width / 2).max(LEAST);
        window.owed += window.width - width;
        window.width = width;
        window.good = 0;
    }

    /// Returns how long to wait before the next try: anything up to a limit that doubles.
    fn pause(&self, tries: u32) -> Duration {
        let limit = self.pause.saturating_mul(1 << tries.min(16)).min(LONGEST);
        // Only that pauses differ matters (SplitMix64).
        let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        limit.mul_f64(f64::from(u32::try_from(z >> 32).unwrap_or_default()) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn error(fault: Fault) -> ObjectError {
        ObjectError { doing: "read", uri: "s3://b/k".into(), fault, why: "test".into() }
    }

    #[tokio::test]
    async fn a_passing_fault_is_tried_again_and_another_is_not() {
        let limit = Limit::new(Duration::ZERO, 1);
        let left = AtomicU64::new(3);
        let flaky = || async {
            match left.fetch_sub(1, Relaxed) {
                1 => Ok(()),
                _ => Err(error(Fault::Server)),
            }
        };
        limit.request(Kind::Get, flaky).await.unwrap();
        assert_eq!((limit.traffic().gets, limit.traffic().retries), (3, 2));
        let denied = limit.request(Kind::Put, || async { Err::<(), _>(error(Fault::Denied)) }).await;
        assert_eq!(denied.unwrap_err().fault, Fault::Denied);
        assert_eq!((limit.traffic().puts, limit.traffic().retries), (1, 2));
    }

    #[tokio::test]
    async fn nothing_is_tried_for_ever() {
        let limit = Limit::new(Duration::ZERO, 1);
        let never = limit.request(Kind::Get, || async { Err::<(), _>(error(Fault::TimedOut)) }).await;
        assert_eq!(never.unwrap_err().fault, Fault::TimedOut);
        assert_eq!(limit.traffic().gets, u64::from(TRIES));
    }

    #[tokio::test]
    async fn throttling_halves_the_window_and_success_widens_it() {
        let limit = Limit::new(Duration::ZERO, 1);
        let width = || limit.window.lock().unwrap().width;
        _ = limit.request(Kind::Get, || async { Err::<(), _>(error(Fault::Throttled)) }).await;
        assert_eq!(width(), LEAST);
        for _ in 0..1000 {
            limit.request(Kind::Get, || async { Ok(()) }).await.unwrap();
        }
        assert!(width() > LEAST);
        assert!(width() < FIRST + MOST);
        let owed = limit.window.lock().unwrap().owed;
        assert_eq!(limit.slots.available_permits() - owed, width());
    }
}
