//! The rest of WASI: nothing that a guest could learn of the machine, the time or the user.
//!
//! It is wasmtime-wasi's, over a context whose clocks stand still and whose randomness is one constant
//! stream; as it comes, that context has no arguments and no environment, stdin is empty, and no stream
//! is a terminal. Ours are `exit` (the failure says whether the guest told its code), stdout and stderr
//! (the log), and the timers: wasmtime-wasi's take real time.

use super::streams::LogWriter;
use super::{EPOCH, ExitStatus, State};
use blake3::OutputReader;
use rand_core::TryRng;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::streams::DynOutputStream;

/// The stream of randomness is the BLAKE3 output of this, so it is the same in every run.
const RANDOMNESS: &[u8] = b"wrun sandbox 1 randomness";
/// More random bytes than this in one call are refused.
const MOST_RANDOM: u64 = 64 << 20;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(context), table: &mut self.table }
    }
}

fn context() -> WasiCtx {
    let random = Randomness::new();
    WasiCtx::builder()
        .wall_clock(Still)
        .monotonic_clock(Still)
        .secure_random(random.clone())
        .insecure_random(random)
        .insecure_random_seed(*SEED)
        .max_random_size(MOST_RANDOM)
        .build()
}

/// A clock that stands still.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(EPOCH)
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A constant, so that the order of a hash map does not depend on what was drawn before.
static SEED: LazyLock<u128> = LazyLock::new(|| {
    let mut seed = [0; 16];
    START.clone().fill(&mut seed);
    u128::from_le_bytes(seed)
});

static START: LazyLock<OutputReader> = LazyLock::new(|| blake3::Hasher::new().update(RANDOMNESS).finalize_xof());

/// The stream of randomness. Clones draw from the same.
#[derive(Clone)]
struct Randomness(Arc<Mutex<Drawn>>);

struct Drawn {
    rest: OutputReader,
    /// The block that is being handed out: the reader would hash it anew for every byte.
    block: [u8; blake3::BLOCK_LEN],
    at: usize,
}

impl Randomness {
    fn new() -> Self {
        let drawn = Drawn { rest: START.clone(), block: [0; blake3::BLOCK_LEN], at: blake3::BLOCK_LEN };
        Self(Arc::new(Mutex::new(drawn)))
    }

    fn draw(&self, bytes: &mut [u8]) {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Drawn { rest, block, at } = &mut *drawn;
        for byte in bytes {
            if *at == block.len() {
                rest.fill(block);
                *at = 0;
            }
            *byte = block[*at];
            *at += 1;
        }
    }
}

impl TryRng for Randomness {
    type Error = Infallible;

    /// Draws one byte: wasmtime-wasi asks for a word for each byte that a guest asks for, and keeps its
    /// low eight bits.
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut byte = [0; 1];
        self.draw(&mut byte);
        Ok(u32::from(byte[0]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.draw(&mut word);
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.draw(bytes);
        Ok(())
    }
}

impl cli::exit::Host for State {
    fn exit(&mut self, status: Result<(), ()>) -> Result<()> {
        Err(wasmtime::Error::new(if status.is_ok() { ExitStatus::Code(0) } else { ExitStatus::Failure }))
    }

    fn exit_with_code(&mut self, code: u8) -> Result<()> {
        Err(wasmtime::Error::new(ExitStatus::Code(code)))
    }
}

impl State {
    fn log_stream(&mut self, stderr: bool) -> Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(LogWriter { log: self.log.clone(), stderr });
        Ok(self.table.push(stream)?)
    }
}

impl cli::stdout::Host for State {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(false)
    }
}

impl cli::stderr::Host for State {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.log_stream(true)
    }
}

/// A timer in a world without time: it has always rung.
struct Rung;

#[async_trait]
impl Pollable for Rung {
    async fn ready(&mut self) {}
}

impl State {
    fn rung(&mut self) -> Result<Resource<DynPollable>> {
        let timer = self.table.push(Rung)?;
        subscribe(&mut self.table, timer)
    }
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> Result<u64> {
        self.clocks().now()
    }

    fn resolution(&mut self) -> Result<u64> {
        self.clocks().resolution()
    }

    fn subscribe_instant(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.rung()
    }

    fn subscribe_duration(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.rung()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use wasmtime_wasi::p2::bindings::random::insecure::Host as _;
    use wasmtime_wasi::p2::bindings::random::insecure_seed::Host as _;
    use wasmtime_wasi::p2::bindings::random::random::Host as _;

    #[test]
    fn both_kinds_of_randomness_draw_every_byte_of_one_stream() {
        let mut due = [0; 208];
        blake3::Hasher::new().update(RANDOMNESS).finalize_xof().fill(&mut due);
        let word = |at: usize| u64::from_le_bytes(due[at..at + 8].try_into().unwrap());
        let mut context = context();
        let random = context.random();
        assert_eq!(random.insecure_seed().unwrap(), (word(0), word(8)));
        assert_eq!(random.get_random_bytes(3).unwrap(), due[..3]);
        assert_eq!(random.get_random_u64().unwrap(), word(3));
        assert_eq!(random.get_insecure_random_bytes(181).unwrap(), due[11..192]);
        assert_eq!(random.get_insecure_random_u64().unwrap(), word(192));
        assert_eq!(random.get_random_bytes(8).unwrap(), due[200..]);
        assert!(random.get_random_bytes(MOST_RANDOM + 1).is_err());
    }
}
