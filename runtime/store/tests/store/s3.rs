//! S3 itself: the suites over real servers, which `tests/tools/servers.sh` starts.

use std::sync::Arc;
use wrun_core::digest::Digest;
use wrun_store::Store;
use wrun_store::conformance::Home;
use wrun_store::local::LocalStore;
use wrun_store::objects::conformance::Bucket;
use wrun_store::objects::s3::{S3Objects, S3Options};
use wrun_store::objects::{Fault, Objects};
use wrun_store::tiered::TieredStore;

/// A server under test.
#[derive(Copy, Clone, Debug)]
struct Server {
    variable: &'static str,
    access: &'static str,
    secret: &'static str,
}

const MINISTACK: Server = Server { variable: "WRUN_TEST_MINISTACK", access: "test", secret: "test" };
const RADOSGW: Server = Server { variable: "WRUN_TEST_RADOSGW", access: "test", secret: "testtest" };

/// A prefix of its own for each test, in one bucket.
struct Prefix {
    server: Server,
    name: String,
}

impl Server {
    fn endpoint(self) -> String {
        std::env::var(self.variable).unwrap_or_else(|_| {
            panic!("{} is not set; start the servers with: eval \"$(tests/tools/servers.sh)\"", self.variable)
        })
    }

    fn prefix(self) -> Prefix {
        let name = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
        Prefix { server: self, name: Digest::of_blob(name.as_bytes()).to_hex()[..16].to_owned() }
    }

    async fn objects(self, bucket: &str, prefix: &str) -> S3Objects {
        let options = S3Options {
            region: Some("us-east-1".into()),
            endpoint: Some(self.endpoint()),
            keys: Some((self.access.into(), self.secret.into())),
            ..S3Options::default()
        };
        S3Objects::open(bucket, prefix, &options).await
    }
}

const BUCKET: &str = "wrun-tests";

impl Bucket for Prefix {
    async fn open(&self) -> Arc<dyn Objects> {
        // By another client: requests are counted.
        self.server.objects(BUCKET, "").await.make_bucket().await.unwrap();
        Arc::new(self.server.objects(BUCKET, &self.name).await)
    }
}

/// One machine whose processes share a cache, in front of the bucket.
struct Machine {
    cache: crate::suite::LocalHome,
    prefix: Prefix,
}

impl Machine {
    fn new(server: Server) -> Self {
        Self { cache: crate::suite::LocalHome(tempfile::tempdir().unwrap()), prefix: server.prefix() }
    }

    fn objects(&self) -> Arc<dyn Objects> {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.prefix.open()))
    }

    fn forget(&self, digest: Digest) {
        let hex = digest.to_hex();
        let name = format!("cas/{}/{}", &hex[..2], &hex[2..]);
        let objects = self.objects();
        let removed = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async { objects.remove(&[name]).await })
        });
        removed.unwrap();
    }
}

impl Home for Machine {
    fn open(&self) -> Arc<dyn Store> {
        TieredStore::through(LocalStore::open(self.cache.0.path()).unwrap(), self.objects())
    }

    fn corrupt(&self, digest: Digest) -> bool {
        self.forget(digest);
        self.cache.corrupt(digest)
    }

    fn remove(&self, digest: Digest) {
        self.forget(digest);
        self.cache.remove(digest);
    }
}

mod ministack {
    mod objects {
        use crate::s3::{MINISTACK, Prefix};
        fn bucket() -> Prefix {
            MINISTACK.prefix()
        }
        wrun_store::objects_suite!(bucket);
    }
    mod store {
        use crate::s3::{MINISTACK, Machine};
        fn home() -> Machine {
            Machine::new(MINISTACK)
        }
        wrun_store::conformance_suite!(home);
    }
}

mod radosgw {
    mod objects {
        use crate::s3::{Prefix, RADOSGW};
        fn bucket() -> Prefix {
            RADOSGW.prefix()
        }
        wrun_store::objects_suite!(bucket);
    }
    mod store {
        use crate::s3::{Machine, RADOSGW};
        fn home() -> Machine {
            Machine::new(RADOSGW)
        }
        wrun_store::conformance_suite!(home);
    }
}

#[tokio::test]
async fn each_refusal_of_radosgw_is_told_apart() {
    let fault = async |server: Server, bucket: &str| {
        let objects = server.objects(bucket, "p").await;
        objects.get("name").await.map_err(|error| error.fault)
    };
    assert_eq!(fault(RADOSGW, "no-such-bucket-at-all").await, Err(Fault::NoBucket));
    assert_eq!(fault(Server { access: "nobody", ..RADOSGW }, BUCKET).await, Err(Fault::Credentials));
    assert_eq!(fault(Server { secret: "wrong", ..RADOSGW }, BUCKET).await, Err(Fault::Denied));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_no_absence() {
    let error = MINISTACK.objects("no-such-bucket-at-all", "p").await.get("name").await.unwrap_err();
    assert_eq!(error.fault, Fault::NoBucket, "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let options = S3Options {
        endpoint: Some("http://127.0.0.1:1".into()),
        region: Some("us-east-1".into()),
        keys: Some(("a".into(), "b".into())),
        ..S3Options::default()
    };
    let error = S3Objects::open("bucket", "", &options).await.get("name").await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable, "{error}");
}
