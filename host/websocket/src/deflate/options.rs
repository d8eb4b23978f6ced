//! What a handler can ask of compression.

use std::ops::RangeInclusive;

use thiserror::Error;

/// How the compressor looks for matches (zlib's names).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeflateStrategy {
    /// For most data.
    #[default]
    Default,
    /// For data made by a filter: small values, fewer matches.
    Filtered,
    /// No matches: Huffman coding alone.
    HuffmanOnly,
    /// Runs of one byte alone.
    Rle,
}

/// An option's value is none that it can have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{option} is from {min} to {max}, not {value}")]
pub struct OutOfRange {
    /// The option's name.
    pub option: &'static str,
    /// What was given.
    pub value: u8,
    /// The least it can be.
    pub min: u8,
    /// The most it can be.
    pub max: u8,
}

/// Options of permessage-deflate, as Cowboy's `deflate_opts`. Valid as they are.
///
/// ```
/// use wshost_websocket::DeflateOptions;
///
/// let mut options = DeflateOptions::default();
/// options.set_level(9)?;
/// options.set_server_context_takeover(true);
/// assert!(options.set_server_max_window_bits(8).is_err());
/// # Ok::<(), wshost_websocket::OutOfRange>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    pub(super) level: u8,
    pub(super) mem_level: u8,
    pub(super) strategy: DeflateStrategy,
    pub(super) server_context_takeover: bool,
    pub(super) client_context_takeover: bool,
    pub(super) server_max_window_bits: u8,
    pub(super) client_max_window_bits: u8,
    pub(super) threshold_bytes: usize,
}

impl Default for DeflateOptions {
    /// zlib's own defaults, without context takeover either way, for messages
    /// of 256 bytes and more: shorter ones don't get much shorter by themselves.
    fn default() -> Self {
        Self {
            level: 6,
            mem_level: 8,
            strategy: DeflateStrategy::Default,
            server_context_takeover: false,
            client_context_takeover: false,
            server_max_window_bits: *WINDOW_BITS.end(),
            client_max_window_bits: *WINDOW_BITS.end(),
            threshold_bytes: 256,
        }
    }
}

/// zlib can't compress with a window of 8 bits.
pub(super) const WINDOW_BITS: RangeInclusive<u8> = 9..=15;

impl DeflateOptions {
    /// How much work to spend: 0 (none, nothing gets smaller) to 9 (most). 6 by
    /// default.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn set_level(&mut self, level: u8) -> Result<(), OutOfRange> {
        set(&mut self.level, "level", level, 0..=9)
    }

    /// How much memory to spend beside the window: 1 to 9, 8 by default.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn set_mem_level(&mut self, mem_level: u8) -> Result<(), OutOfRange> {
        set(&mut self.mem_level, "mem-level", mem_level, 1..=9)
    }

    /// How matches are looked for.
    pub fn set_strategy(&mut self, strategy: DeflateStrategy) {
        self.strategy = strategy;
    }

    /// Whether our compressor goes on from message to message, where the client
    /// lets it. False by default: then a connection keeps no compressor, and
    /// one compressed frame does for many connections. True makes small, alike
    /// messages several times smaller.
    pub fn set_server_context_takeover(&mut self, takeover: bool) {
        self.server_context_takeover = takeover;
    }

    /// Whether the client's compressor may go on from message to message. False
    /// by default: then a connection keeps nothing of what it received.
    pub fn set_client_context_takeover(&mut self, takeover: bool) {
        self.client_context_takeover = takeover;
    }

    /// How far back our compressor refers at most: 2 to the power of 9 to 15
    /// bytes, 15 by default. A client can ask for less.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn set_server_max_window_bits(&mut self, bits: u8) -> Result<(), OutOfRange> {
        set(&mut self.server_max_window_bits, "server-max-window-bits", bits, WINDOW_BITS)
    }

    /// How far back the client's compressor may refer, as above. Only a client
    /// that offers to be told can be told.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn set_client_max_window_bits(&mut self, bits: u8) -> Result<(), OutOfRange> {
        set(&mut self.client_max_window_bits, "client-max-window-bits", bits, WINDOW_BITS)
    }

    /// Lowers the level to this where it is higher.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn cap_level(&mut self, max: u8) -> Result<(), OutOfRange> {
        self.set_level(self.level.min(max))
    }

    /// Lowers the memory level to this where it is higher.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn cap_mem_level(&mut self, max: u8) -> Result<(), OutOfRange> {
        self.set_mem_level(self.mem_level.min(max))
    }

    /// Lowers both sides' windows to this where they are larger.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`].
    pub fn cap_window_bits(&mut self, max: u8) -> Result<(), OutOfRange> {
        self.set_server_max_window_bits(self.server_max_window_bits.min(max))?;
        self.set_client_max_window_bits(self.client_max_window_bits.min(max))
    }

    /// Messages shorter than this go uncompressed. 256 bytes by default. Empty
    /// ones do in any case.
    pub fn set_threshold_bytes(&mut self, bytes: usize) {
        self.threshold_bytes = bytes;
    }
}

fn set(
    place: &mut u8,
    option: &'static str,
    value: u8,
    range: RangeInclusive<u8>,
) -> Result<(), OutOfRange> {
    if !range.contains(&value) {
        let (min, max) = range.into_inner();
        return Err(OutOfRange { option, value, min, max });
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Set = fn(&mut DeflateOptions, u8) -> Result<(), OutOfRange>;

    #[test]
    fn every_range_is_kept() {
        let ranges: [(Set, u8, u8, &str); 4] = [
            (DeflateOptions::set_level, 0, 9, "level"),
            (DeflateOptions::set_mem_level, 1, 9, "mem-level"),
            (DeflateOptions::set_server_max_window_bits, 9, 15, "server-max-window-bits"),
            (DeflateOptions::set_client_max_window_bits, 9, 15, "client-max-window-bits"),
        ];
        for (set, min, max, option) in ranges {
            let mut options = DeflateOptions::default();
            for value in 0..=u8::MAX {
                let before = options;
                let result = set(&mut options, value);
                if (min..=max).contains(&value) {
                    assert_eq!(result, Ok(()));
                } else {
                    assert_eq!(result, Err(OutOfRange { option, value, min, max }));
                    assert_eq!(options, before);
                }
            }
        }
    }

    #[test]
    fn an_error_says_what_can_be_given() {
        let error = DeflateOptions::default().set_level(10).unwrap_err();
        assert_eq!(error.to_string(), "level is from 0 to 9, not 10");
    }
}
