//! What a client's compressed messages come to.

use bytes::BytesMut;

use super::*;

#[test]
fn rfc_examples() {
    // Section 7.2.3, 1 and 3 to 6: each by itself.
    for (data, expected) in [
        (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], "Hello"),
        (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], "Hello"),
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], "Hello"),
        (&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], "Hello"),
        (&[0x00], ""),
    ] {
        for agreed in [takeover(), no_takeover()] {
            let expected = (vec![text(expected)], None);
            assert_eq!(decode(&agreed, &[compressed(TEXT, data)]), expected);
            for cut in 0..=data.len() {
                let (first, last) = data.split_at(cut);
                let frames = [compressed(TEXT, first).more(), ClientFrame::new(CONTINUATION, last)];
                assert_eq!(decode(&agreed, &frames), expected);
            }
        }
    }
}

#[test]
fn a_context_is_taken_over_where_that_was_agreed_on() {
    // Section 7.2.3.2: the second message refers to the first.
    let first = compressed(TEXT, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    let second = compressed(TEXT, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    let plain = ClientFrame::new(TEXT, b"plain ones are not referred to");
    let frames = [first, plain.clone(), second];
    let (hello, plain) = (text("Hello"), text("plain ones are not referred to"));
    let expected = vec![hello.clone(), plain.clone(), hello.clone()];
    assert_eq!(decode(&takeover(), &frames), (expected, None));
    assert_eq!(decode(&no_takeover(), &frames), (vec![hello, plain], BAD));
}

#[test]
fn nothing_refers_to_what_is_before_a_last_block() {
    let last = compressed(TEXT, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]);
    let refers = compressed(TEXT, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(decode(&takeover(), &[last.clone(), refers]), (vec![text("Hello")], BAD));
    // Two of them in a message, and what is behind them can be referred to.
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let open = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let thrice = compressed(TEXT, &[&hello[..], &hello, &open].concat());
    let refers = compressed(TEXT, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    let expected = vec![text("HelloHelloHello"), text("Hello")];
    assert_eq!(decode(&takeover(), &[thrice, refers]), (expected, None));
}

#[test]
fn plain_and_compressed_messages_mix_and_control_frames_come_between() {
    let frames = [
        ClientFrame::new(TEXT, b"a"),
        compressed(TEXT, &[0xf2, 0x48, 0xcd]).more(),
        ClientFrame::new(PING, b"1"),
        ClientFrame::new(CONTINUATION, &[0xc9, 0xc9, 0x07, 0x00]),
        compressed(BINARY, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
    ];
    let expected = vec![
        text("a"),
        Message::Ping(payload(b"1")),
        text("Hello"),
        Message::Binary("Hello".into()),
    ];
    assert_eq!(decode(&no_takeover(), &frames), (expected, None));
}

#[test]
fn the_bit_stands_on_the_first_frame_of_a_message_alone() {
    let error = Some(ProtocolError::ReservedBits.into());
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(decode(&takeover(), &[compressed(PING, b"")]), (vec![], error));
    for first in [ClientFrame::new(TEXT, b""), compressed(TEXT, b"")] {
        let frames = [first.more(), compressed(CONTINUATION, &hello)];
        assert_eq!(decode(&takeover(), &frames), (vec![], error));
    }
    // Not agreed on.
    let stream = compressed(TEXT, &hello).encode();
    let decoder = Decoder::new(SIZE_MAX);
    assert_eq!(decode_pieces_by(decoder, &stream, &[], SIZE_MAX), (vec![], error));
}

#[test]
fn a_message_of_no_bytes_is_empty() {
    let frames = [
        compressed(TEXT, b""),
        compressed(BINARY, b"").more(),
        ClientFrame::new(CONTINUATION, b""),
    ];
    let expected = vec![text(""), Message::Binary("".into())];
    assert_eq!(decode(&takeover(), &frames), (expected, None));
}

#[test]
fn bad_data_breaks_the_protocol() {
    for data in [
        // A block of the type that is reserved, a length that isn't its own
        // complement, a reference before the beginning.
        &[0x06][..],
        &[0x00, 0x05, 0x00, 0x00, 0x00],
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
        // The midst of a block: of one that is stored, and of one that is not.
        &[0x00, 0x06, 0x00, 0xf9, 0xff, 0x48],
        &[0xf2, 0x48, 0xcd],
        // The end is there already; a last block without what ends a message.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    ] {
        let (messages, error) = decode(&takeover(), &[compressed(BINARY, data)]);
        assert_eq!((messages, error), (vec![], BAD), "{data:x?}");
    }
    assert_eq!(BAD.unwrap().close_code().get(), 1002);
}

#[test]
fn text_is_checked_as_it_is_inflated() {
    // A stored block: the frame isn't whole, nor the block, nor the limit near.
    let mut data = vec![0x00, 0x00, 0x10, 0xff, 0xef];
    data.extend(b"\xce\xba\xe1\xbd\xb9\xf4\x90");
    let frame = compressed(TEXT, &[&data[..], &[b'x'; 100]].concat()).encode();
    let mut decoder = Decoder::with_deflate(SIZE_MAX, &takeover());
    let (before, after) = frame.split_at(6 + data.len() - 1);
    assert_eq!(decoder.decode(&mut before.into()), Ok(None));
    let not_text = DecodeError::Utf8(Utf8Place::Text);
    assert_eq!(decoder.decode(&mut after[..1].into()), Err(not_text));
    // It may not end within a character, either.
    let cut = compressed(TEXT, &[0x00, 0x02, 0x00, 0xfd, 0xff, 0xe2, 0x82, 0x00]);
    assert_eq!(decode(&takeover(), &[cut]), (vec![], Some(not_text)));
}

#[test]
fn a_bomb_is_left_at_the_limit() {
    let limit_bytes = 1 << 20;
    let too_big = DecodeError::TooBig { limit_bytes };
    // 1 GiB of zeros, in 64 fragments of 16 MiB that end with a whole block.
    let mut zeros = Compressor::take(no_takeover().setting).compress(&vec![0; 1 << 24]).unwrap();
    zeros.extend(TAIL);
    let first = compressed(BINARY, &zeros).more().encode();
    let next = ClientFrame::new(CONTINUATION, &zeros).more().encode();
    let bomb = [first, next.repeat(63)].concat();
    for piece in [1, 100, 10_000, bomb.len()] {
        let mut decoder = Decoder::with_deflate(limit_bytes, &no_takeover());
        let mut decoded = Ok(None);
        let mut arrived = 0;
        for piece in bomb.chunks(piece) {
            arrived += piece.len();
            decoded = decoder.decode(&mut piece.into());
            assert!(decoder.reserved_bytes() <= limit_bytes);
            if decoded.is_err() {
                break;
            }
        }
        assert_eq!(decoded, Err(too_big));
        assert!(arrived <= (zeros.len() / 8).max(piece), "{arrived}");
        assert!(decoder.is_idle());
    }
}

#[test]
fn the_limit_is_on_what_is_inflated() {
    let message = Message::Binary(vec![7; 5000].into());
    let frame = sent(&mut Encoder::new(Some(&no_takeover())), &message);
    let (data, true) = frame_payload(&frame) else { panic!() };
    let frame = compressed(BINARY, data).encode();
    let decode = |limit| {
        let mut decoder = Decoder::with_deflate(limit, &no_takeover());
        let decoded = decoder.decode(&mut frame[..].into());
        assert!(decoder.reserved_bytes() <= limit);
        decoded
    };
    assert_eq!(decode(5000), Ok(Some(message)));
    for limit_bytes in [0, 1, 4999] {
        assert_eq!(decode(limit_bytes), Err(DecodeError::TooBig { limit_bytes }));
    }
    // A new one counts for the message begun.
    let mut decoder = Decoder::with_deflate(SIZE_MAX, &no_takeover());
    assert_eq!(decoder.decode(&mut frame[..frame.len() - 1].into()), Ok(None));
    decoder.set_message_size_max(5000);
    assert_eq!(decoder.decode(&mut [][..].into()), Ok(None));
    decoder.set_message_size_max(10);
    let too_big = DecodeError::TooBig { limit_bytes: 10 };
    assert_eq!(decoder.decode(&mut [][..].into()), Err(too_big));
}

#[test]
fn between_messages_it_is_idle() {
    let mut decoder = Decoder::with_deflate(SIZE_MAX, &takeover());
    let frame = compressed(TEXT, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).encode();
    for byte in &frame[..frame.len() - 1] {
        assert_eq!(decoder.decode(&mut [*byte][..].into()), Ok(None));
        assert!(!decoder.is_idle());
        assert!(decoder.payload_space().is_none());
    }
    let last = &frame[frame.len() - 1..];
    assert_eq!(decoder.decode(&mut last.into()), Ok(Some(text("Hello"))));
    assert!(decoder.is_idle());
}

#[test]
fn others_have_their_turn_while_much_is_inflated() {
    // Some of it hardly compresses, so that much input is left at a turn's end.
    let content = [&vec![0; 3 << 20][..], &noise(1 << 20), &vec![7; 5 << 20]].concat();
    let data = Compressor::take(no_takeover().setting).compress(&content).unwrap();
    let (first, last) = data.split_at(data.len() / 3);
    let frames = [compressed(BINARY, first).more(), ClientFrame::new(CONTINUATION, last)]
        .map(|f| f.encode());
    let mut decoder = Decoder::with_deflate(16 << 20, &no_takeover());
    let mut input = BytesMut::from(&frames.concat()[..]);
    let (mut turns, mut frames) = (0, 0);
    let message = loop {
        let before = input.len();
        if let Some(message) = decoder.decode_some(&mut input, &mut frames).unwrap() {
            break message;
        }
        assert!(input.len() < before, "a turn without progress");
        turns += 1;
    };
    assert_eq!(message, Message::Binary(content.into()));
    assert_eq!((turns, frames, input.len()), (9 * 4 - 1, 2, 0));
}
