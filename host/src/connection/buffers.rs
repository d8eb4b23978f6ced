//! Buffers for reading, shared by the connections of a thread: a connection has
//! one only while it handles what it read.

use std::cell::RefCell;

use bytes::BytesMut;

/// What one read takes at most.
const BUFFER_BYTES: usize = 64 * 1024;
/// Room below which a buffer is made new.
const ROOM_MIN_BYTES: usize = 16 * 1024;
/// How many unused buffers a thread keeps.
const KEPT: usize = 8;

thread_local! {
    static KEPT_BUFFERS: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
pub(super) fn take() -> BytesMut {
    let mut buffer = KEPT_BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.capacity() < ROOM_MIN_BYTES {
        // Takes back what messages held of it and have let go; else it is a new one.
        buffer.reserve(BUFFER_BYTES);
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
