//! The contract of `wit/task.wit`, as generated code. `wit/` is a copy of the repository's `sdk/wit`, so
//! that the published crate is whole; a test holds the two together.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::missing_safety_doc,
    reason = "generated: it crosses the component's border, and the WIT file documents it"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "task",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "wrun_task::__private::bindings",
    generate_all,
});
