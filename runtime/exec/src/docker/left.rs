//! What a container leaves behind: itself, its folder, its secrets. Whoever holds a [`Left`] cares for them; dropping
//! it stops the container if it still runs (TERM, a grace, KILL) and removes everything, beside whatever else goes on.
//!
//! A wrun that is killed drops nothing. What it left is known by labels, and by a lock that the kernel freed: the next
//! one that runs the same action takes it over, and a sweep removes what nobody will ask for.

use super::bucket::Bucket;
use super::ending::chain;
use super::folder::{Folder, Folders};
use super::infrastructure;
use super::ingest::{Given, Most};
use crate::{ContainerRun, RunError};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerState;
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use wrun_core::digest::{ActionKey, Digest};
use wrun_core::result::Address;
use wrun_store::Store;

/// The store whose result it makes.
const STORE: &str = "wrun.store";
/// The key of the action.
const ACTION: &str = "wrun.action";
/// The generation that its result would have.
const GENERATION: &str = "wrun.generation";
/// The name of its folder, whose lock says whether somebody cares for it.
const LEASE: &str = "wrun.lease";
/// For people.
const TASK: &str = "wrun.task";

/// What has ended so long ago, and was asked for by nobody since, is removed.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// Everything that is left behind in one store.
pub(super) struct Leftovers {
    pub(super) folders: Folders,
    results: Arc<dyn Store>,
    store: String,
    /// Where containers write that write to a bucket themselves.
    pub(super) bucket: Option<Bucket>,
    pub(super) grace: Duration,
    runtime: tokio::runtime::Handle,
    api: OnceLock<Docker>,
    /// How many removals are under way.
    removing: watch::Sender<usize>,
    /// Whether something could not be removed, or was not known to be there.
    missed: AtomicBool,
}

/// What one run leaves.
pub(super) struct Left {
    all: Arc<Leftovers>,
    folder: Option<Folder>,
    container: Option<String>,
    running: AtomicBool,
}

impl Leftovers {
    pub(super) fn new(
        folders: Folders,
        results: Arc<dyn Store>,
        store: String,
        bucket: Option<Bucket>,
        grace: Duration,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self {
            folders,
            results,
            store,
            bucket,
            grace,
            runtime,
            api: OnceLock::new(),
            removing: watch::Sender::new(0),
            missed: AtomicBool::new(false),
        }
    }

    pub(super) fn connected(&self, api: Docker) {
        _ = self.api.set(api);
    }

    /// Waits until nothing is being removed.
    pub(super) async fn settle(&self, most: Duration) {
        let mut removing = self.removing.subscribe();
        _ = tokio::time::timeout(most, removing.wait_for(|count| *count == 0)).await;
    }

    /// Tells whether there is more for a sweep than the last one saw.
    pub(super) fn missed(&self) -> bool {
        self.missed.swap(false, Ordering::SeqCst)
    }

    fn filters(&self, more: Vec<String>) -> HashMap<String, Vec<String>> {
        let mut labels = vec![format!("{STORE}={}", self.store)];
        labels.extend(more);
        HashMap::from([("label".to_owned(), labels)])
    }

    /// Looks for what a dead wrun left of the same run. One that runs, or ended well, is taken over, with how long ago
    /// it began; any other is removed.
    pub(super) async fn adopt(
        self: &Arc<Self>,
        api: &Docker,
        run: &ContainerRun,
    ) -> Result<Option<(Left, Option<Duration>)>, RunError> {
        let more = vec![format!("{ACTION}={}", run.key)];
        let options = ListContainersOptionsBuilder::default().all(true).filters(&self.filters(more)).build();
        let listed = api.list_containers(Some(options)).await;
        let listed = listed
            .map_err(|error| infrastructure(format!("the engine lists no containers: {}", chain(&error))))?;
        let mut adopted = None;
        for container in listed {
            let labels = container.labels.unwrap_or_default();
            let (Some(id), Some(lease)) = (container.id, labels.get(LEASE)) else { continue };
            let Some(left) = self.take_soon(lease, id).await? else { continue };
            let same = labels.get(GENERATION) == Some(&run.generation.to_string());
            let state = inspect(api, left.id()).await;
            let good = same
                && adopted.is_none()
                && state.as_ref().is_some_and(|state| is_good(state, run))
                // One that is asked for again is run again.
                && !self.has_result(labels.get(ACTION), labels.get(GENERATION)).await;
            if good && let Some(state) = state {
                left.running.store(state.running == Some(true), Ordering::SeqCst);
                adopted = Some((running_for(api, left.id(), &state).await, left));
            }
        }
        Ok(adopted.map(|(began, left)| (left, Some(began))))
    }

    /// Takes over the container of an action whose lock this process has: whoever holds its folder sweeps, for moments.
    async fn take_soon(self: &Arc<Self>, lease: &str, id: String) -> Result<Option<Left>, RunError> {
        const MOST: Duration = Duration::from_secs(10);
        const PAUSE: Duration = Duration::from_millis(20);
        let since = tokio::time::Instant::now();
        loop {
            let taken = self.take(lease, id.clone())?;
            if taken.is_some() || since.elapsed() > MOST {
                return Ok(taken);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes over a container of this store, if nobody cares for it.
    fn take(self: &Arc<Self>, lease: &str, id: String) -> Result<Option<Left>, RunError> {
        let folder = self.folders.take(lease).map_err(RunError::Infrastructure)?;
        // A folder that is there and locked is another's; without one the container is of no use to anybody.
        if folder.is_none() && self.folders.path(lease).exists() {
            return Ok(None);
        }
        Ok(Some(Left { all: self.clone(), folder, container: Some(id), running: AtomicBool::new(true) }))
    }

    /// Finds what nobody will ask for; removing it goes on beside whatever else does.
    pub(super) async fn sweep_once(self: &Arc<Self>) {
        // Trouble with what is left is no trouble of a build; the next one sweeps again.
        _ = self.sweep().await;
    }

    async fn sweep(self: &Arc<Self>) -> Result<(), RunError> {
        let Some(api) = self.api.get() else { return Ok(()) };
        // First the folders: one that is made from here on is locked, or has no container yet.
        let all = self.clone();
        let abandoned = tokio::task::spawn_blocking(move || all.folders.abandoned());
        let abandoned = abandoned.await.map_err(|error| infrastructure(error.to_string()))?;
        let mut abandoned: HashMap<String, Folder> = abandoned
            .map_err(RunError::Infrastructure)?
            .into_iter()
            .map(|folder| (folder.name(), folder))
            .collect();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&self.filters(Vec::new())).build();
        let listed = api.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| infrastructure(chain(&error)))?;
        for container in listed {
            let labels = container.labels.unwrap_or_default();
            let (Some(id), Some(lease)) = (container.id, labels.get(LEASE)) else { continue };
            let folder = abandoned.remove(lease);
            if folder.is_none() && self.folders.path(lease).exists() {
                continue;
            }
            let state = inspect(api, &id).await;
            let keep = folder.is_some()
                && state.as_ref().is_some_and(may_be_asked_for)
                && !self.has_result(labels.get(ACTION), labels.get(GENERATION)).await;
            if !keep {
                drop(Left { all: self.clone(), folder, container: Some(id), running: AtomicBool::new(true) });
            }
        }
        for folder in abandoned.into_values() {
            drop(Left {
                all: self.clone(),
                folder: Some(folder),
                container: None,
                running: AtomicBool::new(false),
            });
        }
        Ok(())
    }

    /// Tells whether the result that a container would have is there already: its wrun died while it cleaned up.
    async fn has_result(&self, action: Option<&String>, generation: Option<&String>) -> bool {
        let key = action.and_then(|action| action.parse::<Digest>().ok()).map(ActionKey);
        let generation = generation.and_then(|generation| generation.parse().ok());
        let Some((key, generation)) = key.zip(generation) else { return false };
        matches!(self.results.result(Address { key, generation }).await, Ok(Some(_)))
    }

    /// Counts a removal for as long as it is held.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.removing.send_modify(|count| *count += 1);
        Busy(self.clone())
    }
}

pub(super) struct Busy(Arc<Leftovers>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.removing.send_modify(|count| *count -= 1);
    }
}

/// Tells whether a container will have a result, as far as is known.
fn is_good(state: &ContainerState, run: &ContainerRun) -> bool {
    let code = state.exit_code.and_then(|code| i32::try_from(code).ok());
    let ended = state.finished_at.as_deref().is_some_and(|at| !at.starts_with("0001-"));
    state.running == Some(true)
        || (ended && state.oom_killed != Some(true) && code.is_some_and(|code| run.spec.accepted.contains(&code)))
}

/// The same, by somebody who does not know what would be accepted.
fn may_be_asked_for(state: &ContainerState) -> bool {
    let ended = state.finished_at.as_deref().filter(|at| !at.starts_with("0001-"));
    state.running == Some(true) || ended.is_some_and(|at| since(Some(at)) < OLD)
}

/// Returns for how long a container has run. A clock that was set meanwhile must not end it, so this goes by the age of
/// its process where that can be seen.
async fn running_for(api: &Docker, id: &str, state: &ContainerState) -> Duration {
    let age = state.pid.filter(|_| state.running == Some(true)).and_then(|pid| age(id, pid));
    match age {
        Some(age) => age,
        // A process that cannot be seen may have ended since it was looked for.
        None => inspect(api, id).await.as_ref().map(by_clock).unwrap_or_default(),
    }
}

/// The same by the clock. What has ended did so in time, whatever the clock says now.
fn by_clock(state: &ContainerState) -> Duration {
    if state.running == Some(true) { since(state.started_at.as_deref()) } else { Duration::ZERO }
}

/// Returns the age of a container's process, by the clock that counts from the machine's start.
fn age(id: &str, pid: i64) -> Option<Duration> {
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).ok();
    // An engine in a world of its own has other numbers.
    read("cgroup").filter(|cgroup| cgroup.contains(id))?;
    process_age(&read("stat")?, &std::fs::read_to_string("/proc/uptime").ok()?)
}

fn process_age(stat: &str, uptime: &str) -> Option<Duration> {
    /// What Linux counts in when it speaks to programs.
    const TICKS_A_SECOND: u64 = 100;
    /// Where the start is, behind the name, which may hold anything.
    const START: usize = 19;
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(START)?.parse().ok()?;
    let now: f64 = uptime.split(' ').next()?.parse().ok()?;
    let now = Duration::try_from_secs_f64(now).ok()?;
    Some(now.saturating_sub(Duration::from_millis(ticks.saturating_mul(1000 / TICKS_A_SECOND))))
}

/// Returns how long ago an instant of the engine's was; nothing for one that is to come.
fn since(instant: Option<&str>) -> Duration {
    let instant = instant.and_then(|instant| instant.parse::<jiff::Timestamp>().ok());
    let elapsed = instant.map(|instant| jiff::Timestamp::now().duration_since(instant));
    elapsed.and_then(|elapsed| Duration::try_from(elapsed).ok()).unwrap_or_default()
}

async fn inspect(api: &Docker, id: &str) -> Option<ContainerState> {
    api.inspect_container(id, None::<InspectContainerOptions>).await.ok()?.state
}

/// Asks a container to end, and ends it.
pub(super) async fn stop(api: &Docker, id: &str, grace: Duration) {
    let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::default().t(seconds).build();
    // One that has ended, or is gone, is what was asked for.
    _ = api.stop_container(id, Some(options)).await;
}

impl Left {
    pub(super) fn new(all: &Arc<Leftovers>, folder: Folder) -> Self {
        Self { all: all.clone(), folder: Some(folder), container: None, running: AtomicBool::new(false) }
    }

    /// Nobody knows whether its container was made: the folder stays, so that a later sweep looks for it.
    pub(super) fn doubt(&mut self) {
        self.folder = None;
        self.all.missed.store(true, Ordering::SeqCst);
    }

    pub(super) fn created(&mut self, id: String) {
        self.container = Some(id);
    }

    pub(super) fn started(&self) {
        self.running.store(true, Ordering::SeqCst);
    }

    pub(super) fn ended(&self) {
        self.running.store(false, Ordering::SeqCst);
    }

    pub(super) fn id(&self) -> &str {
        self.container.as_deref().unwrap_or_default()
    }

    pub(super) fn inside(&self, name: &str) -> PathBuf {
        self.folder.as_ref().map(|folder| folder.inside(name)).unwrap_or_default()
    }

    pub(super) fn labels(&self, run: &ContainerRun) -> HashMap<String, String> {
        let lease = self.folder.as_ref().map(Folder::name).unwrap_or_default();
        let own = [
            (STORE, self.all.store.clone()),
            (ACTION, run.key.to_string()),
            (GENERATION, run.generation.to_string()),
            (LEASE, lease),
            (TASK, run.task.clone()),
        ];
        let placed = run.spec.labels.iter().map(|(name, value)| (format!("wrun.label.{name}"), value.clone()));
        own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(placed).collect()
    }

    /// Writes the values where they never reach a disk.
    pub(super) fn show_secrets(&self, secrets: &[(String, Vec<u8>)]) -> Result<(), String> {
        let (Some(folder), false) = (&self.folder, secrets.is_empty()) else { return Ok(()) };
        let outer = secrets_folder(folder);
        let inner = outer.join("secrets");
        let cannot = |error: std::io::Error| format!("cannot write secrets to `{}`: {error}", outer.display());
        // Only this user and the engine come past the outer one; the container's user reads the inner one.
        std::fs::DirBuilder::new().mode(0o700).create(&outer).map_err(cannot)?;
        std::fs::DirBuilder::new().mode(0o755).create(&inner).map_err(cannot)?;
        for (name, value) in secrets {
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o444).open(inner.join(name));
            file.and_then(|mut file| std::io::Write::write_all(&mut file, value)).map_err(cannot)?;
        }
        Ok(())
    }

    /// Gives the run a prefix of its own in the bucket.
    pub(super) fn give_prefix(&self) -> Result<(), String> {
        let (Some(folder), Some(bucket)) = (&self.folder, &self.all.bucket) else {
            return Err("no bucket is known that containers may write to".into());
        };
        bucket.fresh(&folder.inside(""), &folder.name())
    }

    /// Returns the address of that prefix, if it has one.
    pub(super) fn url(&self) -> Option<String> {
        self.all.bucket.as_ref()?.url(&self.inside(""))
    }

    /// Brings what the run wrote there into the store.
    pub(super) async fn land(&self, most: Most, store: &Arc<dyn Store>) -> Result<Vec<Given>, RunError> {
        match &self.all.bucket {
            Some(bucket) => bucket.land(&self.inside(""), most, store).await,
            None => Ok(Vec::new()),
        }
    }

    /// Returns the folder of the secrets, if there are any.
    pub(super) fn secrets(&self) -> Option<PathBuf> {
        let inner = secrets_folder(self.folder.as_ref()?).join("secrets");
        inner.exists().then_some(inner)
    }
}

/// Names the folder of a run's secrets, in memory: found again from the run's folder alone.
fn secrets_folder(folder: &Folder) -> PathBuf {
    let path = folder.inside("secrets");
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let name = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        return memory.join(format!("wrun-{}", &name[..32]));
    }
    path
}

impl Drop for Left {
    fn drop(&mut self) {
        let (folder, container) = (self.folder.take(), self.container.take());
        let (running, busy) = (self.running.load(Ordering::SeqCst), self.all.busy());
        let api = self.all.api.get().cloned();
        self.all.runtime.spawn(async move {
            if let (Some(api), Some(id)) = (api, container) {
                if running {
                    stop(&api, &id, busy.0.grace).await;
                }
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                match api.remove_container(&id, Some(options)).await {
                    Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
                    // It is still there: its folder stays with it, for a later sweep.
                    Err(_) => return busy.0.missed.store(true, Ordering::SeqCst),
                }
            }
            // What cannot be swept now is swept with the folder that says where it is, by a later sweep.
            if let (Some(folder), Some(bucket)) = (&folder, &busy.0.bucket)
                && bucket.sweep(&folder.inside("")).await.is_err()
            {
                return;
            }
            let removed = tokio::task::spawn_blocking(move || {
                if let Some(folder) = folder {
                    _ = super::folder::remove(&secrets_folder(&folder));
                    // What cannot be removed is somebody else's: the next sweep tries again.
                    _ = folder.remove();
                }
            });
            _ = removed.await;
            drop(busy);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_as_old_as_it_says() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 250 20";
        assert_eq!(process_age(stat, "10.50 3.2\n"), Some(Duration::from_secs(8)));
        assert_eq!(process_age(stat, "1.00 0\n"), Some(Duration::ZERO));
        assert_eq!(process_age("12 (a", "1.0 0"), None);
        // One that lies in no cgroup of the container's is another process.
        assert_eq!(age("0123456789abcdef", i64::from(std::process::id())), None);
    }

    #[test]
    fn what_has_ended_is_not_late_by_a_clock_that_was_set() {
        let state = |running| ContainerState {
            running: Some(running),
            started_at: Some("2013-01-01T00:00:00Z".into()),
            finished_at: Some("2013-01-01T00:00:05Z".into()),
            ..ContainerState::default()
        };
        assert_eq!(by_clock(&state(false)), Duration::ZERO);
        assert!(by_clock(&state(true)) > OLD);
    }
}
