//! What one connection does to another, wherever that is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Attendance, ConnectionId, Hub, Letter, Mailbox, NodeId,
    mail::{Mail, NoAnswer},
    mailbox::Left,
    watches::Watch,
};

/// The reason that who monitors a connection is told where there is none.
const NO_CONNECTION: &str = "no connection";
/// The reason where a node can't be reached any more.
const NODE_LOST: &str = "its node is gone";

impl Hub {
    /// Sends a message to a connection.
    pub fn send(&self, from: ConnectionId, to: ConnectionId, payload: Bytes) {
        self.post(Letter::Direct { from, to, payload });
    }

    /// Has a connection told when another ends: at once, if there is none.
    pub fn monitor(&self, by: ConnectionId, of: ConnectionId) {
        self.tie(by, |tied| tied.ties.monitored.insert(of));
        self.post(Letter::Monitor { by, of });
    }

    /// Takes that back, and forgets what was told so.
    pub fn demonitor(&self, mailbox: &Mailbox, of: ConnectionId) {
        if self.untie(mailbox.id, |tied| tied.ties.monitored.remove(&of)) == Some(true) {
            self.post(Letter::Unwatch { of, watch: Watch { by: mailbox.id, call: None } });
        }
        mailbox.forget(|mail| matches!(mail, Mail::Down { id, .. } if *id == of));
    }

    /// Asks a connection something. Either it is answered, or there is word of why it
    /// isn't, or who asked [gives up](Self::give_up).
    pub fn call(&self, from: ConnectionId, to: ConnectionId, call: u64, payload: Bytes) {
        self.tie(from, |tied| tied.asked.insert(call, to));
        self.post(Letter::Call { from, to, call, payload });
    }

    /// Waits for an answer no longer.
    pub fn give_up(&self, from: ConnectionId, call: u64) {
        if let Some(of) = self.untie(from, |tied| tied.asked.remove(&call)).flatten() {
            self.post(Letter::Unwatch { of, watch: Watch { by: from, call: Some(call) } });
        }
    }

    /// Answers. What nobody asked `from`, or asks no longer, is dropped.
    pub fn reply(&self, from: ConnectionId, to: ConnectionId, call: u64, payload: Bytes) {
        self.answer(from, to, call, Ok(payload));
    }

    fn answer(
        &self,
        from: ConnectionId,
        to: ConnectionId,
        call: u64,
        answer: Result<Bytes, NoAnswer>,
    ) {
        if self.watches.remove(from, &Watch { by: to, call: Some(call) }) {
            self.post(Letter::Reply { from, to, call, answer });
        }
    }

    /// Sends a letter: to this node itself, or another.
    fn post(&self, letter: Letter) {
        match self.remote() {
            Some(remote) if letter.receiver().node() != self.node => remote.send(letter),
            _ => self.receive(letter),
        }
    }

    /// Opens a letter to a connection of this node, from wherever.
    pub fn receive(&self, letter: Letter) {
        match letter {
            Letter::Direct { from, to, payload } => {
                self.deliver(to, Mail::Direct { from, payload });
            }
            Letter::Monitor { by, of } => self.receive_monitor(by, of),
            Letter::Call { from, to, call, payload } => self.receive_call(from, to, call, payload),
            Letter::Unwatch { of, watch } => _ = self.watches.remove(of, &watch),
            Letter::Reply { to, call, answer, .. } => {
                if self.untie(to, |tied| tied.asked.remove(&call)).flatten().is_some() {
                    self.deliver(to, Mail::Reply { call, answer });
                }
            }
            Letter::Down { of, to, reason } => {
                if self.untie(to, |tied| tied.ties.monitored.remove(&of)) == Some(true) {
                    self.deliver(to, Mail::Down { id: of, reason });
                }
            }
        }
    }

    /// Leaves a message. None: there is no such connection.
    fn deliver(&self, to: ConnectionId, mail: Mail) -> Option<Left> {
        Some(self.find(to)?.leave(mail))
    }

    /// It is noted first, and then looked whether the connection is there: one that
    /// ends between is told of by one of the two.
    fn receive_monitor(&self, by: ConnectionId, of: ConnectionId) {
        let watch = Watch { by, call: None };
        self.watches.add(of, watch);
        if !self.connections.contains_key(&of) && self.watches.remove(of, &watch) {
            self.post(Letter::Down { of, to: by, reason: NO_CONNECTION.into() });
        }
    }

    fn receive_call(&self, from: ConnectionId, to: ConnectionId, call: u64, payload: Bytes) {
        self.watches.add(to, Watch { by: from, call: Some(call) });
        match self.deliver(to, Mail::Call { from, call, payload }) {
            Some(Left::Waiting) => {}
            Some(Left::Dropped) => self.answer(to, from, call, Err(NoAnswer::NoRoom)),
            None => self.answer(to, from, call, Err(NoAnswer::NoConnection)),
        }
    }

    /// Tells all who wait for something of a connection that it has ended.
    pub(super) fn tell_of_end(&self, of: ConnectionId, reason: &str) {
        let watches = self.watches.take(of);
        let reason: Arc<str> = if watches.is_empty() { return } else { reason.into() };
        for Watch { by: to, call } in watches {
            self.post(match call {
                Some(call) => {
                    Letter::Reply { from: of, to, call, answer: Err(NoAnswer::NoConnection) }
                }
                None => Letter::Down { of, to, reason: reason.clone() },
            });
        }
    }

    /// One that has ended waits for nothing any more.
    pub(super) fn wait_no_more(
        &self,
        by: ConnectionId,
        monitored: BTreeSet<ConnectionId>,
        asked: BTreeMap<u64, ConnectionId>,
    ) {
        let monitors = monitored.into_iter().map(|of| (of, None));
        let calls = asked.into_iter().map(|(call, of)| (of, Some(call)));
        for (of, call) in monitors.chain(calls) {
            self.post(Letter::Unwatch { of, watch: Watch { by, call } });
        }
    }

    /// A letter was for a node that there is not: who waits for something is told.
    pub fn bounce(&self, letter: &Letter) {
        match *letter {
            Letter::Monitor { by, of } => {
                self.receive(Letter::Down { of, to: by, reason: NO_CONNECTION.into() });
            }
            Letter::Call { from, to, call, .. } => {
                let answer = Err(NoAnswer::NoConnection);
                self.receive(Letter::Reply { from: to, to: from, call, answer });
            }
            Letter::Direct { .. }
            | Letter::Unwatch { .. }
            | Letter::Reply { .. }
            | Letter::Down { .. } => {}
        }
    }

    /// Who monitors whom, of the connections of these nodes.
    #[must_use]
    pub fn monitors(&self, of_node: impl Fn(NodeId) -> bool) -> Vec<(ConnectionId, ConnectionId)> {
        self.all_tied(|by, tied| {
            let monitored = tied.ties.monitored.iter().filter(|of| of_node(of.node()));
            monitored.map(|of| (by, *of)).collect()
        })
    }

    /// Asks once more to be told when a connection ends, if that is still wanted: what
    /// asked before, or told, may have been lost.
    pub fn renew_monitor(&self, by: ConnectionId, of: ConnectionId) {
        if self.untie(by, |tied| tied.ties.monitored.contains(&of)) == Some(true) {
            self.post(Letter::Monitor { by, of });
        }
    }

    /// A node can't be reached any more: its connections have ended, as far as can be
    /// told.
    pub async fn lost(&self, node: NodeId) {
        self.watches.forget(|by| by.node() == node);
        let waiting = self.all_tied(|to, tied| {
            let of_node = |of: &&ConnectionId| of.node() == node;
            let monitors = tied.ties.monitored.iter().filter(of_node);
            let downs = monitors.map(|of| Letter::Down { of: *of, to, reason: NODE_LOST.into() });
            let calls = tied.asked.iter().filter(|(_, of)| of.node() == node);
            let answer = || Err(NoAnswer::NoConnection);
            let replies = calls.map(|(call, of)| Letter::Reply {
                from: *of,
                to,
                call: *call,
                answer: answer(),
            });
            downs.chain(replies).collect()
        });
        waiting.into_iter().for_each(|letter| self.receive(letter));
        for (topic, id) in self.rooms.find(|id| id.node() == node) {
            self.present_elsewhere(Attendance::Absent(topic, id)).await;
        }
    }
}
