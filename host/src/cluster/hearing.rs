//! What a member does with what it hears.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use anyhow::Result;
use async_nats::Message;
use bytes::Bytes;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    FROM, LEAVE_TIMEOUT, Link,
    contact::HEARTBEAT,
    intake::{Came, Intake},
    member::{Life, Member},
    packet::{Note, Packet, Said},
    roster::Heard,
    subjects::By,
    wire::{Malformed, Wire},
};
use crate::messaging::{Hub, Publication, Remote as _};

/// Takes part until the plugin isn't served any more; but not before the one who did so
/// until now has gone, as both are the same node to others.
pub(super) async fn run(member: Arc<Member>, before: Option<watch::Receiver<Life>>) {
    if let Some(mut before) = before {
        // Fails where it has gone altogether.
        let _ = before.wait_for(|life| *life == Life::Gone).await;
    }
    if let Err(error) = take_part(&member).await {
        tracing::error!(plugin = %member.plugin, "can't subscribe in NATS: {error}");
    }
    member.leave();
    if member.is_reachable() {
        // Others notice by themselves, if later.
        let _ = timeout(LEAVE_TIMEOUT, member.outbox.flush()).await;
    }
    member.life.send_replace(Life::Gone);
}

async fn take_part(member: &Arc<Member>) -> Result<()> {
    // What all are told goes first, as it does where it is sent: a name is free by the
    // time that the end of its connection is told.
    let [nodes, node] = [member.subjects.nodes(), member.subjects.node(member.node())];
    let told = member.cluster.intake(nodes, node).await?;
    let [nodes, others] = [member.subjects.published(), member.subjects.topics()];
    let published = member.cluster.intake(nodes, others).await?;
    let mut reader = JoinSet::new();
    reader.spawn(read_topics(member.clone(), published));
    hear(member, told).await;
    Ok(())
}

/// Gives this node's subscribers what is published elsewhere.
async fn read_topics(member: Arc<Member>, mut published: Intake) {
    while let Some(came) = published.next().await {
        let Some(hub) = member.hub.upgrade() else { return };
        let counts = &member.cluster.counts;
        let (Came::First(message) | Came::Second(message)) = came else {
            hub.missed();
            continue;
        };
        counts.received.fetch_add(1, Relaxed);
        match member.publication(message) {
            Ok(publication) => {
                if let Err(too_large) = hub.publish_from_elsewhere(&publication).await {
                    counts.say_malformed(&too_large);
                }
            }
            Err(malformed) => counts.say_malformed(&malformed),
        }
    }
}

async fn hear(member: &Arc<Member>, mut told: Intake) {
    let mut life = member.life.subscribe();
    let (mut link, mut seen) = (member.cluster.link.clone(), Link::default());
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            biased;
            _ = life.wait_for(|life| *life != Life::Here) => return,
            _ = heartbeat.tick() => Next::Beat,
            Ok(()) = link.changed() => Next::Link(*link.borrow_and_update()),
            Some(came) = told.next() => Next::Came(came),
            else => return,
        };
        let Some(hub) = member.hub.upgrade() else { return };
        match next {
            Next::Beat => member.beat(&hub).await,
            Next::Link(now) => {
                member.look(&hub, seen, now);
                seen = now;
            }
            Next::Came(Came::First(message)) => member.hear_said(&hub, message.payload).await,
            Next::Came(Came::Second(message)) => member.hear_note(&hub, message.payload).await,
            // It is numbered: who told it is asked for it.
            Next::Came(Came::Lost) => {}
        }
    }
}

enum Next {
    Beat,
    /// NATS has come or gone, or the client has lost something.
    Link(Link),
    Came(Came),
}

impl Member {
    fn publication(&self, message: Message) -> Result<Publication, Malformed> {
        let Message { subject, payload, headers, .. } = message;
        let (by, topic, content) = self.subjects.read(&subject, payload).ok_or(Malformed)?;
        let from = headers.as_ref().and_then(|headers| headers.get(FROM));
        let from = match from.filter(|_| by == By::Node) {
            Some(from) => Some(from.as_str().parse().map_err(|_| Malformed)?),
            None => None,
        };
        Ok(Publication { topic, from, to_self: true, content })
    }

    fn read<T: Wire>(&self, payload: Bytes) -> Option<Packet<T>> {
        let counts = &self.cluster.counts;
        counts.received.fetch_add(1, Relaxed);
        Packet::decode(payload).inspect_err(|malformed| counts.say_malformed(malformed)).ok()
    }

    async fn hear_note(self: &Arc<Self>, hub: &Hub, payload: Bytes) {
        let Some(packet) = self.read::<Note>(payload) else { return };
        let from = packet.from;
        self.take_note(&packet);
        match packet.says {
            Note::Letter { letter } => hub.receive(letter),
            Note::Missed { facts: true, .. } => self.tell_facts(),
            Note::Bye {} => hub.lost(from).await,
            Note::Missed { facts: false, .. } | Note::Answer { .. } | Note::Last {} => {}
        }
    }

    fn take_note(&self, packet: &Packet<Note>) {
        let from = packet.from;
        let mut inside = self.lock();
        if inside.roster.hear_note(packet, Instant::now()) {
            inside.missed.insert(from);
            inside.renewed.insert(from);
        }
        match &packet.says {
            Note::Missed { letters: true, .. } => _ = inside.renewed.insert(from),
            Note::Answer { name, id, granted } => {
                inside.roster.answered(from, name, *id, *granted);
            }
            Note::Bye {} => _ = inside.roster.lose(from),
            Note::Missed { letters: false, .. } | Note::Letter { .. } | Note::Last {} => {}
        }
    }

    async fn hear_said(&self, hub: &Hub, payload: Bytes) {
        let Some(packet) = self.read::<Said>(payload) else { return };
        let heard = {
            let from = packet.from;
            let mut inside = self.lock();
            let mut heard = inside.roster.hear(packet, Instant::now());
            for note in std::mem::take(&mut heard.notes) {
                self.tell(&mut inside, from, note);
            }
            if heard.says_here {
                self.say_here(&mut inside, false);
            }
            heard
        };
        self.follow(hub, heard).await;
    }

    async fn follow(&self, hub: &Hub, heard: Heard) {
        for (name, id) in heard.names_lost {
            tracing::warn!(%name, %id, "another node has given this name to another connection");
            self.cluster.counts.names_lost.fetch_add(1, Relaxed);
            hub.unregister(id, &name);
        }
        if heard.is_unsent {
            hub.missed();
        }
        for change in heard.changes {
            hub.present_elsewhere(change).await;
        }
    }

    /// NATS has come or gone, or the client has lost something: in each case something
    /// may have been published that was not heard.
    fn look(&self, hub: &Hub, before: Link, now: Link) {
        if now.is_up && now.ups != before.ups {
            self.come(hub);
            return;
        }
        if !now.is_up {
            self.lock().contact.go();
        }
        hub.missed();
    }

    /// NATS has come.
    pub(super) fn come(&self, hub: &Hub) {
        let mut inside = self.lock();
        inside.contact.come(Instant::now());
        self.say_here(&mut inside, true);
        drop(inside);
        hub.missed();
    }
}
