//! Measures what a build asks of the store: batches of results, Plans, externals and small blobs written,
//! then looked up by a fresh handle.
//!
//! ```text
//! cargo run --release -p wrun-store --example records -- FOLDER [TASKS] [BATCH]
//! ```
//!
//! FOLDER is made, and must not be there. Prints one line a step, in milliseconds.

#![allow(clippy::print_stdout, reason = "a measurement is printed")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use wrun_core::digest::{ActionKey, Digest, PlanKey, TaskId};
use wrun_core::result::Address;
use wrun_store::local::LocalStore;
use wrun_store::{BlobKind, Bytes, FileStamp, Stamp, Store, StoreError, Write};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn digest(what: &str, n: u64) -> Digest {
    Digest::of_blob(format!("{what} {n}").as_bytes())
}

fn stamp(n: u64) -> FileStamp {
    FileStamp { device: 1, inode: n, size: 100, mtime: i128::from(n), ctime: i128::from(n) }
}

fn body(n: u64, size: usize) -> Bytes {
    format!("{n:size$}").into_bytes().into()
}

fn writes(n: u64) -> [Write; 4] {
    let address = Address { key: ActionKey(digest("action", n)), generation: 0 };
    [
        Write::Blob(BlobKind::Blob, body(n, 100)),
        Write::Result { address, body: body(n, 700), task: TaskId(digest("task", n)) },
        Write::Plan(PlanKey(digest("plan", n)), body(n, 300)),
        Write::External(stamp(n).into(), digest("external", n)),
    ]
}

async fn look_up(store: &Arc<LocalStore>, tasks: u64, batch: u64) -> Result<(), StoreError> {
    let keys = |at: u64| at..(at + batch).min(tasks);
    let start = Instant::now();
    for at in (0..tasks).step_by(usize::try_from(batch).unwrap_or(1)) {
        let wanted: Vec<_> = keys(at).map(|n| PlanKey(digest("plan", n))).collect();
        assert!(store.plans(&wanted).await?.iter().all(Option::is_some));
    }
    println!("plans {:.1}", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    for at in (0..tasks).step_by(usize::try_from(batch).unwrap_or(1)) {
        let wanted: Vec<_> = keys(at).map(|n| ActionKey(digest("action", n))).collect();
        assert!(store.results(&wanted).await?.iter().all(|records| records.len() == 1));
    }
    println!("results {:.1}", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    for at in (0..tasks).step_by(usize::try_from(batch).unwrap_or(1)) {
        let wanted: Vec<Stamp> = keys(at).map(|n| stamp(n).into()).collect();
        assert!(store.externals(&wanted).await?.iter().all(Option::is_some));
    }
    println!("externals {:.1}", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    for at in (0..tasks).step_by(usize::try_from(batch).unwrap_or(1)) {
        let wanted: Vec<_> = keys(at).map(|n| ActionKey(digest("other", n))).collect();
        assert!(store.results(&wanted).await?.iter().all(Vec::is_empty));
    }
    println!("misses {:.1}", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

async fn measure(folder: PathBuf, tasks: u64, batch: u64) -> Outcome {
    std::fs::create_dir(&folder)?;
    let store = LocalStore::open(&folder)?;
    let start = Instant::now();
    for at in (0..tasks).step_by(usize::try_from(batch)?) {
        store.commit((at..(at + batch).min(tasks)).flat_map(writes).collect()).await?;
    }
    let spent = start.elapsed().as_secs_f64();
    println!("write {:.1} ({:.1} µs a task)", spent * 1e3, spent * 1e6 / f64::from(u32::try_from(tasks)?));
    let start = Instant::now();
    drop(store);
    println!("close {:.1}", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let store = LocalStore::open(&folder)?;
    println!("open {:.1}", start.elapsed().as_secs_f64() * 1e3);
    look_up(&store, tasks, batch).await?;
    look_up(&store, tasks, batch).await?;
    let start = Instant::now();
    for n in 0..1000 {
        assert!(store.get(BlobKind::Blob, BlobKind::Blob.digest(&body(n, 100)))?.is_some());
    }
    println!("1000 small blobs, one by one {:.1}", start.elapsed().as_secs_f64() * 1e3);
    let size = std::fs::metadata(folder.join("index.sqlite"))?.len();
    println!("index {} KiB", size >> 10);
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("name a folder that is not there yet")?;
    let tasks = args.next().map_or(Ok(10_000), |text| text.parse())?;
    let batch = args.next().map_or(Ok(1_000), |text| text.parse())?;
    measure(folder.into(), tasks, batch).await
}
