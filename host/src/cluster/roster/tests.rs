//! Several rosters, and what they tell each other, carried by hand.

use super::*;
use crate::messaging::Present;

/// The lower node's ids are the lower ones.
fn rosters<const N: usize>() -> [Roster; N] {
    let mut node = 0;
    [(); N].map(|()| {
        node += 1;
        Roster::new(NodeId::from_bits(node))
    })
}

fn present(of: &Roster, metadata: &str) -> Fact {
    let id = ConnectionId::of(of.node);
    let present = Present { id, name: None, metadata: metadata.into() };
    Fact::Present("t".into(), Arc::new(present))
}

/// Has all others hear it, and the answers heard in turn. Returns what changed.
fn broadcast(rosters: &mut [Roster], packet: &Packet<Said>) -> Vec<Attendance> {
    let now = Instant::now();
    let mut changes = Vec::new();
    let mut answers = Vec::new();
    for roster in rosters.iter_mut().filter(|roster| roster.node != packet.from) {
        let heard = roster.hear(packet.clone(), now);
        changes.extend(heard.changes);
        answers.extend(heard.notes.into_iter().map(|note| (roster.node, note)));
    }
    let from = rosters.iter_mut().find(|roster| roster.node == packet.from).unwrap();
    for (node, note) in answers {
        match note {
            Note::Answer { name, id, granted } => from.answered(node, &name, id, granted),
            Note::Missed { facts: true, .. } => {
                let (part, rest) = from.part(None);
                assert_eq!(rest, None);
                changes.extend(broadcast(rosters, &part));
                return changes;
            }
            other => panic!("{other:?}"),
        }
    }
    changes
}

/// Has all know each other.
fn meet(rosters: &mut [Roster]) {
    for at in 0..rosters.len() {
        let here = rosters[at].say_here(true);
        broadcast(rosters, &here);
    }
}

#[test]
fn what_one_tells_all_know() {
    let mut rosters = rosters::<3>();
    meet(&mut rosters);
    let fact = rosters[0].add(present(&Roster::new(NodeId::from_bits(1)), "x"));
    assert_eq!(broadcast(&mut rosters, &fact).len(), 2);
    // Nothing is new to those that know it.
    let (part, _) = rosters[0].part(None);
    assert!(broadcast(&mut rosters, &part).is_empty());
    let Said::Fact { fact } = fact.says else { unreachable!() };
    let past = rosters[0].remove(fact.key()).unwrap();
    assert_eq!(broadcast(&mut rosters, &past).len(), 2);
    assert!(rosters[0].remove(fact.key()).is_none());
}

#[test]
fn what_was_lost_is_asked_for() {
    let mut rosters = rosters::<2>();
    meet(&mut rosters);
    let node = Roster::new(NodeId::from_bits(1));
    let lost = rosters[0].add(present(&node, "lost"));
    drop(lost);
    let here = rosters[0].say_here(false);
    assert_eq!(broadcast(&mut rosters, &here).len(), 1);
}

#[test]
fn parts_tell_all() {
    let mut roster = Roster::new(NodeId::from_bits(1));
    let metadata = "x".repeat(1000);
    for _ in 0..100 {
        let fact = present(&roster, &metadata);
        roster.add(fact);
    }
    let (mut after, mut facts, mut parts) = (None, 0, 0);
    loop {
        let (part, last) = roster.part(after.clone());
        let Said::Part { after: begin, facts: some, is_end } = part.says else { unreachable!() };
        assert_eq!((begin, is_end), (after, last.is_none()));
        (facts, parts) = (facts + some.len(), parts + 1);
        if last.is_none() {
            break;
        }
        after = last;
    }
    assert_eq!((facts, parts), (100, 4));
}

fn name() -> Arc<str> {
    "ann".into()
}

#[test]
fn a_name_is_granted_once_all_have_answered() {
    let mut rosters = rosters::<3>();
    meet(&mut rosters);
    let id = ConnectionId::of(rosters[1].node);
    let (claim, mut answer) = rosters[1].claim(&name(), id).unwrap();
    assert!(answer.try_recv().is_err());
    broadcast(&mut rosters, &claim);
    assert_eq!(answer.try_recv(), Ok(true));
    assert!(rosters.iter().filter(|roster| roster.holder(&name()) == Some(id)).count() == 2);
    let other = ConnectionId::of(rosters[0].node);
    assert!(rosters[0].claim(&name(), other).is_none());
    let release = rosters[1].release(&name(), id).unwrap();
    broadcast(&mut rosters, &release);
    assert!(rosters[0].claim(&name(), other).is_some());
}

#[test]
fn of_two_that_claim_at_once_one_gets_it() {
    let mut rosters = rosters::<3>();
    meet(&mut rosters);
    let ids = [0, 1].map(|at: usize| ConnectionId::of(rosters[at].node));
    let (high, mut high_answer) = rosters[1].claim(&name(), ids[1]).unwrap();
    let (low, mut low_answer) = rosters[0].claim(&name(), ids[0]).unwrap();
    broadcast(&mut rosters, &high);
    broadcast(&mut rosters, &low);
    assert_eq!((low_answer.try_recv(), high_answer.try_recv()), (Ok(true), Ok(false)));
    let release = rosters[1].release(&name(), ids[1]).unwrap();
    broadcast(&mut rosters, &release);
    assert_eq!(rosters[2].holder(&name()), Some(ids[0]));
}

#[test]
fn a_node_that_goes_is_not_waited_for() {
    let mut rosters = rosters::<2>();
    meet(&mut rosters);
    let id = ConnectionId::of(rosters[0].node);
    let (_, mut answer) = rosters[0].claim(&name(), id).unwrap();
    let gone = rosters[1].node;
    assert!(rosters[0].lose(gone) && !rosters[0].lose(gone));
    assert_eq!(answer.try_recv(), Ok(true));
}

#[test]
fn of_two_that_have_a_name_the_higher_loses_it() {
    let mut rosters = rosters::<2>();
    // They don't know each other.
    let ids = [0, 1].map(|at: usize| ConnectionId::of(rosters[at].node));
    for (roster, id) in rosters.iter_mut().zip(ids) {
        let (_, mut answer) = roster.claim(&name(), id).unwrap();
        assert_eq!(answer.try_recv(), Ok(true));
    }
    let now = Instant::now();
    let [low, high] = &mut rosters;
    assert!(low.hear(high.part(None).0, now).names_lost.is_empty());
    assert_eq!(high.hear(low.part(None).0, now).names_lost, [(name(), ids[1])]);
}

#[test]
fn who_is_silent_is_dead_if_it_could_be_heard() {
    let mut rosters = rosters::<2>();
    meet(&mut rosters);
    let [one, other] = &rosters;
    let (now, later) = (Instant::now(), Instant::now() + LOST_AFTER);
    assert!(one.silent(now, now).is_empty());
    assert_eq!(one.silent(now, later), [other.node]);
    assert!(one.silent(later, later).is_empty());
}

#[test]
fn what_nodes_that_there_are_not_were_told_is_forgotten() {
    let mut rosters = rosters::<2>();
    let [one, other] = &mut rosters;
    let (now, nobody) = (Instant::now(), NodeId::from_bits(3));
    for to in [nobody, other.node] {
        let first = one.tell(to, Note::Last {});
        assert_eq!(first.number, 1);
    }
    one.hear(other.say_here(true), now);
    assert_eq!(one.forget_strangers(), BTreeSet::from([nobody]));
    assert!(one.forget_strangers().is_empty());
    assert_eq!(one.told, BTreeMap::from([(other.node, 1)]));
    assert_eq!(one.lasts().len(), 1);
}

#[test]
fn what_one_could_not_publish_others_know_of() {
    let mut rosters = rosters::<2>();
    meet(&mut rosters);
    let [one, other] = &mut rosters;
    let now = Instant::now();
    assert!(!other.hear(one.say_here(false), now).is_unsent);
    one.has_not_sent();
    assert!(other.hear(one.say_here(false), now).is_unsent);
    assert!(!other.hear(one.say_here(false), now).is_unsent);
}
