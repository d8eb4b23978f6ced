//! What all of it leaves in a host.

use futures_util::future::join_all;
use wshost_tests::{Crowd, Host, PATIENCE, Usage, raise_socket_limit};

use super::{
    PATIENT, ask, by_hand, crowd, is_sound,
    rest::no_rest,
    storms,
    traps::{Callback, WAYS, fail},
};

/// Passes of the corpus before the memory is looked at, and after.
const WARM_UP: usize = 3;
const PASSES: usize = 5;
/// What waits to be logged takes memory, too.
const LOG: &str = "warn,guest=off";
/// How much is taken at once: little. Of that the allocator may keep a part, which is
/// not what is looked for.
const LITTLE: [&str; 3] =
    ["memory_max_bytes=4_194_304", "values_max_bytes=5_242_880", "output_max_bytes=2_097_152"];
/// Of each place for an instance the pool keeps up to 512 KiB, once they were written.
const AWAKE: &str = "instances_max=40";
const WRITTEN: &str = "grow:600000;text:written";

/// Once nobody but the crowd has a socket.
async fn at_rest(host: &Host, sockets: usize) -> Usage {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let usage = host.usage();
        if usage.descriptors <= sockets {
            return usage;
        }
        assert!(tokio::time::Instant::now() < deadline, "{usage:?}, and there were {sockets}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// What malloc keeps at times, and gives back at others: a few of its arenas' ends.
const KEPT_BYTES: u64 = 8_000_000;

/// Runs the corpus a few times, and again while that takes more memory than before: until
/// each place for an instance was used for the worst, which on a busy machine takes long,
/// the host has more each time. What leaks does so for ever.
async fn passes(host: &Host, crowd: &mut Crowd, mut corpus: impl AsyncFnMut()) {
    let sockets = host.usage().descriptors;
    let mut usages = Vec::new();
    for passes in [WARM_UP, PASSES, PASSES, PASSES, PASSES] {
        for _ in 0..passes {
            crowd.beside(&mut corpus).await;
            at_rest(host, sockets).await;
        }
        let now = at_rest(host, sockets).await.anonymous_bytes;
        let before: Option<u64> = usages.last().copied();
        usages.push(now);
        if before.is_some_and(|before| now <= before + (before / 10).max(KEPT_BYTES)) {
            return is_sound(host);
        }
    }
    panic!("the host's memory grows: {usages:?} bytes");
}

/// Lets more instances than there are places write all that the pool keeps.
async fn write_to_the_pool(host: &Host) {
    join_all((0..60).map(async |_| {
        let mut client = ask(host).open().await;
        assert_eq!(client.ask(WRITTEN).await, "written");
        client
    }))
    .await;
}

#[tokio::test]
async fn what_scripts_do_leaves_nothing() {
    raise_socket_limit();
    let host = Host::of("scripted")
        .takes_turns()
        .log(LOG)
        .set_all(&PATIENT)
        .set_all(&LITTLE)
        .set(AWAKE)
        .start()
        .await;
    let mut crowd = crowd(&host).await;
    write_to_the_pool(&host).await;
    passes(&host, &mut crowd, async || {
        for (script, _) in WAYS {
            for callback in [Callback::Init, Callback::Frames, Callback::Terminate] {
                fail(&host, callback, script).await;
            }
        }
        for (script, says) in storms::refused() {
            storms::flood(&host, &script, says).await;
        }
        no_rest(&host).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_done_by_hand_leaves_nothing() {
    let host = by_hand::host(&LITTLE).await;
    let mut crowd = by_hand::crowd(&host).await;
    passes(&host, &mut crowd, async || by_hand::all_happen(&host).await).await;
}
