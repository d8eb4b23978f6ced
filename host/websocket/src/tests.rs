//! Properties of the whole: cut anywhere, against tungstenite, against garbage.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use tungstenite::{
    Message as TheirMessage, WebSocket,
    protocol::{CloseFrame as TheirCloseFrame, Role},
};

use super::{
    CloseCode, Message, SendQueue, encode_frame,
    encoder::frame_parts,
    header::{DataKind, Opcode},
    testing::{
        BINARY, CONTINUATION, ClientFrame, Decoded, PING, TEXT, close_message, control_payload,
        data_message, decode_pieces, message,
    },
};

const SIZE_MAX: usize = 200_000;

/// Bytes to read, and what was written.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite's client, with these bytes to read.
fn client(input: Vec<u8>) -> WebSocket<Pipe> {
    let pipe = Pipe { input: Cursor::new(input), output: Vec::new() };
    WebSocket::from_raw_socket(pipe, Role::Client, None)
}

fn theirs(message: &Message) -> TheirMessage {
    match message {
        Message::Text(text) => TheirMessage::Text(text.clone()),
        Message::Binary(bytes) => TheirMessage::Binary(bytes.clone()),
        Message::Ping(payload) => TheirMessage::Ping(payload.clone().into()),
        Message::Pong(payload) => TheirMessage::Pong(payload.clone().into()),
        Message::Close(frame) => TheirMessage::Close(frame.as_ref().map(|frame| TheirCloseFrame {
            code: frame.code().get().into(),
            reason: frame.reason().clone(),
        })),
    }
}

fn closes_by_1014(message: &Message) -> bool {
    matches!(message, Message::Close(Some(frame)) if frame.code() == CloseCode::BAD_GATEWAY)
}

/// A data message as fragments, cut at the places given, a ping after each.
fn fragments(message: &Message, cuts: &[prop::sample::Index], key: [u8; 4]) -> Vec<u8> {
    let (opcode, payload) = frame_parts(message);
    let mut opcode = match opcode {
        Opcode::Data(DataKind::Text) => TEXT,
        _ => BINARY,
    };
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
    ends.sort_unstable();
    let mut stream = Vec::new();
    let mut begin = 0;
    for end in ends {
        let frame = ClientFrame::new(opcode, &payload[begin..end]).more().masked_by(key);
        stream.extend(frame.encode());
        stream.extend(ClientFrame::new(PING, b"p").encode());
        (begin, opcode) = (end, CONTINUATION);
    }
    stream.extend(ClientFrame::new(opcode, &payload[begin..]).masked_by(key).encode());
    stream
}

fn whole(stream: &[u8]) -> Decoded {
    decode_pieces(stream, &[], SIZE_MAX)
}

/// Lengths of the pieces that a stream arrives in.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        prop::collection::vec(1_usize..20, 1..20),
        prop::collection::vec(1_usize..5_000, 1..20),
        prop::collection::vec(1_usize..100_000, 1..20),
    ]
}

/// Bytes that look like frames, more or less.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![Just(TEXT), Just(BINARY), Just(CONTINUATION), 0_u8..16];
    let frame = (opcode, prop::collection::vec(any::<u8>(), 0..300), any::<bool>(), any::<u8>())
        .prop_map(|(opcode, payload, fin, noise)| {
            let frame = ClientFrame::new(opcode, &payload);
            let mut bytes = if fin { frame.encode() } else { frame.more().encode() };
            if noise < 32 {
                let at = usize::from(noise) % bytes.len();
                bytes[at] ^= noise;
            }
            bytes
        });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(frame, 0..10).prop_map(|frames| frames.concat()),
    ]
}

proptest! {
    #[test]
    fn we_read_what_their_client_writes(
        messages in prop::collection::vec(
            prop_oneof![
                data_message(50_000),
                control_payload().prop_map(Message::Ping),
                control_payload().prop_map(Message::Pong),
            ],
            0..5,
        ),
        close in close_message(),
        pieces in pieces(),
    ) {
        let mut client = client(Vec::new());
        let messages: Vec<_> = messages.into_iter().chain([close]).collect();
        for message in &messages {
            client.write(theirs(message)).unwrap();
        }
        client.flush().unwrap();
        let stream = &client.get_ref().output;
        prop_assert_eq!(decode_pieces(stream, &pieces, SIZE_MAX), (messages, None));
    }

    #[test]
    fn their_client_reads_what_we_write(
        messages in prop::collection::vec(message(70_000), 0..5),
    ) {
        // tungstenite takes 1014 for a code that may not be sent.
        prop_assume!(!messages.iter().any(closes_by_1014));
        let mut queue = SendQueue::default();
        for message in &messages {
            queue.push(message);
        }
        let mut stream = vec![0; queue.len_bytes()];
        bytes::Buf::copy_to_slice(&mut queue, &mut stream);
        let frames: Vec<_> = messages.iter().map(encode_frame).collect();
        prop_assert_eq!(&stream, &frames.concat());

        let mut client = client(stream);
        for message in &messages {
            prop_assert_eq!(client.read().unwrap(), theirs(message));
            if matches!(message, Message::Close(_)) {
                break;
            }
        }
    }

    #[test]
    fn fragments_make_the_message(
        message in data_message(50_000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        key: [u8; 4],
        pieces in pieces(),
    ) {
        let stream = fragments(&message, &cuts, key);
        let (mut messages, error) = decode_pieces(&stream, &pieces, SIZE_MAX);
        prop_assert_eq!(messages.pop(), Some(message));
        prop_assert_eq!(messages.len(), cuts.len());
        prop_assert_eq!(error, None);
    }

    #[test]
    fn garbage_is_the_same_however_it_is_cut(
        stream in garbage(),
        pieces in pieces(),
        size_max in 0_usize..1000,
    ) {
        let expected = decode_pieces(&stream, &[], size_max);
        prop_assert_eq!(decode_pieces(&stream, &pieces, size_max), expected.clone());
        prop_assert_eq!(decode_pieces(&stream, &[1], size_max), expected);
    }

    #[test]
    fn one_wrong_byte_is_the_same_however_it_is_cut(
        message in data_message(200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        at: prop::sample::Index,
        bits: u8,
        pieces in pieces(),
    ) {
        let mut stream = fragments(&message, &cuts, [1, 2, 3, 4]);
        let at = at.index(stream.len());
        stream[at] ^= bits;
        prop_assert_eq!(decode_pieces(&stream, &pieces, SIZE_MAX), whole(&stream));
    }
}
