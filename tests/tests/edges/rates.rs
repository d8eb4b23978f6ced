//! Peers that send too much in a second.

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{CONTINUATION, Frame, Host, Mode, PING, TEXT, each_transport};

each_transport![who_sends_too_much_is_held_back, who_sends_too_much_is_closed];

/// Nothing is lost: it only comes later. Who is held back longer than the idle
/// timeout was not silent.
async fn who_sends_too_much_is_held_back(mode: Mode) {
    for setting in ["messages_max_per_second=50", "bytes_max_per_second=500"] {
        let name = setting.split('=').next().unwrap_or_default();
        let host = Host::of("scripted").set(setting).set("idle_timeout_ms=1000").start().await;
        let mut client = mode.ask(&host).open().await;
        for _ in 0..120 {
            client.send(Message::text("count")).await;
        }
        for count in 1..=120 {
            assert_eq!(client.text().await, format!("count {count}"));
        }
        host.log().line_with(&["a limit was hit", name]).await;
        let label = format!("limit=\"{name}\"");
        assert!(host.metric("wshost_limits_hit_total", &[&label]).await > 0);
    }
}

async fn who_sends_too_much_is_closed(mode: Mode) {
    let host = Host::of("scripted")
        .set_all(&["messages_max_per_second=50", "rate_policy=close"])
        .start()
        .await;
    let mut fragments = vec![Frame::new(CONTINUATION, "").more(); 60];
    fragments[0] = Frame::new(TEXT, "").more();
    let pings = vec![Frame::new(PING, ""); 60];
    for frames in [fragments, pings] {
        let mut raw = mode.ask(&host).init("hide-control").open_raw().await;
        raw.send(&frames).await;
        loop {
            match raw.next().await.expect("a Close comes") {
                frame if frame.opcode == wshost_tests::PONG => {}
                close => {
                    assert_eq!(close.payload[..2], 1008_u16.to_be_bytes());
                    break;
                }
            }
        }
    }
    host.log().line_with(&["connection ended", "messages_max_per_second"]).await;
    let lines = host.log();
    lines.line_with(&["terminate", "limit", "messages_max_per_second"]).await;
}
