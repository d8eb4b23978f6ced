//! Topics with a history, on many nodes.

use std::path::Path;

use tempfile::TempDir;
use wshost_tests::{Client, HostBuilder, Nats, Wire};

use crate::{has_done, know_each_other, node, open};

fn keeps_history(directory: &TempDir) -> impl Fn(HostBuilder) -> HostBuilder {
    let file = directory.path().join("wshost.toml");
    let rule = "[plugins.scripted.history]\n\"kept.*\" = { count = 1000 }";
    std::fs::write(&file, rule).expect("a file can be written");
    move |host| host.argument("--config").argument(text(&file))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The next that was published: what it says, and its position.
async fn published(client: &mut Client) -> (String, String) {
    let text = client.text().await;
    let (said, position) = text.rsplit_once(" @").unwrap_or_else(|| panic!("no position: {text}"));
    let said = said.rsplit(' ').next().unwrap_or_default();
    (said.to_owned(), position.to_owned())
}

#[tokio::test]
async fn nothing_is_missing_or_twice_on_any_node() {
    let directory = TempDir::new().expect("a directory can be made");
    let (keeps, nats) = (keeps_history(&directory), Nats::start(&[]).await);
    let hosts = [keeps(node(&nats.url())).start().await, keeps(node(&nats.url())).start().await];
    know_each_other(hosts.iter()).await;
    let (mut a, _) = open(&hosts[0]).await;
    let (mut live, _) = open(&hosts[1]).await;
    has_done(&mut live, "sub:kept.x").await;
    for number in 0..100 {
        a.say(format!("msg:kept.x:{number}")).await;
    }
    // Some of it is history by now, and some is to come.
    let (mut late, _) = open(&hosts[1]).await;
    late.say("sub-last:1000:kept.x").await;
    for number in 0..100 {
        for client in [&mut live, &mut late] {
            assert_eq!(published(client).await.0, number.to_string());
        }
    }
    for host in &hosts {
        let (mut client, _) = open(host).await;
        client.say("sub-last:1000:kept.x").await;
        for number in 0..100 {
            assert_eq!(published(&mut client).await.0, number.to_string());
        }
    }
}

/// One on each side of a wire that is cut while `b` publishes, or `a` does; and what `a`
/// is told when it comes back.
async fn published_while_cut(b_publishes: bool) {
    let directory = TempDir::new().expect("a directory can be made");
    let (keeps, nats) = (keeps_history(&directory), Nats::start(&[]).await);
    let wire = Wire::to(nats.address()).await;
    let cut = keeps(node(&wire.url())).start().await;
    let whole = keeps(node(&nats.url())).start().await;
    know_each_other([&cut, &whole].into_iter()).await;
    let (of_a, of_b) = if b_publishes { (&cut, &whole) } else { (&whole, &cut) };
    let ((mut a, _), (mut b, _)) = (open(of_a).await, open(of_b).await);
    has_done(&mut a, "sub:kept.x").await;
    has_done(&mut b, "msg:kept.x:before").await;
    let (said, position) = published(&mut a).await;
    assert_eq!(said, "before");
    wire.cut();
    cut.metric_falls_to("wshost_cluster_connected", &[], 0).await;
    has_done(&mut b, "msg:kept.x:meanwhile").await;
    wire.mend();
    cut.metric_reaches("wshost_cluster_connected", &[], 1).await;
    // What comes by the new connection comes behind its subscriptions.
    let (back, there) = if b_publishes { (&mut a, &mut b) } else { (&mut b, &mut a) };
    let id = there.id().await;
    has_done(back, &format!("send:{id}:back")).await;
    assert!(there.text().await.ends_with(" back"));
    has_done(&mut b, "msg:kept.x:after").await;
    assert_eq!(published(&mut a).await.0, "after");
    // By the next heartbeat at the latest.
    loop {
        has_done(&mut a, "unsub:kept.x").await;
        a.say(format!("sub-after:{position}:kept.x")).await;
        if a.text().await == "gap kept.x" {
            break;
        }
    }
    assert_eq!(published(&mut a).await.0, "after");
}

#[tokio::test]
async fn who_was_cut_off_is_told_of_a_gap() {
    published_while_cut(true).await;
}

#[tokio::test]
async fn who_heard_nothing_of_a_node_that_was_cut_off_is_told_of_a_gap() {
    published_while_cut(false).await;
}
