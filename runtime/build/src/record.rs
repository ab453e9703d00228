//! Session records: writing them, and answering from them.

use crate::api::{BuildError, GoalCall, GoalOutput, Options, Outcome, Setup};
use crate::engine::Engine;
use crate::graph::{End, ExternalState, Output};
use crate::jobs::Shared;
use crate::resolve::Resolver;
use crate::tombstones::Tombstones;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use wrun_core::digest::Digest;
use wrun_core::param::Params;
use wrun_core::plan::External;
use wrun_core::report::{AnsweredBy, Report, TaskReport, Totals};
use wrun_core::session::{ExternalPin, FORMAT, Goal, GoalResult, SessionRecord};
use wrun_store::{BlobKind, Bytes, Write};

/// Everything that decides what the goals come to, besides externals, tombstones and the store.
fn goal(setup: &Setup, options: &Options, goals: &[GoalCall]) -> Option<Goal> {
    let first = setup.plugins.first()?;
    let same = goals.iter().all(|goal| goal.task == goals[0].task);
    let settings = serde_json::json!({
        "defaults": options.defaults.iter().map(|((plugin, task), params)| {
            (format!("{plugin}:{task}"), Params(params.clone().into()).to_json())
        }).collect::<BTreeMap<_, _>>(),
        "disabled": options.disabled,
        "except": options.except,
        "machine": setup.machine,
        "root": path(&setup.root),
    });
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
fn found(engine: &Engine) -> (Vec<GoalResult>, Vec<ExternalPin>) {
    let mut results = Vec::with_capacity(engine.goals.len());
    for id in &engine.goals {
        if let Some(End::Done { output, .. }) = engine.nodes[*id as usize].end() {
            results.push(GoalResult { address: output.address, tree: output.tree });
        }
    }
    let externals = engine.externals.iter().filter_map(|external| match &external.state {
        ExternalState::Found(found) => {
            Some(ExternalPin { external: external.external.clone(), tree: found.found.digest })
        }
        _ => None,
    });
    let mut externals: Vec<ExternalPin> = externals.collect();
    // They were found in any order.
    externals.sort_by(|a, b| (&a.external.uri, a.external.mode).cmp(&(&b.external.uri, b.external.mode)));
    (results, externals)
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

/// Writes the record of a session in which everything succeeded and every gate was open; of any other only
/// what belongs in the history.
pub(crate) async fn write(engine: &Engine, goals: &[GoalCall], report: &Report) -> Result<(), BuildError> {
    let shared = &engine.shared;
    let (setup, options) = (&shared.setup, &shared.options);
    let Some(goal) = goal(setup, options, goals) else { return Ok(()) };
    let totals = report.totals;
    let complete = totals.cached + totals.ran == totals.tasks;
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
        totals,
        ran_seconds,
        listing: Digest::of_blob(&listing),
        started,
        seconds: engine.started.elapsed().as_secs_f64(),
    };
    let header: Bytes = json(&record)?;
    let mut writes = vec![Write::Blob(BlobKind::Blob, listing.into())];
    writes.push(if complete {
        Write::Session { goal: record.goal, run: record.run, header }
    } else {
        Write::Run { run: record.run, header }
    });
    setup.store.commit(writes).await?;
    Ok(())
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

/// Answers goals from the session record, if no external moved, no tombstone was added, and the goals'
/// blobs are there.
pub(crate) async fn answer(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    started: Instant,
) -> Result<Option<Outcome>, BuildError> {
    if options.check || options.force != crate::api::Force::Nothing {
        return Ok(None);
    }
    let Some(goal) = goal(setup, options, goals) else { return Ok(None) };
    let Some(header) = setup.store.session(goal.key()).await? else { return Ok(None) };
    let record: SessionRecord = match serde_json::from_slice(&header) {
        Ok(record) => record,
        Err(_) => return Ok(None),
    };
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
    };
    let wanted: Vec<External> = record.externals.iter().map(|pin| pin.external.clone()).collect();
    let found = crate::external::digests(&shared, &wanted).await?;
    let moved = record.externals.iter().zip(found).any(|(pin, found)| found != Some(pin.tree));
    if moved {
        return Ok(None);
    }
    let Some(outputs) = outputs(&shared, &record).await? else { return Ok(None) };
    let tasks = if options.want_tasks { read_listing(&shared, &record).await? } else { Some(Vec::new()) };
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
        notes: Vec::new(),
    };
    Ok(Some(Outcome {
        report,
        goals: outputs.into_iter().map(Some).collect(),
        interrupted: false,
        failures: Vec::new(),
        same_bytes: BTreeMap::new(),
        externals: wanted
            .iter()
            .filter_map(|external| crate::jobs::external_path(&shared, external).ok())
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
        let Some(output) = crate::jobs::output(shared, result.address.key, live) else { return Ok(None) };
        if output.tree != result.tree || !present(shared, &output).await? {
            return Ok(None);
        }
        let Ok(dir) = output.dir() else { return Ok(None) };
        outputs.push(GoalOutput { address: result.address, dir });
    }
    Ok(Some(outputs))
}

/// Tells whether all bytes of an output are there, without reading files.
pub(crate) async fn present(shared: &Shared, output: &Output) -> Result<bool, BuildError> {
    if output.inlined() {
        return Ok(true);
    }
    let Ok(dir) = output.dir() else { return Ok(false) };
    let mut wanted = Vec::new();
    let walked = dir.walk(&mut |_, entry, at| {
        if entry.kind != wrun_core::tree::EntryKind::Directory && !at.memory().blobs.contains_key(&entry.digest) {
            wanted.push(entry.digest);
        }
        Ok(())
    });
    match walked {
        Ok(()) => Ok(wanted.is_empty() || shared.setup.store.has(&wanted).await?.into_iter().all(|there| there)),
        Err(wrun_store::files::FilesError::Store(error))
            if !matches!(error, wrun_store::StoreError::Corrupt { .. }) =>
        {
            Err(error.into())
        }
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
