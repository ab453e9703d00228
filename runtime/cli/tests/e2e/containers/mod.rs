//! Containers, on a real engine. Where there is none, tests/tools/test.sh says so.
//!
//! - `again.rs`: what is made again from the store alone
//! - `outside.rs`: those that read and write servers themselves
//! - `seen.rs`: what is seen of them while they run and after
//! - `tools.rs`: the example plugins
//! - `trouble.rs`: what goes wrong around them

mod again;
mod outside;
mod seen;
mod tools;
mod trouble;

use crate::env::{Ran, TestEnv};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Tells whether there is an engine to test on.
fn engine() -> bool {
    match std::env::var("WRUN_TEST_DOCKER").as_deref() {
        Ok("none") => false,
        Ok(_) => true,
        Err(_) => {
            let answers =
                docker(["info"]).status.success() && docker(["image", "inspect", IMAGE]).status.success();
            assert!(answers, "no engine with the tests' image: eval \"$(tests/tools/servers.sh docker)\"");
            true
        }
    }
}

const IMAGE: &str = "wrun-test:latest";

fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    Command::new("docker").args(args).output().unwrap()
}

/// Returns the containers that a store has on the engine.
fn left(env: &TestEnv) -> String {
    let store = env.cwd().canonicalize().unwrap().join(".wrun/store");
    let label = format!("label=wrun.store={}", store.display());
    String::from_utf8(
        docker(["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}", "--filter", &label]).stdout,
    )
    .unwrap()
}

/// Nothing is left: no container, no folder, no secret.
#[track_caller]
fn nothing_left(env: &TestEnv) {
    assert_eq!(left(env), "");
    let folders = env.path(".wrun/store/containers");
    let there: Vec<_> = folders.read_dir().map(|entries| entries.flatten().collect()).unwrap_or_default();
    assert!(there.is_empty(), "{there:?}");
}

fn world() -> TestEnv {
    let env = TestEnv::new();
    env.write("wrun.toml", "");
    env
}

/// Builds a script, with more params as `name=value`.
fn build(env: &TestEnv, script: &str, more: &[&str]) -> Ran {
    env.wrun(words("build", script, more))
}

fn words<'a>(command: &'a str, script: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![command, "boxes.wasm", "script", script];
    more.iter().for_each(|param| words.extend(["-p", param]));
    words
}

/// What a script wrote to `/out/o`.
#[track_caller]
fn out(env: &TestEnv, script: &str, more: &[&str]) -> String {
    build(env, script, more).ok();
    let mut words = words("cat", script, more);
    words.push("o");
    // `cat` takes the path by position.
    let at = words.iter().position(|word| *word == script).unwrap();
    let path = words.pop().unwrap();
    words.insert(at + 1, path);
    env.wrun(words).ok().raw_stdout()
}

/// How a script fails: what is said of it.
#[track_caller]
fn fails(env: &TestEnv, script: &str, more: &[&str], due: &[&str]) {
    let said = build(env, script, more).code(1).stderr();
    for due in due {
        assert!(said.contains(due), "{script}: no `{due}` in\n{said}");
    }
}

#[test]
fn a_container_runs_once_and_what_it_made_is_kept() {
    if !engine() {
        return;
    }
    let env = world();
    let sorted =
        "sort /in/words/words.txt > /out/o; wc -c < /in/words/large.bin; test -e /in/words/empty/none.txt";
    let said = build(&env, sorted, &[]).ok().stderr();
    assert!(said.contains("2 ran"), "{said}");
    assert_eq!(out(&env, sorted, &[]), "a\nb\nc\n");
    assert_eq!(env.wrun(words("log", sorted, &[])).ok().raw_stdout(), "100000\n");
    // Caps are in no key; other words are.
    let said = build(&env, sorted, &["memory=100000000"]).ok().stderr();
    assert!(said.contains("2 cached"), "{said}");
    // The same content from elsewhere is the same input: of the words only their task runs.
    let said = build(&env, sorted, &["text=c\na\nb\n"]).ok().stderr();
    assert!(said.contains("2 ran"), "{said}");
    // Code after a container is a task of its own.
    let count = env.wrun(["build", "boxes.wasm", "count", sorted]).ok().stderr();
    assert!(count.contains("1 ran") && count.contains("2 cached"), "{count}");
    assert_eq!(env.wrun(["cat", "boxes.wasm", "count", sorted]).ok().raw_stdout(), "1 files");
    nothing_left(&env);
}

#[test]
fn a_recompiled_plugin_runs_no_container_and_another_image_runs_its_own() {
    if !engine() {
        return;
    }
    let env = world();
    let image = format!("wrun-test:mine-{}", std::process::id());
    let change = |comment: &str| {
        let dockerfile = ["commit", "--change", comment];
        let id = String::from_utf8(docker(["create", IMAGE, "true"]).stdout).unwrap();
        let made = docker(dockerfile.into_iter().chain([id.trim(), &image]));
        assert!(made.status.success());
        docker(["rm", id.trim()]);
    };
    change("ENV A=1");
    let param = format!("image={image}");
    assert_eq!(out(&env, "echo $A > /out/o", &[&param]), "1\n");
    // Another custom section is another component, and no other container.
    let mut code = std::fs::read(env.path("boxes.wasm")).unwrap();
    code.extend([0, 3, 1, b'x', 0]);
    std::fs::remove_file(env.path("boxes.wasm")).unwrap();
    env.write("boxes.wasm", code);
    let said = build(&env, "echo $A > /out/o", &[&param]).ok().stderr();
    assert!(said.contains("script") || said.contains("1 cached"), "{said}");
    assert!(said.contains("1 ran") && said.contains("1 cached"), "{said}");
    change("ENV A=2");
    let why = env.wrun(words("why", "echo $A > /out/o", &[&param])).ok().stdout();
    assert!(why.contains("image changed: "), "{why}");
    assert_eq!(out(&env, "echo $A > /out/o", &[&param]), "2\n");
    docker(["rmi", "-f", &image]);
    fails(&env, "true", &[&param], &[&format!("the image `{image}` cannot be fetched")]);
    nothing_left(&env);
}

#[test]
fn a_hostile_image_reaches_nothing() {
    if !engine() {
        return;
    }
    let env = world();
    let rights = "grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs)' /proc/self/status > /out/o";
    let none = "0000000000000000";
    assert_eq!(
        out(&env, rights, &[]),
        format!("CapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\nNoNewPrivs:\t1\n")
    );
    assert_eq!(out(&env, "ls /sys/class/net > /out/o", &[]), "lo\n");
    // Each of these must fail; those that do not are named.
    let tries = [
        "wget -T 2 -O - http://1.1.1.1/",
        "touch /in/words/x",
        "echo x >> /in/words/words.txt",
        "echo x >> /in/words/large.bin",
        "chmod 777 /in/words/large.bin",
        "rm /in/words/large.bin",
        "mv /in/words /in/other",
        "mount -o remount,rw /in",
        "umount /in",
        "mount -t tmpfs none /tmp",
        "mknod /out/disk b 8 0",
        "mknod /tmp/disk b 8 0",
        "chroot /out sh",
        "unshare -r true",
        "touch /bin/x",
        "echo x > /etc/passwd",
        "chown 1000 /out",
        "ls /out/../../store",
        "ls /home /root /work",
        "dd if=/dev/zero of=/tmp/full bs=1M count=100",
        "dd if=/dev/zero of=/dev/shm/full bs=1M count=100",
        "hostname other",
        "echo 1 > /proc/sys/kernel/panic",
        "cat /proc/1/../../../etc/shadow",
        "nice -n -5 true",
    ];
    let script: String =
        tries.iter().map(|it| format!("({it}) >/dev/null 2>&1 && echo '{it}' >> /out/o\n")).collect();
    assert_eq!(out(&env, &format!("{script} touch /out/o"), &[]), "");
    // The store is as it was.
    env.words("store check").ok();
    let pids = "i=0; while [ $i -lt 5000 ]; do sleep 60 >/dev/null 2>&1 & i=$((i+1)); done";
    fails(&env, pids, &["timeout=60"], &["can't fork"]);
    let memory = ["memory=33554432", "timeout=60"];
    fails(
        &env,
        "head -c 200m /dev/zero | tail",
        &memory,
        &["ran out of its 32 MiB memory", "hint: raise the container's `memory`"],
    );
    let output = ["output=1000000", "timeout=60"];
    fails(
        &env,
        "dd if=/dev/zero of=/out/o bs=1M count=20; sleep 60",
        &output,
        &["wrote more than 1000000 bytes and was stopped"],
    );
    fails(&env, "dd if=/dev/zero of=/out/o bs=1M count=20", &output, &["wrote more than 1000000 bytes"]);
    nothing_left(&env);
}

#[test]
fn each_failure_has_its_words() {
    if !engine() {
        return;
    }
    let env = world();
    fails(
        &env,
        "echo last words; exit 3",
        &[],
        &["program failed (exit code 3)", "last words", "hint: the end of its log"],
    );
    assert!(build(&env, "exit 3", &["accept=[3]"]).ok().stderr().contains("1 ran"));
    fails(&env, "nosuch", &[], &["exit code 127", "nosuch: not found"]);
    fails(&env, "exit 125", &[], &["exit code 125", "the engine did not fail"]);
    fails(&env, "/etc/passwd", &[], &["exit code 126"]);
    fails(&env, "sh -c 'kill -9 $$'; exit $?", &[], &["was killed, and not by wrun (exit code 137, SIGKILL)"]);
    fails(&env, "sh -c 'kill -11 $$'; exit $?", &[], &["exit code 139, SIGSEGV"]);
    fails(
        &env,
        "x",
        &["entrypoint=[\"/nosuch\"]"],
        &["program is not in the image (exit code 127)", "an image from scratch has no shell"],
    );
    fails(&env, "x", &["entrypoint=[\"/etc/passwd\"]"], &["cannot be executed (exit code 126)"]);
    fails(&env, "x", &["image=wrun-test:scratch"], &["program is not in the image"]);
    fails(&env, "x", &["image=wrun-test:elsewhere"], &["is for linux/s390x, and this machine is linux/"]);
    fails(&env, "x", &["image=localhost:1/no/such:1"], &["image `localhost:1/no/such:1`"]);
    fails(&env, "x", &["image=Not A Name"], &["an image reference, such as `name:tag`"]);
    fails(&env, "true", &["user=nobodyatall"], &["user is not in the image"]);
    let began = Instant::now();
    fails(&env, "sleep 60", &["timeout=1"], &["ran longer than its ", "and was stopped (exit code 137, SIGKILL)"]);
    // Nothing hears TERM there, so it took the grace.
    assert!(began.elapsed() < Duration::from_secs(40));
    let much = format!("cpu={}", u64::MAX / 2);
    fails(&env, "true", &[&much], &["cpus, and this machine has"]);
    fails(&env, "true", &["memory=9000000000000000000"], &["MiB of memory, and this machine has"]);
    nothing_left(&env);
}

#[test]
fn exactly_what_was_declared_must_be_written() {
    if !engine() {
        return;
    }
    let env = world();
    let files = ["files=[\"a\",\"d/\"]"];
    assert!(
        build(&env, "echo a > /out/a; mkdir /out/d; echo b > /out/d/b", &files).ok().stderr().contains("2 ran")
    );
    fails(&env, "true", &files, &["did not write `/out/a`"]);
    fails(&env, "mkdir /out/a /out/d", &files, &["`/out/a` is a directory, and is declared as a file"]);
    fails(&env, "touch /out/a /out/d", &files, &["`/out/d` is a file, and is declared as a directory"]);
    fails(&env, "touch /out/a /out/b; mkdir /out/d", &files, &["`/out/b`, which is not declared"]);
    fails(&env, "ln -s /etc/passwd /out/l", &[], &["`/out/l` is a symbolic link"]);
    fails(&env, "mkdir /out/d; mkfifo /out/d/p", &[], &["`/out/d/p` is a fifo"]);
    fails(&env, "touch $(printf '/out/\\377')", &[], &["is not UTF-8"]);
    let deep = "cd /out; i=0; while [ $i -lt 300 ]; do mkdir dddddddddddddddddddd; cd dddddddddddddddddddd; i=$((i+1)); done";
    fails(&env, deep, &[], &["more than 100 directories deep"]);
    // Whoever owns it, whatever its mode: setuid is gone, the exec bit stays.
    let tool = "printf '#!/bin/sh\\n' > /out/o; chmod 6711 /out/o; ln /out/o /out/p";
    build(&env, tool, &["user=65534:65534"]).ok();
    let lines = env.wrun(words("ls", tool, &["user=65534:65534"])).ok().raw_stdout();
    assert!(lines.contains('o') && lines.contains('p'), "{lines}");
    nothing_left(&env);
}

#[test]
fn arguments_and_environment_are_data() {
    if !engine() {
        return;
    }
    let env = world();
    let odd = "a b\t\"c\" 'd' $HOME `id` $(id) \\ ; & | > < * ?\n# é\u{1}";
    let json = |texts: &[&str]| serde_json::to_string(texts).unwrap();
    let args = format!("args={}", json(&["sh", "-c", "printf %s \"$1\" > /out/o", "x", odd]));
    assert_eq!(out(&env, "x", &[&args]), odd);
    let var = format!("env={}", json(&["ODD", odd]));
    assert_eq!(out(&env, "printf %s \"$ODD\" > /out/o", &[&var]), odd);
    fails(&env, "true", &["env=[\"WRUN_X\",\"1\"]"], &["names in `WRUN_` are wrun's own"]);
    nothing_left(&env);
}

#[test]
fn secrets_are_files_and_nowhere_else() {
    if !engine() {
        return;
    }
    let mut env = world();
    env.write(
        "wrun.toml",
        "[secrets]\npg = { env = \"PG\" }\nkey = { file = \"key.txt\" }\nabsent = { env = \"ABSENT\" }\n",
    );
    env.write("key.txt", "file-value-77");
    env.set("PG", "env-value-42");
    let script = "cat /run/secrets/pg /run/secrets/key; md5sum /run/secrets/pg > /out/o; sleep 0";
    let secrets = "secrets=[\"pg\",\"key\"]";
    let said = build(&env, script, &[secrets]).ok();
    assert!(!said.stderr().contains("value-42"));
    let log = env.wrun(words("log", script, &[secrets])).ok().raw_stdout();
    assert_eq!(log, "******");
    // Its value is in no key.
    env.set("PG", "env-value-43");
    assert!(build(&env, script, &[secrets]).ok().stderr().contains("2 cached"));
    let found = Command::new("grep").args(["-rlaE", "(env|file)-value"]).arg(env.path(".wrun")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    fails(&env, "true", &["secrets=[\"absent\"]"], &["`ABSENT` is not set", "hint: add it under [secrets]"]);
    fails(&env, "true", &["secrets=[\"other\"]"], &["the secret `other`, which wrun.toml does not name"]);
    nothing_left(&env);
}

#[test]
fn an_effect_is_not_repeated_to_verify_it() {
    if !engine() {
        return;
    }
    let env = world();
    let script = "echo $WRUN_ACTION > /out/o; head -c 8 /dev/urandom > /out/r";
    let verdict = |more: &[&str]| {
        let mut words = words("verify", script, more);
        words.push("--json");
        env.wrun(words)
    };
    build(&env, script, &[]).ok();
    let lines = verdict(&[]).code(6).json();
    assert!(lines.iter().any(|line| line["verdict"] == "differs"), "{lines:?}");
    let effect = ["effect=true", "text=other"];
    let token = out(&env, script, &effect);
    assert!(token.starts_with("b3:"), "{token}");
    let lines = verdict(&effect).ok().json();
    assert!(lines.iter().all(|line| !line["task"].as_str().unwrap().starts_with("script")), "{lines:?}");
    nothing_left(&env);
}

/// Waits until a store has a container in this state, and returns its id.
fn container(env: &TestEnv, state: &str) -> String {
    let since = Instant::now();
    loop {
        let now = left(env);
        if let Some((id, _)) = now.lines().find_map(|line| line.split_once(' ').filter(|(_, is)| *is == state)) {
            return id.to_owned();
        }
        assert!(since.elapsed() < Duration::from_secs(60), "no container is {state}: {now}");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_killed_wrun_left_is_taken_over() {
    if !engine() {
        return;
    }
    let env = world();
    // One that still runs is waited for; it ends when the test says so.
    let script = "echo began; until [ -e /out/go ]; do sleep 0.1; done; cat /proc/sys/kernel/random/uuid > /out/o";
    let mut child = env.command().args(words("build", script, &[])).spawn().unwrap();
    let id = container(&env, "running");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut again = env.command().args(words("build", script, &[])).spawn().unwrap();
    let go = || {
        let folders = env.path(".wrun/store/containers");
        let one = folders.read_dir().unwrap().flatten().next().unwrap().path();
        std::fs::write(one.join("out/go"), "").unwrap();
    };
    go();
    assert!(again.wait().unwrap().success());
    let ended = docker(["inspect", &id]);
    assert!(!ended.status.success(), "it was taken over, so it is gone");
    nothing_left(&env);
    // One that ended meanwhile gives its result, and does not run again.
    let script = "until [ -e /out/go ]; do sleep 0.1; done; cat /proc/sys/kernel/random/uuid > /out/o; echo other > /dev/null";
    let mut child = env.command().args(words("build", script, &[])).spawn().unwrap();
    container(&env, "running");
    child.kill().unwrap();
    child.wait().unwrap();
    go();
    let id = container(&env, "exited");
    let folder = env.path(".wrun/store/containers").read_dir().unwrap().flatten().next().unwrap().path();
    let made = std::fs::read_to_string(folder.join("out/o")).unwrap();
    assert_eq!(out(&env, script, &[]), made);
    assert!(!docker(["inspect", &id]).status.success());
    nothing_left(&env);
}

#[test]
fn an_interrupted_build_leaves_nothing_and_others_are_left_alone() {
    if !engine() {
        return;
    }
    let (env, other) = (world(), world());
    let script = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
    let mut theirs = other.command().args(words("build", script, &[])).spawn().unwrap();
    let id = container(&other, "running");
    let mut ours = env.command().args(words("build", script, &[])).spawn().unwrap();
    container(&env, "running");
    rustix::process::kill_process(rustix::process::Pid::from_child(&ours), rustix::process::Signal::INT).unwrap();
    assert_eq!(ours.wait().unwrap().code(), Some(130));
    nothing_left(&env);
    assert!(left(&other).starts_with(&id), "another's container");
    // Somebody removes it under its owner: no fault of the task's, so it is run again.
    docker(["rm", "-f", &id]);
    let second = container(&other, "running");
    assert_ne!(id, second);
    rustix::process::kill_process(rustix::process::Pid::from_child(&theirs), rustix::process::Signal::INT)
        .unwrap();
    theirs.wait().unwrap();
    nothing_left(&other);
}
