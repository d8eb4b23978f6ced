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

mod beat;
mod contact;
mod counts;
mod facts;
mod hearing;
mod intake;
mod member;
mod options;
mod outbox;
mod packet;
mod roster;
mod subjects;
mod view;
mod wire;

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use anyhow::{Context as _, Result};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use futures_util::future::join_all;
use tokio::{sync::watch, time::timeout};

pub use self::{counts::Counts, options::ClusterOptions};
use self::{
    intake::Intake,
    member::{Life, Member},
    options::is_refusal,
    outbox::Outbox,
};
use crate::{
    config::Config,
    messaging::{Hub, Remote as _},
};

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
    config: Arc<Config>,
    link: watch::Receiver<Link>,
    counts: Arc<Counts>,
    members: Mutex<Vec<(Box<str>, Weak<Member>)>>,
}

/// The connection to NATS, as the client tells of it.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    is_up: bool,
    /// How many connections there were.
    ups: u64,
    /// How many messages the client had no room for.
    unread: u64,
}

impl Cluster {
    /// Connects. Where no server is there, goes on trying.
    ///
    /// # Errors
    /// What was given can't be read, or a server refuses it.
    pub async fn connect(options: &ClusterOptions, config: Arc<Config>) -> Result<Arc<Self>> {
        let servers = options.servers()?;
        let counts = Arc::<Counts>::default();
        let (said, link) = watch::channel(Link::default());
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
        let prefix = options.prefix.clone();
        Ok(Arc::new(Self { prefix, client, config, link, counts, members: Mutex::default() }))
    }

    /// What waits to be sent of a plugin.
    fn outbox(&self) -> Outbox {
        let bytes_max = self.config.cluster_queue_max_bytes;
        Outbox::new(self.client.clone(), bytes_max, self.counts.clone())
    }

    /// What comes to two subjects.
    async fn intake(&self, first: String, second: String) -> Result<Intake> {
        let (first, second) = (self.client.subscribe(first), self.client.subscribe(second));
        let bytes_max = self.config.cluster_receive_max_bytes;
        Ok(Intake::new(first.await?, second.await?, bytes_max, self.counts.clone()))
    }

    /// Has a plugin's hub reach the other nodes, as long as there is the hub.
    pub fn join(self: &Arc<Self>, plugin: &str, hub: &Arc<Hub>) {
        let member = Arc::new(Member::new(self.clone(), plugin, hub));
        hub.connect(member.clone());
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|(_, member)| member.strong_count() > 0);
        let before = members.iter().rfind(|(name, _)| **name == *plugin);
        let before = before.and_then(|(_, member)| Some(member.upgrade()?.life.subscribe()));
        members.push((plugin.into(), Arc::downgrade(&member)));
        drop(members);
        tokio::spawn(hearing::run(member, before));
    }

    /// Tells the other nodes that this one goes.
    pub async fn leave(&self) {
        let members = self.members();
        members.iter().for_each(|member| member.leave());
        let gone = members.iter().map(async |member| {
            let mut life = member.life.subscribe();
            // The sender is the member's.
            let _ = life.wait_for(|life| *life == Life::Gone).await;
        });
        // Others notice by themselves, if later.
        let _ = timeout(LEAVE_TIMEOUT, join_all(gone)).await;
    }

    /// Whether NATS is there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        outbox::is_connected(&self.client)
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
        members.iter().filter_map(|(_, member)| member.upgrade()).collect()
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
fn tell(link: &watch::Sender<Link>, counts: &Counts, event: &Event) {
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            // After this, all are new.
            counts.is_new_error("");
            link.send_modify(|link| {
                link.is_up = true;
                link.ups += 1;
            });
        }
        Event::Disconnected => {
            tracing::warn!("NATS is away: other nodes are not reached until it is back");
            link.send_modify(|link| link.is_up = false);
        }
        Event::SlowConsumer(_) => {
            counts.say_unread("cluster_receive_max");
            link.send_modify(|link| link.unread += 1);
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
