//! Frames as bytes.

use crate::Input;

/// The key of every frame made here. With zeros, a payload in the input is what
/// the decoder sees, and what the fuzzer compares is in the input.
const KEY: [u8; 4] = [0; 4];

/// A masked frame with this first byte, its length in the fewest bytes.
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u64::try_from(payload.len()).expect("a slice's length fits") {
        len @ 0..126 => frame.push(0x80 | len.to_be_bytes()[7]),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend(&len.to_be_bytes()[6..]);
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload);
    frame
}

/// Makes frames of what is left: a first byte, a length of one byte, a payload,
/// and so on. The fuzzer needs not get their lengths right.
pub fn frames_of(input: &mut Input<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !input.is_empty() {
        let (first, len) = (input.byte(), input.byte());
        stream.extend(client_frame(first, input.bytes(len.into())));
    }
    stream
}

/// The first byte and the payload of each frame that a server has sent.
///
/// # Panics
/// If they aren't whole, unmasked frames.
pub fn sent_frames(mut stream: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [first, len @ 0..128, rest @ ..] = stream {
        let len_bytes = match len {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let (long, rest) = rest.split_at(len_bytes);
        let long = long.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if len_bytes == 0 { usize::from(*len) } else { long };
        let (payload, rest) = rest.split_at(len);
        frames.push((*first, payload));
        stream = rest;
    }
    assert!(stream.is_empty(), "no unmasked frame: {stream:x?}");
    frames
}
