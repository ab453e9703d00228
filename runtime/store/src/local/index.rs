//! The index: small records in SQLite (WAL), which several processes may open at once.

use crate::api::{Bytes, Committed, FileStamp, Record, Write};
use crate::error::StoreError;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wrun_core::digest::{ActionKey, Digest, TaskId};
use wrun_core::result::Address;

/// The format of the index and of the folders around it.
pub(crate) const FORMAT: u64 = 1;

/// Rows with a body grow at the end of their table, with a small unique index beside it; rows that are all key
/// live in the tree itself.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS result(key BLOB NOT NULL, generation INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE(key, generation));
CREATE TABLE IF NOT EXISTS plan(key BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS step(key BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest(task BLOB PRIMARY KEY, key BLOB NOT NULL, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS external(device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(device, inode)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstone(number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS session(goal BLOB PRIMARY KEY, header BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run(run TEXT PRIMARY KEY, header BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob(digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS waits(session INTEGER NOT NULL, holds BLOB NOT NULL, wants BLOB NOT NULL, PRIMARY KEY(session, holds, wants)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('commits', 0);
";

/// One writer, and as many readers as are needed at once.
pub(crate) struct Index {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    watcher: Mutex<Watcher>,
    /// Commits of this process that the count in the index includes.
    ours: AtomicI64,
}

struct Watcher {
    connection: Connection,
    version: i64,
    others: i64,
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
        let writer = connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
        let fail = |error| translate(&path, "open", error);
        let version: i64 = writer.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail)?;
        let format = u64::try_from(version).unwrap_or(u64::MAX);
        if format > FORMAT {
            return Err(StoreError::NewerFormat { path: root.to_owned(), found: format, known: FORMAT });
        }
        if format == 0 {
            let mode: String =
                writer.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(fail)?;
            if mode != "wal" {
                return Err(StoreError::Damaged { path, why: format!("journal mode `{mode}` instead of WAL") });
            }
            let make = || -> rusqlite::Result<()> {
                writer.execute_batch("BEGIN IMMEDIATE")?;
                writer.execute_batch(SCHEMA)?;
                writer.execute_batch(&format!("PRAGMA user_version={FORMAT}; COMMIT"))
            };
            make().map_err(fail)?;
        }
        let connection = connect(&path, OpenFlags::empty())?;
        let watcher = Mutex::new(Watcher { connection, version: -1, others: 0 });
        let index = Self { path, writer: Mutex::new(writer), readers: Mutex::default(), watcher, ours: AtomicI64::new(0) };
        index.others_wrote()?;
        Ok(Arc::new(index))
    }

    fn fail(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
        move |error| translate(&self.path, doing, error)
    }

    /// Lends a connection for reading.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let lent = lock(&self.readers).pop();
        let connection = match lent {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::empty())?,
        };
        // One snapshot for the whole batch, and no lock taken again for each key.
        let result = connection.execute_batch("BEGIN").and_then(|()| {
            let result = work(&connection);
            connection.execute_batch("COMMIT")?;
            result
        });
        let result = result.map_err(self.fail("read"))?;
        lock(&self.readers).push(connection);
        Ok(result)
    }

    /// Looks many keys up in order of the keys, and answers in the order given.
    pub(crate) fn look_up<K: AsRef<[u8]>, T: Default>(
        &self,
        sql: &str,
        keys: &[K],
        mut row: impl FnMut(&rusqlite::Row<'_>, T) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_unstable_by(|a, b| keys[*a].as_ref().cmp(keys[*b].as_ref()));
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut out: Vec<T> = Vec::new();
            out.resize_with(keys.len(), T::default);
            for i in order {
                let mut rows = statement.query([keys[i].as_ref()])?;
                while let Some(found) = rows.next()? {
                    let before = std::mem::take(&mut out[i]);
                    out[i] = row(found, before)?;
                }
            }
            Ok(out)
        })
    }

    /// Returns all generations of each key.
    pub(crate) fn results(&self, keys: &[ActionKey]) -> Result<Vec<Vec<Record>>, StoreError> {
        let keys: Vec<&[u8; 32]> = keys.iter().map(|key| key.0.as_bytes()).collect();
        let sql = "SELECT generation, body FROM result WHERE key = ?1 ORDER BY generation";
        self.look_up(sql, &keys, |row, mut records: Vec<Record>| {
            records.push(Record { generation: row.get(0)?, body: row.get_ref(1)?.as_blob()?.into() });
            Ok(records)
        })
    }

    /// Returns one body for each key.
    pub(crate) fn bodies(&self, sql: &str, keys: &[&[u8; 32]]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.look_up(sql, keys, |row, _| Ok(Some(row.get_ref(0)?.as_blob()?.into())))
    }

    /// Returns the latest result of each task.
    pub(crate) fn latest(&self, tasks: &[TaskId]) -> Result<Vec<Option<Address>>, StoreError> {
        let keys: Vec<&[u8; 32]> = tasks.iter().map(|task| task.0.as_bytes()).collect();
        self.look_up("SELECT key, generation FROM latest WHERE task = ?1", &keys, |row, _| {
            Ok(Some(Address { key: ActionKey(digest(row, 0)?), generation: row.get(1)? }))
        })
    }

    /// Returns remembered digests of external files.
    pub(crate) fn externals(&self, stamps: &[FileStamp]) -> Result<Vec<Option<Digest>>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT digest FROM external WHERE device = ?1 AND inode = ?2 AND size = ?3 AND mtime = ?4 AND ctime = ?5",
            )?;
            let mut look = |stamp: &FileStamp| {
                let (device, inode, size, mtime, ctime) = columns(stamp);
                statement.query_row(params![device, inode, size, mtime, ctime], |row| digest(row, 0)).optional()
            };
            stamps.iter().map(&mut look).collect()
        })
    }

    /// Makes a batch durable in one transaction.
    pub(crate) fn commit(&self, batch: &[Write]) -> Result<Vec<Committed>, StoreError> {
        let mut writer = lock(&self.writer);
        let fail = self.fail("write");
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&fail)?;
        let mut outcomes = vec![Committed::Written; batch.len()];
        let mut order: Vec<usize> = (0..batch.len()).collect();
        // In order of the keys within each table: the pages of an index are visited once.
        order.sort_by_key(|i| place(&batch[*i]));
        for i in order {
            match put(&transaction, &batch[i]) {
                Ok(Some(outcome)) => outcomes[i] = outcome,
                Ok(None) => {
                    let why = "a tombstone would leave a gap in the log".to_owned();
                    return Err(StoreError::Damaged { path: self.path.clone(), why });
                }
                Err(error) => return Err(fail(error)),
            }
        }
        transaction.execute("UPDATE meta SET value = value + 1 WHERE name = 'commits'", []).map_err(&fail)?;
        transaction.commit().map_err(&fail)?;
        self.ours.fetch_add(1, Ordering::SeqCst);
        Ok(outcomes)
    }

    /// Tells whether another process committed since the last time this was asked. A commit of ours that is
    /// just being counted may pass for another's, which costs a look-up and no more.
    pub(crate) fn others_wrote(&self) -> Result<bool, StoreError> {
        let mut watcher = lock(&self.watcher);
        let fail = self.fail("read");
        let version = |connection: &Connection| {
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get::<_, i64>(0))
        };
        let seen = version(&watcher.connection).map_err(&fail)?;
        if seen == watcher.version {
            return Ok(false);
        }
        watcher.version = seen;
        let ours = self.ours.load(Ordering::SeqCst);
        let all: i64 = watcher
            .connection
            .prepare_cached("SELECT value FROM meta WHERE name = 'commits'")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(&fail)?;
        let others = all - ours;
        let wrote = others != watcher.others;
        watcher.others = others;
        Ok(wrote)
    }

    pub(crate) fn add_waits(&self, session: i64, holds: &[ActionKey], wants: ActionKey) -> Result<(), StoreError> {
        let writer = lock(&self.writer);
        let add = || -> rusqlite::Result<()> {
            let mut statement = writer.prepare_cached("INSERT OR IGNORE INTO waits VALUES (?1, ?2, ?3)")?;
            for held in holds {
                statement.execute(params![session, held.0.as_bytes(), wants.0.as_bytes()])?;
            }
            Ok(())
        };
        add().map_err(self.fail("write"))
    }

    pub(crate) fn remove_waits(&self, session: i64, wants: ActionKey) -> Result<(), StoreError> {
        let delete = "DELETE FROM waits WHERE session = ?1 AND wants = ?2";
        lock(&self.writer)
            .execute(delete, params![session, wants.0.as_bytes()])
            .map(drop)
            .map_err(self.fail("write"))
    }

    pub(crate) fn forget_session(&self, session: i64) -> Result<(), StoreError> {
        lock(&self.writer)
            .execute("DELETE FROM waits WHERE session = ?1", [session])
            .map(drop)
            .map_err(self.fail("write"))
    }

    pub(crate) fn waits(&self) -> Result<Vec<Wait>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT session, holds, wants FROM waits")?;
            let rows = statement.query_map([], |row| {
                Ok(Wait { session: row.get(0)?, holds: digest(row, 1)?, wants: digest(row, 2)? })
            })?;
            rows.collect()
        })
    }

    /// Forgets small blobs whose bytes turned out to be wrong.
    pub(crate) fn forget_blob(&self, digest: Digest) -> Result<(), StoreError> {
        lock(&self.writer)
            .execute("DELETE FROM blob WHERE digest = ?1", [digest.as_bytes()])
            .map(drop)
            .map_err(self.fail("write"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path, extra: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(120))?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=1073741824; \
             PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=8000;",
        )?;
        Ok(connection)
    };
    open().map_err(|error| translate(path, "open", error))
}

fn translate(path: &Path, doing: &'static str, source: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as C;
    match source.sqlite_error_code() {
        Some(C::DatabaseCorrupt | C::NotADatabase) => {
            StoreError::Damaged { path: path.to_owned(), why: source.to_string() }
        }
        _ => StoreError::Index { doing, path: path.to_owned(), source },
    }
}

fn digest(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Digest::from_slice(bytes)
        .ok_or(rusqlite::Error::InvalidColumnType(column, "digest".into(), rusqlite::types::Type::Blob))
}

/// SQLite's integers are signed 64-bit; what does not fit is cut off, which can only make a miss.
fn columns(stamp: &FileStamp) -> (i64, i64, i64, i64, i64) {
    let cut = |n: u64| n.cast_signed();
    let time = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
    (cut(stamp.device), cut(stamp.inode), cut(stamp.size), time(stamp.mtime), time(stamp.ctime))
}

/// Returns where in which table a write goes.
fn place(write: &Write) -> (u8, [u8; 32]) {
    match write {
        Write::Blob(kind, bytes) => (0, *kind.digest(bytes).as_bytes()),
        Write::Plan(key, _) => (1, *key.0.as_bytes()),
        Write::Step(key, _) => (2, *key.0.as_bytes()),
        Write::External(stamp, _) => {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&stamp.device.to_be_bytes());
            key[8..16].copy_from_slice(&stamp.inode.to_be_bytes());
            (3, key)
        }
        Write::Result { address, .. } => (4, *address.key.0.as_bytes()),
        Write::Latest(task, _) => (5, *task.0.as_bytes()),
        Write::Tombstone(number, _) => {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            (6, key)
        }
        Write::Session { .. } | Write::Run { .. } => (7, [0; 32]),
    }
}

/// Writes one thing; `None` is a tombstone that would leave a gap.
fn put(to: &Transaction<'_>, write: &Write) -> rusqlite::Result<Option<Committed>> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| to.prepare_cached(sql)?.execute(params);
    match write {
        Write::Blob(kind, bytes) => {
            let digest = kind.digest(bytes);
            run("INSERT OR IGNORE INTO blob VALUES (?1, ?2)", &[digest.as_bytes(), &&bytes[..]])?;
        }
        Write::Result { address, body, task } => {
            let key = address.key.0.as_bytes();
            let insert = "INSERT OR IGNORE INTO result VALUES (?1, ?2, ?3)";
            if run(insert, &[key, &address.generation, &&body[..]])? == 0 {
                let first: Bytes = to
                    .prepare_cached("SELECT body FROM result WHERE key = ?1 AND generation = ?2")?
                    .query_row(params![key, address.generation], |row| Ok(row.get_ref(0)?.as_blob()?.into()))?;
                if first != *body {
                    return Ok(Some(Committed::Lost(first)));
                }
            }
            let latest = "INSERT OR REPLACE INTO latest VALUES (?1, ?2, ?3)";
            run(latest, &[task.0.as_bytes(), key, &address.generation])?;
        }
        Write::Latest(task, address) => {
            let latest = "INSERT OR REPLACE INTO latest VALUES (?1, ?2, ?3)";
            run(latest, &[task.0.as_bytes(), address.key.0.as_bytes(), &address.generation])?;
        }
        Write::Plan(key, body) => _ = run("INSERT OR REPLACE INTO plan VALUES (?1, ?2)", &[key.0.as_bytes(), &&body[..]])?,
        Write::Step(key, body) => _ = run("INSERT OR REPLACE INTO step VALUES (?1, ?2)", &[key.0.as_bytes(), &&body[..]])?,
        Write::Tombstone(number, body) => {
            let number = number.cast_signed();
            let first: Option<Bytes> = to
                .prepare_cached("SELECT body FROM tombstone WHERE number = ?1")?
                .query_row([number], |row| Ok(row.get_ref(0)?.as_blob()?.into()))
                .optional()?;
            if let Some(first) = first {
                return Ok(Some(if first == *body { Committed::Written } else { Committed::Lost(first) }));
            }
            let last: i64 = to
                .prepare_cached("SELECT COALESCE(MAX(number), 0) FROM tombstone")?
                .query_row([], |row| row.get(0))?;
            if number != last + 1 {
                return Ok(None);
            }
            run("INSERT INTO tombstone VALUES (?1, ?2)", &[&number, &&body[..]])?;
        }
        Write::Session { goal, run: name, header } => {
            run("INSERT OR REPLACE INTO session VALUES (?1, ?2)", &[goal.0.as_bytes(), &&header[..]])?;
            run("INSERT OR REPLACE INTO run VALUES (?1, ?2)", &[name, &&header[..]])?;
        }
        Write::Run { run: name, header } => {
            _ = run("INSERT OR REPLACE INTO run VALUES (?1, ?2)", &[name, &&header[..]])?;
        }
        Write::External(stamp, digest) => {
            let (device, inode, size, mtime, ctime) = columns(stamp);
            let insert = "INSERT OR REPLACE INTO external VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            run(insert, &[&device, &inode, &size, &mtime, &ctime, digest.as_bytes()])?;
        }
    }
    Ok(Some(Committed::Written))
}
