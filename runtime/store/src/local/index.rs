//! The index of a local store: who may read, who may write, and one transaction for each batch.

use super::log::{Append, Appended, Key, Log, Visit, state};
use super::sqlite::{Sync, connect, create, failed, log_pages, open};
use crate::api::{Bytes, Committed, Item, Record, Removal, Stamp, Write};
use crate::care::run_started;
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use rustc_hash::{FxHashMap, FxHashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::digest::{ActionKey, Digest, GoalKey, TaskId};
use wrun_core::result::Address;

/// Once the write-ahead log has so many pages (4 MiB) that the database lacks, they are copied in the
/// background.
const CHECKPOINT: i64 = 1024;

/// A write-ahead log of more pages than this is emptied when the store is closed: whoever opens it next
/// has to read it.
const LEAVE: i64 = 256;

pub(crate) use super::log::Kind;

/// The index.
pub(crate) struct Index {
    path: PathBuf,
    log: Log,
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Option<Connection>>,
    /// For [`Self::others_wrote`].
    own: Mutex<Own>,
    checkpointing: AtomicBool,
}

/// Which commits are ours.
#[derive(Debug, Default)]
struct Own {
    /// The last commit that is ours or has been reported.
    known: i64,
    /// The commit that is being made: it may be visible before we know.
    flight: Option<i64>,
    others: bool,
}

/// One row of who waits for whom.
pub(crate) struct Wait {
    pub(crate) session: i64,
    pub(crate) holds: Digest,
    pub(crate) wants: Digest,
}

impl Index {
    /// Opens the index of the store at `root`, and makes it if it is not there.
    pub(crate) fn open(root: &Path) -> Result<Arc<Self>, StoreError> {
        let path = root.join("index.sqlite");
        let connection = match open(&path)? {
            Some(connection) => connection,
            None => {
                let _others = super::staging::exclusive(root)?;
                create(&path)?;
                let gone = || StoreError::io("open", &path)(std::io::ErrorKind::NotFound.into());
                open(&path)?.ok_or_else(gone)?
            }
        };
        let seen = state(&connection).map_err(failed("read", &path))?;
        let (due, _) = log_pages(&connection).map_err(failed("read", &path))?;
        let index = Arc::new(Self {
            path,
            log: Log::default(),
            readers: Mutex::new(vec![connection]),
            writer: Mutex::default(),
            own: Mutex::new(Own { known: seen.total, ..Own::default() }),
            checkpointing: AtomicBool::new(false),
        });
        if due > CHECKPOINT {
            index.checkpoint_behind();
        }
        Ok(index)
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection for reading.
    fn lend<T>(&self, body: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, Sync::Full)?,
        };
        let result = body(&connection);
        // A connection that failed may be inside a transaction; it is not used again.
        if result.is_ok() && connection.is_autocommit() {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        result
    }

    /// Reads by statement, at one moment.
    fn read<T>(&self, body: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.lend(|connection| body(connection).map_err(failed("read", &self.path)))
    }

    /// Calls `visit` with all records of each key.
    fn find(&self, kind: Kind, keys: &[Key], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.lend(|connection| self.log.find(connection, &self.path, (kind, keys), true, visit))
    }

    /// Returns one body for each key.
    pub(crate) fn bodies(&self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut found = vec![None; keys.len()];
        self.find(kind, keys, &mut |i, _, body| found[i] = Some(body.into()))?;
        Ok(found)
    }

    /// Tells which keys have a record.
    pub(crate) fn has(&self, kind: Kind, keys: &[Key]) -> Result<Vec<bool>, StoreError> {
        let mut found = vec![false; keys.len()];
        if !keys.is_empty() {
            let mut visit = |i: usize, _, _: &[u8]| found[i] = true;
            self.lend(|connection| self.log.find(connection, &self.path, (kind, keys), false, &mut visit))?;
        }
        Ok(found)
    }

    /// Returns all generations of each key.
    pub(crate) fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        let keys: Vec<Key> = keys.iter().map(|key| *key.0.as_bytes()).collect();
        let mut found: Vec<Vec<Record>> = vec![Vec::new(); keys.len()];
        self.find(Kind::Result, &keys, &mut |i, generation, body| {
            found[i].push(Record { generation, body: body.into(), remote: false });
        })?;
        found.iter_mut().for_each(|records| records.sort_by_key(|record| record.generation));
        Ok(found)
    }

    /// Returns the latest result of each task.
    pub(crate) fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        let keys: Vec<Key> = tasks.iter().map(|task| *task.0.as_bytes()).collect();
        let found = self.bodies(Kind::Latest, &keys)?;
        found.into_iter().map(|body| body.map(|body| decode_address(&self.path, &body)).transpose()).collect()
    }

    /// Returns remembered digests of external files.
    pub(crate) fn externals(&self, stamps: &[Stamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        let keys: Vec<Key> = stamps.iter().map(stamp_key).collect();
        let found = self.bodies(Kind::External, &keys)?;
        Ok(found.into_iter().map(|body| body.and_then(|body| Digest::from_slice(&body))).collect())
    }

    /// Returns the tombstones after a number, in order.
    pub(crate) fn tombstones(&self, after: u64) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.query("SELECT n, body FROM tombstone WHERE n > ?1 ORDER BY n", after, |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), bytes(row, 1)?))
        })
    }

    /// Returns the newest session record of a goal.
    pub(crate) fn session(&self, goal: GoalKey) -> Result<Option<Bytes>, StoreError> {
        let sql = "SELECT header FROM session WHERE goal = ?1";
        Ok(self.query(sql, &goal.0.as_bytes()[..], |row| bytes(row, 0))?.pop())
    }

    /// Returns the newest runs, newest first.
    pub(crate) fn runs(&self, most: usize) -> Result<Vec<(String, Bytes)>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.query("SELECT run, header FROM run ORDER BY run DESC LIMIT ?1", most, |row| {
            Ok((row.get(0)?, bytes(row, 1)?))
        })
    }

    /// Returns the header of a run.
    pub(crate) fn run(&self, id: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.query("SELECT header FROM run WHERE run = ?1", id, |row| bytes(row, 0))?.pop())
    }

    /// Lists all runs.
    pub(crate) fn list_runs(&self) -> Result<Vec<Item<String>>, StoreError> {
        self.query("SELECT run, length(header) FROM run WHERE run > ?1 ORDER BY run", "", |row| {
            let run: String = row.get(0)?;
            Ok(Item { written: run_started(&run), what: run, size: row.get::<_, i64>(1)?.unsigned_abs() })
        })
    }

    /// Lists the goals that have a session record.
    pub(crate) fn list_goals(&self) -> Result<Vec<Item<GoalKey>>, StoreError> {
        self.query("SELECT goal, run, length(header) FROM session WHERE run > ?1 ORDER BY goal", "", |row| {
            Ok(Item {
                what: GoalKey(digest(row, 0)?),
                written: run_started(&row.get::<_, String>(1)?),
                size: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        })
    }

    /// Calls `visit` with the key, the generation and the size of every record of a kind.
    pub(crate) fn each(&self, kind: Kind, visit: &mut dyn FnMut(Key, u32, u64)) -> Result<(), StoreError> {
        self.read(|connection| super::log::each(connection, kind, visit))
    }

    /// Removes records.
    pub(crate) fn remove(&self, what: &Removal) -> Result<(), StoreError> {
        let removed = self.write(|append, connection| {
            for goal in &what.goals {
                connection.execute("DELETE FROM session WHERE goal = ?1", [&goal.0.as_bytes()[..]])?;
            }
            for run in &what.runs {
                connection.execute("DELETE FROM run WHERE run = ?1", [run])?;
            }
            for address in &what.results {
                append.remove_one(Kind::Result, address.key.0.as_bytes(), address.generation)?;
            }
            for digest in &what.blobs {
                append.remove(Kind::Blob, digest.as_bytes())?;
            }
            Ok(())
        });
        removed.map(|_| ())
    }

    /// Returns the results that are not in the truth yet.
    pub(crate) fn owed(&self) -> Result<Vec<Address>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT key, generation FROM owed")?;
            let rows = statement
                .query_map([], |row| Ok(Address { key: ActionKey(digest(row, 0)?), generation: row.get(1)? }))?;
            rows.collect()
        })
    }

    fn query<T>(
        &self,
        sql: &str,
        param: impl rusqlite::ToSql,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(|connection| connection.prepare_cached(sql)?.query_map([param], row)?.collect())
    }

    /// Tells whether a commit that is not ours came since this was last asked.
    pub(crate) fn others_wrote(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            let mut own = self.own();
            let total = state(connection)?.total;
            let others = std::mem::take(&mut own.others) || (total > own.known && Some(total) != own.flight);
            if Some(total) != own.flight {
                own.known = own.known.max(total);
            }
            Ok(others)
        })
    }

    /// Writes a batch in one transaction, durable when this returns.
    pub(crate) fn commit(self: &Arc<Self>, batch: &[Write]) -> Result<Vec<Committed>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (outcomes, due) = self.write(|append, connection| write_batch(batch, append, connection))?;
        if due > CHECKPOINT {
            self.checkpoint_behind();
        }
        Ok(outcomes)
    }

    /// Forgets a small blob whose bytes turned out to be wrong.
    pub(crate) fn forget_blob(&self, digest: Digest) -> Result<(), StoreError> {
        self.write(|append, _| Ok(append.remove(Kind::Blob, digest.as_bytes())?)).map(|_| ())
    }

    /// Says that a session waits for an action on behalf of others whose locks it holds.
    pub(crate) fn add_waits(&self, session: i64, holds: &[ActionKey], wants: ActionKey) -> Result<(), StoreError> {
        self.lazily(|connection| {
            let mut statement = connection.prepare_cached("INSERT OR IGNORE INTO waits VALUES(?1, ?2, ?3)")?;
            for held in holds {
                statement.execute(params![session, held.0.as_bytes(), wants.0.as_bytes()])?;
            }
            Ok(())
        })
    }

    /// Says that a session does not wait for an action any more.
    pub(crate) fn remove_waits(&self, session: i64, wants: ActionKey) -> Result<(), StoreError> {
        let sql = "DELETE FROM waits WHERE session = ?1 AND wants = ?2";
        self.lazily(|connection| connection.execute(sql, params![session, wants.0.as_bytes()]).map(drop))
    }

    /// Forgets what a session that is gone waited for.
    pub(crate) fn forget_session(&self, session: i64) -> Result<(), StoreError> {
        self.lazily(|connection| connection.execute("DELETE FROM waits WHERE session = ?1", [session]).map(drop))
    }

    /// Returns who waits for whom.
    pub(crate) fn waits(&self) -> Result<Vec<Wait>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT session, holds, wants FROM waits")?;
            let rows = statement.query_map([], |row| {
                Ok(Wait { session: row.get(0)?, holds: digest(row, 1)?, wants: digest(row, 2)? })
            })?;
            rows.collect()
        })
    }

    /// Writes what has no use after a crash: in one transaction that waits for no disk.
    fn lazily(&self, body: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let mut connection = connect(&self.path, Sync::Lazy)?;
        let write = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            body(&transaction)?;
            transaction.commit()
        };
        write().map_err(failed("write", &self.path))
    }

    /// Runs `body` in a write transaction; returns also how many pages wait for a checkpoint.
    fn write<T>(
        &self,
        body: impl FnOnce(&mut Append<'_>, &Connection) -> Result<T, Failure>,
    ) -> Result<(T, i64), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match writer.take() {
            Some(connection) => connection,
            None => connect(&self.path, Sync::Full)?,
        };
        let attempt = (|| {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut append = Append::start(&connection, &self.log)?;
            let total = append.seen().total;
            {
                let mut own = self.own();
                own.others |= total > own.known;
                own.known = own.known.max(total);
                own.flight = Some(total + 1);
            }
            let value = body(&mut append, &connection)?;
            let appended: Appended = append.finish()?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok((value, appended))
        })();
        match attempt {
            Ok((value, appended)) => {
                let mut own = self.own();
                own.known = own.known.max(appended.state.total);
                own.flight = None;
                drop(own);
                self.log.committed(appended);
                let due = log_pages(&connection).map_or(0, |(due, _)| due);
                *writer = Some(connection);
                Ok((value, due))
            }
            Err(failure) => {
                // While the write lock is still ours: nobody else can have made that commit.
                self.own().flight = None;
                // Dropping the connection would roll back too; an error here adds nothing to the first.
                if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_ok() {
                    *writer = Some(connection);
                }
                Err(match failure {
                    Failure::Sqlite(error) => failed("write", &self.path)(error),
                    Failure::Gap => {
                        let why = "a tombstone would leave a gap in the log".to_owned();
                        StoreError::Damaged { path: self.path.clone(), why }
                    }
                })
            }
        }
    }

    /// Copies the write-ahead log into the database on a thread of its own, one at a time.
    fn checkpoint_behind(self: &Arc<Self>) {
        if self.checkpointing.swap(true, Ordering::AcqRel) {
            return;
        }
        let index = self.clone();
        let spawned = std::thread::Builder::new().name("wrun-checkpoint".into()).spawn(move || {
            // What cannot be copied now stays in the log, which is as durable; the next commit tries again.
            _ = index.read(|connection| connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
            index.checkpointing.store(false, Ordering::Release);
        });
        if spawned.is_err() {
            self.checkpointing.store(false, Ordering::Release);
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A read connection will do, and one is there unless every read failed. Nobody is waited for: the
        // log is as durable as the database.
        let idle = self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle
            && log_pages(&connection).is_ok_and(|(_, all)| all > LEAVE)
        {
            _ = connection.busy_timeout(std::time::Duration::ZERO);
            _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

fn digest(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let wrong = || rusqlite::Error::InvalidColumnType(column, "digest".into(), rusqlite::types::Type::Blob);
    Digest::from_slice(row.get_ref(column)?.as_blob()?).ok_or_else(wrong)
}

fn bytes(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    Ok(row.get_ref(column)?.as_blob()?.into())
}

/// Why a transaction is given up.
enum Failure {
    Sqlite(rusqlite::Error),
    /// A tombstone whose number is not the next.
    Gap,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Writes a batch kind after kind, so that the records of a kind lie together.
fn write_batch(
    batch: &[Write],
    append: &mut Append<'_>,
    connection: &Connection,
) -> Result<Vec<Committed>, Failure> {
    let mut outcomes = vec![Committed::Written; batch.len()];
    let mut blobs = FxHashSet::default();
    for write in batch {
        let Write::Blob(kind, body) = write else { continue };
        let digest = kind.digest(body);
        if blobs.insert(digest) && append.there(Kind::Blob, digest.as_bytes())?.is_empty() {
            append.add(Kind::Blob, digest.as_bytes(), 0, body)?;
        }
    }
    let mut latest: FxHashMap<TaskId, Address> = FxHashMap::default();
    for (write, outcome) in batch.iter().zip(&mut outcomes) {
        match write {
            Write::Result { address, body, task } => {
                let there = append.there(Kind::Result, address.key.0.as_bytes())?;
                match there.into_iter().find(|there| there.generation == address.generation) {
                    Some(first) if first.body != **body => {
                        *outcome = Committed::Lost(first.body.into());
                        continue;
                    }
                    Some(_) => {}
                    None => append.add(Kind::Result, address.key.0.as_bytes(), address.generation, body)?,
                }
                latest.insert(*task, *address);
            }
            Write::Latest(task, address) => _ = latest.insert(*task, *address),
            _ => {}
        }
    }
    for write in batch {
        match write {
            Write::Known { address, body } => {
                let there = append.there(Kind::Result, address.key.0.as_bytes())?;
                if !there.iter().any(|there| there.generation == address.generation) {
                    append.add(Kind::Result, address.key.0.as_bytes(), address.generation, body)?;
                }
            }
            Write::Adopted { address, body } => {
                append.replace(Kind::Result, address.key.0.as_bytes(), address.generation, body)?;
            }
            _ => {}
        }
    }
    for write in batch {
        if let Write::Plan(key, body) = write {
            append.put(Kind::Plan, key.0.as_bytes(), body)?;
        }
    }
    for write in batch {
        match write {
            Write::Step(key, body) => append.put(Kind::Step, key.0.as_bytes(), body)?,
            Write::External(stamp, digest) => append.put(Kind::External, &stamp_key(stamp), digest.as_bytes())?,
            Write::Attempt(task, body) => append.put(Kind::Attempt, task.0.as_bytes(), body)?,
            _ => {}
        }
    }
    for (task, address) in latest {
        append.put(Kind::Latest, task.0.as_bytes(), &encode_address(address))?;
    }
    for (write, outcome) in batch.iter().zip(&mut outcomes) {
        write_plain(connection, write, outcome)?;
    }
    Ok(outcomes)
}

/// Writes what has a table of its own.
fn write_plain(connection: &Connection, write: &Write, outcome: &mut Committed) -> Result<(), Failure> {
    match write {
        Write::Tombstone(number, body) => {
            let last: i64 = connection
                .prepare_cached("SELECT coalesce(max(n), 0) FROM tombstone")?
                .query_row([], |row| row.get(0))?;
            let due = last.unsigned_abs() + 1;
            let n = i64::try_from(*number).map_err(|_| Failure::Gap)?;
            let mut statement = connection.prepare_cached("SELECT body FROM tombstone WHERE n = ?1")?;
            match statement.query_row([n], |row| bytes(row, 0)).optional()? {
                Some(first) if first != *body => *outcome = Committed::Lost(first),
                Some(_) => {}
                None if *number == due => {
                    connection.execute("INSERT INTO tombstone VALUES(?1, ?2)", params![n, &body[..]])?;
                }
                None => return Err(Failure::Gap),
            }
        }
        Write::Session { goal, run, header } => {
            connection.execute(
                "INSERT INTO session VALUES(?1, ?2, ?3) ON CONFLICT(goal) DO UPDATE \
                 SET run = excluded.run, header = excluded.header WHERE excluded.run >= run",
                params![&goal.0.as_bytes()[..], run, &header[..]],
            )?;
            connection.execute("INSERT OR REPLACE INTO run VALUES(?1, ?2)", params![run, &header[..]])?;
        }
        Write::Run { run, header } => {
            connection.execute("INSERT OR REPLACE INTO run VALUES(?1, ?2)", params![run, &header[..]])?;
        }
        Write::Owed(Address { key, generation }) => {
            let mut statement = connection.prepare_cached("INSERT OR IGNORE INTO owed VALUES(?1, ?2)")?;
            statement.execute(params![&key.0.as_bytes()[..], generation])?;
        }
        Write::Settled(Address { key, generation }) => {
            let mut statement =
                connection.prepare_cached("DELETE FROM owed WHERE key = ?1 AND generation = ?2")?;
            statement.execute(params![&key.0.as_bytes()[..], generation])?;
        }
        _ => {}
    }
    Ok(())
}

/// Returns the key under which an external's digest is remembered.
fn stamp_key(stamp: &Stamp) -> Key {
    let stamp = match stamp {
        Stamp::File(stamp) => stamp,
        Stamp::Remote(digest) => return *digest.as_bytes(),
    };
    *blake3::hash(&stamp.to_bytes()).as_bytes()
}

fn encode_address(address: Address) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[..32].copy_from_slice(address.key.0.as_bytes());
    bytes[32..].copy_from_slice(&address.generation.to_be_bytes());
    bytes
}

/// Reads what [`encode_address`] wrote.
fn decode_address(path: &Path, bytes: &[u8]) -> Result<Address, StoreError> {
    let damaged = || StoreError::Damaged { path: path.to_owned(), why: "a latest result has no address".into() };
    let (key, generation) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
    let generation = u32::from_be_bytes(generation.try_into().map_err(|_| damaged())?);
    Ok(Address { key: ActionKey(Digest::from_bytes(*key)), generation })
}

#[cfg(test)]
mod tests;
