//! The engines, made when they are first needed, and the ticker of CPU time.
//!
//! Up to four engines: NaNs canonical or native, instances from a pool or on demand. The pool is what
//! makes a fresh instance cheap; what does not fit in it, or comes when it is full, is made on demand.
//! Both load the same compiled code.

use crate::sandbox::{State, link};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
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
    /// How many instances the pool has room for. It takes address space, not memory.
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
    /// `[canonical, native][pool, on demand]`.
    machines: [[OnceLock<Result<Machine, String>>; 2]; 2],
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
    Pool = 0,
    OnDemand = 1,
}

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

    /// Names what a native-NaN action depends on beside its key: the machine's ISA and the engine.
    pub fn native_nan_salt() -> String {
        format!("{}-wasmtime-48", std::env::consts::ARCH)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Live {
        self.live.fetch_add(1, Relaxed);
        Live(self.clone())
    }

    pub(crate) fn machine(&self, nan: Nan, room: Room) -> Result<&Machine, String> {
        let machine = self.machines[nan as usize][room as usize].get_or_init(|| {
            let machine = Machine::new(nan, room, self.config.pool).map_err(|error| format!("{error:#}"))?;
            self.ticker.add(machine.engine.weak());
            Ok(machine)
        });
        machine.as_ref().map_err(Clone::clone)
    }
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
        if room == Room::Pool {
            // A native-NaN task is rare: its pool takes less address space.
            let pool = if nan == Nan::Native { pool.min(512) } else { pool };
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
        .total_stacks(pool.saturating_add(64))
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
    fn add(&self, engine: EngineWeak) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = running.get_or_insert_with(|| {
            let (sender, receiver) = channel::<EngineWeak>();
            let tick = self.tick;
            let work = move || {
                let mut engines: Vec<EngineWeak> = Vec::new();
                loop {
                    match receiver.recv_timeout(tick) {
                        Ok(engine) => engines.push(engine),
                        Err(RecvTimeoutError::Timeout) => {
                            engines.iter().filter_map(EngineWeak::upgrade).for_each(|e| e.increment_epoch());
                        }
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            };
            // Without the thread nothing would ever time out; an error here is as rare as it is fatal,
            // and the first guest that loops would hang: so it is not ignored, but retried by the next
            // engine.
            let _ = std::thread::Builder::new().name("wrun-epoch".to_owned()).spawn(work);
            sender
        });
        if sender.send(engine).is_err() {
            *running = None;
        }
    }
}
