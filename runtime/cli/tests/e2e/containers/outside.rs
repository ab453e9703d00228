//! Containers that read and write servers themselves: inputs by reference, outputs by `{out-url}`.

use super::*;
use crate::fake_s3::FakeS3;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use wrun_store::external::stub::{Page, Stub};
use wrun_store::objects::Objects as _;
use wrun_store::objects::s3::{S3Objects, S3Options};

#[test]
fn an_input_by_reference_is_an_address_and_is_not_read() {
    if !engine() {
        return;
    }
    let env = world();
    let web = Stub::start().unwrap();
    let uri = web.uri("/in/huge.bin");
    web.put("/in/huge.bin", Page::tagged(b"never read", "7"));
    env.write("wrun.toml", format!("[externals.\"{uri}\"]\nby = \"reference\"\n"));
    let given = format!("given={uri}");
    let script = "ls /in/given > /out/o; cat /in/given/reference >> /out/o";
    let due = format!("reference\n10\t\"7\"\t{uri}\thuge.bin\n");
    assert_eq!(out(&env, script, &[&given]), due);
    assert!(!web.asked().iter().any(|request| request.starts_with("GET")), "its bytes are the container's affair");
    // What the server says of it is in the key; the report says that it is weaker than content.
    let mut again = words("build", script, &[&given]);
    again.extend(["--report", "report.json", "--check"]);
    assert!(env.wrun(&again).ok().stderr().contains("2 cached"));
    let report: serde_json::Value = serde_json::from_str(&env.read("report.json")).unwrap();
    assert_eq!(report["externals"][0]["kind"], "reference");
    web.put("/in/huge.bin", Page::tagged(b"never read", "8"));
    assert_eq!(out(&env, script, &[&given]), due.replace("\"7\"", "\"8\""));
    // With its bytes it is another input.
    env.write("wrun.toml", "");
    assert_eq!(out(&env, "cat /in/given/huge.bin > /out/o", &[&given]), "never read");
    env.write("wrun.toml", "[externals.\"flights.csv\"]\nby = \"reference\"\n");
    fails(&env, script, &["given=flights.csv"], &["cannot be given by reference: it is a file of this machine"]);
    nothing_left(&env);
}

/// Lets containers reach a server that listens on this machine alone; returns the port.
fn forward(url: &str) -> u16 {
    let to = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(&to).unwrap();
            let (mut from, mut back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || pass(&mut from, &mut { far }));
            std::thread::spawn(move || pass(&mut back, &mut { near }));
        }
    });
    port
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    let mut buffer = [0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    _ = to.shutdown(std::net::Shutdown::Write);
}

/// In a script: `put NAME` sends stdin to a name below the address that the container was given.
const PUT: &str = r#"
put() {
    cat > /tmp/body
    { printf 'PUT /%s%s HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n' "${URL#s3://}" "$1"
      printf 'Content-Length: %s\r\n\r\n' "$(wc -c < /tmp/body)"; cat /tmp/body; } |
        nc "$(route -n | awk '$1 == "0.0.0.0" { print $2 }')" "$PORT" | head -n 1 | grep -q ' 200 '
}
set -e
"#;

/// A bucket that containers write to, and a world whose wrun.toml names it.
struct There {
    env: TestEnv,
    objects: S3Objects,
    runtime: tokio::runtime::Runtime,
    vars: String,
}

impl There {
    fn new(url: &str) -> Self {
        let mut env = world();
        let bucket = format!("wrun-out-{}", std::process::id());
        let s3 = format!("[s3]\nendpoint = \"{url}\"\nregion = \"us-east-1\"\npath-style = true\n");
        env.write("wrun.toml", format!("staging = \"s3://{bucket}/staging\"\n{s3}"));
        env.set("AWS_ACCESS_KEY_ID", "test");
        env.set("AWS_SECRET_ACCESS_KEY", "test");
        let options = S3Options {
            region: Some("us-east-1".into()),
            endpoint: Some(url.to_owned()),
            path_style: Some(true),
            keys: Some(("test".into(), "test".into())),
            ..S3Options::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let objects = runtime.block_on(async {
            let objects = S3Objects::open(&bucket, "", &options).await;
            // It may be there already, from another server of this test.
            _ = objects.make_bucket().await;
            objects
        });
        let vars = serde_json::to_string(&["PORT", &forward(url).to_string(), "URL", "{out-url}"]).unwrap();
        Self { env, objects, runtime, vars: format!("env={vars}") }
    }

    fn left(&self) -> Vec<String> {
        let listed = self.runtime.block_on(self.objects.list("", "")).unwrap();
        listed.into_iter().map(|object| object.name).collect()
    }
}

/// The servers: one of this process, and a stand-in for S3 of its own.
fn servers() -> [String; 2] {
    let Ok(ministack) = std::env::var("WRUN_TEST_MINISTACK") else {
        panic!("start the servers with: eval \"$(tests/tools/servers.sh)\"");
    };
    [FakeS3::start().url().to_owned(), ministack]
}

#[test]
fn what_a_container_writes_to_its_prefix_is_its_output() {
    if !engine() {
        return;
    }
    for url in servers() {
        let there = There::new(&url);
        let more = ["network=true", &there.vars, "files=[\"o\",\"d/\"]"];
        let script = format!("{PUT} echo one | put d/a; head -c 300000 /dev/zero | put d/b/c; echo here > /out/o");
        assert_eq!(out(&there.env, &script, &more), "here\n");
        let listed = there.env.wrun(words("ls", &script, &more)).ok().raw_stdout();
        for due in ["d/a", "d/b/c", "o"] {
            assert!(listed.contains(due), "{url}: {listed}");
        }
        assert_eq!(there.left(), [] as [&str; 0], "{url}: it was moved into the store");
        // The address is another one in every attempt, and in no key.
        assert!(build(&there.env, &script, &more).ok().stderr().contains("2 cached"));
        there.env.words("store check").ok();
        // What was not declared, or is in both places, is an error; and nothing stays there.
        fails(
            &there.env,
            &format!("{PUT} echo x | put other; touch /out/o; mkdir /out/d"),
            &more,
            &["`/out/other`, which is not declared"],
        );
        fails(
            &there.env,
            &format!("{PUT} echo x | put o; touch /out/o; mkdir /out/d"),
            &more,
            &["wrote `o` in two places"],
        );
        fails(&there.env, &format!("{PUT} echo x | put d/a; exit 3"), &more, &["exit code 3"]);
        let output = ["network=true", &there.vars, "output=1000"];
        let much = format!("{PUT} head -c 300000 /dev/zero | put o");
        fails(&there.env, &much, &output, &["wrote more than 1000 bytes to {out-url}"]);
        assert_eq!(there.left(), [] as [&str; 0], "{url}");
        nothing_left(&there.env);
    }
}

#[test]
fn the_prefix_of_a_killed_build_is_taken_over_or_swept() {
    if !engine() {
        return;
    }
    let there = There::new(&servers()[0]);
    let more = ["network=true", &there.vars];
    let script = format!(
        "{PUT} cat /proc/sys/kernel/random/uuid | put o; until [ -e /out/go ]; do sleep 0.1; done; rm /out/go"
    );
    let kill = |script: &str| {
        let mut child = there.env.command().args(words("build", script, &more)).spawn().unwrap();
        let since = Instant::now();
        while there.left().is_empty() {
            assert!(since.elapsed() < Duration::from_secs(60), "nothing was written");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill(&script);
    let [name] = &there.left()[..] else { panic!("{:?}", there.left()) };
    let read = there.runtime.block_on(there.objects.get(name)).unwrap().unwrap();
    let mut again = there.env.command().args(words("build", &script, &more)).spawn().unwrap();
    let folder = there.env.path(".wrun/store/containers").read_dir().unwrap().flatten().next().unwrap().path();
    std::fs::write(folder.join("out/go"), "").unwrap();
    assert!(again.wait().unwrap().success());
    // What the first one wrote is the output of the second, and is not there twice.
    assert_eq!(out(&there.env, &script, &more).as_bytes(), &read[..]);
    assert_eq!(there.left(), [] as [&str; 0]);
    // One that died with its machine: the next build of whatever sweeps.
    let script = format!("{PUT} echo x | put o; sleep 600");
    kill(&script);
    let id = container(&there.env, "running");
    docker(["rm", "-f", &id]);
    build(&there.env, "true", &[]).ok();
    assert_eq!(there.left(), [] as [&str; 0]);
    nothing_left(&there.env);
}

#[test]
fn what_a_lost_machine_wrote_is_removed_by_gc() {
    if !engine() {
        return;
    }
    let run = "staging/4711-0-0123456789abcdef";
    let all = [format!("{run}/d/o"), format!("{run}/o"), "staging/mine/o".to_owned()];
    // The one says that it was written long ago, the other that it was now.
    for (url, gone) in servers().iter().zip([2, 0]) {
        let there = There::new(url);
        for name in &all {
            there.runtime.block_on(there.objects.put_new(name, b"x".to_vec().into())).unwrap();
        }
        build(&there.env, "echo x > /out/o", &[]).ok();
        there.env.words("store gc --dry-run").ok();
        assert_eq!(there.left(), all, "{url}");
        let said = there.env.words("store gc").ok().stderr();
        assert_eq!(said.contains("1 abandoned output was removed"), gone > 0, "{url}: {said}");
        assert_eq!(there.left(), all[gone..], "{url}");
        there.runtime.block_on(there.objects.remove(&all)).unwrap();
    }
}

#[test]
fn a_prefix_needs_a_network_and_a_bucket() {
    if !engine() {
        return;
    }
    let env = world();
    let vars = "env=[\"URL\",\"{out-url}\"]";
    fails(&env, "true", &[vars], &["a container with `{out-url}`", "one with a network"]);
    fails(
        &env,
        "true",
        &[vars, "network=true"],
        &["no bucket is known for that", "hint: name one in wrun.toml: `staging = "],
    );
    env.write("wrun.toml", "staging = \"/tmp\"\n");
    build(&env, "true", &[]).code(2);
    nothing_left(&env);
}
