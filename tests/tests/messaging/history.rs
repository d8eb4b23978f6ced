//! What was published before, for those who subscribe later.

use std::fs;

use tempfile::TempDir;
use wshost_tests::{Client, Host, Mode, each_mode};

use crate::has_nothing;

each_mode![
    the_last_ones_come_first,
    frames_come_to_the_socket,
    what_was_missed_is_got,
    a_gap_is_told,
    what_has_no_room_is_a_gap,
    nothing_is_missing_or_twice_between_history_and_live,
    a_topic_without_a_rule_has_none,
];

/// A host whose topics `kept.NAME` keep three, all others none.
async fn host(settings: &[&str]) -> (Host, TempDir) {
    host_with("[plugins.scripted.history]\n\"kept.*\" = { count = 3, age_ms = 600000 }", settings)
        .await
}

async fn host_with(text: &str, settings: &[&str]) -> (Host, TempDir) {
    let directory = TempDir::new().expect("a directory can be made");
    let file = directory.path().join("wshost.toml");
    fs::write(&file, text).expect("a file can be written");
    let file = file.to_str().expect("its name is text");
    let builder = Host::of("scripted").argument("--config").argument(file);
    (builder.set_all(settings).start().await, directory)
}

/// A message without its position, and that.
async fn published(client: &mut Client) -> (String, String) {
    let text = client.text().await;
    let (said, position) = text.rsplit_once(" @").unwrap_or_else(|| panic!("no position: {text}"));
    let said = said.rsplit_once(' ').map_or(said, |(_, said)| said);
    (said.to_owned(), position.to_owned())
}

async fn all_published<const N: usize>(client: &mut Client) -> [(String, String); N] {
    let mut all = [const { (String::new(), String::new()) }; N];
    for one in &mut all {
        *one = published(client).await;
    }
    all
}

fn said<const N: usize>(all: &[(String, String); N]) -> [&str; N] {
    all.each_ref().map(|(said, _)| said.as_str())
}

async fn the_last_ones_come_first(mode: Mode) {
    let (host, _directory) = host(&[]).await;
    let mut publisher = mode.ask(&host).open().await;
    publisher.say("msg:kept.a:1;msg:kept.a:2;msg:kept.b:x;msg:kept.a:3;msg:kept.a:4;text:ok").await;
    publisher.texts(&["ok"]).await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("sub-last:2:kept.a;msg:kept.a:5;text:in").await, "in");
    assert_eq!(said(&all_published(&mut client).await), ["3", "4", "5"]);
    // A second time changes nothing.
    assert_eq!(client.ask("sub-last:9:kept.a;text:in").await, "in");
    has_nothing(&mut client).await;
    assert_eq!(client.ask("unsub:kept.a;sub-last:9:kept.a;text:again").await, "again");
    assert_eq!(said(&all_published(&mut client).await), ["3", "4", "5"]);
    has_nothing(&mut client).await;
    // Who doesn't ask for it gets none of it.
    assert_eq!(client.ask("unsub:kept.a;sub:kept.a;text:now").await, "now");
    has_nothing(&mut client).await;
}

async fn frames_come_to_the_socket(mode: Mode) {
    let (host, _directory) = host(&[]).await;
    let mut publisher = mode.ask(&host).open().await;
    let from = publisher.id().await;
    publisher.say("pub:kept.a:1;msg:kept.a:2;pub:kept.a:3;text:ok").await;
    publisher.texts(&["ok"]).await;
    let mut client = mode.ask(&host).open().await;
    client.say("sub-last:9:kept.a;pub:kept.a:4;text:first").await;
    client.texts(&["first", "1", "3", "4"]).await;
    let message = client.text().await;
    assert!(message.starts_with(&format!("published kept.a {from} 2 @")), "{message}");
    has_nothing(&mut client).await;
}

async fn what_was_missed_is_got(mode: Mode) {
    let (host, _directory) = host(&[]).await;
    let mut publisher = mode.ask(&host).open().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("sub:kept.a;text:in").await, "in");
    publisher.say("msg:kept.a:1").await;
    let (_, position) = published(&mut client).await;
    client.close(None).await;
    publisher.say("msg:kept.a:2;msg:kept.b:x;msg:kept.a:3;text:ok").await;
    publisher.texts(&["ok"]).await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask(format!("sub-after:{position}:kept.a;text:back")).await, "back");
    let missed = all_published::<2>(&mut client).await;
    assert_eq!(said(&missed), ["2", "3"]);
    let script = format!("unsub:kept.a;sub-after:{}:kept.a;text:again", missed[1].1);
    assert_eq!(client.ask(script).await, "again");
    has_nothing(&mut client).await;
}

async fn a_gap_is_told(mode: Mode) {
    let (host, _directory) = host(&[]).await;
    let mut client = mode.ask(&host).open().await;
    client.say("sub:kept.a;msg:kept.a:1;msg:kept.a:2;msg:kept.a:3;msg:kept.a:4").await;
    let all = all_published::<4>(&mut client).await;
    client.say(format!("unsub:kept.a;sub-after:{}:kept.a", all[0].1)).await;
    assert_eq!(said(&all_published(&mut client).await), ["2", "3", "4"]);
    client.say(format!("unsub:kept.a;msg:kept.a:5;sub-after:{}:kept.a", all[0].1)).await;
    assert_eq!(client.text().await, "gap kept.a");
    assert_eq!(said(&all_published(&mut client).await), ["3", "4", "5"]);
    // One of another run of the host.
    client.say(format!("unsub:kept.a;sub-after:{}:kept.a", "0".repeat(32))).await;
    assert_eq!(client.text().await, "gap kept.a");
    assert_eq!(said(&all_published(&mut client).await), ["3", "4", "5"]);
    has_nothing(&mut client).await;
}

async fn what_has_no_room_is_a_gap(mode: Mode) {
    let (host, _directory) = host(&["mailbox_max=2"]).await;
    let mut client = mode.ask(&host).open().await;
    client.say("sub:kept.a;msg:kept.a:1").await;
    let (_, position) = published(&mut client).await;
    client.say("unsub:kept.a;msg:kept.a:2;msg:kept.a:3;msg:kept.a:4;text:ok").await;
    client.texts(&["ok"]).await;
    client.say(format!("sub-after:{position}:kept.a")).await;
    assert_eq!(client.text().await, "gap kept.a");
    // It has taken the room of one.
    assert_eq!(said(&all_published(&mut client).await), ["4"]);
    has_nothing(&mut client).await;
}

async fn nothing_is_missing_or_twice_between_history_and_live(mode: Mode) {
    const COUNT: usize = 400;
    let text = "[plugins.scripted.history]\n\">\" = { count = 1000 }";
    let (host, _directory) = host_with(text, &[]).await;
    let mut publishers = Vec::new();
    for publisher in 0..2 {
        let mut client = mode.ask(&host).open().await;
        publishers.push(tokio::spawn(async move {
            for number in 0..COUNT {
                client.say(format!("msg:t:{publisher}-{number};text:said")).await;
                client.texts(&["said"]).await;
            }
        }));
    }
    let mut subscribers = Vec::new();
    for _ in 0..6 {
        let mut client = mode.ask(&host).open().await;
        subscribers.push(tokio::spawn(async move {
            client.say("sub-last:10000:t").await;
            let mut all = Vec::new();
            for _ in 0..2 * COUNT {
                all.push(published(&mut client).await);
            }
            has_nothing(&mut client).await;
            all
        }));
    }
    for publisher in publishers {
        publisher.await.expect("everything is published");
    }
    let mut first = None;
    for subscriber in subscribers {
        let all = subscriber.await.expect("everything has come");
        for publisher in 0..2 {
            let of_it = format!("{publisher}-");
            let numbers = all.iter().filter_map(|(said, _)| said.strip_prefix(&of_it));
            assert!(numbers.eq((0..COUNT).map(|number| number.to_string()).collect::<Vec<_>>()));
        }
        // All see the same order.
        assert_eq!(*first.get_or_insert_with(|| all.clone()), all);
    }
}

async fn a_topic_without_a_rule_has_none(mode: Mode) {
    let (host, _directory) = host(&[]).await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("msg:t:1;sub-last:9:t;msg:t:2;text:ok").await;
    client.texts(&["ok", &format!("published t {id} 2")]).await;
    // Nobody knows what was there.
    let position = "0".repeat(32);
    client.say(format!("unsub:t;sub-after:{position}:t;msg:t:3")).await;
    client.texts(&["gap t", &format!("published t {id} 3")]).await;
}
