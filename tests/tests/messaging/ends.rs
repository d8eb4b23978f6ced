//! Monitors, and calls: what is told when it ends, or is answered.

use wshost_tests::{Host, Mode, each_mode};

use crate::{has_nothing, subscribed};

each_mode![
    the_end_of_a_connection_is_told_once,
    the_end_comes_behind_what_was_sent,
    nobody_there_is_told_at_once,
    what_is_taken_back_is_not_told,
    a_call_is_answered,
    a_call_is_answered_once,
    a_call_has_an_end,
    a_call_to_nobody_is_told,
    a_call_may_be_answered_by_who_ends,
    init_asks_nothing_of_others,
];

async fn the_end_of_a_connection_is_told_once(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b, mut c, mut d], [_, of_b, of_c, of_d], _) =
        subscribed::<4>(mode, &host).await;
    let script = format!("monitor:{of_b};monitor:{of_b};monitor:{of_c};monitor:{of_d};text:ok");
    assert_eq!(a.ask(script).await, "ok");
    b.say("stop").await;
    assert_eq!(a.text().await, format!("down {of_b} stopped by the handler"));
    c.say("trap").await;
    c.closed_with(1011).await;
    let down = a.text().await;
    assert!(down.starts_with(&format!("down {of_c} `frames` trapped")), "{down}");
    d.close(Some((4000, ""))).await;
    assert_eq!(a.text().await, format!("down {of_d} closed by the peer with 4000"));
    has_nothing(&mut a).await;
}

async fn the_end_comes_behind_what_was_sent(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [of_a], _) = subscribed::<1>(mode, &host).await;
    let ask = mode.ask(&host).terminate(&format!("send:{of_a}:last"));
    let mut b = ask.open().await;
    let of_b = b.id().await;
    assert_eq!(a.ask(format!("monitor:{of_b};text:ok")).await, "ok");
    b.say(format!("send:{of_a}:first;stop")).await;
    let direct = |text| format!("direct {of_b} {text}");
    let down = format!("down {of_b} stopped by the handler");
    a.texts(&[&direct("first"), &direct("last"), &down]).await;
}

async fn nobody_there_is_told_at_once(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let nobody = "0".repeat(32);
    client.say(format!("monitor:{nobody};monitor:{nobody};text:first")).await;
    client.texts(&["first", &format!("down {nobody} no connection")]).await;
    has_nothing(&mut client).await;
    // Again, once it was told.
    let down = format!("down {nobody} no connection");
    assert_eq!(client.ask(format!("monitor:{nobody}")).await, down);
    assert!(client.ask("monitor:me").await.starts_with("error invalid "));
}

async fn what_is_taken_back_is_not_told(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [_, of_b], _) = subscribed::<2>(mode, &host).await;
    let nobody = "0".repeat(32);
    // It waits already in the mailbox.
    a.say(format!("monitor:{nobody};demonitor:{nobody};text:ok")).await;
    a.texts(&["ok"]).await;
    has_nothing(&mut a).await;
    assert_eq!(a.ask(format!("monitor:{of_b};text:ok")).await, "ok");
    assert_eq!(a.ask(format!("demonitor:{of_b};demonitor:{of_b};text:ok")).await, "ok");
    b.say("stop").await;
    b.closed_with(1000).await;
    has_nothing(&mut a).await;
}

async fn a_call_is_answered(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [of_a, of_b], _) = subscribed::<2>(mode, &host).await;
    a.say(format!("call:{of_b}:60000:how: are you;text:asked")).await;
    a.texts(&["call-id 1", "asked"]).await;
    assert_eq!(b.text().await, format!("call {of_a} 1 how: are you"));
    b.say(format!("reply:{of_a}:1:fine;text:said")).await;
    b.texts(&["said"]).await;
    assert_eq!(a.text().await, "reply 1 fine");
    // Also to itself.
    a.say(format!("call:{of_a}:60000:me")).await;
    a.texts(&["call-id 2", &format!("call {of_a} 2 me")]).await;
    assert_eq!(a.ask(format!("reply:{of_a}:2:I")).await, "reply 2 I");
}

async fn a_call_is_answered_once(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b, mut c], [of_a, of_b, _], _) = subscribed::<3>(mode, &host).await;
    assert_eq!(a.ask(format!("call:{of_b}:60000:?")).await, "call-id 1");
    b.text().await;
    // Nobody has asked this one.
    assert_eq!(c.ask(format!("reply:{of_a}:1:forged;text:ok")).await, "ok");
    assert_eq!(b.ask(format!("reply:{of_a}:2:never asked;text:ok")).await, "ok");
    assert_eq!(b.ask(format!("reply:{of_a}:1:one;reply:{of_a}:1:two;text:ok")).await, "ok");
    assert_eq!(a.text().await, "reply 1 one");
    has_nothing(&mut a).await;
    assert_eq!(a.ask("cancel:1").await, "cancelled false");
}

async fn a_call_has_an_end(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [of_a, of_b], _) = subscribed::<2>(mode, &host).await;
    a.say(format!("call:{of_b}:1:?")).await;
    a.texts(&["call-id 1", "reply 1 error unavailable timeout"]).await;
    b.text().await;
    assert_eq!(b.ask(format!("reply:{of_a}:1:late;text:ok")).await, "ok");
    has_nothing(&mut a).await;
    assert!(a.ask(format!("call:{of_b}:0:?")).await.starts_with("error invalid "));
}

async fn a_call_to_nobody_is_told(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [_, of_b], _) = subscribed::<2>(mode, &host).await;
    let nobody = "0".repeat(32);
    a.say(format!("call:{nobody}:60000:?;text:first")).await;
    a.texts(&["call-id 1", "first", "reply 1 error unavailable no connection"]).await;
    // One that ends before it has answered.
    assert_eq!(a.ask(format!("call:{of_b}:60000:?")).await, "call-id 2");
    b.text().await;
    b.say("stop").await;
    assert_eq!(a.text().await, "reply 2 error unavailable no connection");
    // One that wants no messages.
    let mut deaf = mode.ask(&host).init("only:opened,frames").open().await;
    let of_deaf = deaf.id().await;
    a.say(format!("call:{of_deaf}:60000:?")).await;
    a.texts(&["call-id 3", "reply 3 error unavailable no room"]).await;
    has_nothing(&mut a).await;
}

async fn a_call_may_be_answered_by_who_ends(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [of_a], _) = subscribed::<1>(mode, &host).await;
    let ask = mode.ask(&host).terminate(&format!("reply:{of_a}:1:my last word"));
    let mut b = ask.open().await;
    let of_b = b.id().await;
    assert_eq!(a.ask(format!("call:{of_b}:60000:?")).await, "call-id 1");
    b.text().await;
    b.say("stop").await;
    assert_eq!(a.text().await, "reply 1 my last word");
}

async fn init_asks_nothing_of_others(mode: Mode) {
    let host = Host::shared().await;
    let id = "0".repeat(32);
    let words = [format!("monitor:{id}"), format!("call:{id}:1:x"), "register:a".to_owned()];
    let more = ["lookup:a", "enter:t:x", "present:t", "watch:t", "unwatch:t", "leave:t"];
    let script = words.join(";") + ";" + &more.join(";");
    let mut client = mode.ask(&host).init(&script).open().await;
    let notes = ["error not-open"; 9].join("\n");
    assert_eq!(client.ask("notes").await, notes);
}
