//! Which results are disowned. A tombstone is judged when a result is read, so what is uploaded late, comes in a
//! pack, or lies in another machine's cache is judged too.
//!
//! The log has entries of two formats. Format 1 names one address, and is what a session writes by itself. Format 2 is
//! what people decide: a predicate over results, or a list of addresses, or the undoing of an earlier entry; each with
//! a reason, an author and a time. What is none of these stops every build: a result that cannot be judged must not be
//! called live. Undoing such an entry is the way out.
//!
//! **An entry disowns only results that were made without knowing it**: each result says the number of the last
//! tombstone that its session had read. So the run that follows an invalidation is live although everything that the
//! predicate says is true of it, and no clock has to be right.

mod predicate;

pub use predicate::{Facts, Pattern, Predicate};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use wrun_core::digest::ActionKey;
use wrun_core::result::Address;
use wrun_store::{Bytes, Committed, Record, Store, StoreError, Write};

/// The format number of tombstones that name one address.
pub const FORMAT: u32 = 1;
/// The format number of what people decided.
pub const DECISION_FORMAT: u32 = 2;

/// Why a result is disowned.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its bytes are gone.
    Lost,
    /// The user forced a run that made other bytes.
    Forced,
    /// Somebody decided so.
    Invalidated,
}

/// An entry that names one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tombstone {
    /// [`FORMAT`].
    pub format: u32,
    /// What is disowned.
    pub address: Address,
    /// Why.
    pub why: Why,
    /// Milliseconds since 1970.
    pub time: i64,
}

/// An entry that people decided on. Exactly one of `disown`, `results` and `undo` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Decision {
    /// [`DECISION_FORMAT`].
    pub format: u32,
    /// Every result of which this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disown: Option<Predicate>,
    /// These results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<Address>,
    /// The entry of this number is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<u64>,
    /// Why, in somebody's words.
    pub reason: String,
    /// Whose.
    pub author: String,
    /// Milliseconds since 1970.
    pub time: i64,
}

impl Decision {
    /// Returns one that decides nothing yet.
    pub fn new(reason: &str, author: &str, time: i64) -> Self {
        Self {
            format: DECISION_FORMAT,
            disown: None,
            results: Vec::new(),
            undo: None,
            reason: reason.to_owned(),
            author: author.to_owned(),
            time,
        }
    }

    /// Returns the bytes of the entry.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Tells whether it can be judged, at this number.
    fn is_sound(&self, number: u64) -> bool {
        let parts = [self.disown.is_some(), !self.results.is_empty(), self.undo.is_some()];
        self.format == DECISION_FORMAT
            && parts.into_iter().filter(|part| *part).count() == 1
            && self.disown.as_ref().is_none_or(Predicate::is_sound)
            && self.undo.is_none_or(|undone| undone > 0 && undone < number)
    }
}

/// One entry as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One address.
    One(Tombstone),
    /// What people decided.
    Decided(Box<Decision>),
    /// Nothing that this version can judge.
    Unknown,
}

impl Entry {
    /// Reads the entry of a number.
    pub fn read(number: u64, body: &[u8]) -> Self {
        if let Some(one) = serde_json::from_slice::<Tombstone>(body).ok().filter(|one| one.format == FORMAT) {
            return Self::One(one);
        }
        let decided = serde_json::from_slice::<Decision>(body).ok();
        let sound = decided.filter(|decided| decided.is_sound(number));
        sound.map_or(Self::Unknown, |decided| Self::Decided(Box::new(decided)))
    }

    fn undoes(&self) -> Option<u64> {
        match self {
            Self::Decided(decided) => decided.undo,
            Self::One(_) | Self::Unknown => None,
        }
    }
}

/// What a result is disowned by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disowned {
    /// The number of the entry.
    pub number: u64,
    /// Why.
    pub why: Why,
    /// The reason that somebody gave.
    pub reason: Option<String>,
}

/// All tombstones that a session has read.
#[derive(Debug, Default)]
pub struct Tombstones {
    last: u64,
    entries: Vec<(u64, Entry)>,
    undone: FxHashSet<u64>,
    /// What is named by its address: generation, and the place of the entry.
    named: FxHashMap<ActionKey, Vec<(u32, usize)>>,
    /// The places of entries with a predicate.
    predicates: Vec<usize>,
}

/// The part of a record that says what its session knew.
#[derive(Deserialize)]
struct Knew {
    provenance: KnewProvenance,
}

#[derive(Deserialize)]
struct KnewProvenance {
    #[serde(default)]
    tombstone: u64,
}

impl Tombstones {
    /// Reads the log's new tail. An entry that cannot be judged and was not undone is an error.
    pub async fn refresh(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        self.refresh_unjudged(store).await?;
        match self.unknown() {
            Some(number) => Err(StoreError::UnknownTombstone { store: store.describe(), number }),
            None => Ok(()),
        }
    }

    /// The same, whatever the entries are: for whoever lists or undoes them, and judges nothing by them.
    pub async fn refresh_unjudged(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut undo = false;
        let first = self.entries.len();
        for (number, body) in store.tombstones(self.last).await? {
            self.last = number;
            let entry = Entry::read(number, &body);
            undo |= entry.undoes().is_some();
            self.entries.push((number, entry));
        }
        if undo {
            self.undone = undone(&self.entries);
            self.named.clear();
            self.predicates.clear();
            (0..self.entries.len()).for_each(|at| self.index(at));
        } else {
            (first..self.entries.len()).for_each(|at| self.index(at));
        }
        Ok(())
    }

    fn index(&mut self, at: usize) {
        let (number, entry) = &self.entries[at];
        if self.undone.contains(number) {
            return;
        }
        match entry {
            Entry::One(one) => {
                self.named.entry(one.address.key).or_default().push((one.address.generation, at));
            }
            Entry::Decided(decided) => {
                for address in &decided.results {
                    self.named.entry(address.key).or_default().push((address.generation, at));
                }
                if decided.disown.is_some() {
                    self.predicates.push(at);
                }
            }
            Entry::Unknown => {}
        }
    }

    /// Returns the first entry that cannot be judged.
    fn unknown(&self) -> Option<u64> {
        let unknown = |(number, entry): &&(u64, Entry)| *entry == Entry::Unknown && !self.undone.contains(number);
        self.entries.iter().find(unknown).map(|(number, _)| *number)
    }

    /// Returns the number of the last entry that was read; 0 if there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns every entry with its number, and whether it was undone.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &Entry, bool)> {
        self.entries.iter().map(|(number, entry)| (*number, entry, self.undone.contains(number)))
    }

    /// Tells whether a result is disowned. The live one of a key is the lowest generation that is not.
    pub fn disowns(&self, key: ActionKey, record: &Record) -> bool {
        self.judge(key, record).is_some()
    }

    /// Says by what a result is disowned, if it is.
    pub fn judge(&self, key: ActionKey, record: &Record) -> Option<Disowned> {
        if let Some(named) = self.named.get(&key)
            && named.iter().any(|(generation, _)| *generation == record.generation)
        {
            let knew = serde_json::from_slice::<Knew>(&record.body).map_or(0, |knew| knew.provenance.tombstone);
            let by = named
                .iter()
                .find(|(generation, at)| *generation == record.generation && knew < self.entries[*at].0);
            if let Some((_, at)) = by {
                return Some(self.by(*at));
            }
        }
        let first = *self.predicates.first()?;
        // What cannot be judged must not be called live.
        let Ok(facts) = serde_json::from_slice::<Facts>(&record.body) else { return Some(self.by(first)) };
        let by = self.predicates.iter().find(|at| match &self.entries[**at] {
            (number, Entry::Decided(decided)) => {
                facts.provenance.tombstone < *number
                    && decided.disown.as_ref().is_some_and(|predicate| predicate.fits(key, &facts))
            }
            _ => false,
        });
        by.map(|at| self.by(*at))
    }

    fn by(&self, at: usize) -> Disowned {
        let (number, entry) = &self.entries[at];
        let (why, reason) = match entry {
            Entry::One(one) => (one.why, None),
            Entry::Decided(decided) => (Why::Invalidated, Some(decided.reason.clone())),
            Entry::Unknown => (Why::Invalidated, None),
        };
        Disowned { number: *number, why, reason: reason.filter(|reason| !reason.is_empty()) }
    }

    /// Returns the live result among the generations of a key.
    pub fn live<'a>(&self, key: ActionKey, records: &'a [Record]) -> Option<&'a Record> {
        records.iter().find(|record| !self.disowns(key, record))
    }
}

/// Returns the numbers of entries that were undone. An undo can be undone too, so the last word comes first.
fn undone(entries: &[(u64, Entry)]) -> FxHashSet<u64> {
    let mut undone = FxHashSet::default();
    for (number, entry) in entries.iter().rev() {
        if !undone.contains(number) {
            undone.extend(entry.undoes());
        }
    }
    undone
}

/// Appends an entry, and returns its number. Whoever loses the race for a number takes the next.
pub async fn append(store: &dyn Store, body: Bytes) -> Result<u64, StoreError> {
    let mut tombstones = Tombstones::default();
    loop {
        tombstones.refresh_unjudged(store).await?;
        let number = tombstones.last + 1;
        let outcome = store.commit(vec![Write::Tombstone(number, body.clone())]).await?;
        if outcome.first() == Some(&Committed::Written) {
            return Ok(number);
        }
    }
}

/// Disowns one result.
pub(crate) async fn disown(store: &dyn Store, address: Address, why: Why, time: i64) -> Result<(), StoreError> {
    let tombstone = Tombstone { format: FORMAT, address, why, time };
    append(store, serde_json::to_vec(&tombstone).unwrap_or_default().into()).await.map(drop)
}

#[cfg(test)]
mod tests;
