//! An allocator that counts what is in use.
//!
//! `unsafe` because allocators are: every call is handed on to the system's as
//! it is.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// The bytes in use, as asked for.
pub(super) fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

pub(super) struct Counting;

// SAFETY: `System` keeps the contract; counting changes nothing of it. What
// isn't written here is made of these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's guarantees are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the same; the memory is from `System.alloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}
