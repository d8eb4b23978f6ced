//! Handlers that misbehave.

use std::sync::Arc;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{Scene, guarded};
use crate::Mode;

/// What they are told, by kind.
const FAULTS: [(&str, &str); 16] = [
    ("trap", "trap"),
    ("panic", "panic:no more"),
    ("endless loop", "loop"),
    ("endless recursion", "recurse"),
    ("memory over its limit", "grow:100000000"),
    ("memory over its limit", "times:1000000:grow:1000"),
    ("exit", "exit:1"),
    ("too many commands", "times:20000:text:x"),
    ("a command that is not valid", "close:5"),
    ("storm of log lines", "times:20000:log:info:storm"),
    ("storm of printed lines", "times:20000:print:storm"),
    ("storm of subscriptions", "times:20000:sub:own#"),
    ("storm of subscriptions", "times:20000:sub:own+unsub:own"),
    ("storm of timers", "times:20000:timer:10:x"),
    ("storm of publishes", "times:20000:msg:nobody:x"),
    ("storm of sends", "times:20000:send:0123456789abcdef0123456789abcdef:x"),
];
/// The pause between two, in milliseconds.
const PAUSE: std::ops::Range<u64> = 100..1_500;

/// Misbehaves again and again.
pub(super) async fn hostile(scene: Arc<Scene>, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    while !scene.pause(&mut random, PAUSE).await {
        let (kind, script) = FAULTS[random.random_range(0..FAULTS.len())];
        let mode = if random.random() { Mode::HTTP1 } else { Mode::HTTP2 };
        let mut ask = mode.ask_address(scene.host.address());
        let at = random.random_range(0..4);
        ask = match at {
            0 => ask.init(script),
            1 => ask.opened(script),
            2 => ask.terminate(script),
            _ if random.random() => ask.header("x-hibernate", "1"),
            _ => ask,
        };
        scene.tally.fault(kind);
        // However it ends, that it does is what is waited for.
        let failed = guarded(async move {
            let Some(mut client) = ask.try_open().await else { return };
            if at == 3 {
                client.say(script).await;
            }
            client.finish_after_close().await;
        });
        if let Err(what) = failed.await {
            scene.lost(&format!("the end of a hostile guest, `{script}`"), &what);
        }
    }
}
