//! What a handler writes, as the operator reads it.

use wshost_tests::{Host, Mode, connection_in, each_mode};

each_mode![
    a_line_is_tagged,
    a_line_of_each_level_is_written,
    control_characters_are_escaped,
    a_long_line_is_cut,
    too_many_lines_are_dropped_and_counted,
    standard_output_and_error_are_logged,
    what_is_printed_between_sleeps_is_logged_in_order,
    a_panic_says_why,
    every_callback_may_log,
];

async fn a_line_is_tagged(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say(format!("log:info:hello from {id}")).await;
    let line = host.log().line_with(&["guest::scripted: hello from ", &id]).await;
    assert!(line.contains(" INFO ") && line.contains("plugin=scripted"), "{line}");
    assert!(line.contains("source=scripted"), "{line}");
    assert_eq!(connection_in(&line), id);
}

async fn a_line_of_each_level_is_written(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    for level in ["error", "warn", "info", "debug", "trace"] {
        client.say(format!("log:{level}:of level {level}")).await;
        let wanted = format!("{} guest::scripted: of level {level}", level.to_uppercase());
        host.log().line_with(&[&wanted, &id]).await;
    }
}

async fn control_characters_are_escaped(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("log:info:a\n2026-01-01 ERROR forged\r\u{1b}[31m\u{9b}31m é").await;
    let line = host.log().line_with(&["forged", &id]).await;
    assert!(
        line.contains(r"guest::scripted: a\n2026-01-01 ERROR forged\r\u{1b}[31m\u{9b}31m é"),
        "{line}"
    );
}

async fn a_long_line_is_cut(mode: Mode) {
    let host = Host::of("scripted").set("log_line_max_bytes=100").start().await;
    let mut client = mode.ask(&host).open().await;
    client.say(format!("log:info:{}", "é".repeat(5000))).await;
    let line = host.log().line_with(&["guest::scripted: é"]).await;
    assert_eq!(line.matches('é').count(), 50);
    // What is printed is cut into lines of that length.
    client.say(format!("print:{}", "x".repeat(250))).await;
    host.log()
        .line_with(&[&format!("guest::scripted: {} plugin", "x".repeat(50)), "source=stdout"])
        .await;
}

async fn too_many_lines_are_dropped_and_counted(mode: Mode) {
    let mut host = Host::of("scripted").set("log_lines_max_per_second=5").start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("log:info:again;".repeat(1000)).await;
    // In a later second there is room again, and it is said what was dropped.
    client.say("timer:1100:x").await;
    client.texts(&["timer-id 1", "timer 1 x"]).await;
    client.say("log:info:later").await;
    host.log().line_with(&["guest::scripted: later", &id]).await;
    let dropped = host.log().line_with(&["WARN", "log_lines_max_per_second", &id]).await;
    let again = host.log().lines_with(&["guest::scripted: again", &id]).len();
    assert!(dropped.contains(&format!("dropped={}", 1000 - again)), "{again}: {dropped}");
    // Others have their own.
    let mut other = mode.ask(&host).open().await;
    other.say("log:info:other;stop").await;
    other.closed_with(1000).await;
    host.stop().await;
    assert_eq!(host.log().lines_with(&["guest::scripted: other"]).len(), 1);
}

async fn standard_output_and_error_are_logged(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("print:to stdout: é;eprint:to stderr").await;
    host.log().line_with(&["guest::scripted: to stdout: é", "source=stdout", &id]).await;
    host.log().line_with(&["guest::scripted: to stderr", "source=stderr", &id]).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn what_is_printed_between_sleeps_is_logged_in_order(mode: Mode) {
    let host = Host::of("scripted").set("hibernate_grace_ms=0").start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    for round in 1..=5 {
        let script = format!("print:line {round};print-part:part {round},;timer:20:x;hibernate");
        client.say(script).await;
        client.texts(&[&format!("timer-id {round}"), &format!("timer {round} x")]).await;
        // It has slept, and the line that was begun before goes on.
        client.say(format!("print: rest {round};eprint:error {round};dbg:value {round}")).await;
        assert_eq!(client.ask("count").await, format!("count {round}"));
    }
    client.say("stop").await;
    client.closed_with(1000).await;
    let ended = host.log().line_with(&["connection ended", &id]).await;
    assert!(!ended.contains("sleeps=0"), "{ended}");
    let lines = host.log().lines_with(&["guest::scripted: ", &id, "source=stdout"]);
    let message = |line: &String| {
        let behind = line.split("guest::scripted: ").nth(1)?;
        Some(behind.split(" plugin=").next()?.to_owned())
    };
    let texts: Vec<_> = lines.iter().filter_map(message).collect();
    let expected: Vec<_> = (1..=5)
        .flat_map(|round| [format!("line {round}"), format!("part {round}, rest {round}")])
        .collect();
    assert_eq!(texts, expected);
    assert_eq!(host.log().lines_with(&["guest::scripted: error ", &id, "source=stderr"]).len(), 5);
    let debugged = host.log().lines_with(&["] value = ", "value 5", &id, "source=stderr"]);
    assert_eq!(debugged.len(), 1);
}

async fn a_panic_says_why(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("panic:the reason why").await;
    client.closed_with(1011).await;
    host.log().line_with(&["the reason why", "plugin=scripted", &id]).await;
    host.log().line_with(&["WARN", "callback=\"frames\"", "code=1011", &id]).await;
}

async fn every_callback_may_log(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).init("log:info:in init").opened("log:info:in opened;me;timer:1:x");
    let ask = ask.info("log:info:in info;text:done").terminate("log:info:in terminate");
    let mut client = ask.open().await;
    let id = client.told_id().await;
    client.texts(&["timer-id 1", "done"]).await;
    client.say("stop").await;
    client.closed_with(1000).await;
    for callback in ["init", "opened", "info", "terminate"] {
        host.log().line_with(&[&format!("guest::scripted: in {callback}"), &id]).await;
    }
}
