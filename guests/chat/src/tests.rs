use super::*;
use wshost_sdk::testing::{Call, request};

fn publish(topic: &str, line: &str, to: Audience) -> Call {
    Call::Publish { topic: topic.to_owned(), frame: line.into(), to }
}

#[test]
fn it_joins_talks_and_leaves() {
    let mut ann = request("/chat/rust?name=Ann").open::<Chat>();
    let joined = publish("rust", "* Ann joined rust", Audience::Everyone);
    assert_eq!(ann.opened().calls, [Call::Subscribe("rust".into()), joined]);

    let said = publish("rust", "Ann: hello", Audience::Everyone);
    let effect = ann.text("hello");
    assert_eq!(effect.calls, [said]);
    assert!(effect.hibernates() && effect.frames().is_empty());

    assert!(ann.text(" /quit ").is_closing());
    let left = publish("rust", "* Ann left", Audience::Others);
    assert_eq!(ann.terminate(Reason::Stop).calls, [left]);
}

#[test]
fn the_room_is_in_the_path() {
    for (target, room) in [
        ("/chat/rust", "rust"),
        ("/rust", "rust"),
        ("/a%20b%0A", "a b"),
        ("/a.b%3E", "a b"),
        ("/*", "lobby"),
        ("/chat", "lobby"),
        ("/%0A", "lobby"),
        ("/", "lobby"),
    ] {
        let chat = request(target).open::<Chat>();
        assert_eq!(chat.handler().room, room, "{target}");
    }
}

#[test]
fn who_has_no_name_is_given_one() {
    let nickname = |id| request("/?name=").id(id).open::<Chat>().handler().name.clone();
    assert!(nickname("secret").starts_with("guest-"));
    assert_ne!(nickname("secret"), nickname("other"));
}

#[test]
fn browsers_get_a_page() {
    let page = request("/").plain().refused::<Chat>();
    assert_eq!(page.status(), 200);
    assert!(page.body_bytes().starts_with(b"<!doctype html>"));
}
