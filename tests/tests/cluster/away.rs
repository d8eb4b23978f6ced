//! NATS away, and back.

use std::collections::HashSet;

use wshost_tests::{Client, Host, Nats, Signal, Wire};

use crate::{has_done, know_each_other, node, nodes, open};

/// Local traffic goes on, and the rest is refused.
async fn is_alone(host: &Host, client: &mut Client, elsewhere: &str) {
    host.metric_falls_to("wshost_cluster_connected", &[], 0).await;
    let (mut local, of_local) = open(host).await;
    has_done(client, "sub:alone").await;
    has_done(&mut local, "pub:alone:goes on;unsub:alone").await;
    client.texts(&["goes on"]).await;
    let (mut third, of_third) = open(host).await;
    has_done(&mut third, &format!("send:{of_local}:goes on")).await;
    local.texts(&[&format!("direct {of_third} goes on")]).await;
    for refused in ["send:{}:x", "call:{}:1000:x", "monitor:{}", "register:x", "lookup:x"] {
        let script = refused.replace("{}", elsewhere);
        let answer = client.ask(script).await;
        assert!(answer.starts_with("error unavailable "), "{refused}: {answer}");
    }
    // What was published for others is counted.
    host.metric_reaches("wshost_cluster_unsent_total", &[], 1).await;
    has_done(client, "unsub:alone").await;
}

#[tokio::test]
async fn what_was_so_is_so_again_when_nats_is_back() {
    let (mut nats, [one, other]) = nodes().await;
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    let (mut c, of_c) = open(&other).await;
    has_done(&mut a, &format!("watch:room;sub:topic;monitor:{of_c}")).await;
    assert_eq!(b.ask("register:bob").await, "registered true");
    nats.kill();
    is_alone(&one, &mut a, &of_b).await;
    is_alone(&other, &mut b, &of_a).await;
    // Somebody comes, and somebody goes.
    has_done(&mut b, "enter:room:b").await;
    c.say("stop").await;
    c.closed_with(1000).await;
    nats.restart().await;
    for host in [&one, &other] {
        host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    }
    let mut told = [a.text().await, a.text().await];
    told.sort();
    assert!(told[0].starts_with(&format!("down {of_c} ")), "{told:?}");
    assert_eq!(told[1], format!("joined room {of_b} bob b"));
    assert_eq!(a.ask("lookup:bob;register:bob").await, format!("named {of_b}"));
    a.texts(&["registered false"]).await;
    has_done(&mut b, &format!("msg:topic:x;send:{of_a}:y")).await;
    let mut told = [a.text().await, a.text().await];
    told.sort();
    assert_eq!(told, [format!("direct {of_b} y"), format!("published topic {of_b} x")]);
}

#[tokio::test]
async fn a_name_that_is_asked_for_twice_is_free_once() {
    let (mut nats, [one, other]) = nodes().await;
    let ((mut a, of_a), (mut b, _)) = (open(&one).await, open(&other).await);
    for _ in 0..2 {
        assert_eq!(a.ask("register:x").await, "registered true");
        assert_eq!(b.ask("register:x").await, "registered false");
    }
    nats.kill();
    one.metric_falls_to("wshost_cluster_connected", &[], 0).await;
    // It has it, which nobody else need be asked.
    assert_eq!(a.ask("register:x").await, "registered true");
    nats.restart().await;
    for host in [&one, &other] {
        host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    }
    assert_eq!(b.ask("lookup:x").await, format!("named {of_a}"));
    has_done(&mut b, &format!("monitor:{of_a}")).await;
    a.say("stop").await;
    a.closed_with(1000).await;
    assert!(b.text().await.starts_with(&format!("down {of_a} ")));
    assert_eq!(b.ask("register:x").await, "registered true");
}

#[tokio::test]
async fn a_host_starts_without_nats() {
    let mut nats = Nats::start(&[]).await;
    nats.kill();
    let host = node(&nats.url()).start().await;
    host.log().line_with(&["WARN", "no NATS server at"]).await;
    let (mut a, of_a) = open(&host).await;
    is_alone(&host, &mut a, &of_a.replace(&of_a[..8], "00000001")).await;
    nats.restart().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    let other = node(&nats.url()).start().await;
    know_each_other([&host, &other].into_iter()).await;
    let (mut b, _) = open(&other).await;
    has_done(&mut b, &format!("send:{of_a}:hello")).await;
    assert!(a.text().await.ends_with(" hello"));
}

#[tokio::test]
async fn a_node_that_is_cut_off_is_missed_and_found_again() {
    let nats = Nats::start(&[]).await;
    let wire = Wire::to(nats.address()).await;
    let one = node(&nats.url()).start().await;
    let other = node(&wire.url()).start().await;
    know_each_other([&one, &other].into_iter()).await;
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    has_done(&mut a, &format!("watch:room;monitor:{of_b}")).await;
    has_done(&mut b, &format!("enter:room:b;monitor:{of_a}")).await;
    assert_eq!(b.ask("register:name").await, "registered true");
    a.texts(&[&format!("joined room {of_b} - b")]).await;
    wire.cut();
    let mut told = [a.text().await, a.text().await];
    told.sort();
    assert_eq!(told[0], format!("down {of_b} its node is gone"));
    assert_eq!(told[1], format!("left room {of_b} - b"));
    is_alone(&other, &mut b, &of_a).await;
    // Meanwhile its name is given to another.
    assert_eq!(a.ask("register:name").await, "registered true");
    wire.mend();
    a.texts(&[&format!("joined room {of_b} - b")]).await;
    // One of the two has lost it; both agree on which.
    while a.ask("lookup:name").await != b.ask("lookup:name").await {}
    let lost = async |host: &Host| host.metric("wshost_cluster_names_lost_total", &[]).await;
    assert_eq!(lost(&one).await + lost(&other).await, 1);
    // What was lost is asked for again: the monitor too.
    a.say("stop").await;
    a.closed_with(1000).await;
    assert!(b.text().await.starts_with(&format!("down {of_a} ")));
}

#[tokio::test]
async fn a_host_that_stood_still_takes_nobody_for_dead() {
    let (_nats, [one, other]) = nodes().await;
    let ((mut a, _), (mut b, of_b)) = (open(&one).await, open(&other).await);
    has_done(&mut a, "watch:room").await;
    has_done(&mut b, "enter:room:b").await;
    a.texts(&[&format!("joined room {of_b} - b")]).await;
    one.signal(Signal::STOP);
    other.log().line_with(&["nothing is heard of this node any more"]).await;
    one.signal(Signal::CONT);
    know_each_other([&one, &other].into_iter()).await;
    has_done(&mut b, "enter:room:still").await;
    a.texts(&[&format!("updated room {of_b} - still")]).await;
    assert!(one.log().lines_with(&["nothing is heard"]).is_empty());
}

#[tokio::test]
async fn all_ends_are_told_that_were_missed_and_have_no_room_at_once() {
    let nats = Nats::start(&[]).await;
    let wire = Wire::to(nats.address()).await;
    let small = |url: &str| node(url).set("cluster_queue_max_bytes=131072");
    let (one, other) = (small(&wire.url()).start().await, small(&nats.url()).start().await);
    know_each_other([&one, &other].into_iter()).await;
    let (mut a, _) = open(&one).await;
    let (mut clients, mut monitored) = (Vec::new(), HashSet::new());
    for _ in 0..300 {
        let (client, id) = open(&other).await;
        has_done(&mut a, &format!("monitor:{id}")).await;
        clients.push(client);
        monitored.insert(id);
    }
    wire.cut();
    one.metric_falls_to("wshost_cluster_connected", &[], 0).await;
    drop(clients);
    other.metric_falls_to("wshost_connections", &[], 0).await;
    wire.mend();
    while !monitored.is_empty() {
        let told = a.text().await;
        let id = told.strip_prefix("down ").and_then(|rest| rest.split(' ').next());
        assert!(id.is_some_and(|id| monitored.remove(id)), "{told}");
    }
}
