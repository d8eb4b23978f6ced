//! A stream given to a decoder.

use bytes::{BufMut as _, BytesMut};
use wshost_websocket::{DecodeError, Decoder, Message};

/// The messages of a stream, and the error at its end.
pub type Decoded = (Vec<Message>, Option<DecodeError>);

/// What comes of a stream that arrives at once.
pub fn decode_whole(decoder: Decoder, stream: &[u8]) -> Decoded {
    let mut messages = Vec::new();
    let error = decode_pieces(decoder, stream, &[], |message| messages.push(message));
    (messages, error)
}

/// Decodes a stream that arrives in pieces of these lengths, over and over;
/// without any, at once. Where the decoder lends room, every other piece is put
/// there. Returns the error at its end.
///
/// # Panics
/// If the decoder leaves input behind, or takes back an error.
pub fn decode_pieces(
    mut decoder: Decoder,
    mut stream: &[u8],
    lengths: &[usize],
    mut take: impl FnMut(Message),
) -> Option<DecodeError> {
    let mut lengths = lengths.iter().cycle();
    while !stream.is_empty() {
        let len = lengths.next().map_or(stream.len(), |&len| len.clamp(1, stream.len()));
        match arrive(&mut decoder, &stream[..len], &mut take) {
            Ok(taken) => stream = &stream[taken..],
            Err(error) => {
                assert_eq!(decoder.decode(&mut BytesMut::from(stream)), Err(error));
                return Some(error);
            }
        }
    }
    None
}

/// Gives the decoder bytes, and says how many it took.
fn arrive(
    decoder: &mut Decoder,
    bytes: &[u8],
    take: &mut impl FnMut(Message),
) -> Result<usize, DecodeError> {
    if bytes.len().is_multiple_of(2)
        && let Some(mut space) = decoder.payload_space()
    {
        let taken = bytes.len().min(space.remaining_mut());
        space.put_slice(&bytes[..taken]);
        decoder.payload_filled()?.map(take);
        return Ok(taken);
    }
    let mut input = BytesMut::from(bytes);
    while let Some(message) = decoder.decode(&mut input)? {
        take(message);
    }
    assert!(input.is_empty(), "it asks for more, and has not taken all");
    Ok(bytes.len())
}
