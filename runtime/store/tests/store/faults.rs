//! What a server and the network between may do to S3 requests: each is repeated, or an error of its own kind.

use crate::fake_s3::{FakeS3, Fault as Trouble};
use std::sync::Arc;
use std::time::Duration;
use wrun_core::digest::Digest;
use wrun_store::local::LocalStore;
use wrun_store::objects::s3::{S3Objects, S3Options};
use wrun_store::objects::{Fault, Objects, Put};
use wrun_store::tiered::TieredStore;
use wrun_store::{Blob, BlobKind, Bytes, Staged, Store, StoreError, Write};

const SLOW_DOWN: Trouble = Trouble::Status(503, "SlowDown");

async fn objects(server: &FakeS3, patience: Duration) -> S3Objects {
    let options = S3Options {
        region: Some("us-east-1".into()),
        endpoint: Some(server.url().to_owned()),
        keys: Some(("test".into(), "test".into())),
        patience: Some(patience),
        ..S3Options::default()
    };
    S3Objects::open("bucket", "p", &options).await
}

/// A server, and a client that waits long: only what must time out may.
async fn pair() -> (FakeS3, S3Objects) {
    let server = FakeS3::start();
    let objects = objects(&server, Duration::from_secs(30)).await;
    (server, objects)
}

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn file(size: usize) -> (Vec<u8>, Blob) {
    let body: Vec<u8> = (0..=250u8).cycle().take(size).collect();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &body).unwrap();
    (body, Blob::File(Arc::new(file), size as u64))
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
    fn path(&self) -> Option<&std::path::Path> {
        None
    }
    fn touched(&mut self) {}
}

mod suite {
    use super::{FakeS3, Objects, S3Objects, objects};
    use std::sync::Arc;
    use std::time::Duration;
    use wrun_store::objects::conformance::Bucket;

    struct Fake(FakeS3);

    impl Bucket for Fake {
        async fn open(&self) -> Arc<dyn Objects> {
            let objects: S3Objects = objects(&self.0, Duration::from_secs(30)).await;
            Arc::new(objects)
        }
    }

    fn bucket() -> Fake {
        Fake(FakeS3::start())
    }

    wrun_store::objects_suite!(bucket);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for trouble in [
        SLOW_DOWN,
        Trouble::Status(429, "TooManyRequests"),
        Trouble::Status(500, "InternalError"),
        Trouble::Status(502, ""),
        Trouble::Status(504, ""),
        Trouble::Status(408, "RequestTimeout"),
        Trouble::Reset,
    ] {
        let (server, objects) = pair().await;
        server.order("", "", trouble, 2);
        assert_eq!(objects.put_new("a", bytes("x")).await.unwrap(), Put::Created, "{trouble:?}");
        server.order("GET", "a", trouble, 2);
        assert_eq!(objects.get("a").await.unwrap(), Some(bytes("x")), "{trouble:?}");
        server.order("HEAD", "a", trouble, 1);
        assert_eq!(objects.size("a").await.unwrap(), Some(1), "{trouble:?}");
        server.order("GET", "bucket", trouble, 1);
        assert_eq!(objects.list("", "").await.unwrap().len(), 1, "{trouble:?}");
        assert_eq!(objects.traffic().retries, 6, "{trouble:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_in_the_end() {
    for (trouble, due) in [
        (SLOW_DOWN, Fault::Throttled),
        (Trouble::Status(500, "InternalError"), Fault::Server),
        (Trouble::Reset, Fault::Unreachable),
    ] {
        let server = FakeS3::start();
        let objects = objects(&server, Duration::from_secs(1)).await;
        server.order("", "", trouble, 1000);
        let error = objects.get("a").await.unwrap_err();
        assert_eq!(error.fault, due, "{error}");
        assert_eq!((error.uri.as_str(), error.doing), ("s3://bucket/p/a", "read"));
        assert_eq!(server.count("GET", "a"), 6, "{error}");
        let error = objects.put_new("a", bytes("x")).await.unwrap_err();
        assert_eq!(error.fault, due, "{error}");
        assert!(server.names().is_empty());
    }
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_says_whose_it_is() {
    for (status, code, due) in [
        (403, "AccessDenied", Fault::Denied),
        (403, "SignatureDoesNotMatch", Fault::Denied),
        (400, "ExpiredToken", Fault::Credentials),
        (403, "InvalidAccessKeyId", Fault::Credentials),
        (403, "RequestTimeTooSkewed", Fault::ClockSkew),
        (404, "NoSuchBucket", Fault::NoBucket),
        (301, "PermanentRedirect", Fault::Region),
        (400, "AuthorizationHeaderMalformed", Fault::Region),
        (501, "NotImplemented", Fault::Unsupported),
    ] {
        let (server, objects) = pair().await;
        server.order("", "", Trouble::Status(status, code), 1000);
        let errors = [
            objects.get("a").await.unwrap_err(),
            objects.put_new("a", bytes("x")).await.unwrap_err(),
            objects.list("a", "").await.unwrap_err(),
            objects
                .download("a", &mut Sink(Vec::new()))
                .await
                .map_err(|error| match error {
                    wrun_store::objects::DownloadError::Object(error) => error,
                    wrun_store::objects::DownloadError::Store(error) => panic!("{error}"),
                })
                .unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.fault, due, "{error}");
            assert!(error.why.contains(code) && error.fault.hint().is_some(), "{error}");
        }
        assert_eq!(server.requests().len(), 4, "{code}");
    }
}

#[tokio::test]
async fn a_hung_server_is_left_and_asked_again() {
    let server = FakeS3::start();
    let objects = objects(&server, Duration::from_millis(300)).await;
    objects.put("a", bytes("some bytes")).await.unwrap();
    for trouble in [Trouble::Hung, Trouble::Stalled] {
        server.order("GET", "a", trouble, 1);
        assert_eq!(objects.get("a").await.unwrap(), Some(bytes("some bytes")), "{trouble:?}");
    }
    server.order("PUT", "a", Trouble::Hung, 1);
    objects.put("a", bytes("other")).await.unwrap();
    server.order("GET", "a", Trouble::Hung, 1000);
    let error = objects.get("a").await.unwrap_err();
    assert_eq!(error.fault, Fault::TimedOut, "{error}");
}

#[tokio::test]
async fn half_a_body_is_not_taken_for_the_whole() {
    let (server, objects) = pair().await;
    objects.put("a", bytes("some bytes")).await.unwrap();
    server.order("GET", "a", Trouble::Truncated, 2);
    assert_eq!(objects.get("a").await.unwrap(), Some(bytes("some bytes")));
    let (body, blob) = file((20 << 20) + 1);
    objects.upload("large", &blob, false).await.unwrap();
    server.order("GET", "large", Trouble::Truncated, 3);
    server.order("GET", "large", Trouble::Reset, 2);
    let mut sink = Sink(Vec::new());
    assert!(objects.download("large", &mut sink).await.unwrap());
    assert!(sink.0 == body);
}

#[tokio::test]
async fn what_does_not_come_in_one_answer_comes_in_ranges() {
    let server = FakeS3::start();
    let (body, _) = file(80 << 20);
    server.plant("bucket/p/large", &body);
    for trouble in [Trouble::None, Trouble::Truncated, Trouble::Stalled, Trouble::Reset] {
        let objects = objects(&server, Duration::from_secs(1)).await;
        server.forget_requests();
        server.order("GET", "large", Trouble::None, 1);
        server.order("GET", "large", trouble, 1);
        let mut sink = Sink(Vec::new());
        assert!(objects.download("large", &mut sink).await.unwrap());
        assert!(sink.0 == body, "{trouble:?}");
        server.recover();
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_listing() {
    let server = FakeS3::start();
    let objects = objects(&server, Duration::from_secs(1)).await;
    server.order("GET", "bucket", Trouble::Page, 1000);
    let error = objects.list("", "").await.unwrap_err();
    assert_eq!(error.fault, Fault::Garbled, "{error}");
}

#[tokio::test]
async fn a_reply_that_was_lost_is_no_race() {
    let (server, objects) = pair().await;
    server.order("PUT", "a", Trouble::LostReply, 1);
    assert_eq!(objects.put_new("a", bytes("x")).await.unwrap(), Put::Created);
    assert_eq!(objects.put_new("a", bytes("y")).await.unwrap(), Put::Exists(bytes("x")));
    let (body, blob) = file(17 << 20);
    server.order("POST", "large", Trouble::LostReply, 2);
    server.order("PUT", "large", Trouble::LostReply, 2);
    objects.upload("large", &blob, false).await.unwrap();
    assert!(server.read("bucket/p/large").unwrap() == body);
}

#[tokio::test]
async fn it_is_there_is_confirmed_by_a_look() {
    let (server, objects) = pair().await;
    // A racing put that never lands.
    server.order("PUT", "a", Trouble::Status(409, "ConditionalRequestConflict"), 2);
    assert_eq!(objects.put_new("a", bytes("x")).await.unwrap(), Put::Created);
    assert_eq!(server.read("bucket/p/a").as_deref(), Some(b"x".as_slice()));
    server.order("PUT", "b", Trouble::Status(409, "ConditionalRequestConflict"), 2);
    objects.upload("b", &Blob::Memory(bytes("x")), false).await.unwrap();
    assert_eq!(server.read("bucket/p/b").as_deref(), Some(b"x".as_slice()));
    server.order("PUT", "c", Trouble::Status(412, "PreconditionFailed"), 1000);
    let error = objects.put_new("c", bytes("x")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Server, "{error}");
}

#[tokio::test]
async fn an_upload_that_fails_leaves_no_parts() {
    let (server, objects) = pair().await;
    let (_, blob) = file(17 << 20);
    server.order("PUT", "large", Trouble::Status(403, "AccessDenied"), 1000);
    let error = objects.upload("large", &blob, false).await.unwrap_err();
    assert_eq!(error.fault, Fault::Denied, "{error}");
    assert_eq!((server.open_uploads(), server.names()), (0, vec![]));
}

#[tokio::test]
async fn uploads_that_were_abandoned_are_swept_and_no_others() {
    // The first instant of 2013, when the fake says that everything else began.
    const NOW: i64 = 1_356_998_400_000;
    const ABANDONED: usize = 23;
    let (server, objects) = pair().await;
    for i in 0..ABANDONED {
        server.abandon_upload(&format!("bucket/p/large-{}", i % 3));
    }
    server.abandon_upload("bucket/other/large");
    assert_eq!(objects.sweep_uploads(NOW).await.unwrap(), ABANDONED);
    assert_eq!((server.open_uploads(), server.count("DELETE", "bucket/p/large")), (1, ABANDONED));
    let week_before = NOW - 366 * 24 * 3600 * 1000;
    server.abandon_upload("bucket/p/large");
    assert_eq!(objects.sweep_uploads(week_before).await.unwrap(), 0, "it may be under way yet");
}

#[tokio::test]
async fn throttling_is_survived_by_many_at_once() {
    let server = FakeS3::start();
    let objects = Arc::new(objects(&server, Duration::from_secs(1)).await);
    // More than all first tries together.
    server.order("PUT", "", SLOW_DOWN, 150);
    let mut puts = tokio::task::JoinSet::new();
    for i in 0..100 {
        let objects = objects.clone();
        puts.spawn(async move { objects.put_new(&format!("n/{i}"), bytes("x")).await.unwrap() });
    }
    assert!(puts.join_all().await.iter().all(|put| *put == Put::Created));
    assert_eq!((server.names().len(), objects.traffic().throttled), (100, 150));
}

fn blob(content: &[u8]) -> (Digest, String) {
    let digest = Digest::of_blob(content);
    let hex = digest.to_hex();
    (digest, format!("bucket/p/cas/{}/{}", &hex[..2], &hex[2..]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bytes_never_enter_a_machine() {
    let folder = tempfile::tempdir().unwrap();
    let (server, objects) = pair().await;
    let store = TieredStore::new(LocalStore::open(folder.path()).unwrap(), Arc::new(objects));
    for content in [b"small".to_vec(), vec![7; 1 << 20]] {
        let (digest, name) = blob(&content);
        server.plant(&name, &content);
        server.order("GET", &name, Trouble::WrongBytes, 1);
        assert_eq!(store.fetch(&[(BlobKind::Blob, digest)]).await.unwrap(), [true], "damaged on the way");
        let blob = store.get(BlobKind::Blob, digest).unwrap().unwrap();
        assert!(blob.to_vec().unwrap() == content);
    }
    let (digest, name) = blob(b"due");
    server.plant(&name, b"duh");
    assert_eq!(store.fetch(&[(BlobKind::Blob, digest)]).await.unwrap(), [false], "damaged there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_heeds_no_conditions_is_refused_unless_told_so() {
    let tombstone = || vec![Write::Tombstone(1, bytes("one"))];
    let folder = tempfile::tempdir().unwrap();
    let (server, objects) = pair().await;
    server.ignore_conditions();
    let store = TieredStore::new(LocalStore::open(folder.path()).unwrap(), Arc::new(objects));
    for _ in 0..2 {
        let error = store.commit(tombstone()).await.unwrap_err();
        let StoreError::Remote(error) = error else { panic!("{error}") };
        assert_eq!(error.fault, Fault::Unsupported, "{error}");
        assert!(error.why.contains("If-None-Match"), "{error}");
        assert!(!server.names().iter().any(|name| name.contains("format") || name.ends_with('1')));
    }
    let options = S3Options {
        region: Some("us-east-1".into()),
        endpoint: Some(server.url().to_owned()),
        keys: Some(("test".into(), "test".into())),
        conditional: Some(false),
        ..S3Options::default()
    };
    let objects = S3Objects::open("bucket", "p", &options).await;
    let store = TieredStore::new(LocalStore::open(folder.path()).unwrap(), Arc::new(objects));
    store.commit(tombstone()).await.unwrap();
    assert!(server.read("bucket/p/tomb/0000000000000001").is_some());
}
