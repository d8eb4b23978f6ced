//! Handlers that ask for hibernation when there is no rest, and those that fail
//! about it.

use futures_util::future::join_all;
use wshost_tests::Host;

use super::{
    LOOPS, ask, crowd, host, is_sound,
    traps::{LOOP, WAYS, Way},
};

/// More frames at once than are given to a handler at once.
const FLOOD: u64 = 300;

/// Sleeps after each event, of which the next is there already.
pub(super) async fn no_rest(host: &Host) {
    let (mut sender, mut receiver) = ask(host).header("x-hibernate", "1").open().await.split();
    let says = async {
        for _ in 0..FLOOD {
            sender.send("count".into()).await;
        }
    };
    let hears = async {
        for count in 1..=FLOOD {
            assert_eq!(receiver.next().await, format!("count {count}").into());
        }
    };
    tokio::join!(says, hears);
}

#[tokio::test]
async fn asleep_at_each_event_of_a_flood() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    crowd.beside(async || _ = join_all((0..5).map(|_| no_rest(&host))).await).await;
    crowd.leave().await;
    is_sound(&host);
}

/// With fewer instances than there are connections each wakes at the cost of
/// another, and those that fail have slept before.
#[tokio::test]
async fn failing_when_woken() {
    each_fails_when_woken(&[], &WAYS).await;
}

#[tokio::test]
async fn looping_when_woken() {
    each_fails_when_woken(&[LOOPS], &[LOOP]).await;
}

async fn each_fails_when_woken(settings: &[&str], ways: &[Way]) {
    let few = ["instances_max=50", "instance_wait_max_ms=30000"];
    let host = host(&[&few, settings].concat()).await;
    let mut crowd = crowd(&host).await;
    for (script, says) in ways {
        crowd
            .beside(async || {
                let asleep = ask(&host).header("x-hibernate", "1");
                let mut client = asleep.open().await;
                assert_eq!(client.ask("count").await, "count 1");
                client.say(*script).await;
                client.closed_with(1011).await;
            })
            .await;
        host.log().line_with(&["handler failed", "callback=\"frames\"", says]).await;
    }
    crowd.leave().await;
    is_sound(&host);
}
