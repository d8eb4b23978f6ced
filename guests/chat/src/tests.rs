use super::*;
use wshost_sdk::presence::Present;
use wshost_sdk::testing::{Call, request};

fn publish(topic: &str, line: &str, to: Audience) -> Call {
    Call::Publish { topic: topic.to_owned(), frame: line.into(), to }
}

#[test]
fn it_joins_talks_and_leaves() {
    let mut ann = request("/chat/rust?name=Ann").open::<Chat>();
    let joined = publish("rust", "* Ann joined rust", Audience::Everyone);
    let came = [
        Call::Register("rust.Ann".into()),
        Call::SubscribeSince("rust".into(), Since::Last(TOLD_MAX)),
        Call::Enter { topic: "rust".into(), metadata: "Ann".into() },
        joined,
    ];
    assert_eq!(ann.opened().calls, came);

    let said = publish("rust", "Ann: hello", Audience::Everyone);
    let effect = ann.text("hello");
    assert_eq!(effect.calls, [said]);
    assert!(effect.hibernates() && effect.frames().is_empty());

    assert!(ann.text(" /quit ").is_closing());
    let left = publish("rust", "* Ann left", Audience::Others);
    assert_eq!(ann.terminate(Reason::Stop).calls, [left]);
}

#[test]
fn a_name_that_is_taken_is_numbered() {
    let request = request("/rust?name=Ann").name("rust.Ann", "a").name("rust.Ann 2", "b");
    let ann = request.open::<Chat>();
    assert_eq!(ann.handler().name, "Ann 3");
    assert_eq!(ann.metadata("rust"), Some("Ann 3"));
}

#[test]
fn it_tells_who_is_here() {
    let bob = Present { id: "b".into(), name: None, metadata: "Bob".to_owned() };
    let mut cy = request("/rust?name=Cy").present("rust", bob).open::<Chat>();
    assert_eq!(cy.text("/who").texts(), ["* here: Bob, Cy"]);
}

#[test]
fn a_private_message_is_for_one() {
    let request = request("/rust?name=Ann").name("rust.Bob B.", "b");
    let mut ann = request.open::<Chat>();
    let effect = ann.text("/msg Bob B.: how: are you? ");
    assert_eq!(effect.texts(), ["(to Bob B.) how: are you?"]);
    let sent = Call::Send { to: "b".into(), payload: b"(Ann) how: are you?".to_vec() };
    assert_eq!(effect.calls, [sent]);
    for (line, answer) in [
        ("/msg Cy: hello", "* there is no Cy here"),
        ("/msg : hello", "* there is no  here"),
        ("/msg Bob B. hello", "* say /msg NAME: TEXT"),
        ("/msg", "* say /msg NAME: TEXT"),
    ] {
        let effect = ann.text(line);
        assert_eq!((effect.texts(), effect.calls.len()), (vec![answer], 0), "{line}");
    }
    let hello = Message::Direct { sender: "b".into(), payload: b"(Bob B.) fine".to_vec() };
    let effect = ann.info(hello);
    assert!(effect.texts() == ["(Bob B.) fine"] && effect.hibernates());
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
