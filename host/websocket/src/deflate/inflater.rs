//! Inflating, and the inflaters that a thread keeps.

use std::{cell::RefCell, fmt};

use zlib_rs::{Inflate as Stream, InflateFlush, Status};

/// How many unused inflaters a thread keeps.
const KEPT: usize = 4;

/// How much is inflated at a time.
const CHUNK_BYTES: usize = 8 * 1024;

/// Any client's window fits into this one. It is always used, so that what is
/// taken doesn't depend on how the input was cut: zlib finds a reference behind
/// a smaller window only if a call begins between.
const WINDOW_BITS: u8 = 15;

/// A last block that holds nothing.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

thread_local! {
    static KEPT_INFLATERS: RefCell<Vec<Inflater>> = const { RefCell::new(Vec::new()) };
}

/// An inflater, and what it puts out into.
pub(super) struct Inflater {
    stream: Stream,
    chunk: Box<[u8; CHUNK_BYTES]>,
}

/// What one step has come to.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// How much of the input was read.
    pub(super) read: usize,
    /// What was put out.
    pub(super) output: &'a [u8],
    pub(super) after: After,
}

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// There may be more to put out.
    More,
    /// All that was given has been put out.
    NeedsInput,
    /// The last block has ended. Call [`Inflater::restart`].
    LastBlock,
    /// What was read behind the output isn't DEFLATE data.
    Bad,
}

impl Inflater {
    /// A fresh one, taken from those that the thread keeps if there is one.
    pub(super) fn take() -> Self {
        match KEPT_INFLATERS.with_borrow_mut(Vec::pop) {
            Some(mut inflater) => {
                inflater.restart();
                inflater
            }
            None => {
                Self { stream: Stream::new(false, WINDOW_BITS), chunk: Box::new([0; CHUNK_BYTES]) }
            }
        }
    }

    /// Gives one back to the thread, unless that has enough.
    pub(super) fn give(self) {
        KEPT_INFLATERS.with_borrow_mut(|kept| {
            if kept.len() < KEPT {
                kept.push(self);
            }
        });
    }

    /// Begins with nothing before it.
    pub(super) fn restart(&mut self) {
        // Sets a window of 15 bits as well.
        self.stream.reset(false);
    }

    /// Lets what follows refer to these bytes, at the very beginning.
    pub(super) fn remember(&mut self, bytes: &[u8]) {
        // It can fail only where there is a zlib header.
        let _ = self.stream.set_dictionary(bytes);
    }

    /// Inflates until there is no more input, or `room` bytes are put out, or
    /// a chunk of them.
    pub(super) fn step(&mut self, input: &[u8], room: usize) -> Step<'_> {
        let room = room.min(CHUNK_BYTES);
        let before = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.decompress(input, &mut self.chunk[..room], InflateFlush::NoFlush);
        let since = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
        let read = since(self.stream.total_in(), before.0);
        let written = since(self.stream.total_out(), before.1);
        let after = match result {
            Ok(Status::StreamEnd) => After::LastBlock,
            Ok(_) if written == room => After::More,
            Ok(_) if read == input.len() => After::NeedsInput,
            Ok(_) | Err(_) => After::Bad,
        };
        Step { read, output: &self.chunk[..written], after }
    }

    /// Whether what was read ends where a block does, at a byte's end. Afterwards
    /// the inflater must be restarted.
    pub(super) fn is_between_blocks(&mut self) -> bool {
        let step = self.step(&LAST_BLOCK, 1);
        step.read == LAST_BLOCK.len() && step.output.is_empty() && step.after == After::LastBlock
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}
