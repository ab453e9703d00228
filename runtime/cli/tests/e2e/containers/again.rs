//! Results of containers that are made again from the store alone.

use super::*;

/// Builds a script; returns the key of its result.
fn key(env: &TestEnv, script: &str, more: &[&str]) -> String {
    let mut words = words("build", script, more);
    words.push("--json");
    let lines = env.wrun(words).ok().json();
    let goal = lines.iter().find(|line| line["event"] == "goal").unwrap();
    goal["key"].as_str().unwrap().to_owned()
}

/// Another machine: the store was sent there, and nothing else.
fn elsewhere(env: &TestEnv) -> TestEnv {
    let there = world();
    std::fs::remove_file(there.path("boxes.wasm")).unwrap();
    env.wrun(["store", "push", there.path(".wrun/store").to_str().unwrap()]).ok();
    there
}

#[test]
fn a_container_is_made_again_from_the_store_alone() {
    if !engine() {
        return;
    }
    let env = world();
    let same = key(
        &env,
        "sort /in/words/words.txt > /out/o; wc -c < /in/words/large.bin >> /out/o",
        &["env=[\"A\",\"1\"]"],
    );
    let random = key(&env, "echo a > /out/a; head -c 16 /dev/urandom > /out/b", &["memory=100000000"]);
    let fails = key(&env, "test -e /run/secrets || exit 4", &["accept=[4]"]);
    let there = elsewhere(&env);
    let lines = there.wrun(["rerun", &same, "--up", "--json"]).ok().json();
    assert_eq!(lines.len(), 2, "the words, and what the container made of them: {lines:?}");
    assert!(lines.iter().all(|line| line["verdict"] == "same"), "{lines:?}");
    let ran = there.wrun(["rerun", &random]).code(6);
    assert!(
        ran.stdout().starts_with("differs  boxes:script ") && ran.stdout().ends_with("\n         b\n"),
        "{}",
        ran.stdout()
    );
    // What was accepted once is accepted again.
    assert_eq!(there.wrun(["rerun", &fails]).ok().stderr(), "1 result: 1 same\n");
    assert!(!there.path("wrun.lock").exists(), "nothing is pinned by a look");
    nothing_left(&there);
    nothing_left(&env);
}

#[test]
fn what_a_container_lacks_here_is_said() {
    if !engine() {
        return;
    }
    let mut env = world();
    env.write("wrun.toml", "[secrets]\npg = { env = \"PG\" }\n");
    env.set("PG", "secret-1");
    let secret = key(&env, "md5sum < /run/secrets/pg > /out/o", &["secrets=[\"pg\"]"]);
    let said = env.wrun(["rerun", &secret]).ok().stderr();
    assert_eq!(said, "1 result: 1 same\n");
    env.set("PG", "secret-2");
    env.wrun(["rerun", &secret]).code(6);
    env.write("wrun.toml", "");
    env.wrun(["rerun", &secret]).refused(
        1,
        "error: its container cannot be run here: the task needs the secret `pg`, which wrun.toml does \
         not name\n\
         hint: add it under [secrets] of wrun.toml, as { env = \"NAME\" } or { file = \"PATH\" }\n",
    );
    let image = format!("wrun-test:gone-{}", std::process::id());
    docker(["tag", IMAGE, &image]);
    let id = String::from_utf8(docker(["create", &image, "true"]).stdout).unwrap();
    assert!(docker(["commit", "--change", "ENV GONE=1", id.trim(), &image]).status.success());
    docker(["rm", id.trim()]);
    let gone = key(&env, "echo $GONE > /out/o", &[&format!("image={image}")]);
    docker(["rmi", "-f", &image]);
    let said = env.wrun(["rerun", &gone]).code(1).stderr();
    assert!(said.contains(&format!("its container cannot be run here: the image `{image}` (sha256:")), "{said}");
    assert!(said.contains("is gone from this machine\nhint: `docker load` brings"), "{said}");
    let nowhere = env.path("nowhere.sock");
    env.set("DOCKER_HOST", format!("unix://{}", nowhere.display()));
    let said = env.wrun(["rerun", &gone]).code(1).stderr();
    assert!(said.contains("its container cannot be run here: no engine answers at unix://"), "{said}");
    assert!(said.ends_with("hint: `wrun doctor` looks at the container engine\n"), "{said}");
    nothing_left(&env);
}

#[test]
fn what_acts_on_the_world_is_left_out() {
    if !engine() {
        return;
    }
    let env = world();
    // Whether it runs again is seen outside of it.
    let effect = key(&env, "echo acted; echo receipt > /out/o", &["effect=true"]);
    let ran = env.wrun(["rerun", &effect]).code(1);
    let said = ran.stderr();
    assert!(said.contains(" acts on the world, and `rerun` does not do that again\n"), "{said}");
    assert!(said.contains("\nhint: where it is meant to act once more, `wrun build --force` lets it\n"), "{said}");
    let lines = env.wrun(["rerun", &effect, "--up", "--json"]).code(1).json();
    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["impossible", "same"], "the effect was named; the words behind it are made again");
    nothing_left(&env);
}
