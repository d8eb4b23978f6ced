//! What docs/cluster.md promises: the same plugin on several nodes, and what is outside.

mod away;
mod chaos;
mod chat;
mod full;
mod history;
mod outside;
mod refused;
mod served;
mod together;

use wshost_tests::{Client, Host, HostBuilder, Mode, Nats};

/// A host that reaches others by this URL.
fn node(url: &str) -> HostBuilder {
    Host::of("scripted").argument("--cluster").argument(url)
}

/// A server, and hosts that know each other.
async fn nodes<const N: usize>() -> (Nats, [Host; N]) {
    let nats = Nats::start(&[]).await;
    let mut hosts = Vec::new();
    for _ in 0..N {
        hosts.push(node(&nats.url()).start().await);
    }
    know_each_other(hosts.iter()).await;
    (nats, hosts.try_into().unwrap_or_else(|_| unreachable!("there are so many")))
}

/// Waits until hosts know each other, and no others.
async fn know_each_other<'a>(hosts: impl ExactSizeIterator<Item = &'a Host>) {
    let others = hosts.len() as u64 - 1;
    for host in hosts {
        host.metric_reaches("wshost_cluster_nodes", &[], others).await;
        host.metric_falls_to("wshost_cluster_nodes", &[], others).await;
    }
}

/// A connection, and its id.
async fn open(host: &Host) -> (Client, String) {
    let mut client = Mode::HTTP1.ask(host).open().await;
    let id = client.id().await;
    (client, id)
}

/// Has done this, and all that follows of it. Nothing of it comes back to this client:
/// it would be before or behind.
async fn has_done(client: &mut Client, script: &str) {
    client.say(script).await;
    // Effects come behind the callback, and before the next one.
    client.say("text:done").await;
    assert_eq!(client.text().await, "done", "{script}");
}
