//! The skip report: what was a hit and from where, what ran and why, what did not and why not.

use crate::action::InputKind;
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
    /// The hits among them that came from the truth, where that is another store.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remote: u64,
    /// The time that those took when they were made, mostly elsewhere.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub saved_remote_seconds: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_nothing(seconds: &f64) -> bool {
    *seconds == 0.0
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

    /// Returns what came after an earlier state of the same counters.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let less = |now: u64, then: u64| now.saturating_sub(then);
        Self {
            gets: less(self.gets, before.gets),
            puts: less(self.puts, before.puts),
            heads: less(self.heads, before.heads),
            lists: less(self.lists, before.lists),
            deletes: less(self.deletes, before.deletes),
            retries: less(self.retries, before.retries),
            throttled: less(self.throttled, before.throttled),
            bytes_up: less(self.bytes_up, before.bytes_up),
            bytes_down: less(self.bytes_down, before.bytes_down),
        }
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

/// What a build asked of servers.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Moved {
    /// Of the store, where that is on one.
    pub store: Traffic,
    /// Of those that externals are read from.
    pub externals: Traffic,
}

impl Moved {
    /// Returns what came after an earlier state of the same counters.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { store: self.store.since(before.store), externals: self.externals.since(before.externals) }
    }

    /// Returns both together.
    pub fn all(self) -> Traffic {
        self.store.plus(self.externals)
    }

    /// Tells whether there was nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// An external input of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExternalReport {
    /// Its address.
    pub uri: String,
    /// What the digest is of: `version-id` and `etag` are weaker than content.
    pub kind: InputKind,
    /// Its digest.
    pub tree: TreeDigest,
}

/// What answered a build.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// Tasks were looked at: all of them, or those above a change.
    #[default]
    Walk,
    /// A session record said that nothing moved.
    SessionRecord,
}

/// The report of one build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// The external inputs that are not files of this machine, or are known by less than their content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<ExternalReport>,
    /// What was asked of servers.
    #[serde(default, skip_serializing_if = "Moved::is_nothing")]
    pub traffic: Moved,
    /// Nondeterminism, adopted results, and other things to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
