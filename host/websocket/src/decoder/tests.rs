//! One test a rule, with the examples of RFC 6455, 5.7.

use bytes::BufMut;

use super::{
    super::{
        CloseFrame, ProtocolError, Utf8Place,
        testing::{
            BINARY, CLOSE, CONTINUATION, ClientFrame, PING, PONG, TEXT, decode_pieces, payload,
        },
    },
    *,
};

/// All messages, and how it ends.
fn decode_all(frames: &[ClientFrame]) -> (Vec<Message>, Result<(), DecodeError>) {
    let mut decoder = Decoder::new(1000);
    let mut input = frames.iter().flat_map(ClientFrame::encode).collect();
    let mut messages = Vec::new();
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, Ok(())),
            Err(error) => return (messages, Err(error)),
        }
    }
}

fn error_of(frames: &[ClientFrame]) -> DecodeError {
    decode_all(frames).1.unwrap_err()
}

#[test]
fn rfc_examples() {
    let hello = ClientFrame::new(PONG, b"Hello");
    assert_eq!(hello.encode()[..2], [0x8a, 0x85]);
    assert_eq!(decode_all(&[hello]).0, [Message::Pong(payload(b"Hello"))]);
    // A fragmented text message, which the RFC shows unmasked.
    let fragments = [ClientFrame::new(TEXT, b"Hel").more(), ClientFrame::new(CONTINUATION, b"lo")];
    assert_eq!(decode_all(&fragments).0, [Message::Text("Hello".into())]);
    for len in [256, 65536] {
        let mut decoder = Decoder::new(1 << 20);
        let mut input = BytesMut::from(&ClientFrame::new(BINARY, &vec![9; len]).encode()[..]);
        let message = decoder.decode(&mut input).unwrap();
        assert_eq!(message, Some(Message::Binary(vec![9; len].into())));
    }
}

#[test]
fn a_server_is_not_sent_unmasked_frames() {
    let mut decoder = Decoder::new(1000);
    let mut input = BytesMut::from(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(decoder.decode(&mut input), Err(ProtocolError::Unmasked.into()));
}

#[test]
fn control_frames_may_come_between_fragments() {
    let (messages, end) = decode_all(&[
        ClientFrame::new(TEXT, b"a").more(),
        ClientFrame::new(PING, b"1"),
        ClientFrame::new(CONTINUATION, b"").more(),
        ClientFrame::new(PONG, b"2"),
        ClientFrame::new(CONTINUATION, b"b"),
    ]);
    let expected =
        [Message::Ping(payload(b"1")), Message::Pong(payload(b"2")), Message::Text("ab".into())];
    assert_eq!(messages, expected);
    assert_eq!(end, Ok(()));
}

#[test]
fn empty_messages_are_messages() {
    let (messages, _) = decode_all(&[
        ClientFrame::new(TEXT, b""),
        ClientFrame::new(BINARY, b"").more(),
        ClientFrame::new(CONTINUATION, b""),
    ]);
    assert_eq!(messages, [Message::Text("".into()), Message::Binary("".into())]);
}

#[test]
fn fragments_must_be_in_sequence() {
    let nothing = error_of(&[ClientFrame::new(CONTINUATION, b"x")]);
    assert_eq!(nothing, ProtocolError::ContinuationOfNothing.into());
    let after_whole =
        error_of(&[ClientFrame::new(TEXT, b"x"), ClientFrame::new(CONTINUATION, b"x")]);
    assert_eq!(after_whole, ProtocolError::ContinuationOfNothing.into());
    let inside = error_of(&[ClientFrame::new(TEXT, b"x").more(), ClientFrame::new(BINARY, b"x")]);
    assert_eq!(inside, ProtocolError::MessageInsideMessage.into());
}

#[test]
fn size_is_checked_when_the_header_is_seen_and_fragments_summed() {
    let too_big = Err(DecodeError::TooBig { limit_bytes: 1000 });
    let frame = ClientFrame::new(BINARY, &[0; 1001]).encode();
    assert_eq!(Decoder::new(1000).decode(&mut BytesMut::from(&frame[..8])), too_big);
    let mut decoder = Decoder::new(1000);
    let first = ClientFrame::new(BINARY, &[0; 600]).more().encode();
    assert_eq!(decoder.decode(&mut BytesMut::from(&first[..])), Ok(None));
    let second = ClientFrame::new(CONTINUATION, &[0; 401]).encode();
    assert_eq!(decoder.decode(&mut BytesMut::from(&second[..8])), too_big);
    let huge = [0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4];
    assert_eq!(Decoder::new(1000).decode(&mut BytesMut::from(&huge[..])), too_big);
    assert_eq!(Decoder::new(usize::MAX).decode(&mut BytesMut::from(&huge[..13])), Ok(None));
    // Exactly the limit passes, and control frames don't count.
    let frames = [ClientFrame::new(TEXT, &[b'x'; 1000]), ClientFrame::new(PING, &[0; 125])];
    assert_eq!(decode_all(&frames).0.len(), 2);
    let frame = ClientFrame::new(PING, &[0; 125]).encode();
    assert!(Decoder::new(1).decode(&mut BytesMut::from(&frame[..])).is_ok());
}

#[test]
fn a_wrong_length_is_found_at_its_last_byte_however_it_arrives() {
    let top_bit = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    let not_minimal = [0x82, 0xfe, 0, 125];
    for (start, error) in [
        (&top_bit[..], ProtocolError::LengthTopBit),
        (&not_minimal, ProtocolError::LengthNotMinimal),
    ] {
        for pieces in [&[][..], &[1]] {
            let decoded = decode_pieces(start, pieces, 1000);
            assert_eq!(decoded, (Vec::new(), Some(error.into())), "{pieces:?}");
        }
    }
}

#[test]
fn a_new_limit_counts_for_a_message_begun() {
    let frame = ClientFrame::new(TEXT, &[b'x'; 500]).encode();
    let mut decoder = Decoder::new(1000);
    assert_eq!(decoder.decode(&mut BytesMut::from(&frame[..100])), Ok(None));
    decoder.set_message_size_max(500);
    assert!(!decoder.is_idle());
    decoder.set_message_size_max(499);
    let too_big = Err(DecodeError::TooBig { limit_bytes: 499 });
    assert_eq!(decoder.decode(&mut BytesMut::from(&frame[100..])), too_big);
}

#[test]
fn text_is_checked_across_fragments_and_before_a_frame_is_whole() {
    let euro = "€".as_bytes();
    let whole =
        [ClientFrame::new(TEXT, &euro[..1]).more(), ClientFrame::new(CONTINUATION, &euro[1..])];
    assert_eq!(decode_all(&whole).0, [Message::Text("€".into())]);
    let cut = [ClientFrame::new(TEXT, &euro[..2])];
    assert_eq!(error_of(&cut), DecodeError::Utf8(Utf8Place::Text));
    // Autobahn 6.4.1 to 6.4.4: the offending byte is enough, in a fragment
    // or in a frame that isn't whole.
    let bad = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
    let fragment = ClientFrame::new(TEXT, &bad[..13]).more();
    assert_eq!(error_of(&[fragment]), DecodeError::Utf8(Utf8Place::Text));
    let frame = ClientFrame::new(TEXT, bad).encode();
    let mut decoder = Decoder::new(1000);
    assert_eq!(decoder.decode(&mut BytesMut::from(&frame[..6 + 12])), Ok(None));
    let error = DecodeError::Utf8(Utf8Place::Text);
    assert_eq!(decoder.decode(&mut BytesMut::from(&frame[6 + 12..6 + 13])), Err(error));
}

#[test]
fn nothing_counts_after_a_close() {
    let (messages, end) = decode_all(&[
        ClientFrame::new(CLOSE, b"\x03\xe8bye"),
        ClientFrame::new(TEXT, b"late"),
        ClientFrame::new(CONTINUATION, b"wrong"),
    ]);
    assert_eq!(messages, [Message::Close(Some(CloseFrame::new(1000, "bye").unwrap()))]);
    assert_eq!(end, Ok(()));
}

#[test]
fn close_payloads_are_checked() {
    assert_eq!(decode_all(&[ClientFrame::new(CLOSE, b"")]).0, [Message::Close(None)]);
    let one = error_of(&[ClientFrame::new(CLOSE, b"\x03")]);
    assert_eq!(one, ProtocolError::ClosePayloadOfOneByte.into());
    let code = error_of(&[ClientFrame::new(CLOSE, b"\x03\xee")]);
    assert_eq!(code.close_code().get(), 1002);
    let reason = error_of(&[ClientFrame::new(CLOSE, b"\x03\xe8\xff")]);
    assert_eq!(reason, DecodeError::Utf8(Utf8Place::CloseReason));
}

#[test]
fn an_error_is_for_ever() {
    let mut decoder = Decoder::new(1000);
    let error = Err(ProtocolError::ReservedBits.into());
    assert_eq!(decoder.decode(&mut BytesMut::from(&[0xf1, 0x80][..])), error);
    let mut good = BytesMut::from(&ClientFrame::new(TEXT, b"x").encode()[..]);
    assert_eq!(decoder.decode(&mut good), error);
    assert_eq!(decoder.payload_filled(), error);
    assert!(decoder.payload_space().is_none());
}

#[test]
fn between_messages_it_is_small_and_holds_nothing() {
    assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
    let mut decoder = Decoder::new(1000);
    let frame = ClientFrame::new(TEXT, b"hello").encode();
    for byte in &frame[..frame.len() - 1] {
        assert_eq!(decoder.decode(&mut BytesMut::from(&[*byte][..])), Ok(None));
        assert!(!decoder.is_idle());
    }
    let last = &frame[frame.len() - 1..];
    assert!(matches!(decoder.decode(&mut BytesMut::from(last)), Ok(Some(_))));
    assert!(decoder.is_idle());
    assert_eq!(decoder.decode(&mut BytesMut::new()), Ok(None));
    assert!(decoder.is_idle());
}

#[test]
fn big_payloads_are_read_in_place() {
    let text = "é".repeat(100_000);
    let frame = ClientFrame::new(TEXT, text.as_bytes()).encode();
    let (mut input, mut socket) = (BytesMut::from(&frame[..1000]), &frame[1000..]);
    let mut decoder = Decoder::new(1 << 20);
    let mut message = decoder.decode(&mut input).unwrap();
    while message.is_none() {
        if let Some(mut space) = decoder.payload_space() {
            let (read, rest) = socket.split_at(socket.len().min(space.remaining_mut()));
            space.put_slice(read);
            socket = rest;
            message = decoder.payload_filled().unwrap();
        } else {
            message = decoder.decode(&mut BytesMut::from(socket)).unwrap();
            socket = &[];
        }
    }
    assert_eq!(message, Some(Message::Text(text.into())));
    assert!(decoder.is_idle());
}
