//! What is counted of each plugin.

use std::{array, borrow::Cow, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::{Registry, Unit},
};

use super::{
    connections::{AllConnections, Connections},
    histogram::{Durations, Sizes},
    sharded::{Level, Sharded, Time},
};
use crate::websocket::Message;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPlugin {
    plugin: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLimit {
    plugin: Arc<str>,
    limit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    plugin: Arc<str>,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    plugin: Arc<str>,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCode {
    plugin: Arc<str>,
    side: &'static str,
    code: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCallback {
    plugin: Arc<str>,
    callback: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    plugin: Arc<str>,
    direction: &'static str,
    kind: &'static str,
}

/// The metrics of all plugins.
#[derive(Clone, Debug, Default)]
pub(super) struct Families {
    connections: AllConnections,
    opened: Family<OfPlugin, Counter>,
    requests: Family<ByResult, Counter>,
    closed: Family<ByCode, Counter>,
    messages: Family<ByKind, Sharded>,
    bytes: Family<ByKind, Sharded>,
    callbacks: Family<ByCallback, Durations>,
    ran: Family<OfPlugin, Time>,
    failures: Family<ByReason, Counter>,
    limits: Family<ByLimit, Counter>,
    hibernations: Family<OfPlugin, Counter>,
    wakes: Family<OfPlugin, Durations>,
    snapshots: Family<OfPlugin, Sizes>,
    warm: Family<OfPlugin, Level>,
    mail: Family<OfPlugin, Level>,
    mail_dropped: Family<OfPlugin, Counter>,
    send_queues: Family<OfPlugin, Level>,
    migrations: Family<ByResult, Counter>,
}

impl Families {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.connections.clone()));
        registry.register("websockets_opened", "WebSockets that were opened", self.opened.clone());
        registry.register("requests", "Requests, by what became of them", self.requests.clone());
        registry.register(
            "websockets_closed",
            "WebSockets that ended, by who ended them and the close code",
            self.closed.clone(),
        );
        registry.register(
            "messages",
            "Messages by direction and kind, control frames too",
            self.messages.clone(),
        );
        registry.register_with_unit(
            "message",
            "The messages' payloads, not compressed",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register_with_unit(
            "callback",
            "From an event to its callback's return; for frames, since they were read",
            Unit::Seconds,
            self.callbacks.clone(),
        );
        registry.register_with_unit(
            "callback_run",
            "The time that handlers ran: on the threads that serve connections as it passed, \
             in the background by the processor's",
            Unit::Seconds,
            self.ran.clone(),
        );
        registry.register("handler_failures", "Handlers that failed", self.failures.clone());
        registry.register("limits_hit", "What limits refused, by setting", self.limits.clone());
        registry.register(
            "hibernations",
            "Instances that were put to sleep",
            self.hibernations.clone(),
        );
        registry.register_with_unit(
            "wake",
            "What it took to wake an instance, waiting for room included",
            Unit::Seconds,
            self.wakes.clone(),
        );
        registry.register_with_unit(
            "snapshot",
            "The snapshots of instances that were put to sleep",
            Unit::Bytes,
            self.snapshots.clone(),
        );
        registry.register(
            "instances_warm",
            "Instances that no connection has, kept for the next that needs one",
            self.warm.clone(),
        );
        registry.register("mailbox_messages", "Messages that wait in mailboxes", self.mail.clone());
        registry.register(
            "mail_dropped",
            "Messages and published frames that found no room in a mailbox",
            self.mail_dropped.clone(),
        );
        registry.register_with_unit(
            "send_queue",
            "What waits for peers that don't take it at once",
            Unit::Bytes,
            self.send_queues.clone(),
        );
        registry.register(
            "migrations",
            "Connections that were to move to another version of their plugin, by what became of it",
            self.migrations.clone(),
        );
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// The handler accepted it as a WebSocket.
    Accepted,
    /// The handler refused it.
    Refused,
    /// The handler answered it with a response of its own.
    Answered,
    /// No plugin serves such requests.
    NotServed,
    /// It is no handshake that could be answered.
    Malformed,
    /// It came from a page that may not connect.
    Origin,
    /// There was no instance for it in time.
    NoRoom,
    /// There are too many connections.
    Limit,
    /// The handler failed.
    Failed,
}

impl RequestResult {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Answered => "answered",
            Self::NotServed => "not_served",
            Self::Malformed => "malformed",
            Self::Origin => "origin",
            Self::NoRoom => "no_room",
            Self::Limit => "limit",
            Self::Failed => "handler_failed",
        }
    }
}

/// Messages of one kind in one direction.
#[derive(Debug)]
struct Traffic {
    messages: Sharded,
    bytes: Sharded,
}

const KINDS: [&str; 5] = ["text", "binary", "ping", "pong", "close"];

/// Messages in one direction, by kind.
#[derive(Debug)]
pub struct Direction([Traffic; KINDS.len()]);

impl Direction {
    /// Counts a message.
    pub fn count(&self, message: &Message) {
        let kind = match message {
            Message::Text(_) => 0,
            Message::Binary(_) => 1,
            Message::Ping(_) => 2,
            Message::Pong(_) => 3,
            Message::Close(_) => 4,
        };
        let Traffic { messages, bytes } = &self.0[kind];
        messages.add(1);
        bytes.add(message.len_bytes() as u64);
    }
}

/// What is counted of one plugin by labels, each series from when there is something to
/// count. Of what is no plugin, and of files that are none, there is nothing else.
#[derive(Debug)]
pub struct ByLabel {
    plugin: Arc<str>,
    families: Families,
}

/// What is counted of one plugin. What happens with every message is found here
/// at once, all else by its labels.
#[derive(Debug)]
pub struct PluginMetrics {
    /// What happens seldom.
    pub by_label: ByLabel,
    /// Its WebSockets.
    pub connections: Arc<Connections>,
    /// WebSockets that were opened.
    pub opened: Counter,
    /// What peers sent.
    pub received: Direction,
    /// What was sent to peers.
    pub sent: Direction,
    /// Instances that were put to sleep.
    pub hibernations: Counter,
    /// What it took to wake one.
    pub wakes: Durations,
    /// How large their snapshots were, before they were packed.
    pub snapshots: Sizes,
    /// Instances that no connection has.
    pub warm: Level,
    /// The time that its callbacks ran.
    pub ran: Time,
    /// Messages in mailboxes.
    pub mail: Level,
    /// Messages and published frames that found no room in one.
    pub mail_dropped: Counter,
    /// Bytes that a socket did not take at once.
    pub send_queues: Level,
    opened_calls: Durations,
    frames_calls: Durations,
    info_calls: Durations,
    terminate_calls: Durations,
}

impl PluginMetrics {
    pub(super) fn new(plugin: &Arc<str>, families: Families) -> Self {
        let labels = &OfPlugin { plugin: plugin.clone() };
        let direction = |direction| {
            Direction(array::from_fn(|kind| {
                let labels = &ByKind { plugin: plugin.clone(), direction, kind: KINDS[kind] };
                Traffic {
                    messages: families.messages.get_or_create_owned(labels),
                    bytes: families.bytes.get_or_create_owned(labels),
                }
            }))
        };
        let calls = |callback| {
            let labels = &ByCallback { plugin: plugin.clone(), callback };
            families.callbacks.get_or_create_owned(labels)
        };
        Self {
            connections: families.connections.of(plugin),
            opened: families.opened.get_or_create_owned(labels),
            received: direction("received"),
            sent: direction("sent"),
            hibernations: families.hibernations.get_or_create_owned(labels),
            wakes: families.wakes.get_or_create_owned(labels),
            snapshots: families.snapshots.get_or_create_owned(labels),
            warm: families.warm.get_or_create_owned(labels),
            ran: families.ran.get_or_create_owned(labels),
            mail: families.mail.get_or_create_owned(labels),
            mail_dropped: families.mail_dropped.get_or_create_owned(labels),
            send_queues: families.send_queues.get_or_create_owned(labels),
            opened_calls: calls("opened"),
            frames_calls: calls("frames"),
            info_calls: calls("info"),
            terminate_calls: calls("terminate"),
            by_label: ByLabel::new(plugin, families),
        }
    }

    /// A callback returned, so long after it was called.
    pub fn called(&self, callback: &'static str, time: Duration) {
        let calls = match callback {
            "opened" => &self.opened_calls,
            "frames" => &self.frames_calls,
            "info" => &self.info_calls,
            _ => &self.terminate_calls,
        };
        calls.observe(time);
    }
}

impl ByLabel {
    pub(super) fn new(plugin: &Arc<str>, families: Families) -> Self {
        Self { plugin: plugin.clone(), families }
    }

    /// A limit refused something, by the setting's name.
    pub fn limit(&self, setting: &str) {
        let labels = ByLimit { plugin: self.plugin.clone(), limit: setting.to_owned() };
        self.families.limits.get_or_create(&labels).inc();
    }

    /// A request was decided on.
    pub fn request(&self, result: RequestResult) {
        let labels = ByResult { plugin: self.plugin.clone(), result: result.name() };
        self.families.requests.get_or_create(&labels).inc();
    }

    /// A handler failed, for this reason.
    pub fn failure(&self, reason: &'static str) {
        let labels = ByReason { plugin: self.plugin.clone(), reason };
        self.families.failures.get_or_create(&labels).inc();
    }

    /// A connection was to move to another version, and did or did not.
    pub fn migrated(&self, moved: bool) {
        let result = if moved { "moved" } else { "stayed" };
        let labels = ByResult { plugin: self.plugin.clone(), result };
        self.families.migrations.get_or_create(&labels).inc();
    }

    /// A WebSocket ended, by this side; none: without a code.
    pub fn closed(&self, side: &'static str, code: Option<u16>) {
        let labels = ByCode { plugin: self.plugin.clone(), side, code: code_label(code) };
        self.families.closed.get_or_create(&labels).inc();
    }
}

/// Codes that peers and handlers may choose are two labels, as each could be a
/// time series of its own.
fn code_label(code: Option<u16>) -> Cow<'static, str> {
    match code {
        None => "none".into(),
        Some(3000..=3999) => "3xxx".into(),
        Some(4000..=4999) => "4xxx".into(),
        Some(code) => code.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_few() {
        assert_eq!(code_label(Some(1009)), "1009");
        assert_eq!(code_label(Some(3000)), "3xxx");
        assert_eq!(code_label(Some(4999)), "4xxx");
        assert_eq!(code_label(None), "none");
    }
}
