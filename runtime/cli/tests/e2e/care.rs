//! `wrun store check`, `gc`, `du`, `pin`.

use crate::env::{DAYS, FLIGHTS, TestEnv};
use crate::fake_s3::FakeS3;
use std::path::Path;
use wrun_store::objects::s3::{S3Objects, S3Options};

#[test]
fn gc_keeps_what_is_young_or_pinned_and_removes_the_rest() {
    let env = TestEnv::new();
    let build = format!("build report.wasm delays -p {DAYS} -q");
    env.report(&build).ok();
    env.words("store gc").ok();
    let none = env.report(&build.replace(" -q", "")).ok().stderr();
    assert!(none.contains("nothing moved since it was built"), "{none}");
    let all = env.words("store du --json").ok().json();
    let delays = all.iter().find(|line| line["task"] == "delays").unwrap();
    assert_eq!((&delays["results"], &delays["plugin"]), (&3.into(), &"report".into()));
    let key = env.report("history report.wasm delays -p date=2013-01-01 --json").ok().json()[0]["key"].clone();
    let pinned = env.words(&format!("store pin {} --reason keep --json", key.as_str().unwrap())).ok().json();
    let name = pinned[0]["name"].as_str().unwrap().to_owned();
    assert!(env.words("store pin").ok().raw_stdout().contains("delays date=2013-01-01"));
    let would = env.words("store gc --keep-days 0 --dry-run").ok().raw_stdout();
    assert!(would.contains("2 results") && would.contains("would be removed"), "{would}");
    assert_eq!(env.words("store du --json").ok().json(), all, "a dry run does nothing");
    env.words("store gc --keep-days 0").ok();
    env.words("store check").ok();
    let left = env.words("store du --json").ok().json();
    let delays = left.iter().find(|line| line["task"] == "delays").unwrap();
    assert_eq!(delays["results"], 1, "{left:?}");
    assert!(left.iter().any(|line| line["task"] == "split-by-day"), "what it was made from stays: {left:?}");
    env.words(&format!("store pin --remove {name}")).ok();
    env.words(&format!("store pin --remove {name}")).code(2);
    env.words("store gc --keep-days 0").ok();
    assert!(env.words("store du --json").ok().json().iter().all(|line| line["task"] != "delays"));
    env.report(&build).ok();
    env.words("store check").ok();
}

#[test]
fn check_finds_what_is_wrong_and_repair_puts_it_right() {
    let env = TestEnv::new();
    env.words("store check").code(5);
    // Large enough that its parts are files of the store.
    let (head, rest) = FLIGHTS.split_once('\n').unwrap();
    env.write("flights.csv", format!("{head}\n{}", rest.repeat(4000)));
    let build = format!("build report.wasm delays -p {DAYS} -q");
    env.report(&build).ok();
    let fine = env.words("store check").ok().stderr();
    assert!(fine.contains(" are what their names say\n"), "{fine}");
    // Every file of the store loses its last byte.
    for shard in std::fs::read_dir(env.store().join("cas")).unwrap() {
        for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        }
    }
    let wrong = env.words("store check").code(5);
    assert!(wrong.raw_stdout().contains("found"), "{}", wrong.raw_stdout());
    assert!(wrong.stderr().contains("hint: `wrun store check --repair` puts right what can be"));
    env.words("store check --repair").ok();
    env.words("store check").ok();
    env.report(&format!("{build} --check")).ok();
    env.words("store check").ok();
}

/// Files of blobs and their bytes, below a cache.
fn files(cache: &Path) -> (usize, u64) {
    let shards = std::fs::read_dir(cache.join("cas")).unwrap().map(|shard| shard.unwrap().path());
    let sizes = shards
        .flat_map(|shard| std::fs::read_dir(shard).unwrap().map(|file| file.unwrap().metadata().unwrap().len()));
    sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size))
}

#[test]
fn a_cache_is_kept_below_its_size_and_gone_bytes_come_again() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "bucket");
    let (head, rest) = FLIGHTS.split_once('\n').unwrap();
    env.write("flights.csv", format!("{head}\n{}", rest.repeat(4000)));
    let cache = env.path("cache");
    let build = format!("build report.wasm delays -p {DAYS} --cache cache");
    env.report(&format!("{build} -q")).ok();
    let (_, all) = files(&cache);
    assert!(all > 300_000, "{all}");
    let said = env.report(&format!("{build} -v --cache-size 300kB")).ok().stderr();
    assert!(said.contains(" of the cache were not read for long and are gone; "), "{said}");
    let (count, left) = files(&cache);
    assert!(count > 0 && left <= 300_000, "{left} of {all}");
    env.report(&format!("{build} -q --cache-size 0")).ok();
    assert_eq!(files(&cache), (0, 0));
    // What is gone is in the bucket.
    env.report("get report.wasm split-by-day -o out --cache cache").ok();
    assert!(env.read("out/days/2013-01-02.csv").len() > 60_000);
    // What only this machine has stays.
    env.write("flights.csv", format!("{head}\n{}", rest.repeat(4001)));
    let offline = env.report(&format!("{build} -q --offline --cache-size 0"));
    offline.code(0);
    assert!(files(&cache).0 > 0);
    let bad = env.report(&format!("{build} --cache-size 10parsecs")).code(2).stderr();
    assert!(bad.contains("`10parsecs` is no size: write one such as `500 MB` or `50 GiB`"), "{bad}");
}

#[test]
fn gc_removes_the_parts_of_uploads_that_were_abandoned() {
    let server = FakeS3::start();
    let env = TestEnv::in_bucket(server.url(), "bucket");
    env.report(&format!("build report.wasm delays -p {DAYS} -q")).ok();
    server.abandon_upload("bucket/p/cas/large");
    let dry = env.words("store gc --dry-run --json").ok().json();
    assert_eq!((server.open_uploads(), &dry.last().unwrap()["uploads"]), (1, &0.into()), "{dry:?}");
    let said = env.words("store gc").ok().stderr();
    assert!(said.contains("1 abandoned upload was removed\n"), "{said}");
    assert_eq!(server.open_uploads(), 0);
}

#[test]
fn what_is_on_a_server_is_cared_for_there() {
    let url = match std::env::var("WRUN_TEST_MINISTACK") {
        Ok(url) => url,
        Err(_) => panic!("start the servers with: eval \"$(tests/tools/servers.sh)\""),
    };
    let bucket = format!("wrun-care-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = S3Options {
        region: Some("us-east-1".into()),
        endpoint: Some(url.clone()),
        path_style: Some(true),
        keys: Some(("test".into(), "test".into())),
        ..S3Options::default()
    };
    runtime.block_on(async { S3Objects::open(&bucket, "", &options).await.make_bucket().await }).unwrap();
    let (here, there) = (TestEnv::in_bucket(&url, &bucket), TestEnv::in_bucket(&url, &bucket));
    let build = format!("build report.wasm delays -p {DAYS}");
    here.report(&format!("{build} -q")).ok();
    // What one machine disowns the other makes again.
    there.report(&format!("{build} -q")).ok();
    there.words("invalidate report delays -p date=2013-01-02 --reason wrong --author ann --yes").ok();
    let again = here.report(&build).ok().stderr();
    assert!(again.contains("1 ran      date=2013-01-02  disowned: wrong\n"), "{again}");
    there.words("invalidate --undo 1").ok();
    let list = here.words("invalidate --list --json").ok().json();
    assert_eq!((list.len(), &list[0]["undone"]), (2, &true.into()));
    // A check from a machine that has nothing.
    let fresh = TestEnv::in_bucket(&url, &bucket);
    let fine = fresh.words("store check").ok().stderr();
    assert!(fine.contains(" are what their names say\n"), "{fine}");
    let usage = fresh.words("store du --json").ok().json();
    assert!(usage.iter().any(|line| line["task"] == "delays" && line["results"] == 4), "{usage:?}");
    // What is condemned stays until the grace is over.
    let condemned = there.words("store gc --keep-days 0 --json").ok().json();
    assert!(condemned.iter().any(|line| line["what"] == "condemned" && line["task"] == "delays"), "{condemned:?}");
    assert!(!condemned.iter().any(|line| line["what"] == "swept"), "{condemned:?}");
    fresh.words("store check").ok();
    let anew = here.report(&build).ok().stderr();
    assert!(!anew.contains("failed"), "{anew}");
    fresh.report(&format!("{build} -q")).ok();
    fresh.words("store check").ok();
    let history = here.report("history report.wasm delays -p date=2013-01-01 --json").ok().json();
    let key = history[0]["key"].as_str().unwrap();
    let pinned = there.words(&format!("store pin {key} --reason keep --json")).ok().json();
    assert!(here.words("store pin").ok().raw_stdout().contains("delays date=2013-01-01"));
    here.words(&format!("store pin --remove {}", pinned[0]["name"].as_str().unwrap())).ok();
}
