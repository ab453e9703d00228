//! One component: its description and its Plans.

use crate::bindings::SandboxPre;
use crate::compiled;
use crate::convert;
use crate::core_module;
use crate::error::{LoadError, check_bytes};
use crate::guest;
use crate::host::{Host, Nan, Room};
use crate::run::{Made, PlanError, Run, RunContext, RunError};
use crate::sandbox::State;
use crate::symbols::{Place, Symbols};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wasmtime::Engine;
use wasmtime::component::ComponentExportIndex;
use wasmtime::component::types::ComponentItem;
use wrun_core::digest::{ComponentDigest, Digest};
use wrun_core::param::Params;
use wrun_core::plan::Plan;
use wrun_core::task::PluginDescription;
use wrun_store::Store;

/// One component. Opening it looks at its bytes alone; it is compiled when a guest is first called.
pub struct Plugin {
    pub(crate) host: Arc<Host>,
    name: String,
    bytes: Arc<[u8]>,
    digest: ComponentDigest,
    description: OnceLock<PluginDescription>,
    loaded: [[OnceLock<Loaded>; 3]; 2],
    loading: Mutex<()>,
    /// Where the component lies, beside which its symbols may lie.
    path: Option<PathBuf>,
    symbols: OnceLock<Option<Symbols>>,
    /// How many Plans were asked for.
    declared: AtomicU64,
}

/// The first Plans are each asked for twice; then one in so many.
const ALWAYS_TWICE: u64 = 64;
const NOW_AND_THEN: u64 = 64;

/// A compiled component, ready to be instantiated.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) pre: SandboxPre<State>,
    pub(crate) describe: ComponentExportIndex,
    pub(crate) declare: ComponentExportIndex,
    pub(crate) run: ComponentExportIndex,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Plugin {
    /// Takes the bytes of a component, or of a core module that speaks the contract's core ABI, which is made
    /// into a component first: the digest is that component's. `name` is what messages call it.
    pub fn open(host: &Arc<Host>, bytes: impl Into<Arc<[u8]>>, name: &str) -> Result<Self, LoadError> {
        let mut bytes = bytes.into();
        check_bytes(name, &bytes)?;
        if core_module::is_core_module(&bytes) {
            bytes = core_module::componentise(name, &bytes)?.into();
        }
        let digest = ComponentDigest(Digest::of_blob(&bytes));
        Ok(Self {
            host: host.clone(),
            name: name.to_owned(),
            bytes,
            digest,
            description: OnceLock::new(),
            loaded: Default::default(),
            loading: Mutex::default(),
            path: None,
            symbols: OnceLock::new(),
            declared: AtomicU64::new(0),
        })
    }

    /// Supplies the description from a cache whose key has the component's digest and the sandbox number.
    #[must_use]
    pub fn with_description(self, description: PluginDescription) -> Self {
        Self { description: OnceLock::from(description), ..self }
    }

    /// Says where the component lies: the lines of its source are looked for beside it.
    #[must_use]
    pub fn with_path(self, path: PathBuf) -> Self {
        Self { path: Some(path), ..self }
    }

    /// Returns the lines of its source, if they are known. They are read when they are first asked for.
    pub fn symbols(&self) -> Option<&Symbols> {
        let read = || Symbols::read(self.path.as_deref()?, self.digest);
        self.symbols.get_or_init(read).as_ref()
    }

    /// Returns the places of offsets in the component.
    pub(crate) fn places(&self, offsets: &[usize]) -> Vec<Vec<Place>> {
        self.symbols().map(|symbols| symbols.locate(&self.bytes, offsets)).unwrap_or_default()
    }

    /// Returns what messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Returns the digest of its bytes.
    pub fn digest(&self) -> ComponentDigest {
        self.digest
    }

    /// Returns what the plugin says of itself; asks it if that is not known yet.
    pub fn description(&self) -> Result<&PluginDescription, LoadError> {
        if let Some(description) = self.description.get() {
            return Ok(description);
        }
        let description = self.describe()?;
        Ok(self.description.get_or_init(|| description))
    }

    /// Asks the plugin what it is: twice, and validates the answer.
    pub fn describe(&self) -> Result<PluginDescription, LoadError> {
        let ask = || {
            let raw = guest::describe(self)?;
            convert::description(raw).map_err(|source| LoadError::Description { name: self.name.clone(), source })
        };
        let (one, two) = (ask()?, ask()?);
        if one != two {
            let why = "it answered differently when it was asked twice".to_owned();
            return Err(LoadError::Describe { name: self.name.clone(), why });
        }
        one.validate().map_err(|source| LoadError::Description { name: self.name.clone(), source })?;
        Ok(one)
    }

    /// Asks for the Plan of a call: twice, each in a fresh instance, and validates the answer.
    pub fn declare(&self, task: &str, params: &Params) -> Result<Plan, PlanError> {
        let description = self.description().map_err(|error| PlanError::Trapped(error.to_string()))?;
        let Some(task_type) = description.task(task) else {
            return Err(PlanError::Trapped(format!("`{}` has no task type `{task}`", self.name)));
        };
        let json = params.to_json();
        let one = guest::declare(self, task, &json)?;
        // A fresh instance without any capability has nothing to answer differently from; asking again holds
        // the sandbox to that, often enough to notice and too seldom to cost anything.
        let asked = self.declared.fetch_add(1, Ordering::Relaxed);
        if asked >= ALWAYS_TWICE && !asked.is_multiple_of(NOW_AND_THEN) {
            return match one {
                Ok(one) => Ok(convert::plan(one)?.validate(task_type)?),
                Err(refused) => Err(PlanError::Refused(refused)),
            };
        }
        Ok(convert::agreed(one, guest::declare(self, task, &json)?)?.validate(task_type)?)
    }

    /// Runs one attempt to its end. The guest computes on the thread that polls; between the ticks of
    /// [`crate::HostConfig::tick`] it does not yield. The inputs' bytes must be on this machine.
    pub async fn run(
        &self,
        run: Run,
        context: Arc<dyn RunContext>,
        store: Arc<dyn Store>,
    ) -> Result<Made, RunError> {
        guest::run(self, run, context, store).await
    }

    /// Returns the component, compiled for this kind of NaN and this kind of room, if it is already.
    pub(crate) fn compiled(&self, nan: Nan, room: Room) -> Option<&Loaded> {
        self.loaded[nan as usize][room as usize].get()
    }

    /// Returns the component, compiled for this kind of NaN and this kind of room.
    pub(crate) fn loaded(&self, nan: Nan, room: Room) -> Result<&Loaded, LoadError> {
        let cell = &self.loaded[nan as usize][room as usize];
        // One thread compiles; the others wait for it.
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = cell.get() {
            return Ok(loaded);
        }
        let loaded = self.load(nan, room)?;
        Ok(cell.get_or_init(|| loaded))
    }

    fn load(&self, nan: Nan, room: Room) -> Result<Loaded, LoadError> {
        let name = || self.name.clone();
        let machine = self.host.machine(nan, room).map_err(|why| LoadError::Engine { why })?;
        let folder = self.host.config.compiled_dir.as_deref();
        let component = compiled::load(&machine.engine, folder, self.digest, &self.bytes)
            .map_err(|error| LoadError::Invalid { name: name(), why: format!("{error:#}") })?;
        let engine = machine.engine.clone();
        let ty = component.component_type();
        for (import, _) in ty.imports(&engine) {
            self.check_import(import)?;
        }
        let function = |export: &&str| {
            ty.get_export(&engine, export).is_some_and(|found| matches!(found.ty, ComponentItem::ComponentFunc(_)))
        };
        let due = ["describe", "declare", "run"];
        let missing: Vec<String> =
            due.iter().filter(|name| !function(name)).map(|&name| name.to_owned()).collect();
        if !missing.is_empty() {
            return Err(LoadError::OtherWorld { name: name(), missing });
        }
        let fit = |error: wasmtime::Error| LoadError::Contract { name: name(), why: format!("{error:#}") };
        let pre = machine.linker.instantiate_pre(&component).map_err(fit)?;
        // Checks the types of the exports too.
        let pre = SandboxPre::new(pre).map_err(fit)?;
        match due.map(|name| component.get_export_index(None, name)) {
            [Some(describe), Some(declare), Some(run)] => Ok(Loaded { engine, pre, describe, declare, run }),
            _ => Err(LoadError::OtherWorld { name: name(), missing: due.map(str::to_owned).to_vec() }),
        }
    }

    fn check_import(&self, import: &str) -> Result<(), LoadError> {
        let name = || self.name.clone();
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        if interface.starts_with("wrun:task/") {
            let known = version == "0.1" || version.starts_with("0.1.");
            let contract = import.to_owned();
            return if known { Ok(()) } else { Err(LoadError::NewerContract { name: name(), contract }) };
        }
        let had = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];
        let known = had.iter().any(|had| interface.starts_with(had)) && version.starts_with("0.2.");
        if known { Ok(()) } else { Err(LoadError::Import { name: name(), import: import.to_owned() }) }
    }
}
