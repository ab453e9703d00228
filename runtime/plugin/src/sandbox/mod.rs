//! All that a guest can see. What is observable here is what [`wrun_core::task::SANDBOX`] numbers: a
//! change that a guest could notice bumps it.
//!
//! - `fs`: `wasi:filesystem` over `inputs` (`/in`, from the store) and `outputs` (`/out`, whose files are
//!   `body`);
//! - `streams`: always ready, constant budgets;
//! - `wasi`: wasmtime-wasi with frozen clocks, constant randomness, no arguments, no environment;
//! - `log`: stdout and stderr;
//! - `fault`: what ends a guest and never reaches it.
//!
//! This module holds the state of one instance, its memory cap, and the contract's own imports.

mod body;
pub(crate) mod fault;
mod fs;
mod inputs;
pub(crate) mod log;
mod outputs;
mod streams;
mod wasi;

pub use fs::{Descriptor, Entries, FsError};

use crate::bindings::wrun::task::host::NeedItem;
use crate::bindings::wrun::task::{host, types};
use crate::convert;
use crate::run::{FailureKind, Run, RunContext};
use body::Usage;
use fault::{Fault, bytes};
use inputs::Inputs;
use log::Log;
use outputs::{OutDir, OutNode};
use std::sync::Arc;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiCtx;
use wrun_core::plan::{OutputKind, OutputSpec};
use wrun_store::Store;
use wrun_store::files::Dir;

/// The time that every clock and file shows: 1980-01-01T00:00:00Z, the earliest that a zip file can hold.
pub(crate) const EPOCH: u64 = 315_532_800;

/// The most elements that the tables of one instance may have.
const MOST_TABLE: usize = 10_000_000;

/// The most resources (open files, streams …) that a guest may hold at once: each costs the host memory.
const MOST_RESOURCES: usize = 100_000;

fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MOST_RESOURCES);
    table
}

/// How a guest called `exit`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExitStatus {
    /// With this code.
    #[error("exit({0})")]
    Code(u8),
    /// With a failure of unknown code: older guests do not tell.
    #[error("exit with a failure")]
    Failure,
}

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) log: Arc<Log>,
    pub(crate) task: String,
    files: Option<Files>,
    context: Option<Arc<dyn RunContext>>,
    dynamic: bool,
    /// Made when it is first asked for: many guests never do.
    wasi: Option<WasiCtx>,
    memory: u64,
    most_memory: u64,
    table_elements: usize,
}

struct Files {
    inputs: Arc<Inputs>,
    outputs: Arc<OutDir>,
}

/// Defaults of the caps that neither a task type nor a Plan sets. They are in no key; the docs of the SDK's
/// `Limits` name them.
pub(crate) mod defaults {
    pub(crate) const MEMORY: u64 = 1 << 30;
    pub(crate) const CPU_MS: u64 = 3_600_000;
    pub(crate) const OUTPUT_BYTES: u64 = 4 << 30;
    pub(crate) const OUTPUT_FILES: u64 = 1_000_000;
    pub(crate) const LOG: u64 = 1 << 20;
}

impl State {
    /// The state in which a guest describes and declares: no files, no context.
    pub(crate) fn planning(task: &str, most_memory: u64) -> Self {
        Self {
            table: table(),
            log: Arc::new(Log::new(0, None)),
            task: task.to_owned(),
            files: None,
            context: None,
            dynamic: false,
            wasi: None,
            memory: 0,
            most_memory,
            table_elements: 0,
        }
    }

    pub(crate) fn running(run: Run, context: Arc<dyn RunContext>, store: Arc<dyn Store>) -> Self {
        let limits = run.limits;
        let most_bytes = limits.output_bytes.unwrap_or(defaults::OUTPUT_BYTES);
        let most_files = limits.output_files.unwrap_or(defaults::OUTPUT_FILES);
        let usage = Usage::new(run.task.clone(), store, most_bytes, most_files);
        let log = Log::new(limits.log_bytes.unwrap_or(defaults::LOG), Some(context.clone()));
        Self {
            table: table(),
            log: Arc::new(log),
            task: run.task,
            files: Some(Files {
                inputs: Arc::new(Inputs::new(run.inputs)),
                outputs: OutDir::root(Arc::new(usage)),
            }),
            context: Some(context),
            dynamic: run.dynamic,
            wasi: None,
            memory: 0,
            most_memory: limits.memory.unwrap_or(defaults::MEMORY),
            table_elements: 0,
        }
    }

    /// Returns `/out`, to be finished once the guest is gone.
    pub(crate) fn outputs(&self) -> Option<Arc<OutDir>> {
        self.files.as_ref().map(|files| files.outputs.clone())
    }

    /// A fault of the guest's author.
    pub(crate) fn contract(&self, message: impl std::fmt::Display) -> Fault {
        Fault::stop(FailureKind::Contract, format!("`{}` breaks the contract: {message}", self.task))
    }
}

/// Checks that exactly the declared outputs are there, and makes their tree.
pub(crate) fn finish(task: &str, outputs: &OutDir, due: &[OutputSpec]) -> Result<Dir, Fault> {
    let whole = due.iter().any(|spec| spec.name == ".");
    if !whole {
        let wrong = mismatches(outputs, due);
        if !wrong.is_empty() {
            return Err(Fault::stop(FailureKind::Outputs, format!("`{task}` {}", wrong.join(", and "))));
        }
    }
    outputs.finish()
}

fn mismatches(outputs: &OutDir, due: &[OutputSpec]) -> Vec<String> {
    let list = |names: Vec<&str>| {
        let more = names.len().saturating_sub(5);
        let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{}`", name.escape_debug())).collect();
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    };
    let made = outputs.entries();
    let mut wrong = Vec::new();
    let missing: Vec<&str> =
        due.iter().map(|spec| spec.name.as_str()).filter(|name| !made.contains_key(*name)).collect();
    if !missing.is_empty() {
        wrong.push(format!("did not make its declared output {}", list(missing)));
    }
    for spec in due {
        match (made.get(&spec.name), spec.kind) {
            (Some(OutNode::Dir(_)), OutputKind::File) => {
                wrong.push(format!("made a directory of its output `{}`, which is declared as a file", spec.name));
            }
            (Some(OutNode::File(_)), OutputKind::Directory) => {
                wrong.push(format!("made a file of its output `{}`, which is declared as a directory", spec.name));
            }
            _ => {}
        }
    }
    let declared = |name: &str| due.iter().any(|spec| spec.name == name);
    let extra: Vec<&str> = made.keys().map(String::as_str).filter(|name| !declared(name)).collect();
    if !extra.is_empty() {
        wrong.push(format!("made {}, which it does not declare", list(extra)));
    }
    wrong
}

impl host::Host for State {
    async fn need(&mut self, items: Vec<NeedItem>) -> wasmtime::Result<()> {
        let Some((context, inputs)) =
            self.context.as_ref().zip(self.files.as_ref()).map(|(c, files)| (c.clone(), files.inputs.clone()))
        else {
            return Err(self.contract("it called `need` outside of `run`").into());
        };
        if !self.dynamic {
            let message = "it called `need`, but its task type is not `dynamic`";
            return Err(self.contract(message).into());
        }
        let needs = convert::needs(items).map_err(|error| self.contract(error))?;
        if needs.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = needs.iter().map(|need| need.name.clone()).collect();
        let dirs = context.need(needs).await.map_err(|_| Fault::NeedEnded)?;
        if dirs.len() != names.len() {
            let message = format!("{} needs were answered with {} outputs", names.len(), dirs.len());
            return Err(Fault::Infrastructure(message).into());
        }
        for (name, dir) in names.into_iter().zip(dirs) {
            let new = dir.digest();
            inputs.add(name.clone(), dir).map_err(|old| {
                let (old, new) = (old.0.short(), new.0.short());
                self.contract(format!(
                    "`need` names `/in/{name}`, which is there with other content ({old}, not {new})"
                ))
            })?;
        }
        Ok(())
    }

    fn progress(&mut self, fraction: Option<f64>, message: String) -> wasmtime::Result<()> {
        if let Some(context) = &self.context {
            let fraction =
                fraction.filter(|fraction| fraction.is_finite()).map(|fraction| fraction.clamp(0.0, 1.0));
            context.progress(fraction, &message);
        }
        Ok(())
    }
}

impl types::Host for State {}

impl wasmtime::ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add((desired - current.min(desired)) as u64);
        if total > self.most_memory {
            let message = format!("`{}` needs more than its memory cap of {}", self.task, bytes(self.most_memory));
            return Err(Fault::stop(FailureKind::Memory, message).into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The component's own maximum: the same everywhere, so the guest may see it.
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // The machine has no memory left; a −1 could be caught and baked into a result.
        Err(Fault::Infrastructure(format!("there is no memory left for `{}`: {error:#}", self.task)).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired - current.min(desired));
        if total > MOST_TABLE {
            let message = format!("`{}` needs tables of more than {MOST_TABLE} elements", self.task);
            return Err(Fault::stop(FailureKind::Memory, message).into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Fault::Infrastructure(format!("there is no memory left for a table of `{}`: {error:#}", self.task))
            .into())
    }
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Defines all that a guest may import.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use crate::bindings::wasi::filesystem;
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
    use wasmtime_wasi::p2::bindings::{cli, clocks, random};
    use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
    use wasmtime_wasi_io::bindings::wasi::io;
    macro_rules! add {
        ($data:ty, $get:expr; $($interface:path),* $(,)?) => {{
            $({
                use $interface as interface;
                interface::add_to_linker::<State, $data>(linker, $get)?;
            })*
        }};
    }
    add!(HasSelf<State>, |state| state;
        host,
        types,
        filesystem::preopens,
        filesystem::types,
        cli::exit,
        cli::stdout,
        cli::stderr,
        clocks::monotonic_clock,
    );
    add!(WasiCli, State::cli;
        cli::environment,
        cli::stdin,
        cli::terminal_input,
        cli::terminal_output,
        cli::terminal_stdin,
        cli::terminal_stdout,
        cli::terminal_stderr,
    );
    add!(WasiClocks, State::clocks; clocks::wall_clock);
    add!(WasiRandom, State::random; random::random, random::insecure, random::insecure_seed);
    add!(Io, |state| &mut state.table; io::error, io::poll, io::streams);
    Ok(())
}
