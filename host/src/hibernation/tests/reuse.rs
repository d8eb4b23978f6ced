//! Instances that pass from one connection to another: the next finds nothing of the
//! one before, wherever it looks.

use std::mem;

use rand::{RngExt as _, seq::IndexedRandom as _};

use super::{Live, Rig};
use crate::{
    hibernation::{Scan, Snapshot},
    testing::Run,
};

/// A module with a stack, data, a second memory and globals. `plant-…` functions leave
/// a secret in each of them; `search` looks at every word that there is, and `grow`
/// before that at what it had not yet. `count` is state that has to stay.
const SEARCHER: &str = r#"(component
  (core module $m
    (memory 2 40)
    (memory $other 1 40)
    (global $__stack_pointer (mut i32) (i32.const 65536))
    (global $secret (mut i64) (i64.const 0))
    (global $count (mut i64) (i64.const 0))
    (data (i32.const 65536) "data of the module's")
    (func $fill (param $from i32) (param $to i32) (param $step i32)
      (loop $next
        (i64.store (local.get $from) (i64.const 0x5ec2e75ec2e7))
        (local.set $from (i32.add (local.get $from) (local.get $step)))
        (br_if $next (i32.lt_u (local.get $from) (local.get $to)))))
    (func (export "plant-stack") (result i64)
      (call $fill (i32.const 64) (i32.const 60000) (i32.const 4008)) (i64.const 0))
    (func (export "plant-whole-stack") (result i64)
      (call $fill (i32.const 0) (i32.const 65536) (i32.const 8)) (i64.const 0))
    (func (export "plant-heap") (result i64)
      (call $fill (i32.const 70000) (i32.const 131072) (i32.const 1000)) (i64.const 0))
    (func (export "plant-other") (result i64)
      (i64.store $other (i32.const 4088) (i64.const 0x5ec2e75ec2e7))
      (i64.store $other (i32.const 65528) (i64.const 0x5ec2e75ec2e7)) (i64.const 0))
    (func (export "plant-grown") (result i64)
      (if (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))
        (then (call $fill (i32.const 131072) (i32.mul (memory.size) (i32.const 65536)) (i32.const 9000))))
      (i64.const 0))
    (func (export "plant-global") (result i64)
      (global.set $secret (i64.const 0x5ec2e75ec2e7)) (i64.const 0))
    (func (export "grow") (result i64)
      (drop (memory.grow (i32.const 1))) (drop (memory.grow $other (i32.const 1))) (i64.const 0))
    (func (export "count") (result i64)
      (global.set $count (i64.add (global.get $count) (i64.const 1)))
      (i64.store (i32.const 66000) (i64.add (i64.load (i32.const 66000)) (i64.const 1)))
      (i64.add (i64.mul (i64.load (i32.const 66000)) (i64.const 1000000)) (global.get $count)))
    (func (export "search") (result i64) (local $at i32) (local $found i64)
      (local.set $found (i64.extend_i32_u (i64.ne (global.get $secret) (i64.const 0))))
      (loop $next
        (local.set $found (i64.add (local.get $found)
          (i64.extend_i32_u (i64.eq (i64.load (local.get $at)) (i64.const 0x5ec2e75ec2e7)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $found (i64.add (local.get $found)
          (i64.extend_i32_u (i64.eq (i64.load $other (local.get $at)) (i64.const 0x5ec2e75ec2e7)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size $other) (i32.const 65536)))))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (func $lifted-plant-stack (result u64) (canon lift (core func $i "plant-stack")))
  (func $lifted-plant-whole-stack (result u64) (canon lift (core func $i "plant-whole-stack")))
  (func $lifted-plant-heap (result u64) (canon lift (core func $i "plant-heap")))
  (func $lifted-plant-other (result u64) (canon lift (core func $i "plant-other")))
  (func $lifted-plant-grown (result u64) (canon lift (core func $i "plant-grown")))
  (func $lifted-plant-global (result u64) (canon lift (core func $i "plant-global")))
  (func $lifted-grow (result u64) (canon lift (core func $i "grow")))
  (func $lifted-count (result u64) (canon lift (core func $i "count")))
  (func $lifted-search (result u64) (canon lift (core func $i "search")))
  (instance $test
    (export "plant-stack" (func $lifted-plant-stack))
    (export "plant-whole-stack" (func $lifted-plant-whole-stack))
    (export "plant-heap" (func $lifted-plant-heap))
    (export "plant-other" (func $lifted-plant-other))
    (export "plant-grown" (func $lifted-plant-grown))
    (export "plant-global" (func $lifted-plant-global))
    (export "grow" (func $lifted-grow))
    (export "count" (func $lifted-count))
    (export "search" (func $lifted-search)))
  (export "test:test/test" (instance $test)))"#;

const PLANTS: [&str; 6] = [
    "plant-stack",
    "plant-whole-stack",
    "plant-heap",
    "plant-other",
    "plant-grown",
    "plant-global",
];

/// A connection that sleeps: its snapshot, and how often it has counted.
struct Sleeper {
    snapshot: Snapshot,
    counted: u64,
}

/// Connections that share one instance, each for one event.
struct Pair {
    rig: Rig,
    warm: Live,
    sleepers: [Sleeper; 2],
}

impl Pair {
    fn new(scan: Scan) -> Self {
        let rig = Rig::new(SEARCHER, scan);
        let mut warm = rig.fresh();
        let sleepers = [(); 2].map(|()| Sleeper { snapshot: rig.snapshot(&mut warm), counted: 0 });
        Self { rig, warm, sleepers }
    }

    /// Wakes one of them, in the instance that the other had if it can be.
    fn wake(&mut self, who: usize) -> Live {
        let warm = mem::replace(&mut self.warm, self.rig.fresh());
        let snapshot = &self.sleepers[who].snapshot;
        let reused = self.rig.reuse(warm, snapshot);
        reused.unwrap_or_else(|| self.rig.restore(snapshot).unwrap())
    }

    fn count(&mut self, who: usize, live: &mut Live) {
        self.sleepers[who].counted += 1;
        let count = self.sleepers[who].counted;
        assert_eq!(live.call("count"), count * 1_000_000 + count);
    }

    fn sleep(&mut self, who: usize, mut live: Live) {
        self.sleepers[who].snapshot = self.rig.snapshot(&mut live);
        self.warm = live;
    }
}

fn finds_nothing(scan: Scan) {
    let run = Run::new(2_000);
    let mut random = run.random();
    let mut pair = Pair::new(scan);
    let (victim, hostile) = (0, 1);
    for _ in 0..run.events {
        let mut live = pair.wake(victim);
        live.call(PLANTS.choose(&mut random).unwrap());
        pair.count(victim, &mut live);
        pair.sleep(victim, live);
        let mut live = pair.wake(hostile);
        assert_eq!(live.call("search"), 0, "of the one before");
        if random.random_range(0..50) == 0 {
            live.call("grow");
            assert_eq!(live.call("search"), 0, "behind the end of the memory");
        }
        pair.count(hostile, &mut live);
        pair.sleep(hostile, live);
        if random.random_range(0..100) == 0 {
            pair = Pair::new(scan);
        }
    }
}

#[test]
fn nothing_of_another_is_found() {
    finds_nothing(Scan::best());
}

#[test]
fn nothing_of_another_is_found_by_the_entries_of_the_page_map() {
    finds_nothing(Scan::Entries);
}

#[test]
fn nothing_of_another_is_found_where_all_is_compared() {
    finds_nothing(Scan::Compare);
}

#[test]
fn what_is_put_back_is_what_makes_it_so() {
    let mut pair = Pair::new(Scan::best());
    let mut live = pair.wake(0);
    live.call("plant-heap");
    // No snapshot is taken, so nothing is known to differ.
    assert_ne!(live.call("search"), 0);
    let mut reused = pair.rig.reuse(live, &pair.sleepers[1].snapshot).unwrap();
    assert_ne!(reused.call("search"), 0, "or the search finds nothing that there is");
}

#[test]
fn an_instance_that_has_grown_serves_nobody_who_has_not() {
    let mut pair = Pair::new(Scan::best());
    let mut live = pair.wake(0);
    live.call("grow");
    pair.sleep(0, live);
    let grown = mem::replace(&mut pair.warm, pair.rig.fresh());
    assert!(pair.rig.reuse(grown, &pair.sleepers[1].snapshot).is_none());
}
