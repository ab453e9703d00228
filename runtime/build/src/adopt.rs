//! `adopt`: what another system has made becomes the result of a task, as if it had run.
//!
//! The key is that of the task with what it requires now, so everything that it requires must be there. The record says
//! *adopted*: `rerun` has nothing to repeat, and `lineage` says where it came from.

use crate::api::{BuildError, GoalCall, Interrupt, Options, Setup};
use crate::engine::{Mode, session};
use crate::graph::{Dependency, End, ExternalState};
use std::collections::BTreeMap;
use std::time::Instant;
use wrun_core::digest::TreeDigest;
use wrun_core::plan::{OutputKind, OutputSpec};
use wrun_core::result::{ActionResult, Address, Adopted, FORMAT, Log, Provenance};
use wrun_core::tree::{Entry, EntryKind, Tree};
use wrun_store::files::{Dir, FilesError};
use wrun_store::{BlobKind, Committed, StoreError, Write};

/// Outputs of at most this many bytes ride inside their record.
const INLINE: u64 = 4 << 10;

/// Why nothing was adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The session's own error.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What is to be adopted cannot be read back.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What it requires is not there.
    #[error("`{task}` has no key yet: that depends on what `{until}` makes")]
    Unknown {
        /// The task.
        task: String,
        /// What has to be there first.
        until: String,
    },
    /// It cannot be planned.
    #[error("`{task}`: {why}")]
    Trouble {
        /// The task.
        task: String,
        /// Why.
        why: String,
    },
    /// It has another result.
    #[error("`{task}` has a result already, and it is another: {there} and not {new}")]
    Other {
        /// The task.
        task: String,
        /// The output of its result.
        there: TreeDigest,
        /// What was to be adopted.
        new: TreeDigest,
    },
    /// It is not what the task declares.
    #[error("`{task}` declares {due}, and there is {found}")]
    Outputs {
        /// The task.
        task: String,
        /// Its outputs.
        due: String,
        /// What is there.
        found: String,
    },
}

impl AdoptError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Build(_) | Self::Files(_) => return None,
            Self::Unknown { until, .. } => format!("adopt or build `{until}` first"),
            Self::Trouble { .. } => "`wrun plan` says the same of a build".into(),
            Self::Other { .. } => "`wrun diff` compares them; a result is never overwritten".into(),
            Self::Outputs { .. } => "`wrun describe PLUGIN TASK` shows what a task declares".into(),
        })
    }
}

impl From<StoreError> for AdoptError {
    fn from(error: StoreError) -> Self {
        Self::Build(error.into())
    }
}

/// Takes a directory for the result of a goal. Its large files are in the store already; tells where it lies, and
/// whether it is new.
pub async fn adopt(
    setup: &Setup,
    options: &Options,
    goal: &GoalCall,
    runtime: &tokio::runtime::Handle,
    (dir, from): (&Dir, &str),
) -> Result<(Address, bool), AdoptError> {
    let interrupt = Interrupt::default();
    let goals = std::slice::from_ref(goal);
    let found = session(setup, options, goals, runtime, &interrupt, Mode::Preview, Instant::now()).await?;
    let engine = found.engine;
    let internal = |why: &str| BuildError::Internal(why.to_owned());
    let id = *engine.goals.first().ok_or_else(|| internal("a goal without a node"))?;
    let node = &engine.nodes[id as usize];
    let task = engine.shared.resolver.display(&node.call);
    let dir = &match &node.planned {
        Some(planned) => matching(&task, &planned.plan.outputs, dir)?,
        None => dir.clone(),
    };
    match node.end() {
        Some(End::Done { output, .. }) if output.tree == dir.digest() => return Ok((output.address, false)),
        Some(End::Done { output, .. }) => {
            return Err(AdoptError::Other { task, there: output.tree, new: dir.digest() });
        }
        Some(End::WouldRun) | None => {}
        Some(End::Unknown(until)) => {
            let until = engine.shared.resolver.display(&engine.nodes[*until as usize].call);
            return Err(AdoptError::Unknown { task, until });
        }
        Some(End::Failed { message: why, .. } | End::Blocked(why) | End::Waiting(why) | End::Skipped(why)) => {
            return Err(AdoptError::Trouble { task, why: why.clone() });
        }
    }
    let (Some(keyed), Some(planned)) = (&node.keyed, &node.planned) else {
        return Err(internal("a task that would run without a key").into());
    };
    let key = keyed.action.key();
    let records = setup.store.results(&[key]).await?.pop().unwrap_or_default();
    let generation = records.last().map_or(0, |record| record.generation + 1);
    let tree = dir.tree()?;
    let mut inputs = BTreeMap::new();
    let mut externals = BTreeMap::new();
    for (input, dependency) in planned.plan.inputs.iter().zip(&node.dependencies) {
        match dependency {
            Dependency::Task(other) => {
                if let Some(End::Done { output, .. }) = engine.nodes[*other as usize].end() {
                    inputs.insert(input.name.clone(), output.address);
                }
            }
            Dependency::External(other) => {
                let external = &engine.externals[*other as usize];
                if matches!(external.state, ExternalState::Found(_)) {
                    externals.insert(input.name.clone(), external.external.uri.clone());
                }
            }
            Dependency::Nothing => {}
        }
    }
    let spec = engine.shared.resolver.task_type(&node.call);
    let plugin = engine.shared.resolver.plugin(&node.call);
    let inline = dir.inline(INLINE)?;
    let mut writes = Vec::new();
    if inline.is_none() {
        let objects = dir.memory();
        writes.extend(objects.blobs.values().map(|bytes| Write::Blob(BlobKind::Blob, bytes.clone())));
        writes.extend(objects.trees.values().map(|tree| Write::Blob(BlobKind::Tree, tree.encode().into())));
    }
    let id = crate::jobs::id_of(&engine.shared, &node.call);
    let result = ActionResult {
        format: FORMAT,
        tree: dir.digest(),
        size: tree.size(),
        inline,
        log: Log::Empty,
        steps: Vec::new(),
        action: (*keyed.action).clone(),
        provenance: Provenance {
            task_id: id,
            plugin: plugin.planner.description().id.clone(),
            component: plugin.component,
            params: node.call.params.masked(&spec.params),
            started: options.now.as_millisecond(),
            seconds: 0.0,
            inputs,
            externals,
            contents: Default::default(),
            reasons: Vec::new(),
            tombstone: engine.shared.tombstones.last(),
            adopted: Some(Adopted { from: from.to_owned() }),
            container: None,
            wrun: setup.version.clone(),
        },
    };
    let body = serde_json::to_vec(&result).map_err(|error| internal(&error.to_string()))?;
    let address = Address { key, generation };
    writes.push(Write::Result { address, body: body.into(), task: id });
    let mut lost: Vec<wrun_store::Bytes> = Vec::new();
    for outcome in setup.store.commit(writes).await? {
        if let Committed::Lost(winner) = outcome {
            lost.push(winner);
        }
    }
    lost.extend(setup.store.settle().await?.lost.into_iter().filter(|(at, _)| *at == address).map(|(_, won)| won));
    for winner in lost {
        let won = serde_json::from_slice::<ActionResult>(&winner).map(|won| won.tree).unwrap_or(dir.digest());
        if won != dir.digest() {
            return Err(AdoptError::Other { task, there: won, new: dir.digest() });
        }
    }
    Ok((address, true))
}

/// Checks that a directory is what a task declares. A single file may have another name where one file is declared.
fn matching(task: &str, outputs: &[OutputSpec], dir: &Dir) -> Result<Dir, AdoptError> {
    if let [one] = outputs
        && one.name == "."
    {
        return Ok(dir.clone());
    }
    let tree = dir.tree()?;
    if let ([one], [entry]) = (outputs, tree.entries())
        && let (OutputKind::File, EntryKind::File { .. }) = (one.kind, entry.kind)
        && one.name != entry.name
    {
        return Ok(renamed(dir, entry, &one.name)?);
    }
    let is = |output: &OutputSpec| {
        let entry = tree.get(&output.name);
        entry.is_some_and(|entry| (entry.kind == EntryKind::Directory) == (output.kind == OutputKind::Directory))
    };
    if outputs.iter().all(is) && outputs.len() == tree.entries().len() {
        return Ok(dir.clone());
    }
    let list = |names: Vec<String>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let due = outputs.iter().map(|output| match output.kind {
        OutputKind::File => format!("`{}`", output.name),
        OutputKind::Directory => format!("`{}/`", output.name),
    });
    let found = tree.entries().iter().take(10).map(|entry| match entry.kind {
        EntryKind::File { .. } => format!("`{}`", entry.name),
        EntryKind::Directory => format!("`{}/`", entry.name),
    });
    Err(AdoptError::Outputs { task: task.to_owned(), due: list(due.collect()), found: list(found.collect()) })
}

/// The same file under the name that is declared.
fn renamed(dir: &Dir, entry: &Entry, name: &str) -> Result<Dir, FilesError> {
    let tree = Tree::new(vec![Entry { name: name.to_owned(), ..entry.clone() }])
        .map_err(|_| FilesError::NoPath { path: name.to_owned(), there: Vec::new() })?;
    let mut memory = wrun_store::files::Objects::default();
    memory.blobs.clone_from(&dir.memory().blobs);
    let digest = tree.digest();
    memory.trees.insert(digest, tree.into());
    Ok(Dir::with_memory(digest, memory, dir.store().cloned()))
}
