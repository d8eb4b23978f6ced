//! Any message, setting and cut; against another implementation; garbage.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::{
    super::super::testing::{control_payload, data_message},
    *,
};

/// Any way to compress, with takeover or not.
fn any_options() -> impl Strategy<Value = DeflateOptions> {
    let strategy = prop_oneof![
        Just(DeflateStrategy::Default),
        Just(DeflateStrategy::Filtered),
        Just(DeflateStrategy::HuffmanOnly),
        Just(DeflateStrategy::Rle),
    ];
    (0_u8..=9, 1_u8..=9, strategy, 9_u8..=15, any::<bool>()).prop_map(
        |(level, mem_level, strategy, bits, takeover)| {
            let mut options = options(bits);
            options.set_level(level).unwrap();
            options.set_mem_level(mem_level).unwrap();
            options.set_strategy(strategy);
            options.set_server_context_takeover(takeover);
            options.set_client_context_takeover(takeover);
            options
        },
    )
}

/// Messages that are like each other, so that there is something to refer to,
/// from a few bytes to more than a window.
fn alike_messages() -> impl Strategy<Value = Vec<Message>> {
    let words = prop::collection::vec("[a-z0-9é€]{1,12}", 1..200);
    let picks = prop::collection::vec(
        prop_oneof![
            9 => prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            1 => prop::collection::vec(any::<prop::sample::Index>(), 0..4_000),
        ],
        1..12,
    );
    (words, picks).prop_map(|(words, picks)| {
        let say = |picks: Vec<prop::sample::Index>| -> String {
            picks.iter().map(|pick| pick.get(&words).as_str()).collect()
        };
        let message = |picks: Vec<_>| match picks.len() % 2 {
            0 => Message::Text(say(picks).into()),
            _ => Message::Binary(say(picks).into()),
        };
        picks.into_iter().map(message).collect()
    })
}

fn some_messages() -> impl Strategy<Value = Vec<Message>> {
    prop_oneof![alike_messages(), prop::collection::vec(data_message(70_000), 1..4)]
}

/// What a client does with the messages it sends.
#[derive(Clone, Debug)]
struct Habits {
    /// Which of them are compressed.
    compressed: Vec<bool>,
    /// Where they are cut into fragments.
    cuts: Vec<Vec<prop::sample::Index>>,
    ping: ControlPayload,
    /// The pieces that all arrives in.
    pieces: Vec<usize>,
}

fn habits() -> impl Strategy<Value = Habits> {
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    let pieces = prop_oneof![
        prop::collection::vec(1_usize..20, 1..20),
        prop::collection::vec(1_usize..50_000, 1..20),
    ];
    (
        prop::collection::vec(any::<bool>(), 1..8),
        prop::collection::vec(cuts, 1..8),
        control_payload(),
        pieces,
    )
        .prop_map(|(compressed, cuts, ping, pieces)| Habits { compressed, cuts, ping, pieces })
}

/// A client's stream: of each message its kind, its payload and whether that is
/// compressed, as fragments with pings between.
fn stream(messages: &[(u8, Vec<u8>, bool)], habits: &Habits) -> Vec<u8> {
    let mut stream = Vec::new();
    for ((opcode, payload, is_compressed), cuts) in messages.iter().zip(habits.cuts.iter().cycle())
    {
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        ends.sort_unstable();
        let mut begin = 0;
        let frame = |begin, end| {
            let opcode = if begin == 0 { *opcode } else { CONTINUATION };
            let frame = ClientFrame::new(opcode, &payload[begin..end]);
            if begin == 0 && *is_compressed { frame.compressed() } else { frame }
        };
        // No fragment is empty: `begin` tells the first one.
        ends.dedup();
        for end in ends.into_iter().filter(|end| *end > 0) {
            stream.extend(frame(begin, end).more().encode());
            stream.extend(ClientFrame::new(PING, &habits.ping).encode());
            begin = end;
        }
        stream.extend(frame(begin, payload.len()).encode());
    }
    stream
}

fn opcode_of(message: &Message) -> u8 {
    if matches!(message, Message::Text(_)) { TEXT } else { BINARY }
}

fn payload_of(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => unreachable!(),
    }
}

/// What comes of messages without the pings between.
fn without_pings((messages, error): Decoded) -> Decoded {
    let is_data = |message: &Message| !matches!(message, Message::Ping(_));
    (messages.into_iter().filter(is_data).collect(), error)
}

/// zlib's way to flush, by another implementation.
fn flushed(stream: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(payload.len() + 1024);
    let before = stream.total_in();
    loop {
        let read = usize::try_from(stream.total_in() - before).unwrap();
        stream.compress_vec(&payload[read..], &mut output, FlushCompress::Sync).unwrap();
        if output.len() < output.capacity() {
            break;
        }
        output.reserve(1024);
    }
    // It flushes nothing when nothing came.
    match output.strip_suffix(&TAIL) {
        Some(data) => data.to_vec(),
        None => vec![0],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_client_reads_what_we_write(
        options in any_options(),
        messages in some_messages(),
        shared in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let mut encoder = Encoder::new(Some(&agreed(&options)));
        let mut client = Client::new();
        for (message, is_shared) in messages.iter().zip(shared.iter().cycle()) {
            let mut queue = SendQueue::default();
            if *is_shared {
                encoder.push_shared(&message.clone().into(), &mut queue);
            } else {
                encoder.push(message, &mut queue);
            }
            let frame = taken(&mut queue);
            prop_assert_eq!(client.read(&frame), payload_of(message));
            // Fresh or not, the client's window holds it now.
            if !options.server_context_takeover {
                client = Client::new();
            }
        }
    }

    #[test]
    fn we_read_what_another_client_writes(
        messages in some_messages(),
        takeover in any::<bool>(),
        habits in habits(),
        level in 0_u32..=9,
    ) {
        let mut options = options(15);
        options.set_client_context_takeover(takeover);
        let mut client = Compress::new(Compression::new(level), false);
        let sent: Vec<_> = messages.iter().zip(habits.compressed.iter().cycle()).map(
            |(message, &is_compressed)| {
                if !takeover {
                    client.reset();
                }
                let payload = match is_compressed {
                    true => flushed(&mut client, payload_of(message)),
                    false => payload_of(message).to_vec(),
                };
                (opcode_of(message), payload, is_compressed)
            },
        ).collect();
        let decoder = Decoder::with_deflate(SIZE_MAX, &agreed(&options));
        let stream = stream(&sent, &habits);
        let decoded = decode_pieces_by(decoder, &stream, &habits.pieces, SIZE_MAX);
        prop_assert_eq!(without_pings(decoded), (messages, None));
    }

    #[test]
    fn we_read_what_we_write_with_every_window(
        messages in alike_messages(),
        options in any_options(),
        habits in habits(),
    ) {
        let agreed = agreed(&options);
        let mut encoder = Encoder::new(Some(&agreed));
        let sent: Vec<_> = messages.iter().map(|message| {
            let frame = sent(&mut encoder, message);
            let (payload, is_compressed) = frame_payload(&frame);
            (opcode_of(message), payload.to_vec(), is_compressed)
        }).collect();
        let decoder = Decoder::with_deflate(SIZE_MAX, &agreed);
        let stream = stream(&sent, &habits);
        let decoded = decode_pieces_by(decoder, &stream, &habits.pieces, SIZE_MAX);
        prop_assert_eq!(without_pings(decoded), (messages, None));
    }

    #[test]
    fn garbage_is_the_same_however_it_is_cut(
        messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..60), any::<bool>(), any::<bool>()),
            1..8,
        ),
        habits in habits(),
        size_max in 0_usize..5000,
        takeover in any::<bool>(),
    ) {
        let sent: Vec<_> = messages.into_iter().map(|(payload, is_text, is_compressed)| {
            (if is_text { TEXT } else { BINARY }, payload, is_compressed)
        }).collect();
        same_however_cut(&stream(&sent, &habits), &habits.pieces, size_max, takeover)?;
    }

    #[test]
    fn one_wrong_byte_is_the_same_however_it_is_cut(
        messages in alike_messages(),
        options in any_options(),
        habits in habits(),
        size_max in 0_usize..20_000,
        at: prop::sample::Index,
        bits: u8,
    ) {
        let mut encoder = Encoder::new(Some(&agreed(&options)));
        let sent: Vec<_> = messages.iter().map(|message| {
            let frame = sent(&mut encoder, message);
            let (payload, is_compressed) = frame_payload(&frame);
            (opcode_of(message), payload.to_vec(), is_compressed)
        }).collect();
        let mut stream = stream(&sent, &habits);
        let at = at.index(stream.len());
        stream[at] ^= bits;
        same_however_cut(&stream, &habits.pieces, size_max, options.client_context_takeover)?;
    }
}

/// Decodes a stream whole, in these pieces, and byte by byte.
fn same_however_cut(
    stream: &[u8],
    pieces: &[usize],
    size_max: usize,
    takeover: bool,
) -> Result<(), TestCaseError> {
    let agreed = if takeover { super::takeover() } else { no_takeover() };
    let decode = |pieces: &[usize]| {
        decode_pieces_by(Decoder::with_deflate(size_max, &agreed), stream, pieces, size_max)
    };
    let expected = decode(&[]);
    prop_assert_eq!(&decode(pieces), &expected);
    prop_assert_eq!(&decode(&[1]), &expected);
    Ok(())
}
