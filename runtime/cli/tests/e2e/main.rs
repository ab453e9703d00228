//! The command line, end to end: one module a command or a kind of trouble.
//!
//! Each test has a home, a working directory and a store of its own, and no environment but what it sets.
//! Plugins are built once, by the wrun under test, and again when their sources change.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and knows where the tools of this machine are"
)]

mod build;
mod care;
mod cat;
mod complete;
mod config;
mod containers;
mod contract;
#[path = "../daemon/mod.rs"]
mod daemon;
mod debug;
mod describe;
mod diff;
mod disk;
mod doctor;
mod engine;
mod env;
mod explain;
mod externals;
#[path = "../../../store/tests/fake_s3/mod.rs"]
mod fake_s3;
mod get;
mod graph;
mod history;
mod interrupt;
mod invalidate;
mod languages;
mod lineage;
mod load;
mod log;
mod ls;
mod new;
mod params;
mod pipe;
mod plan;
mod plugin;
mod plugins;
mod publish;
mod report;
mod rerun;
mod s3;
mod source;
mod status;
mod terminal;
mod test;
mod trouble;
mod verify;
mod watch;
mod why;

/// Every file of this folder is a module above.
#[test]
fn no_module_is_forgotten() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for file in folder.read_dir().unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        assert!(name == "main" || main.contains(&format!("\nmod {name};\n")), "main.rs lacks `mod {name};`");
    }
}
