//! Where each snapshot is, and in which order those in memory came.

use std::sync::Arc;

use slab::Slab;

use super::{Amount, Stats, file::Spilled};
use crate::hibernation::Snapshot;

/// A snapshot is packed when it has stayed for more than so many ticks.
const PACKED_AFTER_TICKS: u8 = 1;

/// No entry.
const NONE: u32 = u32::MAX;

/// All snapshots, by key. Those in memory make a list, from the oldest to the
/// newest, that each can be taken out of: it costs them 8 bytes.
#[derive(Debug)]
pub(super) struct Shelf {
    entries: Slab<Entry>,
    oldest: u32,
    newest: u32,
    /// The oldest that was not packed: those put after it were not either.
    unpacked: u32,
    /// How often the packer looked.
    tick: u8,
    stats: Stats,
}

/// A snapshot.
#[derive(Debug)]
pub(super) enum Entry {
    /// In memory.
    Held(Box<[u8]>, Links),
    /// In memory, and being packed.
    Packing(Moving, Links),
    /// In memory, and being written to the file.
    Moving(Moving),
    /// In the file.
    Spilled(Spilled),
}

/// A snapshot that is being packed or written: by the thread that does it, and by the
/// shelf.
pub(super) type Moving = Arc<Box<[u8]>>;

/// The entries that were put before and after an entry, and the tick it was put in.
#[derive(Debug)]
pub(super) struct Links {
    older: u32,
    newer: u32,
    tick: u8,
}

impl Links {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self { older: NONE, newer: NONE, tick: 0 })
    }
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Shelf {
    pub(super) fn new() -> Self {
        let (oldest, newest, unpacked) = (NONE, NONE, NONE);
        Self { entries: Slab::new(), oldest, newest, unpacked, tick: 0, stats: Stats::default() }
    }

    pub(super) fn stats(&self) -> Stats {
        self.stats
    }

    /// Adds a snapshot, if those in memory stay within `max_bytes`; else gives
    /// it back.
    pub(super) fn put(&mut self, bytes: Box<[u8]>, max_bytes: u64) -> Result<u32, Box<[u8]>> {
        let key = u32::try_from(self.entries.vacant_key()).unwrap_or(NONE);
        if key == NONE || self.stats.memory.bytes + bytes.len() as u64 > max_bytes {
            return Err(bytes);
        }
        self.stats.memory.add(bytes.len() as u64);
        let links = self.append(key);
        self.entries.insert(Entry::Held(bytes, links));
        Ok(key)
    }

    /// What one takes: in the file, its block.
    pub(super) fn len_bytes(&self, key: u32) -> u64 {
        match &self.entries[key as usize] {
            Entry::Held(bytes, _) => bytes.len() as u64,
            Entry::Packing(bytes, _) | Entry::Moving(bytes) => bytes.len() as u64,
            Entry::Spilled(spilled) => spilled.block_bytes(),
        }
    }

    /// Whether one is in memory.
    pub(super) fn is_in_memory(&self, key: u32) -> bool {
        !matches!(self.entries[key as usize], Entry::Spilled(_))
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, key: u32) -> Entry {
        let entry = self.entries.remove(key as usize);
        match &entry {
            Entry::Held(bytes, links) => {
                self.stats.memory.subtract(bytes.len() as u64);
                self.unlink(key, links);
            }
            Entry::Packing(bytes, links) => {
                self.stats.memory.subtract(bytes.len() as u64);
                self.unlink(key, links);
            }
            Entry::Moving(bytes) => self.stats.memory.subtract(bytes.len() as u64),
            Entry::Spilled(spilled) => self.stats.disk.subtract(spilled.block_bytes()),
        }
        entry
    }

    /// The oldest in memory, to be written to the file, if those there take more
    /// than `above_bytes`. Meanwhile a waking takes the snapshot from memory. A snapshot that
    /// is being packed is left for the next call.
    pub(super) fn begin_move(&mut self, above_bytes: u64) -> Option<(u32, Moving)> {
        if self.stats.memory.bytes <= above_bytes {
            return None;
        }
        let key = self.oldest;
        let entry = self.entries.get_mut(key as usize)?;
        let Entry::Held(bytes, links) = entry else { return None };
        let bytes = std::mem::take(bytes);
        let links = links.take();
        self.stats.memory.bytes -= bytes.len() as u64;
        let moving = Arc::new(Snapshot::from_bytes(bytes).pack().into_bytes());
        self.stats.memory.bytes += moving.len() as u64;
        *entry = Entry::Moving(moving.clone());
        self.unlink(key, &links);
        Some((key, moving))
    }

    /// Begins a tick of the packer's.
    pub(super) fn tick(&mut self) {
        self.tick = self.tick.wrapping_add(1);
    }

    /// Whether some in memory are not packed.
    pub(super) fn has_unpacked(&self) -> bool {
        self.unpacked != NONE
    }

    /// The oldest that is not packed, to be packed, if it has stayed for long enough.
    pub(super) fn begin_pack(&mut self) -> Option<(u32, Moving)> {
        let key = self.unpacked;
        let entry = self.entries.get_mut(key as usize)?;
        let Entry::Held(bytes, links) = entry else { unreachable!("it is not packed") };
        if self.tick.wrapping_sub(links.tick) <= PACKED_AFTER_TICKS {
            return None;
        }
        self.unpacked = links.newer;
        let packing = Arc::new(std::mem::take(bytes));
        let links = links.take();
        *entry = Entry::Packing(packing.clone(), links);
        Some((key, packing))
    }

    /// Ends the packing of a snapshot, unless it was taken meanwhile.
    pub(super) fn packed(&mut self, key: u32, packing: &Moving, packed: Box<[u8]>) {
        let Some(entry) = self.entries.get_mut(key as usize) else { return };
        match entry {
            Entry::Packing(own, links) if Arc::ptr_eq(own, packing) => {
                self.stats.memory.bytes -= own.len() as u64;
                self.stats.memory.bytes += packed.len() as u64;
                let links = links.take();
                *entry = Entry::Held(packed, links);
            }
            _ => {}
        }
    }

    /// Ends a move, with where the snapshot is now. Gives that back if nobody
    /// needs it any more.
    pub(super) fn moved(&mut self, key: u32, moving: &Moving, to: Spilled) -> Option<Spilled> {
        if !self.is_moving(key, moving) {
            return Some(to);
        }
        self.stats.memory.subtract(moving.len() as u64);
        self.stats.disk.add(to.block_bytes());
        self.entries[key as usize] = Entry::Spilled(to);
        None
    }

    /// Ends a move that failed. The next one tries another snapshot, for which
    /// there may be room.
    pub(super) fn not_moved(&mut self, key: u32, moving: Moving) {
        if self.is_moving(key, &moving) {
            // With the shelf's own reference gone, unwrapping copies nothing.
            self.entries[key as usize] = Entry::Moving(Moving::default());
            let bytes = Arc::unwrap_or_clone(moving);
            let links = self.append(key);
            self.entries[key as usize] = Entry::Held(bytes, links);
        }
    }

    /// Whether it is still there: its key may be another's by now.
    fn is_moving(&self, key: u32, moving: &Moving) -> bool {
        matches!(self.entries.get(key as usize), Some(Entry::Moving(own)) if Arc::ptr_eq(own, moving))
    }

    /// Makes `key` the newest.
    fn append(&mut self, key: u32) -> Links {
        let older = std::mem::replace(&mut self.newest, key);
        *self.newer_than(older) = key;
        if self.unpacked == NONE {
            self.unpacked = key;
        }
        Links { older, newer: NONE, tick: self.tick }
    }

    fn unlink(&mut self, key: u32, links: &Links) {
        if self.unpacked == key {
            self.unpacked = links.newer;
        }
        *self.newer_than(links.older) = links.newer;
        *self.older_than(links.newer) = links.older;
    }

    /// Where the one after `key` is noted.
    fn newer_than(&mut self, key: u32) -> &mut u32 {
        match self.entries.get_mut(key as usize) {
            Some(Entry::Held(_, links) | Entry::Packing(_, links)) => &mut links.newer,
            _ => &mut self.oldest,
        }
    }

    /// Where the one before `key` is noted.
    fn older_than(&mut self, key: u32) -> &mut u32 {
        match self.entries.get_mut(key as usize) {
            Some(Entry::Held(_, links) | Entry::Packing(_, links)) => &mut links.older,
            _ => &mut self.newest,
        }
    }
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.snapshots += 1;
        self.bytes += bytes;
    }

    fn subtract(&mut self, bytes: u64) {
        self.snapshots -= 1;
        self.bytes -= bytes;
    }
}
