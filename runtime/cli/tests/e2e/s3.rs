//! The policies of docs/using/s3.md, on a server that enforces rights.

use crate::env::TestEnv;
use serde_json::{Value, json};
use std::path::Path;
use wrun_store::objects::Objects as _;
use wrun_store::objects::s3::{S3Objects, S3Options};

/// The server; none where it cannot be had, as test.sh says.
fn radosgw() -> Option<String> {
    match std::env::var("WRUN_TEST_RADOSGW") {
        Ok(url) => Some(url).filter(|url| url != "none"),
        Err(_) => panic!("start the servers with: eval \"$(tests/tools/servers.sh)\""),
    }
}

/// One policy of the page, for one user and bucket.
fn policy(name: &str, bucket: &str) -> Vec<Value> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/using/s3.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page.split(&format!("```json,file={name}.json\n")).nth(1).unwrap().split("```").next().unwrap();
    let block = block.replace("arn:aws:s3:::data", &format!("arn:aws:s3:::{bucket}"));
    let mut policy: Value = serde_json::from_str(&block).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in &mut *statements {
        statement["Principal"] = json!({"AWS": [format!("arn:aws:iam:::user/wrun-{name}")]});
    }
    statements.clone()
}

/// A machine of a user.
fn machine(url: &str, bucket: &str, user: &str) -> TestEnv {
    let mut env = TestEnv::new();
    let config = format!("store = \"s3://{bucket}/wrun\"\n[s3]\nendpoint = \"{url}\"\nregion = \"us-east-1\"\n");
    env.write("wrun.toml", config);
    env.set("AWS_ACCESS_KEY_ID", user);
    env.set("AWS_SECRET_ACCESS_KEY", format!("{user}-secret"));
    env
}

/// The states of the checks that a bucket has.
fn doctor(env: &TestEnv, code: i32) -> Vec<(String, String)> {
    let lines = env.words("doctor --json").code(code).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_bucket = ["bucket", "list", "read", "write", "conditions", "delete", "server's clock"];
    let lines = lines.iter().map(|line| (text(&line["check"]), text(&line["state"])));
    lines.filter(|(check, _)| of_bucket.contains(&check.as_str())).collect()
}

#[test]
fn each_policy_allows_what_it_is_for_and_no_more() {
    let Some(url) = radosgw() else { return };
    let bucket = format!("wrun-policies-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = S3Options {
        region: Some("us-east-1".into()),
        endpoint: Some(url.clone()),
        keys: Some(("test".into(), "testtest".into())),
        ..S3Options::default()
    };
    let owner = runtime.block_on(async {
        let owner = S3Objects::open(&bucket, "", &options).await;
        owner.make_bucket().await.unwrap();
        let all: Vec<Value> =
            ["reader", "writer", "collector"].iter().flat_map(|name| policy(name, &bucket)).collect();
        let all = json!({"Version": "2012-10-17", "Statement": all});
        owner.set_policy(&all.to_string()).await.unwrap();
        owner.put("elsewhere/secret", b"secret".as_slice().into()).await.unwrap();
        owner
    });

    let of = |user: &str| machine(&url, &bucket, user);
    let good = |checks: &[&str]| -> Vec<(String, String)> {
        checks.iter().map(|check| ((*check).to_owned(), "ok".to_owned())).collect()
    };
    let (writer, reader, collector, nobody) = (of("writer"), of("reader"), of("collector"), of("nobody"));

    // What the writer makes, the reader gets; what nobody has made yet the reader cannot keep.
    writer.words("build grid.wasm grid -p n=5").ok();
    let ran = reader.words("build grid.wasm grid -p n=5").ok();
    assert!(ran.stderr().contains("7 cached"), "{}", ran.stderr());
    let bytes = reader.words("cat grid.wasm grid -p n=5").ok().raw_stdout();
    assert_eq!(bytes, writer.words("cat grid.wasm grid -p n=5").ok().raw_stdout());
    let said = reader.words("build grid.wasm grid -p n=6").code(5).stderr();
    assert!(said.contains("error[remote-store]: cannot write") || said.contains("AccessDenied"), "{said}");
    assert!(said.contains("hint: the rights that wrun needs are in docs/using/s3.md"), "{said}");
    let said = nobody.words("build grid.wasm grid -p n=5").code(5).stderr();
    assert!(said.contains("AccessDenied"), "{said}");

    let mut due = good(&["bucket", "list", "write", "read", "conditions", "server's clock", "delete"]);
    assert_eq!(doctor(&collector, 0), due);
    due.last_mut().unwrap().1 = "missing".into();
    assert_eq!(doctor(&writer, 0), due);
    let mut due = good(&["bucket", "list", "write", "read"]);
    due[2].1 = "missing".into();
    assert_eq!(doctor(&reader, 0), due);
    assert!(doctor(&nobody, 1).iter().any(|(check, state)| check == "read" && state == "bad"));

    // Nobody but the owner reads what lies beside the prefix.
    runtime.block_on(async {
        for user in ["reader", "writer", "collector"] {
            let keys = Some((user.into(), format!("{user}-secret")));
            let theirs = S3Objects::open(&bucket, "", &S3Options { keys, ..options.clone() }).await;
            let refused = theirs.get("elsewhere/secret").await.unwrap_err();
            assert_eq!(refused.fault, wrun_store::objects::Fault::Denied, "{user}: {refused}");
        }
        // What a test leaves is its own.
        let names = owner.list("", "").await.unwrap().into_iter().map(|object| object.name);
        owner.remove(&names.collect::<Vec<_>>()).await.unwrap();
    });
}
