//! Which pages of a memory may differ from those of a fresh instance.

#![allow(unsafe_code)]

use std::{
    ffi::c_void,
    fs::File,
    mem,
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rustix::{
    io,
    ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode},
};

/// How changed pages are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The kernel lists the pages that were written (`PAGEMAP_SCAN`, Linux 6.7).
    Pagemap,
    /// The kernel gives the state of each page (`/proc/self/pagemap`).
    Entries,
    /// All pages are compared.
    Compare,
}

impl Scan {
    /// The fastest scan that this kernel has.
    #[must_use]
    pub fn best() -> Self {
        static BEST: LazyLock<Scan> = LazyLock::new(|| {
            let probe = [0_u8];
            if scan(&probe, |_| ()).is_ok() {
                Scan::Pagemap
            } else if entries(&probe, |_| ()).is_ok() {
                Scan::Entries
            } else {
                Scan::Compare
            }
        });
        *BEST
    }

    /// Calls `each` with parts of `memory`, in ascending order, that together hold
    /// every byte that differs from a fresh instance's.
    ///
    /// The kernel's answer is enough because wasmtime maps a memory privately over
    /// its initial image, and over zeros behind it. A page that was ever written,
    /// by a start function, a call or a restore, is then one of the process's
    /// own: neither the file's nor the kernel's page of zeros. Every other page is
    /// as in every fresh instance. (Pages of the process's own that a slot of the
    /// pool or an earlier connection left are found too, and compared.)
    pub(super) fn changed(self, memory: &[u8], mut each: impl FnMut(Range<usize>)) {
        let found = match self {
            Self::Pagemap => scan(memory, &mut each).is_ok(),
            Self::Entries => entries(memory, &mut each).is_ok(),
            Self::Compare => false,
        };
        if !found {
            each(0..memory.len());
        }
    }
}

/// How many page faults this thread had so far. While the number stays the same, the
/// thread has written no page that it had not written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Faults {
    thread: u64,
    count: i64,
}

impl Faults {
    /// Returns `None` if the system doesn't tell.
    pub(super) fn now() -> Option<Self> {
        // SAFETY: the call writes the struct, for which all zeros are a value.
        let usage = unsafe {
            let mut usage = mem::zeroed::<libc::rusage>();
            (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) == 0).then_some(usage)?
        };
        Some(Self { thread: this_thread(), count: usage.ru_minflt + usage.ru_majflt })
    }

    /// Whether they are this thread's.
    pub(super) fn are_here(self) -> bool {
        self.thread == this_thread()
    }
}

/// This thread's number. No other has it, at any time.
fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static OWN: u64 = NEXT.fetch_add(1, Relaxed);
    }
    OWN.with(|own| *own)
}

static PAGEMAP: LazyLock<Option<File>> = LazyLock::new(|| File::open("/proc/self/pagemap").ok());

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

/// Entries of the page map read at once: those of 2 MiB.
const ENTRIES: usize = 512;

// From Linux's Documentation/admin-guide/mm/pagemap.rst.
const ENTRY_IS_PRESENT: u64 = 1 << 63;
const ENTRY_IS_SWAPPED: u64 = 1 << 62;
const ENTRY_IS_FILE: u64 = 1 << 61;

/// As [`scan`], for older kernels. Pages of zeros count as changed.
fn entries(memory: &[u8], mut each: impl FnMut(Range<usize>)) -> io::Result<()> {
    let pagemap = PAGEMAP.as_ref().ok_or(io::Errno::NOENT)?;
    let (base, page) = (memory.as_ptr().addr(), rustix::param::page_size());
    let (first, end) = (base / page, (base + memory.len()).div_ceil(page));
    let mut bytes = [0; ENTRIES * size_of::<u64>()];
    for at in (first..end).step_by(ENTRIES) {
        let wanted = &mut bytes[..(end - at).min(ENTRIES) * size_of::<u64>()];
        let read = io::pread(pagemap, &mut *wanted, (at * size_of::<u64>()) as u64)?;
        if read < wanted.len() {
            return Err(io::Errno::IO);
        }
        for (number, entry) in (at..).zip(wanted.chunks_exact(size_of::<u64>())) {
            let entry = u64::from_ne_bytes(entry.try_into().unwrap_or_default());
            let is_there = entry & (ENTRY_IS_PRESENT | ENTRY_IS_SWAPPED) != 0;
            if is_there && entry & ENTRY_IS_FILE == 0 {
                let start = (number * page).saturating_sub(base);
                each(start..((number + 1) * page - base).min(memory.len()));
            }
        }
    }
    Ok(())
}
