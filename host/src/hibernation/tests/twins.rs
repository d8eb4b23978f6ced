//! Twins of hand-made components: one sleeps between calls, at random, the other
//! never. All of their state is compared, and more of them live meanwhile.

use std::mem;

use rand::{RngExt as _, seq::IndexedRandom as _};

use super::{Live, Rig, state::ALL_KINDS};
use crate::{hibernation::Scan, testing::Run};

/// Functions of [`ALL_KINDS`].
const FUNCTIONS: [&str; 3] = ["x", "y", "z"];
/// Pairs that live at once.
const PAIRS: usize = 8;

fn cannot_be_told_apart(scan: Scan) {
    let run = Run::new(2_000);
    let mut random = run.random();
    let rig = Rig::new(ALL_KINDS, scan);
    let fresh = || [rig.fresh(), rig.fresh()];
    let mut pairs: Vec<[Live; 2]> = (0..PAIRS).map(|_| fresh()).collect();
    // An instance of which a snapshot was taken, of any pair.
    let mut spare = None;
    for _ in 0..run.events {
        let pair = &mut pairs[random.random_range(0..PAIRS)];
        let function = FUNCTIONS.choose(&mut random).unwrap();
        let [one, other] = pair.each_mut().map(|live| live.call(function));
        assert_eq!(one, other, "{function}");
        match random.random_range(0..500) {
            0 => *pair = fresh(),
            1..150 => pair[1] = rig.restore(&rig.snapshot(&mut pair[1])).unwrap(),
            150..300 => {
                let snapshot = rig.snapshot(&mut pair[1]);
                let own = mem::replace(&mut pair[1], rig.fresh());
                let reused = spare.replace(own).and_then(|spare| rig.reuse(spare, &snapshot));
                pair[1] = reused.unwrap_or_else(|| rig.restore(&snapshot).unwrap());
            }
            300..310 => {
                let [one, other] = pair.each_mut().map(|live| rig.image(live));
                assert_eq!(one.globals, other.globals);
                assert!(one.memories == other.memories, "the memories differ");
            }
            _ => {}
        }
    }
}

#[test]
fn hand_made_twins_cannot_be_told_apart() {
    cannot_be_told_apart(Scan::best());
}

#[test]
fn hand_made_twins_cannot_be_told_apart_without_the_kernels_help() {
    cannot_be_told_apart(Scan::Compare);
}
