//! Carries out what a callback asked of others.

use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use crate::{messaging::Publication, sandbox::Effect};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
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
