//! What happens during a build, as data. One stream of these feeds bars, lines and JSON.

use crate::digest::{ActionKey, TaskId, TreeDigest};
use crate::reason::Reason;
use crate::report::{HitSource, Moved, State, Totals};
use serde::Serialize;

/// Names a task within one session.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TaskNumber(pub u32);

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// A build began.
    Started {
        /// How many goals.
        goals: usize,
        /// How many tasks may run at once.
        slots: usize,
    },
    /// How many tasks are known, and how many have ended. Sent now and then.
    Counted {
        /// Known so far; grows while planning and while guests need more.
        known: u64,
        /// Ended so far.
        done: u64,
    },
    /// A task began to run.
    Running {
        /// Which.
        number: TaskNumber,
        /// `name param=value …`, without private params.
        task: String,
        /// What names it across builds.
        #[serde(skip)]
        id: TaskId,
        /// Why.
        reason: Vec<Reason>,
        /// How long it took the last time, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        usual_seconds: Option<f64>,
    },
    /// A running task says how far it is.
    Progress {
        /// Which.
        number: TaskNumber,
        /// From 0 to 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        fraction: Option<f64>,
        /// In its own words.
        message: String,
    },
    /// A running task needs others, and gave its slot back.
    Suspended {
        /// Which.
        number: TaskNumber,
        /// How many tasks it asked for.
        needs: usize,
    },
    /// A suspended task has what it needs.
    Resumed {
        /// Which.
        number: TaskNumber,
    },
    /// A failed attempt is repeated.
    Retrying {
        /// Which.
        number: TaskNumber,
        /// The task.
        task: String,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        message: String,
    },
    /// A task ended.
    Ended {
        /// Which.
        number: TaskNumber,
        /// The task.
        task: String,
        /// How.
        state: State,
        /// The key, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<ActionKey>,
        /// The output, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        output: Option<TreeDigest>,
        /// Where a hit came from.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<HitSource>,
        /// Why it failed, is blocked or waits.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Wall time, where it ran, without what it waited in `need`.
        seconds: f64,
    },
    /// Bytes move between this machine and servers. Sent about once a second while they do.
    Transferring {
        /// Bytes sent so far.
        sent: u64,
        /// Bytes received so far.
        received: u64,
        /// Bytes sent a second, at the moment.
        sent_per_second: f64,
        /// Bytes received a second, at the moment.
        received_per_second: f64,
    },
    /// An image is fetched. Sent at each percent.
    Pulling {
        /// Its name.
        image: String,
        /// Bytes that are here.
        received: u64,
        /// Bytes of the layers that are known so far.
        total: u64,
    },
    /// Something to know: nondeterminism, an adopted result, a repair.
    Note {
        /// In words.
        message: String,
    },
    /// The build ended.
    Finished {
        /// Counts.
        totals: Totals,
        /// What was asked of servers.
        #[serde(skip_serializing_if = "Moved::is_nothing")]
        traffic: Box<Moved>,
    },
}

/// Takes events. Cheap and never blocking: a build does not wait for its spectators.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn send(&self, event: Event);

    /// Takes what a running task writes to its log, as it is written.
    fn log(&self, _number: TaskNumber, _bytes: &[u8]) {}

    /// Tells whether anything would look at the ends of cached tasks, of which there may be very many.
    fn wants_hits(&self) -> bool {
        true
    }
}

/// A sink that looks at nothing.
#[derive(Debug, Default)]
pub struct Ignore;

impl Sink for Ignore {
    fn send(&self, _event: Event) {}

    fn wants_hits(&self) -> bool {
        false
    }
}
