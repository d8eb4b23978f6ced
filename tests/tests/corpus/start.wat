;; A handler that echoes, if it comes to be: of eight instances, about one fails in
;; its start function, in one of four ways, as chance has it.
(module
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 0x10000))
  (data (i32.const 0x279) "\0f")
  (data (i32.const 0x400) "\00\10\00\00")

  (func $recurse (param $depth i32) (result i32)
    (i32.add (local.get $depth) (call $recurse (i32.add (local.get $depth) (i32.const 1)))))

  (func $start
    (local $chance i32)
    (local.set $chance (i32.and (i32.wrap_i64 (call $random)) (i32.const 31)))
    (if (i32.eq (local.get $chance) (i32.const 0)) (then (unreachable)))
    (if (i32.eq (local.get $chance) (i32.const 1)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $chance) (i32.const 2))
      (then (drop (call $recurse (i32.const 0)))))
    (if (i32.eq (local.get $chance) (i32.const 3))
      (then
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (unreachable))))
  (start $start)

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "wshost:handler/handler@0.1.0#init") (param i32) (result i32)
    (i32.const 0x200))
  (func (export "wshost:handler/handler@0.1.0#opened") (result i32) (i32.const 0x400))

  ;; Its first frame comes back.
  (func (export "wshost:handler/handler@0.1.0#frames")
    (param $frames i32) (param $count i32) (result i32)
    (memory.copy (i32.const 0x1008) (local.get $frames) (i32.const 12))
    (i32.store (i32.const 0x404) (i32.const 1))
    (global.set $heap (i32.const 0x10000))
    (i32.const 0x400))

  (func (export "wshost:handler/handler@0.1.0#info")
    (param i32 i64 i32 i64 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0x400))
  (func (export "wshost:handler/handler@0.1.0#terminate") (param i32 i32 i32 i32 i32))
  (func (export "wshost:handler/handler@0.1.0#save") (result i32) unreachable)
  (func (export "wshost:handler/handler@0.1.0#restore") (param i32) (result i32) unreachable)
)
