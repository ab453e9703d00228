//! Inputs on servers: pages of a web server of the test's own.

use crate::env::{FLIGHTS, TestEnv};
use wrun_store::external::stub::{Page, Stub};

fn served(page: Page) -> (TestEnv, Stub, String) {
    let web = Stub::start().unwrap();
    web.put("/in/flights.csv", page);
    let uri = web.uri("/in/flights.csv");
    (TestEnv::new(), web, uri)
}

fn delays(env: &TestEnv, uri: &str, more: &str) -> crate::env::Ran {
    env.words(format!("build report.wasm delays -p date=2013-01-01 -p source={uri} {more}").trim_end())
}

#[test]
fn a_page_is_an_input_and_a_no_op_asks_once() {
    let (env, web, uri) = served(Page::tagged(FLIGHTS.as_bytes(), "1"));
    let ran = delays(&env, &uri, "-v --report report.json").ok();
    assert!(ran.stderr().contains("externals: 3 requests (1 get, 2 head), "), "{}", ran.stderr());
    let report: serde_json::Value = serde_json::from_str(&env.read("report.json")).unwrap();
    assert_eq!(
        (&report["externals"][0]["uri"], &report["externals"][0]["kind"]),
        (&uri.clone().into(), &"tree".into())
    );
    assert_eq!(report["traffic"]["externals"]["bytes-down"], FLIGHTS.len());
    web.asked();
    let again = delays(&env, &uri, "").ok();
    assert!(again.stderr().contains("nothing moved since it was built"), "{}", again.stderr());
    assert_eq!(web.asked(), ["HEAD /in/flights.csv"]);
    web.put("/in/flights.csv", Page::tagged(FLIGHTS.replace("517,2", "517,3").as_bytes(), "2"));
    let changed = delays(&env, &uri, "--json").ok();
    assert!(changed.stdout().contains("\"traffic\":{\"store\":{\"gets\":0"), "{}", changed.stdout());
}

#[test]
fn a_page_that_is_not_there_is_missing_and_one_that_is_refused_is_not() {
    let (env, web, uri) = served(Page::Status(404));
    let said = delays(&env, &uri, "-q").code(1).stderr();
    assert!(said.contains(&format!("`{uri}` is not there")), "{said}");
    web.put("/in/flights.csv", Page::Status(403));
    let said = delays(&env, &uri, "-q").code(1).stderr();
    assert!(said.contains(&format!("cannot read `{uri}`: the server answered with status 403")), "{said}");
}

#[test]
fn a_digest_in_wrun_toml_pins_a_page() {
    let (env, web, uri) = served(Page::tagged(b"<!doctype html><title>Log in</title>", "1"));
    let due = wrun_core::digest::Digest::of_blob(FLIGHTS.as_bytes());
    env.write("wrun.toml", format!("[externals.\"{uri}\"]\ndigest = \"{due}\"\n"));
    let said = delays(&env, &uri, "-q").code(1).stderr();
    assert!(said.contains("it begins like a web page"), "{said}");
    web.put("/in/flights.csv", Page::tagged(FLIGHTS.as_bytes(), "2"));
    delays(&env, &uri, "-q").ok();
    env.write("wrun.toml", format!("[externals.\"{uri}\"]\ndigest = \"{due}\"\npin = \"etag\"\n"));
    let said = delays(&env, &uri, "-q").code(2).stderr();
    assert!(
        said.contains("cannot read `[ROOT]/work/wrun.toml`") && said.contains("has both `digest` and `pin`"),
        "{said}"
    );
}
