//! One writer that makes results durable in batches. While one batch is being written the next one grows; and
//! as long as the session has other work, a batch is left to grow for a while, for each costs a sync of the disk.

use crate::engine::Message;
use crate::graph::NodeId;
use crate::tombstones::{Why, disown};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
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
}

/// What became of an item.
pub(crate) struct Settled {
    pub(crate) node: Option<NodeId>,
    /// The winner's record, where another was first.
    pub(crate) lost: Option<(Address, Bytes)>,
}

/// What the writer is told.
enum Order {
    Write(Item),
    /// Nothing moves until what was given has been written.
    Now,
}

/// Takes items.
pub(crate) struct Committer(mpsc::UnboundedSender<Order>);

impl Committer {
    pub(crate) fn start(
        store: Arc<dyn Store>,
        answers: mpsc::UnboundedSender<Message>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        runtime.spawn(async move {
            while let Some(first) = receiver.recv().await {
                let Order::Write(first) = first else { continue };
                let items = batch(first, &mut receiver).await;
                let settled = write(&*store, items).await;
                let failed = settled.is_err();
                if answers.send(Message::Committed(settled)).is_err() || failed {
                    return;
                }
            }
        });
        Self(sender)
    }

    pub(crate) fn send(&self, item: Item) {
        // The writer ends only after it has reported an error, which ends the session too.
        _ = self.0.send(Order::Write(item));
    }

    /// Says that nothing else moves, so that what was sent is written at once.
    pub(crate) fn now(&self) {
        _ = self.0.send(Order::Now);
    }
}

/// Collects what belongs into one batch.
async fn batch(first: Item, receiver: &mut mpsc::UnboundedReceiver<Order>) -> Vec<Item> {
    let mut size = first.writes.len();
    let mut items = vec![first];
    let end = tokio::time::Instant::now() + GROWS;
    while size < BATCH {
        match tokio::time::timeout_at(end, receiver.recv()).await {
            Ok(Some(Order::Write(item))) => {
                size += item.writes.len();
                items.push(item);
            }
            Ok(Some(Order::Now) | None) | Err(_) => break,
        }
    }
    items
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
        owners.push((item.node, address, item.held));
    }
    let outcomes = store.commit(batch).await?;
    let settle = |(node, address, held): (_, Option<(usize, Address)>, Option<Held>)| {
        drop(held);
        let lost = address.and_then(|(at, address)| match outcomes.get(at) {
            Some(Committed::Lost(winner)) => Some((address, winner.clone())),
            _ => None,
        });
        Settled { node, lost }
    };
    Ok(owners.into_iter().map(settle).collect())
}
