//! What differs between a memory and its image, as bytes, and back.
//!
//! A memory is a count of pages it has grown by, then runs: the words between
//! the last run and this one, the words in it, and their bytes; two zeros end
//! it. Numbers are [`varint`]s, words have 8 bytes.

use super::{Damaged, dirty::Scan, varint};

/// Bytes compared at once: a cache line.
const LINE: usize = 64;
/// The unit of runs, in bytes.
const WORD: usize = 8;
/// Runs nearer than this, in bytes, are one: the head of a run takes 2 or 3.
const JOIN: usize = 2 * WORD;
/// What is compared at first: a page of the kernel's.
const PAGE: usize = 4096;
/// A page of WebAssembly's, by which memories grow.
const WASM_PAGE: usize = 65_536;

static ZEROS: [u8; PAGE] = [0; PAGE];

/// More differs than there is room for.
#[derive(Debug)]
pub(super) struct TooLong;

/// Appends what differs in `memory`, which is at least as large as its image,
/// until `out` has `max_bytes`. The first bytes, so many as are `dead`, count as
/// equal.
pub(super) fn put(
    out: &mut Vec<u8>,
    max_bytes: usize,
    image: &[u8],
    memory: &[u8],
    dead: usize,
    scan: Scan,
) -> Result<(), TooLong> {
    varint::put(out, ((memory.len() - image.len()) / WASM_PAGE) as u64);
    let mut runs = Runs { out, memory, dead, end: 0, open: None };
    scan.changed(memory, dead / PAGE * PAGE, |range| {
        // Whole pages: memories and their images begin and end with one.
        for at in (range.start / PAGE * PAGE..range.end).step_by(PAGE) {
            if runs.len_bytes() > max_bytes {
                return;
            }
            let page = &memory[at..at + PAGE];
            let old = image.get(at..at + PAGE).unwrap_or(&ZEROS);
            if page != old {
                runs.page(at, page, old);
            }
        }
    });
    runs.close();
    out.extend([0, 0]);
    if out.len() > max_bytes { Err(TooLong) } else { Ok(()) }
}

/// Runs being written: behind `end`, and perhaps one begun.
struct Runs<'a> {
    out: &'a mut Vec<u8>,
    memory: &'a [u8],
    dead: usize,
    end: usize,
    open: Option<(usize, usize)>,
}

impl Runs<'_> {
    fn len_bytes(&self) -> usize {
        self.out.len() + self.open.map_or(0, |(start, end)| end - start)
    }

    fn page(&mut self, at: usize, page: &[u8], old: &[u8]) {
        for (line, (new, old)) in page.chunks(LINE).zip(old.chunks(LINE)).enumerate() {
            if new == old {
                continue;
            }
            for (word, (new, old)) in new.chunks(WORD).zip(old.chunks(WORD)).enumerate() {
                let at = at + line * LINE + word * WORD;
                if new != old && at + WORD > self.dead {
                    self.word(at);
                }
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

/// Takes the pages that a memory is to grow by off the front.
pub(super) fn take_growth(from: &mut &[u8]) -> Result<u32, Damaged> {
    let pages = varint::take(from).and_then(|pages| u32::try_from(pages).ok());
    pages.ok_or(Damaged("a memory's size"))
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
