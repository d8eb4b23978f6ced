//! The system has no more descriptors to give.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use wshost_tests::{Host, Mode};

/// What the host rests for when accepting fails.
const REST: Duration = Duration::from_millis(100);

/// More may come than there are descriptors for, where the operator says so. Those
/// who are there notice nothing, and when some go others are served.
#[tokio::test]
async fn accepting_goes_on_when_there_are_some_again() {
    let begun = Instant::now();
    let host = Host::of("scripted")
        .files_max(100)
        .set_all(&["connections_max=1000", "handshake_timeout_ms=60000"])
        .start()
        .await;
    host.log().line_with(&["WARN", "connections_max=1000 is more"]).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let mut sockets = Vec::new();
    for _ in 0..150 {
        // The system takes them for the host, which has not accepted them yet.
        sockets.push(TcpStream::connect(host.address()).await.expect("the system accepts"));
    }
    host.log().line_with(&["can't accept a connection"]).await;
    assert_eq!(client.ask("count").await, "count 1");
    drop(sockets);
    assert_eq!(Mode::HTTP1.ask(&host).open().await.ask("count").await, "count 1");
    assert_eq!(client.ask("count").await, "count 2");
    // It has not tried all the time.
    let failed = host.metric("wshost_accept_errors_total", &[]).await;
    let rests = begun.elapsed().as_millis() / REST.as_millis();
    assert!(failed > 0 && u128::from(failed) <= rests + 1, "{failed} in {rests} rests");
}

/// Of itself the host takes no more than there are descriptors for.
#[tokio::test]
async fn who_finds_no_descriptor_is_told_so() {
    let host = Host::of("scripted").files_max(100).start().await;
    let mut clients = Vec::new();
    let refused = loop {
        let ask = Mode::HTTP1.ask(&host);
        match ask.clone().try_open().await {
            Some(client) => clients.push(client),
            None => break ask.refused().await,
        }
    };
    assert_eq!((refused.status, clients.len()), (503, 50));
    host.log().line_with(&["a limit was hit", "connections_max"]).await;
    assert_eq!(host.log().lines_with(&["can't accept"]), [""; 0]);
}
