//! `wshost bench echo`: messages to a server that sends them back.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use clap::Args;

use super::{
    Common, Course,
    crew::{self, Plan, Span},
    disturb::Disturbances,
    exchange::Exchange,
    make_room,
    pace::{Even, Pace},
    pattern::Pattern,
    report::Report,
};

/// Sends messages to an echo server, and checks every reply.
///
/// Each connection has a number of messages on their way all the time: for each
/// reply it sends one more. With --rate it sends at that rate instead, whether there
/// are replies or not.
#[derive(Args)]
pub(super) struct Echo {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many connections
    #[arg(long, default_value = "50")]
    connections: NonZeroUsize,
    /// The length of a message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// How many messages of a connection are on their way at once
    #[arg(long, value_name = "MESSAGES", default_value = "1")]
    in_flight: NonZeroUsize,
    /// How many messages all connections together send a second, at even times
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "in_flight")]
    rate: Option<NonZeroU32>,
    /// Sends text instead of binary
    #[arg(long)]
    text: bool,
    /// A text that makes the handler do what it shouldn't, as `loop` does to the
    /// scripted guest; more connections send it, and are opened anew whenever the
    /// server ends them
    #[arg(long, value_name = "TEXT", requires = "disturbers")]
    disturb: Option<String>,
    /// How many they are
    #[arg(long, value_name = "CONNECTIONS", requires = "disturb", default_value_t = 0)]
    disturbers: usize,
}

impl Echo {
    pub(super) fn run(self) -> Result<()> {
        let connections = self.connections.get();
        make_room(connections + self.disturbers)?;
        let target = Arc::new(self.common.target()?);
        let pattern = Arc::new(Pattern::new(self.size, self.text));
        let interval = self.interval()?;
        let in_flight = self.in_flight.get() as u64;
        let disturb: Arc<str> = self.disturb.unwrap_or_default().into();
        let disturbances = Disturbances::default();
        let disturbing = disturbances.clone();
        let plan = Plan {
            tasks: connections + self.disturbers,
            threads: self.course.threads(),
            span: Span::from(&self.course),
            server: self.common.server()?,
            counted: "messages",
        };
        let measured = crew::run(plan, move |worker| {
            let (target, pattern) = (target.clone(), pattern.clone());
            let (disturb, disturbing) = (disturb.clone(), disturbing.clone());
            async move {
                if worker.index >= connections {
                    return disturbing.run(worker, &target, &disturb).await;
                }
                let socket = worker.open(&target).await?;
                worker.ready();
                let even = |interval| Pace::Even(Even::new(interval, worker.index));
                let pace = interval.map_or(Pace::InFlight(in_flight), even);
                Exchange::new(socket, worker, pattern, pace).run().await
            }
        })?;
        let mut report = Report::new("echo", &self.common.url);
        report.add("connections", connections);
        report.add("size_bytes", self.size);
        match self.rate {
            Some(rate) => report.add("rate_per_second", rate.get()),
            None => report.add("in_flight", self.in_flight.get()),
        }
        let names = ["messages", "messages_per_second", "messages_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add_latency(&measured.latency);
        if self.disturbers > 0 {
            disturbances.report(&mut report);
        }
        report.print(self.common.json)
    }

    /// Of one connection's messages at a rate.
    fn interval(&self) -> Result<Option<Duration>> {
        let Some(rate) = self.rate else { return Ok(None) };
        let connections = u32::try_from(self.connections.get())?;
        Ok(Some(Duration::from_secs(1) * connections / rate.get()))
    }
}
