//! Every reason to stay awake.

use super::INTERFACE;
use crate::hibernation::{Unfit, rewrite};

fn refused(wat: &str) -> Unfit {
    rewrite(&wat::parse_str(wat).unwrap(), INTERFACE).unwrap_err()
}

/// Why a component with such a core module is refused.
fn module(body: &str) -> Unfit {
    refused(&format!("(component (core module {body}))"))
}

#[test]
fn tables_that_change() {
    let table = "(table $t 1 funcref) (elem $e func $f) (func $f)";
    for (name, code) in [
        ("table.set", "(table.set $t (i32.const 0) (ref.null func))"),
        ("table.grow", "(drop (table.grow $t (ref.null func) (i32.const 1)))"),
        ("table.fill", "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))"),
        ("table.copy", "(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 1))"),
        ("table.init", "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))"),
    ] {
        assert_eq!(module(&format!("{table} (func {code})")), Unfit::TableChanged(name.into()));
    }
}

#[test]
fn segments_that_are_dropped() {
    assert_eq!(
        module(r#"(memory 1) (data $d "x") (func (data.drop $d))"#),
        Unfit::SegmentDropped("data.drop".into())
    );
    assert_eq!(
        module("(func $f) (elem $e func $f) (func (elem.drop $e))"),
        Unfit::SegmentDropped("elem.drop".into())
    );
}

#[test]
fn globals_and_memories_out_of_reach() {
    assert_eq!(module("(global (mut funcref) (ref.null func))"), Unfit::ReferenceGlobal);
    assert_eq!(module("(global (mut v128) (v128.const i64x2 0 0))"), Unfit::VectorGlobal);
    assert_eq!(module("(memory 1 1 shared)"), Unfit::Shared);
    assert_eq!(module("(memory i64 1)"), Unfit::Memory64);
    assert_eq!(module("(memory 1 (pagesize 1))"), Unfit::PageSize);
    assert_eq!(module("(type (struct (field (mut i32))))"), Unfit::GarbageCollected);
}

#[test]
fn what_wasmtime_keeps_for_a_component() {
    assert_eq!(refused("(component (type (resource (rep i32))))"), Unfit::OwnResources);
    assert_eq!(
        refused("(component (core func (canon backpressure.inc)))"),
        Unfit::Builtin("BackpressureInc".into())
    );
}

#[test]
fn modules_out_of_reach() {
    assert_eq!(refused("(component (component (core module (memory 1))))"), Unfit::NestedModules);
    assert_eq!(
        refused(
            r#"(component
              (component (import "f" (func $f)) (core func $g (canon lower (func $f)))))"#
        ),
        Unfit::NestedFunctions
    );
    assert_eq!(refused(r#"(component (import "m" (core module)))"#), Unfit::ForeignModules);
    assert_eq!(
        refused("(component (core module $m) (component (alias outer 1 $m (core module))))"),
        Unfit::ForeignModules
    );
}

#[test]
fn functions_from_elsewhere() {
    let refused = |body: &str| {
        refused(&format!(r#"(component {body} (export "test:test/test" (instance $test)))"#))
    };
    let from_elsewhere = || Unfit::FunctionFromElsewhere("f".into());
    let imported = r#"(import "f" (func $f)) (instance $test (export "f" (func $f)))"#;
    assert_eq!(refused(imported), from_elsewhere());
    // Lowered and lifted again: no code of the component's.
    let lowered = r#"(import "f" (func $g)) (core func $lowered (canon lower (func $g)))
        (func $f (canon lift (core func $lowered))) (instance $test (export "f" (func $f)))"#;
    assert_eq!(refused(lowered), from_elsewhere());
}

#[test]
fn functions_are_found_behind_a_nested_component() {
    // The way in which wit-component exports an interface; the function is exported in
    // between, which makes another one of it.
    let wat = r#"(component
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (core instance $again (export "g" (func $i "f")))
      (func $f (canon lift (core func $again "g")))
      (export $exported "before" (func $f))
      (component $shim
        (import "other" (func $other)) (import "import-f" (func $f)) (export "f" (func $f)))
      (instance $test (instantiate $shim
        (with "other" (func $f)) (with "import-f" (func $exported))))
      (export "test:test/test" (instance $test)))"#;
    let rewritten = rewrite(&wat::parse_str(wat).unwrap(), INTERFACE).unwrap();
    let engine = crate::sandbox::engine::unpooled(&crate::config::Config::default()).unwrap();
    let component = wasmtime::component::Component::from_binary(&engine, &rewritten.bytes).unwrap();
    let callbacks = component.get_export_index(None, crate::hibernation::CALLBACKS).unwrap();
    assert!(component.get_export_index(Some(&callbacks), "f").is_some());
}

#[test]
fn names_that_the_host_needs() {
    let name = "wshost:hibernation/mine";
    let taken = || Unfit::NameTaken(name.into());
    assert_eq!(module(&format!(r#"(memory (export "{name}") 1)"#)), taken());
    assert_eq!(refused(&format!(r#"(component (import "{name}" (instance)))"#)), taken());
    assert_eq!(
        refused(&format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#)),
        taken()
    );
}

#[test]
fn bytes_that_are_no_component() {
    assert!(matches!(rewrite(b"hello", INTERFACE), Err(Unfit::Unreadable(_))));
    assert!(matches!(rewrite(b"\0asm\x0d\0\x01\0\x01\xff", INTERFACE), Err(Unfit::Unreadable(_))));
}

#[test]
fn a_table_filled_when_the_instance_is_made_is_no_reason() {
    // The way in which wit-component fills the table of its shim.
    let wat = r#"(component
      (core module $shim (table (export "t") 1 funcref)
        (func (export "f") (call_indirect (i32.const 0))))
      (core module $fill (import "" "t" (table 1 funcref)) (import "" "f" (func $f))
        (elem (i32.const 0) $f))
      (core instance $a (instantiate $shim))
      (core instance (instantiate $fill (with "" (instance $a)))))"#;
    assert!(rewrite(&wat::parse_str(wat).unwrap(), INTERFACE).is_ok());
}
