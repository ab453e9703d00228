//! The rest of WASI: nothing that a guest could learn of the machine, the time or the user.
//!
//! Clocks stand still, randomness is one constant stream, there are no arguments and no environment,
//! stdin is empty, and no stream is a terminal.

use super::fault::Fault;
use super::streams::{LogWriter, Nothing};
use super::{EPOCH, ExitStatus, NoTerminal, State};
use crate::bindings::wasi::cli;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::random;
use crate::run::FailureKind;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

/// The stream of randomness is the BLAKE3 output of this, so it is the same in every run.
const RANDOMNESS: &[u8] = b"wrun sandbox 1 randomness";
/// More random bytes than this in one call are refused.
const MOST_RANDOM: u64 = 64 << 20;

impl cli::environment::Host for State {
    fn get_environment(&mut self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> Result<Option<String>> {
        Ok(None)
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

impl cli::stdin::Host for State {
    fn get_stdin(&mut self) -> Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(Nothing);
        Ok(self.table.push(stream)?)
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

impl cli::terminal_input::Host for State {}
impl cli::terminal_output::Host for State {}

impl cli::terminal_input::HostTerminalInput for State {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_output::HostTerminalOutput for State {
    fn drop(&mut self, terminal: Resource<NoTerminal>) -> Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl cli::terminal_stdin::Host for State {
    fn get_terminal_stdin(&mut self) -> Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl cli::terminal_stdout::Host for State {
    fn get_terminal_stdout(&mut self) -> Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl cli::terminal_stderr::Host for State {
    fn get_terminal_stderr(&mut self) -> Result<Option<Resource<NoTerminal>>> {
        Ok(None)
    }
}

impl wall_clock::Host for State {
    fn now(&mut self) -> Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: EPOCH, nanoseconds: 0 })
    }

    fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 1, nanoseconds: 0 })
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
        Ok(0)
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1_000_000_000)
    }

    fn subscribe_instant(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.rung()
    }

    fn subscribe_duration(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.rung()
    }
}

impl State {
    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > MOST_RANDOM {
            let message =
                format!("`{}` asked for {length} random bytes at once: at most {MOST_RANDOM}", self.task);
            return Err(Fault::stop(FailureKind::Contract, message).into());
        }
        let mut bytes = vec![0; usize::try_from(length)?];
        let mut stream = blake3::Hasher::new().update(RANDOMNESS).finalize_xof();
        stream.set_position(self.random_at);
        stream.fill(&mut bytes);
        self.random_at += length;
        Ok(bytes)
    }

    fn random_u64(&mut self) -> Result<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(&self.random_bytes(8)?);
        Ok(u64::from_le_bytes(word))
    }
}

impl random::random::Host for State {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.random_u64()
    }
}

impl random::insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.random_u64()
    }
}

impl random::insecure_seed::Host for State {
    /// A constant, so that the order of a hash map does not depend on what was drawn before.
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        let hash = blake3::hash(RANDOMNESS);
        let (mut one, mut two) = ([0; 8], [0; 8]);
        one.copy_from_slice(&hash.as_bytes()[..8]);
        two.copy_from_slice(&hash.as_bytes()[8..16]);
        Ok((u64::from_le_bytes(one), u64::from_le_bytes(two)))
    }
}
