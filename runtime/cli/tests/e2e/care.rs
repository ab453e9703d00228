//! `wrun store check`, `gc`, `du`, `pin`.

use crate::env::{DAYS, TestEnv};

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
    let (head, rest) = crate::env::FLIGHTS.split_once('\n').unwrap();
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
