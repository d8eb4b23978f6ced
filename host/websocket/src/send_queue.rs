//! What waits to be written to the socket.

use std::{collections::VecDeque, io::IoSlice, mem};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{
    Message,
    encoder::frame_parts,
    header::{Opcode, ReservedBits, SENT_LEN_MAX_BYTES, put_header},
};

/// Payloads of this length and more are queued as they are, shorter ones are
/// copied: a piece of its own costs more than copying a page.
const COPY_MAX_BYTES: usize = 4 * 1024;

fn is_copied(bytes: &[u8]) -> bool {
    bytes.len() < COPY_MAX_BYTES
}

/// Frames on their way out, gathered so that one vectored write takes them.
///
/// It is a [`Buf`], to be given to `tokio_util::io::poll_write_buf`. It has no
/// limit of its own: who pushes looks at [`Self::len_bytes`]. When all is
/// written, its memory is given back.
///
/// ```
/// use bytes::Buf;
/// use wshost_websocket::{Message, SendQueue};
///
/// let mut queue = SendQueue::default();
/// queue.push(&Message::Text("Hello".into()));
/// queue.push(&Message::Text("World".into()));
/// assert_eq!(queue.chunk(), b"\x81\x05Hello\x81\x05World");
/// queue.advance(queue.len_bytes());
/// assert!(queue.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct SendQueue {
    /// What goes first. None of the pieces is empty.
    pieces: VecDeque<Bytes>,
    /// What goes behind the pieces, and is still being written to.
    tail: BytesMut,
    len_bytes: usize,
}

impl SendQueue {
    /// Puts a message behind what waits. A payload of 4 KiB or more isn't
    /// copied but shared.
    pub fn push(&mut self, message: &Message) {
        let (opcode, payload) = frame_parts(message);
        self.push_frame(opcode, ReservedBits::NONE, &payload);
    }

    /// The same for any frame.
    pub(super) fn push_frame(&mut self, opcode: Opcode, reserved: ReservedBits, payload: &Bytes) {
        let copied = if is_copied(payload) { payload.len() } else { 0 };
        self.tail.reserve(SENT_LEN_MAX_BYTES + copied);
        let before = self.tail.len();
        put_header(opcode, reserved, payload.len(), &mut self.tail);
        self.len_bytes += self.tail.len() - before;
        self.push_bytes(payload);
    }

    /// Puts a frame made by [`encode_frame`](super::encode_frame) behind what
    /// waits. One of 4 KiB or more isn't copied but shared.
    pub fn push_encoded(&mut self, frame: &Bytes) {
        self.push_bytes(frame);
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Whether nothing waits. Then no memory is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len_bytes == 0
    }

    fn push_bytes(&mut self, bytes: &Bytes) {
        self.len_bytes += bytes.len();
        if is_copied(bytes) {
            self.tail.put_slice(bytes);
        } else {
            self.end_tail();
            self.pieces.push_back(bytes.clone());
        }
    }

    /// Makes the tail a piece. What is left of its room serves the next one.
    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }
}

impl Buf for SendQueue {
    fn remaining(&self) -> usize {
        self.len_bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&self.tail, |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        let chunks = self.pieces.iter().map(|piece| &piece[..]).chain(tail);
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    /// Drops what was written from the front. More than waits is as much as
    /// waits.
    fn advance(&mut self, count: usize) {
        let mut count = count.min(self.len_bytes);
        self.len_bytes -= count;
        if self.len_bytes == 0 {
            mem::take(self);
            return;
        }
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
        self.tail.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{encode_frame, testing::message},
        *,
    };

    fn is_bare(queue: &SendQueue) -> bool {
        queue.pieces.capacity() == 0 && queue.tail.capacity() == 0
    }

    #[test]
    fn small_frames_make_one_chunk_and_big_payloads_are_shared() {
        let big = Bytes::from(vec![7; COPY_MAX_BYTES]);
        let mut queue = SendQueue::default();
        queue.push(&Message::Text("a".into()));
        queue.push(&Message::Binary(big.clone()));
        queue.push(&Message::Text("b".into()));
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(queue.chunks_vectored(&mut slices), 3);
        assert_eq!(&slices[0][..], [0x81, 1, b'a', 0x82, 126, 0x10, 0]);
        assert_eq!(slices[1].as_ptr(), big.as_ptr());
        assert_eq!(&slices[2][..], [0x81, 1, b'b']);
        assert_eq!(queue.chunks_vectored(&mut [IoSlice::new(&[])]), 1);
    }

    #[test]
    fn a_shared_frame_is_not_copied_if_big() {
        let frame = encode_frame(&Message::Binary(vec![7; 10_000].into()));
        let mut queue = SendQueue::default();
        queue.push_encoded(&frame);
        assert_eq!(queue.chunk().as_ptr(), frame.as_ptr());
        assert_eq!(queue.len_bytes(), frame.len());
    }

    #[test]
    fn holds_nothing_when_empty() {
        let mut queue = SendQueue::default();
        assert!(queue.is_empty() && is_bare(&queue));
        queue.push_encoded(&Bytes::new());
        assert!(queue.is_empty());
        queue.push(&Message::Binary(vec![7; 10_000].into()));
        queue.push(&Message::Close(None));
        queue.advance(usize::MAX);
        assert!(queue.is_empty() && is_bare(&queue));
        assert_eq!(queue.chunk(), b"");
    }

    proptest! {
        #[test]
        fn is_the_frames_in_order_however_it_is_written(
            messages in prop::collection::vec(message(10_000), 0..20),
            writes in prop::collection::vec(1_usize..9000, 1..200),
        ) {
            let mut queue = SendQueue::default();
            let (mut written, mut expected) = (Vec::new(), Vec::new());
            let mut messages = messages.iter();
            for write in writes.iter().cycle() {
                let next = messages.next();
                if let Some(message) = next {
                    expected.extend_from_slice(&encode_frame(message));
                    queue.push(message);
                }
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = queue.chunks_vectored(&mut slices);
                let mut chunks = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect::<Vec<_>>();
                prop_assert!(slices[..filled].iter().all(|slice| !slice.is_empty()));
                prop_assert!(chunks.starts_with(queue.chunk()));
                chunks.truncate(*write);
                queue.advance(chunks.len());
                written.extend(chunks);
                prop_assert_eq!(queue.len_bytes(), expected.len() - written.len());
                if next.is_none() && queue.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(written, expected);
            prop_assert!(is_bare(&queue));
        }
    }
}
