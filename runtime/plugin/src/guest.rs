//! One call of a guest: a fresh instance, its caps, and how it ended.

use crate::bindings::wrun::task::types;
use crate::cpu::{Meter, Metered};
use crate::error::LoadError;
use crate::host::{Live, Nan, ROOMS, Room};
use crate::plugin::{Loaded, Plugin};
use crate::run::{FailureKind, Made, PlanError, Run, RunContext, RunError};
use crate::sandbox::fault::Fault;
use crate::sandbox::{ExitStatus, State, defaults, finish};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower};
use wasmtime::{PoolConcurrencyLimitError, Trap, UpdateDeadline, WasmBacktrace};
use wrun_store::Store;

/// Bytes that a guest may hand over in one call: a plan of more inputs than are allowed must still
/// arrive, to be counted.
const HANDED_OVER: usize = 512 << 20;

/// An instance that lives.
struct Guest<'a> {
    store: wasmtime::Store<State>,
    instance: Instance,
    loaded: &'a Loaded,
    _live: Live,
}

/// CPU time that a guest may use.
#[derive(Clone)]
struct Cap {
    meter: Arc<Meter>,
    most: Duration,
    /// Whether it lets others poll on its thread at each tick.
    yields: bool,
}

/// Why there is no instance.
enum NoGuest {
    Load(LoadError),
    /// It ended while it was made.
    Ended(wasmtime::Error, Box<State>),
}

impl<'a> Guest<'a> {
    /// Finds room for a fresh instance. The meter of the cap has begun.
    async fn new(plugin: &'a Plugin, nan: Nan, mut state: State, cap: Cap) -> Result<Self, NoGuest> {
        let live = plugin.host.enter();
        for room in ROOMS {
            let known = plugin.compiled(nan, room);
            let loaded = known.map_or_else(|| plugin.loaded(nan, room), Ok);
            if known.is_none() {
                // Compiling a component is not the guest's time, also where it does not fit.
                cap.meter.reset();
            }
            let loaded = match loaded {
                Ok(loaded) => loaded,
                // There is no such pool, or the component does not fit in it.
                Err(LoadError::Engine { .. } | LoadError::Invalid { .. }) if room != Room::OnDemand => continue,
                Err(error) => return Err(NoGuest::Load(error)),
            };
            match Self::enter(loaded, state, cap.clone()).await {
                Ok((store, instance)) => return Ok(Self { store, instance, loaded, _live: live }),
                Err((error, back)) if room != Room::OnDemand && error.is::<PoolConcurrencyLimitError>() => {
                    state = *back;
                }
                Err((error, state)) => return Err(NoGuest::Ended(error, state)),
            }
        }
        Err(NoGuest::Load(LoadError::Engine { why: "there is no room for an instance".to_owned() }))
    }

    async fn enter(
        loaded: &Loaded,
        state: State,
        cap: Cap,
    ) -> Result<(wasmtime::Store<State>, Instance), (wasmtime::Error, Box<State>)> {
        let mut store = wasmtime::Store::new(&loaded.engine, state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(HANDED_OVER);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |caller| {
            if cap.meter.used() > cap.most {
                let task = &caller.data().task;
                let message = format!("`{task}` used more than its CPU-time cap of {}", seconds(cap.most));
                return Err(Fault::stop(FailureKind::Deadline, message).into());
            }
            Ok(if cap.yields { UpdateDeadline::Yield(1) } else { UpdateDeadline::Continue(1) })
        });
        // Not by the bindings: they would look up all exports, which were checked when it was loaded, and one is called.
        match loaded.pre.instance_pre().instantiate_async(&mut store).await {
            Ok(instance) => Ok((store, instance)),
            Err(error) => Err((error, Box::new(store.into_data()))),
        }
    }

    async fn call<P, R>(&mut self, export: &ComponentExportIndex, params: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.instance.get_typed_func::<P, R>(&mut self.store, export)?.call_async(&mut self.store, params).await
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// Polls what never waits for anything to its end.
fn block<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// A planning call that gave no answer.
enum Silent {
    Load(LoadError),
    Ended(String),
}

/// Calls `describe` or `declare` in a fresh instance without any capability.
fn ask<T>(
    plugin: &Plugin,
    what: &str,
    call: impl AsyncFnOnce(&mut Guest<'_>) -> wasmtime::Result<T>,
) -> Result<T, Silent> {
    let config = &plugin.host.config;
    let meter = Arc::new(Meter::default());
    meter.begin();
    let cap = Cap { meter, most: config.plan_cpu, yields: false };
    let state = State::planning(what, config.plan_memory);
    block(async {
        let ended = |error: wasmtime::Error, state: &State, lives: bool| match end(plugin, error, state, lives) {
            Fault::Stop { message, .. } => Silent::Ended(message),
            Fault::Infrastructure(why) => Silent::Load(LoadError::Engine { why }),
            other => Silent::Ended(other.to_string()),
        };
        let mut guest = match Guest::new(plugin, Nan::Canonical, state, cap).await {
            Ok(guest) => guest,
            Err(NoGuest::Load(error)) => return Err(Silent::Load(error)),
            Err(NoGuest::Ended(error, state)) => return Err(ended(error, &state, false)),
        };
        let answer = call(&mut guest).await;
        answer.map_err(|error| ended(error, guest.store.data(), true))
    })
}

pub(crate) fn describe(plugin: &Plugin) -> Result<types::Description, LoadError> {
    let answer = ask(plugin, "describe", async |guest| {
        let (description,) = guest.call(&guest.loaded.describe, ()).await?;
        Ok(description)
    });
    answer.map_err(|silent| match silent {
        Silent::Load(error) => error,
        Silent::Ended(why) => LoadError::Describe { name: plugin.name().to_owned(), why },
    })
}

pub(crate) fn declare(
    plugin: &Plugin,
    task: &str,
    params: &str,
) -> Result<Result<types::Plan, String>, PlanError> {
    let what = format!("declare of {task}");
    let answer = ask(plugin, &what, async |guest| {
        let (plan,) = guest.call(&guest.loaded.declare, (task, params)).await?;
        Ok(plan)
    });
    answer.map_err(|silent| match silent {
        Silent::Load(error) => PlanError::Trapped(error.to_string()),
        Silent::Ended(why) => PlanError::Trapped(why),
    })
}

pub(crate) async fn run(
    plugin: &Plugin,
    run: Run,
    context: Arc<dyn RunContext>,
    store: Arc<dyn Store>,
) -> Result<Made, RunError> {
    let meter = Arc::new(Meter::default());
    let most = Duration::from_millis(run.limits.cpu_ms.unwrap_or(defaults::CPU_MS));
    let cap = Cap { meter: meter.clone(), most, yields: true };
    Metered::new(meter, attempt(plugin, run, context, store, cap)).await
}

async fn attempt(
    plugin: &Plugin,
    run: Run,
    context: Arc<dyn RunContext>,
    store: Arc<dyn Store>,
    cap: Cap,
) -> Result<Made, RunError> {
    let nan = if run.native_nan { Nan::Native } else { Nan::Canonical };
    let (task, params, due) = (run.task.clone(), run.params.to_json(), run.outputs.clone());
    let looks = context.wants_left().then(|| context.clone());
    let state = State::running(run, context, store);
    let (answer, state, lives) = match Guest::new(plugin, nan, state, cap).await {
        Ok(mut guest) => {
            let answer = guest.call(&guest.loaded.run, (&*task, &*params)).await;
            let answer: wasmtime::Result<Result<(), String>> = answer.map(|(answer,)| answer);
            (answer, guest.store.into_data(), true)
        }
        Err(NoGuest::Ended(error, state)) => (Err(error), *state, false),
        Err(NoGuest::Load(error)) => return Err(RunError::Infrastructure(error.to_string())),
    };
    let fault = match answer {
        Ok(Ok(())) => match state.outputs() {
            Some(outputs) => match finish(&task, &outputs, &due) {
                Ok(output) => return Ok(Made::new(output, state.log.finish())),
                Err(fault) => fault,
            },
            None => Fault::Infrastructure("a run without files".to_owned()),
        },
        Ok(Err(text)) => Fault::stop(FailureKind::Error, text),
        Err(error) => end(plugin, error, &state, lives),
    };
    // What cannot be read back is not worth another error.
    if let (Some(context), Some(outputs)) = (looks, state.outputs())
        && let Ok(output) = outputs.finish()
    {
        context.left(output);
    }
    Err(fault.into_run_error(state.log.finish()))
}

/// Says how a guest ended; `lives` tells whether there was an instance at all.
fn end(plugin: &Plugin, error: wasmtime::Error, state: &State, lives: bool) -> Fault {
    let error = match error.downcast::<Fault>() {
        Ok(fault) => return fault,
        Err(error) => error,
    };
    let task = &state.task;
    if let Some(status) = error.downcast_ref::<ExitStatus>() {
        return Fault::stop(FailureKind::Exit, format!("`{task}` called {status} instead of returning"));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::Infrastructure(format!("there is no room for an instance of `{task}`: {error}"));
    }
    let trap = error.downcast_ref::<Trap>().copied();
    let trace = error.downcast_ref::<WasmBacktrace>();
    if trap.is_none() && trace.is_none() {
        // An answer is read when the guest has returned: what is wrong with it leaves no trace.
        if lives && !error.chain().any(|cause| cause.is::<std::io::Error>()) {
            return state.contract(format_args!("its answer cannot be read: {error:#}"));
        }
        // No guest was running: the machine could not make one.
        return Fault::Infrastructure(format!("cannot make an instance for `{task}`: {error:#}"));
    }
    if trap == Some(Trap::UnreachableCodeReached)
        && let Some(panic) = state.log.panic()
    {
        // The panic says where it was; what called it is known from the symbols alone.
        let called = own_places(plugin, trace).map(|text| format!("\nsource:{text}")).unwrap_or_default();
        return Fault::stop(FailureKind::Panic, format!("`{task}` panicked at {panic}{called}"));
    }
    if trap == Some(Trap::StackOverflow) || is_shadow_stack_overflow(trap, trace) {
        let message = format!("`{task}` overflowed its stack{}", frames(plugin, trace));
        return Fault::stop(FailureKind::StackOverflow, message);
    }
    let why = match trap {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let said = state.log.last_words().map(|said| format!("\nit said: {said}")).unwrap_or_default();
    Fault::stop(FailureKind::Trap, format!("`{task}` trapped: {why}{}{said}", frames(plugin, trace)))
}

/// Rust and C keep their own stack in linear memory: recursion that is too deep runs out of that before
/// it runs out of WebAssembly's own, and traps where it leaves the memory.
fn is_shadow_stack_overflow(trap: Option<Trap>, trace: Option<&WasmBacktrace>) -> bool {
    /// A trace this deep in which one function comes again and again.
    const DEEP: usize = 32;
    let frames = trace.map(WasmBacktrace::frames).unwrap_or_default();
    let times = |frame: &wasmtime::FrameInfo| {
        frames.iter().filter(|other| other.func_index() == frame.func_index()).count()
    };
    trap == Some(Trap::MemoryOutOfBounds)
        && frames.len() >= DEEP
        && frames.iter().any(|frame| times(frame) >= frames.len() / 8)
}

/// Names the innermost functions, for people, with their lines where these are known.
fn frames(plugin: &Plugin, trace: Option<&WasmBacktrace>) -> String {
    if let Some(places) = own_places(plugin, trace) {
        return places;
    }
    let frames = trace.map(WasmBacktrace::frames).unwrap_or_default();
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", frame.func_index()),
    };
    listed(frames.iter().map(name))
}

/// Names the places in the user's own source, innermost first.
fn own_places(plugin: &Plugin, trace: Option<&WasmBacktrace>) -> Option<String> {
    let known: Vec<(usize, Option<&str>)> =
        trace?.frames().iter().filter_map(|frame| Some((frame.module_offset()?, frame.func_name()))).collect();
    let offsets: Vec<usize> = known.iter().map(|(offset, _)| *offset).collect();
    let mut own = Vec::new();
    for ((_, name), mut places) in known.iter().zip(plugin.places(&offsets)) {
        // Line tables name inlined functions at best; the component names the one that they are inlined in.
        if let (Some(place), Some(name)) = (places.last_mut(), name) {
            place.function = format!("{:#}", rustc_demangle::demangle(name));
        }
        own.extend(places.iter().filter(|place| place.is_own()).map(ToString::to_string));
    }
    (!own.is_empty()).then(|| listed(own.into_iter()))
}

fn listed(places: impl Iterator<Item = String>) -> String {
    const MOST: usize = 6;
    let mut text = String::new();
    for (i, place) in places.enumerate() {
        if i == MOST {
            text.push_str("\n  …");
            break;
        }
        text.push_str(&format!("\n  at {place}"));
    }
    text
}
