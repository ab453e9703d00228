//! The bindings of the SDK for C are what wit-bindgen makes of the contract today.
//!
//! `WRUN_RENEW=1 cargo test --release -p wrun-plugin --test all bindings` writes them anew.

use std::path::Path;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

#[test]
#[expect(clippy::disallowed_methods, reason = "whether to write them anew is asked for by the environment")]
fn the_bindings_for_c_are_those_of_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut resolve = Resolve::default();
    let package = resolve.push_file(root.join("sdk/wit/task.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("task")).unwrap();
    // The types of the contract are put around the module by the host, so no object file carries them.
    let options = wit_bindgen_c::Opts {
        no_object_file: true,
        rename_world: Some("wrun_abi".to_owned()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    let mut seen = Vec::new();
    for (name, made) in files.iter() {
        let path = root.join("sdk/c/src").join(name);
        let made = String::from_utf8(made.to_vec()).unwrap();
        if std::env::var_os("WRUN_RENEW").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == made, "sdk/c/src/{name} is not what the generator makes: renew it");
        seen.push(name.to_owned());
    }
    assert_eq!(seen, ["wrun_abi.c", "wrun_abi.h"]);
}
