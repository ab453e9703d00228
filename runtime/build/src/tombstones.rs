//! Which results are disowned. A tombstone is judged when a result is read.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use wrun_core::digest::ActionKey;
use wrun_core::result::Address;
use wrun_store::{Bytes, Record, Store, StoreError};

/// The format number of tombstones.
pub const FORMAT: u32 = 1;

/// Why a result is disowned.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its bytes are gone.
    Lost,
    /// The user forced a run that made other bytes.
    Forced,
}

/// One entry of the log.
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

/// All tombstones that a session has read.
#[derive(Debug, Default)]
pub struct Tombstones {
    last: u64,
    disowned: FxHashMap<ActionKey, Vec<(u32, Why)>>,
}

impl Tombstones {
    /// Reads the log's new tail.
    pub async fn refresh(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for (number, body) in store.tombstones(self.last).await? {
            self.last = number;
            // What a later version wrote and this one cannot judge is left to that version.
            if let Ok(tombstone) = serde_json::from_slice::<Tombstone>(&body) {
                let address = tombstone.address;
                self.disowned.entry(address.key).or_default().push((address.generation, tombstone.why));
            }
        }
        Ok(())
    }

    /// Returns the number of the last entry that was read; 0 if there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Returns the live result among the generations of a key: the lowest that nothing disowns.
    pub fn live<'a>(&self, key: ActionKey, records: &'a [Record]) -> Option<&'a Record> {
        let Some(disowned) = self.disowned.get(&key) else { return records.first() };
        records.iter().find(|record| !disowned.iter().any(|(generation, _)| *generation == record.generation))
    }

    /// Returns why the last generation of a key is disowned, if it is.
    pub fn why(&self, key: ActionKey) -> Option<Why> {
        self.disowned.get(&key)?.iter().max_by_key(|(generation, _)| *generation).map(|(_, why)| *why)
    }

    /// Returns the bytes of the next entry and its number.
    pub fn next(&self, address: Address, why: Why, time: i64) -> (u64, Bytes) {
        let tombstone = Tombstone { format: FORMAT, address, why, time };
        (self.last + 1, serde_json::to_vec(&tombstone).unwrap_or_default().into())
    }
}
