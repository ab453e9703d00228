//! Recorded results, for commands that are about results and not about what is to be built: by key, or as the latest
//! of a task on any machine.

use super::{Last, Prepared, prepare};
use crate::args::{GoalArgs, StoreArgs};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::workspace::{Need, Workspace, describe_key, description};
use std::collections::HashMap;
use std::sync::Arc;
use wrun_build::Plugin;
use wrun_build::lineage::{listing, live};
use wrun_core::digest::{ActionKey, ComponentDigest, Digest};
use wrun_core::report::TaskReport;
use wrun_core::result::{ActionResult, Address};
use wrun_core::session::SessionRecord;
use wrun_core::task::{PluginDescription, TaskType, task_id};
use wrun_exec::wasm::WasmPlugin;

/// Builds that are looked through for a task.
const MOST_RUNS: usize = 1000;

/// Reads `KEY` or `KEY.GENERATION`; nothing where the text is neither.
pub(crate) fn address(text: &str) -> Result<Option<(ActionKey, Option<u32>)>> {
    if !text.starts_with("b3:") {
        return Ok(None);
    }
    let (key, generation) = match text.split_once('.') {
        Some((key, generation)) => (key, Some(generation)),
        None => (text, None),
    };
    let refuse = || {
        CliError::usage(format!("`{}` is no whole key of a result", crate::text::plain(text)))
            .hint("`wrun build --json` and `wrun lineage --json` print all 64 digits")
    };
    let key = ActionKey(key.parse::<Digest>().map_err(|_| refuse())?);
    let generation = generation.map(str::parse).transpose().map_err(|_| refuse())?;
    Ok(Some((key, generation)))
}

/// Finds the result that a key means: its live one, where no generation is named.
pub(crate) fn by_key(workspace: &Workspace, (key, generation): (ActionKey, Option<u32>)) -> Result<Address> {
    let (store, runtime) = (&*workspace.store, &workspace.runtime);
    let found = match generation {
        Some(generation) => {
            let address = Address { key, generation };
            runtime.block_on(store.result(address))?.map(|_| address)
        }
        None => runtime.block_on(live(store, key))?,
    };
    found.ok_or_else(|| {
        CliError::new(Exit::Failed, format!("the store has no result of the key {key}"))
            .code(Code::NoResult)
            .hint("`wrun build --json` prints the keys of goals, `wrun lineage --json` those behind them")
    })
}

/// Opens the store and finds what is meant: `KEY`, or `PLUGIN TASK` with params.
pub(crate) fn meant(shell: &Shell, goal: &GoalArgs, store: &StoreArgs) -> Result<(Workspace, Vec<Address>)> {
    let named = goal.plugin.as_deref().and_then(|named| named.to_str()).map(address).transpose()?.flatten();
    if let Some(named) = named {
        if let Some(word) = goal.words.first() {
            return Err(CliError::usage(format!("`{}` after a key", crate::text::plain(word)))
                .code(Code::UnexpectedWord)
                .hint("a key is enough: it names one result"));
        }
        let workspace = Workspace::open(shell, store, None, Need::Existing)?;
        let address = by_key(&workspace, named)?;
        return Ok((workspace, vec![address]));
    }
    let prepared = prepare(shell, goal, store, None, (Need::Existing, Last::Param))?;
    let addresses = latest(&prepared)?;
    Ok((prepared.workspace, addresses))
}

/// Returns the latest result of each goal: of this machine, else of any that shares the store.
pub(crate) fn latest(prepared: &Prepared) -> Result<Vec<Address>> {
    let task = prepared.task()?;
    let plugin = &description(&prepared.plugins)?.id;
    let workspace = &prepared.workspace;
    let calls = &prepared.goals.calls;
    let ids: Vec<_> =
        calls.iter().map(|call| task_id(plugin, &task.name, &call.params.significant(&task.params))).collect();
    let known = workspace.runtime.block_on(workspace.store.latest(&ids))?;
    let mut out = Vec::with_capacity(known.len());
    let mut reports: Option<Vec<TaskReport>> = None;
    for (call, known) in calls.iter().zip(known) {
        if let Some(known) = known {
            out.push(known);
            continue;
        }
        if reports.is_none() {
            reports = Some(anywhere(workspace, plugin, task)?);
        }
        // Private params are in no listing.
        let is_it = |report: &&TaskReport| {
            report.params.0.iter().all(|(name, value)| call.params.0.get(name) == Some(value))
        };
        let key = reports.iter().flatten().find(is_it).and_then(|report| report.key);
        let Some(key) = key else {
            let name = format!("{} {}", task.name, call.params.display(&task.params));
            return Err(CliError::new(Exit::Failed, format!("there is no result of `{}`", name.trim_end()))
                .code(Code::NoResult)
                .hint("`wrun build` makes one"));
        };
        out.push(by_key(workspace, (key, None))?);
    }
    Ok(out)
}

/// Returns what became of a task type in the builds of all machines, newest first, where there was an output.
fn anywhere(workspace: &Workspace, plugin: &str, task: &TaskType) -> Result<Vec<TaskReport>> {
    let (store, runtime) = (&*workspace.store, &workspace.runtime);
    let mut out = Vec::new();
    for (_, header) in runtime.block_on(store.everyones_runs(MOST_RUNS))? {
        let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { continue };
        let tasks = runtime.block_on(listing(store, &record))?.into_iter();
        out.extend(tasks.filter(|one| one.task == task.name && one.plugin == plugin && one.output.is_some()));
    }
    Ok(out)
}

/// What components say of themselves, from the store alone.
pub(crate) struct Descriptions<'a> {
    workspace: &'a Workspace,
    known: HashMap<ComponentDigest, Option<PluginDescription>>,
}

impl<'a> Descriptions<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, known: HashMap::new() }
    }

    /// Names the task of a result. Where its component is gone nobody knows which params are private, so none is shown.
    pub(crate) fn name(&mut self, result: &ActionResult) -> Result<String> {
        let name = format!("{}:{}", result.provenance.plugin, result.action.task);
        Ok(format!("{name} {}", self.params(result)?.display(&[])).trim_end().to_owned())
    }

    /// Returns the params of a result that may be shown. What `run` could not read is in no record.
    pub(crate) fn params(&mut self, result: &ActionResult) -> Result<wrun_core::param::Params> {
        use wrun_core::param::{Value, Visibility, is_token};
        let mut params = result.provenance.params.clone();
        match self.task(result)? {
            Some(task) => {
                params.0.retain(|name, _| {
                    let spec = task.params.iter().find(|spec| spec.name == name);
                    spec.is_some_and(|spec| spec.visibility == Visibility::Public)
                });
                params.0.retain(|_, value| !matches!(value, Value::Text(text) if is_token(text)));
            }
            None => params.0.retain(|_, _| false),
        }
        Ok(params)
    }

    fn task(&mut self, result: &ActionResult) -> Result<Option<&TaskType>> {
        let component = result.provenance.component;
        if !self.known.contains_key(&component) {
            let found = self.describe(component)?;
            self.known.insert(component, found);
        }
        let known = self.known.get(&component).and_then(Option::as_ref);
        Ok(known.and_then(|description| description.task(&result.action.task)))
    }

    fn describe(&self, component: ComponentDigest) -> Result<Option<PluginDescription>> {
        let (store, runtime) = (&self.workspace.store, &self.workspace.runtime);
        let cached = runtime.block_on(store.plans(&[describe_key(component)]))?.pop().flatten();
        if let Some(known) = cached.and_then(|json| serde_json::from_slice(&json).ok()) {
            return Ok(Some(known));
        }
        let bytes = runtime.block_on(wrun_build::rerun::blob(&**store, component.0))?;
        let plugin = bytes.and_then(|bytes| load(self.workspace, component, bytes).ok());
        Ok(plugin.map(|plugin| plugin.planner.description().clone()))
    }
}

/// Makes a plugin of bytes that a store had.
pub(crate) fn load(workspace: &Workspace, component: ComponentDigest, bytes: Vec<u8>) -> Result<Plugin, String> {
    let name = component.0.short().to_string();
    let plugin = wrun_plugin::Plugin::open(&workspace.host, bytes, &name).map_err(|error| error.to_string())?;
    let plugin = Arc::new(WasmPlugin::new(plugin, workspace.store.clone()).map_err(|error| error.to_string())?);
    Ok(Plugin { alias: String::new(), component, planner: plugin.clone(), executor: plugin })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_key_may_name_a_generation() {
        let digest = Digest::of_blob(b"key");
        let read = |text: &str| address(text).unwrap();
        assert_eq!(read("report.wasm"), None);
        assert_eq!(read(&digest.to_string()), Some((ActionKey(digest), None)));
        assert_eq!(read(&format!("{digest}.3")), Some((ActionKey(digest), Some(3))));
        for text in ["b3:", "b3:12", &format!("{digest}.x"), &format!("{digest}.")] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
