//! What is alive of a stack is kept, and nothing else of it.

use super::Rig;
use crate::hibernation::Scan;

/// A module that writes where its stack was, where it is, and into its data.
fn component(pointer: &str, begins: u32, now: u32, data: u32) -> String {
    format!(
        r#"(component
          (core module $m
            (memory 1)
            (global {pointer} (mut i32) (i32.const {begins}))
            (data (i32.const {data}) "data")
            (func (export "write") (result i64)
              (global.set 0 (i32.const {now}))
              (i64.store (i32.const 992) (i64.const 1))
              (i64.store (i32.const 1000) (i64.const 2))
              (i64.store (i32.const 4096) (i64.const 3))
              (i64.const 0))
            (func (export "read") (result i64)
              (i64.add (i64.mul (i64.load (i32.const 992)) (i64.const 100))
                (i64.add (i64.mul (i64.load (i32.const 1000)) (i64.const 10))
                  (i64.load (i32.const 4096))))))
          (core instance $i (instantiate $m))
          (func $lifted-write (result u64) (canon lift (core func $i "write")))
          (func $lifted-read (result u64) (canon lift (core func $i "read")))
          (instance $test
            (export "write" (func $lifted-write))
            (export "read" (func $lifted-read)))
          (export "test:test/test" (instance $test)))"#
    )
}

/// What is read after a sleep: three digits, for three words.
fn left(pointer: &str, begins: u32, now: u32, data: u32) -> u64 {
    let rig = Rig::new(&component(pointer, begins, now, data), Scan::best());
    let mut live = rig.fresh();
    live.call("write");
    rig.sleep(live).call("read")
}

#[test]
fn what_is_below_the_stack_pointer_is_left_out() {
    assert_eq!(left("$__stack_pointer", 2048, 1000, 2048), 23);
}

#[test]
fn a_word_in_which_the_stack_ends_is_kept() {
    assert_eq!(left("$__stack_pointer", 2048, 996, 2048), 123);
}

#[test]
fn what_may_be_no_stack_is_kept() {
    assert_eq!(left("$other", 2048, 1000, 2048), 123, "another name");
    assert_eq!(left("$__stack_pointer", 2048, 1000, 512), 123, "data below");
    assert_eq!(left("$__stack_pointer", 2048, 5000, 2048), 123, "a pointer elsewhere");
}
