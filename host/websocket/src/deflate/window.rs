//! What a client's messages may refer to of those before them.

use std::{collections::VecDeque, fmt};

/// The last bytes received by compressed messages: what an inflater has to
/// remember, where the client takes its context over.
///
/// Kept by itself, for an inflater holds 55 KiB, however little has come.
pub(super) struct Window {
    size_bytes: usize,
    bytes: VecDeque<u8>,
}

impl Window {
    /// An empty one, to hold 2 to the power of `bits` bytes at most.
    pub(super) fn new(bits: u8) -> Self {
        Self { size_bytes: 1 << bits, bytes: VecDeque::new() }
    }

    /// What is in it, oldest first, in two runs.
    pub(super) fn as_slices(&self) -> (&[u8], &[u8]) {
        self.bytes.as_slices()
    }

    /// Puts bytes behind those that are there, and drops the oldest of all.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.size_bytes)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(self.size_bytes);
        self.bytes.drain(..excess);
        self.reserve(bytes.len());
        self.bytes.extend(bytes);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Makes room: twice as much as there was, but no more than can be used.
    fn reserve(&mut self, arriving: usize) {
        let needed = self.bytes.len() + arriving;
        if needed > self.bytes.capacity() {
            let wanted = needed.max(self.bytes.capacity() * 2).min(self.size_bytes);
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("len_bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(window: &Window) -> Vec<u8> {
        let (old, new) = window.as_slices();
        [old, new].concat()
    }

    #[test]
    fn holds_the_last_bytes_and_no_more_room() {
        let mut window = Window::new(9);
        let mut all = Vec::new();
        for len in [0, 1, 100, 300, 200, 511, 512, 3, 513, 2000, 7] {
            let bytes: Vec<u8> =
                (0..len).map(|n| u8::try_from((n * 7 + len) % 251).unwrap()).collect();
            window.push(&bytes);
            all.extend(bytes);
            assert_eq!(content(&window), &all[all.len().saturating_sub(512)..]);
            assert!(window.bytes.capacity() <= 512, "{}", window.bytes.capacity());
        }
        window.clear();
        assert!(content(&window).is_empty());
    }
}
