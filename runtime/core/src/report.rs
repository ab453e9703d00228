//! The skip report: what was a hit and from where, what ran and why, what did not and why not.

use crate::digest::{ActionKey, TreeDigest};
use crate::param::Params;
use crate::reason::Reason;
use serde::{Deserialize, Serialize};

/// The format number of the report; docs/formats.md has its schema.
pub const FORMAT: u32 = 1;

/// How a task ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A live result was there.
    Cached,
    /// It ran and made one.
    Ran,
    /// It ran, and failed.
    Failed,
    /// Something that it needs did not succeed.
    Blocked,
    /// A clock, or an external that it waits for, is not there yet.
    Waiting,
    /// The user excepted or disabled it.
    Skipped,
}

impl State {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
        }
    }
}

/// Where a hit came from.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HitSource {
    /// The local store.
    Local,
    /// The truth, where that is another store.
    Remote,
    /// Another process made it while this one waited.
    Process,
}

/// Counts of a build.
#[derive(Copy, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// All tasks of the goals' graphs.
    pub tasks: u64,
    /// [`State::Cached`].
    pub cached: u64,
    /// [`State::Ran`].
    pub ran: u64,
    /// [`State::Failed`].
    pub failed: u64,
    /// [`State::Blocked`].
    pub blocked: u64,
    /// [`State::Waiting`].
    pub waiting: u64,
    /// [`State::Skipped`].
    #[serde(default)]
    pub skipped: u64,
    /// Wall time of the build.
    pub seconds: f64,
    /// The time that the hits took when they were made.
    pub saved_seconds: f64,
}

impl Totals {
    /// Counts one task.
    pub fn count(&mut self, state: State) {
        self.tasks += 1;
        match state {
            State::Cached => self.cached += 1,
            State::Ran => self.ran += 1,
            State::Failed => self.failed += 1,
            State::Blocked => self.blocked += 1,
            State::Waiting => self.waiting += 1,
            State::Skipped => self.skipped += 1,
        }
    }
}

/// One task of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TaskReport {
    /// The plugin's id.
    pub plugin: String,
    /// The task type.
    pub task: String,
    /// Its params, private ones left out.
    pub params: Params,
    /// The (last) key, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ActionKey>,
    /// How it ended.
    pub state: State,
    /// Why it ran; empty for what did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reason: Vec<Reason>,
    /// Why it failed, is blocked or waits, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where a hit came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<HitSource>,
    /// Wall time without what it waited in `need`: of this run, or of the run that made a hit.
    pub seconds: f64,
    /// How long it took the last time, where it ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_seconds: Option<f64>,
    /// Whether it ran again and made the bytes that it had made before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub same_output: bool,
    /// Its output, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<TreeDigest>,
    /// The tasks that it needed, by their places in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
    /// When it ran, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
    /// The end of its log, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// When a task ran, in seconds since the build began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timing {
    /// When it could run: its key was known, and a miss.
    pub ready: f64,
    /// When it held a slot: once an attempt, and once more each time that it resumed after a `need`.
    pub spells: Vec<Spell>,
}

/// A time in which a task held a slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spell {
    /// Which slot, from 0.
    pub slot: u32,
    /// When it got it.
    pub started: f64,
    /// When it gave it back.
    pub ended: f64,
}

/// Requests to servers and bytes so far.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Traffic {
    /// Objects asked for, whole or by range.
    pub gets: u64,
    /// Objects written, parts of them included.
    pub puts: u64,
    /// Questions whether an object is there.
    pub heads: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Batches of removals.
    pub deletes: u64,
    /// Requests that were repeated because of a passing fault.
    pub retries: u64,
    /// Answers that asked for fewer requests.
    pub throttled: u64,
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
}

impl Traffic {
    /// Returns the number of requests of every kind, repeated ones included.
    pub fn requests(&self) -> u64 {
        self.gets + self.puts + self.heads + self.lists + self.deletes
    }

    /// Adds another's.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            gets: self.gets + other.gets,
            puts: self.puts + other.puts,
            heads: self.heads + other.heads,
            lists: self.lists + other.lists,
            deletes: self.deletes + other.deletes,
            retries: self.retries + other.retries,
            throttled: self.throttled + other.throttled,
            bytes_up: self.bytes_up + other.bytes_up,
            bytes_down: self.bytes_down + other.bytes_down,
        }
    }
}

/// What answered a build.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// The graph was walked.
    #[default]
    Walk,
    /// A session record said that nothing moved.
    SessionRecord,
}

/// The report of one build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// What answered.
    pub answered_by: AnsweredBy,
    /// Counts.
    pub totals: Totals,
    /// Every task, dependencies before what needs them.
    pub tasks: Vec<TaskReport>,
    /// Nondeterminism, adopted results, and other things to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
