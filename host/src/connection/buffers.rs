//! Buffers for reading, shared by the connections of a thread: a connection has
//! one only while it handles what it read.

use std::cell::RefCell;

use bytes::BytesMut;

/// The size of a new buffer, unless more is asked for.
const BUFFER_BYTES: usize = 64 * 1024;
/// How many unused buffers a thread keeps.
const KEPT: usize = 8;

/// How much a connection reads at once, as its messages are large or small:
/// one that is read whole need not be put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadSize(u32);

/// Room that is left in a buffer serves for one more read down to this.
const READ_MIN_BYTES: u32 = 16 * 1024;
/// The most that is read at once.
pub(super) const READ_MAX_BYTES: u32 = 256 * 1024;

impl Default for ReadSize {
    fn default() -> Self {
        Self(READ_MIN_BYTES)
    }
}

impl ReadSize {
    /// Learns from a read of so many bytes into a buffer with room for `room`.
    pub(super) fn learn(&mut self, read: usize, room: usize) {
        if read == room {
            let twice = u32::try_from(room * 2).unwrap_or(READ_MAX_BYTES);
            self.0 = twice.clamp(self.0, READ_MAX_BYTES);
        } else if read < self.bytes() / 4 {
            self.0 = (self.0 / 2).max(READ_MIN_BYTES);
        }
    }

    fn bytes(self) -> usize {
        self.0 as usize
    }
}

thread_local! {
    static KEPT_BUFFERS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for a read.
pub(super) fn take(size: ReadSize) -> BytesMut {
    let mut buffer = KEPT_BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.capacity() < size.bytes() {
        // Takes back what messages held of it and have let go; else it is a new one.
        buffer.reserve(size.bytes().max(BUFFER_BYTES));
    }
    buffer
}

/// Gives one back, unless the thread has enough. What messages still hold of it
/// stays theirs.
pub(super) fn give(mut buffer: BytesMut) {
    if buffer.capacity() == 0 {
        return;
    }
    buffer.clear();
    KEPT_BUFFERS.with_borrow_mut(|kept| {
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_its_room_gets_more_and_little_gets_less() {
        let mut size = ReadSize::default();
        let (min, max) = (READ_MIN_BYTES as usize, READ_MAX_BYTES as usize);
        size.learn(min - 1, min);
        assert_eq!(size.0, READ_MIN_BYTES);
        size.learn(65_536, 65_536);
        assert_eq!(size.0, 131_072);
        size.learn(65_550, 131_072);
        assert_eq!(size.0, 131_072);
        size.learn(max, max);
        assert_eq!(size.0, READ_MAX_BYTES);
        for _ in 0..10 {
            size.learn(100, max);
        }
        assert_eq!(size.0, READ_MIN_BYTES);
        size.learn(20_000, 20_000);
        assert_eq!(size.0, 40_000);
    }

    #[test]
    fn a_buffer_has_the_room_that_is_asked_for() {
        let large = ReadSize(READ_MAX_BYTES);
        let mut buffer = take(large);
        assert!(buffer.capacity() >= large.bytes());
        buffer.resize(large.bytes() - 1, 0);
        let message = buffer.split();
        give(buffer);
        assert!(take(large).capacity() >= large.bytes());
        drop(message);
    }
}
