use crate::support::{config, hostile, hostile_bytes, hostile_variant};
use wrun_plugin::{Host, LoadError, Plugin};

/// Opens bytes and asks for the description.
fn load(bytes: &[u8]) -> LoadError {
    let host = Host::new(config());
    match Plugin::open(&host, bytes, "x.wasm") {
        Ok(plugin) => plugin.describe().unwrap_err(),
        Err(error) => error,
    }
}

/// A component with one section after its head.
fn component(section: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.push(section);
    bytes.push(u8::try_from(content.len()).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

/// A component that imports an empty instance of this name.
fn importing(name: &str) -> Vec<u8> {
    let mut bytes = component(7, &[1, 0x42, 0]);
    let mut import = vec![1, 0x00, u8::try_from(name.len()).unwrap()];
    import.extend_from_slice(name.as_bytes());
    import.extend_from_slice(&[0x05, 0]);
    bytes.extend_from_slice(&component(10, &import)[8..]);
    bytes
}

#[test]
fn exports_of_other_types_are_refused_when_it_is_loaded() {
    let bytes = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (export "describe" (func $f)) (export "declare" (func $f)) (export "run" (func $f)))"#,
    );
    let said = load(&bytes.unwrap()).to_string();
    let due = "`x.wasm` does not fit the contract `wrun:task@0.1`: type-checking export func `declare`: ";
    assert!(said.starts_with(due), "{said}");
}

#[test]
fn bytes_that_are_no_plugin_are_told_apart() {
    let hostile = hostile_bytes();
    let cases: [(&[u8], &str); 9] = [
        (b"", "`x.wasm` is not WebAssembly: it starts with nothing: it is empty"),
        (b"\x7fELF\x02\x01\x01\0", "`x.wasm` is not WebAssembly: it starts with `\\x7fELF\\x02\\x01\\x01\\x00`"),
        (
            b"\0asm\x01\0\0\0",
            "`x.wasm` is a core WebAssembly module that is no task: it does not export `describe`, `declare`, `run`",
        ),
        (&hostile[..hostile.len() / 2], "`x.wasm` is truncated: section 1 at byte"),
        (b"\0asm\x0d\0\x01\0", "`x.wasm` is not a wrun plugin: it does not export `describe`, `declare`, `run`"),
        (&component(7, &[1, 0xff]), "`x.wasm` is not a valid component: "),
        (
            &importing("wrun:task/host@0.2.0"),
            "`x.wasm` was built for `wrun:task/host@0.2.0`; this wrun knows `wrun:task@0.1`",
        ),
        (
            &importing("wasi:sockets/tcp@0.2.6"),
            "`x.wasm` imports `wasi:sockets/tcp@0.2.6`, which a task cannot have",
        ),
        (&importing("acme:db/query@1.0.0"), "`x.wasm` imports `acme:db/query@1.0.0`, which a task cannot have"),
    ];
    for (bytes, due) in cases {
        let error = load(bytes);
        let said = error.to_string();
        assert!(said.starts_with(due), "{said}\nis not\n{due}");
        assert!(error.hint().is_some(), "{said}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_never_a_panic() {
    let bytes = hostile_bytes();
    let host = Host::new(wrun_plugin::HostConfig { compiled_dir: None, ..config() });
    // Seeded: places spread over the head, where the structure is.
    let mut seed = 7_usize;
    for _ in 0..12 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = bytes[..].to_vec();
        let at = (seed >> 33) % 4096;
        damaged[at] ^= 1 << (seed % 8);
        if let Ok(plugin) = Plugin::open(&host, damaged, "x.wasm") {
            let _ = plugin.describe();
        }
    }
}

#[test]
fn a_plugin_describes_itself() {
    let plugin = hostile();
    let description = plugin.description().unwrap();
    assert_eq!((description.id.as_str(), description.default_goal.as_deref()), ("hostile", Some("fine")));
    let task = description.task("dynamic").unwrap();
    assert!(task.dynamic && task.params[0].kind.to_string() == "int");
    assert_eq!(task.params[0].default.as_deref(), Some("0"));
}

#[test]
fn a_cached_description_is_taken_as_it_is() {
    let description = hostile().describe().unwrap();
    let other = hostile_variant(10).with_description(description.clone());
    assert_eq!(*other.description().unwrap(), description);
}

#[test]
fn descriptions_that_lie_are_refused() {
    for (variant, due) in [
        (1, "breaks the contract: the plugin id, `Not A Word`, must be lower-case"),
        (2, "breaks the contract: the plugin describes no task type"),
        (3, "breaks the contract: the task type `fine` is there twice"),
        (4, "breaks the contract: the default goal `missing` is not a task type"),
        (5, "breaks the contract: param `n` of `declare-traps` has the unknown type `number`"),
        (6, "breaks the contract: the default of param `n` of `declare-traps`, `\"x\"`, is not"),
        (7, "breaks the contract: the param `n` is there twice"),
        (8, "breaks the contract: the name of an output `../out` is not a relative path"),
        (9, "breaks the contract: a policy `not json` is not JSON"),
        (10, "cannot describe itself: `describe` panicked at hostile/src/lib.rs:"),
        (11, "cannot describe itself: `describe` used more than its CPU-time cap of 0.2 s"),
    ] {
        let error = hostile_variant(variant).describe().unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(&format!("`hostile.wasm` {due}")), "{variant}: {said}");
        assert!(error.hint().is_some());
    }
}
