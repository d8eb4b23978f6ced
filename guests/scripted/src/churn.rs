//! State of every kind that Rust keeps, changed at random by the word
//! `churn:SEED`: what must be as it was when a handler has slept.
#![expect(clippy::cast_possible_truncation, reason = "of random numbers any bits will do")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime};

/// What each collection holds at most.
const ITEMS_MAX: usize = 48;
/// What the blocks hold together at most.
const BLOCKS_MAX_BYTES: usize = 3 << 20;
/// Changes for one word.
const CHANGES: usize = 4;

static CALLS: AtomicU64 = AtomicU64::new(0);
static NAMES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

thread_local! {
    static RECENT: RefCell<VecDeque<u64>> = const { RefCell::new(VecDeque::new()) };
}

type Function = fn(u64) -> u64;
type Closure = Box<dyn FnMut(u64) -> u64>;

const FUNCTIONS: [Function; 4] =
    [u64::swap_bytes, |x| x.rotate_left(7), |x| x.wrapping_mul(0x9e37_79b9), u64::reverse_bits];

/// What a connection keeps in its own state.
pub(crate) struct Churn {
    blocks: Vec<Vec<u8>>,
    counts: HashMap<u64, u64>,
    closures: Vec<Closure>,
    /// Shared with some of the closures.
    shared: Rc<Cell<u64>>,
    function: Function,
    /// NaNs, each with bits of its own.
    nans: (f32, f64),
    since: Instant,
}

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// One number of many.
fn digest(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(7, |digest, number| Random(digest ^ number).next())
}

impl Churn {
    pub(crate) fn new() -> Self {
        Self {
            blocks: Vec::new(),
            counts: HashMap::new(),
            closures: Vec::new(),
            shared: Rc::default(),
            function: FUNCTIONS[0],
            nans: (f32::NAN, f64::NAN),
            since: Instant::now(),
        }
    }

    /// Changes some of it, and tells what it saw.
    pub(crate) fn run(&mut self, seed: u64) -> String {
        let mut random = Random(seed);
        let calls = CALLS.fetch_add(1, Relaxed);
        let seen = digest((0..CHANGES).map(|_| self.change(&mut random)));
        format!("churn {calls} {seen:016x}")
    }

    fn change(&mut self, random: &mut Random) -> u64 {
        match random.below(11) {
            0 => self.block(random),
            1 => self.count(random),
            2 => self.closure(random),
            3 => self.function(random),
            4 => self.nan(random),
            5 => self.time(random),
            6 => name(random),
            7 => recent(random),
            8 => chance(),
            9 => recurse(random.below(2000) as u64, random.next()),
            _ => self.shared.replace(random.next()),
        }
    }

    /// Takes memory, megabytes at times, which it writes here and there; and gives
    /// some back.
    fn block(&mut self, random: &mut Random) -> u64 {
        let large = random.below(32) == 0;
        let (bytes, step) = if large { (2 << 20, 512 << random.below(9)) } else { (4096, 1) };
        let mut block = Vec::with_capacity(1 + random.below(bytes));
        block.push(random.next() as u8);
        for byte in block.spare_capacity_mut().iter_mut().step_by(step) {
            byte.write(random.next() as u8);
        }
        self.blocks.push(block);
        while self.blocks.len() > ITEMS_MAX
            || self.blocks.iter().map(Vec::capacity).sum::<usize>() > BLOCKS_MAX_BYTES
        {
            self.blocks.swap_remove(random.below(self.blocks.len()));
        }
        digest(self.blocks.iter().flat_map(|block| block.first().copied().map(u64::from)))
    }

    /// The order of a `HashMap` depends on a random number drawn at its start.
    fn count(&mut self, random: &mut Random) -> u64 {
        *self.counts.entry(random.next() % (2 * ITEMS_MAX as u64)).or_default() += 1;
        if self.counts.len() > ITEMS_MAX {
            let first = self.counts.keys().next().copied();
            first.and_then(|first| self.counts.remove(&first));
        }
        digest(self.counts.iter().flat_map(|(key, count)| [*key, *count]))
    }

    /// Makes a closure with state of its own, and calls one of those there are.
    fn closure(&mut self, random: &mut Random) -> u64 {
        let (mut count, shared) = (random.next(), self.shared.clone());
        self.closures.push(if random.below(2) == 0 {
            Box::new(move |x| {
                count = count.wrapping_mul(3).wrapping_add(x);
                count
            })
        } else {
            let mut last = vec![count];
            Box::new(move |x| {
                last.push(x ^ shared.replace(x));
                digest(last.drain(..last.len() / 2))
            })
        });
        if self.closures.len() > ITEMS_MAX {
            drop(self.closures.swap_remove(random.below(ITEMS_MAX)));
        }
        let which = random.below(self.closures.len());
        self.closures[which](random.next())
    }

    fn function(&mut self, random: &mut Random) -> u64 {
        let before = self.function;
        self.function = FUNCTIONS[random.below(FUNCTIONS.len())];
        black_box(before)(random.next())
    }

    /// Signalling NaNs too, which an operation on floats would change.
    fn nan(&mut self, random: &mut Random) -> u64 {
        let (single, double) = (self.nans.0.to_bits(), self.nans.1.to_bits());
        let bits = random.next() | 1;
        self.nans.0 = f32::from_bits(0x7f80_0000 | (bits as u32 & 0x807f_ffff));
        self.nans.1 = f64::from_bits(0x7ff0_0000_0000_0000 | (bits & 0x800f_ffff_ffff_ffff));
        digest([single.into(), double])
    }

    /// An `Instant` that is kept is to mean the same later.
    fn time(&mut self, random: &mut Random) -> u64 {
        let elapsed = self.since.elapsed().as_nanos() as u64;
        if random.below(4) == 0 {
            self.since = Instant::now();
        }
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        digest([elapsed, today.map_or(0, |today| today.as_nanos() as u64)])
    }
}

/// In a static.
fn name(random: &mut Random) -> u64 {
    let Ok(mut names) = NAMES.lock() else { return 0 };
    let name = format!("{:x}", random.next()).repeat(1 + random.below(4));
    names.insert(name, random.next());
    if names.len() > ITEMS_MAX {
        names.pop_first();
    }
    digest(names.iter().map(|(name, number)| number ^ name.len() as u64))
}

/// In what is the thread's own.
fn recent(random: &mut Random) -> u64 {
    RECENT.with_borrow_mut(|recent| {
        recent.push_back(random.next());
        let oldest = if recent.len() > ITEMS_MAX { recent.pop_front() } else { None };
        digest(recent.iter().copied().chain(oldest))
    })
}

/// What the host draws.
fn chance() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// Writes far down the stack.
#[inline(never)]
fn recurse(depth: u64, seed: u64) -> u64 {
    let local = black_box([seed ^ depth; 8]);
    if depth == 0 {
        return local[0];
    }
    recurse(depth - 1, seed.rotate_left(1)) ^ local[(seed % 8) as usize]
}
