//! Writes into a guest's memory that was passed to the host as a list.

#![allow(unsafe_code)]

use std::{ptr, slice};

use wasmtime::{AsContextMut, component::WasmList};

/// Runs `write` on the bytes that `list` is made of, in the guest's memory.
/// wasmtime gives out such bytes to be read only.
pub(super) fn with_bytes_mut<C: AsContextMut, R>(
    store: &mut C,
    list: &WasmList<u8>,
    write: impl FnOnce(&mut [u8]) -> R,
) -> R
where
    C::Data: 'static,
{
    let bytes = list.as_le_slice(store.as_context());
    let (address, len) = (bytes.as_ptr().addr(), bytes.len());
    // SAFETY: The address and length are those of a slice that was valid just
    // now. The memory stays where it is: only running the guest or using the
    // store could move it, and `store` is borrowed mutably until `write`, which
    // has no other way to it, is done. For the same reason there is no other
    // reference to these bytes. They may be written: they belong to a linear
    // memory, which the guest's code writes; wasmtime keeps its base as a
    // pointer of exposed provenance (`wasmtime::runtime::vm::VmPtr`) and makes
    // its own mutable slices of it in this way.
    let bytes =
        unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(address), len) };
    write(bytes)
}
