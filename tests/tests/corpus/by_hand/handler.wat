;; A handler that echoes, unless the request's path is /N with N above 0: then it
;; does what case N says, at the place that stands for in the text as {place}.
;; Everything is where it is put: no toolchain, no allocator that frees.
;;
;; Memory: 0x200 what `init` answers, 0x400 what the others return, 0x600 where
;; imports write to, 0x1000 commands, 0x8000 bytes that are no text, 0x10000 what
;; the host writes.
(module
  (import "wshost:handler/logging@0.1.0" "log"
    (func $log (param i32 i32 i32 i32 i32)))
  (import "wshost:handler/timers@0.1.0" "start"
    (func $start_timer (param i64 i32 i32 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))

  (memory (export "memory") 2)
  (table $table 10 funcref)

  (global $case (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 0x10000))
  ;; Where the results are. Cases move them.
  (global $answer (mut i32) (i32.const 0x200))
  (global $outcome (mut i32) (i32.const 0x400))

  ;; `accept` with every option left to the host, and all callbacks wanted.
  (data (i32.const 0x279) "\0f")
  ;; The outcome's commands.
  (data (i32.const 0x400) "\00\10\00\00")
  (data (i32.const 0x8000) "\ff\fe\fd\fc")

  (func $recurse (param $depth i32) (result i32)
    (i32.add (local.get $depth) (call $recurse (i32.add (local.get $depth) (i32.const 1)))))

  ;; Memory up to the host's limit.
  (func $grow_to_the_limit
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))

  ;; How many bytes there are behind the first two pages.
  (func $grown (result i32)
    (i32.shl (i32.sub (memory.size) (i32.const 2)) (i32.const 16)))

  ;; A list of $count elements at 0x10000, each a copy of the $size bytes at $from.
  (func $fill (param $from i32) (param $size i32) (param $count i32)
    (local $have i32) (local $all i32)
    (local.set $all (i32.mul (local.get $size) (local.get $count)))
    (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $all) (i32.const 16)))))
    (memory.copy (i32.const 0x10000) (local.get $from) (local.get $size))
    (local.set $have (local.get $size))
    (loop $double
      (memory.copy
        (i32.add (i32.const 0x10000) (local.get $have))
        (i32.const 0x10000)
        (select
          (local.get $have)
          (i32.sub (local.get $all) (local.get $have))
          (i32.lt_u (i32.mul (local.get $have) (i32.const 2)) (local.get $all))))
      (local.set $have (i32.mul (local.get $have) (i32.const 2)))
      (br_if $double (i32.lt_u (local.get $have) (local.get $all)))))

  ;; The number in a path like /12.
  (func $number (param $path i32) (param $len i32) (result i32)
    (local $number i32) (local $at i32)
    (local.set $at (i32.const 1))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $at) (local.get $len)))
        (local.set $number (i32.add
          (i32.mul (local.get $number) (i32.const 10))
          (i32.sub (i32.load8_u (i32.add (local.get $path) (local.get $at))) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $number))

  (func (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    {realloc}
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "wshost:handler/handler@0.1.0#init") (param $request i32) (result i32)
    (global.set $case (call $number
      (i32.load offset=36 (local.get $request)) (i32.load offset=40 (local.get $request))))
    {init}
    (global.get $answer))

  (func (export "wshost:handler/handler@0.1.0#opened") (result i32)
    {opened}
    (i32.store offset=4 (global.get $outcome) (i32.const 0))
    (global.get $outcome))

  ;; Each frame is a command to send it.
  (func (export "wshost:handler/handler@0.1.0#frames")
    (param $frames i32) (param $count i32) (result i32)
    (local $command i32)
    (i32.store offset=4 (global.get $outcome) (local.get $count))
    (local.set $command (i32.const 0x1000))
    (loop $next
      (memory.copy
        (i32.add (local.get $command) (i32.const 8)) (local.get $frames) (i32.const 12))
      (local.set $command (i32.add (local.get $command) (i32.const 48)))
      (local.set $frames (i32.add (local.get $frames) (i32.const 12)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $next (local.get $count)))
    {frames}
    (global.get $outcome))

  (func (export "wshost:handler/handler@0.1.0#info")
    (param i32 i64 i32 i64 i32 i32 i32 i32 i32 i32 i32) (result i32)
    {info}
    (i32.store offset=4 (global.get $outcome) (i32.const 0))
    (global.get $outcome))

  (func (export "wshost:handler/handler@0.1.0#terminate") (param i32 i32 i32 i32 i32)
    {terminate})

  (func (export "cabi_post_wshost:handler/handler@0.1.0#frames") (param i32)
    {post_return}
    (global.set $heap (i32.const 0x10000)))
  (func (export "cabi_post_wshost:handler/handler@0.1.0#init") (param i32)
    (global.set $heap (i32.const 0x10000)))

  (func (export "wshost:handler/handler@0.1.0#save") (result i32) unreachable)
  (func (export "wshost:handler/handler@0.1.0#restore") (param i32) (result i32) unreachable)
)
