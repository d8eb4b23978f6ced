//! All kinds of state are as they were.

use super::{Live, Rig};
use crate::hibernation::Scan;

/// One module, instantiated twice, with two memories, a table, a start function
/// and globals of all types; and another one that shares the first one's memory.
pub(super) const ALL_KINDS: &str = r#"
(component
  (core module $state
    (memory (export "memory") 1)
    (memory $other 2 100)
    (global $a (export "a") (mut i32) (i32.const -5))
    (global $b (mut i64) (i64.const -6))
    (global $c (mut f32) (f32.const 3))
    (global $d (mut f64) (f64.const 4))
    (global i32 (i32.const 9))
    (type $f (func (result i64)))
    (table 2 funcref)
    (elem (i32.const 0) $one $two)
    (data (i32.const 64) "as it was compiled")
    (func $one (result i64) (i64.const 1))
    (func $two (result i64) (i64.const 2))
    (func $start (i32.store (i32.const 20000) (i32.const 7)))
    (start $start)
    (func (export "step") (result i64)
      (global.set $a (i32.add (global.get $a) (i32.const 1)))
      (global.set $b (i64.add (i64.mul (global.get $b) (i64.const 3)) (i64.const 1)))
      ;; NaNs with a payload, which an operation on floats could lose.
      (global.set $c (f32.reinterpret_i32
        (i32.or (i32.const 0x7fa00000) (i32.and (global.get $a) (i32.const 0xfffff)))))
      (global.set $d (f64.reinterpret_i64
        (i64.or (i64.const 0x7ff4000000000000) (i64.extend_i32_u (global.get $a)))))
      (i32.store
        (i32.mul (i32.and (global.get $a) (i32.const 15)) (i32.const 4096)) (global.get $a))
      (if (i32.eqz (i32.and (global.get $a) (i32.const 3)))
        (then (drop (memory.grow $other (i32.const 1)))))
      (i64.store $other
        (i32.sub (i32.mul (memory.size $other) (i32.const 65536)) (i32.const 8)) (global.get $b))
      (i64.xor (i64.xor
        (i64.extend_i32_u (i32.reinterpret_f32 (global.get $c)))
        (i64.reinterpret_f64 (global.get $d)))
        (i64.xor
          (i64.add (i64.load (i32.const 64)) (i64.load (i32.const 20000)))
          (i64.mul (i64.extend_i32_u (memory.size $other))
            (call_indirect (type $f) (i32.and (global.get $a) (i32.const 1)))))))
  )
  (core module $shares
    (import "state" "memory" (memory 1))
    (import "state" "a" (global $a (mut i32)))
    (global $seen (mut i32) (i32.const 0))
    (func (export "step") (result i64)
      (global.set $seen (i32.add (global.get $seen) (global.get $a)))
      (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (i32.const 1)))
      (i64.add (i64.extend_i32_s (global.get $seen)) (i64.load (i32.const 32))))
  )
  (core instance $x (instantiate $state))
  (core instance $y (instantiate $state))
  (core instance $z (instantiate $shares (with "state" (instance $x))))
  (func $lifted-x (result u64) (canon lift (core func $x "step")))
  (func $lifted-y (result u64) (canon lift (core func $y "step")))
  (func $lifted-z (result u64) (canon lift (core func $z "step")))
  (instance $test
    (export "x" (func $lifted-x))
    (export "y" (func $lifted-y))
    (export "z" (func $lifted-z)))
  (export "test:test/test" (instance $test)))
"#;

fn sleeps_unnoticed(wat: &str, functions: &[&str], scan: Scan) {
    let rig = Rig::new(wat, scan);
    let (mut awake, mut sleeper) = (rig.fresh(), rig.fresh());
    for round in 0..40 {
        let name = functions[round * round % functions.len()];
        assert_eq!(awake.call(name), sleeper.call(name), "{name}, round {round}");
        sleeper = rig.sleep(sleeper);
        assert_eq!(rig.image(&mut awake), rig.image(&mut sleeper), "round {round}");
    }
}

#[test]
fn every_kind_of_state_is_carried() {
    sleeps_unnoticed(ALL_KINDS, &["x", "y", "z", "x", "z"], Scan::best());
}

#[test]
fn every_kind_of_state_is_carried_without_the_kernels_help() {
    sleeps_unnoticed(ALL_KINDS, &["x", "y", "z", "x", "z"], Scan::Compare);
}

#[test]
fn every_kind_of_state_is_carried_by_the_entries_of_the_page_map() {
    sleeps_unnoticed(ALL_KINDS, &["x", "y", "z", "x", "z"], Scan::Entries);
}

#[test]
fn a_component_without_state_sleeps_too() {
    let wat = r#"(component
      (core module $m (func (export "f") (result i64) (i64.const 5)))
      (core instance $i (instantiate $m))
      (func $lifted-f (result u64) (canon lift (core func $i "f")))
      (instance $test
        (export "f" (func $lifted-f)))
      (export "test:test/test" (instance $test)))"#;
    sleeps_unnoticed(wat, &["f"], Scan::best());
}

#[test]
fn memory_may_be_empty_at_first_and_grow_by_megabytes() {
    let wat = r#"(component
      (core module $m (memory 0) (func (export "f") (result i64)
        (local $at i32)
        (local.set $at (i32.mul (memory.grow (i32.const 9)) (i32.const 65536)))
        (memory.fill (i32.add (local.get $at) (i32.const 77)) (memory.size) (i32.const 500000))
        (i64.load (local.get $at))))
      (core instance $i (instantiate $m))
      (func $lifted-f (result u64) (canon lift (core func $i "f")))
      (instance $test
        (export "f" (func $lifted-f)))
      (export "test:test/test" (instance $test)))"#;
    for scan in [Scan::best(), Scan::Compare] {
        sleeps_unnoticed(wat, &["f"], scan);
    }
}

#[test]
fn a_fresh_instance_leaves_almost_nothing() {
    let rig = Rig::new(ALL_KINDS, Scan::best());
    let mut fresh: Live = rig.fresh();
    let snapshot = rig.snapshot(&mut fresh);
    assert!(snapshot.len_bytes() < 60, "{} bytes", snapshot.len_bytes());
}
