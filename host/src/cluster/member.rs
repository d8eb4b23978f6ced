//! One plugin's part in the cluster.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_nats::HeaderMap;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{
    Cluster, FROM,
    facts::{Fact, Key},
    outbox::Outbox,
    packet::{Note, Packet, Said},
    roster::{PART_BYTES, Roster},
    subjects::Subjects,
};
use crate::messaging::{
    Attendance, ConnectionId, Hub, Letter, NodeId, Publication, Remote, Unreachable,
};

/// How often a node says that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long a name may be asked for. Nodes that don't answer by then are dying, or
/// can't be reached.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(2);

/// One plugin's part in the cluster.
pub(super) struct Member {
    pub(super) subjects: Subjects,
    pub(super) cluster: Arc<Cluster>,
    pub(super) hub: Weak<Hub>,
    node: NodeId,
    inside: Mutex<Inside>,
}

pub(super) struct Inside {
    pub(super) roster: Roster,
    /// Since when NATS is there.
    pub(super) connected: Option<Instant>,
    telling: Telling,
}

/// Whether all facts are being told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    Nothing,
    Facts,
    /// They are, and were asked for meanwhile.
    Again,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("subjects", &self.subjects).finish_non_exhaustive()
    }
}

impl Member {
    pub(super) fn new(cluster: Arc<Cluster>, plugin: &str, hub: &Arc<Hub>) -> Self {
        let node = hub.node();
        let connected = cluster.outbox.is_connected().then(Instant::now);
        Self {
            subjects: Subjects::new(&cluster.prefix, plugin),
            hub: Arc::downgrade(hub),
            node,
            inside: Mutex::new(Inside {
                roster: Roster::new(node),
                connected,
                telling: Telling::Nothing,
            }),
            cluster,
        }
    }

    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> &Outbox {
        &self.cluster.outbox
    }

    /// Tells all. Under the lock, as what is told is in the order of its numbers.
    pub(super) fn say(&self, packet: &Packet<Said>) {
        self.outbox().send(self.subjects.nodes(), None, packet.encode());
    }

    /// Tells one node; under the lock.
    pub(super) fn tell(&self, inside: &mut Inside, to: NodeId, note: Note) {
        let packet = inside.roster.tell(to, note);
        self.outbox().send(self.subjects.node(to), None, packet.encode());
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
            self.outbox().has_room(2 * PART_BYTES).await;
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

    /// Waits until all nodes that are there have said so: each says it once in this
    /// time.
    async fn settled(&self) -> Result<(), Unreachable> {
        let connected = self.lock().connected.ok_or(Unreachable)?;
        tokio::time::sleep_until((connected + HEARTBEAT).into()).await;
        if self.is_reachable() { Ok(()) } else { Err(Unreachable) }
    }

    async fn ask_for(&self, name: &Arc<str>, id: ConnectionId) -> Result<bool, Unreachable> {
        self.settled().await?;
        let answer = {
            let mut inside = self.lock();
            let Some((claim, answer)) = inside.roster.claim(name, id) else { return Ok(false) };
            self.say(&claim);
            answer
        };
        let granted = timeout(CLAIM_TIMEOUT, answer).await;
        granted.map_err(|_| Unreachable)?.map_err(|_| Unreachable)
    }
}

impl Remote for Member {
    fn is_reachable(&self) -> bool {
        self.outbox().is_connected()
    }

    fn send(&self, letter: Letter) {
        let to = letter.receiver().node();
        let mut inside = self.lock();
        let is_settled = inside.connected.is_some_and(|since| since.elapsed() >= HEARTBEAT);
        if is_settled && !inside.roster.knows(to) {
            drop(inside);
            if let Some(hub) = self.hub.upgrade() {
                hub.bounce(&letter);
            }
            return;
        }
        self.tell(&mut inside, to, Note::Letter { letter });
    }

    fn publish(&self, publication: &Publication) {
        let Publication { topic, from, content, .. } = publication;
        let Some((subject, payload)) = self.subjects.publication(topic, content) else { return };
        let headers = from.map(|from| {
            let mut headers = HeaderMap::new();
            headers.insert(FROM, from.to_string());
            headers
        });
        self.outbox().send(subject, headers, payload);
    }

    fn attendance(&self, attendance: &Attendance) {
        let mut inside = self.lock();
        let packet = match attendance {
            Attendance::Present(topic, present) => {
                Some(inside.roster.add(Fact::Present(topic.clone(), present.clone())))
            }
            Attendance::Absent(topic, id) => inside.roster.remove(Key::Present(topic.clone(), *id)),
        };
        packet.iter().for_each(|packet| self.say(packet));
    }

    fn claim(&self, name: Arc<str>, id: ConnectionId) -> BoxFuture<'_, Result<bool, Unreachable>> {
        Box::pin(async move { self.ask_for(&name, id).await })
    }

    fn release(&self, name: &Arc<str>, id: ConnectionId) {
        let mut inside = self.lock();
        inside.roster.release(name, id).iter().for_each(|packet| self.say(packet));
    }

    fn find(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<ConnectionId>, Unreachable>> {
        Box::pin(async move {
            self.settled().await?;
            Ok(self.lock().roster.holder(&name))
        })
    }
}
