//! The example that people copy from, on two nodes.

use std::fs;

use tempfile::TempDir;
use wshost_tests::{Client, Host, Mode, Nats, patiently};

use crate::know_each_other;

async fn enter(host: &Host, target: &str) -> Client {
    Mode::HTTP1.ask(host).target(target).open().await
}

/// Until those are here and no others: what happens elsewhere takes its time.
async fn are_here(client: &mut Client, names: &str) {
    let here = format!("* here: {names}");
    patiently(&here, async { while client.ask("/who").await != here {} }).await;
}

#[tokio::test]
async fn a_room_of_the_chat_is_one_on_two_nodes() {
    let nats = Nats::start(&[]).await;
    let directory = TempDir::new().unwrap();
    let config = directory.path().join("wshost.toml");
    fs::write(&config, "[plugins.chat.history]\n\"*\" = { count = 10 }\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap(), "--cluster", &nats.url()];
    let node = || arguments.iter().fold(Host::of("chat"), |host, word| host.argument(word)).start();
    let (one, other) = (node().await, node().await);
    know_each_other([&one, &other].into_iter()).await;

    let mut cy = enter(&other, "/?name=Cy").await;
    cy.texts(&["* Cy joined lobby"]).await;
    are_here(&mut cy, "Cy").await;
    let mut ann = enter(&one, "/?name=Ann").await;
    cy.texts(&["* Ann joined lobby"]).await;
    // What was said on the other node is told here.
    let mut bob = enter(&other, "/?name=Ann").await;
    bob.texts(&["* Cy joined lobby", "* Ann joined lobby", "* Ann 2 joined lobby"]).await;
    cy.texts(&["* Ann 2 joined lobby"]).await;

    // Cy's coming may be told there before Ann comes, or after.
    let mut told = [ann.text().await, ann.text().await, ann.text().await];
    told.sort_unstable();
    assert_eq!(told, ["* Ann 2 joined lobby", "* Ann joined lobby", "* Cy joined lobby"]);
    are_here(&mut ann, "Ann, Ann 2, Cy").await;

    assert_eq!(ann.ask("/msg Ann 2: hello").await, "(to Ann 2) hello");
    bob.texts(&["(Ann) hello"]).await;
    ann.say("hello all").await;
    for client in [&mut ann, &mut bob, &mut cy] {
        client.texts(&["Ann: hello all"]).await;
    }
    ann.say("/quit").await;
    ann.closed_with(1000).await;
    for client in [&mut bob, &mut cy] {
        client.texts(&["* Ann left"]).await;
    }
    are_here(&mut cy, "Ann 2, Cy").await;
    assert_eq!(cy.ask("/msg Ann: still there?").await, "* there is no Ann here");
}
