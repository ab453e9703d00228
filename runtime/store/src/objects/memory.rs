//! Objects in memory, for tests; clones share them. Faults come when they are ordered.

use super::limit::{Kind, Limit};
use super::{DownloadError, Fault, Listed, ObjectError, Objects, Put, State, Traffic};
use crate::api::{Blob, Bytes, Staged, Store};
use crate::external::{Landed, Origin, ReadError, Seen, land};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wrun_core::digest::Digest;

/// Objects in memory. A clone is another machine's view of the same bucket: it counts its own requests.
pub struct MemoryObjects {
    shared: Arc<Mutex<Shared>>,
    limit: Limit,
}

#[derive(Default)]
struct Shared {
    objects: BTreeMap<String, (Bytes, i64)>,
    now: i64,
    /// What was noted of objects that were swapped in, and by which swap.
    notes: BTreeMap<String, (Bytes, Option<String>)>,
    orders: VecDeque<(String, Trouble)>,
    /// Every request on names that begin so is refused.
    denied: Vec<String>,
}

/// A fault that is ordered for one request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It fails before anything is done.
    Before(Fault),
    /// It is done, and the reply is lost.
    LostReply,
    /// A read comes back with a bit flipped.
    WrongBytes,
}

impl Default for MemoryObjects {
    fn default() -> Self {
        Self { shared: Arc::default(), limit: Limit::new(Duration::ZERO, 1) }
    }
}

impl Clone for MemoryObjects {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), limit: Limit::new(Duration::ZERO, 1) }
    }
}

impl MemoryObjects {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders trouble for the next request on a name that begins so.
    pub fn order(&self, prefix: &str, trouble: Trouble) {
        self.shared().orders.push_back((prefix.to_owned(), trouble));
    }

    /// Forgets orders that no request has met.
    pub fn obey(&self) {
        self.shared().orders.clear();
    }

    /// Refuses everything on names that begin so, from now on.
    pub fn deny(&self, prefix: &str) {
        self.shared().denied.push(prefix.to_owned());
    }

    /// Returns the names of all objects.
    pub fn names(&self) -> Vec<String> {
        self.shared().objects.keys().cloned().collect()
    }

    /// Writes past all rules: what someone else with rights may do.
    pub fn plant(&self, name: &str, body: &[u8]) {
        let now = self.shared().now;
        self.shared().objects.insert(name.to_owned(), (body.into(), now));
    }

    /// Removes past all rules.
    pub fn vanish(&self, name: &str) {
        self.shared().objects.remove(name);
    }

    /// Moves the server's clock: milliseconds.
    pub fn pass(&self, milliseconds: i64) {
        self.shared().now += milliseconds;
    }

    fn error(&self, doing: &'static str, name: &str, fault: Fault) -> ObjectError {
        ObjectError {
            doing,
            uri: format!("{}/{name}", self.describe()),
            fault,
            why: format!("{fault:?}, as ordered"),
        }
    }

    /// Does one request, with the trouble that was ordered for it.
    async fn request<T>(
        &self,
        (kind, doing, name): (Kind, &'static str, &str),
        work: impl Fn(&mut Shared, bool) -> T,
    ) -> Result<T, ObjectError> {
        let attempt = || async {
            let mut shared = self.shared();
            if shared.denied.iter().any(|prefix| name.starts_with(prefix)) {
                drop(shared);
                return Err(self.error(doing, name, Fault::Denied));
            }
            let at = shared.orders.iter().position(|(prefix, _)| name.starts_with(prefix));
            let trouble = at.and_then(|at| shared.orders.remove(at)).map(|(_, trouble)| trouble);
            if let Some(Trouble::Before(fault)) = trouble {
                drop(shared);
                return Err(self.error(doing, name, fault));
            }
            let done = work(&mut shared, trouble == Some(Trouble::WrongBytes));
            drop(shared);
            match trouble {
                Some(Trouble::LostReply) => Err(self.error(doing, name, Fault::TimedOut)),
                _ => Ok(done),
            }
        };
        self.limit.request(kind, attempt).await
    }
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    match bytes.first_mut() {
        Some(first) => *first ^= 1,
        None => bytes.push(0),
    }
    bytes.into()
}

/// As an origin of externals: the ETag stands for the bytes, and every object has one version, this one.
#[async_trait]
impl Origin for MemoryObjects {
    fn place(&self) -> String {
        "memory".into()
    }

    async fn look(&self, key: &str) -> Result<Option<Seen>, ObjectError> {
        let look = |shared: &mut Shared, _| shared.objects.get(key).map(|(bytes, at)| seen(key, bytes, *at, true));
        self.request((Kind::Head, "look at", key), look).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Seen>, ObjectError> {
        let look = |shared: &mut Shared, _| {
            let here = shared.objects.iter().filter(|(name, _)| name.starts_with(prefix));
            here.map(|(name, (bytes, at))| seen(name, bytes, *at, false)).collect()
        };
        self.request((Kind::List, "list", prefix), look).await
    }

    async fn read(&self, due: &Seen, store: &Arc<dyn Store>) -> Result<Landed, ReadError> {
        let look = |shared: &mut Shared, _| shared.objects.get(&due.key).cloned();
        let found = self.request((Kind::Get, "read", &due.key), look).await?;
        let Some((bytes, at)) = found else { return Err(ReadError::Vanished) };
        let seen = seen(&due.key, &bytes, at, true);
        if due.etag.is_some() && due.etag != seen.etag {
            return Err(ReadError::Changed);
        }
        self.limit.down(bytes.len() as u64);
        Ok(Landed { seen, digest: land(store, &bytes)?, size: bytes.len() as u64 })
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}

fn seen(key: &str, bytes: &Bytes, at: i64, version: bool) -> Seen {
    Seen {
        key: key.to_owned(),
        size: Some(bytes.len() as u64),
        etag: Some(format!("\"{}\"", Digest::of_blob(bytes).short())),
        version: version.then(|| format!("v{at}")),
        modified: Some(at.to_string()),
        sure: true,
    }
}

fn tag(bytes: &Bytes) -> String {
    wrun_core::digest::Digest::of_blob(bytes).to_hex()
}

#[async_trait]
impl Objects for MemoryObjects {
    fn describe(&self) -> String {
        "memory://bucket".into()
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectError> {
        let read = |shared: &mut Shared, wrong| {
            let found = shared.objects.get(name).map(|(bytes, _)| bytes.clone());
            found.map(|bytes| if wrong { flipped(&bytes) } else { bytes })
        };
        let found = self.request((Kind::Get, "read", name), read).await?;
        self.limit.down(found.as_ref().map_or(0, |bytes| bytes.len() as u64));
        Ok(found)
    }

    async fn put_new(&self, name: &str, body: Bytes) -> Result<Put, ObjectError> {
        let write = |shared: &mut Shared, _| match shared.objects.get(name) {
            Some((there, _)) if *there == body => Put::Created,
            Some((there, _)) => Put::Exists(there.clone()),
            None => {
                shared.objects.insert(name.to_owned(), (body.clone(), shared.now));
                Put::Created
            }
        };
        let put = self.request((Kind::Put, "write", name), write).await?;
        self.limit.up(body.len() as u64);
        Ok(put)
    }

    async fn heeds_conditions(&self, _: &str, _: Bytes) -> Result<bool, ObjectError> {
        Ok(true)
    }

    async fn put(&self, name: &str, body: Bytes) -> Result<(), ObjectError> {
        let write = |shared: &mut Shared, _| {
            shared.objects.insert(name.to_owned(), (body.clone(), shared.now));
        };
        self.limit.up(body.len() as u64);
        self.request((Kind::Put, "write", name), write).await
    }

    async fn upload(&self, name: &str, body: &Blob, replace: bool) -> Result<(), ObjectError> {
        let bytes: Bytes = body.to_vec().map_err(|_| self.error("write", name, Fault::Local))?.into();
        match replace {
            true => self.put(name, bytes).await,
            false => self.put_new(name, bytes).await.map(|_| ()),
        }
    }

    async fn download(&self, name: &str, to: &mut dyn Staged) -> Result<bool, DownloadError> {
        match self.get(name).await? {
            Some(bytes) => {
                to.write(&bytes)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn size(&self, name: &str) -> Result<Option<u64>, ObjectError> {
        let look = |shared: &mut Shared, _| shared.objects.get(name).map(|(bytes, _)| bytes.len() as u64);
        self.request((Kind::Head, "look for", name), look).await
    }

    async fn look(&self, name: &str) -> Result<Option<State>, ObjectError> {
        let look = |shared: &mut Shared, _| {
            let (bytes, _) = shared.objects.get(name)?;
            // A note is of the object that it came with.
            let note = shared.notes.get(name).filter(|(of, _)| of == bytes).and_then(|(_, note)| note.clone());
            Some(State { size: bytes.len() as u64, tag: tag(bytes), note })
        };
        self.request((Kind::Head, "look for", name), look).await
    }

    async fn swap(
        &self,
        name: &str,
        body: &Blob,
        over: Option<&str>,
        note: Option<&str>,
    ) -> Result<bool, ObjectError> {
        let bytes: Bytes = body.to_vec().map_err(|_| self.error("write", name, Fault::Local))?.into();
        let write = |shared: &mut Shared, _| {
            let there = shared.objects.get(name).map(|(bytes, _)| bytes.clone());
            let swapped = there.as_ref().map(tag).as_deref() == over;
            if swapped {
                shared.objects.insert(name.to_owned(), (bytes.clone(), shared.now));
                shared.notes.insert(name.to_owned(), (bytes.clone(), note.map(str::to_owned)));
            }
            // By an earlier try, whose reply was lost.
            swapped || there.is_some_and(|there| there == bytes)
        };
        self.limit.up(bytes.len() as u64);
        self.request((Kind::Put, "write", name), write).await
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<Listed>, ObjectError> {
        let look = |shared: &mut Shared, _| {
            let all = shared.objects.iter();
            let here = all.filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
            here.map(|(name, (bytes, written))| Listed {
                name: name.clone(),
                size: bytes.len() as u64,
                written: *written,
            })
            .collect()
        };
        self.request((Kind::List, "list", prefix), look).await
    }

    async fn remove(&self, names: &[String]) -> Result<(), ObjectError> {
        let first = names.first().map(String::as_str).unwrap_or_default();
        let remove = |shared: &mut Shared, _| names.iter().for_each(|name| _ = shared.objects.remove(name));
        self.request((Kind::Delete, "remove", first), remove).await
    }

    fn traffic(&self) -> Traffic {
        self.limit.traffic()
    }
}
