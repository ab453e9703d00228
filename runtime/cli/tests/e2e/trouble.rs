//! Trouble, and the exit code that tells it apart: waiting, a store that cannot be used, a plugin of a later
//! contract, externals that a task may not have.

use crate::env::TestEnv;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_clock_that_has_not_struck_is_waiting() {
    let env = TestEnv::new();
    let ran = env.words("build hostile.wasm declare-later").code(3);
    assert!(ran.stderr().contains("1 waiting"), "{}", ran.stderr());
    assert!(ran.stderr().contains("not before 2999-01-01T00:00:00Z"), "{}", ran.stderr());
    let ran = env.words("build hostile.wasm declare-later -q").code(3);
    assert_eq!(ran.stderr(), "waiting: declare-later n=0\n  not before 2999-01-01T00:00:00Z\n");
    let plan = env.words("plan hostile.wasm declare-later").code(3).stdout();
    assert!(plan.contains("waiting"), "{plan}");
}

#[test]
fn an_external_that_may_come_later_is_waiting_until_it_is_there() {
    let env = TestEnv::new();
    for _ in 0..2 {
        let ran = env.words("build hostile.wasm declare-absent").code(3);
        assert!(ran.stderr().contains("`[ROOT]/work/late.csv` is not there yet"), "{}", ran.stderr());
    }
    env.write("late.csv", "here\n");
    env.words("build hostile.wasm declare-absent -q").ok();
    fs::remove_file(env.path("late.csv")).unwrap();
    env.words("build hostile.wasm declare-absent -q").code(3);
}

#[test]
fn a_plugin_may_not_name_files_outside_its_roots() {
    let env = TestEnv::new();
    let ran = env.words("build hostile.wasm declare-outside -q").code(1);
    let said = ran.stderr();
    assert!(said.contains("`/etc/hostname` is outside the folders that the plugin may read"), "{said}");
    assert!(
        said.contains("hint: it may read under `[ROOT]/work`, under `roots` of wrun.toml, and what"),
        "{said}"
    );
    env.write("wrun.toml", "roots = [\"/etc\"]\n");
    let ran = env.words("build hostile.wasm declare-outside -q");
    // Whether the file is there is this machine's business; it may be named.
    assert!(!ran.stderr().contains("outside"), "{}", ran.stderr());
}

#[test]
fn a_folder_where_a_file_is_due_is_named() {
    let env = TestEnv::new();
    env.write("folder/a.csv", crate::env::FLIGHTS);
    for more in [false, true] {
        if more {
            env.write("folder/b.csv", crate::env::FLIGHTS);
            let ran = env.words("build report.wasm split-by-day -p source=folder -q").code(1);
            let hint = "hint: input `file` is the folder `[ROOT]/work/folder`; where the task wants one file, name \
                        that file\n";
            assert!(ran.stderr().ends_with(hint), "{}", ran.stderr());
        } else {
            // One file in a folder is that one file.
            env.words("build report.wasm split-by-day -p source=folder -q").ok();
        }
    }
}

#[test]
fn a_plugin_of_a_newer_contract_is_refused() {
    let env = TestEnv::new();
    let mut bytes = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0".to_vec();
    let import = "wrun:task/host@0.2.0";
    bytes.extend([10, u8::try_from(import.len()).unwrap() + 5, 1, 0, u8::try_from(import.len()).unwrap()]);
    bytes.extend(import.bytes());
    bytes.extend([5, 0]);
    env.write("newer.wasm", bytes);
    let ran = env.words("build newer.wasm").code(4);
    let said = ran.stderr();
    assert!(
        said.contains(": `newer.wasm` was built for `wrun:task/host@0.2.0`; this wrun knows `wrun:task@0.1`\n"),
        "{said}"
    );
    assert!(said.contains("hint: use a newer wrun, or build the plugin with an older SDK\n"), "{said}");
}

#[test]
fn a_store_of_a_newer_format_is_refused_and_left_alone() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    let index = env.store().join("index.sqlite");
    // `user_version` is the big-endian number at byte 60 of the database.
    // The log beside it has pages that are newer than those of the database: without it they count.
    fs::remove_file(env.store().join("index.sqlite-wal")).unwrap();
    let mut bytes = fs::read(&index).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&index, &bytes).unwrap();
    for command in ["build hostile.wasm fine", "plan hostile.wasm fine", "history", "log hostile.wasm fine"] {
        let ran = env.words(command).code(5);
        let said = ran.stderr();
        assert!(said.contains(" has format 99; this wrun knows format 2\n"), "{said}");
        assert!(said.contains("hint: use the newer wrun, or another store with `--store DIR`\n"), "{said}");
    }
    assert!(fs::read(&index).unwrap() == bytes);
}

#[test]
fn a_truncated_database_is_an_error_and_moving_it_away_helps() {
    let env = TestEnv::new();
    env.words("build hostile.wasm talks -q").ok();
    let index = env.store().join("index.sqlite");
    let whole = fs::read(&index).unwrap();
    for size in [1, 99, 4096, whole.len() - 1] {
        fs::write(&index, &whole[..size]).unwrap();
        let ran = env.words("build hostile.wasm talks").code(5);
        assert!(ran.stderr().contains(" is damaged: "), "{size}: {}", ran.stderr());
        assert!(ran.stderr().contains("hint: move `[ROOT]/home/.cache/wrun/store/index.sqlite` away"), "{size}");
    }
    fs::rename(&index, env.path("index.away")).unwrap();
    env.words("build hostile.wasm talks -q").ok();
}

/// Runs wrun as somebody for whom the store's folder is read-only: root writes everywhere, unless the file
/// system itself is read-only.
fn with_a_read_only_store(env: &TestEnv, args: &str) -> std::process::Output {
    let (store, wrun) = (env.store(), env!("CARGO_BIN_EXE_wrun"));
    let mount = format!("mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && exec {wrun} {args}");
    let command = |words: &[&str], script: &str| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(script).arg("sh").arg(&store);
        command
            .current_dir(env.cwd())
            .env_clear()
            .env("HOME", env.home())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.output()
    };
    for way in [&["unshare", "-m", "sh", "-c"][..], &["unshare", "-rm", "sh", "-c"]] {
        let tried = command(way, "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"");
        if tried.is_ok_and(|output| output.status.success()) {
            return command(way, &mount).unwrap();
        }
    }
    assert!(!rustix::process::geteuid().is_root(), "root that may not mount can see no read-only store");
    // By permissions; tests/tools/test.sh says so where everybody sees it.
    let chmod = format!("chmod -R a-w \"$1\"; {wrun} {args}; code=$?; chmod -R u+w \"$1\"; exit $code");
    command(&["sh", "-c"], &chmod).unwrap()
}

#[test]
fn a_read_only_store_is_an_error_that_names_another() {
    let env = TestEnv::new();
    env.words("build hostile.wasm fine -q").ok();
    let output = with_a_read_only_store(&env, "build hostile.wasm talks");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.starts_with("error") && said.contains("store"), "{said}");
    assert!(said.contains("hint: name a store that you may write with `--store DIR`\n"), "{said}");
    // Nothing is lost, and nothing half-made is left.
    env.words("build hostile.wasm talks -q").ok();
    assert!(Path::new(&env.store()).join("index.sqlite").exists());
}
