//! A request's head, to what it asks for; where tungstenite answers with a 101,
//! so do we, but for what we are known to be stricter about.
//!
//! Input: the version (1: HTTP/2, as extended CONNECT), and the head. It is
//! parsed by httparse, as hyper does it.
#![no_main]

use hyper::{
    Request, Version,
    ext::Protocol,
    header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL},
    http::request::Parts,
};
use libfuzzer_sys::fuzz_target;
use tungstenite::handshake::server::create_response;
use wshost_fuzz::Input;
use wshost_websocket::handshake::{Asked, Handshake, HandshakeError, check};

/// As many as hyper takes.
const HEADERS_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let is_http2 = input.byte() & 1 == 1;
    let Some(mut request) = parse(input.rest()) else { return };
    if is_http2 {
        *request.version_mut() = Version::HTTP_2;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
    }
    let theirs = create_response(&request).ok();
    let theirs = theirs.as_ref().filter(|_| !is_http2).map(|response| response.headers());
    let (parts, ()) = request.into_parts();
    match check(&parts) {
        Ok(Asked::Nothing) => assert_eq!(theirs, None),
        Ok(Asked::WebSocket(handshake)) => {
            check_answer(&handshake, &parts);
            if let Some(theirs) = theirs {
                let ours = handshake.response_headers(None).expect("without a subprotocol");
                assert_eq!(ours[SEC_WEBSOCKET_ACCEPT], theirs[SEC_WEBSOCKET_ACCEPT]);
            }
        }
        Err(error) => {
            assert!(error.status().is_client_error() || error == HandshakeError::Tunnel);
            assert!(theirs.is_none() || is_stricter(error), "they accept: {error}");
        }
    }
});

fn parse(head: &[u8]) -> Option<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    if !parsed.parse(head).ok()?.is_complete() {
        return None;
    }
    let version = if parsed.version? == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    let builder = Request::builder().method(parsed.method?).uri(parsed.path?).version(version);
    let request =
        parsed.headers.iter().fold(builder, |builder, line| builder.header(line.name, line.value));
    request.body(()).ok()
}

/// Whether this is a rule of ours that tungstenite's server doesn't know.
fn is_stricter(error: HandshakeError) -> bool {
    match error {
        HandshakeError::Host
        | HandshakeError::Body
        | HandshakeError::SubprotocolSyntax
        | HandshakeError::SubprotocolRepeated
        | HandshakeError::TooManySubprotocols
        | HandshakeError::ExtensionSyntax
        // They look at the first line alone where a field has several, and take
        // a space for a comma in `Connection`.
        | HandshakeError::Version
        | HandshakeError::Key
        | HandshakeError::Connection => true,
        HandshakeError::Method
        | HandshakeError::HttpVersion
        | HandshakeError::Upgrade
        | HandshakeError::Tunnel => false,
    }
}

fn check_answer(handshake: &Handshake, parts: &Parts) {
    assert_eq!(handshake.is_http1(), parts.version == Version::HTTP_11);
    let offered = handshake.offers.subprotocols();
    for name in offered {
        let answer = handshake.response_headers(Some(name)).expect("it was offered");
        assert_eq!(answer[SEC_WEBSOCKET_PROTOCOL], *name);
    }
    assert!(handshake.response_headers(Some("not offered")).is_err());
}
