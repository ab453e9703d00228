//! Moves bytes between this machine and a bucket by the code of the store, for tests/bench/s3.py.
//!
//! ```text
//! transfer puts COUNT SIZE AT-ONCE     a bare loop of conditional puts, as fast as the server takes them
//! transfer up FOLDER                   each file goes up as a blob; its digest is printed
//! transfer down CACHE                  the blobs whose digests are on stdin come into a cache, verified and durable
//! ```
//!
//! Prints how long it took. The bucket is `WRUN_BENCH_BUCKET` at `WRUN_BENCH_ENDPOINT`, keys as AWS has them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for measuring"
)]

use futures_util::{StreamExt as _, TryStreamExt as _};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use wrun_core::digest::{BlobHasher, Digest};
use wrun_store::local::LocalStore;
use wrun_store::objects::Objects;
use wrun_store::objects::s3::{S3Objects, S3Options};
use wrun_store::tiered::TieredStore;
use wrun_store::{Blob, BlobKind, Store};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn objects(prefix: &str) -> Arc<S3Objects> {
    let options = S3Options {
        region: Some("us-east-1".into()),
        endpoint: Some(variable("WRUN_BENCH_ENDPOINT")),
        ..S3Options::default()
    };
    Arc::new(S3Objects::open(&variable("WRUN_BENCH_BUCKET"), prefix, &options).await)
}

fn files(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

fn hash(path: &Path) -> Digest {
    let mut file = std::fs::File::open(path).unwrap();
    let mut hasher = BlobHasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hasher.digest(),
            count => hasher.update(&buffer[..count]),
        }
    }
}

async fn puts(count: usize, size: usize, at_once: usize) {
    let objects = objects(&format!("puts-{}", std::process::id())).await;
    objects.make_bucket().await.unwrap();
    let body: wrun_store::Bytes = vec![b'x'; size].into();
    let began = Instant::now();
    let all = futures_util::stream::iter(0..count).map(|i| {
        let (objects, body) = (objects.clone(), body.clone());
        async move { objects.put_new(&format!("{i}"), body).await.map(|_| ()) }
    });
    all.buffer_unordered(at_once).try_collect::<()>().await.unwrap();
    println!("seconds {}", began.elapsed().as_secs_f64());
}

async fn up(folder: &Path) {
    let objects = objects("blobs").await;
    let mut all = Vec::new();
    files(folder, &mut all);
    let began = Instant::now();
    let sent = futures_util::stream::iter(all).map(|path| {
        let objects = objects.clone();
        async move {
            let hashed = path.clone();
            let digest = tokio::task::spawn_blocking(move || hash(&hashed)).await.unwrap();
            let file = std::fs::File::open(&path).unwrap();
            let size = file.metadata().unwrap().len();
            let hex = digest.to_hex();
            let name = format!("cas/{}/{}", &hex[..2], &hex[2..]);
            objects.upload(&name, &Blob::File(Arc::new(file), size), false).await.map(|()| hex)
        }
    });
    let digests: Vec<String> = sent.buffer_unordered(64).try_collect().await.unwrap();
    println!("seconds {}", began.elapsed().as_secs_f64());
    digests.iter().for_each(|hex| println!("{hex}"));
}

async fn down(cache: &Path) {
    let store = TieredStore::new(LocalStore::open(cache).unwrap(), objects("blobs").await);
    let wanted: Vec<_> = std::io::stdin()
        .lines()
        .map(|line| (BlobKind::Blob, format!("b3:{}", line.unwrap()).parse().unwrap()))
        .collect();
    let began = Instant::now();
    assert!(store.fetch(&wanted).await.unwrap().into_iter().all(|there| there));
    println!("seconds {}", began.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["puts", count, size, at_once] => {
            puts(count.parse().unwrap(), size.parse().unwrap(), at_once.parse().unwrap()).await;
        }
        ["up", folder] => up(Path::new(folder)).await,
        ["down", cache] => down(Path::new(cache)).await,
        _ => panic!("transfer puts COUNT SIZE AT-ONCE | up FOLDER | down CACHE"),
    }
}
