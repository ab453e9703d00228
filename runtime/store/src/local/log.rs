//! Keyed records: an append-only log, and an index over it in two levels.
//!
//! Keys are hashes, so an ordinary B-tree over them would be written all over by every batch: ten times
//! the bytes, and ten times the time, of what the records themselves take. So the bodies go to `log`, in
//! order of writing. Where they are is said by (slot, position) pairs of 16 bytes, a slot being 64 bits
//! of the key: those of each commit are one row of `fresh`, which a process that asks often keeps in memory; once
//! there are [`MOST_FRESH`] of them they are moved, in order, into the B-tree `main`. Two keys may share a
//! slot, so each record carries its whole key in its head: kind, key, and the generation of a result.
//!
//! What was written together lies together, so a batch of look-ups reads mostly neighbours.

use super::sqlite::failed;
use crate::error::StoreError;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Statement, params};
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

/// So many entries of the index are kept in memory, at most, plus one batch.
const MOST_FRESH: usize = 64 * 1024;

/// So many look-ups of so few keys read `fresh` where it lies.
const MOST_SCANS: u32 = 4;
const FEW: usize = 8;

/// Records that are so near to each other are read in one go.
const NEAR: i64 = 12;

/// A key of 32 bytes.
pub(crate) type Key = [u8; 32];

/// What a record is. The numbers are stored.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Blob = 1,
    Result = 2,
    Plan = 3,
    Step = 4,
    Latest = 5,
    External = 6,
    Attempt = 7,
}

impl Kind {
    /// Spreads equal keys of different kinds.
    fn slot(self, key: &Key) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = *key;
        let salt = (self as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ salt).cast_signed()
    }
}

/// The head of a record: what is searched for is compared with it.
fn head(kind: Kind, key: &Key, generation: u32) -> [u8; 37] {
    let mut head = [0; 37];
    head[0] = kind as u8;
    head[1..33].copy_from_slice(key);
    head[33..].copy_from_slice(&generation.to_be_bytes());
    head
}

/// Positions by slot; nearly every slot has one.
#[derive(Default)]
struct Positions {
    first: FxHashMap<i64, i64>,
    more: FxHashMap<i64, Vec<i64>>,
}

impl Positions {
    fn add(&mut self, slot: i64, at: i64) {
        let first = *self.first.entry(slot).or_insert(at);
        if first != at {
            let more = self.more.entry(slot).or_default();
            if !more.contains(&at) {
                more.push(at);
            }
        }
    }

    fn of(&self, slot: i64) -> impl Iterator<Item = i64> {
        let more = if self.more.is_empty() { None } else { self.more.get(&slot) };
        self.first.get(&slot).copied().into_iter().chain(more.into_iter().flatten().copied())
    }

    fn entries(&self) -> Vec<(i64, i64)> {
        let first = self.first.iter().map(|(slot, at)| (*slot, *at));
        let more = self.more.iter().flat_map(|(slot, all)| all.iter().map(|at| (*slot, *at)));
        first.chain(more).collect()
    }

    fn len(&self) -> usize {
        self.first.len() + self.more.len()
    }
}

/// `fresh` in memory, as of the commit `total`.
#[derive(Default)]
struct Fresh {
    total: i64,
    epoch: i64,
    positions: Positions,
}

/// The number of commits that changed records, and of moves into `main`, as a transaction sees them.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) total: i64,
    epoch: i64,
}

/// The part of the index that is in memory, shared by all connections.
#[derive(Default)]
pub(crate) struct Log {
    fresh: RwLock<Fresh>,
    scans: AtomicU32,
}

/// What a look-up hands over: which key it was, the generation, the body if it was asked for.
pub(crate) type Visit<'a> = dyn FnMut(usize, u32, &[u8]) + 'a;

/// Reads how many commits there were.
pub(crate) fn state(connection: &Connection) -> rusqlite::Result<State> {
    connection
        .prepare_cached("SELECT total, epoch FROM state")?
        .query_row([], |row| Ok(State { total: row.get(0)?, epoch: row.get(1)? }))
}

impl Log {
    /// Calls `visit` with every record of each key, in order of position.
    pub(crate) fn find(
        &self,
        connection: &Connection,
        path: &Path,
        (kind, keys): (Kind, &[Key]),
        bodies: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        loop {
            let done = in_read(connection, || {
                let seen = state(connection)?;
                let scans = self.scans(keys.len());
                if !scans && !self.sync(connection, seen)? {
                    return Ok(false);
                }
                let Some(found) = self.positions(connection, seen, (kind, keys), scans)? else { return Ok(false) };
                fetch(connection, kind, keys, &found, bodies, visit)?;
                Ok(true)
            });
            if done.map_err(failed("read", path))? {
                return Ok(());
            }
        }
    }

    /// Tells whether a look-up reads `fresh` where it lies: the first few of a process that ask for little, as bringing
    /// all of it into memory takes longer than all that a build does in which nothing moved.
    fn scans(&self, keys: usize) -> bool {
        let unread = || self.fresh.read().unwrap_or_else(PoisonError::into_inner).total == 0;
        keys <= FEW && unread() && self.scans.fetch_add(1, Ordering::Relaxed) < MOST_SCANS
    }

    /// Brings memory up to the snapshot; false if memory is past a move that the snapshot is before.
    fn sync(&self, connection: &Connection, seen: State) -> rusqlite::Result<bool> {
        {
            let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            if fresh.epoch > seen.epoch {
                return Ok(false);
            }
            if fresh.epoch == seen.epoch && fresh.total >= seen.total {
                return Ok(true);
            }
        }
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.epoch > seen.epoch {
            return Ok(false);
        }
        if fresh.epoch < seen.epoch {
            *fresh = Fresh { epoch: seen.epoch, ..Fresh::default() };
        }
        let new = "SELECT coalesce(sum(length(entries)), 0) / 16 FROM fresh WHERE id > ?1";
        let new: i64 = connection.prepare_cached(new)?.query_row([fresh.total], |row| row.get(0))?;
        fresh.positions.first.reserve(usize::try_from(new).unwrap_or_default());
        let after = fresh.total;
        each_fresh(connection, after, &mut |slot, at| fresh.positions.add(slot, at))?;
        fresh.total = fresh.total.max(seen.total);
        Ok(true)
    }

    /// Returns the positions that may hold a record of each key, with the number of the key; none if memory
    /// went past a move since it was brought up to the snapshot.
    fn positions(
        &self,
        connection: &Connection,
        seen: State,
        (kind, keys): (Kind, &[Key]),
        scan: bool,
    ) -> rusqlite::Result<Option<Vec<(i64, u32)>>> {
        let mut slots: Vec<(i64, u32)> = (0..).zip(keys).map(|(i, key)| (kind.slot(key), i)).collect();
        let mut found = Vec::with_capacity(keys.len());
        if scan {
            each_fresh(connection, 0, &mut |found_slot, at| {
                let same = slots.iter().filter(|(slot, _)| *slot == found_slot);
                found.extend(same.map(|(_, i)| (at, *i)));
            })?;
        } else {
            let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            if fresh.epoch != seen.epoch {
                return Ok(None);
            }
            for (slot, i) in &slots {
                found.extend(fresh.positions.of(*slot).map(|at| (at, *i)));
            }
        }
        if seen.epoch > 0 {
            slots.sort_unstable();
            let mut statement = connection.prepare_cached(IN_MAIN)?;
            for (slot, i) in slots {
                main_positions(&mut statement, slot, &mut |at| found.push((at, i)))?;
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(Some(found))
    }
}

/// Calls `visit` with the slot and the position of each entry of `fresh` after a commit.
fn each_fresh(connection: &Connection, after: i64, visit: &mut dyn FnMut(i64, i64)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT entries FROM fresh WHERE id > ?1")?;
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()? {
        for pair in row.get_ref(0)?.as_blob()?.as_chunks::<16>().0 {
            let (slot, at) = unpack(pair);
            visit(slot, at);
        }
    }
    Ok(())
}

const IN_MAIN: &str = "SELECT at FROM main WHERE slot = ?1";

/// Calls `add` with the positions of a slot in `main`: one integer, or the bytes of several.
fn main_positions(statement: &mut Statement<'_>, slot: i64, add: &mut dyn FnMut(i64)) -> rusqlite::Result<()> {
    let mut rows = statement.query([slot])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    match row.get_ref(0)? {
        ValueRef::Integer(at) => add(at),
        several => several.as_blob()?.as_chunks::<8>().0.iter().for_each(|at| add(i64::from_le_bytes(*at))),
    }
    Ok(())
}

/// Adds a position to a slot of `main` that has one.
fn add_to_main(connection: &Connection, slot: i64, at: i64) -> rusqlite::Result<()> {
    let mut positions = Vec::new();
    main_positions(&mut *connection.prepare_cached(IN_MAIN)?, slot, &mut |at| positions.push(at))?;
    if !positions.contains(&at) {
        positions.push(at);
        let packed: Vec<u8> = positions.into_iter().flat_map(i64::to_le_bytes).collect();
        connection.prepare_cached("UPDATE main SET at = ?2 WHERE slot = ?1")?.execute(params![slot, packed])?;
    }
    Ok(())
}

/// Runs `body` in one read transaction, so that all it reads is of one moment.
fn in_read<T>(connection: &Connection, body: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = body();
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    let result = result?;
    ended?;
    Ok(result)
}

/// Reads the records at sorted positions and hands over those that are of their keys.
fn fetch(
    connection: &Connection,
    kind: Kind,
    keys: &[Key],
    found: &[(i64, u32)],
    bodies: bool,
    visit: &mut Visit<'_>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(if bodies {
        "SELECT at, head, body FROM log WHERE at BETWEEN ?1 AND ?2"
    } else {
        "SELECT at, head FROM log WHERE at BETWEEN ?1 AND ?2"
    })?;
    let mut rest = found;
    while let Some((first, _)) = rest.first() {
        let count = 1 + rest.windows(2).take_while(|pair| pair[1].0 - pair[0].0 <= NEAR).count();
        let (run, later) = rest.split_at(count);
        rest = later;
        let last = run.last().map_or(*first, |(at, _)| *at);
        let mut wanted = run.iter().peekable();
        let mut rows = statement.query([*first, last])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            while wanted.next_if(|(due, _)| *due < at).is_some() {}
            while let Some((_, i)) = wanted.next_if(|(due, _)| *due == at) {
                let i = usize::try_from(*i).unwrap_or(usize::MAX);
                let (Some(key), Ok((name, generation))) = (keys.get(i), split(row.get_ref(1)?.as_blob()?)) else {
                    continue;
                };
                if name[0] == kind as u8 && name[1..] == key[..] {
                    visit(i, generation, if bodies { row.get_ref(2)?.as_blob()? } else { &[] });
                }
            }
        }
    }
    Ok(())
}

/// Splits a head into kind and key, and the generation.
fn split(head: &[u8]) -> Result<(&[u8; 33], u32), ()> {
    let (name, generation) = head.split_first_chunk::<33>().ok_or(())?;
    Ok((name, u32::from_be_bytes(generation.try_into().map_err(|_| ())?)))
}

/// Calls `visit` with every record of a kind, in order of position.
pub(crate) fn each(
    connection: &Connection,
    kind: Kind,
    visit: &mut dyn FnMut(Key, u32, u64),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT head, length(body) FROM log")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Ok((name, generation)) = split(row.get_ref(0)?.as_blob()?) else { continue };
        let Some((found, key)) = name.split_first() else { continue };
        if *found == kind as u8
            && let Ok(key) = key.try_into()
        {
            visit(key, generation, row.get::<_, i64>(1)?.unsigned_abs());
        }
    }
    Ok(())
}

fn unpack(pair: &[u8; 16]) -> (i64, i64) {
    let number = u128::from_le_bytes(*pair);
    // Low half and high half.
    #[expect(clippy::cast_possible_truncation, reason = "halves a 128-bit number")]
    ((number as u64).cast_signed(), ((number >> 64) as u64).cast_signed())
}

/// An open write transaction on the log.
pub(crate) struct Append<'c> {
    connection: &'c Connection,
    log: &'c Log,
    seen: State,
    next: i64,
    /// Entries of this transaction.
    added: Positions,
}

/// A record that is there already.
pub(crate) struct There {
    at: i64,
    pub(crate) generation: u32,
    pub(crate) body: Vec<u8>,
}

impl<'c> Append<'c> {
    /// Starts to append. The connection is in a write transaction, so nobody else is.
    pub(crate) fn start(connection: &'c Connection, log: &'c Log) -> rusqlite::Result<Self> {
        let seen = state(connection)?;
        // Nobody can have moved entries since this snapshot: the write lock is ours.
        log.sync(connection, seen)?;
        let last: i64 =
            connection.prepare_cached("SELECT coalesce(max(at), 0) FROM log")?.query_row([], |row| row.get(0))?;
        Ok(Self { connection, log, seen, next: last + 1, added: Positions::default() })
    }

    /// Returns what was read at the start.
    pub(crate) fn seen(&self) -> State {
        self.seen
    }

    /// Returns the records of a key, in order of position.
    pub(crate) fn there(&self, kind: Kind, key: &Key) -> rusqlite::Result<Vec<There>> {
        let slot = kind.slot(key);
        let mut positions: Vec<i64> = Vec::new();
        {
            let fresh = self.log.fresh.read().unwrap_or_else(PoisonError::into_inner);
            positions.extend(fresh.positions.of(slot));
        }
        if self.seen.epoch > 0 {
            main_positions(&mut *self.connection.prepare_cached(IN_MAIN)?, slot, &mut |at| positions.push(at))?;
        }
        positions.extend(self.added.of(slot));
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        positions.sort_unstable();
        positions.dedup();
        let mut there = Vec::new();
        let mut statement = self.connection.prepare_cached("SELECT head, body FROM log WHERE at = ?1")?;
        for at in positions {
            let mut rows = statement.query([at])?;
            let Some(row) = rows.next()? else { continue };
            let Ok((name, generation)) = split(row.get_ref(0)?.as_blob()?) else { continue };
            if name[0] == kind as u8 && name[1..] == key[..] {
                there.push(There { at, generation, body: row.get_ref(1)?.as_blob()?.to_vec() });
            }
        }
        Ok(there)
    }

    /// Appends a record.
    pub(crate) fn add(&mut self, kind: Kind, key: &Key, generation: u32, body: &[u8]) -> rusqlite::Result<()> {
        let at = self.next;
        let mut statement = self.connection.prepare_cached("INSERT INTO log VALUES(?1, ?2, ?3)")?;
        statement.execute(params![at, &head(kind, key, generation)[..], body])?;
        self.next += 1;
        self.added.add(kind.slot(key), at);
        Ok(())
    }

    /// Makes a record have this body, whether it was there or not; for kinds with one record a key.
    pub(crate) fn put(&mut self, kind: Kind, key: &Key, body: &[u8]) -> rusqlite::Result<()> {
        match self.there(kind, key)?.as_slice() {
            [] => self.add(kind, key, 0, body),
            [first, ..] if first.body == body => Ok(()),
            [first, ..] => {
                let mut statement = self.connection.prepare_cached("UPDATE log SET body = ?2 WHERE at = ?1")?;
                statement.execute(params![first.at, body])?;
                Ok(())
            }
        }
    }

    /// Makes the record of a generation have this body, whether it was there or not.
    pub(crate) fn replace(&mut self, kind: Kind, key: &Key, generation: u32, body: &[u8]) -> rusqlite::Result<()> {
        match self.there(kind, key)?.into_iter().find(|there| there.generation == generation) {
            None => self.add(kind, key, generation, body),
            Some(there) => {
                let mut statement = self.connection.prepare_cached("UPDATE log SET body = ?2 WHERE at = ?1")?;
                statement.execute(params![there.at, body])?;
                Ok(())
            }
        }
    }

    /// Removes all records of a key.
    pub(crate) fn remove(&mut self, kind: Kind, key: &Key) -> rusqlite::Result<()> {
        for there in self.there(kind, key)? {
            self.connection.prepare_cached("DELETE FROM log WHERE at = ?1")?.execute([there.at])?;
        }
        Ok(())
    }

    /// Removes the record of one generation.
    pub(crate) fn remove_one(&mut self, kind: Kind, key: &Key, generation: u32) -> rusqlite::Result<()> {
        for there in self.there(kind, key)?.into_iter().filter(|there| there.generation == generation) {
            self.connection.prepare_cached("DELETE FROM log WHERE at = ?1")?.execute([there.at])?;
        }
        Ok(())
    }

    /// Writes the index entries, before the transaction is committed.
    pub(crate) fn finish(self) -> rusqlite::Result<Appended> {
        let total = self.seen.total + 1;
        let mut epoch = self.seen.epoch;
        let added = self.added.entries();
        let fresh = self.log.fresh.read().unwrap_or_else(PoisonError::into_inner);
        if fresh.positions.len() + added.len() > MOST_FRESH {
            let mut entries = fresh.positions.entries();
            entries.extend(&added);
            entries.sort_unstable();
            let mut insert = self.connection.prepare_cached("INSERT OR IGNORE INTO main VALUES(?1, ?2)")?;
            for (slot, at) in entries {
                if insert.execute([slot, at])? == 0 {
                    add_to_main(self.connection, slot, at)?;
                }
            }
            self.connection.execute("DELETE FROM fresh", [])?;
            epoch += 1;
        } else if !added.is_empty() {
            let mut packed = Vec::with_capacity(added.len() * 16);
            for (slot, at) in &added {
                packed.extend_from_slice(&slot.to_le_bytes());
                packed.extend_from_slice(&at.to_le_bytes());
            }
            self.connection.prepare_cached("INSERT INTO fresh VALUES(?1, ?2)")?.execute(params![total, packed])?;
        }
        let mut statement = self.connection.prepare_cached("UPDATE state SET total = ?1, epoch = ?2")?;
        statement.execute([total, epoch])?;
        Ok(Appended { state: State { total, epoch }, moved: epoch != self.seen.epoch, added })
    }
}

/// What a transaction added, to be kept in memory once it is committed.
pub(crate) struct Appended {
    pub(crate) state: State,
    moved: bool,
    added: Vec<(i64, i64)>,
}

impl Log {
    /// Takes over what was committed.
    pub(crate) fn committed(&self, appended: Appended) {
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.total >= appended.state.total {
            return; // A reader was quicker.
        }
        // With another commit in between, which this store has not read yet, reading is left to `sync`.
        if fresh.total + 1 != appended.state.total {
            return;
        }
        if appended.moved {
            fresh.positions = Positions::default();
        } else {
            for (slot, at) in appended.added {
                fresh.positions.add(slot, at);
            }
        }
        fresh.total = appended.state.total;
        fresh.epoch = appended.state.epoch;
    }
}
