//! `Sec-WebSocket-Extensions`: its syntax, and what is agreed on for
//! compression, against a second reading of RFC 7692, 7.1.
//!
//! Input: our windows, takeover (1: ours, 2: the client's), and the field's
//! lines.
#![no_main]

use hyper::{
    Request,
    header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS},
};
use libfuzzer_sys::fuzz_target;
use wshost_fuzz::Input;
use wshost_websocket::{
    DeflateOptions, PERMESSAGE_DEFLATE,
    handshake::{Asked, Extension, HandshakeError, Offers, check, extensions_answer},
};

const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (windows, takeover) = (input.byte(), input.byte());
    let lines: Result<Vec<_>, _> =
        input.rest().split(|&byte| byte == b'\n').map(HeaderValue::from_bytes).collect();
    let Ok(lines) = lines else { return };
    let Some(offers) = offers(lines) else { return };
    assert_eq!(self::offers(vec![plain(offers.extensions())]).as_ref(), Some(&offers));

    let mut options = DeflateOptions::default();
    let (server_bits, client_bits) = (9 + windows % 7, 9 + windows / 7 % 7);
    options.set_server_max_window_bits(server_bits).expect("9 to 15");
    options.set_client_max_window_bits(client_bits).expect("9 to 15");
    options.set_server_context_takeover(takeover & 1 != 0);
    options.set_client_context_takeover(takeover & 2 != 0);
    let offer = offers.extensions().iter().find(|offer| is_acceptable(offer));
    let agreed = offers.deflate(&options);
    assert_eq!(agreed.is_some(), offer.is_some());
    let (Some(agreed), Some(offer)) = (agreed, offer) else { return };

    let answer = self::offers(vec![extensions_answer(&agreed)]).expect("a valid answer");
    let [answer] = answer.extensions() else { panic!("{answer:?}") };
    assert!(is_acceptable(answer));
    assert_eq!(
        has(answer, SERVER_NO_TAKEOVER),
        has(offer, SERVER_NO_TAKEOVER) || takeover & 1 == 0
    );
    assert_eq!(
        has(answer, CLIENT_NO_TAKEOVER),
        has(offer, CLIENT_NO_TAKEOVER) || takeover & 2 == 0
    );
    let smaller = |ours: u8, name| bits(offer, name).map_or(ours, |theirs| theirs.min(ours));
    assert_eq!(bits(answer, SERVER_BITS).unwrap_or(15), smaller(server_bits, SERVER_BITS));
    if has(offer, SERVER_BITS) {
        assert!(has(answer, SERVER_BITS));
    }
    if has(offer, CLIENT_BITS) {
        assert_eq!(bits(answer, CLIENT_BITS).unwrap_or(15), smaller(client_bits, CLIENT_BITS));
    } else {
        assert!(!has(answer, CLIENT_BITS));
    }
});

/// What a request with these lines offers; none: their syntax is wrong.
fn offers(lines: Vec<HeaderValue>) -> Option<Offers> {
    let mut request = Request::get("/")
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        request = request.header(SEC_WEBSOCKET_EXTENSIONS, line);
    }
    let (parts, ()) = request.body(()).expect("a valid request").into_parts();
    match check(&parts) {
        Ok(Asked::WebSocket(handshake)) => Some(handshake.offers),
        Err(HandshakeError::ExtensionSyntax) => None,
        other => panic!("{other:?}"),
    }
}

/// Extensions, written plainly in one line.
fn plain(extensions: &[Extension]) -> HeaderValue {
    let write = |extension: &Extension| {
        let parameters = extension.parameters().map(|(name, value)| match value {
            Some(value) => format!("; {name}={value}"),
            None => format!("; {name}"),
        });
        [extension.name().to_owned()].into_iter().chain(parameters).collect::<String>()
    };
    let line = extensions.iter().map(write).collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(line).expect("tokens")
}

/// Whether it is an offer of compression that we can accept.
fn is_acceptable(offer: &Extension) -> bool {
    let is_valid = offer.parameters().all(|(name, value)| match name {
        SERVER_NO_TAKEOVER | CLIENT_NO_TAKEOVER => value.is_none(),
        SERVER_BITS => value.and_then(window).is_some_and(|bits| bits > 8),
        CLIENT_BITS => value.is_none_or(|value| window(value).is_some()),
        _ => false,
    });
    let names: Vec<_> = offer.parameters().map(|(name, _)| name).collect();
    let is_repeated = (1..names.len()).any(|at| names[..at].contains(&names[at]));
    offer.name() == PERMESSAGE_DEFLATE && is_valid && !is_repeated
}

fn has(extension: &Extension, name: &str) -> bool {
    extension.parameters().any(|parameter| parameter.0 == name)
}

fn bits(extension: &Extension, name: &str) -> Option<u8> {
    extension
        .parameters()
        .find(|parameter| parameter.0 == name)
        .and_then(|parameter| window(parameter.1?))
}

fn window(value: &str) -> Option<u8> {
    ["8", "9", "10", "11", "12", "13", "14", "15"].contains(&value).then(|| value.parse().ok())?
}
