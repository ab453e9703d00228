//! One suite for every object store. Each case is given a bucket that is empty below its prefix, and opens it as often
//! as it likes: `wrun_store::objects_suite!(bucket)`, in a test module, makes a test of each case.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::{Objects, Put};
use crate::api::{Blob, Bytes, Staged};
use crate::error::StoreError;
use std::path::Path;
use std::sync::Arc;
use wrun_core::digest::Digest;

/// A prefix that was empty.
pub trait Bucket {
    /// Opens it, as one of several machines.
    fn open(&self) -> impl Future<Output = Arc<dyn Objects>>;
}

/// Makes one test of each case.
#[macro_export]
macro_rules! objects_suite {
    ($bucket:path) => {
        $crate::objects_suite!($bucket:
            what_is_put_is_read
            odd_names_are_names
            put_new_never_overwrites
            of_many_writers_one_wins
            large_objects_go_up_and_come_down
            listings_are_in_order_and_in_pages
            what_is_removed_is_gone
            swaps_are_compared
            of_many_swaps_each_sees_the_one_before
            requests_are_counted
        );
    };
    ($bucket:path: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::block_on($crate::objects::conformance::$case(&$bucket()));
            }
        )*
    };
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

struct Sink(Vec<u8>);

impl Staged for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Digest, StoreError> {
        Ok(Digest::of_blob(&self.0))
    }
    fn path(&self) -> Option<&Path> {
        None
    }
    fn touched(&mut self) {}
}

/// What is put is read by everybody, and what is not there is absent.
pub async fn what_is_put_is_read(bucket: &impl Bucket) {
    let (one, two) = (bucket.open().await, bucket.open().await);
    assert_eq!(one.get("a/b").await.unwrap(), None);
    assert_eq!(one.size("a/b").await.unwrap(), None);
    for body in ["first", "", "second"] {
        one.put("a/b", bytes(body)).await.unwrap();
        assert_eq!(two.get("a/b").await.unwrap().as_deref(), Some(body.as_bytes()));
        assert_eq!(two.size("a/b").await.unwrap(), Some(body.len() as u64));
    }
}

/// A swap is made over what it was told is there, and over nothing else; its note comes with it.
pub async fn swaps_are_compared(bucket: &impl Bucket) {
    let (one, two) = (bucket.open().await, bucket.open().await);
    let blob = |text: &str| Blob::Memory(bytes(text));
    assert_eq!(one.look("m").await.unwrap(), None);
    assert!(!one.swap("m", &blob("0"), Some("0123"), None).await.unwrap());
    assert!(one.swap("m", &blob("1"), None, Some("first")).await.unwrap());
    assert!(!two.swap("m", &blob("2"), None, None).await.unwrap());
    let seen = two.look("m").await.unwrap().unwrap();
    assert_eq!((seen.size, seen.note.as_deref()), (1, Some("first")));
    assert!(two.swap("m", &blob("22"), Some(&seen.tag), Some("second")).await.unwrap());
    assert!(!one.swap("m", &blob("3"), Some(&seen.tag), None).await.unwrap());
    let seen = one.look("m").await.unwrap().unwrap();
    assert_eq!((seen.size, seen.note.as_deref()), (2, Some("second")));
    assert_eq!(one.get("m").await.unwrap().as_deref(), Some(&b"22"[..]));
}

/// A counter that is only ever swapped counts every swap.
pub async fn of_many_swaps_each_sees_the_one_before(bucket: &impl Bucket) {
    const EACH: u64 = 5;
    let store = bucket.open().await;
    let count = |store: Arc<dyn Objects>, who: &'static str| async move {
        let mut done = 0;
        while done < EACH {
            let seen = store.look("n").await.unwrap();
            let now = match &seen {
                Some(_) => store.get("n").await.unwrap().unwrap(),
                None => bytes("0"),
            };
            let now: u64 =
                std::str::from_utf8(&now).unwrap().trim_end_matches(char::is_alphabetic).parse().unwrap();
            // What was read may be of a later state than the tag: then the swap fails.
            let next = Blob::Memory(bytes(&format!("{}{who}", now + 1)));
            if store.swap("n", &next, seen.as_ref().map(|seen| seen.tag.as_str()), None).await.unwrap() {
                done += 1;
            }
        }
    };
    tokio::join!(count(store.clone(), "a"), count(store.clone(), "b"), count(store.clone(), "c"));
    assert!(store.get("n").await.unwrap().unwrap().starts_with(b"15"));
}

/// Names may hold what URLs and XML must escape.
pub async fn odd_names_are_names(bucket: &impl Bucket) {
    let store = bucket.open().await;
    let mut names =
        ["odd/a b", "odd/a+b", "odd/a%2Fb", "odd/ä€", "odd/<&>", "odd/~x", "odd/=,'()"].map(str::to_owned);
    names.sort();
    for name in &names {
        store.put(name, bytes(name)).await.unwrap();
    }
    for name in &names {
        assert_eq!(store.get(name).await.unwrap().as_deref(), Some(name.as_bytes()), "{name}");
    }
    let listed: Vec<String> =
        store.list("odd/", "").await.unwrap().into_iter().map(|object| object.name).collect();
    assert_eq!(listed, names);
}

/// A name that is taken stays what it is, and who comes second is told what.
pub async fn put_new_never_overwrites(bucket: &impl Bucket) {
    let (one, two) = (bucket.open().await, bucket.open().await);
    assert_eq!(one.put_new("new", bytes("first")).await.unwrap(), Put::Created);
    assert_eq!(one.put_new("new", bytes("first")).await.unwrap(), Put::Created, "the same bytes");
    assert_eq!(two.put_new("new", bytes("other")).await.unwrap(), Put::Exists(bytes("first")));
    assert_eq!(two.get("new").await.unwrap(), Some(bytes("first")));
}

/// Of many that put at once one wins, and all agree on which.
pub async fn of_many_writers_one_wins(bucket: &impl Bucket) {
    for round in 0..8 {
        let name = format!("race/{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let (store, name) = (bucket.open().await, name.clone());
            writers
                .spawn(async move { (writer, store.put_new(&name, bytes(&writer.to_string())).await.unwrap()) });
        }
        let outcomes = writers.join_all().await;
        let winner = bucket.open().await.get(&name).await.unwrap().unwrap();
        for (writer, put) in outcomes {
            let due = match winner == bytes(&writer.to_string()) {
                true => Put::Created,
                false => Put::Exists(winner.clone()),
            };
            assert_eq!(put, due, "round {round}, writer {writer}");
        }
    }
}

/// Objects of more than a part come back whole, and an upload of what is there is no harm.
pub async fn large_objects_go_up_and_come_down(bucket: &impl Bucket) {
    let store = bucket.open().await;
    for size in [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, (16 << 20) + 1, 41 << 20] {
        let body: Vec<u8> = (0..=250u8).cycle().take(size).collect();
        let name = format!("large/{size}");
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &body).unwrap();
        let blob = Blob::File(Arc::new(file), size as u64);
        store.upload(&name, &blob, false).await.unwrap();
        store.upload(&name, &blob, false).await.unwrap();
        store.upload(&name, &blob, true).await.unwrap();
        assert_eq!(store.size(&name).await.unwrap(), Some(size as u64));
        let mut sink = Sink(Vec::new());
        assert!(store.download(&name, &mut sink).await.unwrap());
        assert!(sink.0 == body, "{size}");
    }
    assert!(!store.download("large/none", &mut Sink(Vec::new())).await.unwrap());
}

/// Listings come in order of the names' bytes, as many pages as it takes, and begin after a name.
pub async fn listings_are_in_order_and_in_pages(bucket: &impl Bucket) {
    let store = bucket.open().await;
    let names: Vec<String> = (0..1100).map(|n| format!("list/{n:05}")).collect();
    let mut puts = tokio::task::JoinSet::new();
    for name in names.clone() {
        let store = store.clone();
        puts.spawn(async move { store.put(&name, bytes("x")).await.unwrap() });
    }
    puts.join_all().await;
    store.put("list.other", bytes("x")).await.unwrap();
    let listed = |found: Vec<super::Listed>| found.into_iter().map(|object| object.name).collect::<Vec<_>>();
    assert_eq!(listed(store.list("list/", "").await.unwrap()), names);
    assert_eq!(listed(store.list("list/", "list/01095").await.unwrap()), names[1096..]);
    assert!(store.list("nothing/", "").await.unwrap().is_empty());
}

/// What is removed is gone for everybody, and its name is free.
pub async fn what_is_removed_is_gone(bucket: &impl Bucket) {
    let (one, two) = (bucket.open().await, bucket.open().await);
    one.put("gone/1", bytes("x")).await.unwrap();
    one.put("gone/2", bytes("x")).await.unwrap();
    one.remove(&["gone/1".to_owned(), "gone/never".to_owned()]).await.unwrap();
    assert_eq!(two.get("gone/1").await.unwrap(), None);
    assert_eq!(two.get("gone/2").await.unwrap(), Some(bytes("x")));
    assert_eq!(two.put_new("gone/1", bytes("y")).await.unwrap(), Put::Created);
}

/// Each request counts, and so do its bytes.
pub async fn requests_are_counted(bucket: &impl Bucket) {
    let store = bucket.open().await;
    store.put("count", bytes("12345")).await.unwrap();
    store.get("count").await.unwrap();
    store.get("count/not").await.unwrap();
    store.size("count").await.unwrap();
    store.list("count", "").await.unwrap();
    store.remove(&["count".to_owned()]).await.unwrap();
    let traffic = store.traffic();
    assert_eq!((traffic.puts, traffic.gets, traffic.heads, traffic.lists, traffic.deletes), (1, 2, 1, 1, 1));
    assert_eq!((traffic.bytes_up, traffic.bytes_down, traffic.requests()), (5, 5, 6));
}
