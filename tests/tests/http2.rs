//! What is special about HTTP/2: many WebSockets on one connection, and the
//! handshake of RFC 8441.

use h2::{
    Ping,
    client::{self, SendRequest},
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wshost_tests::{
    BINARY, CLOSE, Empty, Frame, Host, Http2, Mode, Response, TEXT, close_payload,
    hyper::{Request, ext::Protocol, http::request::Builder},
    patiently, pattern,
};

fn uri(host: &Host) -> String {
    format!("http://{}/", host.address())
}

async fn answer(host: &Host, request: Builder) -> Response {
    let request = request.body(Empty::new()).expect("the request is valid");
    Http2::to(host).await.request(request).await
}

#[tokio::test]
async fn websockets_share_a_connection() {
    let host = Host::shared().await;
    let http = Http2::to(&host).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(http.open(&Mode::HTTP2.ask(&host)).await);
    }
    for round in 1..4 {
        for client in &mut clients {
            client.say("count").await;
        }
        for client in &mut clients {
            assert_eq!(client.text().await, format!("count {round}"));
        }
    }
}

#[tokio::test]
async fn the_end_of_one_touches_no_other() {
    let host = Host::shared().await;
    let http = Http2::to(&host).await;
    let ask = Mode::HTTP2.ask(&host);
    let mut witness = http.open(&ask).await;
    for (script, code) in [("stop", 1000), ("trap", 1011), ("close:4000", 4000)] {
        let mut client = http.open(&ask).await;
        client.say(script).await;
        client.closed_with(code).await;
        assert_eq!(witness.ask("still here").await, "still here");
    }
    drop(http.open(&ask).await);
    assert_eq!(witness.ask("count").await, "count 1");
}

/// More than all buffers hold waits on a stream that its handler has stopped, and
/// 99 others go on.
#[tokio::test]
async fn one_that_is_not_read_holds_back_no_other() {
    const MESSAGES: usize = 16;
    let host = Host::shared().await;
    let http = Http2::to(&host).await;
    let ask = Mode::HTTP2.ask(&host);
    let mut stopped = http.open(&ask.clone().info("active:true;text:resumed")).await;
    let mut others = Vec::new();
    for _ in 0..99 {
        others.push(http.open(&ask).await);
    }
    let id = stopped.id().await;
    assert_eq!(stopped.ask("active:false;text:stopped").await, "stopped");
    let (mut sender, mut receiver) = stopped.split();
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sender.send(pattern(1_000_000 - number).into()).await;
        }
    });
    for round in 0..3 {
        // Of other lengths in each round, and with all on their way at once.
        let payload = |number: usize| pattern(20_000 + 100 * round + number);
        for (number, other) in others.iter_mut().enumerate() {
            other.send(payload(number).into()).await;
        }
        for (number, other) in others.iter_mut().enumerate() {
            assert!(other.binary().await == payload(number), "round {round}, WebSocket {number}");
        }
    }
    assert!(!sending.is_finished(), "16 MB were sent on a stream that is not read");
    others[0].say(format!("send:{id}:go on")).await;
    assert_eq!(receiver.next().await, Message::text("resumed"));
    for number in 0..MESSAGES {
        assert!(receiver.next().await.into_data() == pattern(1_000_000 - number));
    }
    sending.await.expect("all is sent");
}

/// The other half: its answers are not read.
#[tokio::test]
async fn one_that_does_not_read_holds_back_no_other() {
    let host = Host::shared().await;
    let http = Http2::to(&host).await;
    let ask = Mode::HTTP2.ask(&host);
    let mut stuck = http.open(&ask).await;
    stuck.say("bytes:5000000;bytes:5000001").await;
    let mut witness = http.open(&ask).await;
    for _ in 0..20 {
        assert_eq!(witness.ask("still here").await, "still here");
    }
    assert!(stuck.binary().await == pattern(5_000_000));
    assert!(stuck.binary().await == pattern(5_000_001));
}

/// A client that may send before it is answered.
async fn eager_client(host: &Host) -> SendRequest<Bytes> {
    let socket = TcpStream::connect(host.address()).await.expect("the host accepts connections");
    let (sender, mut connection) = client::handshake(socket).await.expect("the host speaks HTTP/2");
    let mut ping_pong = connection.ping_pong().expect("nobody has it yet");
    tokio::spawn(connection);
    // The host's first word is that it speaks RFC 8441: a pong comes behind that.
    let pong = patiently("a pong", ping_pong.ping(Ping::opaque())).await;
    pong.expect("the host answers a ping");
    assert!(sender.is_extended_connect_protocol_enabled());
    sender
}

/// RFC 8441 lets a client speak before it has the response, as over HTTP/1.1.
#[tokio::test]
async fn row_07_what_came_with_the_request_is_not_lost() {
    let host = Host::shared().await;
    let mut sender = eager_client(&host).await;
    let request = Request::connect(uri(&host))
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("x-opened", "text:hello");
    let request = request.body(()).expect("the request is valid");
    let (response, mut stream) = sender.send_request(request, false).expect("a stream is free");
    let said = [
        Frame::new(TEXT, "early"),
        Frame::new(BINARY, pattern(20_000)),
        Frame::new(CLOSE, close_payload(1000, "")),
    ];
    // Nothing is written before the response is awaited: it all goes together.
    for frame in &said {
        stream.send_data(frame.encode().into(), false).expect("the stream is open");
    }
    let response = patiently("the response", response).await.expect("the host answers");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut heard = Vec::new();
    while let Some(data) = patiently("the end of the stream", body.data()).await {
        heard.extend(data.expect("the stream ends well"));
    }
    let answers = [Frame::new(TEXT, "hello")].into_iter().chain(said);
    let expected: Vec<u8> = answers.flat_map(|frame| frame.unmasked().encode()).collect();
    assert!(heard == expected, "{:?}", String::from_utf8_lossy(&heard));
}

#[tokio::test]
async fn row_03_without_a_websocket_accepting_is_501() {
    let host = Host::shared().await;
    let response = answer(&host, Request::get(uri(&host))).await;
    assert_eq!(response.status, 501);
    assert!(!response.headers.contains_key("upgrade"));
}

#[tokio::test]
async fn row_03_without_a_websocket_init_may_answer() {
    let host = Host::shared().await;
    for method in ["GET", "POST"] {
        let request = Request::builder().method(method).uri(uri(&host));
        let response = answer(&host, request.header("x-init", "respond:203:fine")).await;
        assert_eq!((response.status, response.text()), (203, "fine".to_owned()));
    }
}

#[tokio::test]
async fn row_03_a_malformed_handshake_is_400_and_wakes_nobody() {
    let host = Host::shared().await;
    let connect = |protocol| {
        let request = Request::connect(uri(&host)).extension(Protocol::from_static(protocol));
        request.header("x-init", "log:info:woken over http2")
    };
    for request in [
        connect("websocket"),
        connect("websocket").header("sec-websocket-version", "8"),
        connect("websocket").header("sec-websocket-version", "13, 8"),
        connect("websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "a, a"),
    ] {
        assert_eq!(answer(&host, request).await.status, 400);
    }
    let other = connect("connect-udp").header("sec-websocket-version", "13");
    assert_eq!(answer(&host, other).await.status, 501);
    let get = Request::get(uri(&host)).header("x-init", "log:info:last over http2;refuse");
    assert_eq!(answer(&host, get).await.status, 400);
    host.log().line_with(&["last over http2"]).await;
    assert_eq!(host.log().lines_with(&["woken over http2"]), [""; 0]);
}
