//! `wrun test`.

use crate::env::TestEnv;
use crate::source::compiling;

#[test]
fn a_new_package_passes_natively_and_in_the_sandbox() {
    let (env, _lock) = compiling("tested");
    env.words("new tested").ok();
    let ran = env.words("test tested --json").ok();
    assert!(ran.stderr().contains("test tests::the_most_frequent_words_come_first ... ok"), "{}", ran.stderr());
    let lines = ran.json();
    let told: Vec<_> =
        lines.iter().map(|line| (line["task"].as_str(), line["verdict"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            (None, "ok"),
            (Some("count source=data/text.txt"), "same"),
            (Some("top most=3 source=data/text.txt"), "same")
        ]
    );
    // The store was thrown away.
    assert!(!env.path("tested/.wrun/store").exists());
    let ran = env.words("test tested -p elephants=3").code(2);
    assert!(ran.stderr().contains("no task has the param of `elephants=3`"), "{}", ran.stderr());
    env.write("tested/data/text.txt", b"\xff");
    let ran = env.words("test tested").code(1);
    assert!(ran.stderr().contains("failed: "), "{}", ran.stderr());
    let lib = env.read("tested/src/lib.rs");
    env.write("tested/src/lib.rs", lib.replace("- b: 3", "- b: 4"));
    let ran = env.words("test tested").code(1);
    let told = ran.stderr();
    assert!(told.contains("`tested` does not pass its own tests\nhint: what cargo says is above\n"), "{told}");
}

#[test]
fn what_is_no_package_is_an_error() {
    let env = TestEnv::new();
    let ran = env.words("test none").code(2);
    assert!(ran.stderr().contains("cannot read `none`\n"), "{}", ran.stderr());
    let ran = env.words("test").code(2);
    assert!(ran.stderr().contains("there is no Cargo.toml, .cabal file or src/*.c in `.`\n"), "{}", ran.stderr());
}
