//! What runs, written down where another terminal finds it: one small file a build, and the logs of its
//! running tasks beside it.
//!
//! A build holds a lock on a file of its own as long as its process lives, so one that was killed is told
//! from one that runs, and whoever looks removes what it left. Nothing is written before a build has gone on
//! for a moment, and a task that ends before the next tick never touches the disk.
//!
//! In the user's cache folder, `running/`, or where that cannot be written, in the store:
//!
//! - `ID.lock`: locked by the process
//! - `ID.json`: [`Build`], replaced as a whole
//! - `ID.logs/NUMBER`: what a running task has written

use super::Renderer;
use super::state::{Now, Running};
use crate::env;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wrun_core::digest::TaskId;
use wrun_core::event::{Event, TaskNumber};

/// The format number of the file.
const FORMAT: u32 = 1;
/// A build that is over sooner leaves no trace.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often it is written at most.
const EVERY: Duration = Duration::from_millis(200);
/// How often it is written at least.
const RARELY: Duration = Duration::from_secs(2);
/// Running tasks that are listed; the rest is counted.
const MOST: usize = 200;
/// Bytes of one task's log that wait for the next tick. A task that writes more has a file.
const MOST_WAITING: usize = 64 << 10;

/// What a build is about.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The plugin's id.
    pub(crate) plugin: String,
    /// The goals, for people.
    pub(crate) goal: String,
    /// Where results go.
    pub(crate) store: Option<PathBuf>,
    /// How many tasks run at once.
    pub(crate) slots: usize,
}

/// A build that goes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Build {
    pub(crate) format: u32,
    pub(crate) pid: i32,
    pub(crate) plugin: String,
    pub(crate) goal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<PathBuf>,
    pub(crate) cwd: PathBuf,
    pub(crate) slots: usize,
    /// Milliseconds since 1970.
    pub(crate) started: i64,
    pub(crate) known: u64,
    pub(crate) done: u64,
    pub(crate) ran: u64,
    pub(crate) failed: u64,
    /// Tasks that wait for what they need.
    pub(crate) suspended: usize,
    /// Seconds that the rest may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_seconds: Option<f64>,
    /// Those that compute first, the oldest first; at most so many.
    pub(crate) running: Vec<Task>,
}

/// A running task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Task {
    pub(crate) task: String,
    pub(crate) id: TaskId,
    /// Milliseconds since 1970.
    pub(crate) since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usual_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    pub(crate) suspended: bool,
    /// The file that its log grows in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<PathBuf>,
}

/// Writes it.
pub(super) struct Board {
    now: Now,
    about: About,
    /// Milliseconds since 1970.
    started: i64,
    files: Option<Files>,
    written: Option<Instant>,
    changed: bool,
    logs: BTreeMap<TaskNumber, Log>,
    /// Whether it cannot be written: then nobody sees this build from elsewhere.
    gone: bool,
}

/// What a running task has written.
#[derive(Default)]
struct Log {
    waiting: Vec<u8>,
    file: Option<(PathBuf, File)>,
}

struct Files {
    json: PathBuf,
    lock: PathBuf,
    logs: PathBuf,
    _held: File,
}

impl Board {
    pub(super) fn new(about: About) -> Self {
        Self {
            now: Now::new(Instant::now()),
            about,
            started: env::now().as_millisecond(),
            files: None,
            written: None,
            changed: false,
            logs: BTreeMap::new(),
            gone: false,
        }
    }

    fn tick(&mut self) -> std::io::Result<()> {
        let at = Instant::now();
        if self.files.is_none() {
            self.files = Some(Files::create(self.about.store.as_deref())?);
        }
        let Some(files) = &self.files else { return Ok(()) };
        for (number, log) in &mut self.logs {
            log.flush(&files.logs, *number)?;
        }
        let build = self.build(at);
        let json = serde_json::to_vec(&build)?;
        let beside = files.json.with_extension("part");
        std::fs::write(&beside, json)?;
        std::fs::rename(&beside, &files.json)?;
        (self.written, self.changed) = (Some(at), false);
        Ok(())
    }

    fn build(&self, at: Instant) -> Build {
        let now = &self.now;
        let mut running: Vec<(&TaskNumber, &Running)> = now.running.iter().collect();
        running.sort_by_key(|(_, run)| (run.suspended, run.since));
        let suspended = running.iter().filter(|(_, run)| run.suspended).count();
        let task = |(number, run): &(&TaskNumber, &Running)| Task {
            task: run.task.clone(),
            id: run.id,
            since: self.started + millis(run.since.saturating_duration_since(now.since)),
            usual_seconds: run.usual,
            fraction: run.fraction,
            message: run.message.clone(),
            suspended: run.suspended,
            log: self.logs.get(number).and_then(|log| Some(log.file.as_ref()?.0.clone())),
        };
        Build {
            format: FORMAT,
            pid: rustix::process::getpid().as_raw_nonzero().get(),
            plugin: self.about.plugin.clone(),
            goal: self.about.goal.clone(),
            store: self.about.store.clone(),
            cwd: env::cwd().unwrap_or_default(),
            slots: self.about.slots,
            started: self.started,
            known: now.known,
            done: now.done,
            ran: now.ran,
            failed: now.failed,
            suspended,
            left_seconds: now.remaining(at).map(|left| left.as_secs_f64()),
            running: running.iter().take(MOST).map(task).collect(),
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Log {
    fn flush(&mut self, folder: &Path, number: TaskNumber) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (_, file) = match &mut self.file {
            Some(there) => there,
            None => {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                let path = folder.join(number.0.to_string());
                let file = File::create(&path)?;
                self.file.insert((path, file))
            }
        };
        file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

impl Files {
    fn create(store: Option<&Path>) -> std::io::Result<Self> {
        let mut last = None;
        for folder in folders(store) {
            match Self::create_in(&folder) {
                Ok(files) => return Ok(files),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into()))
    }

    fn create_in(folder: &Path) -> std::io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let pid = rustix::process::getpid().as_raw_nonzero();
        // One process may build several times at once.
        for number in 0..1000 {
            let at = |extension: &str| folder.join(format!("{pid}-{number}.{extension}"));
            let lock = at("lock");
            let held = File::create(&lock)?;
            if flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok(Self { json: at("json"), logs: at("logs"), lock, _held: held });
            }
        }
        Err(std::io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        remove(&self.json, &self.logs, &self.lock);
    }
}

/// Whoever looks next removes what cannot be removed now.
fn remove(json: &Path, logs: &Path, lock: &Path) {
    _ = std::fs::remove_file(json);
    _ = std::fs::remove_dir_all(logs);
    _ = std::fs::remove_file(json.with_extension("part"));
    _ = std::fs::remove_file(lock);
}

/// Where builds are written down: the first that can be written.
fn folders(store: Option<&Path>) -> impl Iterator<Item = PathBuf> {
    let cache = crate::workspace::cache_folder();
    cache.into_iter().chain(store.map(Path::to_owned)).map(|folder| folder.join("running"))
}

/// Returns the builds that go on, the oldest first.
pub(crate) fn builds(store: Option<&Path>) -> Vec<Build> {
    let mut found = Vec::new();
    for folder in folders(store) {
        let Ok(entries) = folder.read_dir() else { continue };
        for json in entries.flatten().map(|entry| entry.path()) {
            if json.extension().is_some_and(|extension| extension == "json") {
                found.extend(look(&json));
            }
        }
    }
    found.sort_by_key(|build| (build.started, build.pid));
    found
}

/// Reads the file of one build, and removes it where its process is gone.
fn look(json: &Path) -> Option<Build> {
    let text = std::fs::read(json).ok()?;
    let lock = json.with_extension("lock");
    // The lock was taken before the file was written, so a free one was left by a process that is gone.
    let free = match File::open(&lock) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if free {
        remove(json, &json.with_extension("logs"), &lock);
        return None;
    }
    let build: Build = serde_json::from_slice(&text).ok()?;
    (build.format == FORMAT).then_some(build)
}

impl Renderer for Board {
    fn event(&mut self, event: &Event) {
        self.changed = true;
        self.now.take(event, Instant::now());
        if let Event::Ended { number, .. } = event
            && let Some(mut log) = self.logs.remove(number)
            && let (Some(files), Some(path)) = (&self.files, log.file.as_ref().map(|file| file.0.clone()))
        {
            // Who follows it has it open, and reads it to its end.
            _ = log.flush(&files.logs, *number);
            _ = std::fs::remove_file(path);
        }
    }

    fn log(&mut self, number: TaskNumber, bytes: &[u8]) {
        if self.gone {
            return;
        }
        self.changed = true;
        let log = self.logs.entry(number).or_default();
        log.waiting.extend_from_slice(bytes);
        if log.waiting.len() > MOST_WAITING
            && let Some(files) = &self.files
        {
            self.gone = log.flush(&files.logs, number).is_err();
        }
    }

    fn idle(&mut self) {
        let since = self.written.map(|written| written.elapsed());
        let due = since.is_none_or(|since| since >= RARELY || self.changed && since >= EVERY);
        if self.gone || self.now.known == 0 || self.now.since.elapsed() < PATIENCE || !due {
            return;
        }
        if self.tick().is_err() {
            // A build does not fail because nobody can see it.
            (self.gone, self.files) = (true, None);
            self.logs.clear();
        }
    }

    fn finish(&mut self) {
        self.files = None;
    }
}
