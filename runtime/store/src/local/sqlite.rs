//! Connections to the index: pragmas, schema, and how its errors become ours.

use crate::error::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

/// The number of the schema, in `user_version`.
const SCHEMA: i64 = 2;

/// What schema 2 has and schema 1 had not: the results that a cache owes to the truth.
const SINCE_1: &str = "
CREATE TABLE owed(key BLOB NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY(key, generation)) WITHOUT ROWID;
PRAGMA user_version = 2;
";

/// So long a connection waits for another process; a commit takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// `log` holds every keyed record in the order of writing; `fresh` and `main` are the index over it
/// (see [`super::log`]). The other tables are read by their own order.
const TABLES: &str = "
CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), total INTEGER NOT NULL, epoch INTEGER NOT NULL);
INSERT INTO state VALUES(1, 0, 0);
CREATE TABLE log(at INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE fresh(id INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE main(slot INTEGER PRIMARY KEY, at BLOB NOT NULL);
CREATE TABLE tombstone(n INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE session(goal BLOB PRIMARY KEY, run TEXT NOT NULL, header BLOB NOT NULL);
CREATE TABLE run(run TEXT PRIMARY KEY, header BLOB NOT NULL);
CREATE TABLE waits(
  session INTEGER NOT NULL, holds BLOB NOT NULL, wants BLOB NOT NULL, PRIMARY KEY(session, holds, wants)
) WITHOUT ROWID;
PRAGMA user_version = 1;
";

/// How a connection makes its commits durable.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Before they are visible.
    Full,
    /// Whenever: for what has no use after a crash.
    Lazy,
}

/// Turns an error of the index into ours.
pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { path, why: source.to_string() }
        }
        _ => StoreError::Index { doing, path, source },
    }
}

/// Checks that the database has the pages that its head says, which SQLite would notice only when it comes to
/// one that is gone.
fn whole(path: &Path) -> Result<(), StoreError> {
    // A checkpoint of another process writes the head before it has written the rest.
    for attempt in 0.. {
        let (due, there) = sizes(path).map_err(StoreError::io("read", path))?;
        if there >= due && (there >= HEAD || !has_log(path)) {
            break;
        }
        if attempt == 10 {
            let due = due.max(HEAD);
            let why = format!("it has {there} of {due} bytes");
            return Err(StoreError::Damaged { path: path.to_owned(), why });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// So many bytes are the head of a database.
const HEAD: u64 = 100;

/// Tells whether records lie in the log beside the database. Without its head SQLite would take the database for
/// one that is not made yet, and throw the log away.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

/// Returns how many bytes the database should have, and how many it has.
fn sizes(path: &Path) -> std::io::Result<(u64, u64)> {
    let file = File::open(path)?;
    let mut head = [0; 32];
    let count = file.read_at(&mut head, 0)?;
    let there = file.metadata()?.len();
    if count < head.len() || !head.starts_with(b"SQLite format 3\0") {
        return Ok((0, there)); // SQLite itself has a better message.
    }
    let pages = u32::from_be_bytes([head[28], head[29], head[30], head[31]]);
    let size = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    Ok((u64::from(pages) * size, there))
}

/// Opens the index and checks it; none if it is not there, or its making was cut short or goes on.
pub(crate) fn open(path: &Path) -> Result<Option<Connection>, StoreError> {
    if std::fs::metadata(path).map_or(true, |there| there.len() == 0) {
        return Ok(None);
    }
    whole(path)?;
    let connection = connect(path, Sync::Full)?;
    Ok(check(&connection, path)?.then_some(connection))
}

/// Opens a connection to an index that is there.
pub(crate) fn connect(path: &Path, sync: Sync) -> Result<Connection, StoreError> {
    open_as(path, sync, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed("open", path))
}

fn open_as(path: &Path, sync: Sync, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_handler(Some(wait))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Checkpoints are this crate's business (see `super::log`): none on the way of a commit, none at
    // the end of every little command.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let sync = if sync == Sync::Full { "FULL" } else { "NORMAL" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {sync}; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192; PRAGMA mmap_size = 33554432; \
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
    ))?;
    Ok(connection)
}

/// Sleeps a little longer each time that the index is found locked.
fn wait(attempt: i32) -> bool {
    let pause = Duration::from_millis(u64::try_from(attempt / 8).unwrap_or_default().clamp(1, 10));
    if pause.saturating_mul(attempt.unsigned_abs()) > PATIENCE {
        return false;
    }
    std::thread::sleep(pause);
    true
}

/// Makes the index, or checks that it is one. The caller keeps other processes out meanwhile.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = open_as(path, Sync::Full, flags).map_err(failed("create", path))?;
    if check(&connection, path)? {
        return Ok(());
    }
    let make = |connection: &mut Connection| {
        connection.execute_batch("PRAGMA journal_mode = WAL;")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(SINCE_1)?;
        transaction.commit()?;
        // The tables are in the database itself from the start, so that losing the log next to it
        // loses records, not the schema.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    make(&mut connection).map_err(failed("create", path))
}

/// Checks that the index has a schema that we know; false if it has none yet.
fn check(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    match version(connection).map_err(failed("read", path))? {
        SCHEMA => Ok(true),
        0 => Ok(false),
        1 => upgrade(connection).map_err(failed("upgrade", path)).map(|()| true),
        newer if newer > SCHEMA => Err(StoreError::NewerFormat {
            path: path.to_owned(),
            found: newer.unsigned_abs(),
            known: SCHEMA.unsigned_abs(),
        }),
        other => Err(StoreError::Damaged { path: path.to_owned(), why: format!("its schema has number {other}") }),
    }
}

/// Brings a schema of an earlier wrun up to ours; another process may have been first.
fn upgrade(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let upgraded = match version(connection) {
        Ok(1) => connection.execute_batch(SINCE_1),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    connection.execute_batch(if upgraded.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    upgraded
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Returns how many pages the write-ahead log has that the database lacks, and how many in all.
pub(crate) fn log_pages(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        let (all, done): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((all - done, all))
    })
}
