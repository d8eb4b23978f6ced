//! Handlers that fail: in each callback, by what they do and what they return.

use wshost_tests::{Ask, Host, Mode, connection_in, each_mode};

each_mode![
    a_trap_in_init_is_500_with_a_backtrace,
    a_trap_in_any_other_callback_is_1011_with_a_backtrace,
    what_a_guest_does_with_its_stack_and_memory_is_a_trap,
    a_limit_that_was_hit_is_named,
    an_accept_that_is_not_valid_is_500,
    a_response_that_is_not_valid_is_500,
    what_is_returned_in_error_is_1011,
    a_loop_in_init_is_500,
    others_go_on,
];

/// The one line about a failure in a callback, with each of these in it.
async fn failure(host: &Host, callback: &str, parts: &[&str]) -> String {
    let callback = format!("callback=\"{callback}\"");
    let line = host
        .log()
        .line_with(&[&["WARN", "plugin=scripted", "connection=", &callback], parts].concat())
        .await;
    let id = connection_in(&line);
    assert_eq!(host.log().lines_with(&["WARN", &id]).len(), 1, "not one line: {line}");
    line
}

/// The response to a handler that failed. It says nothing of the inside.
async fn is_500(ask: Ask) {
    let response = ask.refused().await;
    assert_eq!((response.status, response.text()), (500, "the handler failed\n".to_owned()));
}

async fn a_trap_in_init_is_500_with_a_backtrace(mode: Mode) {
    let host = Host::of("scripted").start().await;
    is_500(mode.ask(&host).init("trap")).await;
    let line = failure(&host, "init", &["code=500", "`init` trapped", "unreachable"]).await;
    for function in ["scripted::act::", "scripted::init::run", "handler@0.1.0#init"] {
        assert!(line.contains(function), "`{function}` is missing in: {line}");
    }
    is_500(mode.ask(&host).init("panic:not today")).await;
    host.log().line_with(&["guest::scripted: ", "not today"]).await;
}

async fn a_trap_in_any_other_callback_is_1011_with_a_backtrace(mode: Mode) {
    let host = Host::of("scripted").start().await;
    let ask = || mode.ask(&host);
    for (callback, ask) in [
        ("opened", ask().opened("trap")),
        ("frames", ask()),
        ("info", ask().opened("timer:1:x").info("trap")),
    ] {
        let mut client = ask.open().await;
        if callback == "frames" {
            client.say("trap").await;
        }
        if callback == "info" {
            client.texts(&["timer-id 1"]).await;
        }
        assert_eq!(client.closed().await, Some((1011, String::new())));
        let trapped = format!("`{callback}` trapped");
        let line = failure(&host, callback, &["code=1011", &trapped]).await;
        assert!(line.contains("scripted::Scripted::run"), "{line}");
    }
    let mut client = ask().terminate("trap").open().await;
    client.say("close:4000").await;
    client.closed_with(4000).await;
    failure(&host, "terminate", &["`terminate` trapped"]).await;
}

async fn what_a_guest_does_with_its_stack_and_memory_is_a_trap(mode: Mode) {
    let host = Host::of("scripted").start().await;
    for (script, says) in [
        ("recurse", "call stack exhausted"),
        ("grow:100000000", "memory_max_bytes"),
        ("loop", "callback_time_max_ms"),
    ] {
        let mut client = mode.ask(&host).open().await;
        client.say(script).await;
        client.closed_with(1011).await;
        failure(&host, "frames", &["code=1011", says]).await;
    }
}

async fn a_limit_that_was_hit_is_named(mode: Mode) {
    let host = Host::of("scripted").set("memory_max_bytes=4_000_000").start().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("grow:1000000;text:fits").await, "fits");
    client.say("grow:3000000").await;
    client.closed_with(1011).await;
    failure(&host, "frames", &["after it hit memory_max_bytes"]).await;
}

async fn an_accept_that_is_not_valid_is_500(mode: Mode) {
    let host = Host::of("scripted").start().await;
    for (init, says) in [
        ("header:x a:1", "a header named \"x a\""),
        ("header::1", "a header named \"\""),
        ("header:x-\u{e9}:1", "a header named \"x-\u{e9}\""),
        ("header:sec-websocket-accept:1", "`sec-websocket-accept`"),
        ("subprotocol:mqtt", "`mqtt` was not offered"),
        ("subprotocol:", "`` was not offered"),
        ("idle:0", "an idle timeout of 0 ms"),
        ("max:0", "0 bytes"),
        ("keepalive:0", "a keep-alive of 0 ms"),
    ] {
        is_500(mode.ask(&host).init(init)).await;
        failure(&host, "init", &["code=500", "`init` returned", says]).await;
    }
}

async fn a_response_that_is_not_valid_is_500(mode: Mode) {
    let host = Host::of("scripted").start().await;
    for (init, says) in [
        ("respond:99:x", "the status 99"),
        ("respond:101:x", "the status 101"),
        ("respond:600:x", "the status 600"),
        ("respond:0:x", "the status 0"),
        ("respond:201:x;header:x a:1", "a header named \"x a\""),
        ("respond:202:x;header:content-length:99", "`content-length`"),
        ("respond:203:x;header:transfer-encoding:chunked", "`transfer-encoding`"),
        ("respond:204;header:connection:close", "`connection`"),
    ] {
        is_500(mode.ask(&host).init(init)).await;
        failure(&host, "init", &["code=500", "`init` returned", says]).await;
    }
}

async fn what_is_returned_in_error_is_1011(mode: Mode) {
    let host = Host::of("scripted").start().await;
    for (script, says) in [
        ("close:1005:x", "1005"),
        ("close:999", "999"),
        (&*format!("close:1000:{}", "r".repeat(124)), "123 bytes"),
        (&*format!("ping:{}", "p".repeat(126)), "125 bytes"),
        ("options:idle=0", "an idle timeout of 0 ms"),
    ] {
        let mut client = mode.ask(&host).open().await;
        client.say(script).await;
        client.closed_with(1011).await;
        failure(&host, "frames", &["code=1011", "`frames` returned", says]).await;
    }
}

async fn a_loop_in_init_is_500(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=100").start().await;
    is_500(mode.ask(&host).init("loop")).await;
    let says = "`init` ran for more than 100 ms (callback_time_max_ms)";
    failure(&host, "init", &["code=500", says]).await;
}

/// Nobody else notices: neither those who are there, nor who comes next.
async fn others_go_on(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=500").start().await;
    let mut witness = mode.ask(&host).open().await;
    for round in 0..2 {
        for script in ["trap", "panic:x", "loop", "recurse", "grow:100000000", "close:5"] {
            let mut client = mode.ask(&host).open().await;
            client.say(script).await;
            client.closed_with(1011).await;
            mode.ask(&host).init(&format!("{script};header:x a:1")).refused().await;
            assert_eq!(witness.ask(format!("text:{round}")).await, round.to_string());
        }
    }
    assert_eq!(witness.ask("count").await, "count 1");
    assert_eq!(host.log().lines_with(&["panicked at host"]), [""; 0]);
}
