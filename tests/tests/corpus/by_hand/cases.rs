//! What the component does, one case a path.

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// With 500 in `init`, later with 1011; in `terminate` it is only logged.
    Badly,
    /// With what was asked for: it is within the rules.
    Well,
    /// With this status.
    Response(u16),
}

/// Something that the component does.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// The place in `handler.wat`.
    pub(super) at: &'static str,
    /// Instructions.
    pub(super) does: &'static str,
    pub(super) ends: Ends,
    /// What the log says of it.
    pub(super) says: &'static str,
}

const fn badly(
    at: &'static str,
    name: &'static str,
    does: &'static str,
    says: &'static str,
) -> Case {
    Case { name, at, does, ends: Ends::Badly, says }
}

const fn well(at: &'static str, name: &'static str, does: &'static str) -> Case {
    Case { name, at, does, ends: Ends::Well, says: "" }
}

const TRAP: &str = "(unreachable)";
const LOOP: &str = "(loop $ever (br $ever))";
const RECURSE: &str = "(drop (call $recurse (i32.const 0)))";
const CALL_HOST: &str =
    "(call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

const UNREACHABLE: &str = "unreachable";
pub(super) const TIME: &str = "callback_time_max_ms";
pub(super) const WAITING: &str = "callback_wait_max_ms";
const STACK: &str = "call stack exhausted";

pub(super) const CASES: [Case; 72] = [
    // Control flow, at each place.
    badly("init", "init traps", TRAP, UNREACHABLE),
    badly("init", "init loops", LOOP, TIME),
    badly("init", "init recurses", RECURSE, STACK),
    badly("opened", "opened traps", TRAP, UNREACHABLE),
    badly("opened", "opened loops", LOOP, TIME),
    badly("opened", "opened recurses", RECURSE, STACK),
    badly("frames", "frames traps", TRAP, UNREACHABLE),
    badly("frames", "frames loops", LOOP, TIME),
    badly("frames", "frames recurses", RECURSE, STACK),
    badly("info", "info traps", TRAP, UNREACHABLE),
    badly("info", "info loops", LOOP, TIME),
    badly("info", "info recurses", RECURSE, STACK),
    badly("terminate", "terminate traps", TRAP, UNREACHABLE),
    badly("terminate", "terminate loops", LOOP, TIME),
    badly("terminate", "terminate recurses", RECURSE, STACK),
    badly("realloc", "realloc traps", TRAP, UNREACHABLE),
    badly("realloc", "realloc loops", LOOP, TIME),
    badly("realloc", "realloc recurses", RECURSE, STACK),
    badly("post_return", "post-return traps", TRAP, UNREACHABLE),
    badly("post_return", "post-return loops", LOOP, TIME),
    badly("post_return", "post-return recurses", RECURSE, STACK),
    // Calls to the host where none is allowed.
    badly("realloc", "realloc calls the host", CALL_HOST, "cannot leave component instance"),
    badly("post_return", "post-return calls the host", CALL_HOST, "cannot leave component instance"),
    // Memory and tables.
    badly("frames", "memory to the limit", "(call $grow_to_the_limit) (unreachable)", "memory_max_bytes"),
    badly(
        "frames",
        "all of memory written",
        "(call $grow_to_the_limit)
         (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))
         (unreachable)",
        "memory_max_bytes",
    ),
    badly(
        "frames",
        "a table to the limit",
        "(loop $more (br_if $more (i32.ne
             (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))))
         (unreachable)",
        "table_elements_max",
    ),
    well("frames", "growth that is refused", "(drop (memory.grow (i32.const 65535)))"),
    badly("frames", "a load out of bounds", "(drop (i32.load (i32.const -4)))", "out of bounds"),
    badly("frames", "a null function", "(call_indirect $table (i32.const 0))", "uninitialized element"),
    badly("frames", "a division by zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero"),
    // What the allocator returns.
    badly("realloc", "out of bounds", "(return (i32.const -8))", "realloc return"),
    badly("realloc", "not aligned", "(return (i32.const 0x10001))", "realloc return"),
    badly(
        "realloc",
        "at the very end of memory",
        "(return (i32.const 0x1fffc))",
        "realloc return",
    ),
    well(
        "realloc",
        "the same again and again",
        "(return (i32.add (i32.const 0x10000) (i32.mul (local.get $align) (i32.const 8))))",
    ),
    // What is returned: where.
    badly("frames", "a result that is not aligned", "(global.set $outcome (i32.const 0x401))", "not aligned"),
    badly("frames", "a result out of bounds", "(global.set $outcome (i32.const -4))", "out of bounds"),
    badly("frames", "a result that ends out of bounds", "(global.set $outcome (i32.const 0x1fffc))", "out of bounds"),
    badly("init", "an answer that is not aligned", "(global.set $answer (i32.const 0x204))", "not aligned"),
    badly("init", "an answer out of bounds", "(global.set $answer (i32.const -8))", "out of bounds"),
    // Lists.
    badly("frames", "a list out of bounds", "(i32.store (i32.const 0x400) (i32.const 0x20000))", "out of bounds"),
    badly("frames", "a list that is not aligned", "(i32.store (i32.const 0x400) (i32.const 0x1001))", "not aligned"),
    badly("frames", "a list whose size overflows", "(i32.store offset=4 (i32.const 0x400) (i32.const 0x5555556))", "out of bounds"),
    badly("frames", "a list as long as can be", "(i32.store offset=4 (i32.const 0x400) (i32.const -1))", "out of bounds"),
    badly("frames", "a list that ends out of bounds", "(i32.store offset=4 (i32.const 0x400) (i32.const 3000))", "out of bounds"),
    // Strings, in the first command.
    badly("frames", "a string that is no UTF-8", "(i32.store (i32.const 0x100c) (i32.const 0x8000))", "utf-8"),
    badly("frames", "a surrogate", "(i32.store (i32.const 0x8000) (i32.const 0x80a0ed))
         (i32.store (i32.const 0x100c) (i32.const 0x8000)) (i32.store (i32.const 0x1010) (i32.const 3))", "utf-8"),
    badly("frames", "an overlong encoding", "(i32.store (i32.const 0x8000) (i32.const 0xafc0))
         (i32.store (i32.const 0x100c) (i32.const 0x8000)) (i32.store (i32.const 0x1010) (i32.const 2))", "utf-8"),
    badly("frames", "a string cut in a character", "(i32.store (i32.const 0x8000) (i32.const 0x82e2))
         (i32.store (i32.const 0x100c) (i32.const 0x8000)) (i32.store (i32.const 0x1010) (i32.const 2))", "utf-8"),
    badly("frames", "a string out of bounds", "(i32.store (i32.const 0x100c) (i32.const -1))", "out of bounds"),
    badly("frames", "a string as long as can be", "(i32.store (i32.const 0x1010) (i32.const -1))", "out of bounds"),
    badly("frames", "a string with both encodings' mark", "(i32.store (i32.const 0x1010) (i32.const 0x80000002))", "out of bounds"),
    // Discriminants.
    badly("frames", "a command that there is not", "(i32.store8 (i32.const 0x1000) (i32.const 7))", "discriminant"),
    badly("frames", "a frame that there is not", "(i32.store8 (i32.const 0x1008) (i32.const 4))", "discriminant"),
    badly("init", "an answer that there is not", "(i32.store8 (i32.const 0x200) (i32.const 255))", "discriminant"),
    badly("init", "an option that is neither", "(i32.store8 (i32.const 0x208) (i32.const 2))", "discriminant"),
    well("frames", "a bool of 7", "(i32.store8 (i32.const 0x408) (i32.const 7))"),
    well("init", "flags that there are not", "(i32.store8 (i32.const 0x279) (i32.const 255))"),
    badly("frames", "a log level that there is not",
        "(call $log (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))", "discriminant"),
    // What is passed to imports.
    badly("frames", "a target out of bounds",
        "(call $log (i32.const 0) (i32.const -1) (i32.const 9) (i32.const 0) (i32.const 0))", "out of bounds"),
    badly("frames", "a line that is no UTF-8",
        "(call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x8000) (i32.const 4))", "utf-8"),
    well("frames", "a line as long as memory",
        "(call $grow_to_the_limit) (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0x20000) (call $grown))"),
    badly("frames", "a place for results that is not aligned",
        "(call $start_timer (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0x601))", "not aligned"),
    badly("frames", "a handle that there is not", "(call $block (i32.const 77))", "unknown handle index"),
    badly("frames", "a handle dropped twice",
        "(call $drop (call $subscribe (i64.const 1))) (call $drop (i32.const 1))", "unknown handle index"),
    // Waiting.
    badly("frames", "a wait without end", "(call $block (call $subscribe (i64.const -1)))", WAITING),
    badly("frames", "a thousand waits, and one without end",
        "(loop $more (br_if $more (i32.lt_u (call $subscribe (i64.const -1)) (i32.const 900))))
         (call $block (i32.const 900))", WAITING),
    badly("frames", "handles without end",
        "(loop $more (drop (call $subscribe (i64.const -1))) (br $more))", "resources_max"),
    // Too much.
    badly("frames", "32 KiB ten thousand times over",
        "(i32.store8 (i32.const 0x1008) (i32.const 1))
         (i32.store (i32.const 0x100c) (i32.const 0)) (i32.store (i32.const 0x1010) (i32.const 0x8000))
         (call $fill (i32.const 0x1000) (i32.const 48) (i32.const 10000))
         (i32.store (i32.const 0x400) (i32.const 0x10000))
         (i32.store offset=4 (i32.const 0x400) (i32.const 10000))", "hostcall"),
    badly("frames", "a million commands",
        "(call $fill (i32.const 0x1000) (i32.const 48) (i32.const 1000000))
         (i32.store (i32.const 0x400) (i32.const 0x10000))
         (i32.store offset=4 (i32.const 0x400) (i32.const 1000000))", "commands_max"),
    badly("init", "a million header fields",
        "(i32.store (i32.const 0x8000) (i32.const 0x61616161))
         (i32.store (i32.const 0x1000) (i32.const 0x8000)) (i32.store (i32.const 0x1004) (i32.const 4))
         (call $fill (i32.const 0x1000) (i32.const 16) (i32.const 1000000))
         (i32.store (i32.const 0x214) (i32.const 0x10000))
         (i32.store (i32.const 0x218) (i32.const 1000000))", "headers_max"),
    badly("init", "header fields whose size overflows",
        "(i32.store (i32.const 0x214) (i32.const 0x10000))
         (i32.store (i32.const 0x218) (i32.const 0x10000001))", "out of bounds"),
    Case {
        name: "a body as large as memory",
        at: "init",
        does: "(call $grow_to_the_limit)
            (i32.store8 (i32.const 0x200) (i32.const 1))
            (i32.store16 (i32.const 0x208) (i32.const 200))
            (i32.store (i32.const 0x20c) (i32.const 0)) (i32.store (i32.const 0x210) (i32.const 0))
            (i32.store (i32.const 0x214) (i32.const 0x20000))
            (i32.store (i32.const 0x218) (call $grown))",
        ends: Ends::Response(200),
        says: "",
    },
];
