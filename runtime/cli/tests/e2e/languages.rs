//! Plugins in C: from nothing to a cached rerun, the compiler that is missing, and guests that misbehave.
//!
//! tests/conformance has what all languages share, and Haskell.

use crate::env::TestEnv;
use crate::plugin::with_tools;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A plugin whose tasks misbehave, each in its own way.
const HOSTILE: &str = include_str!("../../../../tests/guests/hostile.c");

/// A plugin, and a native test that tries the fake host's folders.
const CHAIN: [&str; 2] =
    [include_str!("../../../../tests/guests/chain.c"), include_str!("../../../../tests/guests/chain_test.c")];

fn world() -> TestEnv {
    let mut env = TestEnv::new();
    with_tools(&mut env, Path::new("/none"));
    env
}

fn program(env: &TestEnv, name: &str, script: &str) {
    let path = env.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn small(body: &str) -> String {
    format!("#include \"wrun.h\"\nstatic int run(const wrun_args *args) {{ (void)args; {body} }}\n")
}

#[test]
fn a_package_in_c_is_built_tested_and_cached_whatever_its_folder() {
    let env = world();
    env.words("new --lang c words").ok();
    let ran = env.words("build words").ok();
    assert!(ran.stderr().contains("2 tasks in "), "{}", ran.stderr());
    assert!(ran.stderr().contains(": 2 ran"), "{}", ran.stderr());
    let ran = env.words("build words").ok();
    assert!(ran.stderr().contains(": 2 cached"), "{}", ran.stderr());
    assert!(env.words("cat words").ok().stdout().starts_with("# The most frequent words\n"));
    env.words("test words").ok();
    env.words("plugin build words").ok();
    env.words("new --lang c elsewhere/words").ok();
    env.words("plugin build elsewhere/words -o other.wasm").ok();
    assert_eq!(fs::read(env.path("words.wasm")).unwrap(), fs::read(env.path("other.wasm")).unwrap());
    // A change of the source is seen; a test that fails says which line does not hold.
    let source = env.read("words/src/words.c").replace("The most frequent words", "Words");
    env.write("words/src/words.c", source);
    let ran = env.words("test words").code(1);
    assert!(ran.stderr().contains("tests/words.c:"), "{}", ran.stderr());
    assert!(env.words("cat words").ok().stdout().starts_with("# Words\n"));
}

#[test]
fn the_fake_host_takes_long_paths_deep_requirements_and_follows_no_link() {
    let mut env = world();
    let temporary = env.path(&format!("{}/tmp", "long".repeat(50)));
    fs::create_dir_all(&temporary).unwrap();
    env.write("precious/file", "kept");
    env.write("chain/src/chain.c", CHAIN[0]);
    env.write("chain/tests/host.c", CHAIN[1]);
    env.set("TMPDIR", &temporary);
    env.set("PRECIOUS", env.path("precious"));
    env.words("test chain").ok();
    assert_eq!(env.read("precious/file"), "kept");
    let left: Vec<_> = temporary.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_core_module_is_the_component_that_is_made_of_it() {
    let env = world();
    env.words("new --lang c words").ok();
    env.words("plugin build words").ok();
    fs::copy(env.path("words/.wrun/build/module.wasm"), env.path("core.wasm")).unwrap();
    let shown = |ran: crate::env::Ran| {
        ran.json()
            .into_iter()
            .map(|mut line| {
                line.as_object_mut().unwrap().remove("component");
                line
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown(env.words("describe core.wasm --json").ok()),
        shown(env.words("describe words.wasm --json").ok())
    );
    env.write("data/text.txt", "a b a\n");
    env.words("build core.wasm").ok();
    // One that was built against another header says which.
    let core = fs::read(env.path("core.wasm")).unwrap();
    let (from, to) = (b"wrun:task/host@0.1.0", b"wrun:task/host@0.0.9");
    let older: Vec<u8> = {
        let mut bytes = core.clone();
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    env.write("older.wasm", older);
    let ran = env.words("describe older.wasm").code(4);
    assert!(ran.stderr().contains("was built for `wrun:task/host@0.0.9`"), "{}", ran.stderr());
    env.write("bare.wasm", b"\0asm\x01\0\0\0");
    let ran = env.words("describe bare.wasm").code(4);
    assert!(ran.stderr().contains("is a core WebAssembly module that is no task"), "{}", ran.stderr());
}

#[test]
fn a_compiler_that_is_missing_too_old_or_failing_is_named() {
    let mut env = world();
    env.words("new --lang c words").ok();
    env.set("PATH", "/nowhere");
    let ran = env.words("plugin build words").code(2);
    assert!(
        ran.stderr().starts_with("error: there is no `clang` on the PATH\nhint: on Debian"),
        "{}",
        ran.stderr()
    );
    program(&env, "old", "echo 'clang version 9.0.1 (somebody)'");
    env.set("WRUN_CLANG", env.path("bin/old"));
    let ran = env.words("plugin build words").code(2);
    assert!(ran.stderr().contains("is too old: it says `clang version 9.0.1 (somebody)`"), "{}", ran.stderr());
    env.set("WRUN_CLANG", env.path("bin/none"));
    let ran = env.words("plugin build words").code(2);
    assert!(ran.stderr().contains("error: cannot run `"), "{}", ran.stderr());

    let mut env = world();
    env.words("new --lang c words").ok();
    env.write("words/src/words.c", "int broken(");
    let ran = env.words("plugin build words").code(4);
    let said = ran.stderr();
    assert!(said.contains("src/words.c:1:12: error: "), "{said}");
    assert!(said.ends_with("error: `words` does not compile\nhint: what the compiler says is above\n"), "{said}");

    // The same of Haskell.
    env.words("new --lang haskell other").ok();
    env.set("PATH", "/nowhere");
    let ran = env.words("plugin build other").code(2);
    assert!(
        ran.stderr().starts_with("error: there is no `wasm32-wasi-ghc` on the PATH\nhint: "),
        "{}",
        ran.stderr()
    );
    program(&env, "ghc", "echo 9.4.8");
    env.set("WRUN_GHC", env.path("bin/ghc"));
    let ran = env.words("plugin build other").code(2);
    assert!(ran.stderr().contains("is GHC 9.4.8: 9.6 or newer is needed"), "{}", ran.stderr());
}

#[test]
fn a_compiler_of_a_wasi_sdk_is_used_as_it_is() {
    let mut env = world();
    env.words("new --lang c words").ok();
    // Its own C library is where it says, so none is looked for elsewhere.
    program(&env, "clang", "exec /usr/bin/clang --sysroot=/usr \"$@\"");
    env.set("WASI_SDK_PATH", env.cwd());
    env.words("plugin build words").ok();
    env.words("describe words.wasm").ok();
    let found = env.words("doctor --json").ok().stdout();
    assert!(found.contains(" of a wasi-sdk, at "), "{found}");
    env.set("WASI_SDK_PATH", env.path("none"));
    let ran = env.words("plugin build words").code(2);
    assert!(ran.stderr().contains("none/bin/clang`") && ran.stderr().contains("hint: "), "{}", ran.stderr());
}

#[test]
fn a_jump_out_of_a_task_does_not_compile() {
    let env = world();
    let body = "static jmp_buf out; if (!setjmp(out)) longjmp(out, 1); return WRUN_OK;";
    let source = format!(
        "#include <setjmp.h>\n{}WRUN_PLUGIN(\"p\", \"x\", {{.name = \"a\", .doc = \"x\", .run = run}})\n",
        small(body)
    );
    env.write("p/src/p.c", source);
    let said = env.words("plugin build p").code(4).stderr();
    assert!(said.contains("setjmp") && said.contains("error: `p` does not compile\n"), "{said}");
}

#[test]
fn a_module_whose_texts_are_no_utf8_is_stopped_at_the_border() {
    let env = world();
    env.words("new --lang c words").ok();
    env.words("plugin build words").ok();
    // The SDK lets none through, so the bytes are changed behind it.
    let module = fs::read(env.path("words/.wrun/build/module.wasm")).unwrap();
    let doc = b"Show the words that occur most";
    let at = module.windows(doc.len()).position(|part| part == doc).expect("the doc of a task");
    let mut changed = module;
    changed[at] = 0xff;
    env.write("changed.wasm", changed);
    let said = env.words("describe changed.wasm").code(4).stderr();
    assert!(said.contains("`describe` breaks the contract: its answer cannot be read: invalid utf-8"), "{said}");
}

#[test]
fn a_table_of_tasks_that_makes_no_sense_is_refused() {
    let env = world();
    let task = ".doc = \"x\", .run = run";
    for (table, due) in [
        (format!("{{.name = \"a\", {task}}}, {{.name = \"a\", {task}}}"), "`a`"),
        (
            format!(
                "{{.name = \"a\", {task}, .params = WRUN_PARAMS({{\"n\", WRUN_INT_IN(1, 3), \"x\", \"7\"}})}}"
            ),
            "`n`",
        ),
        (format!("{{.name = \"a\", {task}, .params = WRUN_PARAMS({{\"n\", \"number\", \"x\"}})}}"), "`number`"),
        (format!("{{.name = \"A b\", {task}}}"), "`A b`"),
    ] {
        env.write("p/src/p.c", small("return WRUN_OK;") + &format!("WRUN_PLUGIN(\"p\", \"x\", {table})\n"));
        let ran = env.words("plugin build p -o p.wasm").code(4);
        assert!(ran.stderr().contains(due), "{table}: {}", ran.stderr());
        assert!(!env.path("p.wasm").exists());
    }
}

#[test]
fn guests_in_c_that_misbehave_are_told_apart() {
    let env = world();
    env.write("hostile-c/src/hostile.c", HOSTILE);
    env.write("text/a", b"\xff\xfe\0");
    env.words("plugin build hostile-c").ok();
    for (task, code, due) in [
        ("signals", 1, "`signals` trapped: "),
        ("exits-well", 1, "`exits-well` called exit"),
        ("recurses", 1, "`recurses` "),
        ("closed", 1, "an output cannot be written"),
        ("bad-utf8", 1, "what is \u{fffd}\u{fffd}?"),
        ("no-param", 1, "this task has no param `other`"),
        ("too-big", 1, "99999999999999999999 does not fit in 64 bits"),
        ("silent", 1, "`silent` returned 7 and did not say why"),
        ("truncates", 1, "output cap"),
        ("needs-in-requires", 1, "it called `need` outside of `run`"),
        ("bad-call", 1, "the name of a task is no UTF-8"),
    ] {
        let ran = env.wrun(["build", "hostile-c.wasm", task]);
        let said = ran.stderr();
        assert!(said.contains(due), "{task}: {said}");
        ran.code(code);
    }
    // Bytes that are no text pass through files as they are; a huge text is a text.
    env.words("build hostile-c.wasm bytes").ok();
    assert_eq!(env.words("cat hostile-c.wasm huge").ok().raw_stdout().len(), 5_000_000);
}

#[test]
fn a_probe_in_c_sees_the_same_in_two_worlds() {
    let seen: Vec<String> = [["a", "b", "c"], ["c", "a", "b"]]
        .iter()
        .enumerate()
        .map(|(world_number, names)| {
            let env = world();
            env.write("hostile-c/src/hostile.c", HOSTILE);
            for name in names {
                let path = env.write(&format!("text/{name}"), *name);
                let time =
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 * (world_number as u64 + 1));
                fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
            }
            env.words("cat -q hostile-c probe").ok().raw_stdout()
        })
        .collect();
    assert!(seen[0].contains("\nenvironment none\n") && seen[0].contains("\nc "), "{}", seen[0]);
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn the_header_of_the_sdk_for_c_is_one_for_cpp_too() {
    let env = TestEnv::new();
    let source = env.write(
        "x.cc",
        r#"#include "wrun.h"
static int run(const wrun_args *args) { return wrun_int(args, "n") > 3 ? WRUN_OK : wrun_fail("small"); }
static const wrun_param params[] = {{"n", WRUN_INT, "Number", "4", false, false, WRUN_PUBLIC}, {}};
static wrun_task one() { wrun_task task{}; task.name = "one"; task.params = params; task.run = run; return task; }
static const wrun_task tasks[] = {one()};
extern "C" const wrun_plugin *wrun_plugin_table(void) {
  static const wrun_plugin plugin = {"cpp", "In C++", tasks, 1, nullptr};
  return &plugin;
}
"#,
    );
    for standard in ["c++11", "c++17", "c++20"] {
        let mut command = std::process::Command::new("clang");
        command.args(["-x", "c++", &format!("-std={standard}"), "-fsyntax-only", "-Werror", "-I"]);
        let output = command.arg(crate::plugins::repository().join("sdk/c")).arg(&source).output().unwrap();
        assert!(output.status.success(), "{standard}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
