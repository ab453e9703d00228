//! Results that are owed to the truth: their blobs, then their trees, then the record, then the hint.
//!
//! One task takes addresses from a channel and sends several at once. It reads all it needs from the cache, so what
//! an earlier process left is sent like what this one makes.

use super::care::Doubts;
use super::{down, names};
use crate::api::{BlobKind, Bytes, Store, Write};
use crate::error::StoreError;
use crate::objects::{Objects, Put};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use wrun_core::digest::Digest;
use wrun_core::result::{ActionResult, Address, Log};
use wrun_core::tree::{EntryKind, Tree};

/// So many results are on their way at once.
const AT_ONCE: usize = 128;
/// So many blobs of one result are.
const BLOBS: usize = 64;
/// So many are said to be settled together: it costs a sync of the disk.
const TOGETHER: usize = 256;

enum Order {
    Send(Address),
    Settle(oneshot::Sender<Result<Vec<(Address, Bytes)>, StoreError>>),
}

/// Sends what is owed.
pub(super) struct Uploads {
    orders: mpsc::UnboundedSender<Order>,
    /// Taken by the first order: whoever only reads starts no task.
    start: Mutex<Option<Sender>>,
}

impl Uploads {
    pub(super) fn new(cache: Arc<dyn Store>, truth: Arc<dyn Objects>, doubts: Arc<Doubts>) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { cache, truth, doubts, sent: Mutex::default(), flights: Mutex::default() });
        let sender = Sender { receiver, shared, on_their_way: JoinSet::new(), ordered: HashSet::new() };
        Self { orders, start: Mutex::new(Some(sender)) }
    }

    fn order(&self, order: Order) {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = start {
            tokio::spawn(sender.run());
        }
        // It ends only with the store.
        _ = self.orders.send(order);
    }

    /// Sends results behind whatever goes on.
    pub(super) fn send(&self, addresses: impl Iterator<Item = Address>) {
        addresses.for_each(|address| self.order(Order::Send(address)));
    }

    /// Waits until all is sent; returns the results that lost a race, each with the record that won.
    pub(super) async fn settle(&self) -> Result<Vec<(Address, Bytes)>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Settle(reply));
        answer.await.unwrap_or_else(|_| Ok(Vec::new()))
    }
}

struct Sender {
    receiver: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
    on_their_way: JoinSet<(Address, Result<Option<Bytes>, StoreError>)>,
    /// Those that are on their way or were sent: what is owed is listed again by whoever settles.
    ordered: HashSet<Address>,
}

#[derive(Default)]
struct Done {
    settled: Vec<Address>,
    lost: Vec<(Address, Bytes)>,
    error: Option<StoreError>,
}

impl Sender {
    async fn run(mut self) {
        let mut done = Done::default();
        while let Some(order) = self.receiver.recv().await {
            match order {
                Order::Send(address) => {
                    if !self.ordered.insert(address) {
                        continue;
                    }
                    while self.on_their_way.len() >= AT_ONCE {
                        self.one(&mut done).await;
                    }
                    let shared = self.shared.clone();
                    self.on_their_way.spawn(async move { (address, shared.send(address).await) });
                }
                Order::Settle(reply) => {
                    while !self.on_their_way.is_empty() {
                        self.one(&mut done).await;
                    }
                    self.note(&mut done).await;
                    let lost = std::mem::take(&mut done.lost);
                    let answer = match done.error.take() {
                        Some(error) => Err(error),
                        None => Ok(lost),
                    };
                    // Whoever asked may have been interrupted.
                    _ = reply.send(answer);
                }
            }
        }
    }

    /// Waits for one result to have been sent.
    async fn one(&mut self, done: &mut Done) {
        let Some(Ok((address, sent))) = self.on_their_way.join_next().await else { return };
        match sent {
            Ok(None) => done.settled.push(address),
            Ok(Some(winner)) => done.lost.push((address, winner)),
            // It stays owed; the first error is as good as any.
            Err(error) => {
                self.ordered.remove(&address);
                done.error.get_or_insert(error);
            }
        }
        if done.settled.len() >= TOGETHER {
            self.note(done).await;
        }
    }

    /// Notes in the cache what is durable in the truth, and adopts what won.
    async fn note(&self, done: &mut Done) {
        let mut writes: Vec<Write> = done.settled.drain(..).map(Write::Settled).collect();
        for (address, winner) in &done.lost {
            writes.push(Write::Adopted { address: *address, body: winner.clone() });
            writes.push(Write::Settled(*address));
        }
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.shared.cache.commit(writes).await {
            done.error.get_or_insert(error);
        }
    }
}

struct Shared {
    cache: Arc<dyn Store>,
    truth: Arc<dyn Objects>,
    /// Blobs that are in the truth for sure.
    sent: Mutex<HashSet<Digest>>,
    /// Those that have to be written even if they are there.
    doubts: Arc<Doubts>,
    /// Blobs that are on their way: many results share the component that made them, and wait for one upload of it.
    flights: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Shared {
    /// Sends one result; returns the record that was there first, if another was.
    async fn send(&self, address: Address) -> Result<Option<Bytes>, StoreError> {
        let Some(record) = self.cache.result(address).await? else { return Ok(None) };
        // What cannot be read is a result of another version, which sends its own.
        let Ok(result) = serde_json::from_slice::<ActionResult>(&record.body) else { return Ok(None) };
        let mut closure = Closure::default();
        self.walk(&result, &mut closure)?;
        if let Some(code) = closure.code {
            // Every machine that builds with it has the same, so it is mostly there.
            self.send_blob(BlobKind::Blob, code, true).await?;
        }
        self.send_all(BlobKind::Blob, &closure.files).await?;
        self.send_all(BlobKind::Tree, &closure.trees).await?;
        if let Put::Exists(winner) = self.truth.put_new(&names::result(address), record.body).await? {
            return Ok(Some(winner));
        }
        if !result.steps.is_empty()
            && let Ok(steps) = serde_json::to_vec(&result.steps)
        {
            self.truth.put(&names::hint(result.action.key()), steps.into()).await?;
        }
        Ok(None)
    }

    async fn send_all(&self, kind: BlobKind, digests: &[Digest]) -> Result<(), StoreError> {
        let sent = futures_util::stream::iter(digests.to_vec()).map(|digest| self.send_blob(kind, digest, false));
        sent.buffer_unordered(BLOBS).try_collect().await
    }

    /// Sends a blob, once; with `ask` only if it is not there.
    async fn send_blob(&self, kind: BlobKind, digest: Digest, ask: bool) -> Result<(), StoreError> {
        let flight =
            self.flights.lock().unwrap_or_else(PoisonError::into_inner).entry(digest).or_default().clone();
        let _landed = flight.lock().await;
        if self.sent().contains(&digest) {
            return Ok(());
        }
        let sent = self.send_one(kind, digest, ask).await;
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        sent
    }

    async fn send_one(&self, kind: BlobKind, digest: Digest, ask: bool) -> Result<(), StoreError> {
        let name = names::blob(digest);
        let doubted = self.doubts.of(digest);
        if doubted {
            // What is condemned may be there still, and not here.
            down::bring(&self.cache, (&self.truth, &self.doubts), &[(kind, digest)]).await?;
        }
        match down::read(&self.cache, kind, digest)? {
            Some(blob) if ask && !doubted && self.truth.size(&name).await? == Some(blob.len()) => {}
            Some(blob) => {
                self.truth.upload(&name, &blob, doubted).await?;
                self.doubts.settle(digest);
            }
            // What is not here came from there; if it is in neither, no record may name it.
            None if self.truth.size(&name).await?.is_some() => {}
            None => return Err(StoreError::Corrupt { digest, path: self.cache.describe().into() }),
        }
        self.sent().insert(digest);
        Ok(())
    }

    fn sent(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Collects what a result needs besides its record, as far as it is not known to be in the truth.
    fn walk(&self, result: &ActionResult, closure: &mut Closure) -> Result<(), StoreError> {
        if let Log::Blob(digest) = result.log {
            closure.file(digest, &self.sent());
        }
        if result.inline.is_none() {
            self.walk_tree(result.tree.0, closure)?;
        }
        // The code, and what lay outside the store: so that the result can be made again from the store alone.
        let component = result.provenance.component.0;
        let sent = self.sent().contains(&component);
        if !sent && down::read(&self.cache, BlobKind::Blob, component)?.is_some() {
            closure.code = Some(component);
        }
        for input in &result.action.inputs {
            let external = result.provenance.externals.contains_key(&input.name).then_some(input.tree);
            for tree in external.into_iter().chain(result.provenance.contents.get(&input.name).copied()) {
                if down::read(&self.cache, BlobKind::Tree, tree.0)?.is_some() {
                    self.walk_tree(tree.0, closure)?;
                }
            }
        }
        Ok(())
    }

    fn walk_tree(&self, root: Digest, closure: &mut Closure) -> Result<(), StoreError> {
        let mut open = vec![root];
        while let Some(digest) = open.pop() {
            if !closure.tree(digest, &self.sent()) {
                continue;
            }
            let bytes = down::read(&self.cache, BlobKind::Tree, digest)?.and_then(|blob| blob.to_vec().ok());
            let Some(tree) = bytes.and_then(|bytes| Tree::decode(&bytes).ok()) else { continue };
            for entry in tree.entries() {
                match entry.kind {
                    EntryKind::Directory => open.push(entry.digest),
                    EntryKind::File { .. } => closure.file(entry.digest, &self.sent()),
                }
            }
        }
        Ok(())
    }
}

/// What has to be sent before a record.
#[derive(Default)]
struct Closure {
    /// The component, where it is not known to be there.
    code: Option<Digest>,
    files: Vec<Digest>,
    trees: Vec<Digest>,
    seen: HashSet<Digest>,
}

impl Closure {
    fn file(&mut self, digest: Digest, sent: &HashSet<Digest>) {
        if !sent.contains(&digest) && self.seen.insert(digest) {
            self.files.push(digest);
        }
    }

    /// Tells whether the tree is new here.
    fn tree(&mut self, digest: Digest, sent: &HashSet<Digest>) -> bool {
        let new = !sent.contains(&digest) && self.seen.insert(digest);
        if new {
            self.trees.push(digest);
        }
        new
    }
}
