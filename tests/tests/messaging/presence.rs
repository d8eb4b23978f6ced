//! Who is present on a topic.

use serde_json::{Value, json};
use wshost_tests::{Host, Mode, each_mode};

use crate::{has_nothing, subscribed};

each_mode![
    who_comes_and_goes_is_told,
    who_ends_is_not_present,
    frames_are_json_and_wake_nobody,
    a_watch_has_one_way,
    what_is_not_watched_any_more_is_not_told,
    a_list_is_read_in_parts,
    effects_of_presence_come_behind_the_callback,
];

async fn who_comes_and_goes_is_told(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [_, of_b], room) = subscribed::<2>(mode, &host).await;
    assert_eq!(a.ask(format!("watch:{room};text:ok")).await, "ok");
    b.say(format!("enter:{room}:b: 1;enter:{room}:b: 2;register:{room};enter:{room}:3")).await;
    b.texts(&["registered true"]).await;
    // A name counts from the next time on: it is registered at once.
    a.texts(&[
        &format!("joined {room} {of_b} {room} b: 1"),
        &format!("updated {room} {of_b} {room} b: 2"),
        &format!("updated {room} {of_b} {room} 3"),
    ])
    .await;
    assert_eq!(a.ask(format!("present:{room}")).await, format!("present 3/{room}"));
    assert_eq!(b.ask(format!("leave:{room};leave:{room};text:out")).await, "out");
    a.texts(&[&format!("left {room} {of_b} {room} 3")]).await;
    assert_eq!(a.ask(format!("present:{room}")).await, "present");
    has_nothing(&mut a).await;
}

async fn who_ends_is_not_present(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], _, room) = subscribed::<1>(mode, &host).await;
    assert_eq!(a.ask(format!("watch:{room};text:ok")).await, "ok");
    for end in ["stop", "trap"] {
        let mut b = mode.ask(&host).open().await;
        let of_b = b.id().await;
        b.say(format!("enter:{room}:b")).await;
        a.texts(&[&format!("joined {room} {of_b} - b")]).await;
        b.say(end).await;
        a.texts(&[&format!("left {room} {of_b} - b")]).await;
    }
    drop(mode.ask(&host).opened(&format!("enter:{room}:c")).open().await);
    assert!(a.text().await.starts_with("joined "));
    assert!(a.text().await.starts_with("left "));
}

async fn frames_are_json_and_wake_nobody(mode: Mode) {
    let host = Host::shared().await;
    // Were it called, it would trap.
    let mut a = mode.ask(&host).info("trap").open().await;
    let room = a.id().await;
    assert_eq!(a.ask(format!("watch-frames:{room};text:ok")).await, "ok");
    let mut b = mode.ask(&host).open().await;
    let of_b = b.id().await;
    b.say(format!("enter:{room}:\"hi\";leave:{room}")).await;
    for change in ["joined", "left"] {
        let frame = a.text().await;
        let frame: Value = serde_json::from_str(&frame).expect("a frame is JSON");
        let expected = json!({
            "presence": change, "topic": room, "id": of_b, "name": null, "metadata": "\"hi\"",
        });
        assert_eq!(frame, expected);
    }
    assert_eq!(a.ask("count").await, "count 1");
}

async fn a_watch_has_one_way(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [id], room) = subscribed::<1>(mode, &host).await;
    let script = format!("watch:{room};watch-frames:{room};watch:{room};enter:{room}:x;text:ok");
    a.say(script).await;
    a.texts(&["ok", &format!("joined {room} {id} - x")]).await;
    has_nothing(&mut a).await;
}

async fn what_is_not_watched_any_more_is_not_told(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], _, room) = subscribed::<2>(mode, &host).await;
    assert_eq!(a.ask(format!("watch:{room};unwatch:{room};text:ok")).await, "ok");
    assert_eq!(b.ask(format!("enter:{room}:b;text:in")).await, "in");
    has_nothing(&mut a).await;
}

async fn a_list_is_read_in_parts(mode: Mode) {
    let host = Host::of("scripted").set("presences_listed_max=3").start().await;
    let mut clients = Vec::new();
    let mut expected = "present".to_owned();
    for number in 0..7 {
        let mut client = mode.ask(&host).open().await;
        assert_eq!(client.ask(format!("enter:room:{number};text:in")).await, "in");
        clients.push(client);
        expected += &format!(" {number}/-");
    }
    assert_eq!(clients[0].ask("present:room").await, expected);
}

async fn effects_of_presence_come_behind_the_callback(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [id, _], room) = subscribed::<2>(mode, &host).await;
    a.say(format!("enter:{room}:x;present:{room}")).await;
    a.texts(&["present"]).await;
    assert_eq!(a.ask(format!("present:{room}")).await, "present x/-");
    assert_eq!(b.ask(format!("watch:{room};text:ok")).await, "ok");
    a.say(format!("enter:{room}:y;trap")).await;
    a.closed_with(1011).await;
    b.texts(&[&format!("left {room} {id} - x")]).await;
}
