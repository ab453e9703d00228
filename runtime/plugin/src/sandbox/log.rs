//! What a guest writes to stdout and stderr: one log, in order, capped.

use super::fault::bytes;
use crate::run::RunContext;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much of the newest stderr is kept aside, for the message of a panic.
const TAIL: usize = 8 << 10;

pub(crate) struct Log {
    most: u64,
    context: Option<Arc<dyn RunContext>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: Vec<u8>,
    dropped: u64,
    /// The end of stderr, whether it was kept or not.
    tail: Vec<u8>,
}

impl Log {
    pub(crate) fn new(most: u64, context: Option<Arc<dyn RunContext>>) -> Self {
        Self { most, context, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes; it always accepts them.
    pub(crate) fn write(&self, bytes: &[u8], stderr: bool) {
        let mut inner = self.inner();
        let room = usize::try_from(self.most).unwrap_or(usize::MAX).saturating_sub(inner.kept.len());
        // Once something was dropped nothing more is kept, or the log would have holes.
        let kept = if inner.dropped > 0 { &[] } else { bytes.get(..room).unwrap_or(bytes) };
        inner.dropped += (bytes.len() - kept.len()) as u64;
        inner.kept.extend_from_slice(kept);
        if stderr {
            if inner.tail.len() + bytes.len() > 2 * TAIL {
                let from = inner.tail.len().saturating_sub(TAIL);
                inner.tail.drain(..from);
            }
            inner.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or(bytes));
        }
        drop(inner);
        if let Some(context) = self.context.as_ref().filter(|_| !kept.is_empty()) {
            context.log(kept);
        }
    }

    /// Returns the log, with a last line if anything was dropped.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut inner = self.inner();
        let mut kept = std::mem::take(&mut inner.kept);
        if inner.dropped > 0 {
            let start = if kept.last().is_none_or(|byte| *byte == b'\n') { "" } else { "\n" };
            let line = format!(
                "{start}wrun: the log cap of {} is reached; {} bytes more were dropped\n",
                bytes(self.most),
                inner.dropped
            );
            kept.extend_from_slice(line.as_bytes());
            if let Some(context) = &self.context {
                context.log(line.as_bytes());
            }
        }
        kept
    }

    /// Returns the source line and message of a panic, if stderr ends in one.
    pub(crate) fn panic(&self) -> Option<String> {
        const MARK: &str = "panicked at ";
        let inner = self.inner();
        let text = String::from_utf8_lossy(&inner.tail);
        let said = text.get(text.rfind(MARK)? + MARK.len()..)?;
        let said = said.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or(said).trim_end();
        let (place, message) = said.split_once(":\n").unwrap_or((said, ""));
        Some(if message.is_empty() { place.to_owned() } else { format!("{place}: {message}") })
    }

    /// Returns the last lines of stderr.
    pub(crate) fn last_words(&self) -> Option<String> {
        let inner = self.inner();
        let text = String::from_utf8_lossy(&inner.tail);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let last = lines.get(lines.len().saturating_sub(3)..)?.join("\n");
        (!last.is_empty()).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_cap_is_dropped_and_said_so() {
        let log = Log::new(6, None);
        log.write(b"one\n", false);
        log.write(b"two\n", true);
        log.write(b"3", false);
        assert_eq!(
            String::from_utf8_lossy(&log.finish()),
            "one\ntw\nwrun: the log cap of 6 bytes is reached; 3 bytes more were dropped\n"
        );
    }

    #[test]
    fn a_panic_is_found_behind_a_flood() {
        let log = Log::new(10, None);
        for _ in 0..10_000 {
            log.write(b"noise noise noise\n", true);
        }
        let said =
            b"\nthread 'main' (1) panicked at src/lib.rs:7:9:\nno such day\nnote: run with `RUST_BACKTRACE=1`";
        log.write(said, true);
        assert_eq!(log.panic().as_deref(), Some("src/lib.rs:7:9: no such day"));
    }
}
