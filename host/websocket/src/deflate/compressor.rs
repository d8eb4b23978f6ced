//! Compressing, and the compressors that a thread keeps.

use std::{cell::RefCell, fmt};

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Method};

use super::{DeflateStrategy, TAIL};

/// How many unused compressors a thread keeps: as many settings as are likely
/// to be used in turns.
const KEPT: usize = 4;

/// How much is compressed into at a time.
const CHUNK_BYTES: usize = 4 * 1024;

thread_local! {
    static KEPT_COMPRESSORS: RefCell<Vec<Compressor>> = const { RefCell::new(Vec::new()) };
}

/// All that what a compressor puts out depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Setting {
    /// 9 to 15.
    pub(super) window_bits: u8,
    /// 0 to 9.
    pub(super) level: u8,
    /// 1 to 9.
    pub(super) mem_level: u8,
    pub(super) strategy: DeflateStrategy,
}

/// The compressor failed, which it has no reason to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct CompressorFailed;

/// A compressor, and the messages that it has seen.
pub(in super::super) struct Compressor {
    setting: Setting,
    stream: Deflate,
}

impl Compressor {
    /// A fresh one, taken from those that the thread keeps if there is one.
    pub(in super::super) fn take(setting: Setting) -> Self {
        let kept = KEPT_COMPRESSORS.with_borrow_mut(|kept| {
            let at = kept.iter().rposition(|one| one.setting == setting)?;
            Some(kept.remove(at))
        });
        match kept {
            Some(mut compressor) => {
                compressor.stream.reset();
                compressor
            }
            None => Self { setting, stream: Deflate::new_with_config(config(setting)) },
        }
    }

    /// Gives one back to the thread, in place of the one longest unused if
    /// there are enough.
    pub(in super::super) fn give(self) {
        KEPT_COMPRESSORS.with_borrow_mut(|kept| {
            if kept.len() == KEPT {
                kept.remove(0);
            }
            kept.push(self);
        });
    }

    /// Compresses a message's payload, which isn't empty (RFC 7692, 7.2.1).
    ///
    /// After an error the compressor is of no use.
    pub(in super::super) fn compress(
        &mut self,
        payload: &[u8],
    ) -> Result<Vec<u8>, CompressorFailed> {
        let mut compressed = Vec::new();
        let mut chunk = [0; CHUNK_BYTES];
        let mut rest = payload;
        loop {
            let (read, written) = self.step(rest, &mut chunk)?;
            compressed.extend_from_slice(&chunk[..written]);
            rest = &rest[read..];
            // What is flushed is out when there is room left behind it.
            if rest.is_empty() && written < CHUNK_BYTES {
                break;
            }
            if read == 0 && written == 0 {
                return Err(CompressorFailed);
            }
        }
        let len = compressed.strip_suffix(&TAIL).ok_or(CompressorFailed)?.len();
        compressed.truncate(len);
        Ok(compressed)
    }

    /// Compresses and flushes as much as fits. Returns how much was read, and
    /// how much written.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(usize, usize), CompressorFailed> {
        let before = (self.stream.total_in(), self.stream.total_out());
        self.stream
            .compress(input, output, DeflateFlush::SyncFlush)
            .map_err(|_| CompressorFailed)?;
        let since = |now: u64, before: u64| usize::try_from(now - before).ok();
        since(self.stream.total_in(), before.0)
            .zip(since(self.stream.total_out(), before.1))
            .ok_or(CompressorFailed)
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("setting", &self.setting).finish_non_exhaustive()
    }
}

fn config(setting: Setting) -> DeflateConfig {
    DeflateConfig {
        level: setting.level.into(),
        method: Method::Deflated,
        // Negative: without zlib's header.
        window_bits: -i32::from(setting.window_bits),
        mem_level: setting.mem_level.into(),
        strategy: match setting.strategy {
            DeflateStrategy::Default => zlib_rs::Strategy::Default,
            DeflateStrategy::Filtered => zlib_rs::Strategy::Filtered,
            DeflateStrategy::HuffmanOnly => zlib_rs::Strategy::HuffmanOnly,
            DeflateStrategy::Rle => zlib_rs::Strategy::Rle,
        },
    }
}
