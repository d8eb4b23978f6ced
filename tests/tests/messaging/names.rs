//! Names of connections.

use wshost_tests::{Host, Mode, each_mode};

use crate::subscribed;

each_mode![
    a_name_is_of_one,
    a_name_is_free_when_its_connection_has_ended,
    a_trap_frees_names,
    a_name_is_checked,
    names_are_limited,
];

async fn a_name_is_of_one(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [of_a, of_b], name) = subscribed::<2>(mode, &host).await;
    // Done at once.
    a.say(format!("lookup:{name};register:{name};register:{name};lookup:{name}")).await;
    a.texts(&["named -", "registered true", "registered true", &format!("named {of_a}")]).await;
    b.say(format!("register:{name};unregister:{name};lookup:{name}")).await;
    b.texts(&["registered false", "unregistered false", &format!("named {of_a}")]).await;
    a.say(format!("unregister:{name};unregister:{name}")).await;
    a.texts(&["unregistered true", "unregistered false"]).await;
    b.say(format!("register:{name};lookup:{name}")).await;
    b.texts(&["registered true", &format!("named {of_b}")]).await;
}

async fn a_name_is_free_when_its_connection_has_ended(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], _, name) = subscribed::<1>(mode, &host).await;
    let script = format!("register:{name}");
    let mut b = mode.ask(&host).open().await;
    let of_b = b.id().await;
    assert_eq!(b.ask(&script).await, "registered true");
    assert_eq!(a.ask(format!("monitor:{of_b};{script}")).await, "registered false");
    b.close(None).await;
    assert!(a.text().await.starts_with("down "));
    assert_eq!(a.ask(script).await, "registered true");
}

async fn a_trap_frees_names(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], _, name) = subscribed::<1>(mode, &host).await;
    let mut b = mode.ask(&host).open().await;
    b.say(format!("register:{name};trap")).await;
    b.closed_with(1011).await;
    assert_eq!(a.ask(format!("register:{name}")).await, "registered true");
}

async fn a_name_is_checked(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for name in ["", "a\nb"] {
        for word in ["register", "unregister", "lookup"] {
            let answer = client.ask(format!("{word}:{name}")).await;
            assert!(answer.starts_with("error invalid "), "{word} {name:?}: {answer}");
        }
    }
}

async fn names_are_limited(mode: Mode) {
    let settings = ["names_max=1", "name_max_bytes=3", "plugin_names_max=2", "monitors_max=1"];
    let more = ["presences_max=1", "presence_metadata_max_bytes=2", "calls_max=1"];
    let host = Host::of("scripted").set_all(&settings).set_all(&more).start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(mode.ask(&host).open().await);
    }
    let id = clients[0].id().await;
    let [a, b, c] = &mut clients[..] else { unreachable!() };
    assert_eq!(a.ask("register:long").await, "error limit name_max_bytes");
    a.say("register:a;register:b").await;
    a.texts(&["registered true", "error limit names_max"]).await;
    // One that isn't got doesn't count.
    b.say("register:a;register:b").await;
    b.texts(&["registered false", "registered true"]).await;
    assert_eq!(c.ask("register:c").await, "error limit plugin_names_max");
    assert_eq!(a.ask("unregister:a").await, "unregistered true");
    assert_eq!(c.ask("register:c").await, "registered true");

    let nobody = "0".repeat(32);
    c.say(format!("monitor:{id};monitor:{id};monitor:{nobody}")).await;
    c.texts(&["error limit monitors_max"]).await;
    c.say(format!("call:{id}:60000:x;call:{id}:60000:x")).await;
    c.texts(&["call-id 1", "error limit calls_max"]).await;
    c.say("enter:t:xyz;enter:t:xy;enter:t:x;enter:u:x").await;
    c.texts(&["error limit presence_metadata_max_bytes", "error limit presences_max"]).await;
    // What is taken back, answered or left makes room.
    c.say(format!("demonitor:{id};monitor:{nobody};leave:t;enter:u:x;text:ok")).await;
    c.texts(&["ok", &format!("down {nobody} no connection")]).await;
    assert_eq!(a.text().await, format!("call {} 1 x", c.id().await));
    let of_c = c.id().await;
    a.say(format!("reply:{of_c}:1:y")).await;
    assert_eq!(c.text().await, "reply 1 y");
    assert_eq!(c.ask(format!("call:{id}:60000:x")).await, "call-id 2");
}
