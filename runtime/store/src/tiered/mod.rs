//! A local store in front of an object store: the cache, and the truth.
//!
//! ```text
//! cas/<2 hex>/<62 hex>      blobs and trees
//! ac/<2 hex>/<62 hex>.<g>   action digest → result, generation g; create-only
//! hint/<2 hex>/<62 hex>     first key of a dynamic action → the steps it took
//! tomb/<16 digits>          tombstones, create-only, without gaps; `tomb/~format-1` says what wrote here,
//!                           `tomb/~conditions` was overwritten in vain before
//! goal/<64 hex>             the newest session record of a goal: its run, a line break, its header
//! run/<date>/<run>          the header of every build
//! pin/<name>                what no gc takes
//! gc/clock                  written to learn the server's time
//! tomb/~gc-<name>           what a gc will remove, tomb/~swept-<name> what it has removed
//! ```
//!
//! What a build commits is durable in the cache at once, and owed to the truth: it goes up behind the build, and
//! [`Store::settle`] waits for it. The truth's conditional put is the commit point: whoever loses a race adopts the
//! winner's record. What was owed when a process died is sent by the next one that settles.
//!
//! - `mod.rs`: look-ups, and what is written to the truth at once
//! - `names.rs`: what objects are called
//! - `down.rs`: bytes that come to this machine, verified
//! - `up.rs`: results that are owed
//! - `care.rs`: listing, checking, cleaning
//!
//! Plans, digests of external files, the latest result of a task and failed attempts are this machine's alone.

mod care;
mod down;
mod names;
mod up;

use crate::api::*;
use crate::error::StoreError;
use crate::objects::{Fault, ObjectError, Objects, Put, Traffic};
use async_trait::async_trait;
use care::Doubts;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use up::Uploads;
use wrun_core::digest::{ActionKey, Digest, GoalKey, PlanKey, TaskId};
use wrun_core::result::{ActionResult, Address, Step};

/// So many look-ups are under way at once; how many requests that makes is the object store's to decide.
const AT_ONCE: usize = 128;

/// The number of the layout described above.
const FORMAT: u64 = 1;

/// A cache in front of the truth.
pub struct TieredStore {
    cache: Arc<dyn Store>,
    /// None: what is not in the cache is not there, and what is made stays owed.
    truth: Option<Arc<dyn Objects>>,
    place: String,
    uploads: Option<Uploads>,
    /// Whether a commit waits for the truth.
    through: bool,
    log: Mutex<LogState>,
    /// Shared with the uploads, which mend it.
    doubts: Arc<Doubts>,
}

/// What is known of the truth's log.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum LogState {
    #[default]
    Unread,
    /// Its tail has been read, and nobody has written our format yet.
    New,
    /// Its tail has been read.
    Read,
}

impl TieredStore {
    /// Puts a cache in front of the truth. What is committed goes up behind the build.
    pub fn new(cache: Arc<dyn Store>, truth: Arc<dyn Objects>) -> Arc<Self> {
        Arc::new(Self::over(cache, truth, false))
    }

    /// The same, with commits that wait for the truth.
    pub fn through(cache: Arc<dyn Store>, truth: Arc<dyn Objects>) -> Arc<Self> {
        Arc::new(Self::over(cache, truth, true))
    }

    fn over(cache: Arc<dyn Store>, truth: Arc<dyn Objects>, through: bool) -> Self {
        let doubts = Arc::<Doubts>::default();
        let uploads = Some(Uploads::new(cache.clone(), truth.clone(), doubts.clone()));
        let (place, truth) = (truth.describe(), Some(truth));
        Self { cache, truth, place, uploads, doubts, through, log: Mutex::default() }
    }

    /// Uses the cache alone, as if the truth did not exist.
    pub fn offline(cache: Arc<dyn Store>, place: &str) -> Arc<Self> {
        let place = place.to_owned();
        let (doubts, log) = (Arc::default(), Mutex::default());
        Arc::new(Self { cache, truth: None, place, uploads: None, doubts, through: false, log })
    }

    /// Returns what was asked of the truth so far.
    pub fn traffic(&self) -> Traffic {
        self.truth.as_ref().map(|truth| truth.traffic()).unwrap_or_default()
    }

    fn log_state(&self) -> LogState {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_log_state(&self, state: LogState) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Brings the new tail of the truth's log to the cache.
    async fn read_log(&self, truth: &Arc<dyn Objects>) -> Result<(), StoreError> {
        let known = self.cache.tombstones(0).await?.last().map_or(0, |(number, _)| *number);
        let listed = truth.list(names::TOMBSTONES, &names::tombstone(known)).await?;
        let mut numbers = Vec::new();
        let mut formats = Vec::new();
        for object in &listed {
            match names::read_log_entry(&object.name) {
                Some(names::LogEntry::Tombstone(number)) => numbers.push(number),
                Some(names::LogEntry::Format(format)) => formats.push(format),
                _ => {}
            }
        }
        if let Some(found) = formats.iter().copied().find(|found| *found > FORMAT) {
            return Err(StoreError::NewerFormat { path: PathBuf::from(&self.place), found, known: FORMAT });
        }
        let due = (known + 1..).take(numbers.len());
        if let Some((missing, _)) = due.zip(&numbers).find(|(due, found)| due != *found) {
            let why = format!("tombstone {missing} is missing from its log");
            return Err(StoreError::Damaged { path: PathBuf::from(&self.place), why });
        }
        let read = futures_util::stream::iter(numbers).map(|number| async move {
            let body = truth.get(&names::tombstone(number)).await?;
            let gone = || StoreError::Damaged {
                path: PathBuf::from(&self.place),
                why: format!("tombstone {number} is gone from its log"),
            };
            Ok::<_, StoreError>(Write::Tombstone(number, body.ok_or_else(gone)?))
        });
        let writes: Vec<Write> = read.buffered(AT_ONCE).try_collect().await?;
        if !writes.is_empty() {
            self.cache.commit(writes).await?;
        }
        care::read_lists(&self.cache, truth, &self.doubts, &listed).await?;
        self.set_log_state(if formats.is_empty() { LogState::New } else { LogState::Read });
        Ok(())
    }

    /// Reads the log if that was not done yet, and says what wrote here before anything else is written.
    async fn ready_to_write(&self, truth: &Arc<dyn Objects>) -> Result<(), StoreError> {
        if self.log_state() == LogState::Unread {
            self.read_log(truth).await?;
        }
        if self.log_state() == LogState::New {
            self.try_conditions(truth).await?;
            truth.put_new(&names::format(FORMAT), b"wrun\n".as_slice().into()).await?;
            self.set_log_state(LogState::Read);
        }
        Ok(())
    }

    /// Before a prefix is used for the first time: makes sure that a put which must not overwrite does not. Where
    /// it did, two builds that race would each believe to be first, and nobody would be told.
    async fn try_conditions(&self, truth: &Arc<dyn Objects>) -> Result<(), StoreError> {
        let body: Bytes = b"wrun\n".as_slice().into();
        truth.put_new(names::CONDITIONS, body.clone()).await?;
        if truth.heeds_conditions(names::CONDITIONS, body).await? {
            return Ok(());
        }
        Err(StoreError::Remote(ObjectError {
            doing: "use",
            uri: self.place.clone(),
            fault: Fault::Unsupported,
            why: "the server does not heed `If-None-Match: *`, so that one build may overwrite what another made"
                .to_owned(),
        }))
    }

    /// Looks up one result in the truth, and keeps it.
    async fn ask(&self, truth: &Arc<dyn Objects>, address: Address) -> Result<Option<Record>, StoreError> {
        let found = truth.get(&names::result(address)).await?;
        Ok(found.map(|body| {
            let generation = address.generation;
            match ActionResult::is_of(&body, address.key) {
                true => Record { generation, body, remote: true },
                // It lies about what it is the result of: as good as one that cannot be read.
                false => Record { generation, body: Bytes::from(b"".as_slice()), remote: true },
            }
        }))
    }

    /// Keeps what was found in the truth.
    async fn keep(&self, found: impl Iterator<Item = (ActionKey, Record)>) -> Result<(), StoreError> {
        let writes: Vec<Write> = found
            .filter(|(_, record)| !record.body.is_empty())
            .map(|(key, record)| Write::Known {
                address: Address { key, generation: record.generation },
                body: record.body,
            })
            .collect();
        if !writes.is_empty() {
            self.cache.commit(writes).await?;
        }
        Ok(())
    }

    /// Refuses a batch whose tombstones would leave a gap, before anything of it is written.
    async fn check_numbers(&self, truth: &Arc<dyn Objects>, batch: &[Write]) -> Result<(), StoreError> {
        let numbers = batch.iter().filter_map(|write| match write {
            Write::Tombstone(number, _) => Some(*number),
            _ => None,
        });
        let numbers: Vec<u64> = numbers.collect();
        let Some(highest) = numbers.iter().max() else { return Ok(()) };
        self.ready_to_write(truth).await?;
        let last =
            async || Ok::<_, StoreError>(self.cache.tombstones(0).await?.last().map_or(0, |(last, _)| *last));
        let mut last_known = last().await?;
        if *highest > last_known + 1 {
            self.read_log(truth).await?;
            last_known = last().await?;
        }
        for number in numbers {
            if number == 0 || number > last_known + 1 {
                let why = format!("tombstone {number} would leave a gap in its log");
                return Err(StoreError::Damaged { path: PathBuf::from(&self.place), why });
            }
            last_known = last_known.max(number);
        }
        Ok(())
    }

    /// Writes a tombstone where everybody agrees on its number.
    async fn bury(&self, truth: &Arc<dyn Objects>, number: u64, body: &Bytes) -> Result<Committed, StoreError> {
        match truth.put_new(&names::tombstone(number), body.clone()).await? {
            Put::Created => Ok(Committed::Written),
            Put::Exists(winner) => {
                // There may be more of them by now.
                self.read_log(truth).await?;
                Ok(Committed::Lost(winner))
            }
        }
    }

    /// Writes a session record: after everything that it names.
    async fn record(&self, truth: &Arc<dyn Objects>, batch: &[Write]) -> Result<(), StoreError> {
        self.ready_to_write(truth).await?;
        for write in batch {
            if let Write::Blob(kind, bytes) = write {
                let digest = kind.digest(bytes);
                let doubted = self.doubts.of(digest);
                truth.upload(&names::blob(digest), &Blob::Memory(bytes.clone()), doubted).await?;
            }
        }
        for write in batch {
            match write {
                Write::Session { goal, run, header } => {
                    truth.put(&names::run(run), header.clone()).await?;
                    let newer = truth
                        .get(&names::goal(*goal))
                        .await?
                        .is_some_and(|known| split(&known).0 > run.as_bytes());
                    // Of two builds that end at once either record will do: both are complete.
                    if !newer {
                        let named = [run.as_bytes(), b"\n", header].concat();
                        truth.put(&names::goal(*goal), named.into()).await?;
                    }
                }
                Write::Run { run, header } => truth.put(&names::run(run), header.clone()).await?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for TieredStore {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn get(&self, kind: BlobKind, digest: Digest) -> Result<Option<Blob>, StoreError> {
        self.cache.get(kind, digest)
    }

    async fn fetch(&self, wanted: &[(BlobKind, Digest)]) -> Result<Vec<bool>, StoreError> {
        let mut there = self.cache.fetch(wanted).await?;
        let Some(truth) = &self.truth else { return Ok(there) };
        let absent: Vec<usize> = (0..wanted.len()).filter(|i| !there[*i]).collect();
        let missing: Vec<(BlobKind, Digest)> = absent.iter().map(|i| wanted[*i]).collect();
        let brought = down::bring(&self.cache, (truth, &self.doubts), &missing).await?;
        absent.into_iter().zip(brought).for_each(|(i, brought)| there[i] = brought);
        Ok(there)
    }

    async fn has(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreError> {
        let mut there = self.cache.has(digests).await?;
        let Some(truth) = &self.truth else { return Ok(there) };
        let absent: Vec<usize> = (0..digests.len()).filter(|i| !there[*i]).collect();
        let asked = futures_util::stream::iter(absent).map(|i| async move {
            Ok::<_, StoreError>((i, truth.size(&names::blob(digests[i])).await?.is_some()))
        });
        let found: Vec<(usize, bool)> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
        found.into_iter().for_each(|(i, found)| there[i] = found);
        Ok(there)
    }

    fn stage(&self) -> Result<Box<dyn Staged>, StoreError> {
        self.cache.stage()
    }

    async fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        let mut all = self.cache.results(keys).await?;
        let Some(truth) = &self.truth else { return Ok(all) };
        let absent: Vec<usize> = (0..keys.len()).filter(|i| all[*i].is_empty()).collect();
        let asked = futures_util::stream::iter(absent).map(|i| async move {
            Ok::<_, StoreError>((i, self.ask(truth, Address { key: keys[i], generation: 0 }).await?))
        });
        let found: Vec<(usize, Option<Record>)> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
        let found: Vec<(usize, Record)> = found.into_iter().filter_map(|(i, record)| Some((i, record?))).collect();
        self.keep(found.iter().map(|(i, record)| (keys[*i], record.clone()))).await?;
        found.into_iter().for_each(|(i, record)| all[i].push(record));
        Ok(all)
    }

    async fn result(&self, address: Address) -> Result<Option<Record>, StoreError> {
        if let Some(known) = self.cache.result(address).await? {
            return Ok(Some(known));
        }
        let Some(truth) = &self.truth else { return Ok(None) };
        let found = self.ask(truth, address).await?;
        self.keep(found.iter().map(|record| (address.key, record.clone()))).await?;
        Ok(found)
    }

    async fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        self.cache.latest(tasks).await
    }

    async fn plans(&self, keys: &[PlanKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.cache.plans(keys).await
    }

    async fn steps(&self, keys: &[ActionKey]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut known = self.cache.steps(keys).await?;
        let Some(truth) = &self.truth else { return Ok(known) };
        let absent: Vec<usize> = (0..keys.len()).filter(|i| known[*i].is_none()).collect();
        let asked = futures_util::stream::iter(absent)
            .map(|i| async move { Ok::<_, StoreError>((i, truth.get(&names::hint(keys[i])).await?)) });
        let found: Vec<(usize, Option<Bytes>)> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut writes = Vec::new();
        for (i, hint) in found {
            // What cannot be read is no hint.
            let Some(steps) = hint.and_then(|hint| serde_json::from_slice::<Vec<Step>>(&hint).ok()) else {
                continue;
            };
            let needs = steps.iter().map_while(|step| serde_json::to_vec(&step.needs).ok());
            for (key, needs) in Step::keys(keys[i], &steps).into_iter().zip(needs) {
                let needs: Bytes = needs.into();
                known[i].get_or_insert_with(|| needs.clone());
                writes.push(Write::Step(key, needs));
            }
        }
        if !writes.is_empty() {
            self.cache.commit(writes).await?;
        }
        Ok(known)
    }

    async fn attempts(&self, tasks: &[TaskId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.cache.attempts(tasks).await
    }

    async fn externals(&self, stamps: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.cache.externals(stamps).await
    }

    async fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        if let (Some(truth), LogState::Unread) = (&self.truth, self.log_state()) {
            self.read_log(truth).await?;
        }
        self.cache.tombstones(after).await
    }

    async fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError> {
        match &self.truth {
            Some(truth) => Ok(truth.get(&names::goal(goal)).await?.map(|named| split(&named).1.into())),
            None => self.cache.session(goal).await,
        }
    }

    async fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.cache.runs(most).await
    }

    async fn everyones_runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        let known = self.cache.runs(most).await?;
        let Some(truth) = &self.truth else { return Ok(known) };
        // What is older than the last of so many is none of the newest so many.
        let oldest = known.last().filter(|_| known.len() >= most).map(|(run, _)| names::run(run));
        let listed = truth.list(names::RUNS, &oldest.unwrap_or_default()).await?;
        let mut newest: Vec<&str> = listed.iter().filter_map(|object| names::read_run(&object.name)).collect();
        newest.sort_unstable();
        newest.reverse();
        let absent = newest.into_iter().take(most).filter(|run| !known.iter().any(|(known, _)| known == run));
        let absent: Vec<String> = absent.map(str::to_owned).collect();
        let read = futures_util::stream::iter(absent).map(|run| async move {
            let header = truth.get(&names::run(&run)).await?;
            Ok::<_, StoreError>(header.map(|header| Write::Run { run, header }))
        });
        let found: Vec<Option<Write>> = read.buffered(AT_ONCE).try_collect().await?;
        let found: Vec<Write> = found.into_iter().flatten().collect();
        if found.is_empty() {
            return Ok(known);
        }
        self.cache.commit(found).await?;
        self.cache.runs(most).await
    }

    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Committed>, StoreError> {
        let Some(truth) = &self.truth else { return self.cache.commit(owing(batch)).await };
        self.check_numbers(truth, &batch).await?;
        if batch.iter().any(|write| matches!(write, Write::Session { .. } | Write::Run { .. })) {
            self.record(truth, &batch).await?;
        }
        let mut lost = Vec::new();
        for (i, write) in batch.iter().enumerate() {
            if let Write::Tombstone(number, body) = write
                && let Committed::Lost(winner) = self.bury(truth, *number, body).await?
            {
                lost.push((i, winner));
            }
        }
        let count = batch.len();
        let kept: Vec<(usize, Write)> =
            batch.into_iter().enumerate().filter(|(i, _)| !lost.iter().any(|(lost, _)| lost == i)).collect();
        let (places, kept): (Vec<usize>, Vec<Write>) = kept.into_iter().unzip();
        // Each result by its place among what is kept, which `places` leads back from.
        let results: Vec<(usize, Address)> = kept
            .iter()
            .enumerate()
            .filter_map(|(i, write)| match write {
                Write::Result { address, .. } => Some((i, *address)),
                _ => None,
            })
            .collect();
        if !results.is_empty() {
            self.ready_to_write(truth).await?;
        }
        let here = self.cache.commit(owing(kept)).await?;
        if let Some(uploads) = &self.uploads {
            let made = |(i, _): &&(usize, Address)| here.get(*i) == Some(&Committed::Written);
            uploads.send(results.iter().filter(made).map(|(_, address)| *address));
        }
        let mut outcomes = vec![Committed::Written; count];
        places.iter().zip(here).for_each(|(i, outcome)| outcomes[*i] = outcome);
        lost.into_iter().for_each(|(i, winner)| outcomes[i] = Committed::Lost(winner));
        if self.through && !results.is_empty() {
            for (address, winner) in self.settle().await?.lost {
                let of = results.iter().find(|(_, mine)| *mine == address);
                of.into_iter().for_each(|(i, _)| outcomes[places[*i]] = Committed::Lost(winner.clone()));
            }
        }
        Ok(outcomes)
    }

    async fn settle(&self) -> Result<Settled, StoreError> {
        let (Some(truth), Some(uploads)) = (&self.truth, &self.uploads) else {
            let owed = self.cache.owed().await?.len();
            return Ok(Settled { lost: Vec::new(), owed });
        };
        let owed = self.cache.owed().await?;
        if !owed.is_empty() {
            self.ready_to_write(truth).await?;
            uploads.send(owed.into_iter());
        }
        Ok(Settled { lost: uploads.settle().await?, owed: 0 })
    }

    async fn owed(&self) -> Result<Vec<Address>, StoreError> {
        self.cache.owed().await
    }

    async fn list_results(&self) -> Result<Vec<Item<Address>>, StoreError> {
        match &self.truth {
            Some(truth) => care::list(truth, "ac/", names::read_result).await,
            None => self.cache.list_results().await,
        }
    }

    async fn list_blobs(&self) -> Result<Vec<Item<Digest>>, StoreError> {
        match &self.truth {
            Some(truth) => care::list(truth, "cas/", names::read_blob).await,
            None => self.cache.list_blobs().await,
        }
    }

    async fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError> {
        match &self.truth {
            Some(truth) => care::list(truth, names::RUNS, |name| names::read_run(name).map(str::to_owned)).await,
            None => self.cache.list_runs().await,
        }
    }

    async fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError> {
        match &self.truth {
            Some(truth) => care::list(truth, "goal/", names::read_goal).await,
            None => self.cache.list_goals().await,
        }
    }

    async fn run(&self, id: &str) -> Result<Option<Bytes>, StoreError> {
        match &self.truth {
            Some(truth) => Ok(truth.get(&names::run(id)).await?),
            None => self.cache.run(id).await,
        }
    }

    async fn now(&self) -> Result<i64, StoreError> {
        match &self.truth {
            Some(truth) => care::now(truth).await,
            None => self.cache.now().await,
        }
    }

    async fn remove(&self, what: &Removal) -> Result<(), StoreError> {
        if let Some(truth) = &self.truth {
            care::remove(truth, what).await?;
        }
        self.cache.remove(what).await
    }

    async fn inspect(&self, digest: Digest) -> Result<Health, StoreError> {
        match &self.truth {
            Some(truth) => care::inspect(truth, digest).await,
            None => self.cache.inspect(digest).await,
        }
    }

    async fn repair(&self, kind: BlobKind, digest: Digest) -> Result<bool, StoreError> {
        match &self.truth {
            Some(truth) => care::repair(&self.cache, truth, kind, digest).await,
            None => self.cache.repair(kind, digest).await,
        }
    }

    async fn common_result(&self, address: Address) -> Result<Option<Record>, StoreError> {
        let Some(truth) = &self.truth else { return self.cache.result(address).await };
        let found = truth.get(&names::result(address)).await?;
        Ok(found.map(|body| Record { generation: address.generation, body, remote: true }))
    }

    async fn repair_result(&self, address: Address) -> Result<bool, StoreError> {
        let Some(truth) = &self.truth else { return Ok(false) };
        let Some(record) = self.cache.result(address).await? else { return Ok(false) };
        let good = serde_json::from_slice::<ActionResult>(&record.body).is_ok_and(|own| own.key() == address.key);
        if good {
            truth.put(&names::result(address), record.body).await?;
        }
        Ok(good)
    }

    async fn pins(&self) -> Result<Vec<(String, Bytes)>, StoreError> {
        match &self.truth {
            Some(truth) => care::pins(truth).await,
            None => self.cache.pins().await,
        }
    }

    async fn set_pin(&self, name: &str, body: Option<Bytes>) -> Result<(), StoreError> {
        match &self.truth {
            Some(truth) => care::set_pin(truth, name, body).await,
            None => self.cache.set_pin(name, body).await,
        }
    }

    fn is_condemned(&self, address: Address) -> bool {
        self.doubts.condemned(address)
    }

    async fn condemned(&self) -> Result<Vec<Item<(String, Removal)>>, StoreError> {
        match &self.truth {
            Some(truth) => care::condemned(truth).await,
            None => Ok(Vec::new()),
        }
    }

    async fn condemn(&self, name: &str, list: &Removal) -> Result<(), StoreError> {
        match &self.truth {
            Some(truth) => care::condemn(truth, name, list).await,
            None => Ok(()),
        }
    }

    async fn swept(&self, name: &str, removed: &Removal) -> Result<(), StoreError> {
        match &self.truth {
            Some(truth) => care::swept(truth, name, removed).await,
            None => Ok(()),
        }
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn others_wrote(&self) -> Result<bool, StoreError> {
        self.cache.others_wrote()
    }

    fn local_root(&self) -> Option<PathBuf> {
        self.cache.local_root()
    }

    fn counters(&self) -> Counters {
        Counters { traffic: self.traffic(), ..self.cache.counters() }
    }
}

/// Returns what the object of a blob is called in the truth.
pub fn blob_name(digest: Digest) -> String {
    names::blob(digest)
}

/// Splits what lies under a goal: the run's id, and after a line break its header.
fn split(named: &[u8]) -> (&[u8], &[u8]) {
    let at = named.iter().position(|byte| *byte == b'\n');
    at.map_or((&[], named), |at| (&named[..at], &named[at + 1..]))
}

/// Says of each result of a batch that it is owed to the truth.
fn owing(mut batch: Vec<Write>) -> Vec<Write> {
    let owed: Vec<Write> = batch
        .iter()
        .filter_map(|write| match write {
            Write::Result { address, .. } => Some(Write::Owed(*address)),
            _ => None,
        })
        .collect();
    batch.extend(owed);
    batch
}
