//! Bindings of the world in `wit/sandbox.wit`: the contract, and `wasi:filesystem`. The
//! rest of WASI has wasmtime-wasi's bindings.

#![allow(unreachable_pub, missing_docs, reason = "generated")]

wasmtime::component::bindgen!({
    path: ["../../sdk/wit", "wit"],
    world: "wrun:sandbox/sandbox",
    imports: {
        "wrun:task/host.need": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    trappable_error_type: { "wasi:filesystem/types.error-code" => crate::sandbox::FsError },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:filesystem/types.descriptor": crate::sandbox::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::sandbox::Entries,
    },
});
