//! The contract in `wit/handler.wit`, as Rust types.
//!
//! Arguments to the guest are borrowed (`FrameParam<'_>`), so that a payload is
//! copied once, from the socket's buffer into the guest's memory.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]

wasmtime::component::bindgen!({
    world: "plugin",
    path: "../wit",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: {
        "wshost:handler/key-value": async | trappable,
        "wshost:handler/names": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
