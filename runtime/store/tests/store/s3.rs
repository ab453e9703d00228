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
    /// Where it is; ministack stands in for a radosgw that cannot be had here, as test.sh says.
    fn endpoint(self) -> String {
        match std::env::var(self.variable).as_deref() {
            Ok("none") => MINISTACK.endpoint(),
            Ok(url) => url.to_owned(),
            Err(_) => {
                panic!("{} is not set; start the servers with: eval \"$(tests/tools/servers.sh)\"", self.variable)
            }
        }
    }

    fn is_here(self) -> bool {
        std::env::var(self.variable).as_deref() != Ok("none")
    }

    fn prefix(self) -> Prefix {
        let name = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
        Prefix { server: self, name: Digest::of_blob(name.as_bytes()).to_hex()[..16].to_owned() }
    }

    fn options(self) -> S3Options {
        S3Options {
            region: Some("us-east-1".into()),
            endpoint: Some(self.endpoint()),
            keys: Some((self.access.into(), self.secret.into())),
            ..S3Options::default()
        }
    }

    async fn objects(self, bucket: &str, prefix: &str) -> S3Objects {
        S3Objects::open(bucket, prefix, &self.options()).await
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
async fn each_refusal_is_told_apart() {
    let fault = async |server: Server, bucket: &str| {
        let objects = server.objects(bucket, "p").await;
        objects.get("name").await.map_err(|error| error.fault)
    };
    assert_eq!(fault(MINISTACK, "no-such-bucket-at-all").await, Err(Fault::NoBucket));
    if !RADOSGW.is_here() {
        return;
    }
    assert_eq!(fault(RADOSGW, "no-such-bucket-at-all").await, Err(Fault::NoBucket));
    assert_eq!(fault(Server { access: "no-such-key", ..RADOSGW }, BUCKET).await, Err(Fault::Credentials));
    assert_eq!(fault(Server { secret: "wrong", ..RADOSGW }, BUCKET).await, Err(Fault::Denied));
}

#[tokio::test(flavor = "multi_thread")]
async fn externals_are_read_from_real_servers() {
    use wrun_core::plan::ExternalMode;
    use wrun_store::external::{ExternalError, HttpOptions, Place, Request, Rule, Sources, Weak, find};
    for server in [MINISTACK, RADOSGW] {
        let prefix = server.prefix();
        let objects = prefix.open().await;
        let large: Arc<[u8]> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        objects.put("in/large", large.clone()).await.unwrap();
        objects.put("in/empty", Arc::default()).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(wrun_store::memory::MemoryStore::default());
        let sources = Sources::new(server.options(), HttpOptions::default());
        let ask = async |name: &str, rule: Rule| {
            let place = Place::There(format!("s3://{BUCKET}/{}/{name}", prefix.name));
            let request = Request { place, mode: ExternalMode::Content, rule };
            find(&store, &sources, &[request]).await.unwrap().pop().unwrap()
        };
        let found = ask("in/", Rule::default()).await.unwrap_or_else(|error| panic!("{error}"));
        let files = found.dir().tree().unwrap();
        let sizes: Vec<_> = files.entries().iter().map(|entry| (entry.name.as_str(), entry.size)).collect();
        assert_eq!(sizes, [("empty", 0), ("large", large.len() as u64)]);
        let gets = sources.traffic().gets;
        let one = ask("in/large", Rule::default()).await.unwrap_or_else(|error| panic!("{error}"));
        let digest = one.dir().tree().unwrap().entries()[0].digest;
        assert_eq!(digest, Digest::of_blob(&large));
        assert_eq!(sources.traffic().gets, gets, "what the listing said of it is what is said of itself");
        let weak = ask("in/", Rule { pin: Some(Weak::Etag), ..Rule::default() }).await;
        let weak = weak.unwrap_or_else(|error| panic!("{error}"));
        objects.put("in/large", Arc::from(*b"other")).await.unwrap();
        assert!(ask("in/large", Rule::default()).await.is_ok_and(|now| now.digest != one.digest));
        let moved = weak.bring(&store).await;
        // The old bytes are remembered by their ETag, and are here: no matter what lies there by now.
        assert!(moved.is_ok());
        assert!(ask("none", Rule::default()).await.is_err_and(|error| error.is_missing()));
        let version = ask("in/", Rule { pin: Some(Weak::VersionId), ..Rule::default() }).await;
        assert!(matches!(version, Err(ExternalError::NoPin { .. })), "the bucket keeps no versions");
    }
}
