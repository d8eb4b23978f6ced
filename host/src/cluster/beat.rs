//! What a member does by itself, with each heartbeat: it says that it is here, and repairs
//! what was lost.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{
    member::{Inside, Member},
    outbox::OVERHEAD_BYTES,
    packet::{HEAD_BYTES, Note},
    roster::PART_BYTES,
};
use crate::messaging::{Hub, Remote as _};

/// Whether all facts are being told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    Nothing,
    Facts,
    /// They are, and were asked for meanwhile.
    Again,
}

impl Member {
    /// Says that this node is here, has repaired what was lost, and looks who isn't here
    /// any more.
    pub(super) async fn beat(self: &Arc<Self>, hub: &Hub) {
        let is_reachable = self.is_reachable();
        if is_reachable && !self.lock().contact.is_there() {
            // The client's word of it was lost.
            self.come(hub);
        }
        let now = Instant::now();
        let hears_since = self.lock().contact.beat(now);
        if !is_reachable {
            return;
        }
        let (silent, has_settled, strangers) = {
            let mut inside = self.lock();
            self.say_here(&mut inside, false);
            self.tell_lasts(&inside);
            for node in std::mem::take(&mut inside.missed) {
                self.tell(&mut inside, node, Note::Missed { facts: false, letters: true });
            }
            let silent = inside.roster.silent(hears_since, now);
            let has_settled = inside.contact.has_just_settled(now);
            let strangers =
                if has_settled { inside.roster.forget_strangers() } else { BTreeSet::new() };
            silent.iter().for_each(|node| _ = inside.roster.lose(*node));
            (silent, has_settled, strangers)
        };
        self.renew_monitors(hub);
        if has_settled {
            self.warn_of_payloads(hub);
        }
        for node in &silent {
            tracing::warn!(%node, "nothing is heard of this node any more");
        }
        // Whoever was asked of nodes that there are not is told now.
        for node in silent.into_iter().chain(strangers) {
            hub.lost(node).await;
        }
    }

    fn warn_of_payloads(&self, hub: &Hub) {
        let (max, possible) = (hub.limits().payload_max_bytes, self.payload_max());
        // By default both are the same, but for the head: nothing that an operator did.
        if max > possible + HEAD_BYTES {
            tracing::warn!(
                plugin = %self.plugin,
                "payloads of {max} bytes are allowed (payload_max_bytes), and NATS takes {possible} \
                 between nodes (its max_payload): what is longer is refused"
            );
        }
    }

    /// Tells each node what the last was that it was told; under the lock.
    fn tell_lasts(&self, inside: &Inside) {
        for (to, last) in inside.roster.lasts() {
            self.outbox.send(Self::said(self.subjects.node(to), &last));
        }
    }

    /// Tells all that is so, in parts, as there is room. Where that is under way, once
    /// more after it.
    pub(super) fn tell_facts(self: &Arc<Self>) {
        let before = std::mem::replace(&mut self.lock().telling, Telling::Again);
        if before != Telling::Nothing {
            return;
        }
        let member = self.clone();
        tokio::spawn(async move {
            while member.is_to_tell() {
                member.tell_facts_once().await;
            }
        });
    }

    fn is_to_tell(&self) -> bool {
        let mut inside = self.lock();
        inside.telling = match inside.telling {
            Telling::Again => Telling::Facts,
            Telling::Facts | Telling::Nothing => Telling::Nothing,
        };
        inside.telling == Telling::Facts
    }

    async fn tell_facts_once(&self) {
        let mut after = None;
        loop {
            self.outbox.said.has_room(2 * PART_BYTES).await;
            let mut inside = self.lock();
            let (part, last) = inside.roster.part(after);
            self.say(&part);
            drop(inside);
            if last.is_none() {
                return;
            }
            after = last;
        }
    }

    /// Renews the monitors of nodes' connections where letters were lost, as there is
    /// room. Nothing, where that is under way: it is for the next heartbeat then.
    fn renew_monitors(self: &Arc<Self>, hub: &Hub) {
        let mut inside = self.lock();
        if inside.renewed.is_empty() || inside.is_renewing {
            return;
        }
        inside.is_renewing = true;
        let nodes = std::mem::take(&mut inside.renewed);
        drop(inside);
        let monitors = hub.monitors(|node| nodes.contains(&node));
        let member = self.clone();
        tokio::spawn(async move {
            for (by, of) in monitors {
                member.outbox.sent.has_room(2 * OVERHEAD_BYTES).await;
                let Some(hub) = member.hub.upgrade() else { break };
                hub.renew_monitor(by, of);
            }
            member.lock().is_renewing = false;
        });
    }
}
