//! The difference between a memory and its image, as bytes, and back.
//!
//! A memory is a list of lines of 64 bytes: how many lines are equal between the last one
//! and this, a [`varint`]; a byte whose bits say which of its words of 8 bytes differ; and
//! those words. A line in which none differs ends the list.

use std::ops::Range;

use super::{Damaged, dirty::Scan, varint};

/// The bytes of the first comparison, a call each. Most blocks are equal.
const BLOCK: usize = 4 * LINE;
/// A cache line.
const LINE: usize = 64;
/// A word, in bytes.
const WORD: usize = 8;
/// The words of a line: a byte has a bit for each.
const WORDS: usize = LINE / WORD;
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

/// Appends the lines of `memory`, which is at least as large as its image, until
/// `out` has `max_bytes`. Only these parts can differ. The first `dead` bytes are left out;
/// `lines` gets all lines that differ, the dead ones too.
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
    let mut writer = Writer { out, dead, end: 0, lines };
    let mut deepest = None;
    for range in &parts.ranges {
        // Whole pages: memories and their images begin and end with one.
        let (start, end) = (range.start / PAGE * PAGE, range.end.next_multiple_of(PAGE));
        let dead = (dead / LINE * LINE).clamp(start, end);
        deepest = deepest.or_else(|| first_difference(start..dead, image, memory));
        if let Some(deepest) = deepest.filter(|_| start < dead) {
            writer.lines.add(start.max(deepest), dead);
        }
        for at in (dead / PAGE * PAGE..end).step_by(PAGE) {
            if writer.out.len() > max_bytes {
                return Err(TooLong);
            }
            writer.page(at, &memory[at..at + PAGE], page_of(image, at));
        }
    }
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

/// The words in which two lines differ, as bits. It has no branches, because which words
/// of a line differ can't be predicted, and two lanes for a processor's vectors.
fn differing_words(new: &[u8; LINE], old: &[u8; LINE]) -> u8 {
    let mut lanes = [0; 2];
    let (new, old) = (new.as_chunks::<WORD>().0, old.as_chunks::<WORD>().0);
    for pair in 0..WORDS / 2 {
        for (lane, bits) in lanes.iter_mut().enumerate() {
            let number = 2 * pair + lane;
            let differ = u64::from_ne_bytes(new[number]) ^ u64::from_ne_bytes(old[number]);
            // The highest bit says whether any is set.
            *bits |= (differ | differ.wrapping_neg()) >> 63 << number;
        }
    }
    (lanes[0] | lanes[1]).to_le_bytes()[0]
}

/// Lines being written: behind `end`, a number of lines.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    dead: usize,
    end: usize,
    lines: &'a mut Lines,
}

impl Writer<'_> {
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
                let dead = self.dead.saturating_sub(at) / WORD;
                self.line(at / LINE, differ >> dead << dead, new);
            }
        }
    }

    /// Writes these words of a line.
    fn line(&mut self, number: usize, words: u8, line: &[u8; LINE]) {
        if words == 0 {
            return;
        }
        varint::put(self.out, (number - self.end) as u64);
        self.end = number + 1;
        self.out.push(words);
        let (mut kept, mut count) = ([[0; WORD]; WORDS], 0);
        // Each word is kept, and the next one in its place unless it is one of them: as
        // above, without branches.
        for (number, word) in line.as_chunks::<WORD>().0.iter().enumerate() {
            kept[count % WORDS] = *word;
            count += usize::from(words >> number & 1);
        }
        self.out.extend_from_slice(kept[..count].as_flattened());
    }
}

/// Takes a memory's lines off the front, and writes them over its image.
pub(super) fn take(from: &mut &[u8], memory: &mut [u8]) -> Result<(), Damaged> {
    let mut rest = memory.as_chunks_mut::<LINE>().0.iter_mut();
    loop {
        let between = varint::take(from).and_then(|lines| usize::try_from(lines).ok());
        let between = between.ok_or(Damaged("a line's place"))?;
        let (&words, bytes) = from.split_first().ok_or(Damaged("a line"))?;
        *from = bytes;
        if words == 0 {
            return if between == 0 { Ok(()) } else { Err(Damaged("a memory's end")) };
        }
        let line = rest.nth(between).ok_or(Damaged("a line's place"))?;
        let len = WORD * words.count_ones() as usize;
        let bytes;
        (bytes, *from) = from.split_at_checked(len).ok_or(Damaged("a line's words"))?;
        take_words(words, bytes, line);
    }
}

fn take_words(mut words: u8, bytes: &[u8], line: &mut [u8; LINE]) {
    if let Ok(whole) = bytes.try_into() {
        *line = whole;
        return;
    }
    for word in bytes.as_chunks::<WORD>().0 {
        line.as_chunks_mut::<WORD>().0[words.trailing_zeros() as usize] = *word;
        words &= words - 1;
    }
}
