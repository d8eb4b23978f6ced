//! However a stream is cut, the same messages and the same verdict come of it,
//! and no more memory is taken than the limit on a message allows.
//!
//! Input: how (1: with permessage-deflate, 2: its context taken over, 4: frames
//! as in `frames_of`, not raw), the client's window, the limit in 16 bytes (two
//! bytes), the number of pieces, their lengths, the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use wshost_fuzz::{Input, decode_pieces, decode_whole, frames_of};
use wshost_websocket::{Agreed, Decoder, DeflateOptions};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Beside a message, which is moved when it grows: zlib's state and the window
/// (about 100 KiB), what is first reserved for a length (64 KiB), a piece.
const BESIDE_BYTES: usize = 256 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let how = input.byte();
    let window_bits = 9 + input.byte() % 7;
    let size_max = usize::from(u16::from_be_bytes([input.byte(), input.byte()])) << 4;
    let pieces = usize::from(input.byte() % 8);
    let pieces: Vec<usize> =
        input.bytes(pieces).iter().map(|&len| usize::from(len) + 1).chain([1]).collect();
    let stream = if how & 4 == 0 { input.rest().to_vec() } else { frames_of(&mut input) };

    let decoder = || match how & 1 {
        0 => Decoder::new(size_max),
        _ => Decoder::with_deflate(size_max, &agreed(window_bits, how & 2 != 0)),
    };
    let (expected, error) = decode_whole(decoder(), &stream);
    assert!(expected.iter().all(|message| message.len_bytes() <= size_max.max(125)));

    let mut left = expected.iter();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let error_of_pieces = decode_pieces(decoder(), &stream, &pieces, |message| {
        assert_eq!(Some(&message), left.next());
    });
    let used = MEMORY.peak_usage() - before;
    assert!(used <= 2 * size_max + BESIDE_BYTES, "{used} bytes for messages of {size_max}");
    assert_eq!((left.next(), error_of_pieces), (None, error));
});

fn agreed(client_window_bits: u8, takeover: bool) -> Agreed {
    let mut options = DeflateOptions::default();
    options.set_client_context_takeover(takeover);
    options.set_client_max_window_bits(client_window_bits).expect("9 to 15");
    Agreed::to_offer([("client_max_window_bits", None)], &options).expect("a valid offer")
}
