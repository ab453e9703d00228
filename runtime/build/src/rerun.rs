//! `rerun`: makes a recorded result again from the store alone, and compares. No new result is written.
//!
//! The record names everything: the component and the externals, whose bytes are in the store, and the records of the
//! tasks that made the other inputs. What a task asked for while it ran is answered from its recorded steps; a guest
//! that asks for something else is not deterministic. A container is put together from its key and from what the record
//! says beside that; its image comes from this machine or its registry, and secrets from whoever asks.

use crate::api::Plugin;
use crate::pools::Share;
use crate::runner::names;
use crate::verify::files;
use async_trait::async_trait;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wrun_core::action::{ActionInput, ContainerAction, InputKind, NanMode, step_key};
use wrun_core::digest::{ActionKey, ComponentDigest, Digest, TreeDigest};
use wrun_core::param::{Params, Value, is_token};
use wrun_core::plan::{ContainerSpec, ExternalMode, Plan, Source};
use wrun_core::reason::changes;
use wrun_core::result::{ActionResult, Address, FORMAT};
use wrun_core::task::{CONTAINER_LAYOUT, Need, SANDBOX};
use wrun_core::tree::{EntryKind, Tree};
use wrun_exec::{ContainerRun, Containers, FailureKind, Image, Made, NeedEnded, Run, RunContext, RunError};
use wrun_store::external::{Request, Sources};
use wrun_store::files::{Dir, FilesError};
use wrun_store::{BlobKind, Store, StoreError};

/// Turns the bytes of a component into a plugin; or says why that cannot be.
pub type Loader<'a> = &'a dyn Fn(ComponentDigest, Vec<u8>) -> Result<Plugin, String>;

/// Makes what runs containers, or says why that cannot be. Asked when a container is to run, and not before.
pub type Engines<'a> = &'a dyn Fn() -> Result<Arc<dyn Containers>, String>;

/// How a second run compares with what is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Equal bytes.
    Same,
    /// Other bytes: a nondeterminism event.
    Differs {
        /// What is recorded.
        first: TreeDigest,
        /// What was made now.
        second: TreeDigest,
        /// The paths that differ.
        paths: Vec<String>,
    },
    /// It asked for something else than the first time: a nondeterminism event too.
    AskedElse(String),
    /// The second run failed.
    Failed(String),
}

/// Why a result cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// The store's own error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such record.
    #[error("the store has no result {}", shown(.0))]
    NoResult(Address),
    /// A record of another version, or none at all.
    #[error("the result {} cannot be read: {why}", shown(.address))]
    Unreadable {
        /// Where it lies.
        address: Address,
        /// Why.
        why: String,
    },
    /// A record that is not of its key.
    #[error("the result {} is not of its key: what it says leads to {leads}", shown(.address))]
    OtherKey {
        /// Where it lies.
        address: Address,
        /// The key of what it says.
        leads: ActionKey,
    },
    /// No task of ours made it.
    #[error("the result {} was adopted, so there is no run of it to repeat", shown(.0))]
    Adopted(Address),
    /// A container made it, and an early wrun wrote the record.
    #[error("the record of {} does not say where the image of its container came from", shown(.0))]
    NoOrigin(Address),
    /// A container made it that acts on the world.
    #[error("the container that made {} acts on the world, and `rerun` does not do that again", shown(.0))]
    Effect(Address),
    /// Made under other rules, for containers.
    #[error("its container was laid out by rules {made}, and this wrun has rules {CONTAINER_LAYOUT}")]
    OtherLayout {
        /// The number in the record.
        made: u64,
    },
    /// Nothing runs containers here.
    #[error("its container cannot be run here: {0}")]
    NoEngine(String),
    /// The machine is smaller than what the container was given.
    #[error("its container had {0}")]
    TooSmall(String),
    /// It writes to a bucket, and none is known.
    #[error("its container writes to a bucket (`{{out-url}}`), and none is known here")]
    NoBucket,
    /// Its image cannot be had.
    #[error("its container cannot be run here: {0}")]
    NoImage(String),
    /// Nobody gave a secret that it was given.
    #[error("its container cannot be run here: {0}")]
    NoSecret(String),
    /// The code is not there.
    #[error("the store does not have the component {0} that made it")]
    NoComponent(ComponentDigest),
    /// The code is no code.
    #[error("the component {component} cannot be used: {why}")]
    BadComponent {
        /// Its digest.
        component: ComponentDigest,
        /// Why.
        why: String,
    },
    /// Made under other rules.
    #[error("it was made in sandbox {made}, and this wrun has sandbox {SANDBOX}")]
    OtherSandbox {
        /// The number in the record.
        made: u64,
    },
    /// Made where NaNs have other bits.
    #[error("it depends on the machine: it was made on `{made}`, and this is `{here}`")]
    OtherMachine {
        /// The machine in the record.
        made: String,
        /// This one.
        here: String,
    },
    /// Bytes that it stood on are gone.
    #[error("the store does not have the bytes of {what}")]
    LostInput {
        /// The input, and where it came from.
        what: String,
    },
}

fn shown(address: &Address) -> String {
    match address.generation {
        0 => address.key.to_string(),
        generation => format!("{} generation {generation}", address.key),
    }
}

impl RerunError {
    /// Returns one thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::NoResult(_) => "`wrun build --json` and `wrun lineage` print keys of results".into(),
            Self::Unreadable { .. } | Self::OtherSandbox { .. } | Self::OtherLayout { .. } => {
                "use the wrun that made it".into()
            }
            Self::OtherKey { .. } => "do not trust it: build the task again, into another store if need be".into(),
            Self::NoOrigin(_) => "`wrun verify` runs its task's container again, and compares".into(),
            Self::Effect(_) => "where it is meant to act once more, `wrun build --force` lets it".into(),
            Self::NoEngine(_) => "`wrun doctor` looks at the container engine".into(),
            Self::TooSmall(_) => "run it on a larger machine".into(),
            Self::NoBucket => "name one by `staging` of wrun.toml".into(),
            Self::NoImage(_) => {
                "`docker load` brings an image that no registry has; `docker login` lets you at those of a registry"
                    .into()
            }
            Self::NoSecret(_) => {
                "add it under [secrets] of wrun.toml, as { env = \"NAME\" } or { file = \"PATH\" }".into()
            }
            Self::Adopted(_) => "`wrun lineage` says where it came from".into(),
            Self::NoComponent(_) => {
                "build with that component once more, or use the store where it was made".into()
            }
            Self::BadComponent { .. } => "use the wrun that made it".into(),
            Self::OtherMachine { .. } => "run it on such a machine".into(),
            Self::LostInput { .. } => "build it again, or use the store where it was made".into(),
        })
    }
}

/// Makes results again.
pub struct Rerunner<'a> {
    /// Where everything is.
    pub store: Arc<dyn Store>,
    /// Turns components into plugins.
    pub load: Loader<'a>,
    /// Makes what runs containers.
    pub engines: Engines<'a>,
    /// Where guests compute.
    pub runtime: tokio::runtime::Handle,
    /// This machine's ISA and engine.
    pub machine: String,
    /// Where relative paths of externals start: one that a local store has no listing of is looked for there.
    pub root: PathBuf,
    /// Components that were loaded.
    pub loaded: HashMap<ComponentDigest, Plugin>,
}

/// Reads a record.
pub async fn read(store: &dyn Store, address: Address) -> Result<ActionResult, RerunError> {
    let record = store.result(address).await?.ok_or(RerunError::NoResult(address))?;
    let result: ActionResult = serde_json::from_slice(&record.body)
        .map_err(|error| RerunError::Unreadable { address, why: error.to_string() })?;
    if result.format != FORMAT {
        return Err(RerunError::Unreadable { address, why: format!("it has format {}", result.format) });
    }
    Ok(result)
}

impl Rerunner<'_> {
    /// Makes a result again.
    pub async fn rerun(&mut self, address: Address) -> Result<(ActionResult, Verdict), RerunError> {
        let result = read(&*self.store, address).await?;
        if result.provenance.adopted.is_some() {
            return Err(RerunError::Adopted(address));
        }
        self.check(address, &result)?;
        let container = result.action.container.as_ref().map(|of| container(address, &result, of)).transpose()?;
        let plugin = self.plugin(result.provenance.component).await?;
        let description = plugin.planner.description();
        let Some(spec) = description.task(&result.action.task) else {
            let why = format!("it has no task `{}`", result.action.task);
            return Err(RerunError::BadComponent { component: plugin.component, why });
        };
        let plan = plan(&plugin, &result);
        let mut inputs = Vec::with_capacity(result.action.inputs.len());
        for input in &result.action.inputs {
            inputs.push((input.name.clone(), self.input(&result, plan.as_ref(), input).await?));
        }
        let mut steps = Vec::with_capacity(result.steps.len());
        for step in &result.steps {
            let mut answers = Vec::with_capacity(step.answers.len());
            for (need, tree) in step.needs.iter().zip(&step.answers) {
                let from = result.provenance.inputs.get(&need.name).copied();
                let dir = self.part(from, need.path.as_deref(), *tree).await?;
                let what = || format!("`{}`, which it needed", need.call.task);
                answers.push(dir.ok_or_else(|| RerunError::LostInput { what: what() })?);
            }
            steps.push((step.needs.clone(), answers));
        }
        let limits = plan.map(|plan| plan.limits).unwrap_or_default().or(spec.limits);
        let context = Arc::new(Recorded { steps, asked: Mutex::default() });
        let made = match container {
            Some((container, image)) => {
                let run = ContainerRun {
                    key: address.key,
                    generation: address.generation,
                    task: result.action.task.clone(),
                    spec: container,
                    image,
                    inputs,
                    outputs: result.action.outputs.clone(),
                    limits,
                };
                self.contain(run, context.clone()).await?
            }
            None => {
                let run = Run {
                    task: result.action.task.clone(),
                    params: result.provenance.params.clone(),
                    inputs,
                    outputs: result.action.outputs.clone(),
                    limits,
                    dynamic: spec.dynamic,
                    native_nan: spec.native_nan,
                };
                let (executor, asked) = (plugin.executor.clone(), context.clone());
                let ran = self.runtime.spawn(async move { executor.run(run, asked).await }).await;
                ran.unwrap_or_else(|error| Err(RunError::Infrastructure(error.to_string())))
            }
        };
        if let Some(else_asked) = context.divergence(made.is_ok()) {
            return Ok((result, Verdict::AskedElse(else_asked)));
        }
        let verdict = match made {
            Ok(made) if made.output.digest() == result.tree => Verdict::Same,
            Ok(made) => self.compare(&result, &made.output).await?,
            Err(RunError::Store(error)) => return Err(error.into()),
            Err(error) => Verdict::Failed(error.to_string()),
        };
        Ok((result, verdict))
    }

    /// Checks that the record says what its key says, and that this wrun can keep the rules that it was made by.
    fn check(&self, address: Address, result: &ActionResult) -> Result<(), RerunError> {
        let mut leads = result.action.key();
        for step in &result.steps {
            let answers: Vec<_> = step.answers.iter().map(|tree| (InputKind::Tree, *tree)).collect();
            leads = step_key(leads, &answers);
        }
        if leads != address.key {
            return Err(RerunError::OtherKey { address, leads });
        }
        // What a container sees is not the sandbox's.
        if let Some(container) = &result.action.container {
            let made = container.layout;
            return if made == CONTAINER_LAYOUT { Ok(()) } else { Err(RerunError::OtherLayout { made }) };
        }
        if result.action.sandbox != SANDBOX {
            return Err(RerunError::OtherSandbox { made: result.action.sandbox });
        }
        match &result.action.nan {
            NanMode::Native(made) if *made != self.machine => {
                Err(RerunError::OtherMachine { made: made.clone(), here: self.machine.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Runs a container. What only this machine lacks is no verdict.
    async fn contain(
        &self,
        run: ContainerRun,
        context: Arc<dyn RunContext>,
    ) -> Result<Result<Made, RunError>, RerunError> {
        let containers = (self.engines)().map_err(RerunError::NoEngine)?;
        if let Some(more) = Share::of(&run.spec).more_than(containers.capacity()) {
            return Err(RerunError::TooSmall(more));
        }
        if run.spec.uses_out_url() && !containers.stages() {
            return Err(RerunError::NoBucket);
        }
        match containers.run(run, context).await {
            Err(RunError::Infrastructure(why)) => Err(RerunError::NoEngine(why)),
            Err(RunError::Failed { kind: FailureKind::Image, message, .. }) => Err(RerunError::NoImage(message)),
            Err(RunError::Failed { kind: FailureKind::Secret, message, .. }) => Err(RerunError::NoSecret(message)),
            made => Ok(made),
        }
    }

    async fn plugin(&mut self, component: ComponentDigest) -> Result<Plugin, RerunError> {
        if let Some(known) = self.loaded.get(&component) {
            return Ok(known.clone());
        }
        let bytes = blob(&*self.store, component.0).await?.ok_or(RerunError::NoComponent(component))?;
        let plugin = (self.load)(component, bytes).map_err(|why| RerunError::BadComponent { component, why })?;
        self.loaded.insert(component, plugin.clone());
        Ok(plugin)
    }

    /// Finds the bytes of an input of the action.
    async fn input(
        &self,
        result: &ActionResult,
        plan: Option<&Plan>,
        input: &ActionInput,
    ) -> Result<Dir, RerunError> {
        let from = result.provenance.inputs.get(&input.name).copied();
        let planned = plan.and_then(|plan| plan.inputs.iter().find(|planned| planned.name == input.name));
        let path = planned.and_then(|planned| match &planned.source {
            Source::Task { path, .. } => path.as_deref(),
            _ => None,
        });
        // Of an external that is known by its server's word the result remembers what it held.
        let held = result.provenance.contents.get(&input.name).copied().unwrap_or(input.tree);
        if let Some(dir) = self.part(from, path, held).await? {
            return Ok(dir);
        }
        let uri = result.provenance.externals.get(&input.name);
        if let Some(uri) = uri
            && let Some(dir) = self.where_it_lies(uri, input).await?
        {
            return Ok(dir);
        }
        let from = uri.map(|uri| format!(", `{uri}`")).unwrap_or_default();
        Err(RerunError::LostInput { what: format!("input `{}`{from}", input.name) })
    }

    /// Looks for a file where it lay: a local store keeps the bytes of one that is an input by itself, but not the
    /// tree that its name makes of it.
    async fn where_it_lies(&self, uri: &str, input: &ActionInput) -> Result<Option<Dir>, RerunError> {
        let path = uri.strip_prefix("file:").unwrap_or(uri);
        if path.contains("://") {
            return Ok(None);
        }
        let mode = match input.kind {
            InputKind::Tree => ExternalMode::Content,
            InputKind::Listing => ExternalMode::Listing,
            // Only servers' words stand for content.
            InputKind::VersionId | InputKind::Etag | InputKind::Reference => return Ok(None),
        };
        let request = Request::new(self.root.join(path), mode);
        let found = wrun_store::external::find(&self.store, &Sources::default(), &[request]).await?.pop();
        match found {
            Some(Ok(found)) if found.digest == input.tree => {
                Ok(found.bring(&self.store).await.ok().map(|(dir, _)| dir))
            }
            _ => Ok(None),
        }
    }

    /// Finds the tree of an input: the output of the record that it came from or a part of that, or by itself.
    async fn part(
        &self,
        from: Option<Address>,
        path: Option<&str>,
        due: TreeDigest,
    ) -> Result<Option<Dir>, RerunError> {
        let upstream = match from {
            Some(address) => read(&*self.store, address).await.ok(),
            None => None,
        };
        if let Some(upstream) = upstream
            && let Some(dir) = lenient(found_in(&output(&upstream, &self.store), path, due).await)?
            && lenient(dir.fetch().await.map(Some))?.is_some()
        {
            return Ok(Some(dir));
        }
        let dir = Dir::stored(due, self.store.clone());
        Ok(lenient(dir.fetch().await.map(Some))?.map(|()| dir))
    }

    async fn compare(&self, result: &ActionResult, second: &Dir) -> Result<Verdict, RerunError> {
        let first = output(result, &self.store);
        // Where the first bytes are gone, the digests differ all the same.
        lenient(first.fetch_trees().await.map(Some))?;
        let paths = changes(files(&first), files(second)).into_iter().map(|(path, ..)| path).collect();
        Ok(Verdict::Differs { first: result.tree, second: second.digest(), paths })
    }
}

/// Puts together the container that made a result, and its image, unless it may not run again.
fn container(
    address: Address,
    result: &ActionResult,
    action: &ContainerAction,
) -> Result<(ContainerSpec, Image), RerunError> {
    let beside = result.provenance.container.as_ref().ok_or(RerunError::NoOrigin(address))?;
    if beside.effect {
        return Err(RerunError::Effect(address));
    }
    let image = Image { reference: beside.image.clone(), digest: action.image.clone(), from: beside.from.clone() };
    Ok((beside.spec(action), image))
}

/// Reads a blob of any store.
pub async fn blob(store: &dyn Store, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    if store.is_remote() && store.fetch(&[(BlobKind::Blob, digest)]).await? != [true] {
        return Ok(None);
    }
    local_blob(store, digest)
}

/// The same, of what this machine has.
pub(crate) fn local_blob(store: &dyn Store, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    match store.get(BlobKind::Blob, digest) {
        Err(StoreError::Corrupt { .. }) => Ok(None),
        found => Ok(found?.and_then(|blob| blob.to_vec().ok())),
    }
}

/// Returns the output of a record.
pub fn output(result: &ActionResult, store: &Arc<dyn Store>) -> Dir {
    let inline = result.inline.as_ref().and_then(|inline| Dir::inlined(inline, result.tree).ok());
    inline.unwrap_or_else(|| Dir::stored(result.tree, store.clone()))
}

/// What is gone is nothing; a store in trouble is an error.
fn lenient<T>(found: Result<Option<T>, FilesError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(found),
        Err(FilesError::Store(error)) if !matches!(error, StoreError::Corrupt { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Finds the part of an output that has this digest. Where the path is not known any more, by looking at all of it.
async fn found_in(dir: &Dir, path: Option<&str>, due: TreeDigest) -> Result<Option<Dir>, FilesError> {
    if dir.digest() == due {
        return Ok(Some(dir.clone()));
    }
    dir.fetch_trees().await?;
    if let Some(path) = path
        && let Ok(part) = dir.at(path)
        && part.digest() == due
    {
        return Ok(Some(part));
    }
    let mut found = None;
    dir.walk(&mut |_, entry, at| {
        if found.is_none() {
            found = match entry.kind {
                EntryKind::Directory if entry.digest == due.0 => Some(at.child(entry)),
                EntryKind::File { .. } if Tree::new(vec![entry.clone()]).is_ok_and(|one| one.digest() == due) => {
                    Some(at.at(&entry.name)?)
                }
                _ => None,
            };
        }
        Ok(())
    })?;
    Ok(found)
}

/// Asks for the Plan again, for its limits and the paths of its inputs: neither is in the record. Where params are
/// recorded as tokens alone there is none.
fn plan(plugin: &Plugin, result: &ActionResult) -> Option<Plan> {
    let params: &Params = &result.provenance.params;
    fn masked(value: &Value) -> bool {
        match value {
            Value::Text(text) => is_token(text),
            Value::List(items) => items.iter().any(masked),
            Value::Map(pairs) => pairs.iter().any(|(_, value)| masked(value)),
            _ => false,
        }
    }
    if params.0.iter().any(|(_, value)| masked(value)) {
        return None;
    }
    plugin.planner.declare(&result.action.task, params).ok()
}

/// Answers as the first time.
struct Recorded {
    steps: Vec<(Vec<Need>, Vec<Dir>)>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    steps: usize,
    else_asked: Option<String>,
}

impl Recorded {
    /// Says how it asked for something else than the first time. One that came to its end has asked for all it needs.
    fn divergence(&self, ended: bool) -> Option<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || {
            let (needs, _) = self.steps.get(asked.steps).filter(|_| ended)?;
            Some(format!("first for {}, then for nothing", names(needs)))
        };
        let missing = missing();
        asked.else_asked.take().or(missing)
    }
}

#[async_trait]
impl RunContext for Recorded {
    async fn need(&self, needs: Vec<Need>) -> Result<Vec<Dir>, NeedEnded> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match self.steps.get(asked.steps) {
            Some((first, dirs)) if *first == needs => {
                asked.steps += 1;
                Ok(dirs.clone())
            }
            first => {
                let first = first.map_or_else(|| "nothing".to_owned(), |(first, _)| names(first));
                asked.else_asked = Some(format!("first for {first}, then for {}", names(&needs)));
                Err(NeedEnded)
            }
        }
    }

    fn progress(&self, _: Option<f64>, _: &str) {}

    fn log(&self, _: &[u8]) {}
}
