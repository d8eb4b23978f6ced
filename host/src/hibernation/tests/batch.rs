//! A batch passed in one call is, for the guest, the batch passed by the canonical ABI.

use proptest::prelude::*;
use wasmtime::component::{ComponentType, Lower};

use super::{ACCESSOR, CALLBACKS, Live, Rig};
use crate::hibernation::{Scan, batch_room, put_batch};

/// `frames` and `realloc` note all that they are told, `frames` the bytes of the frames
/// too, in the words from 4096 on; the list and its strings come from 65,536 on.
const NOTES: &str = r#"(component
  (type $frame' (variant (case "text" string) (case "binary" (list u8))
    (case "ping" (list u8)) (case "pong" (list u8))))
  (import "test:test/types" (instance $types
    (alias outer 1 $frame' (type $same)) (export "frame" (type (eq $same)))))
  (alias export $types "frame" (type $frame))
  (core module $m
    (memory (export "memory") 8)
    (global $noted (mut i32) (i32.const 4096))
    (global $free (mut i32) (i32.const 65536))
    (func $note (param $word i32)
      (i32.store (global.get $noted) (local.get $word))
      (global.set $noted (i32.add (global.get $noted) (i32.const 4))))
    (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $len i32)
      (result i32)
      (call $note (local.get $old)) (call $note (local.get $size))
      (call $note (local.get $align)) (call $note (local.get $len))
      (global.set $free (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (i32.add (local.get $len) (i32.const 1)))))
    (func (export "opened") (result i32) (i32.const 0))
    (func (export "frames") (param $at i32) (param $count i32) (result i32) (local $byte i32)
      (call $note (local.get $at)) (call $note (local.get $count))
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $note (i32.load8_u (local.get $at)))
        (local.set $byte (i32.load offset=4 (local.get $at)))
        (call $note (local.get $byte)) (call $note (i32.load offset=8 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
      (global.get $noted)))
  (core instance $i (instantiate $m))
  (type $list (list $frame))
  (func $opened (result u32) (canon lift (core func $i "opened")))
  (func $frames (param "frames" $list) (result u32)
    (canon lift (core func $i "frames") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")) OPTIONS))
  (instance $test (export "opened" (func $opened)) (export "frames" (func $frames)))
  (export "test:test/test" (instance $test)))"#;

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(variant)]
enum Frame {
    #[component(name = "text")]
    Text(String),
    #[component(name = "binary")]
    Binary(Vec<u8>),
    #[component(name = "ping")]
    Ping(Vec<u8>),
    #[component(name = "pong")]
    Pong(Vec<u8>),
}

impl Frame {
    fn parts(&self) -> (u32, &[u8]) {
        match self {
            Self::Text(text) => (0, text.as_bytes()),
            Self::Binary(bytes) => (1, bytes),
            Self::Ping(bytes) => (2, bytes),
            Self::Pong(bytes) => (3, bytes),
        }
    }
}

fn rig(options: &str) -> Rig {
    Rig::new(&NOTES.replace("OPTIONS", options), Scan::Compare)
}

fn put(rig: &Rig, live: &mut Live, frames: &[Frame]) -> bool {
    let room = batch_room(&mut live.store, rig.baseline.layout());
    put_batch(room, frames.iter().map(Frame::parts))
}

/// Both ways leave the same in the guest, and return the same.
fn passes(rig: &Rig, frames: &[Frame]) {
    let (mut one, mut other) = (rig.fresh(), rig.fresh());
    for _ in 0..2 {
        let returned: (u32,) = one.call_with(CALLBACKS, "frames", (frames,)).unwrap();
        assert!(put(rig, &mut other, frames));
        assert_eq!(returned, other.call_with(ACCESSOR, "batch", ()).unwrap());
        assert!(rig.image(&mut one) == rig.image(&mut other), "{frames:?}");
    }
}

#[test]
fn a_batch_is_passed_as_by_the_canonical_abi() {
    let rig = rig("");
    assert!(rig.baseline.layout().batches);
    passes(&rig, &[]);
    passes(&rig, &[Frame::Text(String::new())]);
    passes(&rig, &[Frame::Ping(vec![1; 125]), Frame::Text("ü".into()), Frame::Pong(vec![])]);
    let frame = prop_oneof![
        any::<String>().prop_map(Frame::Text),
        any::<Vec<u8>>().prop_map(Frame::Binary),
        any::<Vec<u8>>().prop_map(Frame::Ping),
        any::<Vec<u8>>().prop_map(Frame::Pong),
    ];
    proptest!(ProptestConfig::with_cases(200), |(frames in prop::collection::vec(frame, 0..40))| {
        passes(&rig, &frames);
    });
}

#[test]
fn a_batch_without_room_is_not_put() {
    let rig = rig("");
    let mut live = rig.fresh();
    let room = batch_room(&mut live.store, rig.baseline.layout()).len();
    assert!(room >= 16 * 1024);
    // The head, and the entry of each frame.
    let fits = Frame::Binary(vec![7; room - 16]);
    passes(&rig, &[fits]);
    assert!(!put(&rig, &mut live, &[Frame::Binary(vec![7; room - 15])]));
    assert!(!put(&rig, &mut live, &vec![Frame::Ping(Vec::new()); room / 8]));
}

#[test]
fn text_that_is_not_utf_8_in_the_guest_goes_the_other_way() {
    for options in ["string-encoding=utf16", "string-encoding=latin1+utf16"] {
        assert!(!rig(options).baseline.layout().batches, "{options}");
    }
}
