//! Rows 6, 17, 22 to 24 where compression was agreed on.

use wshost_tests::{
    Ask, BINARY, CONTINUATION, Frame, Host, Inflater, Mode, PING, PONG, Raw, TEXT, deflated,
    each_mode, pattern,
};

each_mode![
    row_06_compression_is_agreed_on_by_both,
    row_06_a_client_can_ask_for_less,
    row_06_options_of_compression_are_followed,
    row_06_an_option_out_of_its_range_is_500,
    row_06_the_operators_caps_on_compression,
    row_06_the_operators_cap_counts_what_is_inflated,
    row_17_deflate_is_seen_in_the_frames,
    row_17_takeover_goes_on_behind_what_is_not_compressed,
    row_17_control_frames_are_not_compressed,
    row_22_a_compressed_control_frame_or_continuation_is_1002,
    row_22_what_can_not_be_inflated_is_1002,
    row_23_inflated_text_that_is_not_utf8_is_1007,
    row_24_what_is_inflated_counts,
    row_24_inflating_stops_at_the_limit,
];

/// The reserved bit of a compressed message.
const RSV1: u8 = 4;
/// Long enough to be compressed.
const LONG: usize = 5_000;

fn offering(mode: Mode, host: &Host, offer: &str) -> Ask {
    mode.ask(host).header("sec-websocket-extensions", offer)
}

/// A connection that compresses, with more options of `init`.
async fn compressing(mode: Mode, host: &Host, options: &str) -> Raw {
    let ask = offering(mode, host, "permessage-deflate");
    ask.init(&format!("compress;{options}")).open_raw().await
}

fn compressed(opcode: u8, message: impl AsRef<[u8]>) -> Frame {
    Frame::new(opcode, deflated(message.as_ref())).reserved(RSV1)
}

/// The next frame, its payload inflated if it is compressed.
async fn next(raw: &mut Raw, inflater: &mut Inflater) -> (u8, Vec<u8>) {
    let frame = raw.next().await.expect("a frame comes");
    match frame.reserved {
        RSV1 => (RSV1, inflater.inflate(&frame.payload, LONG)),
        reserved => (reserved, frame.payload),
    }
}

async fn row_06_compression_is_agreed_on_by_both(mode: Mode) {
    let host = Host::shared().await;
    let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let offers = "x-unheard-of, permessage-deflate; client_max_window_bits";
    for (init, expected) in [("compress", answer), ("accept", "")] {
        let client = offering(mode, &host, offers).init(init).open().await;
        assert_eq!(client.response.header("sec-websocket-extensions"), expected);
    }
    let mut raw = compressing(mode, &host, "").await;
    let message = pattern(LONG);
    raw.send(&[compressed(BINARY, &message), compressed(TEXT, "short")]).await;
    let mut inflater = Inflater::default();
    assert!(next(&mut raw, &mut inflater).await == (RSV1, message));
    assert_eq!(next(&mut raw, &mut inflater).await, (0, b"short".to_vec()));
}

async fn row_06_a_client_can_ask_for_less(mode: Mode) {
    let host = Host::shared().await;
    let all = "compress:server-takeover=true,client-takeover=true";
    for (offer, expected) in [
        ("permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=9",
        ),
        ("permessage-deflate; server_max_window_bits=8", ""),
    ] {
        let client = offering(mode, &host, offer).init(all).open().await;
        assert_eq!(client.response.header("sec-websocket-extensions"), expected, "{offer}");
    }
}

async fn row_06_options_of_compression_are_followed(mode: Mode) {
    let host = Host::shared().await;
    let init = "compress:server-bits=10,client-bits=12,threshold=50,level=9,mem-level=2";
    let offer = "permessage-deflate; client_max_window_bits";
    let client = offering(mode, &host, offer).init(init).open().await;
    let answer = client.response.header("sec-websocket-extensions");
    assert!(answer.ends_with("server_max_window_bits=10; client_max_window_bits=12"), "{answer}");
    let mut raw = offering(mode, &host, offer).init(init).open_raw().await;
    raw.send(&[Frame::new(TEXT, [b'a'; 49]), Frame::new(TEXT, [b'a'; 50])]).await;
    let mut inflater = Inflater::default();
    assert_eq!(next(&mut raw, &mut inflater).await, (0, vec![b'a'; 49]));
    assert_eq!(next(&mut raw, &mut inflater).await, (RSV1, vec![b'a'; 50]));
}

async fn row_06_an_option_out_of_its_range_is_500(mode: Mode) {
    let host = Host::shared().await;
    for (option, why) in [
        ("level=10", "level is from 0 to 9, not 10"),
        ("mem-level=0", "mem-level is from 1 to 9, not 0"),
        ("server-bits=8", "server-max-window-bits is from 9 to 15, not 8"),
        ("client-bits=16", "client-max-window-bits is from 9 to 15, not 16"),
    ] {
        let ask = offering(mode, &host, "permessage-deflate");
        assert_eq!(ask.init(&format!("compress:{option}")).refused().await.status, 500);
        host.log().line_with(&["WARN", "callback=\"init\"", why]).await;
    }
}

async fn row_06_the_operators_caps_on_compression(mode: Mode) {
    let host = Host::of("scripted").set("deflate_window_bits_max=10").start().await;
    let bits = "server_max_window_bits=10; client_max_window_bits";
    for (init, expected) in [
        ("compress", format!("{bits}=10")),
        ("compress:server-bits=15,client-bits=9", format!("{bits}=9")),
    ] {
        let ask = offering(mode, &host, "permessage-deflate; client_max_window_bits");
        let client = ask.init(init).open().await;
        let answer = client.response.header("sec-websocket-extensions");
        assert!(answer.ends_with(&expected), "{answer}");
    }
}

async fn row_06_the_operators_cap_counts_what_is_inflated(mode: Mode) {
    let host = Host::of("scripted").set("frame_size_max_bytes=1000").start().await;
    is_limited_to(1000, compressing(mode, &host, "max:5000").await).await;
}

async fn row_17_deflate_is_seen_in_the_frames(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = compressing(mode, &host, "").await;
    let bytes = format!("bytes:{LONG}");
    raw.say(&format!("{bytes};deflate:false;{bytes}")).await;
    raw.say(&bytes).await;
    raw.say(&format!("deflate:true;{bytes}")).await;
    for reserved in [RSV1, 0, 0, RSV1] {
        let came = next(&mut raw, &mut Inflater::default()).await;
        assert!(came == (reserved, pattern(LONG)), "not {reserved}, but {}", came.0);
    }
}

async fn row_17_takeover_goes_on_behind_what_is_not_compressed(mode: Mode) {
    let host = Host::shared().await;
    let ask = offering(mode, &host, "permessage-deflate");
    let mut raw = ask.init("compress:server-takeover=true").open_raw().await;
    raw.say(&format!("bytes:{LONG};deflate:false;bytes:10;deflate:true;bytes:{LONG}")).await;
    let mut inflater = Inflater::default();
    assert!(next(&mut raw, &mut inflater).await == (RSV1, pattern(LONG)));
    assert_eq!(next(&mut raw, &mut inflater).await, (0, pattern(10)));
    assert!(next(&mut raw, &mut inflater).await == (RSV1, pattern(LONG)));
}

async fn row_17_control_frames_are_not_compressed(mode: Mode) {
    let host = Host::shared().await;
    let ask = offering(mode, &host, "permessage-deflate");
    let mut raw = ask.init("compress:threshold=1;hide-control").open_raw().await;
    let payload = "p".repeat(125);
    raw.say(&format!("ping:{payload};pong:{payload};close:4000:{}", &payload[2..])).await;
    assert_eq!(raw.next().await, Some(Frame::new(PING, &payload).unmasked()));
    assert_eq!(raw.next().await, Some(Frame::new(PONG, &payload).unmasked()));
    raw.closed_with(4000).await;
}

async fn row_22_a_compressed_control_frame_or_continuation_is_1002(mode: Mode) {
    let host = Host::shared().await;
    let begun = compressed(TEXT, "x").more();
    for frames in [
        vec![compressed(PING, "x")],
        vec![Frame::new(BINARY, "x").reserved(2)],
        vec![begun, compressed(CONTINUATION, "x")],
    ] {
        let mut raw = compressing(mode, &host, "").await;
        raw.send(&frames).await;
        raw.closed_with(1002).await;
    }
}

async fn row_22_what_can_not_be_inflated_is_1002(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = compressing(mode, &host, "").await;
    let id = raw.id().await;
    // A block of the type that there is not.
    raw.send(&[Frame::new(BINARY, [0x06, 0xff, 0xff]).reserved(RSV1)]).await;
    raw.closed_with(1002).await;
    assert_eq!(host.terminated(&id).await, "error bad-frame");
}

async fn row_23_inflated_text_that_is_not_utf8_is_1007(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = compressing(mode, &host, "").await;
    let id = raw.id().await;
    raw.send(&[compressed(TEXT, b"caf\xe9")]).await;
    raw.closed_with(1007).await;
    assert_eq!(host.terminated(&id).await, "error bad-encoding");
}

/// A message of this many bytes is taken, one of a byte more is not.
async fn is_limited_to(bytes: usize, mut raw: Raw) {
    raw.send(&[compressed(BINARY, pattern(bytes))]).await;
    assert!(next(&mut raw, &mut Inflater::default()).await == (RSV1, pattern(bytes)));
    raw.send(&[compressed(BINARY, pattern(bytes + 1))]).await;
    raw.closed_with(1009).await;
}

async fn row_24_what_is_inflated_counts(mode: Mode) {
    let host = Host::shared().await;
    is_limited_to(1000, compressing(mode, &host, "max:1000").await).await;
    let mut raw = compressing(mode, &host, "max:1000").await;
    let id = raw.id().await;
    let payload = deflated(&pattern(1001));
    let (begin, end) = payload.split_at(payload.len() / 2);
    raw.send(&[Frame::new(BINARY, begin).reserved(RSV1).more(), Frame::new(CONTINUATION, end)])
        .await;
    raw.closed_with(1009).await;
    assert_eq!(host.terminated(&id).await, "error too-big");
}

/// Of a message that gets a thousand times larger its begin is enough.
async fn row_24_inflating_stops_at_the_limit(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = compressing(mode, &host, "").await;
    let bomb = compressed(BINARY, vec![0; 20_000_000]).encode();
    raw.write(&bomb[..bomb.len() / 2]).await;
    raw.closed_with(1009).await;
}
