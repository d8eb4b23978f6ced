//! Handlers that ask the host for more than there is, and peers and neighbours
//! that they flood.

use futures_util::future::join_all;
use wshost_tests::{Client, Host, NOISE};

use super::{ask, counted, crowd, host, is_sound};

/// What is asked for too often, and how the handler is answered: it goes on.
pub(super) fn refused() -> Vec<(String, &'static str)> {
    let (half, large) = ("x".repeat(60_000), "x".repeat(400_000));
    let nobody = "0123456789abcdef".repeat(2);
    [
        ("times:100000:sub:topic", "times 100000"),
        ("times:100000:sub:t#", "subscriptions_max"),
        ("times:100000:sub:t+unsub:t", "effects_max"),
        ("times:100000:unsub:t#", "times 100000"),
        ("times:100000:timer:60000:x", "timers_max"),
        ("times:100000:cancel:#", "times 100000"),
        ("times:100000:pub:t:x", "effects_max"),
        ("times:100000:msg:t:x", "effects_max"),
        (&*format!("times:100:timer:60000:{half}"), "timers_max_bytes"),
        (&*format!("times:100:pub:t:{large}"), "effects_max_bytes"),
        (&*format!("times:100000:send:{nobody}:x"), "effects_max"),
        (&*format!("sub:{half}"), "topic_max_bytes"),
        (&*format!("times:1:pub:{half}:x"), "topic_max_bytes"),
    ]
    .map(|(script, says)| (script.to_owned(), says))
    .into()
}

/// What returns too much, and the setting that it hits: 1011.
pub(super) const TOO_MUCH: [(&str, &str); 3] = [
    ("times:20000:text:x", "commands_max"),
    ("bytes:100000000", "memory_max_bytes"),
    ("times:100000:bytes:100000", "memory_max_bytes"),
];

/// Asks for all of it, and closes.
pub(super) async fn flood(host: &Host, script: &str, says: &str) {
    let mut client = ask(host).open().await;
    let answer = client.ask(script).await;
    assert!(answer.contains(says), "{}: {answer}", &script[..20.min(script.len())]);
    assert_eq!(client.ask("text:still here").await, "still here");
    leave(client).await;
}

async fn leave(mut client: Client) {
    client.close(Some((1000, ""))).await;
    client.finish().await;
}

#[tokio::test]
async fn what_is_asked_for_too_often() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    for (script, says) in refused() {
        crowd.beside(async || flood(&host, &script, says).await).await;
        if says.contains("_max") {
            counted(&host, says).await;
        }
    }
    host.log().line_with(&["a limit was hit", "limit=\"subscriptions_max\""]).await;
    crowd.leave().await;
    is_sound(&host);
}

#[tokio::test]
async fn what_is_returned_too_much_of() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    for (script, says) in TOO_MUCH {
        crowd
            .beside(async || {
                let mut client = ask(&host).open().await;
                client.say(script).await;
                client.closed_with(1011).await;
            })
            .await;
        host.log().line_with(&["handler failed", "code=1011", says]).await;
        counted(&host, says).await;
    }
    crowd.leave().await;
    is_sound(&host);
}

/// To each of the crowd, by ids that it was told, and by a topic that all are
/// subscribed to.
#[tokio::test]
async fn everybody_is_sent_to() {
    let host = host(&["mailbox_max=50"]).await;
    let mut crowd = crowd(&host).await;
    let ids = crowd.ask("me").await;
    let ids = ids.iter().map(|text| text.strip_prefix("id ").expect("it tells its id"));
    let send: String = ids.map(|id| format!("send:{id}:x;")).collect();
    let publish = format!("times:100:msg:everyone:x;times:10:pub:everyone:{NOISE}");
    crowd
        .beside(async || {
            let mut client = ask(&host).open().await;
            assert_eq!(client.ask(format!("{send}text:sent")).await, "sent");
            client.say(&publish).await;
            client.texts(&["times 100", "times 10"]).await;
            leave(client).await;
        })
        .await;
    crowd.leave().await;
    is_sound(&host);
}

/// Timers that are due all the time, and messages that wait all the time: the peer has
/// its turn between them.
#[tokio::test]
async fn what_never_pauses() {
    let host = host(&[]).await;
    let storms = [
        ("timer:1:x", "text:again;times:1000:timer:1:x"),
        ("sub:mine;msg:mine:x", "text:again;msg:mine:x;msg:mine:y"),
    ];
    for (opened, info) in storms {
        let mut client = ask(&host).opened(opened).info(info).open().await;
        for _ in 0..200 {
            while client.text().await != "again" {}
        }
        client.say("text:still here").await;
        while client.text().await != "still here" {}
        leave(client).await;
    }
    is_sound(&host);
}

/// Each message or timer asks for two more, for ever. The peer is still heard.
#[tokio::test]
async fn what_never_ends() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    crowd
        .beside(async || {
            let storms = [
                ("sub:mine#;msg:mine#:x", "msg:mine#:x;msg:mine#:y"),
                ("timer:1:x", "timer:1:x;timer:1:y"),
                ("timer:1:x", "times:1000:timer:1:x"),
            ];
            join_all(storms.iter().enumerate().map(async |(number, (opened, info))| {
                let own = |script: &str| script.replace('#', &number.to_string());
                let mut client = ask(&host).opened(&own(opened)).info(&own(info)).open().await;
                client.say("text:still here").await;
                while client.text().await != "still here" {}
                leave(client).await;
            }))
            .await;
        })
        .await;
    crowd.leave().await;
    is_sound(&host);
}
