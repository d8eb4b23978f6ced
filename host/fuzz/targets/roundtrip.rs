//! What an encoder sends, a decoder reads: any messages, with any compression.
//!
//! Input: level, memory level, strategy, window (one byte each), how (1: with
//! permessage-deflate, 2: context taken over), where frames are cut, and what is
//! done, each: what, a length, how often to repeat that many bytes, the bytes.
#![no_main]

use bytes::Buf as _;
use libfuzzer_sys::fuzz_target;
use wshost_fuzz::{Input, client_frame, decode_whole, sent_frames};
use wshost_websocket::{
    Agreed, ControlPayload, Decoder, DeflateOptions, DeflateStrategy, Encoder, Message, SendQueue,
    SharedFrame,
};

const SIZE_MAX: usize = 256 * 256;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut options = options(&mut input);
    let how = input.byte();
    let cut = usize::from(input.byte());
    options.set_server_context_takeover(how & 2 != 0);
    options.set_client_context_takeover(how & 2 != 0);
    let agreed = Agreed::to_offer([("client_max_window_bits", None)], &options);
    let agreed = agreed.filter(|_| how & 1 != 0);

    let mut encoder = Encoder::new(agreed.as_ref());
    let mut queue = SendQueue::default();
    let mut sent = Vec::new();
    while !input.is_empty() {
        sent.extend(send_next(&mut input, &mut encoder, &mut queue));
    }
    let mut stream = vec![0; queue.len_bytes()];
    queue.copy_to_slice(&mut stream);
    assert!(queue.is_empty());

    let frames = sent_frames(&stream);
    assert_eq!(frames.len(), sent.len());
    let stream = frames.into_iter().flat_map(|frame| as_client_sends(frame, cut));
    let decoder = match &agreed {
        None => Decoder::new(SIZE_MAX),
        Some(agreed) => Decoder::with_deflate(SIZE_MAX, agreed),
    };
    assert_eq!(decode_whole(decoder, &stream.collect::<Vec<_>>()), (sent, None));
});

fn options(input: &mut Input<'_>) -> DeflateOptions {
    let mut options = DeflateOptions::default();
    options.set_level(input.byte() % 10).expect("0 to 9");
    options.set_mem_level(input.byte() % 9 + 1).expect("1 to 9");
    options.set_strategy(match input.byte() % 4 {
        0 => DeflateStrategy::Default,
        1 => DeflateStrategy::Filtered,
        2 => DeflateStrategy::HuffmanOnly,
        _ => DeflateStrategy::Rle,
    });
    let window_bits = 9 + input.byte() % 7;
    options.set_server_max_window_bits(window_bits).expect("9 to 15");
    options.set_client_max_window_bits(window_bits).expect("9 to 15");
    options.set_threshold_bytes(4);
    options
}

/// Does what the input says next, and returns what was sent, if anything.
fn send_next(
    input: &mut Input<'_>,
    encoder: &mut Encoder,
    queue: &mut SendQueue,
) -> Option<Message> {
    let (what, len, times) = (input.byte(), input.byte(), input.byte());
    let payload = input.bytes(len.into()).repeat(usize::from(times / 4) + 1);
    let text = || {
        // A byte that is no text makes three.
        let third = &payload[..payload.len() / 3];
        Message::Text(String::from_utf8_lossy(third).into_owned().into())
    };
    let binary = || Message::Binary(payload.clone().into());
    let control = || ControlPayload::new(payload[..payload.len().min(125)].to_vec()).expect("125");
    let (message, is_shared) = match what % 8 {
        0 => (text(), false),
        1 => (binary(), false),
        2 => (text(), true),
        3 => (binary(), true),
        4 => (Message::Ping(control()), false),
        5 => (Message::Pong(control()), true),
        6 => {
            encoder.set_compressing(times.is_multiple_of(2));
            return None;
        }
        _ => {
            encoder.reset();
            return None;
        }
    };
    if is_shared {
        encoder.push_shared(&SharedFrame::new(message.clone()), queue);
    } else {
        encoder.push(&message, queue);
    }
    Some(message)
}

/// A server's frame as a client would send it: masked, and cut in two.
fn as_client_sends((first, payload): (u8, &[u8]), cut: usize) -> Vec<u8> {
    let is_control = first & 8 != 0;
    if is_control || cut == 0 || cut >= payload.len() {
        return client_frame(first, payload);
    }
    let (begin, end) = payload.split_at(cut);
    [client_frame(first & !0x80, begin), client_frame(0x80, end)].concat()
}
