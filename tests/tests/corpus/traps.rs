//! Handlers that fail, in each callback.

use futures_util::future::join_all;
use wshost_tests::Host;

use super::{LOOPS, ask, counted, crowd, host, is_sound};

/// Where a script is run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callback {
    Init,
    Opened,
    Frames,
    Info,
    Terminate,
}

use Callback::{Frames, Info, Init, Opened, Terminate};

/// A way to fail, and what the log says of it.
pub(super) type Way = (&'static str, &'static str);

/// The way that only the time limit ends.
pub(super) const LOOP: Way = ("loop", "callback_time_max_ms");

/// All other ways.
pub(super) const WAYS: [Way; 7] = [
    ("trap", "unreachable"),
    ("panic:no more", "trapped"),
    ("recurse", "call stack exhausted"),
    ("grow:100000000", "memory_max_bytes"),
    ("times:1000000:grow:1000", "memory_max_bytes"),
    ("exit:0", "exit(0)"),
    ("exit:1", "exit(1)"),
];

/// Runs a script that fails in this callback: its connection ends, or is refused,
/// and the peer is told no more than that.
pub(super) async fn fail(host: &Host, callback: Callback, script: &str) {
    let ask = ask(host);
    let mut client = match callback {
        Init => {
            let response = ask.init(script).refused().await;
            assert_eq!((response.status, &*response.text()), (500, "the handler failed\n"));
            return;
        }
        Opened => ask.opened(script).open().await,
        Info => ask.opened("timer:1:x").info(script).open().await,
        Frames => ask.open().await,
        Terminate => ask.terminate(script).open().await,
    };
    match callback {
        Frames => client.say(script).await,
        Info => client.texts(&["timer-id 1"]).await,
        Terminate => {
            client.close(Some((1000, ""))).await;
            return client.closed_with(1000).await;
        }
        Init | Opened => {}
    }
    client.closed_with(1011).await;
}

#[tokio::test]
async fn in_each_callback() {
    each_callback_fails(&[], &WAYS).await;
}

#[tokio::test]
async fn by_looping_in_each_callback() {
    each_callback_fails(&[LOOPS], &[LOOP]).await;
}

async fn each_callback_fails(settings: &[&str], ways: &[Way]) {
    let host = host(settings).await;
    let mut crowd = crowd(&host).await;
    let places = [Init, Opened, Frames, Info, Terminate];
    for (script, says) in ways {
        crowd
            .beside(async || _ = join_all(places.map(|place| fail(&host, place, script))).await)
            .await;
        for place in places {
            let callback = format!("callback=\"{place:?}\"").to_lowercase();
            host.log().line_with(&["handler failed", &callback, *says]).await;
        }
        if says.contains("_max") {
            counted(&host, says).await;
        }
    }
    crowd.leave().await;
    is_sound(&host);
}

/// A thousand in a row, as fast as they come.
#[tokio::test]
async fn a_thousand_one_after_the_other() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    crowd
        .beside(async || {
            for _ in 0..100 {
                join_all((0..10).map(|_| fail(&host, Frames, "trap"))).await;
            }
        })
        .await;
    crowd.leave().await;
    is_sound(&host);
}
