//! The contract of `wit/task.wit`, as generated code.
//!
//! `wit/` is a copy of the repository's `sdk/wit`, so that the published crate is whole; a test holds the two
//! together. `generated.rs` is what `wit_bindgen::generate!` makes of it. It is committed, as the generator
//! takes longer to compile than all the rest; to write it anew, build with `WIT_BINDGEN_DEBUG=1` and
//! `--features generate-bindings`, and copy `task0.rs` from the generator's build folder.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated: it crosses the component's border, and the WIT file documents it"
)]

#[cfg(feature = "generate-bindings")]
wit_bindgen::generate!({
    path: "wit",
    world: "task",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "wrun_task::__private::bindings",
    generate_all,
});

#[cfg(not(feature = "generate-bindings"))]
include!("generated.rs");
