//! One of two connections that are told the same.

use std::{mem, sync::Arc, time::Instant};

use super::{open, script::Script};
use crate::{
    hibernation::{Image, Snapshot},
    messaging::ConnectionId,
    sandbox::{
        Instance, Ledger, Phase, Template, WarmRoom,
        timers::Timers,
        types::{DirectMessage, FrameParam, Message},
    },
};

/// What a twin is told.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Text(String),
    Binary(Vec<u8>),
    Info(String),
}

pub(super) struct Twin {
    id: ConnectionId,
    template: Template,
    script: Script,
    handler: Handler,
}

enum Handler {
    Awake(Box<Instance>),
    Asleep(Option<Box<Ledger>>, u64, Box<[u8]>),
    /// Between the two.
    Moving,
}

impl Twin {
    /// Opens a connection whose time and chance are of this seed.
    pub(super) async fn open(template: &Template, id: ConnectionId, seed: u64) -> Self {
        let script = Script::new(seed);
        let template = template.clone().with_sources(Arc::new(script.clone()));
        let handler = Handler::Awake(open(&template, id).await);
        Self { id, template, script, handler }
    }

    /// The instance, woken if it sleeps.
    async fn instance(&mut self) -> &mut Instance {
        self.handler = match mem::replace(&mut self.handler, Handler::Moving) {
            Handler::Asleep(ledger, last_timer, bytes) => {
                let snapshot = Snapshot::from_bytes(bytes);
                let holds_nothing = ledger.is_none();
                let mut woken = self.template.restore(self.id, ledger, &snapshot).await.unwrap();
                if holds_nothing {
                    woken.ledger().timers = Timers::after(last_timer);
                    woken.ledger().phase = Phase::Open;
                }
                Handler::Awake(woken)
            }
            awake => awake,
        };
        match &mut self.handler {
            Handler::Awake(instance) => instance,
            _ => unreachable!("it was woken"),
        }
    }

    /// Puts it to sleep. Another connection gets its instance, if there is room for it.
    pub(super) async fn sleep(&mut self, room: &Arc<WarmRoom>) {
        let snapshot = self.snapshot().await;
        if let Handler::Awake(mut instance) = mem::replace(&mut self.handler, Handler::Moving) {
            let last_timer = instance.ledger().timers.last_id();
            let ledger = self.template.recycle(instance, room);
            self.handler = Handler::Asleep(ledger, last_timer, snapshot.into_bytes());
        }
    }

    /// What differs from a fresh instance.
    pub(super) async fn snapshot(&mut self) -> Snapshot {
        self.instance().await.hibernate().await.unwrap()
    }

    /// All of its state, whatever a snapshot would have in it.
    pub(super) async fn image(&mut self) -> Image {
        let instance = self.instance().await;
        let baseline = (*instance.hibernation).as_ref().unwrap().baseline.clone();
        Image::of(&mut instance.store, baseline.layout())
    }

    /// What it replies some time later, and asks of the host.
    pub(super) async fn tell(&mut self, event: &Event, after_ns: u64) -> String {
        self.script.pass(after_ns);
        let instance = self.instance().await;
        let outcome = match event {
            Event::Text(text) => instance.frames(&[FrameParam::Text(text)]).await,
            Event::Binary(data) => {
                instance.frames(&[FrameParam::Binary(data), FrameParam::Ping(b"!")]).await
            }
            Event::Info(payload) => {
                let message = DirectMessage { sender: "somebody", payload: payload.as_bytes() };
                instance.info(Message::Direct(message)).await
            }
        };
        let effects = instance.ledger().commit(Instant::now);
        format!("{:?} {effects:?}", outcome.unwrap())
    }
}
