//! Which pages of a memory may differ from those of a fresh instance.

#![allow(unsafe_code)]

use std::{ffi::c_void, fs::File, ops::Range, sync::LazyLock};

use rustix::{
    io,
    ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode},
};

/// How changed pages are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The kernel tells which pages were written (`PAGEMAP_SCAN`, Linux 6.7).
    Pagemap,
    /// All are compared.
    Compare,
}

impl Scan {
    /// The fastest that this kernel has.
    #[must_use]
    pub fn best() -> Self {
        static BEST: LazyLock<Scan> = LazyLock::new(|| {
            let probe = [0_u8];
            match scan(&probe, |_| ()) {
                Ok(()) => Scan::Pagemap,
                Err(_) => Scan::Compare,
            }
        });
        *BEST
    }

    /// Calls `each` with parts of `memory` from this byte on that together hold
    /// every byte that differs from a fresh instance's. A scan that fails is none.
    ///
    /// That the kernel's answer is enough: wasmtime maps a memory privately over
    /// its initial image, and over zeros behind it. A page that was ever written,
    /// by a start function, a call or a restore, is then one of the process's
    /// own: neither the file's nor the kernel's page of zeros. One that was not
    /// is as in every fresh instance. (A page of the process's own that a slot
    /// of the pool keeps is found too, and compared.)
    pub(super) fn changed(self, memory: &[u8], from: usize, mut each: impl FnMut(Range<usize>)) {
        let rest = &memory[from..];
        let mut shifted = |range: Range<usize>| each(range.start + from..range.end + from);
        let compares = self == Self::Compare || rest.len() <= COMPARED_MAX_BYTES;
        if compares || scan(rest, &mut shifted).is_err() {
            shifted(0..rest.len());
        }
    }
}

/// So much is compared sooner than the kernel is asked.
const COMPARED_MAX_BYTES: usize = 128 * 1024;

/// Regions taken at once: more than a small guest has, which writes its stack,
/// statics and heap.
const REGIONS: usize = 64;

// From Linux's include/uapi/linux/fs.h.
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg`.
#[repr(C)]
#[derive(Default)]
struct Arguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// Calls `each` with the parts of `memory` whose pages are present or swapped
/// out, and neither a file's nor the page of zeros.
fn scan(memory: &[u8], mut each: impl FnMut(Range<usize>)) -> io::Result<()> {
    static PAGEMAP: LazyLock<Option<File>> =
        LazyLock::new(|| File::open("/proc/self/pagemap").ok());
    let pagemap = PAGEMAP.as_ref().ok_or(io::Errno::NOENT)?;
    let base = memory.as_ptr().addr();
    let page = rustix::param::page_size();
    let end = (base + memory.len()).next_multiple_of(page) as u64;
    let mut regions = [Region::default(); REGIONS];
    let mut at = (base / page * page) as u64;
    while at < end {
        let not = PAGE_IS_FILE | PAGE_IS_PFNZERO;
        let mut arguments = Arguments {
            size: size_of::<Arguments>() as u64,
            start: at,
            end,
            regions: regions.as_mut_ptr().expose_provenance() as u64,
            regions_len: REGIONS as u64,
            category_inverted: not,
            category_mask: not,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            ..Arguments::default()
        };
        // SAFETY: `PAGEMAP_SCAN` reads and writes `Arguments`, writes at most
        // `regions_len` regions to `regions`, both of which outlive the call and
        // are laid out as the kernel's header says, and with no flags set looks
        // at the page tables only.
        let found = unsafe { ioctl(pagemap, PagemapScan(&mut arguments)) }?;
        for region in regions.iter().take(found) {
            let offset = |address: u64| {
                let address = usize::try_from(address).unwrap_or(usize::MAX);
                address.saturating_sub(base).min(memory.len())
            };
            each(offset(region.start)..offset(region.end));
        }
        at = arguments.walk_end;
    }
    Ok(())
}

struct PagemapScan<'a>(&'a mut Arguments);

// SAFETY: the opcode is that of `PAGEMAP_SCAN`, whose argument is a pointer to
// `struct pm_scan_arg`, which it changes, and whose result is a count.
unsafe impl Ioctl for PagemapScan<'_> {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<Arguments>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        (&raw mut *self.0).cast()
    }

    unsafe fn output_from_ptr(count: IoctlOutput, _: *mut c_void) -> io::Result<usize> {
        usize::try_from(count).map_err(|_| io::Errno::INVAL)
    }
}
