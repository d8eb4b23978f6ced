//! The same plugin on many nodes, over NATS. `docs/cluster.md` says what can be relied
//! on, and which subjects there are.
//!
//! Each plugin's hub has a `Member` as its way to the others. What is published goes
//! to a subject of the topic's name and is heard by all nodes; letters go to one node.
//! What a node's connections are called and where they are present it tells all, as it
//! changes, and all of it to whom missed something: what a node tells is numbered, and
//! its heartbeats are too. So nothing of it is kept by NATS, and whatever is lost is
//! noticed a second later.
//!
//! Knows neither sockets nor guests.

mod counts;
mod facts;
mod hearing;
mod member;
mod options;
mod outbox;
mod packet;
mod roster;
mod subjects;
mod view;
mod wire;

use std::{
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Context as _, Result};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::{sync::watch, time::timeout};

pub use self::{counts::Counts, options::ClusterOptions};
use self::{member::Member, options::is_refusal, outbox::Outbox, wire::Malformed};
use crate::{config::Config, messaging::Hub};

/// The header with the id of the connection that publishes.
const FROM: &str = "Wshost-From";
/// How long saying goodbye may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How many messages wait in the client to be written: enough to be written together.
const CLIENT_CAPACITY: usize = 64;

/// The cluster, as one host sees it: one connection to NATS.
#[derive(Debug)]
pub struct Cluster {
    prefix: String,
    client: Client,
    outbox: Outbox,
    /// Whether NATS is there, told again with each new connection.
    connections: watch::Receiver<bool>,
    counts: Arc<Counts>,
    members: Mutex<Vec<Weak<Member>>>,
}

impl Cluster {
    /// Connects. Where no server is there, goes on trying.
    ///
    /// # Errors
    /// What was given can't be read, or a server refuses it.
    pub async fn connect(options: &ClusterOptions, config: &Config) -> Result<Arc<Self>> {
        let servers = options.servers()?;
        let counts = Arc::<Counts>::default();
        let (said, connections) = watch::channel(false);
        let said = Arc::new(said);
        let connection = async || {
            let connection = options.connection(&servers).await?;
            let (said, counts) = (said.clone(), counts.clone());
            let connection = connection.event_callback(move |event| {
                tell(&said, &counts, &event);
                std::future::ready(())
            });
            let connection = connection
                .client_capacity(CLIENT_CAPACITY)
                .subscription_capacity(config.cluster_receive_max);
            anyhow::Ok(connection)
        };
        let first = connection().await?.connect(servers.as_slice()).await;
        let client = match first {
            Ok(client) => client,
            Err(error) if is_refusal(&error) => {
                return Err(error).with_context(|| format!("--cluster {}", names(&servers)));
            }
            Err(error) => {
                tracing::warn!(
                    "no NATS server at {}: {error}; other nodes are not reached until there is one",
                    names(&servers)
                );
                retry(connection().await?, &servers).await?
            }
        };
        let outbox = Outbox::new(
            client.clone(),
            config.cluster_queue_max,
            config.cluster_queue_max_bytes,
            counts.clone(),
        );
        let prefix = options.prefix.clone();
        Ok(Arc::new(Self {
            prefix,
            client,
            outbox,
            connections,
            counts,
            members: Mutex::default(),
        }))
    }

    /// Has a plugin's hub reach the other nodes, as long as there is the hub.
    pub fn join(self: &Arc<Self>, plugin: &str, hub: &Arc<Hub>) {
        let member = Arc::new(Member::new(self.clone(), plugin, hub));
        hub.connect(member.clone());
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(&member));
        drop(members);
        tokio::spawn(hearing::run(member));
    }

    /// Tells the other nodes that this one goes.
    pub async fn leave(&self) {
        self.members().iter().for_each(|member| member.bye());
        if self.is_connected() {
            // They notice by themselves, if later.
            let _ = timeout(LEAVE_TIMEOUT, self.outbox.flush()).await;
        }
    }

    /// Whether NATS is there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.outbox.is_connected()
    }

    /// How many other nodes there are: those of the plugin that has most.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.members().iter().map(|member| member.lock().roster.len()).max().unwrap_or(0)
    }

    /// What is counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    fn members(&self) -> Vec<Arc<Member>> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter_map(Weak::upgrade).collect()
    }

    fn say_malformed(&self, malformed: Malformed) {
        self.counts.malformed.fetch_add(1, Relaxed);
        if let Some(others) = self.counts.malformed_said.say() {
            tracing::warn!(others, "a message from NATS was left out: {malformed}");
        }
    }
}

async fn retry(connection: ConnectOptions, servers: &[ServerAddr]) -> Result<Client> {
    Ok(connection.retry_on_initial_connect().connect(servers).await?)
}

/// The servers, without what their URLs have of passwords.
fn names(servers: &[ServerAddr]) -> String {
    let name = |server: &ServerAddr| format!("{}:{}", server.host(), server.port());
    servers.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What the client has to tell.
fn tell(connected: &watch::Sender<bool>, counts: &Counts, event: &Event) {
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            // After this, all are new.
            counts.is_new_error("");
            connected.send_replace(true);
        }
        Event::Disconnected => {
            tracing::warn!("NATS is away: other nodes are not reached until it is back");
            connected.send_replace(false);
        }
        Event::SlowConsumer(_) => {
            counts.unread.fetch_add(1, Relaxed);
            if let Some(others) = counts.unread_said.say() {
                tracing::warn!(
                    others,
                    "other nodes publish faster than this one takes it (cluster_receive_max): \
                     messages are lost"
                );
            }
        }
        Event::Closed | Event::Draining | Event::LameDuckMode => {
            tracing::info!("NATS: {event}");
        }
        Event::ServerError(_) | Event::ClientError(_) => {
            let error = event.to_string();
            if counts.is_new_error(&error) {
                tracing::warn!("NATS: {error}");
            }
        }
    }
}
