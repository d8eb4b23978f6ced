//! What a node tells of itself, and what it knows of the others. No I/O.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    facts::{Fact, Key},
    packet::{Note, Packet, Said},
    view::View,
};
use crate::messaging::{Attendance, ConnectionId, NodeId};

/// With nothing heard of it for so long a node is dead.
pub(super) const LOST_AFTER: Duration = Duration::from_secs(5);
/// About how much of its facts a node tells at once.
pub(super) const PART_BYTES: usize = 32 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Roster {
    node: NodeId,
    /// What this node tells.
    own: BTreeMap<Key, Fact>,
    /// The last number of what it told all.
    said: u64,
    /// The last number of what it told each.
    told: BTreeMap<NodeId, u64>,
    /// Those of them of which nothing was ever heard: guests can name any.
    strangers: BTreeSet<NodeId>,
    /// How much of what this node published did not get out.
    unsent: u64,
    /// Names that it asks the others for.
    claims: HashMap<Arc<str>, Claim>,
    others: BTreeMap<NodeId, View>,
}

#[derive(Debug)]
struct Claim {
    id: ConnectionId,
    /// Those that have not answered.
    waits_for: BTreeSet<NodeId>,
    answer: oneshot::Sender<bool>,
}

/// What follows from something that was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What changed in who is present.
    pub(super) changes: Vec<Attendance>,
    /// What to tell the node.
    pub(super) notes: Vec<Note>,
    /// Whether to tell all that this node is here.
    pub(super) says_here: bool,
    /// Names that connections of this node don't have any more.
    pub(super) names_lost: Vec<(Arc<str>, ConnectionId)>,
    /// Whether something that it published did not get out.
    pub(super) is_unsent: bool,
}

impl Roster {
    pub(super) fn new(node: NodeId) -> Self {
        Self {
            node,
            own: BTreeMap::new(),
            said: 0,
            told: BTreeMap::new(),
            strangers: BTreeSet::new(),
            unsent: 0,
            claims: HashMap::new(),
            others: BTreeMap::new(),
        }
    }

    /// How many other nodes there are.
    pub(super) fn len(&self) -> usize {
        self.others.len()
    }

    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.others.contains_key(&node)
    }

    /// To tell all.
    pub(super) fn say(&mut self, says: Said) -> Packet<Said> {
        self.said += 1;
        Packet { from: self.node, number: self.said, says }
    }

    /// That this node is here.
    pub(super) fn say_here(&mut self, hello: bool) -> Packet<Said> {
        self.say(Said::Here { hello, unsent: self.unsent })
    }

    /// Something that this node published does not get out.
    pub(super) fn has_not_sent(&mut self) {
        self.unsent += 1;
    }

    /// To tell one node.
    pub(super) fn tell(&mut self, to: NodeId, says: Note) -> Packet<Note> {
        if !self.told.contains_key(&to) && !self.knows(to) {
            self.strangers.insert(to);
        }
        let told = self.told.entry(to).or_default();
        *told += 1;
        Packet { from: self.node, number: *told, says }
    }

    /// To tell each node that was told something: what the last of it was.
    pub(super) fn lasts(&self) -> Vec<(NodeId, Packet<Note>)> {
        let told = self.told.iter().filter(|(to, _)| self.knows(**to));
        let last = |number| Packet { from: self.node, number, says: Note::Last {} };
        told.map(|(to, number)| (*to, last(*number))).collect()
    }

    /// Forgets the nodes that were told something and never heard of. Returns them.
    pub(super) fn forget_strangers(&mut self) -> BTreeSet<NodeId> {
        let strangers = std::mem::take(&mut self.strangers);
        self.told.retain(|to, _| !strangers.contains(to));
        strangers
    }

    /// The other nodes.
    pub(super) fn others(&self) -> Vec<NodeId> {
        self.others.keys().copied().collect()
    }

    /// This is so from now on.
    pub(super) fn add(&mut self, fact: Fact) -> Packet<Said> {
        self.own.insert(fact.key(), fact.clone());
        self.say(Said::Fact { fact })
    }

    /// This isn't so any more, if it was.
    pub(super) fn remove(&mut self, key: Key) -> Option<Packet<Said>> {
        self.own.remove(&key)?;
        Some(self.say(Said::Past { key }))
    }

    /// Some of what is so, behind a key.
    pub(super) fn part(&mut self, after: Option<Key>) -> (Packet<Said>, Option<Key>) {
        let begin = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut bytes = 0;
        let behind = self.own.range((begin, Bound::Unbounded)).map(|(_, fact)| fact);
        let some = behind.take_while(|fact| {
            let is_within = bytes < PART_BYTES;
            bytes += fact.len_bytes();
            is_within
        });
        let facts: Vec<Fact> = some.cloned().collect();
        let last = facts.last().map(Fact::key);
        let is_end = last.is_none() || last.as_ref() == self.own.keys().next_back();
        (self.say(Said::Part { after, facts, is_end }), last.filter(|_| !is_end))
    }

    /// Asks for a name. None: another node has it, or asks for it. What comes back says
    /// whether it was granted, once all others have said so.
    pub(super) fn claim(
        &mut self,
        name: &Arc<str>,
        id: ConnectionId,
    ) -> Option<(Packet<Said>, oneshot::Receiver<bool>)> {
        if self.holder(name).is_some() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let claim = Claim { id, waits_for: self.others.keys().copied().collect(), answer };
        self.claims.insert(name.clone(), claim);
        let fact = Fact::Name { name: name.clone(), id, is_granted: false };
        self.own.insert(fact.key(), fact);
        let packet = self.say(Said::Claim { name: name.clone(), id });
        self.settle(name);
        Some((packet, answered))
    }

    /// Gives a name back, or asks for it no longer.
    pub(super) fn release(&mut self, name: &Arc<str>, id: ConnectionId) -> Option<Packet<Said>> {
        let key = Key::Name(name.clone());
        match self.own.get(&key) {
            Some(Fact::Name { id: owner, .. }) if *owner == id => {}
            _ => return None,
        }
        self.claims.remove(name);
        self.remove(key)
    }

    /// Whose a name is on other nodes.
    pub(super) fn holder(&self, name: &Arc<str>) -> Option<ConnectionId> {
        let key = Key::Name(name.clone());
        let holders = self.others.values().filter_map(|view| match view.fact(&key) {
            Some(Fact::Name { id, .. }) => Some(*id),
            _ => None,
        });
        holders.min()
    }

    /// Grants a name, if nobody is waited for any more.
    fn settle(&mut self, name: &Arc<str>) {
        if self.claims.get(name).is_some_and(|claim| claim.waits_for.is_empty())
            && let Some(Claim { id, answer, .. }) = self.claims.remove(name)
        {
            let fact = Fact::Name { name: name.clone(), id, is_granted: true };
            self.own.insert(fact.key(), fact);
            // Fails where it is not waited for any more: it is released then.
            let _ = answer.send(true);
        }
    }

    fn view(&mut self, node: NodeId, now: Instant) -> &mut View {
        self.strangers.remove(&node);
        self.others.entry(node).or_insert_with(|| View::new(now))
    }

    /// What a node told all.
    pub(super) fn hear(&mut self, packet: Packet<Said>, now: Instant) -> Heard {
        let Packet { from, number, says } = packet;
        let mut heard = Heard::default();
        let view = self.view(from, now);
        view.hear(number, now);
        match says {
            Said::Here { hello, unsent } => {
                heard.is_unsent = view.has_not_sent(unsent);
                heard.says_here = hello;
            }
            Said::Fact { fact } => heard.changes.extend(view.learn(fact)),
            Said::Past { key } => heard.changes.extend(view.forget(&key)),
            Said::Part { after, facts, is_end } => {
                let names = facts.iter().filter_map(|fact| match fact {
                    Fact::Name { name, id, is_granted: true } => Some((name.clone(), *id)),
                    _ => None,
                });
                let names: Vec<_> = names.collect();
                heard.changes = view.replace(after.as_ref(), facts, is_end);
                heard.names_lost =
                    names.iter().filter_map(|(name, id)| self.yield_name(name, *id)).collect();
            }
            Said::Claim { name, id } => {
                view.learn(Fact::Name { name: name.clone(), id, is_granted: false });
                let granted = self.grants(&name, id);
                heard.notes.push(Note::Answer { name, id, granted });
            }
        }
        if self.view(from, now).asks(now) {
            heard.notes.push(Note::Missed { facts: true, letters: false });
        }
        heard
    }

    /// A node told this one something, of this number. True: what it told before was
    /// lost.
    pub(super) fn hear_note(&mut self, packet: &Packet<Note>, now: Instant) -> bool {
        let view = self.view(packet.from, now);
        match packet.says {
            Note::Last {} => view.last_note(packet.number, now),
            _ => view.note(packet.number, now),
        }
    }

    /// Whether a connection of another node may have a name, as far as this one is
    /// concerned. Where both ask for it, the lower id gets it.
    fn grants(&self, name: &Arc<str>, id: ConnectionId) -> bool {
        match self.own.get(&Key::Name(name.clone())) {
            Some(Fact::Name { id: own, is_granted, .. }) => !is_granted && *own > id,
            _ => true,
        }
    }

    /// A name that two have, as their nodes did not reach each other, stays with the
    /// lower id.
    fn yield_name(&self, name: &Arc<str>, other: ConnectionId) -> Option<(Arc<str>, ConnectionId)> {
        match self.own.get(&Key::Name(name.clone())) {
            Some(Fact::Name { id, .. }) if *id > other => Some((name.clone(), *id)),
            _ => None,
        }
    }

    /// A node has answered what was claimed.
    pub(super) fn answered(
        &mut self,
        from: NodeId,
        name: &Arc<str>,
        id: ConnectionId,
        granted: bool,
    ) {
        let Some(claim) = self.claims.get_mut(name).filter(|claim| claim.id == id) else { return };
        claim.waits_for.remove(&from);
        if granted {
            self.settle(name);
        } else if let Some(claim) = self.claims.remove(name) {
            // Fails where it is not waited for any more.
            let _ = claim.answer.send(false);
        }
    }

    /// Nodes of which nothing was heard for too long, while they would have been heard.
    pub(super) fn silent(&self, hears_since: Instant, now: Instant) -> Vec<NodeId> {
        let is_silent = |view: &View| now >= view.heard.max(hears_since) + LOST_AFTER;
        self.others.iter().filter(|(_, view)| is_silent(view)).map(|(node, _)| *node).collect()
    }

    /// A node is gone. False: it was not known.
    pub(super) fn lose(&mut self, node: NodeId) -> bool {
        let names: Vec<_> = self.claims.keys().cloned().collect();
        for name in names {
            if let Some(claim) = self.claims.get_mut(&name) {
                claim.waits_for.remove(&node);
            }
            self.settle(&name);
        }
        self.others.remove(&node).is_some()
    }
}

#[cfg(test)]
mod tests;
