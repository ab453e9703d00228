//! Buckets, over objects in memory.

use super::*;
use crate::objects::memory::{MemoryObjects, Trouble};
use crate::objects::{Fault, ObjectError, Traffic};
use async_trait::async_trait;

pub(super) struct There {
    pub(super) memory: Arc<MemoryStore>,
    pub(super) store: Arc<dyn Store>,
    pub(super) sources: Sources,
}

pub(super) fn over(sources: Sources) -> There {
    let memory = Arc::new(MemoryStore::default());
    There { store: memory.clone(), memory, sources }
}

impl There {
    pub(super) fn ask(&self, uri: &str, mode: ExternalMode, rule: Rule) -> Result<Found, ExternalError> {
        let request = Request { place: Place::There(uri.to_owned()), mode, rule };
        block_on(find(&self.store, &self.sources, &[request])).unwrap().pop().unwrap()
    }

    pub(super) fn find(&self, uri: &str) -> Result<Found, ExternalError> {
        self.ask(uri, ExternalMode::Content, Rule::default())
    }

    pub(super) fn error(&self, uri: &str) -> ExternalError {
        match self.find(uri) {
            Ok(found) => panic!("found {:?}", paths(found.dir())),
            Err(error) => error,
        }
    }

    /// What a task would read.
    pub(super) fn brought(&self, found: &Found) -> Vec<(String, Vec<u8>)> {
        super::brought(&self.store, found)
    }
}

fn bucket(objects: &[(&str, &str)]) -> (There, MemoryObjects) {
    let bucket = MemoryObjects::default();
    objects.iter().for_each(|(name, text)| bucket.plant(name, text.as_bytes()));
    (over(Sources::default().with("s3://b", Arc::new(bucket.clone()))), bucket)
}

fn requests(there: &There) -> (u64, u64, u64) {
    let traffic = there.sources.traffic();
    (traffic.heads, traffic.lists, traffic.gets)
}

fn text(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.to_owned(), text.as_bytes().to_vec())
}

#[test]
fn an_object_a_prefix_and_a_glob_are_files() {
    let (there, _) =
        bucket(&[("in/a.csv", "1"), ("in/b/c.csv", "2"), ("in/b/d.txt", "3"), ("in/", ""), ("in2", "4")]);
    let found = |uri: &str| there.brought(&there.find(uri).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(found("s3://b/in/a.csv"), [text("a.csv", "1")]);
    let all = [text("a.csv", "1"), text("b/c.csv", "2"), text("b/d.txt", "3")];
    assert_eq!(found("s3://b/in/"), all);
    assert_eq!(found("s3://b/in"), all, "what is no object is a prefix");
    assert_eq!(found("s3://b/in/*.csv"), [text("a.csv", "1")]);
    assert_eq!(found("s3://b/in/**/*.csv"), [text("a.csv", "1"), text("b/c.csv", "2")]);
    assert!(matches!(there.error("s3://b/in/*.parquet"), ExternalError::NoMatch(_)));
    assert!(matches!(there.error("s3://b/nothing"), ExternalError::Missing(_)));
    assert!(matches!(there.error("s3:///key"), ExternalError::Address { .. }));
    let place = place(&[("in/a.csv", "1"), ("in/b/c.csv", "2"), ("in/b/d.txt", "3")]);
    assert_eq!(there.find("s3://b/in/").ok().unwrap().digest, place.find("in").ok().unwrap().digest);
}

#[test]
fn what_is_remembered_costs_one_request_and_no_download() {
    let (there, bucket) = bucket(&[("in/a", "1"), ("in/b", "2")]);
    let before = there.find("s3://b/in/a").ok().unwrap();
    assert_eq!(requests(&there), (1, 0, 1));
    let after = there.find("s3://b/in/a").ok().unwrap();
    assert_eq!((after.digest, requests(&there)), (before.digest, (2, 0, 1)));
    there.find("s3://b/in/").ok().unwrap();
    assert_eq!(requests(&there), (2, 1, 2), "one of the two was known already");
    assert_eq!(there.brought(&after), [text("a", "1")]);
    assert_eq!(requests(&there), (2, 1, 2), "its bytes are here");
    there.memory.drop_all_blobs();
    assert_eq!(there.brought(&after), [text("a", "1")]);
    bucket.plant("in/a", b"other");
    assert_ne!(there.find("s3://b/in/a").ok().unwrap().digest, before.digest);
}

#[test]
fn what_moves_or_vanishes_half_way_is_an_error_and_no_absence() {
    let (there, bucket) = bucket(&[("in/a", "1")]);
    let found = there.find("s3://b/in/a").ok().unwrap();
    there.memory.drop_all_blobs();
    let bring = || match block_on(found.bring(&there.store)) {
        Err(BringError::External(error)) => error,
        _ => panic!("it was brought"),
    };
    bucket.plant("in/a", b"2");
    assert!(matches!(bring(), ExternalError::Changed(path) if path.ends_with("in/a")));
    bucket.vanish("in/a");
    let error = bring();
    assert!(matches!(&error, ExternalError::Vanished(path) if path.ends_with("in/a")));
    assert!(!error.is_missing());
}

/// A bucket from which what was listed is gone a moment later.
struct Fleeting(MemoryObjects);

#[async_trait]
impl Origin for Fleeting {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn look(&self, key: &str) -> Result<Option<Seen>, ObjectError> {
        self.0.look(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Seen>, ObjectError> {
        let listed = Origin::list(&self.0, prefix).await;
        self.0.vanish("in/b");
        listed
    }

    async fn read(&self, seen: &Seen, store: &Arc<dyn Store>) -> Result<Landed, ReadError> {
        self.0.read(seen, store).await
    }

    fn traffic(&self) -> Traffic {
        Origin::traffic(&self.0)
    }
}

#[test]
fn a_listing_that_is_over_while_it_is_read_is_an_error() {
    let bucket = MemoryObjects::default();
    ["in/a", "in/b", "in/c"].iter().for_each(|name| bucket.plant(name, name.as_bytes()));
    let there = over(Sources::default().with("s3://b", Arc::new(Fleeting(bucket))));
    let error = there.error("s3://b/in/");
    assert!(matches!(&error, ExternalError::Vanished(path) if path.ends_with("in/b")), "{error}");
    assert!(!error.hint().is_empty());
}

#[test]
fn a_server_that_fails_is_an_error_and_no_absence() {
    let (there, bucket) = bucket(&[("in/a", "1")]);
    bucket.order("in/a", Trouble::Before(Fault::Server));
    assert!(there.find("s3://b/in/a").is_ok(), "that passed");
    bucket.deny("in/secret");
    for uri in ["s3://b/in/secret", "s3://b/in/secret/*"] {
        let error = there.error(uri);
        assert!(matches!(&error, ExternalError::Remote(error) if error.fault == Fault::Denied), "{error}");
        assert!(!error.is_missing());
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn what_is_denied_in_a_bucket_may_be_missing() {
    let why = "AccessDenied".to_owned();
    let error = ObjectError { doing: "look at", uri: "s3://b/in/a".into(), fault: Fault::Denied, why };
    assert!(ExternalError::from(error).hint().contains("s3:ListBucket"));
}

#[test]
fn a_listing_costs_no_download() {
    let (there, bucket) = bucket(&[("in/a", "1"), ("in/b", "22")]);
    let listing = || there.ask("s3://b/in/", ExternalMode::Listing, Rule::default()).ok().unwrap();
    let before = listing();
    assert_eq!(there.brought(&before), [text("listing", "1\ta\n2\tb\n")]);
    bucket.plant("in/a", b"9");
    assert_eq!(listing().digest, before.digest);
    assert_eq!(requests(&there), (0, 2, 0));
}

#[test]
fn without_its_marker_it_is_missing() {
    let (there, bucket) = bucket(&[("in/day/a", "1")]);
    let rule = Rule { marker: Some("_SUCCESS".into()), ..Rule::default() };
    let find = |uri: &str| there.ask(uri, ExternalMode::Content, rule.clone());
    for uri in ["s3://b/in/day/", "s3://b/in/day/*", "s3://b/in/day/a"] {
        let error = find(uri).err().unwrap();
        assert!(error.is_missing());
        assert!(error.to_string().contains("s3://b/in/day/_SUCCESS"), "{error}");
    }
    bucket.plant("in/day/_SUCCESS", b"");
    assert_eq!(there.brought(&find("s3://b/in/day/a").ok().unwrap()), [text("a", "1")]);
    assert!(find("s3://b/in/day/").is_ok());
    let place = place(&[("day/a", "1")]);
    let here = |place: &Local| {
        let mut request = Request::new(place.path("day"), ExternalMode::Content);
        request.rule.clone_from(&rule);
        block_on(find_all(place, &request))
    };
    assert!(here(&place).err().unwrap().is_missing());
    place.write("day/_SUCCESS", b"");
    assert!(here(&place).is_ok());
}

async fn find_all(place: &Local, request: &Request) -> Result<Found, ExternalError> {
    find(&place.store, &Sources::default(), std::slice::from_ref(request)).await.unwrap().pop().unwrap()
}

#[test]
fn a_digest_pins_and_what_is_pinned_and_here_asks_nobody() {
    let (there, bucket) = bucket(&[("in/a", "1"), ("in/b", "2")]);
    let ask = |uri: &str, digest| {
        there.ask(uri, ExternalMode::Content, Rule { digest: Some(digest), ..Rule::default() })
    };
    let due = Digest::of_blob(b"1");
    assert_eq!(there.brought(&ask("s3://b/in/a", due).ok().unwrap()), [text("a", "1")]);
    let before = requests(&there);
    bucket.vanish("in/a");
    assert_eq!(there.brought(&ask("s3://b/in/a", due).ok().unwrap()), [text("a", "1")]);
    assert_eq!(requests(&there), before);
    let error = ask("s3://b/in/b", due).err();
    assert!(error.is_none(), "the bytes are here, under whatever name");
    there.memory.drop_all_blobs();
    let error = ask("s3://b/in/b", due).err().unwrap();
    let found = Digest::of_blob(b"2");
    assert!(matches!(error, ExternalError::Pinned { found: it, page: false, .. } if it == found));
    let tree = there.find("s3://b/in/").ok().unwrap().digest;
    assert!(ask("s3://b/in/", tree.0).is_ok());
    assert!(matches!(ask("s3://b/in/", due), Err(ExternalError::Pinned { .. })));
}

#[test]
fn a_weaker_pin_is_not_read_before_it_is_brought() {
    for (weak, kind, heads) in [(Weak::Etag, InputKind::Etag, 0), (Weak::VersionId, InputKind::VersionId, 2)] {
        let (there, bucket) = bucket(&[("in/a", "1"), ("in/b", "2")]);
        let rule = Rule { pin: Some(weak), ..Rule::default() };
        let ask = || there.ask("s3://b/in/", ExternalMode::Content, rule.clone()).ok().unwrap();
        let found = ask();
        assert_eq!((found.kind, requests(&there)), (kind, (heads, 1, 0)));
        assert_ne!(found.digest, there.find("s3://b/in/").ok().unwrap().digest);
        assert_eq!(there.brought(&found), [text("a", "1"), text("b", "2")]);
        assert_eq!(ask().digest, found.digest);
        bucket.pass(1);
        bucket.plant("in/a", b"9");
        assert_ne!(ask().digest, found.digest);
        there.memory.drop_all_blobs();
        assert!(matches!(
            block_on(found.bring(&there.store)),
            Err(BringError::External(ExternalError::Changed(_)))
        ));
    }
    let place: Local = place(&[("a", "1")]);
    let mut request = Request::new(place.path("a"), ExternalMode::Content);
    request.rule.pin = Some(Weak::Etag);
    assert!(matches!(block_on(find_all(&place, &request)), Err(ExternalError::NoPin { .. })));
}

#[test]
fn what_is_given_by_reference_is_never_read() {
    for (pin, heads) in [(None, 0), (Some(Weak::VersionId), 2)] {
        let (there, bucket) = bucket(&[("in/a", "1"), ("in/b", "22")]);
        let rule = Rule { by: By::Reference, pin, ..Rule::default() };
        let ask = || there.ask("s3://b/in/", ExternalMode::Content, rule.clone()).ok().unwrap();
        let found = ask();
        assert_eq!((found.kind, requests(&there)), (InputKind::Reference, (heads, 1, 0)));
        let shown = there.brought(&found);
        let [(name, lines)] = &shown[..] else { panic!("{shown:?}") };
        let lines: Vec<Vec<&str>> =
            std::str::from_utf8(lines).unwrap().lines().map(|line| line.split('\t').collect()).collect();
        let columns = |line: &[&str]| (line[0].to_owned(), line[2].to_owned(), line[3].to_owned());
        let due = |size: &str, name: &str| (size.to_owned(), format!("s3://b/in/{name}"), name.to_owned());
        assert_eq!(name, "reference");
        assert_eq!(lines.iter().map(|line| columns(line)).collect::<Vec<_>>(), [due("1", "a"), due("2", "b")]);
        assert!(lines.iter().all(|line| !line[1].is_empty()), "what the server says is the pin");
        assert_eq!(requests(&there), (heads, 1, 0), "nothing was read to show it");
        assert_eq!(ask().digest, found.digest);
        bucket.pass(1);
        bucket.plant("in/a", b"9");
        assert_ne!(ask().digest, found.digest);
    }
    let place: Local = place(&[("a", "1")]);
    let mut request = Request::new(place.path("a"), ExternalMode::Content);
    request.rule.by = By::Reference;
    assert!(matches!(block_on(find_all(&place, &request)), Err(ExternalError::NoReference(_))));
}
