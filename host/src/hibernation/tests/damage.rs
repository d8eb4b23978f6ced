//! Bytes that were changed, or never were a snapshot.

use proptest::prelude::*;

use super::{INTERFACE, MEMORY_MAX_BYTES, PLUGIN, Rig};
use crate::hibernation::{Damaged, Invalid, Scan, Snapshot, Unfit, rewrite};

const COUNTER: &str = r#"(component
  (core module $m (memory 1) (global $n (mut i64) (i64.const 0)) (func (export "f") (result i64)
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (memory.fill (i32.const 1000) (i32.const 7) (i32.wrap_i64 (i64.mul (global.get $n) (i64.const 900))))
    (global.get $n)))
  (core instance $i (instantiate $m))
  (func $lifted-f (result u64) (canon lift (core func $i "f")))
  (instance $test
    (export "f" (func $lifted-f)))
  (export "test:test/test" (instance $test)))"#;

fn rig() -> Rig {
    Rig::new(COUNTER, Scan::best())
}

fn snapshots() -> (Rig, [Box<[u8]>; 2]) {
    let rig = rig();
    let mut live = rig.fresh();
    let snapshots = std::array::from_fn(|_| {
        live.call("f");
        live.call("f");
        rig.snapshot(&mut live).pack().into_bytes()
    });
    assert!(snapshots.iter().all(|bytes| rig.restore(&from(bytes)).is_ok()));
    (rig, snapshots)
}

fn from(bytes: &[u8]) -> Snapshot {
    Snapshot::from_bytes(bytes.into())
}

#[test]
fn every_byte_counts() {
    let (rig, snapshots) = snapshots();
    for bytes in snapshots {
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            assert!(rig.restore(&from(&bytes)).is_err(), "byte {at}");
            assert!(rig.restore(&from(&bytes[..at])).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn another_plugins_snapshot_is_refused() {
    let rig = rig();
    let other = Snapshot::new(*b"another.", &[]).pack();
    let error = rig.restore(&other).err().unwrap();
    assert_eq!(error.downcast_ref(), Some(&Invalid::Plugin));
}

#[test]
fn a_length_that_no_instance_could_have_is_refused() {
    let rig = rig();
    let large = Snapshot::new(PLUGIN, &vec![0; 3 * MEMORY_MAX_BYTES]).pack();
    assert!(large.len_bytes() < MEMORY_MAX_BYTES / 50);
    let error = rig.restore(&large).err().unwrap();
    assert_eq!(error.downcast_ref(), Some(&Invalid::Damaged(Damaged("its length"))));
}

#[test]
fn a_start_function_that_calls_the_host_keeps_a_plugin_awake() {
    let wat = r#"(component
      (import "now" (func $now (result u32)))
      (core func $lowered (canon lower (func $now)))
      (core module $m (import "" "now" (func $now (result i32))) (func $s (drop (call $now))) (start $s))
      (core instance $host (export "now" (func $lowered)))
      (core instance (instantiate $m (with "" (instance $host)))))"#;
    let rewritten = rewrite(&wat::parse_str(wat).unwrap(), INTERFACE).unwrap();
    let engine = crate::sandbox::engine::unpooled(&crate::config::Config::default()).unwrap();
    let component = wasmtime::component::Component::from_binary(&engine, &rewritten.bytes).unwrap();
    let limits = wasmtime::StoreLimits::default();
    let unfit = super::Baseline::capture(&component, PLUGIN, rewritten.layout, limits).unwrap_err();
    assert!(matches!(&unfit, Unfit::StartCallsHost(why) if why.contains("now")), "{unfit}");
}

proptest! {
    #[test]
    fn any_body_is_refused_or_restored(body in any::<Vec<u8>>(), cut in 0_usize..40, at in any::<usize>(), with in any::<u8>()) {
        thread_local! {
            static RIG: (Rig, Vec<u8>) = {
                let (rig, [bytes, _]) = snapshots();
                let mut body = Vec::new();
                from(&bytes).unpack(PLUGIN, MEMORY_MAX_BYTES, &mut body).unwrap();
                (rig, body)
            };
        }
        RIG.with(|(rig, real)| {
            let _ = rig.restore(&Snapshot::new(PLUGIN, &body));
            // Nearly right, and with the right checksum.
            let mut near = real[..real.len().saturating_sub(cut)].to_vec();
            let at = at % near.len().max(1);
            if let Some(byte) = near.get_mut(at) { *byte = with; }
            let _ = rig.restore(&Snapshot::new(PLUGIN, &near));
        });
    }
}
