//! The places of an instance's memories in the process, through which the host reads
//! and writes them while the instance runs nothing.

#![allow(unsafe_code)]

use std::{ptr, slice};

use smallvec::SmallVec;
use wasmtime::{
    Store, StoreContextMut,
    component::{Linker, WasmList},
};

use super::rewrite::{self, Layout, SLOT, Window};

/// Where the memories of the instance in a store are, the window's first.
///
/// It is filled when the instance is made, and belongs to that store's data for good.
#[derive(Debug, Default)]
pub struct Reach(SmallVec<[usize; 2]>);

/// The data of a store that has an instance of a rewritten component.
pub trait HasReach {
    /// The instance's.
    fn reach(&mut self) -> &mut Reach;
}

/// All state that the host can reach, of an instance that runs nothing.
pub(super) struct View<'a> {
    window: &'a mut [u8],
    at: Window,
    pub(super) memories: SmallVec<[&'a mut [u8]; 1]>,
}

/// Pages of 64 KiB.
pub(super) const WASM_PAGE: usize = 65_536;

/// Gives rewritten components the host's interface.
///
/// # Errors
/// Only if the linker had the interface already.
pub fn add_to_linker<T: HasReach + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut host = linker.instance(rewrite::HOST)?;
    host.func_wrap("place", move |mut store: StoreContextMut<'_, T>, (memory,): (WasmList<u8>,)| {
        let address = memory.as_le_slice(&store).as_ptr().expose_provenance();
        store.data_mut().reach().0.push(address);
        Ok(())
    })
}

/// The window of the instance in `store`, and the places of its memories.
fn window<T: HasReach + 'static>(store: &mut Store<T>, at: Window) -> (&mut [u8], &[usize]) {
    let [window, memories @ ..] = &store.data_mut().reach().0[..] else {
        unreachable!("an instance passes the places of its memories when it is made")
    };
    // SAFETY: `place` got the address of the window's memory, which has so many bytes from
    // the beginning to the end.
    (unsafe { bytes(*window, at.len_bytes()) }, memories)
}

/// The room for a batch of frames of the instance in `store`, which was rewritten with
/// this layout.
pub fn batch_room<'a, T: HasReach + 'static>(
    store: &'a mut Store<T>,
    layout: &Layout,
) -> &'a mut [u8] {
    let at = Window::of(layout);
    &mut window(store, at).0[at.batch()..]
}

/// # Safety
/// A memory of an instance must begin at this address and have so many bytes. The
/// instance's store must be borrowed mutably for `'a`, and the memory must not be
/// reached in another way meanwhile.
///
/// Nothing else is needed: a memory stays where it is as long as its store lives,
/// because the engine's memories never move (`memory_may_move`). While the store is
/// borrowed mutably no guest runs, and no call of wasmtime's reaches the memory. Its
/// bytes may be written: they belong to a linear memory, which the guest's code writes;
/// wasmtime keeps its base as a pointer of exposed provenance
/// (`wasmtime::runtime::vm::VmPtr`) and makes its own mutable slices in this way.
unsafe fn bytes<'a>(address: usize, len: usize) -> &'a mut [u8] {
    // SAFETY: that of this function.
    unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(address), len) }
}

impl<'a> View<'a> {
    /// Makes the view of the instance in `store`, which was rewritten with this layout.
    pub(super) fn new<T: HasReach + 'static>(store: &'a mut Store<T>, layout: &Layout) -> Self {
        let at = Window::of(layout);
        let (window, places) = window(store, at);
        let (sizes, _) = window[at.sizes()..at.batch()].as_chunks();
        let memories = places.iter().zip(sizes).map(|(place, pages)| {
            let pages = usize::try_from(u64::from_le_bytes(*pages)).unwrap_or(0);
            // SAFETY: `place` got the memory's address, and the window has its size: the
            // accessor, which alone writes it besides the host, did so behind the last
            // thing that the instance ran. The host writes another in `grow_to` alone, for
            // a call of `grow`, which ends with the true one.
            unsafe { bytes(*place, pages * WASM_PAGE) }
        });
        let memories = memories.collect();
        Self { window, at, memories }
    }

    /// The bits of all globals.
    pub(super) fn globals(&self) -> impl Iterator<Item = u64> {
        let (globals, _) = self.window[..self.at.sizes()].as_chunks();
        globals.iter().map(|bits| u64::from_le_bytes(*bits))
    }

    /// Sets the bits of a global.
    pub(super) fn set_global(&mut self, number: usize, bits: u64) {
        let (globals, _) = self.window[..self.at.sizes()].as_chunks_mut::<SLOT>();
        globals[number] = bits.to_le_bytes();
    }

    /// Says how many pages each memory is to have. The accessor's `grow` has to be called
    /// next.
    pub(super) fn grow_to(self, pages: &[u32]) {
        let (sizes, _) = self.window[self.at.sizes()..self.at.batch()].as_chunks_mut::<SLOT>();
        for (size, pages) in sizes.iter_mut().zip(pages) {
            *size = u64::from(*pages).to_le_bytes();
        }
    }
}
