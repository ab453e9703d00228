//! A source folder as PLUGIN: from nothing to a cached rerun, and what compiles it again.
//!
//! Compiling takes longest, so one test goes through what needs it, and `test.rs` has the other.

use crate::env::TestEnv;
use crate::plugin::with_tools;
use crate::plugins::folder;
use crate::watch::Watch;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

/// A world in which packages can be compiled. The package's folder is at the same place each time, below
/// `target/e2e`, so that compiling leaves nothing new behind; the lock keeps others out of it.
pub(crate) fn compiling(package: &str) -> (TestEnv, File) {
    let mut env = TestEnv::new();
    with_tools(&mut env, Path::new("/none"));
    env.set("CARGO_TARGET_DIR", folder().join("source"));
    let place = folder().join("packages").join(package);
    fs::create_dir_all(folder().join("packages")).unwrap();
    let lock = File::create(place.with_extension("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    _ = fs::remove_dir_all(&place);
    fs::create_dir(&place).unwrap();
    std::os::unix::fs::symlink(&place, env.path(package)).unwrap();
    (env, lock)
}

fn edit(env: &TestEnv, name: &str, from: &str, to: &str) {
    let text = env.read(name);
    assert!(text.contains(from), "{text}");
    env.write(name, text.replace(from, to));
}

#[test]
fn from_an_empty_folder_to_the_first_cached_rerun_are_three_commands() {
    let (env, _lock) = compiling("words");
    env.words("new words").ok();
    let ran = env.words("build words").ok();
    assert!(ran.stderr().contains("  top    1 ran      new\n2 tasks in "), "{}", ran.stderr());
    // Again: neither cargo nor the tasks, which `-v` would show.
    let ran = env.words("build words").ok();
    assert!(!ran.stderr().contains("Compiling") && !ran.stderr().contains("Finished"), "{}", ran.stderr());
    assert!(
        ran.stderr().contains("2 tasks in [time]: 2 cached; nothing moved since it was built"),
        "{}",
        ran.stderr()
    );

    // The store is beside the package's wrun.toml, and in the folder the alias does.
    assert!(env.path("words/.wrun/store/cas").is_dir() && !env.store().exists());
    let ran = env.words("cat words").ok();
    assert_eq!(ran.raw_stdout(), "# The most frequent words\n\n- the: 4\n- cat: 2\n- on: 2\n");
    let mut command = env.command();
    let output = command.args(["build", "words", "-q"]).current_dir(env.path("words")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));

    // Touched files and an SDK that was removed are no change.
    let file = File::options().append(true).open(env.path("words/src/lib.rs")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    fs::remove_dir_all(env.path("words/.wrun/sdk")).unwrap();
    let ran = env.words("build words").ok();
    assert!(!ran.stderr().contains("Compiling") && ran.stderr().contains("2 cached"), "{}", ran.stderr());

    // What does not compile: the compiler's message, then ours; then nothing is lost.
    edit(&env, "words/src/lib.rs", "// The last one", "fn broken(\n// The last one");
    let ran = env.words("build words").code(4);
    let told = ran.stderr();
    let (compiler, ours) =
        (told.find("unclosed delimiter").unwrap(), told.find("`words` does not compile").unwrap());
    assert!(compiler < ours && told.ends_with("hint: what the compiler says is above\n"), "{told}");
    edit(&env, "words/src/lib.rs", "fn broken(\n", "");

    // Watched, a change of the source is compiled and built.
    let mut watch = Watch::start(&env, "build words --watch");
    watch.until("watching ");
    edit(&env, "words/src/lib.rs", "The most frequent words\\n\\n\");", "The words\\n\\n\");");
    watch.until("src/lib.rs");
    watch.until("code changed");
    watch.until("watching ");
    // The folder vanishes, and comes back.
    let (place, away) = (fs::canonicalize(env.path("words")).unwrap(), env.path("away"));
    fs::rename(&place, &away).unwrap();
    watch.until("waiting: `words` is gone; the build goes on when it is back");
    fs::rename(&away, &place).unwrap();
    watch.until("2 cached");
    watch.until("watching ");
    watch.end();
    let ran = env.words("diff words").ok();
    assert_eq!(
        ran.raw_stdout(),
        "--- a/top.md\n+++ b/top.md\n@@ -1,4 +1,4 @@\n-# The most frequent words\n+# The words\n \n - the: 4\n - cat: 2\n"
    );
}

#[test]
fn a_folder_that_is_no_package_is_an_error() {
    let mut env = TestEnv::new();
    with_tools(&mut env, Path::new("/none"));
    fs::create_dir(env.path("empty")).unwrap();
    let ran = env.words("build empty").code(2);
    assert!(
        ran.stderr().contains("there is no Cargo.toml, .cabal file or src/*.c in `empty`\n"),
        "{}",
        ran.stderr()
    );
    let ran = env.words("build .").code(2);
    assert!(ran.stderr().contains("there is no Cargo.toml, .cabal file or src/*.c in `.`\n"), "{}", ran.stderr());
}
