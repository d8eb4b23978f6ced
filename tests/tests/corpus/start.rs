//! A handler whose start function fails now and then, by chance: it was fine when
//! the plugin was loaded.

use futures_util::future::join_all;
use wshost_tests::{Client, Crowd, Host, Mode, echoing, raise_socket_limit};

use super::{CROWD, PATIENT, by_hand::component::component, is_sound};

/// Loads it until that succeeds: the first instance is like any other.
async fn host() -> Host {
    raise_socket_limit();
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("start.wasm");
    std::fs::write(&file, component(include_str!("start.wat"))).expect("it can be written");
    loop {
        let host =
            Host::of_file(&file).takes_turns().set_all(&PATIENT).set("callback_time_max_ms=50");
        if let Ok(host) = tokio::spawn(host.start()).await {
            return host;
        }
    }
}

/// Comes again until there is an instance.
async fn insist(host: &Host) -> Client {
    loop {
        if let Some(client) = Mode::HTTP1.ask(host).try_open().await {
            return client;
        }
    }
}

#[tokio::test]
async fn a_start_function_that_fails_by_chance() {
    let host = host().await;
    let mut crowd = Crowd::of(join_all((0..CROWD).map(|_| insist(&host))).await, echoing).await;
    crowd
        .beside(async || {
            join_all((0..50).map(async |_| {
                let mut client = insist(&host).await;
                assert_eq!(client.ask("hello").await, "hello");
            }))
            .await;
        })
        .await;
    for says in ["unreachable", "callback_time_max_ms", "call stack exhausted", "memory_max_bytes"]
    {
        host.log().line_with(&["handler failed", "code=500", says]).await;
    }
    crowd.leave().await;
    is_sound(&host);
}
