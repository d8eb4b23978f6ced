//! The allocator of handlers: it zeroes what is freed.
//!
//! A handler that sleeps is kept as what differs from a fresh instance. What it
//! has freed differs as well: the header fields of the request alone take more
//! than most handlers' state. Zeroed, they are as they were, and take nothing.
//!
//! Small pieces always are. Large ones, as long to zero as to copy, are once the
//! handler has asked for hibernation.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What is zeroed always, in bytes.
const SMALL_MAX_BYTES: usize = 4096;

static HIBERNATES: AtomicBool = AtomicBool::new(false);

/// The handler has asked for hibernation.
pub(super) fn hibernates() {
    HIBERNATES.store(true, Relaxed);
}

fn is_zeroed(layout: Layout) -> bool {
    layout.size() <= SMALL_MAX_BYTES || HIBERNATES.load(Relaxed)
}

struct Zeroing;

#[global_allocator]
static ALLOCATOR: Zeroing = Zeroing;

// SAFETY: `System` keeps the contract, and every call is handed on to it. What
// is written is freed in the same call, and nobody else's.
unsafe impl GlobalAlloc for Zeroing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the same; the memory has this layout, and nobody uses it.
        unsafe {
            if is_zeroed(layout) {
                memory.write_bytes(0, layout.size());
                // Or the compiler would leave out what nobody reads any more.
                black_box(memory);
            }
            System.dealloc(memory, layout);
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !is_zeroed(layout) {
            // SAFETY: the same.
            return unsafe { System.realloc(memory, layout, new_size) };
        }
        // SAFETY: the caller guarantees that the new size is one of this
        // alignment, and that the memory has this layout. The two don't overlap.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(memory, layout.size().min(new_size));
                self.dealloc(memory, layout);
            }
            new
        }
    }
}
