//! One writer that makes results durable in batches. While one batch is being written the next one grows; and
//! as long as the session has other work, a batch is left to grow for a while, for each costs a sync of the disk.

use crate::engine::Message;
use crate::graph::NodeId;
use crate::tombstones::{Why, disown};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use wrun_core::result::Address;
use wrun_store::lock::Held;
use wrun_store::{Bytes, Committed, Store, StoreError, Write};

/// So many writes make a batch, at most, unless one item alone has more.
const BATCH: usize = 4096;

/// So long a batch grows, at most, while the session has other work. A crash loses no more than what was made in
/// that time, and it would be made again.
const GROWS: Duration = Duration::from_millis(25);

/// What belongs to one node, to be written together.
pub(crate) struct Item {
    /// Whose result it is; none for Plans and the like.
    pub(crate) node: Option<NodeId>,
    pub(crate) writes: Vec<Write>,
    /// A result to disown first.
    pub(crate) disown: Option<(Address, Why, i64)>,
    /// The lock, held until the result is committed.
    pub(crate) held: Option<Held>,
    /// What the run left, which goes once the result is committed.
    pub(crate) left: Option<Arc<dyn Send + Sync>>,
}

/// What became of an item.
pub(crate) struct Settled {
    pub(crate) node: Option<NodeId>,
    /// The winner's record, where another was first.
    pub(crate) lost: Option<(Address, Bytes)>,
}

/// What waits to be written.
#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// How many writes they have.
    size: usize,
    /// Nothing else moves until they are written.
    now: bool,
    closed: bool,
}

impl Waiting {
    fn is_due(&self) -> bool {
        self.now || self.closed || self.size >= BATCH
    }
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Wakes the writer; not for each item, for most come while a batch grows.
    wake: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If nothing waits, tells whether anything ever will not.
    fn is_empty(&self) -> Option<bool> {
        let waiting = self.lock();
        waiting.items.is_empty().then_some(waiting.closed)
    }

    /// Returns the next batch, once it has grown; none once there is nobody who would send more.
    async fn next(&self) -> Option<Vec<Item>> {
        while let Some(closed) = self.is_empty() {
            if closed {
                return None;
            }
            self.wake.notified().await;
        }
        let end = tokio::time::Instant::now() + GROWS;
        while !self.lock().is_due() && tokio::time::timeout_at(end, self.wake.notified()).await.is_ok() {}
        let mut waiting = self.lock();
        let (mut batch, mut size) = (Vec::new(), 0);
        while size < BATCH
            && let Some(item) = waiting.items.pop_front()
        {
            size += item.writes.len();
            batch.push(item);
        }
        waiting.size -= size;
        waiting.now &= !waiting.items.is_empty();
        Some(batch)
    }
}

/// Takes items.
pub(crate) struct Committer(Arc<Queue>);

impl Committer {
    pub(crate) fn start(
        store: Arc<dyn Store>,
        answers: mpsc::UnboundedSender<Message>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let queue = Arc::<Queue>::default();
        let from = queue.clone();
        runtime.spawn(async move {
            while let Some(items) = from.next().await {
                let settled = write(&*store, items).await;
                let failed = settled.is_err();
                if answers.send(Message::Committed(settled)).is_err() || failed {
                    return;
                }
            }
        });
        Self(queue)
    }

    /// Hands an item over. The writer ends only after it has reported an error, which ends the session too.
    pub(crate) fn send(&self, item: Item) {
        let mut waiting = self.0.lock();
        let was_due = waiting.is_due();
        waiting.size += item.writes.len();
        waiting.items.push_back(item);
        let wakes = waiting.items.len() == 1 || (waiting.is_due() && !was_due);
        drop(waiting);
        if wakes {
            self.0.wake.notify_one();
        }
    }

    /// Says that nothing else moves, so that what was sent is written at once.
    pub(crate) fn now(&self) {
        let mut waiting = self.0.lock();
        waiting.now = !waiting.items.is_empty();
        let wakes = waiting.now;
        drop(waiting);
        if wakes {
            self.0.wake.notify_one();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_one();
    }
}

async fn write(store: &dyn Store, items: Vec<Item>) -> Result<Vec<Settled>, StoreError> {
    let mut batch = Vec::new();
    let mut owners = Vec::with_capacity(items.len());
    for item in items {
        if let Some((address, why, now)) = item.disown {
            disown(store, address, why, now).await?;
        }
        let address = item.writes.iter().enumerate().find_map(|(i, write)| match write {
            Write::Result { address, .. } => Some((batch.len() + i, *address)),
            _ => None,
        });
        batch.extend(item.writes);
        owners.push((item.node, address, (item.left, item.held)));
    }
    let outcomes = store.commit(batch).await?;
    // Whoever gets the lock next finds the result, so that what is left may go before or after.
    type Kept = (Option<Arc<dyn Send + Sync>>, Option<Held>);
    let settle = |(node, address, kept): (_, Option<(usize, Address)>, Kept)| {
        drop(kept);
        let lost = address.and_then(|(at, address)| match outcomes.get(at) {
            Some(Committed::Lost(winner)) => Some((address, winner.clone())),
            _ => None,
        });
        Settled { node, lost }
    };
    Ok(owners.into_iter().map(settle).collect())
}
