//! What all of it leaves in a host.

use wshost_tests::{Crowd, Host, PATIENCE, Usage};

use super::{
    by_hand, crowd, host, is_sound,
    rest::no_rest,
    storms,
    traps::{Callback, WAYS, fail},
};

/// Passes of the corpus that are looked at, after one that warms up.
const PASSES: usize = 3;

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
    crowd.beside(&mut corpus).await;
    let before = at_rest(host, sockets).await;
    println!("warm: {before:?}");
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
    let host = host(&["callback_time_max_ms=500"]).await;
    let mut crowd = crowd(&host).await;
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
    let host = by_hand::host(&["callback_time_max_ms=200", "callback_wait_max_ms=500"]).await;
    let mut crowd = by_hand::crowd(&host).await;
    passes(&host, &mut crowd, async || by_hand::happens(&host).await).await;
}
