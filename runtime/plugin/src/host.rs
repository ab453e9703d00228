//! The engines, made when they are first needed, and the ticker of CPU time.
//!
//! Engines differ in two ways: NaNs are canonical or native, and instances come from a small pool, a
//! large one, or are made on demand. A pool is what makes a fresh instance cheap; making the large one
//! takes some 30 ms, so it waits until the small one is full of guests that wait. What does not fit in
//! a pool, or comes when both are full, is made on demand. All load the same compiled code.

use crate::sandbox::{State, link};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// How guests are hosted.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Where compiled code is kept; none keeps none.
    pub compiled_dir: Option<PathBuf>,
    /// How many instances the pools have room for. They take address space, not memory; each live
    /// instance takes six of the memory maps that `vm.max_map_count` allows (65,530 by default).
    pub pool: u32,
    /// How often CPU time is looked at.
    pub tick: Duration,
    /// CPU time of one `describe` or `declare`.
    pub plan_cpu: Duration,
    /// Linear memory of one `describe` or `declare`, in bytes.
    pub plan_memory: u64,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            compiled_dir: None,
            pool: 10_240,
            tick: Duration::from_millis(10),
            plan_cpu: Duration::from_secs(10),
            plan_memory: 512 << 20,
        }
    }
}

/// What loads and runs guests. It costs nothing until one is called.
pub struct Host {
    pub(crate) config: HostConfig,
    /// By [`Nan`], then by [`Room`].
    machines: [[OnceLock<Result<Machine, String>>; 3]; 2],
    ticker: Ticker,
    live: AtomicUsize,
}

/// Whether NaNs are canonical, or whatever the machine makes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nan {
    Canonical = 0,
    Native = 1,
}

/// Where instances come from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Small = 0,
    Large = 1,
    OnDemand = 2,
}

/// Where to look for room, in order.
pub(crate) const ROOMS: [Room; 3] = [Room::Small, Room::Large, Room::OnDemand];

/// How many instances the small pool has room for.
const SMALL: u32 = 256;

/// An engine and all that guests may import in it.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Host {
    /// Makes a host; engines come later.
    pub fn new(config: HostConfig) -> Arc<Self> {
        let ticker = Ticker { tick: config.tick, running: Mutex::default() };
        Arc::new(Self { config, machines: Default::default(), ticker, live: AtomicUsize::new(0) })
    }

    /// Returns how many instances there are now, suspended ones included.
    pub fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Live {
        self.live.fetch_add(1, Relaxed);
        Live(self.clone())
    }

    pub(crate) fn machine(&self, nan: Nan, room: Room) -> Result<&Machine, String> {
        let machine = self.machines[nan as usize][room as usize].get_or_init(|| {
            let machine = Machine::new(nan, room, self.config.pool).map_err(|error| format!("{error:#}"))?;
            self.ticker.add(machine.engine.weak())?;
            Ok(machine)
        });
        machine.as_ref().map_err(Clone::clone)
    }
}

/// The version of wasmtime; a test compares it with Cargo.lock.
const WASMTIME: &str = "48.0.8";

/// Names the machine's ISA and the engine, which are in the keys of actions with native NaNs. Cheap: it
/// starts no engine.
pub fn machine() -> String {
    format!("{} wasmtime {WASMTIME}", std::env::consts::ARCH)
}

/// Counts an instance while it lives.
pub(crate) struct Live(Arc<Host>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Relaxed);
    }
}

impl Machine {
    fn new(nan: Nan, room: Room, pool: u32) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .cranelift_nan_canonicalization(nan == Nan::Canonical)
            .relaxed_simd_deterministic(true)
            .wasm_memory64(false)
            .concurrency_support(false)
            .epoch_interruption(true)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(64))
            .max_wasm_stack(1 << 20)
            .async_stack_size(2 << 20)
            // Every 32-bit address is reserved, so no access needs a check.
            .memory_reservation(4 << 30)
            .memory_guard_size(32 << 20)
            .memory_may_move(false);
        let pool = match room {
            Room::Small => Some(pool.min(SMALL)),
            Room::Large => Some(pool.saturating_sub(SMALL)),
            Room::OnDemand => None,
        };
        if let Some(pool) = pool {
            if pool == 0 {
                return Err(wasmtime::format_err!("a pool without room"));
            }
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool_config(pool)));
        }
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker)?;
        Ok(Self { engine, linker })
    }
}

fn pool_config(pool: u32) -> PoolingAllocationConfig {
    let mut config = PoolingAllocationConfig::new();
    let many = |each: u32| pool.saturating_mul(each);
    config
        .total_component_instances(pool)
        // An encoded component has its own module, a shim and a fixup, and perhaps an adapter.
        .total_core_instances(many(5))
        .total_memories(pool)
        .total_tables(many(3))
        // Every instance has room for its stack even while others are being made.
        .total_stacks(pool.saturating_add(16))
        .max_memory_size(4 << 30)
        .table_elements(20_000)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(32 << 10)
        .max_unused_warm_slots(64);
    // Without the scan, resetting a slot zeroes all that is kept resident.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        config.pagemap_scan(Enabled::Yes);
    } else {
        config.linear_memory_keep_resident(64 << 10);
    }
    config
}

/// A thread that advances the epoch of every engine. It starts with the first engine and ends with
/// the host.
struct Ticker {
    tick: Duration,
    running: Mutex<Option<Sender<EngineWeak>>>,
}

impl Ticker {
    /// Without the thread nothing would ever time out, so an engine without it is not used.
    fn add(&self, engine: EngineWeak) -> Result<(), String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*running {
            Some(sender) => sender,
            None => {
                let (sender, receiver) = channel();
                let tick = self.tick;
                let thread = std::thread::Builder::new().name("wrun-epoch".to_owned());
                let started = thread.spawn(move || advance(&receiver, tick));
                started.map_err(|error| format!("cannot start a thread: {error}"))?;
                running.insert(sender)
            }
        };
        sender.send(engine).map_err(|_| "the thread that measures CPU time has ended".to_owned())
    }
}

/// Advances the epochs until the host is gone.
fn advance(engines: &Receiver<EngineWeak>, tick: Duration) {
    let mut known: Vec<EngineWeak> = Vec::new();
    loop {
        match engines.recv_timeout(tick) {
            Ok(engine) => known.push(engine),
            Err(RecvTimeoutError::Timeout) => {
                known.iter().filter_map(EngineWeak::upgrade).for_each(|engine| engine.increment_epoch());
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_is_named_by_the_version_that_is_built() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{}\"\n", super::WASMTIME)));
    }
}
