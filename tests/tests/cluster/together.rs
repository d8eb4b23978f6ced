//! Nodes that reach each other.

use serde_json::Value;
use wshost_tests::{Client, Nats};

use crate::{has_done, know_each_other, node, nodes, open};

#[tokio::test]
async fn what_is_published_reaches_all_nodes_once() {
    let (_nats, [one, other]) = nodes().await;
    let ((mut a, of_a), (mut b, _)) = (open(&one).await, open(&other).await);
    // Both match: it comes once all the same.
    for client in [&mut a, &mut b] {
        has_done(client, "sub:rooms.*;sub:rooms.1").await;
    }
    a.say("pub:rooms.1:frame;pub-others:rooms.1:others;msg:rooms.1:message").await;
    b.texts(&["frame", "others", &format!("published rooms.1 {of_a} message")]).await;
    a.texts(&["frame", &format!("published rooms.1 {of_a} message")]).await;
    for number in 0..100 {
        a.say(format!("pub-others:rooms.1:{number}")).await;
    }
    for number in 0..100 {
        assert_eq!(b.text().await, number.to_string());
    }
    // What no subject of NATS's can have in it.
    for topic in ["a room with spaces", "100%", "é.>b.*c"] {
        has_done(&mut b, &format!("sub:{topic}")).await;
        has_done(&mut a, &format!("msg:{topic}:x")).await;
        b.texts(&[&format!("published {topic} {of_a} x")]).await;
    }
    has_done(&mut b, "unsub:rooms.*;unsub:rooms.1").await;
    has_done(&mut a, &format!("pub-others:rooms.1:nobody;send:{}:last", b.id().await)).await;
    b.texts(&[&format!("direct {of_a} last")]).await;
}

#[tokio::test]
async fn connections_of_other_nodes_are_asked_and_answer() {
    let (_nats, [one, other]) = nodes().await;
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    assert_ne!(of_a[..8], of_b[..8], "the first of an id is the node");
    for number in 0..50 {
        a.say(format!("send:{of_b}:{number}")).await;
    }
    for number in 0..50 {
        assert_eq!(b.text().await, format!("direct {of_a} {number}"));
    }
    let call = a.ask(format!("call:{of_b}:30000:what?")).await;
    let call = call.strip_prefix("call-id ").expect("a call has an id").to_owned();
    b.texts(&[&format!("call {of_a} {call} what?")]).await;
    b.say(format!("reply:{of_a}:{call}:that")).await;
    a.texts(&[&format!("reply {call} that")]).await;
}

async fn asks_nobody(client: &mut Client, nobody: &str) {
    let call = client.ask(format!("call:{nobody}:30000:x")).await;
    let call = call.strip_prefix("call-id ").expect("a call has an id").to_owned();
    client.texts(&[&format!("reply {call} error unavailable no connection")]).await;
    client.say(format!("monitor:{nobody}")).await;
    client.texts(&[&format!("down {nobody} no connection")]).await;
}

#[tokio::test]
async fn the_end_of_a_connection_is_told_on_other_nodes() {
    let (_nats, [one, other, third]) = nodes().await;
    let ((mut a, _), (mut b, of_b)) = (open(&one).await, open(&other).await);
    let (_c, of_c) = open(&third).await;
    has_done(&mut a, &format!("monitor:{of_b};monitor:{of_c}")).await;
    b.say("stop").await;
    b.closed_with(1000).await;
    assert!(a.text().await.starts_with(&format!("down {of_b} ")));
    asks_nobody(&mut a, &of_b).await;
    // Killed: nobody says goodbye.
    drop(third);
    a.texts(&[&format!("down {of_c} its node is gone")]).await;
    asks_nobody(&mut a, &of_c).await;
    asks_nobody(&mut a, &format!("00000001{}", &of_b[8..])).await;
    know_each_other([&one, &other].into_iter()).await;
}

#[tokio::test]
async fn a_call_ends_with_the_node_that_was_asked() {
    let (_nats, [one, other]) = nodes().await;
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    let call = a.ask(format!("call:{of_b}:30000:what?")).await;
    let call = call.strip_prefix("call-id ").expect("a call has an id").to_owned();
    b.texts(&[&format!("call {of_a} {call} what?")]).await;
    drop(other);
    a.texts(&[&format!("reply {call} error unavailable no connection")]).await;
}

#[tokio::test]
async fn who_asks_for_a_node_that_there_is_not_is_told_also_at_once() {
    let nats = Nats::start(&[]).await;
    let host = node(&nats.url()).start().await;
    // It doesn't know yet which nodes there are.
    let (mut a, of_a) = open(&host).await;
    let nobody = format!("00000001{}", &of_a[8..]);
    let call = a.ask(format!("call:{nobody}:30000:x")).await;
    let call = call.strip_prefix("call-id ").expect("a call has an id").to_owned();
    let reply = a.text().await;
    assert_eq!(reply, format!("reply {call} error unavailable no connection"));
    a.say(format!("monitor:{nobody}")).await;
    assert!(a.text().await.starts_with(&format!("down {nobody} ")));
}

#[tokio::test]
async fn a_name_is_of_one_connection_on_all_nodes() {
    let (_nats, [one, mut other]) = nodes().await;
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    assert_eq!(a.ask("register:ann").await, "registered true");
    assert_eq!(b.ask("register:ann").await, "registered false");
    assert_eq!(b.ask("lookup:ann").await, format!("named {of_a}"));
    assert_eq!(b.ask("register:bob").await, "registered true");
    has_done(&mut b, &format!("monitor:{of_a}")).await;
    a.close(None).await;
    assert!(b.text().await.starts_with("down "));
    assert_eq!(b.ask("register:ann").await, "registered true");
    let (mut c, _) = open(&one).await;
    assert_eq!(c.ask("lookup:ann").await, format!("named {of_b}"));
    other.stop().await;
    // It said that it goes: nobody waits for it.
    know_each_other([&one].into_iter()).await;
    assert_eq!(c.ask("register:ann;lookup:bob").await, "registered true");
    c.texts(&["named -"]).await;
}

#[tokio::test]
async fn of_many_that_want_a_name_at_once_one_gets_it_at_most() {
    let (_nats, hosts) = nodes::<3>().await;
    let mut clients = Vec::new();
    for host in &hosts {
        clients.push(open(host).await.0);
    }
    for round in 0..20 {
        for client in &mut clients {
            client.say(format!("register:name {round}")).await;
        }
        let mut granted = 0;
        for client in &mut clients {
            granted += usize::from(client.text().await == "registered true");
        }
        assert_eq!(granted, 1, "of round {round}");
    }
}

#[tokio::test]
async fn who_is_present_is_known_on_all_nodes() {
    let (nats, [one, other]) = nodes().await;
    let ((mut a, _), (mut b, of_b)) = (open(&one).await, open(&other).await);
    has_done(&mut a, "watch:room").await;
    has_done(&mut b, "enter:room:b").await;
    a.texts(&[&format!("joined room {of_b} - b")]).await;
    assert_eq!(a.ask("present:room").await, "present b/-");
    has_done(&mut b, "enter:room:b again").await;
    a.texts(&[&format!("updated room {of_b} - b again")]).await;
    // One that comes later is told what there is, and the others that it has come.
    let third = node(&nats.url()).start().await;
    let (mut c, of_c) = open(&third).await;
    know_each_other([&one, &other, &third].into_iter()).await;
    while c.ask("present:room").await != "present b again/-" {}
    c.say("watch-frames:room;enter:room:c").await;
    let frame: Value = serde_json::from_str(&c.text().await).expect("a frame is JSON");
    assert_eq!(frame["id"].as_str(), Some(&*of_c));
    a.texts(&[&format!("joined room {of_c} - c")]).await;
    assert_eq!(a.ask("present:room").await, "present b again/- c/-");
    drop(other);
    a.texts(&[&format!("left room {of_b} - b again")]).await;
    assert_eq!(a.ask("present:room").await, "present c/-");
}
