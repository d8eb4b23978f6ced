//! Plugins that come and go, and the operator's own.

use std::fs;

use tempfile::TempDir;
use wshost_tests::{Host, HostBuilder, Mode, Nats, exchange, guest};

use crate::{has_done, know_each_other, node, nodes, open};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn what_the_operator_publishes_reaches_all_nodes() {
    let nats = Nats::start(&[]).await;
    let one = node(&nats.url()).variable("WSHOST_ADMIN_TOKEN", TOKEN).start().await;
    let other = node(&nats.url()).start().await;
    know_each_other([&one, &other].into_iter()).await;
    let (mut b, of_b) = open(&other).await;
    has_done(&mut b, "sub:news").await;
    let post = async |path: &str, body: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        exchange(one.internal_address().await, request).await
    };
    let message = r#"{"message":{"text":"hi"}}"#;
    let answer = post("/v1/plugins/scripted/topics/news/publish", message).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    b.texts(&["published news - hi"]).await;
    // Who is elsewhere is to be reached there.
    let answer = post(&format!("/v1/connections/{of_b}/send"), message).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains(&format!("it is on node {}", &of_b[..8])), "{answer}");
}

#[tokio::test]
async fn plugins_and_clusters_on_one_nats_do_not_hear_each_other() {
    let (nats, [scripted]) = nodes().await;
    let directory = TempDir::new().expect("a directory can be made");
    let second = directory.path().join("second.wasm");
    fs::copy(guest("scripted"), &second).expect("a file can be copied");
    let cluster = |host: HostBuilder| host.argument("--cluster").argument(&nats.url());
    let second = cluster(Host::of_file(&second)).start().await;
    let elsewhere = cluster(Host::of("scripted")).argument("--cluster-prefix").argument("other");
    let hosts = [scripted, second, elsewhere.start().await];
    let mut clients = Vec::new();
    for host in &hosts {
        host.metric_reaches("wshost_cluster_connected", &[], 1).await;
        let (mut client, id) = open(host).await;
        has_done(&mut client, "sub:topic;watch:room").await;
        assert_eq!(client.ask("register:name").await, "registered true");
        clients.push((client, id));
    }
    for (client, _) in &mut clients {
        has_done(client, "msg-others:topic:x;leave:room").await;
    }
    for (client, id) in &mut clients {
        client.say(format!("enter:room:only;msg:topic:{id}")).await;
        let mut told = [client.text().await, client.text().await];
        told.sort();
        let all = [format!("joined room {id} name only"), format!("published topic {id} {id}")];
        assert_eq!(told, all);
    }
    for host in &hosts {
        assert_eq!(host.metric("wshost_cluster_nodes", &[]).await, 0);
    }
}

#[tokio::test]
async fn a_plugin_that_is_served_again_is_not_taken_for_gone() {
    let nats = Nats::start(&[]).await;
    let directory = TempDir::new().expect("a directory can be made");
    let file = directory.path().join("scripted.wasm");
    let put = || {
        let beside = directory.path().join(".new");
        fs::copy(guest("scripted"), &beside).expect("a file can be copied");
        fs::rename(beside, &file).expect("a file can be moved");
    };
    put();
    let host = Host::of_directory(directory.path()).argument("--cluster").argument(&nats.url());
    let host = host.start().await;
    let other = node(&nats.url()).start().await;
    know_each_other([&host, &other].into_iter()).await;
    let (mut a, _) = open(&other).await;
    has_done(&mut a, "watch:room").await;
    for round in 1..4 {
        let mut client = Mode::HTTP1.ask(&host).target("/scripted").open().await;
        let id = client.id().await;
        has_done(&mut client, &format!("enter:room:{round}")).await;
        a.texts(&[&format!("joined room {id} - {round}")]).await;
        has_done(&mut client, "enter:room:still").await;
        a.texts(&[&format!("updated room {id} - still")]).await;
        fs::remove_file(&file).expect("a file can be removed");
        client.closed_with(1012).await;
        a.texts(&[&format!("left room {id} - still")]).await;
        put();
        host.log().lines_reach(round + 1, &["plugin deployed"]).await;
    }
}
