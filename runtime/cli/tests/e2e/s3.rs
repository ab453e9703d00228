//! A store in a bucket, over a server that `tests/tools/servers.sh` starts. A world is a machine.

use crate::env::{DAYS, TestEnv};
use wrun_core::digest::Digest;
use wrun_store::objects::Objects as _;
use wrun_store::objects::s3::{S3Objects, S3Options};

const BUCKET: &str = "wrun-tests";

fn endpoint() -> String {
    std::env::var("WRUN_TEST_MINISTACK").unwrap_or_else(|_| {
        panic!(
            "WRUN_TEST_MINISTACK is not set; start the server with: eval \"$(tests/tools/servers.sh ministack)\""
        )
    })
}

/// A prefix that no other test has.
fn prefix() -> String {
    let name = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    Digest::of_blob(name.as_bytes()).to_hex()[..16].to_owned()
}

/// A new machine in front of a prefix.
fn machine(prefix: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("AWS_ACCESS_KEY_ID", "test");
    env.set("AWS_SECRET_ACCESS_KEY", "test");
    env.write(
        "wrun.toml",
        format!(
            "store = \"s3://{BUCKET}/{prefix}\"\n[s3]\nendpoint = \"{}\"\nregion = \"us-east-1\"\n[params.report]\nsource = \"flights.csv\"\n",
            endpoint()
        ),
    );
    env
}

/// Does something with the bucket itself.
fn bucket<T>(prefix: &str, work: impl AsyncFnOnce(&S3Objects) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = S3Options {
            endpoint: Some(endpoint()),
            region: Some("us-east-1".into()),
            keys: Some(("test".into(), "test".into())),
            ..S3Options::default()
        };
        let objects = S3Objects::open(BUCKET, prefix, &options).await;
        objects.make_bucket().await.unwrap();
        work(&objects).await
    })
}

fn new_prefix() -> String {
    let prefix = prefix();
    bucket(&prefix, async |_| ());
    prefix
}

fn totals(env: &TestEnv) -> (u64, u64, u64) {
    let report: serde_json::Value = serde_json::from_str(&env.read("r.json")).unwrap();
    let count = |name: &str| report["totals"][name].as_u64().unwrap();
    (count("tasks"), count("cached"), count("ran"))
}

#[test]
fn what_one_machine_made_another_does_not_make_again() {
    let prefix = new_prefix();
    let (one, two) = (machine(&prefix), machine(&prefix));
    let goal = format!("report.wasm report -p {DAYS} --report r.json");
    one.words(&format!("build {goal}")).ok();
    let (tasks, _, ran) = totals(&one);
    assert_eq!(tasks, ran);
    two.words(&format!("build {goal}")).ok();
    assert_eq!(totals(&two), (tasks, tasks, 0), "answered by the record");
    two.words(&format!("build {goal} --check")).ok();
    assert_eq!(totals(&two), (tasks, tasks, 0), "the whole graph walked");
    let cat = |env: &TestEnv| env.report("cat report.wasm delays -p date=2013-01-01").ok().stdout();
    assert_eq!(cat(&one), cat(&two));
    // Another machine corrects a day; only what stands on it runs.
    let three = machine(&prefix);
    three.write("flights.csv", three.read("flights.csv").replace("2013,1,2,600,16,B6", "2013,1,2,600,17,B6"));
    three.words(&format!("build {goal}")).ok();
    let (_, cached, ran) = totals(&three);
    assert!(cached > 0 && ran > 0 && ran < tasks, "{cached} cached, {ran} ran");
}

#[test]
fn what_was_made_offline_is_sent_later() {
    let prefix = new_prefix();
    let (one, two) = (machine(&prefix), machine(&prefix));
    let goal = "grid.wasm grid -p n=20 --report r.json";
    let ran = one.words(&format!("build {goal} --offline")).ok();
    assert!(ran.stderr().contains("22 results are in the cache alone"), "{}", ran.stderr());
    two.words(&format!("build {goal}")).ok();
    assert_eq!(totals(&two), (22, 0, 22), "the bucket has nothing");
    let three = machine(&prefix);
    one.words(&format!("build {goal}")).ok();
    assert_eq!(totals(&one), (22, 22, 0));
    three.words(&format!("build {goal}")).ok();
    assert_eq!(totals(&three), (22, 22, 0));
}

#[test]
fn lost_and_spoiled_blobs_are_made_again() {
    let prefix = new_prefix();
    let (one, two) = (machine(&prefix), machine(&prefix));
    // Blocks of a hundred leaves are too large to ride inside their records.
    let goal = "grid.wasm grid -p n=300 --report r.json -o out";
    one.words(&format!("build {goal}")).ok();
    let touched = bucket(&prefix, async |objects| {
        let blobs = objects.list("cas/", "").await.unwrap();
        for (i, blob) in blobs.iter().enumerate() {
            match i % 3 {
                0 => objects.remove(std::slice::from_ref(&blob.name)).await.unwrap(),
                1 => objects.put(&blob.name, b"spoiled".as_slice().into()).await.unwrap(),
                _ => {}
            }
        }
        blobs.len()
    });
    assert!(touched >= 6, "{touched}");
    two.words(&format!("build {goal} --check")).ok();
    assert!(one.read("out/value.bin") == two.read("out/value.bin"));
    // And the bucket is whole again.
    let three = machine(&prefix);
    three.words(&format!("build {goal}")).ok();
    assert!(one.read("out/value.bin") == three.read("out/value.bin"));
}

#[test]
fn a_bucket_that_cannot_be_reached_is_an_error_with_a_hint() {
    let mut env = machine("p");
    let there = env.read("wrun.toml");
    env.write("wrun.toml", there.replace(&endpoint(), "http://127.0.0.1:1"));
    let ran = env.words("build grid.wasm grid -p n=2").code(5);
    assert!(ran.stderr().starts_with("error: cannot "), "{}", ran.stderr());
    assert!(ran.stderr().contains("hint: look at the network, and at `endpoint`"), "{}", ran.stderr());
    env.words("build grid.wasm grid -p n=2 --offline -q").ok();
    env.write("wrun.toml", there.replace(BUCKET, "no-such-bucket"));
    let ran = env.words("build grid.wasm grid -p n=2").code(5);
    assert!(ran.stderr().contains("hint: make the bucket, or correct its name"), "{}", ran.stderr());
    env.set("AWS_PROFILE", "nobody");
    env.set("AWS_ACCESS_KEY_ID", "");
    let ran = env.words("build grid.wasm grid -p n=2").code(5);
    assert!(ran.stderr().contains("hint: "), "{}", ran.stderr());
}

#[test]
fn a_cache_is_of_one_bucket() {
    let prefix = new_prefix();
    let env = machine(&prefix);
    env.words("build grid.wasm grid -p n=2 -q --cache c").ok();
    let ran = env.words(&format!("build grid.wasm grid -p n=2 --cache c --store s3://{BUCKET}/other")).code(5);
    let due = format!("error: the cache `{}` is of s3://{BUCKET}/{prefix}, not of s3://", env.path("c").display());
    assert!(ran.stderr().starts_with(&due) || ran.stderr().contains("is of s3://"), "{}", ran.stderr());
    assert_eq!(ran.stderr().matches("hint: ").count(), 1);
}
