use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::messaging::{NoAnswer, Present, Watch};

fn text() -> impl Strategy<Value = Arc<str>> {
    ".{0,20}".prop_map(Arc::from)
}

fn id() -> impl Strategy<Value = ConnectionId> {
    any::<u128>().prop_map(ConnectionId::from)
}

fn node() -> impl Strategy<Value = NodeId> {
    any::<u32>().prop_map(NodeId::from_bits)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn fact() -> impl Strategy<Value = Fact> {
    let present = (text(), id(), option::of(text()), ".{0,20}");
    prop_oneof![
        (text(), id(), any::<bool>()).prop_map(|(name, id, is_granted)| Fact::Name {
            name,
            id,
            is_granted
        }),
        present.prop_map(|(topic, id, name, metadata)| {
            Fact::Present(topic, Arc::new(Present { id, name, metadata: metadata.into() }))
        }),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let key = || fact().prop_map(|fact| fact.key());
    prop_oneof![
        (any::<bool>(), any::<u64>()).prop_map(|(hello, unsent)| Said::Here { hello, unsent }),
        fact().prop_map(|fact| Said::Fact { fact }),
        key().prop_map(|key| Said::Past { key }),
        (option::of(key()), vec(fact(), 0..5), any::<bool>())
            .prop_map(|(after, facts, is_end)| Said::Part { after, facts, is_end }),
        (text(), id()).prop_map(|(name, id)| Said::Claim { name, id }),
    ]
}

fn letter() -> impl Strategy<Value = Letter> {
    let no_answer = || {
        prop_oneof![Just(NoAnswer::Timeout), Just(NoAnswer::NoConnection), Just(NoAnswer::NoRoom)]
    };
    prop_oneof![
        (id(), id(), bytes()).prop_map(|(from, to, payload)| Letter::Direct { from, to, payload }),
        (id(), id()).prop_map(|(by, of)| Letter::Monitor { by, of }),
        (id(), id(), any::<u64>(), bytes()).prop_map(|(from, to, call, payload)| Letter::Call {
            from,
            to,
            call,
            payload
        }),
        (id(), id(), any::<Option<u64>>())
            .prop_map(|(of, by, call)| Letter::Unwatch { of, watch: Watch { by, call } }),
        (id(), id(), any::<u64>(), bytes(), option::of(no_answer())).prop_map(
            |(from, to, call, payload, none)| {
                let answer = none.map_or(Ok(payload), Err);
                Letter::Reply { from, to, call, answer }
            }
        ),
        (id(), id(), text()).prop_map(|(of, to, reason)| Letter::Down { of, to, reason }),
    ]
}

fn note() -> impl Strategy<Value = Note> {
    prop_oneof![
        letter().prop_map(|letter| Note::Letter { letter }),
        any::<(bool, bool)>().prop_map(|(facts, letters)| Note::Missed { facts, letters }),
        (text(), id(), any::<bool>()).prop_map(|(name, id, granted)| Note::Answer {
            name,
            id,
            granted
        }),
        Just(Note::Last {}),
        Just(Note::Bye {}),
    ]
}

proptest! {
    #[test]
    fn what_is_said_comes_back(from in node(), number: u64, says in said()) {
        let packet = Packet { from, number, says };
        prop_assert_eq!(Packet::decode(packet.encode()), Ok(packet));
    }

    #[test]
    fn what_is_told_comes_back(from in node(), number: u64, says in note()) {
        let packet = Packet { from, number, says };
        let encoded = packet.encode();
        let decoded = Packet::<Note>::decode(encoded.clone()).unwrap();
        prop_assert_eq!(decoded.encode(), encoded);
        prop_assert_eq!(format!("{decoded:?}"), format!("{packet:?}"));
    }

    #[test]
    fn a_part_of_it_is_malformed(says in said(), cut: prop::sample::Index) {
        let encoded = Packet { from: NodeId::from_bits(1), number: 1, says }.encode();
        let part = encoded.slice(..cut.index(encoded.len()));
        prop_assert_eq!(Packet::<Said>::decode(part), Err(Malformed));
    }

    #[test]
    fn no_bytes_do_harm(mut bytes in vec(any::<u8>(), 0..200), as_first: bool) {
        if let (true, Some(first)) = (as_first, bytes.first_mut()) {
            *first = VERSION;
        }
        let bytes = Bytes::from(bytes);
        if let Ok(packet) = Packet::<Said>::decode(bytes.clone()) {
            prop_assert_eq!(packet.encode(), bytes.clone());
        }
        let _ = Packet::<Note>::decode(bytes);
    }
}

#[test]
fn another_version_is_not_read() {
    let packet = Packet { from: NodeId::from_bits(1), number: 1, says: Note::Bye {} };
    let mut bytes = packet.encode().to_vec();
    bytes[0] += 1;
    assert_eq!(Packet::<Said>::decode(bytes.into()), Err(Malformed));
}

#[test]
fn there_is_room_for_what_stands_around_a_payload() {
    let (from, to) = (ConnectionId::random(), ConnectionId::random());
    let (call, payload) = (u64::MAX, Bytes::from_static(&[0; 1000]));
    for letter in [
        Letter::Direct { from, to, payload: payload.clone() },
        Letter::Call { from, to, call, payload: payload.clone() },
        Letter::Reply { from, to, call, answer: Ok(payload.clone()) },
    ] {
        let says = Note::Letter { letter };
        let packet = Packet { from: to.node(), number: u64::MAX, says }.encode();
        assert!(packet.len() <= payload.len() + HEAD_BYTES, "{}", packet.len());
    }
}
