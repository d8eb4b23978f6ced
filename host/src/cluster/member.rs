//! One plugin's part in the cluster: what it says.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_nats::HeaderMap;
use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::timeout};

use super::{
    Cluster, FROM,
    beat::Telling,
    contact::Contact,
    facts::{Fact, Key},
    outbox::{Outbox, Parcel},
    packet::{HEAD_BYTES, Note, Packet, Said},
    roster::Roster,
    subjects::Subjects,
    wire::Wire,
};
use crate::messaging::{
    Attendance, ConnectionId, Hub, Letter, NodeId, Publication, Remote, Unreachable,
};

/// How long a name may be asked for. Nodes that don't answer by then are dying, or
/// can't be reached.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(2);

/// One plugin's part in the cluster.
pub(super) struct Member {
    pub(super) plugin: Box<str>,
    pub(super) subjects: Subjects,
    pub(super) cluster: Arc<Cluster>,
    pub(super) hub: Weak<Hub>,
    pub(super) outbox: Outbox,
    pub(super) life: watch::Sender<Life>,
    node: NodeId,
    inside: Mutex<Inside>,
}

/// Where a member is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It takes part.
    Here,
    /// It has said that it goes, and says nothing more.
    Leaving,
    /// NATS has its last word.
    Gone,
}

pub(super) struct Inside {
    pub(super) roster: Roster,
    pub(super) contact: Contact,
    /// Nodes of which letters were lost, and that are to be told so.
    pub(super) missed: BTreeSet<NodeId>,
    /// Nodes whose connections' monitors are to be renewed.
    pub(super) renewed: BTreeSet<NodeId>,
    pub(super) is_renewing: bool,
    pub(super) telling: Telling,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

impl Member {
    pub(super) fn new(cluster: Arc<Cluster>, plugin: &str, hub: &Arc<Hub>) -> Self {
        let node = hub.node();
        Self {
            plugin: plugin.into(),
            subjects: Subjects::new(&cluster.prefix, plugin),
            hub: Arc::downgrade(hub),
            outbox: cluster.outbox(),
            life: watch::Sender::new(Life::Here),
            node,
            inside: Mutex::new(Inside {
                roster: Roster::new(node),
                contact: Contact::new(Instant::now()),
                missed: BTreeSet::new(),
                renewed: BTreeSet::new(),
                is_renewing: false,
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

    fn is_here(&self) -> bool {
        *self.life.borrow() == Life::Here
    }

    pub(super) fn said<T: Wire>(subject: String, packet: &Packet<T>) -> Parcel {
        Parcel { subject, headers: None, payload: packet.encode() }
    }

    /// Tells all. Under the lock, as what is told is in the order of its numbers.
    pub(super) fn say(&self, packet: &Packet<Said>) {
        if self.is_here() {
            self.outbox.say(Self::said(self.subjects.nodes(), packet));
        }
    }

    /// Tells all that this node is here; under the lock.
    pub(super) fn say_here(&self, inside: &mut Inside, hello: bool) {
        if self.is_here() && inside.contact.is_there() {
            let here = inside.roster.say_here(hello);
            self.outbox.say_here(Self::said(self.subjects.nodes(), &here));
        }
    }

    /// Tells one node; under the lock.
    pub(super) fn tell(&self, inside: &mut Inside, to: NodeId, note: Note) {
        if self.is_here() {
            let packet = inside.roster.tell(to, note);
            self.outbox.send(Self::said(self.subjects.node(to), &packet));
        }
    }

    /// Waits until all nodes that are there have said so.
    async fn settled(&self) -> Result<(), Unreachable> {
        let settles = self.lock().contact.settles().ok_or(Unreachable)?;
        tokio::time::sleep_until(settles.into()).await;
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

    /// The publication as a message. None: NATS can't have it.
    fn parcel(&self, publication: &Publication) -> Option<Parcel> {
        let Publication { topic, from, content, .. } = publication;
        let (subject, payload) = self.subjects.publication(topic, content)?;
        let headers = from.map(|from| {
            let mut headers = HeaderMap::new();
            headers.insert(FROM, from.to_string());
            headers
        });
        (payload.len() <= self.payload_max()).then_some(Parcel { subject, headers, payload })
    }
}

impl Remote for Member {
    fn is_reachable(&self) -> bool {
        self.cluster.is_connected()
    }

    fn payload_max(&self) -> usize {
        self.cluster.client.max_payload().saturating_sub(HEAD_BYTES)
    }

    fn send(&self, letter: Letter) {
        let to = letter.receiver().node();
        let mut inside = self.lock();
        let is_nobody = inside.contact.is_settled(Instant::now()) && !inside.roster.knows(to);
        // The server's limit was another one when it was asked for. It has no number yet,
        // which the other node would miss.
        let is_too_long = letter.payload_len() > self.payload_max();
        if !is_nobody && !is_too_long {
            return self.tell(&mut inside, to, Note::Letter { letter });
        }
        drop(inside);
        if is_too_long {
            self.outbox.count_unsent();
        }
        if let Some(hub) = self.hub.upgrade() {
            hub.bounce(&letter);
        }
    }

    fn publish(&self, publication: &Publication) {
        let is_sent = match self.parcel(publication) {
            Some(parcel) => self.outbox.send(parcel),
            None => self.outbox.count_unsent(),
        };
        if !is_sent {
            self.lock().roster.has_not_sent();
        }
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

    /// Each node hears it behind all letters that it gets.
    fn leave(&self) {
        let mut inside = self.lock();
        for to in inside.roster.others() {
            self.tell(&mut inside, to, Note::Bye {});
        }
        let leaves = |life: &mut Life| {
            let is_here = *life == Life::Here;
            if is_here {
                *life = Life::Leaving;
            }
            is_here
        };
        self.life.send_if_modified(leaves);
    }
}
