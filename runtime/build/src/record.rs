//! Session records: what a session found, and writing it.

use crate::api::{BuildError, GoalCall, Options, Setup};
use crate::both::both;
use crate::engine::Engine;
use crate::graph::{Dependency, End, ExternalState};
use crate::recall::{listed, order};
use std::collections::BTreeMap;
use std::path::Path;
use wrun_core::digest::Digest;
use wrun_core::graph::{Graph, Task};
use wrun_core::param::Params;
use wrun_core::report::{ExternalReport, TaskReport, Totals};
use wrun_core::session::{ExternalPin, FORMAT, Goal, GoalResult, SessionRecord};
use wrun_store::{BlobKind, Bytes, FileStamp, Store, StoreError, Write};

/// Everything that decides what the goals come to, besides externals, tombstones and the store.
pub(crate) fn goal(setup: &Setup, options: &Options, goals: &[GoalCall]) -> Option<Goal> {
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

/// What a session found.
pub(crate) struct Found {
    /// The goals' results.
    pub(crate) results: Vec<GoalResult>,
    /// The externals that its tasks stand on.
    pub(crate) externals: Vec<ExternalPin>,
    /// What tells of each that it still holds the same.
    stamps: Vec<Option<FileStamp>>,
    /// Where among these each external of the engine is, and each of the last build's.
    at: (Vec<u32>, Vec<u32>),
}

/// Where an external was found.
#[derive(Copy, Clone)]
enum Seen {
    Walk(usize),
    Recalled(usize),
}

/// Says what a session found.
pub(crate) fn found(engine: &mut Engine) -> Found {
    let mut results = Vec::with_capacity(engine.goals.len());
    for id in &engine.goals {
        if let Some(End::Done { output, .. }) = engine.nodes[*id as usize].end() {
            results.push(GoalResult { address: output.address, tree: output.tree });
        }
    }
    let walked = engine.externals.iter().enumerate().filter_map(|(at, external)| match &external.state {
        ExternalState::Found(found) => {
            let (kind, tree) = (found.found.kind, found.found.digest);
            Some((
                ExternalPin { external: external.external.clone(), kind, tree },
                found.found.stamp,
                Seen::Walk(at),
            ))
        }
        _ => None,
    });
    let mut all: Vec<(ExternalPin, Option<FileStamp>, Seen)> = walked.collect();
    let recalled = engine.recalled.as_deref_mut();
    let pins = recalled.as_ref().map_or(0, |it| it.externals.pins().len());
    if let Some(recalled) = recalled {
        let mut wanted = vec![false; recalled.externals.pins().len()];
        for (task, _) in recalled.kept.places() {
            recalled.graph.externals(task).iter().for_each(|pin| wanted[*pin as usize] = true);
        }
        let stamps = recalled.externals.stamps().to_vec();
        let recalled = recalled.externals.take_pins().into_iter().zip(stamps).enumerate();
        let recalled = recalled.filter(|(at, _)| wanted[*at]);
        all.extend(recalled.map(|(at, (pin, stamp))| (pin, stamp, Seen::Recalled(at))));
    }
    // They were found in any order.
    all.sort_by(|a, b| order(&a.0.external).cmp(&order(&b.0.external)));
    let (mut externals, mut stamps) =
        (Vec::<ExternalPin>::with_capacity(all.len()), Vec::with_capacity(all.len()));
    let mut at = (vec![u32::MAX; engine.externals.len()], vec![u32::MAX; pins]);
    for (pin, stamp, from) in all {
        if externals.last().is_none_or(|last| last.external != pin.external) {
            externals.push(pin);
            stamps.push(stamp);
        }
        let place = u32::try_from(externals.len() - 1).unwrap_or(u32::MAX);
        match from {
            Seen::Walk(i) => at.0[i] = place,
            Seen::Recalled(i) => at.1[i] = place,
        }
    }
    Found { results, externals, stamps, at }
}

/// Makes the graph of a session in which everything succeeded.
fn graph(engine: &Engine, found: &Found) -> Graph {
    let mut graph = Graph::default();
    if let Some(recalled) = engine.recalled.as_deref() {
        for (at, _) in recalled.kept.places() {
            let needs = recalled.graph.needs(at).iter().map(|need| recalled.kept.places[*need as usize]);
            let externals = recalled.graph.externals(at).iter().map(|pin| found.at.1[*pin as usize]);
            graph.push(recalled.graph.tasks()[at], needs, externals);
        }
    }
    let places = engine.places();
    for id in &engine.ended {
        let node = &engine.nodes[*id as usize];
        let Some(End::Done { output, .. }) = node.end() else { continue };
        let clocked = node.dependencies.iter().any(|it| matches!(it, Dependency::Nothing));
        let externals = node.dependencies.iter().filter_map(|dependency| match dependency {
            Dependency::External(external) => Some(found.at.0[*external as usize]),
            _ => None,
        });
        let (address, tree, seconds) = (output.address, output.tree, output.seconds);
        let task = Task { plan: node.call.key, address, tree, seconds, clocked };
        graph.push(task, engine.needs_at(*id, &places), externals);
    }
    graph
}

/// Returns the externals that a report lists: of a hundred thousand files it would say what the tasks say already.
pub(crate) fn shown(pins: &[ExternalPin]) -> Vec<ExternalReport> {
    let far = pins.iter().filter(|pin| pin.kind.is_weak() || pin.external.uri.contains("://"));
    far.map(|pin| ExternalReport { uri: pin.external.uri.clone(), kind: pin.kind, tree: pin.tree }).collect()
}

/// Tells whether the goals' record says already just what a session found.
pub(crate) async fn confirmed(
    engine: &Engine,
    goals: &[GoalCall],
    totals: Totals,
    found: &Found,
) -> Result<bool, BuildError> {
    if totals.cached != totals.tasks {
        return Ok(false);
    }
    let setup = &engine.shared.setup;
    let Some(goal) = goal(setup, &engine.shared.options, goals) else { return Ok(false) };
    let Some(header) = setup.store.session(goal.key()).await? else { return Ok(false) };
    let Ok(mut record) = serde_json::from_slice::<SessionRecord>(&header) else { return Ok(false) };
    let same_past = record.is_known() && record.tombstone == engine.shared.tombstones.last();
    let same_images = record.images == images(engine);
    // One of an older version knows no graph.
    let whole = setup.store.is_remote() || record.graph.is_some();
    if record.goal != goal.key() || !same_past || !same_images || !whole || record.results != found.results {
        return Ok(false);
    }
    Ok(listed(&*setup.store, &mut record).await?.is_some_and(|externals| externals == found.externals))
}

/// Returns the images of the session's containers. Those of the last build are still those that keys have.
fn images(engine: &Engine) -> BTreeMap<String, String> {
    let mut images = engine.recalled.as_ref().map(|recalled| recalled.images().clone()).unwrap_or_default();
    images.extend(engine.shared.images.all());
    images
}

/// The header of a session that is being written: it borrows what there may be very many of.
type Header<'a> = SessionRecord<&'a [ExternalPin]>;

/// Makes the header of a session.
fn header<'a>(
    engine: &Engine,
    goals: &[GoalCall],
    totals: Totals,
    (walked, listing): (&[TaskReport], &[u8]),
    found: &'a Found,
) -> Option<Header<'a>> {
    let shared = &engine.shared;
    let (setup, options) = (&shared.setup, &shared.options);
    let goal = goal(setup, options, goals)?;
    let ran = walked.iter().filter(|task| task.state == wrun_core::report::State::Ran);
    // A sum of nothing is −0.
    let ran_seconds = ran.map(|task| task.seconds).sum::<f64>() + 0.0;
    let key = goal.key();
    let started = options.now.as_millisecond();
    let plugin = setup.plugins.first().map(|plugin| plugin.planner.description().id.clone()).unwrap_or_default();
    Some(SessionRecord {
        format: 1,
        goal: key,
        run: run_id(started),
        plugin,
        task: goal.task,
        params: goal.params,
        component: goal.component,
        results: found.results.clone(),
        externals: &found.externals[..],
        images: images(engine),
        tombstone: shared.tombstones.last(),
        totals,
        ran_seconds,
        listing: Digest::of_blob(listing),
        pack: None,
        graph: None,
        pins: None,
        started,
        seconds: engine.started.elapsed().as_secs_f64(),
    })
}

/// Returns what a session that still runs says of itself: the same as one that did not succeed, so far.
pub(crate) fn running(engine: &mut Engine) -> Option<Vec<Write>> {
    let found = found(engine);
    let call = |id: &crate::graph::NodeId| {
        let call = &engine.nodes[*id as usize].call;
        let task = engine.shared.resolver.task_type(call).name.clone();
        GoalCall { task, params: call.params.clone() }
    };
    let goals: Vec<GoalCall> = engine.goals.iter().map(call).collect();
    let walked = engine.task_reports();
    let listing = listing(kept(engine), &walked);
    let record = header(engine, &goals, engine.totals(), (&walked, &listing), &found)?;
    let header = json(&record).ok()?;
    Some(vec![Write::Blob(BlobKind::Blob, listing.into()), Write::Run { run: record.run, header }])
}

/// Writes the record of a session in which everything succeeded and every gate was open; of any other only
/// what belongs in the history.
pub(crate) async fn write(
    engine: &Engine,
    goals: &[GoalCall],
    totals: Totals,
    walked: &[TaskReport],
    found: &Found,
    interrupted: bool,
) -> Result<(), BuildError> {
    let setup = &engine.shared.setup;
    // What was interrupted may not have looked at everything.
    let complete = !interrupted && totals.cached + totals.ran == totals.tasks;
    let draws = complete && !setup.store.is_remote();
    let kept = kept(engine);
    let (listing, graph) =
        both(walked.len(), || listing(kept, walked), || draws.then(|| graph(engine, found).encode()));
    let Some(mut record) = header(engine, goals, totals, (walked, &listing), found) else { return Ok(()) };
    let mut writes = Vec::new();
    if complete && setup.store.is_remote() {
        let pack = pack(engine).await?;
        record.pack = Some(Digest::of_blob(&pack));
        writes.push(Write::Blob(BlobKind::Blob, pack));
    } else if let Some(graph) = graph {
        record.graph = Some(put(&*setup.store, &mut writes, graph)?);
        if !found.externals.is_empty() {
            let stamps = found.stamps.iter().map(|stamp| stamp.map(FileStamp::to_bytes));
            let externals = wrun_core::externals::encode(found.externals.iter().zip(stamps));
            record.pins = Some(put(&*setup.store, &mut writes, externals)?);
            (record.format, record.externals) = (FORMAT, &[]);
        }
    }
    put(&*setup.store, &mut writes, listing)?;
    let header: Bytes = json(&record)?;
    writes.push(if complete {
        Write::Session { goal: record.goal, run: record.run, header }
    } else {
        Write::Run { run: record.run, header }
    });
    setup.store.commit(writes).await?;
    Ok(())
}

/// Adds a blob to what is to be committed. What is large goes straight into a file: of a hundred thousand tasks it would
/// be copied often. Like every staged file it is durable with the next commit.
fn put(store: &dyn Store, writes: &mut Vec<Write>, bytes: Vec<u8>) -> Result<Digest, StoreError> {
    const LARGE: usize = 256 << 10;
    if store.is_remote() || bytes.len() < LARGE {
        let digest = Digest::of_blob(&bytes);
        writes.push(Write::Blob(BlobKind::Blob, bytes.into()));
        return Ok(digest);
    }
    let mut staged = store.stage()?;
    staged.write(&bytes)?;
    staged.finish()
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

fn json<T: serde::Serialize>(value: &T) -> Result<Bytes, BuildError> {
    serde_json::to_vec(value).map(Into::into).map_err(|error| BuildError::Internal(error.to_string()))
}

/// Returns the lines of the last build's listing that stand.
fn kept(engine: &Engine) -> &[u8] {
    engine.recalled.as_ref().map(|recalled| &recalled.kept.lines[..]).unwrap_or_default()
}

/// One JSON line a task: those that are kept, and those of tasks that were walked.
fn listing(kept: &[u8], tasks: &[TaskReport]) -> Vec<u8> {
    let mut out = Vec::with_capacity(kept.len() + tasks.len() * 512);
    out.extend_from_slice(kept);
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
