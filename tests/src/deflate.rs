//! permessage-deflate (RFC 7692), by another implementation than the host's.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// What ends a flushed block, and is left out of a message (7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The payload of a compressed message, which refers to no other.
///
/// # Panics
/// If it can't be compressed.
pub fn deflated(message: &[u8]) -> Vec<u8> {
    // Where nothing gets smaller, blocks and the tail are added.
    let mut payload = Vec::with_capacity(message.len() + message.len() / 100 + 64);
    let mut compress = Compress::new(Compression::best(), false);
    let done = compress.compress_vec(message, &mut payload, FlushCompress::Sync);
    done.expect("all can be compressed");
    assert_eq!(compress.total_in(), message.len() as u64);
    assert!(payload.ends_with(&TAIL), "the compressor was not flushed");
    payload.truncate(payload.len() - TAIL.len());
    payload
}

/// Inflates the messages of one connection.
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

impl Inflater {
    /// The message of this payload, which may refer to those before it.
    ///
    /// # Panics
    /// If it is not valid, or of more than `bytes_max`.
    pub fn inflate(&mut self, payload: &[u8], bytes_max: usize) -> Vec<u8> {
        let input = [payload, &TAIL].concat();
        let read = self.0.total_in() + input.len() as u64;
        // The inflater sees that it is through only where there is room for more.
        let mut message = Vec::with_capacity(bytes_max + 1);
        let done = self.0.decompress_vec(&input, &mut message, FlushDecompress::Sync);
        done.expect("the host compresses well");
        assert_eq!(self.0.total_in(), read, "there is more than {bytes_max} bytes");
        message
    }
}
