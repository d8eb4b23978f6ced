//! What `cargo xtask bench` measures, on which servers, and what it is to reach.

use std::time::Duration;

use crate::server::Kind;

/// What is measured.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Of `wshost bench`.
    pub(super) arguments: &'static str,
    pub(super) time: Time,
    /// What of its report is compared.
    pub(super) measure: &'static str,
    pub(super) unit: &'static str,
    /// The servers that are measured.
    pub(super) servers: &'static [Kind],
    /// That which is to reach so much of the rival's figure.
    pub(super) measured: Kind,
    pub(super) rival: Kind,
    /// None: it is measured to be known.
    pub(super) goal: Option<f64>,
}

/// How long a scenario is measured.
#[derive(Clone, Copy)]
pub(super) enum Time {
    /// As long as asked.
    AsAsked,
    /// As long as asked, and this many seconds at least, because less happens in a second.
    AtLeast(u64),
    /// Until it has done what it does.
    UntilDone,
}

impl Time {
    /// What `wshost bench` is told, if this much was asked for.
    pub(super) fn of(self, asked: Duration) -> Option<Duration> {
        match self {
            Self::AsAsked => Some(asked),
            Self::AtLeast(seconds) => Some(asked.max(Duration::from_secs(seconds))),
            Self::UntilDone => None,
        }
    }
}

const NATIVE_AND_OURS: &[Kind] = &[Kind::Batched, Kind::Plain, Kind::Fastwebsockets, Kind::Wshost];

const FANOUT: &[Kind] = &[Kind::BroadcastBatched, Kind::BroadcastPlain, Kind::Topic];

/// All of them.
pub(super) const SCENARIOS: [Scenario; 14] = [
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        time: Time::AsAsked,
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.75),
    },
    Scenario {
        name: "echo, 64 KiB, 20 connections, 1 in flight",
        arguments: "echo --connections 20 --size 65536 --in-flight 1",
        time: Time::AsAsked,
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Fastwebsockets,
        goal: Some(0.9),
    },
    Scenario {
        name: "echo, 64 B, 200 connections, 16 in flight",
        arguments: "echo --connections 200 --size 64 --in-flight 16",
        time: Time::AsAsked,
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.65),
    },
    Scenario {
        name: "echo, 64 B, 10,000 connections in turns",
        arguments: "sparse --connections 10000 --size 64 --warm-up 2",
        time: Time::AtLeast(5),
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Batched, Kind::Wshost],
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.5),
    },
    Scenario {
        name: "echo, 64 B, 10,000 connections in turns, hibernating at once",
        arguments: "sparse --connections 10000 --size 64 --warm-up 2",
        time: Time::AtLeast(5),
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Batched, Kind::HibernatingAtOnce],
        measured: Kind::HibernatingAtOnce,
        rival: Kind::Batched,
        goal: Some(0.5),
    },
    Scenario {
        name: "set-ups, 20 at once",
        arguments: "connect --connections-at-once 20",
        time: Time::AsAsked,
        measure: "setups_per_server_cpu_second",
        unit: "set-ups",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.6),
    },
    Scenario {
        name: "set-ups, 5,000 kept",
        arguments: "connect --keep 5000 --connections-at-once 64",
        time: Time::UntilDone,
        measure: "setups_per_server_cpu_second",
        unit: "set-ups",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.5),
    },
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight, hibernating",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        time: Time::AsAsked,
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Wshost, Kind::Hibernating],
        measured: Kind::Hibernating,
        rival: Kind::Wshost,
        goal: Some(0.95),
    },
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight, hibernating at once",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        time: Time::AsAsked,
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Wshost, Kind::HibernatingAtOnce],
        measured: Kind::HibernatingAtOnce,
        rival: Kind::Wshost,
        goal: Some(0.25),
    },
    Scenario {
        name: "fan-out to 1,000, back to back",
        arguments: "fanout --receivers 1000 --join sub:news --publish pub-others:news:{}",
        time: Time::AsAsked,
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: Some(0.9),
    },
    Scenario {
        name: "fan-out to 1,000, 16 in flight",
        arguments: "fanout --receivers 1000 --in-flight 16 --join sub:news --publish pub-others:news:{}",
        time: Time::AsAsked,
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: None,
    },
    Scenario {
        name: "fan-out to 1,000, one every 10 ms",
        arguments: "fanout --receivers 1000 --every 10 --join sub:news --publish pub-others:news:{}",
        time: Time::AsAsked,
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastPlain,
        goal: Some(0.9),
    },
    Scenario {
        name: "fan-out to 1,000, one a second",
        arguments: "fanout --receivers 1000 --every 1000 --join sub:news --publish pub-others:news:{}",
        time: Time::AtLeast(10),
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: Some(0.8),
    },
    Scenario {
        name: "fan-out to 1,000, each woken by info",
        arguments: "fanout --receivers 1000 --join sub:news --publish msg-others:news:{}",
        time: Time::AsAsked,
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: None,
    },
];
