//! What all of it leaves in a host.

use wshost_tests::{Crowd, Host, PATIENCE, Usage, raise_socket_limit};

use super::{
    by_hand, crowd, is_sound,
    rest::no_rest,
    storms,
    traps::{Callback, WAYS, fail},
};

/// Passes of the corpus before the memory is looked at, and after.
const WARM_UP: usize = 4;
const PASSES: usize = 8;
/// What waits to be logged takes memory, too.
const LOG: &str = "warn,guest=off";
/// What an instance may have. Of what one call took the allocator keeps a part, and
/// that is not what is looked for.
const MEMORY: &str = "memory_max_bytes=4_194_304";

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

/// Runs the corpus a few times.
async fn passes(host: &Host, crowd: &mut Crowd, mut corpus: impl AsyncFnMut()) {
    let sockets = host.usage().descriptors;
    println!("before all: {:?}", host.usage());
    for _ in 0..WARM_UP {
        crowd.beside(&mut corpus).await;
        println!("warm: {:?}", at_rest(host, sockets).await);
    }
    let before = at_rest(host, sockets).await;
    for _ in 0..PASSES {
        crowd.beside(&mut corpus).await;
        println!("then: {:?}", at_rest(host, sockets).await);
    }
    let after = at_rest(host, sockets).await;
    let most = before.anonymous_bytes + before.anonymous_bytes / 10;
    assert!(after.anonymous_bytes <= most, "{before:?} before, {after:?} after");
    is_sound(host);
}

#[tokio::test]
async fn what_scripts_do_leaves_nothing() {
    raise_socket_limit();
    let host = Host::of("scripted")
        .log(LOG)
        .set_all(&["instances_max=40", "callback_time_max_ms=2000", MEMORY])
        .start()
        .await;
    let mut crowd = crowd(&host).await;
    passes(&host, &mut crowd, async || {
        for (script, _) in WAYS.iter().filter(|(script, _)| *script != "loop") {
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
    let host = by_hand::host(&[MEMORY]).await;
    let mut crowd = by_hand::crowd(&host).await;
    passes(&host, &mut crowd, async || by_hand::all_happen(&host).await).await;
}
