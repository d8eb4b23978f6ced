//! zlib's side of it, and the rules of RFC 7692, 7.2.

use flate2::{Decompress, FlushDecompress};

use super::{
    super::{
        ControlPayload, DecodeError, Decoder, Encoder, Message, ProtocolError, SendQueue,
        SharedFrame, Utf8Place, encode_frame,
        testing::{
            BINARY, CONTINUATION, ClientFrame, Decoded, PING, TEXT, decode_pieces_by, payload,
        },
    },
    *,
};

mod properties;
mod receiving;
mod sending;

const SIZE_MAX: usize = 200_000;
const BAD: Option<DecodeError> = Some(DecodeError::Protocol(ProtocolError::Deflate));

/// Takeover both ways, windows of so many bits both ways, and no threshold.
fn options(bits: u8) -> DeflateOptions {
    let mut options = DeflateOptions::default();
    options.set_server_context_takeover(true);
    options.set_client_context_takeover(true);
    options.set_server_max_window_bits(bits).unwrap();
    options.set_client_max_window_bits(bits).unwrap();
    options.set_threshold_bytes(0);
    options
}

fn agreed(options: &DeflateOptions) -> Agreed {
    Agreed::to_offer([("client_max_window_bits", None)], options).unwrap()
}

fn takeover() -> Agreed {
    agreed(&options(15))
}

fn no_takeover() -> Agreed {
    let mut options = DeflateOptions::default();
    options.set_threshold_bytes(0);
    agreed(&options)
}

fn decode(agreed: &Agreed, frames: &[ClientFrame]) -> Decoded {
    let stream: Vec<u8> = frames.iter().flat_map(ClientFrame::encode).collect();
    decode_pieces_by(Decoder::with_deflate(SIZE_MAX, agreed), &stream, &[], SIZE_MAX)
}

fn compressed(opcode: u8, payload: &[u8]) -> ClientFrame {
    ClientFrame::new(opcode, payload).compressed()
}

/// What one message becomes.
fn sent(encoder: &mut Encoder, message: &Message) -> Vec<u8> {
    let mut queue = SendQueue::default();
    encoder.push(message, &mut queue);
    taken(&mut queue)
}

fn taken(queue: &mut SendQueue) -> Vec<u8> {
    let mut bytes = vec![0; queue.len_bytes()];
    bytes::Buf::copy_to_slice(queue, &mut bytes);
    bytes
}

/// The payload of a frame from the server, and whether it is compressed.
fn frame_payload(frame: &[u8]) -> (&[u8], bool) {
    let header_len = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    (&frame[header_len..], frame[0] & 0x40 != 0)
}

/// Another implementation's client, that takes the context over.
struct Client(Decompress);

impl Client {
    fn new() -> Self {
        Self(Decompress::new(false))
    }

    fn read(&mut self, frame: &[u8]) -> Vec<u8> {
        let (payload, is_compressed) = frame_payload(frame);
        if !is_compressed {
            return payload.to_vec();
        }
        let input = [payload, &TAIL].concat();
        let before = self.0.total_in();
        let mut output = Vec::with_capacity(1024);
        loop {
            let read = usize::try_from(self.0.total_in() - before).unwrap();
            if read == input.len() && output.len() < output.capacity() {
                return output;
            }
            output.reserve(1024);
            self.0.decompress_vec(&input[read..], &mut output, FlushDecompress::None).unwrap();
        }
    }
}

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

/// Bytes that don't compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
