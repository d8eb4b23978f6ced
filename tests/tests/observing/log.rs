//! The log for machines, and its filter.

use serde_json::{Map, Value};
use tempfile::TempDir;
use wshost_tests::{Host, Mode, Signal, guest};

/// The line that contains this, as the object that it is.
async fn object_with(host: &Host, part: &str) -> Map<String, Value> {
    let line = host.log().line_with(&[part]).await;
    match serde_json::from_str(&line) {
        Ok(Value::Object(object)) => object,
        other => panic!("{other:?}: {line}"),
    }
}

fn is_time(text: &str) -> bool {
    let form = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
    form.collect::<String>() == "0000-00-00T00:00:00.000000Z"
}

#[tokio::test]
async fn a_line_is_an_object_for_who_is_no_terminal() {
    let mut host = Host::of("scripted").variable("WSHOST_LOG_FORMAT", "auto").start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let id = client.id().await;
    client.say("log:warn:say \"hello\"\n{\u{1b}[31m é\\").await;
    let line = object_with(&host, "hello").await;
    assert!(is_time(line["timestamp"].as_str().unwrap()), "{line:?}");
    for (name, value) in [
        ("level", "WARN"),
        ("target", "guest::scripted"),
        ("message", r#"say "hello"\n{\u{1b}[31m é\"#),
        ("plugin", "scripted"),
        ("connection", &id),
        ("source", "scripted"),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    client.say("stop").await;
    client.closed_with(1000).await;
    let line = object_with(&host, "stopped by the handler").await;
    assert_eq!((&line["plugin"], &line["connection"]), (&"scripted".into(), &id.into()));
    assert_eq!(
        (&line["code"], &line["target"]),
        (&1000.into(), &"wshost::connection::closing".into())
    );
    host.stop().await;
    // Each line is one.
    for line in host.log().lines() {
        assert!(serde_json::from_str::<Map<String, Value>>(&line).is_ok(), "{line}");
    }
}

#[tokio::test]
async fn each_plugin_has_its_own_level() {
    let plugins = TempDir::new().unwrap();
    for name in ["loud", "quiet"] {
        let file = plugins.path().join(name).with_extension("wasm");
        std::fs::copy(guest("scripted"), file).unwrap();
    }
    let host =
        Host::of_directory(plugins.path()).log("warn,guest::loud=debug,wshost::observe=info");
    let mut host = host.start().await;
    for plugin in ["loud", "quiet"] {
        let ask = Mode::HTTP1.ask(&host).target(&format!("/{plugin}"));
        let mut client = ask.open().await;
        for level in ["trace", "debug", "info", "warn"] {
            client.say(format!("log:{level}:{level} line")).await;
        }
        assert_eq!(client.ask("count").await, "count 1");
        client.close(None).await;
        client.finish().await;
    }
    host.stop().await;
    let lines = host.log().lines_with(&[" line plugin="]);
    let behind = |line: &String| {
        line.split_once("Z ").unwrap().1.split(" plugin=").next().unwrap().trim().to_owned()
    };
    let lines: Vec<_> = lines.iter().map(behind).collect();
    let expected = [
        "DEBUG guest::loud: debug line",
        "INFO guest::loud: info line",
        "WARN guest::loud: warn line",
        "WARN guest::quiet: warn line",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_filter_that_changes_counts_for_who_is_there() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("wshost.toml");
    let configure = |filter| std::fs::write(&file, format!("[host]\nlog = \"{filter}\"")).unwrap();
    configure("info");
    let host = Host::of("scripted").argument("--config").argument(file.to_str().unwrap());
    let host = host.log_as_configured().start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    client.say("log:debug:before").await;
    assert_eq!(client.ask("count").await, "count 1");
    configure("info,guest::scripted=debug");
    host.signal(Signal::HUP);
    host.log().line_with(&["reloaded"]).await;
    client.say("log:debug:after;log:trace:too much").await;
    assert_eq!(client.ask("count").await, "count 2");
    host.log().line_with(&["guest::scripted: after"]).await;
    assert!(host.log().lines_with(&["before"]).is_empty());
    assert!(host.log().lines_with(&["too much"]).is_empty());
}
