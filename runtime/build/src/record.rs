//! Session records: writing them, and answering from them.

use crate::api::{BuildError, GoalCall, GoalOutput, Options, Outcome, Setup};
use crate::engine::Engine;
use crate::graph::{End, ExternalState, Output};
use crate::jobs::Shared;
use crate::resolve::Resolver;
use crate::tombstones::Tombstones;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use wrun_core::digest::{ActionKey, Digest};
use wrun_core::param::Params;
use wrun_core::plan::External;
use wrun_core::report::{AnsweredBy, ExternalReport, Report, TaskReport, Totals};
use wrun_core::result::{ActionResult, Step};
use wrun_core::session::{ExternalPin, FORMAT, Goal, GoalResult, SessionRecord};
use wrun_store::files::FilesError;
use wrun_store::{BlobKind, Bytes, Store, StoreError, Write};

/// Everything that decides what the goals come to, besides externals, tombstones and the store.
fn goal(setup: &Setup, options: &Options, goals: &[GoalCall]) -> Option<Goal> {
    let first = setup.plugins.first()?;
    let same = goals.iter().all(|goal| goal.task == goals[0].task);
    // Two projects of one machine do not take turns in one record; two machines of one project share it, wherever
    // each has its folder. Externals are compared by content in either case.
    let root = (!setup.store.is_remote()).then(|| path(&setup.root));
    let mut settings = serde_json::json!({
        "defaults": options.defaults.iter().map(|((plugin, task), params)| {
            (format!("{plugin}:{task}"), Params(params.clone().into()).to_json())
        }).collect::<BTreeMap<_, _>>(),
        "disabled": options.disabled,
        "except": options.except,
        "machine": setup.machine,
        "root": root,
    });
    if !options.externals.is_empty() {
        settings["externals"] = serde_json::to_value(&options.externals).ok()?;
    }
    Some(Goal {
        component: first.component,
        task: goals.first()?.task.clone(),
        params: goals.iter().map(|goal| goal.params.clone()).collect(),
        aliases: setup.plugins.iter().skip(1).map(|plugin| (plugin.alias.clone(), plugin.component)).collect(),
        settings: settings.to_string(),
        salt: options.salt.clone(),
    })
    .filter(|_| same)
}

/// A path as JSON: text, or a list of its bytes where it is not UTF-8.
fn path(path: &Path) -> serde_json::Value {
    path.to_str().map_or_else(|| path.as_os_str().as_encoded_bytes().into(), Into::into)
}

/// What a session found: the goals' results, and the externals that it read.
pub(crate) fn found(engine: &Engine) -> (Vec<GoalResult>, Vec<ExternalPin>) {
    let mut results = Vec::with_capacity(engine.goals.len());
    for id in &engine.goals {
        if let Some(End::Done { output, .. }) = engine.nodes[*id as usize].end() {
            results.push(GoalResult { address: output.address, tree: output.tree });
        }
    }
    let externals = engine.externals.iter().filter_map(|external| match &external.state {
        ExternalState::Found(found) => Some(ExternalPin {
            external: external.external.clone(),
            kind: found.found.kind,
            tree: found.found.digest,
        }),
        _ => None,
    });
    let mut externals: Vec<ExternalPin> = externals.collect();
    // They were found in any order.
    externals.sort_by(|a, b| (&a.external.uri, a.external.mode).cmp(&(&b.external.uri, b.external.mode)));
    (results, externals)
}

/// Returns the externals that a report lists: of a hundred thousand files it would say what the tasks say already.
pub(crate) fn shown(pins: &[ExternalPin]) -> Vec<ExternalReport> {
    let far = pins.iter().filter(|pin| pin.kind.is_weak() || pin.external.uri.contains("://"));
    far.map(|pin| ExternalReport { uri: pin.external.uri.clone(), kind: pin.kind, tree: pin.tree }).collect()
}

/// Tells whether the goals' record says already just what a session found.
pub(crate) async fn confirmed(engine: &Engine, goals: &[GoalCall], totals: Totals) -> Result<bool, BuildError> {
    if totals.cached != totals.tasks {
        return Ok(false);
    }
    let setup = &engine.shared.setup;
    let Some(goal) = goal(setup, &engine.shared.options, goals) else { return Ok(false) };
    let Some(header) = setup.store.session(goal.key()).await? else { return Ok(false) };
    let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { return Ok(false) };
    let same_past = record.format == FORMAT && record.tombstone == engine.shared.tombstones.last();
    Ok(same_past && (record.results, record.externals) == found(engine))
}

/// Makes the header of a session, and its listing.
fn header(engine: &Engine, goals: &[GoalCall], report: &Report) -> Option<(SessionRecord, Vec<u8>)> {
    let shared = &engine.shared;
    let (setup, options) = (&shared.setup, &shared.options);
    let goal = goal(setup, options, goals)?;
    let (results, externals) = found(engine);
    let ran = report.tasks.iter().filter(|task| task.state == wrun_core::report::State::Ran);
    // A sum of nothing is −0.
    let ran_seconds = ran.map(|task| task.seconds).sum::<f64>() + 0.0;
    let key = goal.key();
    let listing = listing(&report.tasks);
    let started = options.now.as_millisecond();
    let plugin = setup.plugins.first().map(|plugin| plugin.planner.description().id.clone()).unwrap_or_default();
    let record = SessionRecord {
        format: FORMAT,
        goal: key,
        run: run_id(started),
        plugin,
        task: goal.task,
        params: goal.params,
        component: goal.component,
        results,
        externals,
        tombstone: shared.tombstones.last(),
        totals: report.totals,
        ran_seconds,
        listing: Digest::of_blob(&listing),
        pack: None,
        started,
        seconds: engine.started.elapsed().as_secs_f64(),
    };
    Some((record, listing))
}

/// Returns what a session that still runs says of itself: the same as one that did not succeed, so far.
pub(crate) fn running(engine: &Engine, report: &Report) -> Option<Vec<Write>> {
    let call = |id: &crate::graph::NodeId| {
        let call = &engine.nodes[*id as usize].call;
        let task = engine.shared.resolver.task_type(call).name.clone();
        GoalCall { task, params: call.params.clone() }
    };
    let goals: Vec<GoalCall> = engine.goals.iter().map(call).collect();
    let (record, listing) = header(engine, &goals, report)?;
    let header = json(&record).ok()?;
    Some(vec![Write::Blob(BlobKind::Blob, listing.into()), Write::Run { run: record.run, header }])
}

/// Writes the record of a session in which everything succeeded and every gate was open; of any other only
/// what belongs in the history.
pub(crate) async fn write(engine: &Engine, goals: &[GoalCall], report: &Report) -> Result<(), BuildError> {
    let setup = &engine.shared.setup;
    let Some((mut record, listing)) = header(engine, goals, report) else { return Ok(()) };
    let complete = record.totals.cached + record.totals.ran == record.totals.tasks;
    let mut writes = vec![Write::Blob(BlobKind::Blob, listing.into())];
    if complete && setup.store.is_remote() {
        let pack = pack(engine).await?;
        record.pack = Some(Digest::of_blob(&pack));
        writes.push(Write::Blob(BlobKind::Blob, pack));
    }
    let header: Bytes = json(&record)?;
    writes.push(if complete {
        Write::Session { goal: record.goal, run: record.run, header }
    } else {
        Write::Run { run: record.run, header }
    });
    setup.store.commit(writes).await?;
    Ok(())
}

/// Packs every record that the build touched.
async fn pack(engine: &Engine) -> Result<Bytes, BuildError> {
    let store = &engine.shared.setup.store;
    let mut addresses = Vec::with_capacity(engine.ended.len());
    let mut plans = Vec::with_capacity(engine.ended.len());
    let mut writes = Vec::with_capacity(3 * engine.ended.len());
    for id in &engine.ended {
        let node = &engine.nodes[*id as usize];
        if let Some(End::Done { output, .. }) = node.end() {
            addresses.push(output.address);
            plans.push(node.call.key);
            writes.push(Write::Latest(crate::jobs::id_of(&engine.shared, &node.call), output.address));
        }
    }
    let keys: Vec<_> = addresses.iter().map(|address| address.key).collect();
    for (address, records) in addresses.iter().zip(store.results(&keys).await?) {
        let record = records.into_iter().find(|record| record.generation == address.generation);
        writes.extend(record.map(|record| Write::Known { address: *address, body: record.body }));
    }
    for (key, plan) in plans.iter().zip(store.plans(&plans).await?) {
        writes.extend(plan.map(|plan| Write::Plan(*key, plan)));
    }
    wrun_store::pack::encode(&writes).map_err(|error| BuildError::Internal(error.to_string()))
}

/// Brings the records that an earlier build of the goal touched to this machine, in one go, if they are not there yet.
/// Returns the keys of those that came.
pub(crate) async fn warm(store: &dyn Store, record: &SessionRecord) -> Result<FxHashSet<ActionKey>, BuildError> {
    let none = FxHashSet::default();
    let Some(pack) = record.pack.filter(|_| store.is_remote()) else { return Ok(none) };
    let keys: Vec<_> = record.results.iter().map(|result| result.address.key).collect();
    let known = store.get(BlobKind::Blob, pack);
    if matches!(known, Ok(Some(_))) || keys.is_empty() {
        return Ok(none);
    }
    if store.fetch(&[(BlobKind::Blob, pack)]).await? != [true] {
        return Ok(none);
    }
    let Some(bytes) = store.get(BlobKind::Blob, pack)?.and_then(|blob| blob.to_vec().ok()) else {
        return Ok(none);
    };
    let Some(mut writes) = wrun_store::pack::decode(&bytes) else { return Ok(none) };
    // One that says another key than its own is a lie, and would be believed.
    writes.retain(
        |write| !matches!(write, Write::Known { address, body } if !ActionResult::is_of(body, address.key)),
    );
    let known = writes.iter().filter_map(|write| match write {
        Write::Known { address, .. } => Some(address.key),
        _ => None,
    });
    let keys = known.collect();
    // The steps of dynamic actions are in their results.
    let steps: Vec<Write> = writes.iter().flat_map(steps).collect();
    writes.extend(steps);
    store.commit(writes).await?;
    Ok(keys)
}

fn steps(write: &Write) -> Vec<Write> {
    let Write::Known { body, .. } = write else { return Vec::new() };
    // Most are of static tasks, and parsing costs more than looking.
    let dynamic = body.windows(9).any(|window| window == b"\"steps\":[");
    let result = dynamic.then(|| serde_json::from_slice::<ActionResult>(body).ok()).flatten();
    let Some(result) = result else { return Vec::new() };
    let keys = Step::keys(result.action.key(), &result.steps).into_iter();
    let needs = result.steps.iter().map_while(|step| serde_json::to_vec(&step.needs).ok());
    keys.zip(needs).map(|(key, needs)| Write::Step(key, needs.into())).collect()
}

fn json<T: serde::Serialize>(value: &T) -> Result<Bytes, BuildError> {
    serde_json::to_vec(value).map(Into::into).map_err(|error| BuildError::Internal(error.to_string()))
}

/// One JSON line a task.
fn listing(tasks: &[TaskReport]) -> Vec<u8> {
    let mut out = Vec::with_capacity(tasks.len() * 256);
    for task in tasks {
        if serde_json::to_writer(&mut out, task).is_ok() {
            out.push(b'\n');
        }
    }
    out
}

/// Names a run: sorts by time, and differs between processes.
fn run_id(started: i64) -> String {
    format!("{started:015}-{:08x}", std::process::id())
}

/// What the session record comes to.
pub(crate) enum Answer {
    /// Nothing moved.
    Outcome(Box<Outcome>),
    /// The graph has to be walked; the record, if there is one, may spare requests.
    Walk(Option<Box<SessionRecord>>),
}

/// Answers goals from the session record, if no external moved, no tombstone was added, and the goals'
/// blobs are there.
pub(crate) async fn answer(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    started: Instant,
) -> Result<Answer, BuildError> {
    let walk = options.check || options.force != crate::api::Force::Nothing;
    if walk && !setup.store.is_remote() {
        return Ok(Answer::Walk(None));
    }
    let Some(goal) = goal(setup, options, goals) else { return Ok(Answer::Walk(None)) };
    let Some(header) = setup.store.session(goal.key()).await? else { return Ok(Answer::Walk(None)) };
    let Ok(record) = serde_json::from_slice::<SessionRecord>(&header) else { return Ok(Answer::Walk(None)) };
    let outcome = if walk { None } else { from_record(setup, options, goals, started, &record).await? };
    Ok(outcome.map_or_else(|| Answer::Walk(Some(Box::new(record))), |outcome| Answer::Outcome(Box::new(outcome))))
}

async fn from_record(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    started: Instant,
    record: &SessionRecord,
) -> Result<Option<Outcome>, BuildError> {
    let mut tombstones = Tombstones::default();
    tombstones.refresh(&*setup.store).await?;
    let known = record.format == FORMAT && record.tombstone == tombstones.last();
    if !known || record.results.len() != goals.len() {
        return Ok(None);
    }
    let resolver = Resolver::new(&setup.plugins, options);
    let shared = Shared {
        setup: setup.clone(),
        options: options.clone(),
        resolver,
        tombstones,
        relatives: tokio::sync::OnceCell::new(),
        keep_records: false,
        kept: crate::runner::Kept::default(),
    };
    let wanted: Vec<External> = record.externals.iter().map(|pin| pin.external.clone()).collect();
    let found = crate::external::digests(&shared, &wanted).await?;
    let moved = record.externals.iter().zip(found).any(|(pin, found)| found != Some(pin.tree));
    if moved {
        return Ok(None);
    }
    let Some(outputs) = outputs(&shared, record).await? else { return Ok(None) };
    let tasks = if options.want_tasks { read_listing(&shared, record).await? } else { Some(Vec::new()) };
    let Some(mut tasks) = tasks else { return Ok(None) };
    for task in &mut tasks {
        task.state = wrun_core::report::State::Cached;
        task.source = Some(crate::engine::LOCAL);
        task.reason.clear();
        task.same_output = false;
        task.timing = None;
    }
    let totals = Totals {
        tasks: record.totals.tasks,
        cached: record.totals.tasks,
        seconds: started.elapsed().as_secs_f64(),
        saved_seconds: record.totals.saved_seconds + record.ran_seconds,
        ..Totals::default()
    };
    let report = Report {
        format: wrun_core::report::FORMAT,
        answered_by: AnsweredBy::SessionRecord,
        totals,
        tasks,
        externals: shown(&record.externals),
        ..Report::default()
    };
    Ok(Some(Outcome {
        report,
        goals: outputs.into_iter().map(Some).collect(),
        interrupted: false,
        failures: Vec::new(),
        same_bytes: BTreeMap::new(),
        externals: wanted
            .iter()
            .filter_map(|external| crate::external::place(&shared, external).ok())
            .filter_map(|place| place.path().map(Path::to_owned))
            .collect(),
    }))
}

/// Returns the goals' outputs, if their records and all their bytes are there.
async fn outputs(shared: &Shared, record: &SessionRecord) -> Result<Option<Vec<GoalOutput>>, BuildError> {
    let keys: Vec<_> = record.results.iter().map(|result| result.address.key).collect();
    let found = shared.setup.store.results(&keys).await?;
    let mut outputs = Vec::with_capacity(found.len());
    for (result, records) in record.results.iter().zip(found) {
        let live = shared.tombstones.live(result.address.key, &records);
        let Some(live) = live.filter(|live| live.generation == result.address.generation) else { return Ok(None) };
        if shared.setup.store.is_condemned(result.address) {
            return Ok(None);
        }
        let Some(output) = crate::jobs::output(shared, result.address.key, live) else { return Ok(None) };
        if output.tree != result.tree || !present(shared, &output).await? {
            return Ok(None);
        }
        let Ok(dir) = output.dir() else { return Ok(None) };
        outputs.push(GoalOutput { address: result.address, dir });
    }
    Ok(Some(outputs))
}

/// Tells whether all bytes of an output are there, without reading files. Where that would take a request for each
/// file the record is believed, unless the user asked to check: bytes that are gone are found out when they are needed.
pub(crate) async fn present(shared: &Shared, output: &Output) -> Result<bool, BuildError> {
    if output.inlined() || (shared.setup.store.is_remote() && !shared.options.check) {
        return Ok(true);
    }
    let Ok(dir) = output.dir() else { return Ok(false) };
    match dir.fetch_trees().await {
        Ok(()) => {}
        Err(FilesError::Store(error)) if !matches!(error, StoreError::Corrupt { .. }) => return Err(error.into()),
        Err(_) => return Ok(false),
    }
    let mut wanted = Vec::new();
    let walked = dir.walk(&mut |_, entry, at| {
        if entry.kind != wrun_core::tree::EntryKind::Directory && !at.memory().blobs.contains_key(&entry.digest) {
            wanted.push(entry.digest);
        }
        Ok(())
    });
    match walked {
        Ok(()) => Ok(wanted.is_empty() || shared.setup.store.has(&wanted).await?.into_iter().all(|there| there)),
        Err(FilesError::Store(error)) if !matches!(error, StoreError::Corrupt { .. }) => Err(error.into()),
        Err(_) => Ok(false),
    }
}

async fn read_listing(shared: &Shared, record: &SessionRecord) -> Result<Option<Vec<TaskReport>>, BuildError> {
    let store = &shared.setup.store;
    store.fetch(&[(BlobKind::Blob, record.listing)]).await?;
    let Some(bytes) = store.get(BlobKind::Blob, record.listing)?.and_then(|blob| blob.to_vec().ok()) else {
        return Ok(None);
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(|line| serde_json::from_slice(line).ok()).collect())
}
