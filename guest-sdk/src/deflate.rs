//! Options of compression.

/// Options of permessage-deflate (RFC 7692). What is not set is the host's to
/// choose. A value out of its range is this handler's error: the client gets 500.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    pub(crate) level: Option<u8>,
    pub(crate) mem_level: Option<u8>,
    pub(crate) strategy: Option<Strategy>,
    pub(crate) server_context_takeover: Option<bool>,
    pub(crate) client_context_takeover: Option<bool>,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<u8>,
    pub(crate) threshold: Option<u32>,
}

/// How the compressor looks for matches (zlib's names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// For most data.
    Standard,
    /// For data made by a filter.
    Filtered,
    /// Huffman coding alone.
    HuffmanOnly,
    /// Runs of one byte alone.
    Rle,
}

impl Deflate {
    /// The host's own choices.
    pub fn new() -> Self {
        Self::default()
    }

    /// 0 (none) to 9 (best).
    pub fn level(mut self, level: u8) -> Self {
        self.level = Some(level);
        self
    }

    /// zlib's memory level, 1 to 9.
    pub fn mem_level(mut self, level: u8) -> Self {
        self.mem_level = Some(level);
        self
    }

    /// How matches are looked for.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Whether the host's compressor keeps its window between messages: better
    /// compression, for memory kept with each connection.
    pub fn server_context_takeover(mut self, keep: bool) -> Self {
        self.server_context_takeover = Some(keep);
        self
    }

    /// Whether the client may keep its window between messages.
    pub fn client_context_takeover(mut self, keep: bool) -> Self {
        self.client_context_takeover = Some(keep);
        self
    }

    /// The host's window, 9 (512 bytes) to 15 (32 KiB).
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = Some(bits);
        self
    }

    /// The client's window, 9 (512 bytes) to 15 (32 KiB).
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = Some(bits);
        self
    }

    /// Messages of fewer bytes than this go uncompressed.
    pub fn threshold(mut self, bytes: u32) -> Self {
        self.threshold = Some(bytes);
        self
    }
}
