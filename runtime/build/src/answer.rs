//! Answering from the session record of an earlier build.

use crate::api::{BuildError, GoalCall, GoalOutput, Listed, Options, Outcome, Setup};
use crate::graph::Output;
use crate::jobs::Shared;
use crate::recall::listing::read;
use crate::recall::{Externals, Head, Recalled};
use crate::record::{goal, shown};
use crate::tombstones::Tombstones;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use wrun_core::digest::ActionKey;
use wrun_core::report::{AnsweredBy, Report, Totals};
use wrun_core::result::{ActionResult, Address, Step};
use wrun_core::session::{GoalResult, SessionRecord};
use wrun_store::files::FilesError;
use wrun_store::{BlobKind, Record, Store, StoreError, Write};

/// What the session record comes to.
pub(crate) enum Answer {
    /// Nothing moved.
    Outcome(Box<Outcome>),
    /// What lies above a change has to be walked.
    Recalled(Box<Recalled>, Arc<Tombstones>),
    /// The graph has to be walked; the record, if there is one, may spare requests.
    Walk(Option<Box<SessionRecord>>),
}

/// Answers goals from the session record, if no external moved, no tombstone was added, and the goals'
/// blobs are there; with `--check`, if so much is true of every task. Else it says what of the record still stands.
pub(crate) async fn answer(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    started: Instant,
) -> Result<Answer, BuildError> {
    let forced = options.force != crate::api::Force::Nothing;
    let far = setup.store.is_remote();
    if forced && !far {
        return Ok(Answer::Walk(None));
    }
    let Some(goal) = goal(setup, options, goals) else { return Ok(Answer::Walk(None)) };
    let Some(header) = setup.store.session(goal.key()).await? else { return Ok(Answer::Walk(None)) };
    let record = || serde_json::from_slice::<SessionRecord>(&header).ok().filter(|_| far).map(Box::new);
    let Ok(head) = serde_json::from_slice::<Head>(&header) else { return Ok(Answer::Walk(None)) };
    if head.goal != goal.key() {
        return Ok(Answer::Walk(None));
    }
    if forced || (options.check && far) {
        return Ok(Answer::Walk(record()));
    }
    let Some(shared) = judge(setup, options, goals, &head).await? else { return Ok(Answer::Walk(record())) };
    let shared = Arc::new(shared);
    let Some(mut externals) = Externals::look(&shared, &head, header.clone()).await? else {
        return Ok(Answer::Walk(None));
    };
    if externals.are_same() && !options.check {
        let outcome = from_record(&shared, &head, &mut externals, AnsweredBy::SessionRecord, started).await?;
        return Ok(outcome.map_or_else(|| Answer::Walk(record()), |outcome| Answer::Outcome(Box::new(outcome))));
    }
    // Of a server it is asked anyway, and who wants to hear of each task is told by a walk.
    if far || setup.sink.wants_hits() {
        return Ok(Answer::Walk(record()));
    }
    let Some(mut recalled) = Recalled::new(&shared, head, externals).await? else { return Ok(Answer::Walk(None)) };
    if recalled.is_whole() {
        let (record, externals) = recalled.parts();
        let outcome = from_record(&shared, record, externals, AnsweredBy::Walk, started).await?;
        return Ok(outcome.map_or(Answer::Walk(None), |outcome| Answer::Outcome(Box::new(outcome))));
    }
    recalled.read_listing(&setup.store);
    Ok(Answer::Recalled(Box::new(recalled), shared.tombstones.clone()))
}

/// Returns what answers are judged by, if the record can be read, nothing was disowned since, and images are the same.
async fn judge(
    setup: &Setup,
    options: &Options,
    goals: &[GoalCall],
    record: &Head,
) -> Result<Option<Shared>, BuildError> {
    let mut tombstones = Tombstones::default();
    tombstones.refresh(&*setup.store).await?;
    let known = record.is_known() && record.tombstone == tombstones.last();
    if !known || record.results.len() != goals.len() {
        return Ok(None);
    }
    let shared = Shared::new(setup, options, Arc::new(tombstones));
    for (reference, digest) in &record.images {
        // Without an engine, a local image cannot be looked at; the walk says so.
        let found = shared.images.find(&shared, reference).await.ok().flatten();
        if found.is_none_or(|image| image.digest != *digest) {
            return Ok(None);
        }
    }
    Ok(Some(shared))
}

async fn from_record(
    shared: &Shared,
    record: &Head,
    externals: &mut Externals,
    answered_by: AnsweredBy,
    started: Instant,
) -> Result<Option<Outcome>, BuildError> {
    let Some(outputs) = outputs(shared, &record.results).await? else { return Ok(None) };
    if shared.options.want_externals && externals.pins().is_empty() && !externals.read_pins() {
        return Ok(None);
    }
    let mut tasks = Vec::new();
    if shared.options.list == Listed::All {
        let Some(listed) = read(&*shared.setup.store, record.listing).await? else { return Ok(None) };
        tasks = listed;
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
        answered_by,
        totals,
        tasks,
        // Those of which times alone were looked at are files, and not shown.
        externals: shown(externals.pins()),
        ..Report::default()
    };
    Ok(Some(Outcome {
        report,
        goals: outputs.into_iter().map(Some).collect(),
        interrupted: false,
        failures: Vec::new(),
        same_bytes: BTreeMap::new(),
        externals: externals
            .pins()
            .iter()
            .filter(|_| shared.options.want_externals)
            .filter_map(|pin| crate::external::place(shared, &pin.external.uri).ok())
            .filter_map(|place| place.path().map(Path::to_owned))
            .collect(),
    }))
}

/// Returns the goals' outputs, if their records and all their bytes are there.
async fn outputs(shared: &Shared, results: &[GoalResult]) -> Result<Option<Vec<GoalOutput>>, BuildError> {
    let keys: Vec<_> = results.iter().map(|result| result.address.key).collect();
    let found = shared.setup.store.results(&keys).await?;
    let mut outputs = Vec::with_capacity(found.len());
    for (result, records) in results.iter().zip(found) {
        let output = live(shared, result.address, &records);
        let output = output.and_then(|record| crate::jobs::output(shared, result.address.key, record));
        let Some(output) = output else { return Ok(None) };
        if output.tree != result.tree || !present(shared, &output).await? {
            return Ok(None);
        }
        let Ok(dir) = output.dir() else { return Ok(None) };
        outputs.push(GoalOutput { address: result.address, dir });
    }
    Ok(Some(outputs))
}

/// Returns what is at an address, if that is the live result among the generations of its key.
pub(crate) fn live<'a>(shared: &Shared, address: Address, records: &'a [Record]) -> Option<&'a Record> {
    let live = shared.tombstones.live(address.key, records)?;
    let there = live.generation == address.generation && !shared.setup.store.is_condemned(address);
    there.then_some(live)
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
