//! The difference between a memory and its image, as bytes, and back.
//!
//! A memory is a list of runs: the words between the last run and this one, the
//! words in it, and their bytes; two zeros end it. Numbers are [`varint`]s, words
//! have 8 bytes.

use std::ops::Range;

use super::{Damaged, dirty::Scan, varint};

/// The bytes of the first comparison, a call each. Most blocks are equal.
const BLOCK: usize = 4 * LINE;
/// A cache line.
const LINE: usize = 64;
/// The unit of runs, in bytes.
const WORD: usize = 8;
/// Runs nearer than this, in bytes, are one: the head of a run takes 2 or 3.
const JOIN: usize = 2 * WORD;
/// A page of the kernel's.
const PAGE: usize = 4096;

static ZEROS: [u8; PAGE] = [0; PAGE];

/// More differs than there is room for.
#[derive(Debug)]
pub(super) struct TooLong;

/// The lines of a memory that differ from its image, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<Range<u32>>);

impl Lines {
    /// Forgets all lines, and keeps the room for them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds the line that begins at the byte `at`, behind all others.
    fn add(&mut self, at: usize) {
        let line = u32::try_from(at / LINE).expect("a memory has 4 GiB at most");
        match self.0.last_mut() {
            Some(last) if last.end == line => last.end += 1,
            _ => self.0.push(line..line + 1),
        }
    }

    /// Makes these lines of a memory what they are in its image.
    pub(super) fn put_back(&self, image: &[u8], memory: &mut [u8]) {
        for lines in &self.0 {
            let (start, end) = (lines.start as usize * LINE, lines.end as usize * LINE);
            let (of_image, grown) =
                memory[start..end].split_at_mut(image.len().clamp(start, end) - start);
            of_image.copy_from_slice(&image[start.min(image.len())..][..of_image.len()]);
            grown.fill(0);
        }
    }
}

/// The parts of a memory that may differ from its image, as they were found last.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Range<usize>>);

impl Parts {
    /// Looks for them again.
    pub(super) fn find(&mut self, memory: &[u8], scan: Scan) {
        self.0.clear();
        scan.changed(memory, |range| self.0.push(range));
    }
}

/// Appends the runs of `memory`, which is at least as large as its image, until
/// `out` has `max_bytes`. Only these parts can differ. Runs leave out the first `dead` bytes; `lines` gets all
/// lines that differ, the dead ones too.
///
/// # Errors
/// [`TooLong`]; `lines` is not complete then.
pub(super) fn put(
    out: &mut Vec<u8>,
    max_bytes: usize,
    image: &[u8],
    memory: &[u8],
    dead: usize,
    parts: &Parts,
    lines: &mut Lines,
) -> Result<(), TooLong> {
    let mut runs = Runs { out, memory, dead, end: 0, open: None, lines };
    for range in &parts.0 {
        // Whole pages: memories and their images begin and end with one.
        for at in (range.start / PAGE * PAGE..range.end).step_by(PAGE) {
            if runs.len_bytes() > max_bytes {
                return Err(TooLong);
            }
            let page = &memory[at..at + PAGE];
            runs.page(at, page, image.get(at..at + PAGE).unwrap_or(&ZEROS));
        }
    }
    runs.close();
    out.extend([0, 0]);
    if out.len() > max_bytes { Err(TooLong) } else { Ok(()) }
}

/// Whether two lines differ. That is 25 instructions, where comparing them as slices is a call.
fn differs(new: &[u8; LINE], old: &[u8; LINE]) -> bool {
    words(new).zip(words(old)).fold(0, |all, (new, old)| all | (new ^ old)) != 0
}

fn words(line: &[u8; LINE]) -> impl Iterator<Item = u64> {
    line.as_chunks::<WORD>().0.iter().map(|word| u64::from_ne_bytes(*word))
}

/// Runs being written: behind `end`, and perhaps one begun.
struct Runs<'a> {
    out: &'a mut Vec<u8>,
    memory: &'a [u8],
    dead: usize,
    end: usize,
    open: Option<(usize, usize)>,
    lines: &'a mut Lines,
}

impl Runs<'_> {
    fn len_bytes(&self) -> usize {
        self.out.len() + self.open.map_or(0, |(start, end)| end - start)
    }

    fn page(&mut self, at: usize, page: &[u8], old: &[u8]) {
        let blocks = page.as_chunks::<BLOCK>().0.iter().zip(old.as_chunks::<BLOCK>().0);
        for ((new, old), at) in blocks.zip((at..).step_by(BLOCK)) {
            if new != old {
                self.block(at, new, old);
            }
        }
    }

    fn block(&mut self, at: usize, new: &[u8; BLOCK], old: &[u8; BLOCK]) {
        let lines = new.as_chunks::<LINE>().0.iter().zip(old.as_chunks::<LINE>().0);
        for ((new, old), at) in lines.zip((at..).step_by(LINE)) {
            if differs(new, old) {
                self.lines.add(at);
                self.line(at, new, old);
            }
        }
    }

    fn line(&mut self, at: usize, new: &[u8; LINE], old: &[u8; LINE]) {
        if at + LINE <= self.dead {
            return;
        }
        for ((new, old), at) in words(new).zip(words(old)).zip((at..).step_by(WORD)) {
            if new != old && at + WORD > self.dead {
                self.word(at);
            }
        }
    }

    fn word(&mut self, at: usize) {
        match &mut self.open {
            Some((_, end)) if at - *end <= JOIN => *end = at + WORD,
            _ => {
                self.close();
                self.open = Some((at, at + WORD));
            }
        }
    }

    fn close(&mut self) {
        if let Some((start, end)) = self.open.take() {
            varint::put(self.out, ((start - self.end) / WORD) as u64);
            varint::put(self.out, ((end - start) / WORD) as u64);
            self.out.extend_from_slice(&self.memory[start..end]);
            self.end = end;
        }
    }
}

/// Takes a memory's runs off the front, and writes them over its image.
pub(super) fn take_runs(from: &mut &[u8], memory: &mut [u8]) -> Result<(), Damaged> {
    let mut rest = memory;
    loop {
        let (gap, len) = (take_words(from)?, take_words(from)?);
        match (gap, len) {
            (0, 0) => return Ok(()),
            (_, 0) => return Err(Damaged("a memory's end")),
            _ => {}
        }
        let bytes;
        (bytes, *from) = from.split_at_checked(len).ok_or(Damaged("a run's bytes"))?;
        let (_, behind) = rest.split_at_mut_checked(gap).ok_or(Damaged("a run's place"))?;
        let (run, behind) = behind.split_at_mut_checked(len).ok_or(Damaged("a run's place"))?;
        run.copy_from_slice(bytes);
        rest = behind;
    }
}

/// Takes a number of words off the front, as bytes.
fn take_words(from: &mut &[u8]) -> Result<usize, Damaged> {
    varint::take(from)
        .and_then(|words| usize::try_from(words).ok()?.checked_mul(WORD))
        .ok_or(Damaged("a run's length"))
}
