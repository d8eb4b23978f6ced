//! Carries out what a callback asked of others.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, ending::Ending};
use crate::{messaging::Publication, sandbox::Effect};

/// What is still to be done of a callback that took long, with the sockets again: who
/// publishes to a topic with a history holds it for all others meanwhile, and on a
/// thread that has a small share they could wait for long.
pub(super) struct Owed {
    pub(super) effects: Vec<Effect>,
    /// The end that it asked for.
    pub(super) ending: Option<Ending>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Does what a callback asked for, and ends if it did.
    pub(super) async fn pay(&mut self, owed: Owed) -> Result<(), Ending> {
        self.effects(owed.effects).await;
        owed.ending.map_or(Ok(()), Err)
    }

    /// Does what host calls asked for, letting others have their turn.
    pub(super) async fn effects(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.effect(effect).await;
            tokio::task::consume_budget().await;
        }
    }

    async fn effect(&mut self, effect: Effect) {
        let (hub, id) = (&self.shared.hub, self.mailbox.id);
        match effect {
            Effect::Send { to, payload } => hub.send(id, to, payload),
            Effect::Monitor(of) => hub.monitor(id, of),
            Effect::Demonitor(of) => hub.demonitor(&self.mailbox, of),
            Effect::Call { to, call, payload } => hub.call(id, to, call, payload),
            Effect::Reply { to, call, payload } => hub.reply(id, to, call, payload),
            Effect::Publish { topic, content, to_self } => {
                let publication = Publication { topic, from: Some(id), to_self, content };
                hub.publish(&publication).await;
            }
            Effect::Subscribe(pattern, since) => hub.subscribe(&self.mailbox, &pattern, since),
            Effect::Unsubscribe(pattern) => hub.unsubscribe(&self.mailbox, &pattern),
            Effect::Enter(topic, metadata) => hub.enter(id, &topic, metadata).await,
            Effect::Leave(topic) => hub.exit(id, &topic).await,
        }
    }
}
