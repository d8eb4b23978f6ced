//! What a member does with what it hears, and when it speaks by itself.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use async_nats::{Message, SubscribeError, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    FROM,
    member::{HEARTBEAT, Inside, Member},
    packet::{Note, Packet, Said},
    roster::Heard,
    wire::{Malformed, Wire},
};
use crate::messaging::{Hub, NodeId, Publication};

/// Takes part until the plugin isn't served any more.
pub(super) async fn run(member: Arc<Member>) {
    let client = &member.cluster.client;
    let node = client.subscribe(member.subjects.node(member.node())).await;
    let nodes = client.subscribe(member.subjects.nodes()).await;
    let topics = client.subscribe(member.subjects.topics()).await;
    match subscribed(node, nodes, topics) {
        Ok((node, nodes, topics)) => {
            let mut reader = JoinSet::new();
            reader.spawn(read_topics(member.clone(), topics));
            hear(&member, node, nodes).await;
        }
        Err(error) => tracing::error!("can't subscribe to {:?}: {error}", member.subjects),
    }
    member.bye();
}

type Subscribed = Result<Subscriber, SubscribeError>;

fn subscribed(
    node: Subscribed,
    nodes: Subscribed,
    topics: Subscribed,
) -> Result<(Subscriber, Subscriber, Subscriber), SubscribeError> {
    Ok((node?, nodes?, topics?))
}

/// Gives this node's subscribers what is published elsewhere.
async fn read_topics(member: Arc<Member>, mut topics: Subscriber) {
    while let Some(message) = topics.next().await {
        let Some(hub) = member.hub.upgrade() else { return };
        member.cluster.counts.received.fetch_add(1, Relaxed);
        match member.publication(message) {
            Ok(publication) => _ = hub.publish_here(&publication).await,
            Err(malformed) => member.cluster.say_malformed(malformed),
        }
    }
}

async fn hear(member: &Arc<Member>, mut node: Subscriber, mut nodes: Subscriber) {
    let mut connections = member.cluster.connections.clone();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Letters first: what a node says to all tells how many there were before.
        let next = tokio::select! {
            biased;
            Some(message) = node.next() => Next::Note(message.payload),
            Some(message) = nodes.next() => Next::Said(message.payload),
            _ = heartbeat.tick() => Next::Beat,
            Ok(()) = connections.changed() => Next::Connection,
            else => return,
        };
        let Some(hub) = member.hub.upgrade() else { return };
        match next {
            Next::Note(payload) => member.read(payload, |packet| member.hear_note(&hub, packet)),
            Next::Said(payload) => {
                let mut heard = None;
                member.read(payload, |packet| heard = Some(member.hear_said(packet)));
                if let Some((from, heard)) = heard {
                    member.follow(&hub, from, heard).await;
                }
            }
            Next::Beat => member.beat(&hub).await,
            Next::Connection => member.look(&mut connections),
        }
    }
}

enum Next {
    Note(Bytes),
    Said(Bytes),
    Beat,
    /// To NATS.
    Connection,
}

impl Member {
    fn publication(&self, message: Message) -> Result<Publication, Malformed> {
        let from = match message.headers.as_ref().and_then(|headers| headers.get(FROM)) {
            Some(from) => Some(from.as_str().parse().map_err(|_| Malformed)?),
            None => None,
        };
        let (topic, content) =
            self.subjects.read(&message.subject, message.payload).ok_or(Malformed)?;
        Ok(Publication { topic, from, to_self: true, content })
    }

    fn read<T: Wire>(&self, payload: Bytes, take: impl FnOnce(Packet<T>)) {
        self.cluster.counts.received.fetch_add(1, Relaxed);
        match Packet::decode(payload) {
            Ok(packet) => take(packet),
            Err(malformed) => self.cluster.say_malformed(malformed),
        }
    }

    fn hear_note(self: &Arc<Self>, hub: &Hub, packet: Packet<Note>) {
        let Packet { from, number, says } = packet;
        let mut inside = self.lock();
        let is_lost = inside.roster.hear_note(from, number, Instant::now());
        if is_lost {
            self.tell(&mut inside, from, Note::Missed { facts: false, letters: true });
        }
        if let Note::Answer { name, id, granted } = &says {
            inside.roster.answered(from, name, *id, *granted);
        }
        drop(inside);
        match says {
            Note::Letter { letter } => hub.receive(letter),
            Note::Missed { facts, letters } => {
                if facts {
                    self.tell_facts();
                }
                if letters {
                    hub.recheck(from);
                }
            }
            Note::Answer { .. } => {}
        }
        if is_lost {
            hub.recheck(from);
        }
    }

    /// Answers what a node told all, and returns what else follows.
    fn hear_said(&self, packet: Packet<Said>) -> (NodeId, Heard) {
        let from = packet.from;
        let mut inside = self.lock();
        let mut heard = inside.roster.hear(packet, Instant::now());
        for note in std::mem::take(&mut heard.notes) {
            self.tell(&mut inside, from, note);
        }
        if heard.says_here {
            self.say_here(&mut inside, false);
        }
        (from, heard)
    }

    async fn follow(&self, hub: &Hub, from: NodeId, heard: Heard) {
        for (name, id) in heard.names_lost {
            tracing::warn!(%name, %id, "another node has given this name to another connection");
            self.cluster.counts.names_lost.fetch_add(1, Relaxed);
            hub.unregister(id, &name);
        }
        if heard.letters_lost {
            hub.recheck(from);
        }
        for change in heard.changes {
            hub.present_elsewhere(change).await;
        }
        if heard.is_gone {
            hub.lost(from).await;
        }
    }

    /// Says that this node is here, and looks who isn't any more.
    async fn beat(&self, hub: &Hub) {
        let silent = {
            let mut inside = self.lock();
            let Some(connected) = inside.connected.filter(|_| self.cluster.is_connected()) else {
                return;
            };
            self.say_here(&mut inside, false);
            let silent = inside.roster.silent(connected, Instant::now());
            silent.into_iter().filter(|node| inside.roster.lose(*node)).collect::<Vec<_>>()
        };
        for node in silent {
            tracing::warn!(%node, "nothing is heard of this node any more");
            hub.lost(node).await;
        }
    }

    /// NATS has come or gone.
    fn look(&self, connections: &mut watch::Receiver<bool>) {
        let is_connected = *connections.borrow_and_update();
        let mut inside = self.lock();
        inside.connected = is_connected.then(Instant::now);
        if is_connected {
            self.say_here(&mut inside, true);
        }
    }

    fn say_here(&self, inside: &mut Inside, hello: bool) {
        if inside.connected.is_none() {
            return;
        }
        let here = inside.roster.say_here(hello);
        self.say(&here);
    }

    pub(super) fn bye(&self) {
        let mut inside = self.lock();
        // So that nothing is said after it.
        inside.connected = None;
        let bye = inside.roster.say(Said::Bye {});
        self.say(&bye);
    }
}
