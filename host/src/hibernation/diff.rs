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

    /// Adds the lines from the byte `start` to the byte `end`, behind all others.
    fn add(&mut self, start: usize, end: usize) {
        let line = |at: usize| u32::try_from(at / LINE).expect("a memory has 4 GiB at most");
        match self.0.last_mut() {
            Some(last) if last.end == line(start) => last.end = line(end),
            _ => self.0.push(line(start)..line(end)),
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

/// The parts of a memory that may differ from its image.
#[derive(Debug, Default)]
pub(super) struct Parts {
    ranges: Vec<Range<usize>>,
    are_known: bool,
}

impl Parts {
    /// Other parts may differ by now.
    pub(super) fn forget(&mut self) {
        self.are_known = false;
    }

    /// Looks for them, unless they are known.
    pub(super) fn find(&mut self, memory: &[u8], scan: Scan) {
        if !self.are_known {
            self.ranges.clear();
            scan.changed(memory, |range| self.ranges.push(range));
            self.are_known = true;
        }
    }
}

/// Appends the runs of `memory`, which is at least as large as its image, until
/// `out` has `max_bytes`. Only these parts can differ. Runs leave out the first `dead`
/// bytes; `lines` gets all lines that differ, the dead ones too.
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
    let mut deepest = None;
    for range in &parts.ranges {
        // Whole pages: memories and their images begin and end with one.
        let (start, end) = (range.start / PAGE * PAGE, range.end.next_multiple_of(PAGE));
        let dead = (dead / LINE * LINE).clamp(start, end);
        deepest = deepest.or_else(|| first_difference(start..dead, image, memory));
        if let Some(deepest) = deepest.filter(|_| start < dead) {
            runs.lines.add(start.max(deepest), dead);
        }
        for at in (dead / PAGE * PAGE..end).step_by(PAGE) {
            if runs.len_bytes() > max_bytes {
                return Err(TooLong);
            }
            runs.page(at, &memory[at..at + PAGE], page_of(image, at));
        }
    }
    runs.close();
    out.extend([0, 0]);
    if out.len() > max_bytes { Err(TooLong) } else { Ok(()) }
}

/// The page of an image that begins at the byte `at`. Behind its end there are zeros.
fn page_of(image: &[u8], at: usize) -> &[u8] {
    image.get(at..at + PAGE).unwrap_or(&ZEROS)
}

/// The first line of a dead part that differs. Almost everything behind it does, too,
/// because a stack is used from its other end on: it is not compared.
fn first_difference(dead: Range<usize>, image: &[u8], memory: &[u8]) -> Option<usize> {
    let differ = |range: Range<usize>| {
        let page = range.start / PAGE * PAGE;
        memory[range.clone()] != page_of(image, page)[range.start - page..range.end - page]
    };
    let parts = |range: Range<usize>, len: usize| {
        let end = range.end;
        range.step_by(len).map(move |at| at..end.min(at + len))
    };
    let block = parts(dead, BLOCK).find(|block| differ(block.clone()))?;
    parts(block, LINE).find(|line| differ(line.clone())).map(|line| line.start)
}

/// The words in which two lines differ, as bits. It has no branches: which words of a
/// line differ can't be predicted.
fn differing_words(new: &[u8; LINE], old: &[u8; LINE]) -> u32 {
    let pairs = (0..).zip(words(new).zip(words(old)));
    pairs.fold(0, |all, (bit, (new, old))| all | u32::from(new != old) << bit)
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
            if at + BLOCK > self.dead && new != old {
                self.block(at, new, old);
            }
        }
    }

    fn block(&mut self, at: usize, new: &[u8; BLOCK], old: &[u8; BLOCK]) {
        let lines = new.as_chunks::<LINE>().0.iter().zip(old.as_chunks::<LINE>().0);
        for ((new, old), at) in lines.zip((at..).step_by(LINE)) {
            let differ = differing_words(new, old);
            if at + LINE > self.dead && differ != 0 {
                self.lines.add(at, at + LINE);
                self.line(at, differ);
            }
        }
    }

    fn line(&mut self, at: usize, mut differ: u32) {
        let dead = self.dead.saturating_sub(at) / WORD;
        differ = differ >> dead << dead;
        while differ != 0 {
            let start = differ.trailing_zeros() as usize;
            let len = (differ >> start).trailing_ones() as usize;
            self.words(at + start * WORD, at + (start + len) * WORD);
            differ &= differ.wrapping_add(1 << start);
        }
    }

    fn words(&mut self, start: usize, end: usize) {
        match &mut self.open {
            Some((_, open)) if start - *open <= JOIN => *open = end,
            _ => {
                self.close();
                self.open = Some((start, end));
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
