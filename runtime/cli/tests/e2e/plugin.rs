//! `wrun plugin build`.

use crate::env::TestEnv;
use crate::plugins::{clean, folder, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.ends_with("target") {
            continue;
        }
        if from.is_dir() { copy(&from, &to) } else { _ = fs::copy(&from, &to).unwrap() }
    }
}

fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"), PathBuf::from)
}

fn rustup_home() -> PathBuf {
    std::env::var_os("RUSTUP_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".rustup"), PathBuf::from)
}

/// A plugin that stands on an SDK outside of its workspace, in another folder and with another CARGO_HOME.
#[test]
fn the_same_source_makes_the_same_bytes_anywhere() {
    let env = TestEnv::new();
    let root = env.path("another/place");
    copy(&repository().join("sdk"), &root.join("sdk"));
    copy(&repository().join("plugins/grid"), &root.join("plugins/grid"));
    // A workspace of one, which resolves as the whole one does.
    let manifest = fs::read_to_string(repository().join("plugins/Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    fs::write(root.join("plugins/Cargo.toml"), manifest.replace(members, "members = [\"grid\"]")).unwrap();
    // The SDK is a member of the repository's workspace.
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    let manifest = manifest.replace(members, "members = [\"sdk/rust\", \"sdk/rust/derive\"]");
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    let home = env.path("cargo-home");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::symlink(cargo_home().join("registry"), home.join("registry")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wrun"));
    clean(&mut command).current_dir(root.join("plugins"));
    command.args(["plugin", "build", "grid", "-o", "made.wasm", "--json"]);
    command.env("CARGO_HOME", &home).env("RUSTUP_HOME", rustup_home()).env("CARGO_NET_OFFLINE", "true");
    // What does not depend on the place is compiled once for all runs of this test.
    command.env("CARGO_TARGET_DIR", folder().join("elsewhere"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let here = fs::read(env.path("grid.wasm")).unwrap();
    let there = fs::read(root.join("plugins/made.wasm")).unwrap();
    assert!(here == there, "another folder or CARGO_HOME makes other bytes");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["plugin"], "grid");
    assert_eq!(line["size"], here.len());
}

/// Lets a command find the tools of this machine.
pub(crate) fn with_tools(env: &mut TestEnv, first: &Path) {
    let path = format!("{}:{}", first.display(), std::env::var("PATH").unwrap());
    env.set("PATH", path);
    env.set("CARGO_HOME", cargo_home());
    env.set("RUSTUP_HOME", rustup_home());
    env.set("CARGO_NET_OFFLINE", "true");
}

#[test]
fn what_is_no_plugin_package_is_an_error_with_a_hint() {
    let mut env = TestEnv::new();
    with_tools(&mut env, Path::new("/none"));
    env.words("plugin build none").refused(
        2,
        "error: cannot read `none`\n  because: No such file or directory (os error 2)\nhint: is the path right?\n",
    );
    fs::create_dir(env.path("empty")).unwrap();
    env.words("plugin build empty")
        .refused(2, "error: there is no Cargo.toml, .cabal file or src/*.c in `empty`\nhint: name the folder of a package in Rust, Haskell or C\n");
    env.write("app/Cargo.toml", "[package]\nname = \"app\"\nedition = \"2024\"\n[workspace]\n");
    env.write("app/src/lib.rs", "");
    env.words("plugin build app").refused(
        2,
        "error: the package `app` makes no component\nhint: add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml\n",
    );
    let manifest =
        "[package]\nname = \"app\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    env.write("app/Cargo.toml", manifest);
    let ran = env.words("plugin build app -q").code(4);
    assert!(ran.stderr().contains("`app.wasm` is not a wrun plugin: it does not export"), "{}", ran.stderr());
    assert!(!env.path("app.wasm").exists());
    env.write("app/src/lib.rs", "fn broken(");
    let ran = env.words("plugin build app -q").code(4);
    assert!(ran.stderr().contains("error: `app` does not compile\nhint: "), "{}", ran.stderr());
    env.write("app/Cargo.toml", "[package\n");
    let ran = env.words("plugin build app").code(4);
    assert!(ran.stderr().starts_with("error: cargo cannot read `"), "{}", ran.stderr());
}

#[test]
fn a_missing_target_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut env = TestEnv::new();
    let rustc = env.write("bin/rustc", "#!/bin/sh\necho /nowhere\n");
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
    let bin = env.path("bin");
    with_tools(&mut env, &bin);
    env.write("app/Cargo.toml", "[package]\nname = \"app\"\n[workspace]\n");
    env.words("plugin build app")
        .refused(2, "error: this Rust lacks the target `wasm32-wasip2`\nhint: rustup target add wasm32-wasip2\n");
    env.set("PATH", "/nowhere");
    let ran = env.words("plugin build app").code(2);
    assert!(ran.stderr().starts_with("error: cannot run `rustc`\n"), "{}", ran.stderr());
}
