//! What our messages become.

use std::thread;

use super::*;

#[test]
fn rfc_examples() {
    // Section 7.2.3, 1 and 2.
    let mut encoder = Encoder::new(Some(&takeover()));
    let hello = text("Hello");
    let alone = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(sent(&mut encoder, &hello), alone);
    assert_eq!(sent(&mut encoder, &hello), [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00]);
    encoder.reset();
    assert_eq!(sent(&mut encoder, &hello), alone);
}

#[test]
fn without_takeover_what_does_not_get_smaller_goes_as_it_is() {
    let mut encoder = Encoder::new(Some(&no_takeover()));
    assert_eq!(sent(&mut encoder, &text("Hello")), b"\x81\x05Hello");
    let noise = Message::Binary(noise(1000).into());
    assert!(!frame_payload(&sent(&mut encoder, &noise)).1);
    let zeros = Message::Binary(vec![0; 1000].into());
    let first = sent(&mut encoder, &zeros);
    assert!(first.len() < 30);
    assert_eq!(sent(&mut encoder, &zeros), first);
    let mut options = DeflateOptions::default();
    options.set_level(0).unwrap();
    let mut stored = Encoder::new(Some(&agreed(&options)));
    assert!(!frame_payload(&sent(&mut stored, &zeros)).1);
}

#[test]
fn what_is_short_or_empty_or_a_control_frame_goes_as_it_is() {
    let mut options = options(15);
    options.set_threshold_bytes(20);
    let mut encoder = Encoder::new(Some(&agreed(&options)));
    let is_compressed =
        |encoder: &mut Encoder, message: &Message| frame_payload(&sent(encoder, message)).1;
    assert!(!is_compressed(&mut encoder, &text(&"x".repeat(19))));
    assert!(is_compressed(&mut encoder, &text(&"x".repeat(20))));
    let mut encoder = Encoder::new(Some(&takeover()));
    assert!(!is_compressed(&mut encoder, &text("")));
    assert!(!is_compressed(&mut encoder, &Message::Ping(payload(b"xxxxxxxxxxxxxxxxxxxxx"))));
    assert!(!is_compressed(&mut encoder, &Message::Close(None)));
    assert!(!is_compressed(&mut Encoder::new(None), &text(&"x".repeat(1000))));
}

#[test]
fn compressing_can_be_switched_off_and_on() {
    let message = text(&"Hello".repeat(100));
    let mut encoder = Encoder::new(Some(&takeover()));
    let mut client = Client::new();
    for (enabled, is_compressed) in [(true, true), (false, false), (false, false), (true, true)] {
        encoder.set_compressing(enabled);
        let frame = sent(&mut encoder, &message);
        assert_eq!(frame_payload(&frame).1, is_compressed);
        assert_eq!(client.read(&frame), "Hello".repeat(100).as_bytes());
    }
    let mut never = Encoder::new(None);
    never.set_compressing(true);
    assert!(!frame_payload(&sent(&mut never, &message)).1);
}

#[test]
fn our_window_is_no_larger_than_agreed_on() {
    // The beginning comes again behind so much noise that only a larger window
    // reaches it: inside a message, and from one to the next.
    for bits in 9..15 {
        let noise = noise((1 << bits) + 200);
        let (begin, between) = noise.split_at(200);
        let inside = Message::Binary([begin, between, begin].concat().into());
        let [apart, again] =
            [[begin, between].concat(), begin.to_vec()].map(|bytes| Message::Binary(bytes.into()));
        let lens = |bits| {
            let mut encoder = Encoder::new(Some(&agreed(&options(bits))));
            let inside = sent(&mut encoder, &inside).len();
            encoder.reset();
            sent(&mut encoder, &apart);
            (inside, sent(&mut encoder, &again).len())
        };
        let (small, large) = (lens(bits), lens(bits + 1));
        assert!(small.0 > large.0 + 100, "{bits}: {small:?} {large:?}");
        assert!(small.1 > large.1 + 100, "{bits}: {small:?} {large:?}");
    }
}

#[test]
fn a_shared_frame_is_compressed_once_for_each_setting() {
    let frame = SharedFrame::new(text(&"Hello".repeat(1000)));
    let sent = |agreed: &Agreed| {
        let mut queue = SendQueue::default();
        Encoder::new(Some(agreed)).push_shared(&frame, &mut queue);
        taken(&mut queue)
    };
    let first = sent(&no_takeover());
    assert_eq!(Client::new().read(&first), "Hello".repeat(1000).as_bytes());
    // The window is the same, takeover is no part of the setting.
    assert_eq!(sent(&takeover()), first);
    let made = frame.compressed(no_takeover().setting).unwrap();
    assert_eq!(frame.clone().compressed(takeover().setting).unwrap().as_ptr(), made.as_ptr());
    for bits in 9..15 {
        assert!(frame_payload(&sent(&agreed(&options(bits)))).1);
    }
    // Too many settings: the eighth is the last.
    let mut options = options(15);
    for (level, is_compressed) in [(1, true), (2, false), (6, true)] {
        options.set_level(level).unwrap();
        assert_eq!(frame_payload(&sent(&agreed(&options))).1, is_compressed);
    }
}

#[test]
fn threads_make_a_shared_frame_together() {
    let frame = SharedFrame::new(Message::Binary(vec![7; 100_000].into()));
    let made: Vec<usize> = thread::scope(|scope| {
        let make = || frame.compressed(no_takeover().setting).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().as_ptr() as usize).collect()
    });
    assert!(made.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn a_shared_frame_that_does_not_get_smaller_goes_as_it_is() {
    let messages = [
        text("Hello"),
        text(""),
        Message::Ping(payload(b"Hello")),
        Message::Binary(noise(5000).into()),
    ];
    for message in messages {
        let mut queue = SendQueue::default();
        let mut encoder = Encoder::new(Some(&takeover()));
        encoder.push_shared(&message.clone().into(), &mut queue);
        assert_eq!(taken(&mut queue), encode_frame(&message));
    }
}

#[test]
fn a_connection_that_takes_over_can_send_shared_frames() {
    let hello = text(&"Hello".repeat(10));
    let shared = SharedFrame::new(text(&"Hallo".repeat(100)));
    let mut encoder = Encoder::new(Some(&takeover()));
    let mut client = Client::new();
    let first = sent(&mut encoder, &hello);
    client.read(&first);
    let mut queue = SendQueue::default();
    encoder.push_shared(&shared, &mut queue);
    assert_eq!(client.read(&taken(&mut queue)), "Hallo".repeat(100).as_bytes());
    // Our own context begins anew.
    let again = sent(&mut encoder, &hello);
    assert_eq!(again, first);
    assert_eq!(client.read(&again), "Hello".repeat(10).as_bytes());
    assert!(sent(&mut encoder, &hello).len() < first.len());
}
