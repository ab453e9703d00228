//! Batches that run beside the coordinator's loop: plans, look-ups, reasons, externals. Each takes plain
//! data, and answers with a message; none touches the graph.

use crate::api::{Options, Setup};
use crate::graph::{Behind, NodeId, Output, Planned};
use crate::pools::Share;
use crate::resolve::{Resolver, SharedCall};
use crate::tombstones::{Disowned, Tombstones, Why};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wrun_core::action::{Action, ActionInput, Code, ContainerAction, InputKind, NanMode};
use wrun_core::digest::{ActionKey, TaskId, TreeDigest};
use wrun_core::param::{ParamType, Params, Visibility};
use wrun_core::plan::{OUT_URL, Plan, Source};
use wrun_core::reason::{Reason, diff};
use wrun_core::result::{ActionResult, Address, Step};
use wrun_core::task::{Need, SANDBOX, task_id};
use wrun_exec::{Capacity, PlanError, RunError};
use wrun_store::files::FilesError;
use wrun_store::{Bytes, Record, StoreError, Write};

/// What every job needs.
pub(crate) struct Shared {
    pub(crate) setup: Setup,
    pub(crate) options: Options,
    /// The folders of this machine that a plugin may read.
    pub(crate) roots: Vec<std::path::PathBuf>,
    pub(crate) resolver: Resolver,
    pub(crate) tombstones: Arc<Tombstones>,
    /// What the last run of the same goal listed, read when a task without a past asks for it.
    pub(crate) relatives: tokio::sync::OnceCell<Relatives>,
    /// How many tasks without a past there were.
    pub(crate) strangers: AtomicUsize,
    /// Whether somebody will read whole records of hits: a preview that is explained.
    pub(crate) keep_records: bool,
    /// The components that are in the store already.
    pub(crate) kept: crate::runner::Kept,
    /// The images of containers, as this session found them.
    pub(crate) images: crate::images::Images,
    /// What this machine has for containers.
    pub(crate) capacity: Option<Capacity>,
}

impl Shared {
    pub(crate) fn new(setup: &Setup, options: &Options, tombstones: Arc<Tombstones>) -> Self {
        Self {
            setup: setup.clone(),
            options: options.clone(),
            roots: crate::external::roots(setup, options),
            resolver: Resolver::new(&setup.plugins, options),
            tombstones,
            relatives: tokio::sync::OnceCell::new(),
            strangers: AtomicUsize::new(0),
            keep_records: false,
            kept: crate::runner::Kept::default(),
            images: crate::images::Images::new(false),
            capacity: None,
        }
    }
}

/// The tasks of an earlier run, by plugin id and task type: their significant params and keys.
pub(crate) type Relatives = BTreeMap<(String, String), Vec<(Params, ActionKey)>>;

/// What is wrong with a task, for people.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// The answers of a job that plans.
pub(crate) struct PlannedBatch {
    pub(crate) plans: Vec<(NodeId, Result<Arc<Planned>, Trouble>)>,
    pub(crate) writes: Vec<Write>,
}

/// Answers Plans from the store, else from the plugins.
pub(crate) async fn plan(shared: &Shared, batch: Vec<(NodeId, SharedCall)>) -> Result<PlannedBatch, StoreError> {
    let keys: Vec<_> = batch.iter().map(|(_, call)| call.key).collect();
    let cached = shared.setup.store.plans(&keys).await?;
    let mut writes = Vec::new();
    let mut plans = Vec::with_capacity(batch.len());
    for ((node, call), cached) in batch.into_iter().zip(cached) {
        let known: Option<Plan> = cached.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let plan = match known {
            Some(plan) => Ok(plan),
            None => {
                let plan = declare(shared, &call);
                if let Ok(Ok(bytes)) = plan.as_ref().map(serde_json::to_vec) {
                    writes.push(Write::Plan(call.key, bytes.into()));
                }
                plan
            }
        };
        plans.push((node, plan.and_then(|plan| resolve(shared, &call, plan)).map(Arc::new)));
    }
    Ok(PlannedBatch { plans, writes })
}

fn declare(shared: &Shared, call: &SharedCall) -> Result<Plan, Trouble> {
    let plugin = shared.resolver.plugin(call);
    let task = shared.resolver.task_type(call);
    plugin.planner.declare(&task.name, &call.params).map_err(|error| Trouble {
        message: match &error {
            PlanError::Refused(message) => message.clone(),
            other => format!("declare: {other}"),
        },
        hint: match error {
            PlanError::Refused(_) => None,
            _ => Some(
                "this is a fault of the plugin, not of your params; `wrun describe` shows what it offers".into(),
            ),
        },
    })
}

fn resolve(shared: &Shared, call: &SharedCall, plan: Plan) -> Result<Planned, Trouble> {
    if let Some(spec) = &plan.container {
        let more = shared.capacity.and_then(|all| Share::of(spec).more_than(all));
        if let Some(more) = more {
            return Err(Trouble {
                message: format!("the task's container asks for {more}"),
                hint: Some("ask for less in the task, or build on a larger machine".into()),
            });
        }
    }
    if let Some(spec) = &plan.container
        && spec.uses_out_url()
        && shared.setup.containers.as_ref().is_some_and(|containers| !containers.stages())
    {
        return Err(Trouble {
            message: format!("the task's container writes to {OUT_URL}, and no bucket is known for that"),
            hint: Some(
                "name one in wrun.toml: `staging = \"s3://BUCKET/PREFIX\"`; a store on S3 has one of its own"
                    .into(),
            ),
        });
    }
    let mut behind = Vec::with_capacity(plan.inputs.len());
    for input in &plan.inputs {
        behind.push(match &input.source {
            Source::Task { call: other, .. } => {
                let found = shared.resolver.call(call.plugin, other).map_err(|error| Trouble {
                    message: format!("input `{}`: {error}", input.name),
                    hint: error.hint(),
                })?;
                if found.key == call.key {
                    let name = shared.resolver.display(call);
                    return Err(Trouble {
                        message: format!("input `{}`: the task requires itself: {name} → {name}", input.name),
                        hint: Some("change `requires` so that it names another task or other params".into()),
                    });
                }
                Behind::Task(Arc::new(found))
            }
            Source::External(external) => {
                let place = crate::external::place(shared, &external.uri).map_err(|mut trouble| {
                    trouble.message = format!("input `{}`: {}", input.name, trouble.message);
                    trouble
                })?;
                Behind::External(external.clone(), place)
            }
            Source::Clock { not_before } => match not_before.parse::<jiff::Timestamp>() {
                Ok(instant) if instant <= shared.options.now => Behind::Open,
                _ => Behind::Closed(not_before.clone()),
            },
        });
    }
    Ok(Planned { plan, behind })
}

/// The content of one input, before any path in it is looked up.
pub(crate) enum Content {
    Output(Arc<Output>, Option<String>),
    External(InputKind, TreeDigest),
}

/// What a look-up is given: the plan and its inputs, or just the key of a trace's step.
pub(crate) enum Question {
    First { call: SharedCall, planned: Arc<Planned>, contents: Vec<Option<Content>> },
    Step(ActionKey),
}

/// What a look-up found.
pub(crate) struct Found {
    /// For a first look-up.
    pub(crate) action: Option<Arc<Action>>,
    pub(crate) key: ActionKey,
    pub(crate) live: Option<Arc<Output>>,
    /// Whether that came from another store.
    pub(crate) remote: bool,
    /// The generation that a run would write.
    pub(crate) generation: u32,
    /// Why there is no live result although there are generations.
    pub(crate) disowned: Option<Was>,
    /// What a dynamic action asks for next, by an earlier run.
    pub(crate) step: Option<Vec<Need>>,
}

/// A result that was disowned: by what, its output, and how long it took.
pub(crate) struct Was {
    pub(crate) by: Disowned,
    pub(crate) made: Option<(TreeDigest, f64)>,
}

/// Why a look-up could not be made.
pub(crate) enum LookUpError {
    /// The task is at fault.
    Trouble(Trouble),
    /// The bytes of an upstream result are gone.
    Lost(Address),
    /// Nobody knows yet what its image is: it would have to be pulled.
    Unpulled,
    /// The engine, or its image; whether it may pass is known by the error.
    Run(RunError),
}

/// The answers of a job that looks up.
pub(crate) type LookedUpBatch = Vec<(NodeId, Result<Found, LookUpError>)>;

/// The part of a result that a hit looks at.
#[derive(Deserialize)]
struct Head<'a> {
    format: u32,
    tree: TreeDigest,
    #[serde(borrow, default)]
    inline: Option<&'a RawValue>,
    provenance: HeadProvenance,
}

#[derive(Deserialize)]
struct HeadProvenance {
    seconds: f64,
}

/// Makes keys and looks them up.
pub(crate) async fn look_up(
    shared: &Shared,
    batch: Vec<(NodeId, bool, Question)>,
) -> Result<LookedUpBatch, StoreError> {
    let mut out = Vec::with_capacity(batch.len());
    let mut asked: Vec<(NodeId, bool, Option<Arc<Action>>, ActionKey)> = Vec::with_capacity(batch.len());
    for (node, dynamic, question) in batch {
        match question {
            Question::Step(key) => asked.push((node, dynamic, None, key)),
            Question::First { call, planned, contents } => {
                match action(shared, &call, &planned, &contents).await {
                    Ok(action) => {
                        let key = action.key();
                        asked.push((node, dynamic, Some(Arc::new(action)), key));
                    }
                    Err(LookUpError::Trouble(trouble)) => out.push((node, Err(LookUpError::Trouble(trouble)))),
                    Err(lost) => out.push((node, Err(lost))),
                }
            }
        }
    }
    let keys: Vec<ActionKey> = asked.iter().map(|asked| asked.3).collect();
    let mut records = shared.setup.store.results(&keys).await?;
    let mut lives = Vec::with_capacity(keys.len());
    for (key, records) in keys.iter().zip(&mut records) {
        lives.push(live(shared, *key, records).await?);
    }
    // Only where there is no result it matters what a run would ask for.
    let misses = asked.iter().zip(&lives).filter(|(asked, live)| asked.1 && live.is_none());
    let misses: Vec<ActionKey> = misses.map(|(asked, _)| asked.3).collect();
    let steps = if misses.is_empty() { Vec::new() } else { shared.setup.store.steps(&misses).await? };
    let mut steps = steps.into_iter();
    for (((node, dynamic, action, key), records), live) in asked.into_iter().zip(records).zip(lives) {
        let step: Option<Bytes> = if dynamic && live.is_none() { steps.next().flatten() } else { None };
        let generation = records.last().map_or(0, |record| record.generation + 1);
        let last = records.last().filter(|_| live.is_none());
        let disowned = last.and_then(|record| was(shared, key, record));
        let step = step.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (live, remote) = match live {
            Some((output, remote)) => (Some(Arc::new(output)), remote),
            None => (None, false),
        };
        out.push((node, Ok(Found { action, key, live, remote, generation, disowned, step })));
    }
    Ok(out)
}

/// Returns the live result among the generations of a key, and whether another store had it. Later generations are
/// asked for as long as the earlier ones are disowned, or cannot be read.
async fn live(
    shared: &Shared,
    key: ActionKey,
    records: &mut Vec<Record>,
) -> Result<Option<(Output, bool)>, StoreError> {
    let mut at = 0;
    loop {
        while let Some(record) = records.get(at) {
            at += 1;
            if !shared.tombstones.disowns(key, record)
                && !shared.setup.store.is_condemned(Address { key, generation: record.generation })
                && let Some(output) = output(shared, key, record)
            {
                return Ok(Some((output, record.remote)));
            }
        }
        let Some(last) = records.last().filter(|_| shared.setup.store.is_remote()) else { return Ok(None) };
        let next = Address { key, generation: last.generation + 1 };
        let Some(record) = shared.setup.store.result(next).await? else { return Ok(None) };
        records.push(record);
    }
}

/// Says by what a result was disowned, if it was.
fn was(shared: &Shared, key: ActionKey, record: &Record) -> Option<Was> {
    let by = shared.tombstones.judge(key, record)?;
    let head = serde_json::from_slice::<Head<'_>>(&record.body);
    Some(Was { by, made: head.ok().map(|head| (head.tree, head.provenance.seconds)) })
}

/// Reads a record. One that this version cannot read is no hit; the next generation is written beside it.
pub(crate) fn output(shared: &Shared, key: ActionKey, record: &Record) -> Option<Output> {
    let head: Head<'_> = serde_json::from_slice(&record.body).ok()?;
    (head.format == wrun_core::result::FORMAT).then(|| {
        let address = Address { key, generation: record.generation };
        let inline = head.inline.map(|inline| inline.get().into());
        let whole = shared.keep_records.then(|| record.body.clone());
        let made = (head.tree, head.provenance.seconds);
        Output::found(address, made, inline, whole, shared.setup.store.clone())
    })
}

/// Reads what a record says of its output: its tree, and whether all of it rides inside.
pub(crate) fn head(record: &Record) -> Option<(TreeDigest, bool)> {
    let head: Head<'_> = serde_json::from_slice(&record.body).ok()?;
    (head.format == wrun_core::result::FORMAT).then(|| (head.tree, head.inline.is_some()))
}

async fn action(
    shared: &Shared,
    call: &SharedCall,
    planned: &Planned,
    contents: &[Option<Content>],
) -> Result<Action, LookUpError> {
    let plugin = shared.resolver.plugin(call);
    let task = shared.resolver.task_type(call);
    let mut inputs = Vec::with_capacity(contents.len());
    for (input, content) in planned.plan.inputs.iter().zip(contents) {
        let (kind, tree) = match content {
            None => continue,
            Some(Content::External(kind, tree)) => (*kind, *tree),
            Some(Content::Output(output, None)) => (InputKind::Tree, output.tree),
            Some(Content::Output(output, Some(path))) => {
                let part = output
                    .at(Some(path))
                    .map_err(|error| part_error(shared, &input.name, planned, output, error))?;
                (InputKind::Tree, part.digest())
            }
        };
        inputs.push(ActionInput { name: input.name.clone(), kind, tree });
    }
    let container = match &planned.plan.container {
        None => None,
        Some(spec) => match shared.images.find(shared, &spec.image).await {
            Ok(Some(image)) => Some(ContainerAction::new(spec, &image.digest)),
            Ok(None) => return Err(LookUpError::Unpulled),
            Err(error) => return Err(LookUpError::Run(error)),
        },
    };
    Ok(Action {
        container,
        code: match &task.version {
            Some(version) => {
                Code::Version { plugin: plugin.planner.description().id.clone(), version: version.clone() }
            }
            None => Code::Component(plugin.component),
        },
        task: task.name.clone(),
        params: call.params.significant(&task.params),
        inputs,
        outputs: planned.plan.outputs.clone(),
        sandbox: SANDBOX,
        nan: if task.native_nan { NanMode::Native(shared.setup.machine.clone()) } else { NanMode::Canonical },
        salt: shared.options.salt.clone(),
    })
}

fn part_error(shared: &Shared, input: &str, planned: &Planned, output: &Output, error: FilesError) -> LookUpError {
    let upstream = planned.plan.inputs.iter().zip(&planned.behind).find_map(|(i, behind)| match behind {
        Behind::Task(call) if i.name == input => Some(shared.resolver.display(call)),
        _ => None,
    });
    let upstream = upstream.unwrap_or_default();
    missing_part(&format!("input `{input}`"), &upstream, output, error)
}

/// Words for a path that an upstream output lacks.
pub(crate) fn missing_part(what: &str, upstream: &str, output: &Output, error: FilesError) -> LookUpError {
    match error {
        FilesError::NoPath { path, there } => {
            let near = wrun_store::files::meant(&path, &there);
            let some: Vec<&str> = there.iter().take(5).map(String::as_str).collect();
            LookUpError::Trouble(Trouble {
                message: format!("{what}: the output of `{upstream}` has no `{path}`"),
                hint: Some(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if there.is_empty() => "that folder is empty".into(),
                    None => format!(
                        "it has `{}`{}",
                        some.join("`, `"),
                        if there.len() > 5 { format!(" and {} more", there.len() - 5) } else { String::new() }
                    ),
                }),
            })
        }
        _ => LookUpError::Lost(output.address),
    }
}

/// Why a miss is one.
pub(crate) struct Explained {
    /// Names the task across builds.
    pub(crate) task: TaskId,
    pub(crate) reasons: Vec<Reason>,
    /// The last result of the task: its output, how long it took.
    pub(crate) before: Option<(TreeDigest, f64)>,
    pub(crate) only_code: bool,
}

/// What is to be explained.
pub(crate) struct Miss {
    pub(crate) node: NodeId,
    pub(crate) call: SharedCall,
    pub(crate) action: Arc<Action>,
    pub(crate) steps: Vec<Step>,
    pub(crate) disowned: Option<Was>,
    pub(crate) forced: bool,
}

/// Returns what names a call's task across builds.
pub(crate) fn id_of(shared: &Shared, call: &SharedCall) -> TaskId {
    let task = shared.resolver.task_type(call);
    let plugin = &shared.resolver.plugin(call).planner.description().id;
    task_id(plugin, &task.name, &call.params.significant(&task.params))
}

/// Compares each miss with the last result of the same task.
pub(crate) async fn explain(shared: &Shared, batch: Vec<Miss>) -> Result<Vec<(NodeId, Explained)>, StoreError> {
    let ids: Vec<TaskId> = batch.iter().map(|miss| id_of(shared, &miss.call)).collect();
    let latest = shared.setup.store.latest(&ids).await?;
    let addresses: Vec<ActionKey> = latest.iter().flatten().map(|address| address.key).collect();
    let mut records = BTreeMap::new();
    if !addresses.is_empty() {
        for (key, found) in addresses.iter().zip(shared.setup.store.results(&addresses).await?) {
            records.insert(*key, found);
        }
    }
    let mut out = Vec::with_capacity(batch.len());
    for ((miss, task), latest) in batch.into_iter().zip(ids).zip(latest) {
        let before: Option<ActionResult> = latest.and_then(|address| {
            let found = records.get(&address.key)?;
            let record = found.iter().find(|record| record.generation == address.generation)?;
            serde_json::from_slice(&record.body).ok()
        });
        let mut reasons = Vec::new();
        if miss.forced {
            reasons.push(Reason::Forced);
        }
        let relative = match (&before, &miss.disowned) {
            (None, None) if !miss.forced && shared.strangers.fetch_add(1, Relaxed) < FEW => {
                relative(shared, &miss).await?
            }
            _ => None,
        };
        if let Some(relative) = relative {
            // The same task with one other param: that is what makes it new.
            out.push((
                miss.node,
                Explained {
                    task,
                    reasons: differs(shared, &miss.call, &relative.action, &miss.action),
                    before: None,
                    only_code: false,
                },
            ));
            continue;
        }
        match (&before, &miss.disowned) {
            (_, Some(was)) => reasons.push(match was.by.why {
                Why::Lost => Reason::ResultLost,
                Why::Forced | Why::Invalidated => {
                    Reason::Disowned { by: Some(was.by.number), why: was.by.reason.clone() }
                }
            }),
            (None, None) if reasons.is_empty() => reasons.push(Reason::New),
            (None, None) => {}
            (Some(before), None) => {
                reasons.extend(differs(shared, &miss.call, &before.action, &miss.action));
                reasons.extend(diff_steps(shared, &miss.call, &before.steps, &miss.steps));
                if reasons.is_empty() {
                    // The same key, and its record is not what it should be.
                    reasons.push(Reason::ResultLost);
                }
            }
        }
        let only_code = !reasons.is_empty() && reasons.iter().all(|r| matches!(r, Reason::CodeChanged { .. }));
        // Mostly it is one.
        reasons.shrink_to_fit();
        // What was disowned is what a run is compared with, whichever machine made it.
        let disowned = miss.disowned.and_then(|was| was.made);
        let before = disowned.or_else(|| before.map(|before| (before.tree, before.provenance.seconds)));
        out.push((miss.node, Explained { task, reasons, before, only_code }));
    }
    Ok(out)
}

/// Lists in what the keys of two actions of a task differ, without the values of private params.
pub(crate) fn differs(shared: &Shared, call: &SharedCall, old: &Action, new: &Action) -> Vec<Reason> {
    let specs = &shared.resolver.task_type(call).params;
    let private =
        |name: &str| specs.iter().any(|spec| spec.name == name && spec.visibility == Visibility::Private);
    let mut reasons = diff(old, new);
    for reason in &mut reasons {
        if let Reason::ParamChanged { name, old, new } = reason
            && private(name)
        {
            (*old, *new) = (None, None);
        }
    }
    reasons
}

/// Relatives are looked for for so many tasks of a session, at most: each is compared with all of its type in the last
/// run, and where there are more, that they are new says enough.
const FEW: usize = 256;
/// A listing longer than this is not read for relatives.
const LONGEST_LISTING: u64 = 16 << 20;

/// Returns the record of the one task of the last run that differs from a new task in a single significant
/// param, and is alone in that: where several do, that param tells the members of a family apart.
async fn relative(shared: &Shared, miss: &Miss) -> Result<Option<ActionResult>, StoreError> {
    let relatives = shared.relatives.get_or_try_init(|| relatives(shared)).await?;
    let plugin = shared.resolver.plugin(&miss.call).planner.description().id.clone();
    let task = shared.resolver.task_type(&miss.call);
    let Some(others) = relatives.get(&(plugin, task.name.clone())) else { return Ok(None) };
    let ours = miss.call.params.significant(&task.params);
    let mut by_param: BTreeMap<&str, Vec<ActionKey>> = BTreeMap::new();
    for (theirs, key) in others {
        let mut apart = task.params.iter().filter(|spec| ours.0.get(&spec.name) != theirs.0.get(&spec.name));
        if let (Some(spec), None) = (apart.next(), apart.next())
            && !is_time(&spec.kind)
        {
            by_param.entry(&spec.name).or_default().push(*key);
        }
    }
    let Some(key) = by_param.into_values().find(|keys| keys.len() == 1).map(|keys| keys[0]) else {
        return Ok(None);
    };
    let records = shared.setup.store.results(&[key]).await?;
    Ok(records.first().and_then(|records| records.last()).and_then(|r| serde_json::from_slice(&r.body).ok()))
}

/// Another day is another member of the family, and no change.
fn is_time(kind: &ParamType) -> bool {
    use ParamType as T;
    matches!(kind, T::Date | T::Month | T::Year | T::Hour | T::Minute | T::Second | T::Interval)
}

async fn relatives(shared: &Shared) -> Result<Relatives, StoreError> {
    let mut out = Relatives::new();
    let store = &shared.setup.store;
    let plugin = shared.setup.plugins.first().map(|plugin| plugin.planner.description().id.clone());
    for (_, header) in store.runs(16).await? {
        let Ok(record) = serde_json::from_slice::<wrun_core::session::SessionRecord>(&header) else { continue };
        if Some(&record.plugin) != plugin.as_ref() {
            continue;
        }
        let wanted = [(wrun_store::BlobKind::Blob, record.listing)];
        if store.fetch(&wanted).await?.first() != Some(&true) {
            continue;
        }
        let Some(blob) = store.get(wrun_store::BlobKind::Blob, record.listing)? else { continue };
        let Some(bytes) = blob.to_vec().ok().filter(|_| blob.len() <= LONGEST_LISTING) else { continue };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Ok(wrun_core::report::TaskReport {
                plugin,
                task,
                params,
                key: Some(key),
                output: Some(_),
                ..
            }) = serde_json::from_slice(line)
            {
                let all = shared.setup.plugins.iter().map(|plugin| plugin.planner.description());
                if let Some(spec) = all.filter(|it| it.id == plugin).find_map(|it| it.task(&task)) {
                    let params = params.significant(&spec.params);
                    out.entry((plugin, task)).or_default().push((params, key));
                }
            }
        }
        break;
    }
    Ok(out)
}

/// Lists in what the needs of two runs differ, as far as the new one is known. A need is known by what was
/// asked for: names under `/in` may be numbers, which shift.
pub(crate) fn diff_steps(shared: &Shared, call: &SharedCall, old: &[Step], new: &[Step]) -> Vec<Reason> {
    type Asked<'a> = BTreeMap<(&'a wrun_core::task::Call, &'a Option<String>), (&'a Need, TreeDigest)>;
    fn answers(steps: &[Step]) -> Asked<'_> {
        let pairs = steps.iter().flat_map(|step| step.needs.iter().zip(&step.answers));
        pairs.map(|(need, tree)| ((&need.call, &need.path), (need, *tree))).collect()
    }
    if new.is_empty() {
        return Vec::new();
    }
    let mut before = answers(&old[..old.len().min(new.len())]);
    let reason = |need: &Need, old: Option<TreeDigest>, new: Option<TreeDigest>| {
        // What is private is not shown, so what cannot be resolved any more has no params.
        let resolved = shared.resolver.need(call, need).map(|call| shared.resolver.display(&call));
        Reason::NeedChanged {
            name: need.name.clone(),
            task: Some(resolved.unwrap_or_else(|_| need.call.task.clone())),
            path: need.path.clone(),
            old: old.map(|tree| tree.0),
            new: new.map(|tree| tree.0),
        }
    };
    let mut reasons = Vec::new();
    for (asked, (need, tree)) in answers(new) {
        match before.remove(&asked) {
            Some((_, known)) if known == tree => {}
            known => reasons.push(reason(need, known.map(|known| known.1), Some(tree))),
        }
    }
    reasons.extend(before.into_values().map(|(need, tree)| reason(need, Some(tree), None)));
    reasons
}
