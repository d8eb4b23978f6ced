//! What a connection tells of itself. Nothing is kept for it that is known anyway.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, facts::Opened};
use crate::{
    messaging::{Details, Question},
    sandbox::Ledger,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Answers those who wait for it.
    pub(super) fn answer(&mut self, questions: Vec<Question>) {
        for Question { topics, answer } in questions {
            // Fails where nobody waits for it any more.
            let _ = answer.send(self.details(topics));
        }
    }

    fn details(&mut self, topics: bool) -> Details {
        let (opened_unix_seconds, opened) = self.facts.read();
        let Opened { peer, path, http2, tls, subprotocol } = opened;
        let silent = self.wire.last_read().elapsed();
        let nothing = Ledger::default();
        let ledger = self.guest.ledger().map_or(&nothing, |ledger| ledger);
        let (timers, patterns) = (ledger.timers.len(), &ledger.ties.patterns);
        let subscriptions = patterns.len();
        let topics = topics.then(|| patterns.iter().map(ToString::to_string).collect());
        Details {
            version: self.shared.plugin.digest.clone(),
            asleep: !self.guest.is_awake(),
            peer,
            path: path.to_owned(),
            http: if http2 { "2" } else { "1.1" },
            tls,
            subprotocol: Some(subprotocol).filter(|name| !name.is_empty()).map(str::to_owned),
            compression: self.wire.compression(),
            opened_unix_seconds,
            silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: self.guest.memory_bytes().map(|bytes| bytes as u64),
            snapshot_bytes: self.guest.snapshot_bytes(),
            sleeps: self.guest.sleeps(),
            queued_bytes: self.wire.queued_bytes(),
            mail: self.mailbox.mail(),
            timers,
            subscriptions,
            topics,
        }
    }
}
