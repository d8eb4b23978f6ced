//! One test a rule of RFC 6455, section 4.2.

use hyper::{
    Request, StatusCode,
    header::{HeaderName, SEC_WEBSOCKET_PROTOCOL},
};

use super::*;
use crate::DeflateOptions;

/// The request of RFC 6455, 1.2, in parts.
fn example() -> Parts {
    let request = Request::get("/chat")
        .header("host", "server.example.com")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://example.com")
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-version", "13")
        .body(());
    request.unwrap().into_parts().0
}

/// The example with a header set to these lines.
fn with(name: &'static str, lines: &[&str]) -> Parts {
    let mut parts = example();
    parts.headers.remove(name);
    for line in lines {
        let value = HeaderValue::from_str(line).unwrap();
        parts.headers.append(HeaderName::from_static(name), value);
    }
    parts
}

fn handshake(parts: &Parts) -> Handshake {
    match check(parts) {
        Ok(Asked::WebSocket(handshake)) => handshake,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc_example() {
    let handshake = handshake(&example());
    assert_eq!(handshake.offers.subprotocols(), ["chat", "superchat"]);
    assert!(handshake.offers.extensions().is_empty());
    let headers = handshake.response_headers(Some("chat")).unwrap();
    assert_eq!(headers.len(), 4);
    assert_eq!(headers[CONNECTION], "upgrade");
    assert_eq!(headers[UPGRADE], "websocket");
    assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], "chat");
}

#[test]
fn only_an_offered_subprotocol_can_be_chosen() {
    let handshake = handshake(&example());
    assert!(!handshake.response_headers(None).unwrap().contains_key(SEC_WEBSOCKET_PROTOCOL));
    for name in ["mqtt", "Chat", "", "cha\nt"] {
        let error = handshake.response_headers(Some(name)).unwrap_err();
        assert_eq!(error, NotOffered(name.to_owned()));
    }
}

#[test]
fn plain_requests_ask_for_nothing() {
    let plain = || Request::get("/").header("host", "x");
    let mut requests = vec![
        plain(),
        Request::post("/").header("content-length", "5"),
        plain().header("upgrade", "h2c").header("connection", "Upgrade, HTTP2-Settings"),
        plain().header("connection", "upgrade"),
        plain().version(Version::HTTP_10).header("upgrade", "websocket"),
    ];
    for request in requests.drain(..) {
        let parts = request.body(()).unwrap().into_parts().0;
        assert_eq!(check(&parts), Ok(Asked::Nothing), "{parts:?}");
    }
}

#[test]
fn what_a_proxy_left_of_a_handshake_is_malformed() {
    let mut parts = with("upgrade", &[]);
    parts.headers.remove("connection");
    assert_eq!(check(&parts), Err(HandshakeError::Upgrade));
    parts.version = Version::HTTP_10;
    assert_eq!(check(&parts), Err(HandshakeError::HttpVersion));
}

#[test]
fn method_and_version_of_http() {
    let mut parts = example();
    parts.method = Method::POST;
    assert_eq!(check(&parts), Err(HandshakeError::Method));
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut parts = example();
        parts.version = version;
        assert_eq!(check(&parts), Err(HandshakeError::HttpVersion));
    }
}

/// An extended CONNECT, as in RFC 8441, 5.1.
fn connect() -> Parts {
    let request = Request::connect("http://server.example.com/chat")
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-version", "13");
    request.body(()).unwrap().into_parts().0
}

#[test]
fn http2_connects_without_a_key() {
    let Ok(Asked::WebSocket(handshake)) = check(&connect()) else { panic!("it is well-formed") };
    assert!(!handshake.is_http1());
    assert_eq!(handshake.offers.subprotocols(), ["chat", "superchat"]);
    let headers = handshake.response_headers(Some("chat")).unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers["sec-websocket-protocol"], "chat");
}

#[test]
fn other_tunnels_are_not_served() {
    let mut plain = connect();
    plain.extensions.clear();
    let mut other = connect();
    other.extensions.insert(Protocol::from_static("connect-udp"));
    let mut http1 = connect();
    http1.version = Version::HTTP_11;
    for parts in [plain, other, http1] {
        assert_eq!(check(&parts), Err(HandshakeError::Tunnel));
    }
    let mut old = connect();
    old.headers.insert("sec-websocket-version", HeaderValue::from_static("8"));
    assert_eq!(check(&old), Err(HandshakeError::Version));
}

#[test]
fn host() {
    for lines in [&[][..], &[""], &["a", "b"]] {
        assert_eq!(check(&with("host", lines)), Err(HandshakeError::Host));
    }
}

#[test]
fn upgrade_and_connection_are_lists_of_tokens() {
    for lines in [&["WebSocket"][..], &["h2c, websocket"], &["h2c", "websocket"], &[",websocket"]] {
        handshake(&with("upgrade", lines));
    }
    for lines in [&["keep-alive, Upgrade"][..], &["keep-alive", "upgrade"], &["UPGRADE"]] {
        handshake(&with("connection", lines));
    }
    for lines in [&[][..], &["websockets"], &["web socket"], &["h2c"]] {
        assert_eq!(check(&with("upgrade", lines)), Err(HandshakeError::Upgrade));
    }
    for lines in [&[][..], &["keep-alive"], &["upgraded"], &["close upgrade"]] {
        assert_eq!(check(&with("connection", lines)), Err(HandshakeError::Connection));
    }
}

#[test]
fn body() {
    handshake(&with("content-length", &["0"]));
    assert_eq!(check(&with("content-length", &["5"])), Err(HandshakeError::Body));
    assert_eq!(check(&with("content-length", &["0", "5"])), Err(HandshakeError::Body));
    assert_eq!(check(&with("transfer-encoding", &["chunked"])), Err(HandshakeError::Body));
}

#[test]
fn another_version_is_told_ours() {
    for lines in [&[][..], &["8"], &["13", "13"], &["13, 8"], &["013"]] {
        assert_eq!(check(&with("sec-websocket-version", lines)), Err(HandshakeError::Version));
    }
    let error = HandshakeError::Version;
    assert_eq!(error.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(error.headers()[SEC_WEBSOCKET_VERSION], "13");
    assert_eq!(error.headers()[UPGRADE], "websocket");
    assert_eq!(error.headers()[CONNECTION], "upgrade");
}

#[test]
fn key_is_16_bytes_in_base64_and_single() {
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    for lines in [
        &[][..],
        &[""],
        &[good, good],
        &["dGhlIHNhbXBsZSBub25jZQ"],
        &["dGhlIHNhbXBsZSBub25jZQ=a"],
        &["dGhlIHNhbXBsZSBub25jZSE="],
        &["dGhlIHNhbXBsZSBub25jZQ======"],
        &["dGhlIHNhbXBsZS!ub25jZQ=="],
    ] {
        let error = check(&with("sec-websocket-key", lines)).unwrap_err();
        assert_eq!(error, HandshakeError::Key, "{lines:?}");
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert!(error.headers().is_empty());
    }
}

#[test]
fn subprotocols_keep_their_order_over_all_lines() {
    let parts = with("sec-websocket-protocol", &["b,a", "", "A , v1.json"]);
    assert_eq!(handshake(&parts).offers.subprotocols(), ["b", "a", "A", "v1.json"]);
    let parts = with("sec-websocket-protocol", &[]);
    assert!(handshake(&parts).offers.subprotocols().is_empty());
}

#[test]
fn subprotocols_are_tokens_and_unique_and_not_too_many() {
    for line in ["", ",", "a b", "a/b", "\"a\"", "gr\u{fc}n"] {
        let error = check(&with("sec-websocket-protocol", &[line])).unwrap_err();
        assert_eq!(error, HandshakeError::SubprotocolSyntax, "{line}");
    }
    let repeated = with("sec-websocket-protocol", &["a, b", "a"]);
    assert_eq!(check(&repeated), Err(HandshakeError::SubprotocolRepeated));
    let names: Vec<_> = (0..=Offers::SUBPROTOCOLS_MAX).map(|n| format!("p{n}")).collect();
    let most = names[1..].join(",");
    let most = with("sec-websocket-protocol", &[&most]);
    assert_eq!(handshake(&most).offers.subprotocols(), &names[1..]);
    let all = names.join(",");
    let all = with("sec-websocket-protocol", &[&all]);
    assert_eq!(check(&all), Err(HandshakeError::TooManySubprotocols));
}

#[test]
fn extensions_keep_their_order_over_all_lines() {
    let lines = ["permessage-deflate; client_max_window_bits, bar", "foo"];
    let offers = handshake(&with("sec-websocket-extensions", &lines)).offers;
    let names: Vec<_> = offers.extensions().iter().map(Extension::name).collect();
    assert_eq!(names, ["permessage-deflate", "bar", "foo"]);
    let parameters: Vec<_> = offers.extensions()[0].parameters().collect();
    assert_eq!(parameters, [("client_max_window_bits", None)]);
    for line in ["", "foo bar", "foo; a=\"\""] {
        let error = check(&with("sec-websocket-extensions", &[line])).unwrap_err();
        assert_eq!(error, HandshakeError::ExtensionSyntax, "{line}");
    }
}

/// The answer to offers in these lines.
fn deflate_answer(lines: &[&str], options: &DeflateOptions) -> Option<String> {
    let offers = handshake(&with("sec-websocket-extensions", lines)).offers;
    let answer = extensions_answer(&offers.deflate(options)?);
    Some(answer.to_str().unwrap().to_owned())
}

#[test]
fn the_first_offer_of_compression_that_can_be_is_accepted() {
    let options = DeflateOptions::default();
    let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for (lines, expected) in [
        // What Chromium and Firefox, Safari, and RFC 7692, 7.1.3 send.
        (&["permessage-deflate; client_max_window_bits"][..], ""),
        (&["permessage-deflate"], ""),
        (
            &[
                "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
            ],
            "; server_max_window_bits=10",
        ),
        // Others don't matter, and are tried past, over all lines.
        (&["x-webkit-deflate-frame, permessage-bzip2", "permessage-deflate"], ""),
        (
            &[
                "permessage-deflate; server_max_window_bits=8",
                "permessage-deflate; server_max_window_bits=\"9\"",
            ],
            "; server_max_window_bits=9",
        ),
        (&["permessage-deflate; foo, permessage-deflate; foo=1", "permessage-deflate"], ""),
    ] {
        let answer = deflate_answer(lines, &options);
        assert_eq!(answer, Some(format!("{plain}{expected}")), "{lines:?}");
    }
    for lines in [
        &["x-webkit-deflate-frame"][..],
        &["Permessage-Deflate"],
        &["permessage-deflate; server_max_window_bits=8"],
        &["permessage-deflate; foo", "permessage-deflate; client_max_window_bits=16"],
    ] {
        assert_eq!(deflate_answer(lines, &options), None, "{lines:?}");
    }
    assert_eq!(handshake(&example()).offers.deflate(&options), None);
}

#[test]
fn handlers_can_not_set_the_handshakes_own_headers() {
    for name in [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        assert!(!is_allowed_on_response(&HeaderName::from_static(name)), "{name}");
    }
    for name in ["set-cookie", "x-request-id", "server", "date"] {
        assert!(is_allowed_on_response(&HeaderName::from_static(name)), "{name}");
    }
}
