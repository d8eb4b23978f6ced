//! Which parts of the spill file are free: Knuth's buddy system.
//!
//! Blocks are powers of two, aligned to their size. A freed one is joined with
//! its other half if that is free as well, so that room left by small snapshots
//! serves large ones again.

use std::collections::BTreeSet;

/// The smallest block: a small handler's snapshot takes a few hundred bytes.
const BLOCK_MIN_BYTES: u64 = 256;

/// The free blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Their offsets, by order: those of order `n` take `BLOCK_MIN_BYTES << n`.
    free: Vec<BTreeSet<u64>>,
}

impl Blocks {
    /// `max_bytes` of room, all of it free: one block for each bit, the largest
    /// first, so that each is aligned. The other half of such a block is never
    /// free, hence they are never joined.
    pub(super) fn new(max_bytes: u64) -> Self {
        let room = max_bytes / BLOCK_MIN_BYTES;
        let mut free =
            vec![BTreeSet::new(); room.checked_ilog2().map_or(0, |top| top as usize + 1)];
        let mut offset = 0;
        for order in (0..free.len()).rev().filter(|order| room >> order & 1 == 1) {
            free[order].insert(offset);
            offset += bytes_of(order);
        }
        Self { free }
    }

    /// Takes a block for `len` bytes, the lowest of the smallest that fit: the
    /// file grows no longer than it must. None if there is none.
    pub(super) fn take(&mut self, len: u64) -> Option<u64> {
        let wanted = order_for(len);
        let found = (wanted..self.free.len()).find(|order| !self.free[*order].is_empty())?;
        let offset = self.free[found].pop_first()?;
        for order in wanted..found {
            self.free[order].insert(offset + bytes_of(order));
        }
        Some(offset)
    }

    /// Gives back what was taken for `len` bytes.
    pub(super) fn give(&mut self, mut offset: u64, len: u64) {
        let mut order = order_for(len);
        while self.free[order].remove(&(offset ^ bytes_of(order))) {
            offset &= !bytes_of(order);
            order += 1;
        }
        self.free[order].insert(offset);
    }
}

/// What a snapshot of `len` bytes takes of the file.
pub(super) fn block_bytes(len: u64) -> u64 {
    len.max(BLOCK_MIN_BYTES).next_power_of_two()
}

fn order_for(len: u64) -> usize {
    (block_bytes(len) / BLOCK_MIN_BYTES).ilog2() as usize
}

fn bytes_of(order: usize) -> u64 {
    BLOCK_MIN_BYTES << order
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const KIB: u64 = 1024;

    #[test]
    fn room_that_is_no_power_of_two_is_used_to_the_end() {
        let mut blocks = Blocks::new(7 * KIB + 100);
        assert_eq!(blocks.take(5 * KIB), None, "8 KiB would not fit");
        assert_eq!(blocks.take(4 * KIB), Some(0));
        assert_eq!(blocks.take(2 * KIB), Some(4 * KIB));
        assert_eq!(blocks.take(1), Some(6 * KIB));
        assert_eq!(blocks.take(700), None);
        assert_eq!(blocks.take(512), Some(6 * KIB + 512));
    }

    #[test]
    fn no_room_is_no_block() {
        assert_eq!(Blocks::new(0).take(0), None);
        assert_eq!(Blocks::new(BLOCK_MIN_BYTES - 1).take(0), None);
    }

    proptest! {
        /// No two overlap, none reaches past the end, and when all are given
        /// back, the largest is there again.
        #[test]
        fn blocks_are_apart(lens in vec(0..3000_u64, 1..200), drop_every in 1..5_usize) {
            let mut blocks = Blocks::new(64 * KIB);
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (n, len) in lens.into_iter().enumerate() {
                if let Some(offset) = blocks.take(len) {
                    let end = offset + block_bytes(len);
                    prop_assert!(end <= 64 * KIB);
                    for &(other, other_len) in &taken {
                        prop_assert!(end <= other || other + block_bytes(other_len) <= offset);
                    }
                    taken.push((offset, len));
                }
                if n % drop_every == 0 && !taken.is_empty() {
                    let (offset, len) = taken.swap_remove(n % taken.len());
                    blocks.give(offset, len);
                }
            }
            for (offset, len) in taken {
                blocks.give(offset, len);
            }
            prop_assert_eq!(blocks.take(64 * KIB), Some(0));
        }
    }
}
