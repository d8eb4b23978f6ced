//! Where values come from, and what is said of them.

use std::fs;

use wshost_tests::{Finished, Mode, guest, run_to_end, run_with};

use crate::{Site, open};

const TEXT: &str = "timers_max = 1\nmailbox_max = 1\n[host]\nlisten = \"127.0.0.1:1\"\n\
                    spill = \"spilled\"\n[plugins.echo]\ntimers_max = 2\nroutes = [\"/e/*\"]\n\
                    [plugins.echo.grants]\nenvironment = { TOKEN = \"secret\" }\n";

async fn config(command: &str, variables: &[(&str, &str)], site: &Site, more: &[&str]) -> Finished {
    let (file, plugins) = (site.file(), site.plugins());
    let plugins = plugins.to_str().expect("a path in UTF-8");
    let arguments = ["config", command, "--config", &file, "--plugins", plugins];
    run_with(variables, &[&arguments, more].concat()).await
}

#[tokio::test]
async fn the_later_wins_and_each_says_where_it_was_given() {
    let site = Site::new(TEXT, &["echo"]);
    let variables = [
        ("WSHOST_LISTEN", "127.0.0.1:2"),
        ("WSHOST_TRUST_PROXY", "10.0.0.0/8,::1/128"),
        ("WSHOST_MAILBOX_MAX", "3"),
        ("WSHOST_COMMANDS_MAX", "3"),
    ];
    let more = ["--set", "commands_max=4", "--log", "warn"];
    let printed = config("print", &variables, &site, &more).await.stdout;
    let file = site.file();
    for line in [
        &format!("timers_max = 1 # {file}:1"),
        "mailbox_max = 3 # WSHOST_MAILBOX_MAX",
        "commands_max = 4 # --set",
        "listen = \"127.0.0.1:2\" # WSHOST_LISTEN",
        "trust_proxy = [\"10.0.0.0/8\", \"::1/128\"] # WSHOST_TRUST_PROXY",
        "log = \"warn\" # --log",
        &format!("timers_max = 2 # {file}:7"),
        &format!("# TOKEN # {file}:10"),
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "`{line}` is missing in:\n{printed}"
        );
    }
    assert!(printed.contains("/spilled\"") && !printed.contains("secret"), "{printed}");
}

#[tokio::test]
async fn what_is_printed_is_a_configuration_that_says_the_same() {
    let site = Site::new(TEXT, &["echo"]);
    let variables = [("WSHOST_INSTANCES_MAX", "7")];
    for more in [&[][..], &["--all"]] {
        let printed = config("print", &variables, &site, more).await.stdout;
        let other = Site::new(&printed, &["echo"]);
        assert_eq!(config("check", &[], &other, &[]).await.stdout, "ok\n", "{printed}");
        let again = config("print", &[], &other, more).await.stdout;
        // The values of variables are lost, and where plugins are was an option.
        let lost = |line: &str| {
            ["#", "[plugins.echo.grants]", "plugins ="].iter().any(|head| line.starts_with(head))
        };
        let values = |text: &str| {
            let value = |line: &str| line.split(" # ").next().unwrap_or_default().to_owned();
            let lines = text.lines().filter(|line| !line.is_empty() && !lost(line));
            lines.map(value).collect::<Vec<_>>()
        };
        assert_eq!(values(&again), values(&printed));
    }
    let alone = config("print", &[], &site, &["--plugin", "echo"]).await.stdout;
    assert!(alone.starts_with("[plugins.echo]\nroutes = [\"/e/*\"]"), "{alone}");
    assert!(alone.contains("timers_max = 2") && !alone.contains("[host]"), "{alone}");
}

#[tokio::test]
async fn a_variable_that_is_not_known_is_an_error() {
    let plugin = guest("echo");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let run = async |variable, value| run_with(&[(variable, value)], &["run", plugin]).await;
    let finished = run("WSHOST_LISEN", "127.0.0.1:0").await;
    let line = finished.only_line();
    assert!(line.starts_with("WSHOST_LISEN: ") && line.contains("`WSHOST_LISTEN`"), "{line}");
    let finished = run("WSHOST_TIMERS_MAX", "0").await;
    assert!(finished.only_line().starts_with("WSHOST_TIMERS_MAX: `0` is no value"));
}

#[tokio::test]
async fn all_that_is_wrong_is_told() {
    let text = "[host]\nlog = \"loud=very=much\"\n[plugins.echo]\n[plugins.lost]\n\
                memory_max_bytes = 4_294_967_296";
    let site = Site::new(text, &["echo"]);
    site.put("plugins/echo.toml", "instances_max = 5");
    let checked = config("check", &[], &site, &[]).await;
    assert_eq!(checked.status, Some(1), "{checked:?}");
    let lines: Vec<&str> = checked.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for (line, parts) in lines.iter().zip([
        ["warning: ", "wshost.toml:4: no plugin is named `lost`"],
        ["wshost: ", "`loud=very=much` is no log filter"],
        ["wshost: ", "echo.toml:1: `instances_max` is the whole host's"],
        ["wshost: ", "wshost.toml:5: memory_max_bytes=4294967296 is more than"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}: {parts:?}");
    }
    let finished = run_to_end(&["config", "check", "--config", "/nowhere.toml"]).await;
    assert!(finished.only_line().contains("can't read /nowhere.toml"));
}

#[tokio::test]
async fn what_a_host_would_not_start_with_or_not_serve_is_told() {
    let text = "[host]\nadmin_token_file = \"token\"\n[plugins.echo]\nroutes = [\"/a/*\"]\n\
                [plugins.scripted]\nroutes = [\"/a/{x}\"]\n";
    let site = Site::new(text, &["echo", "scripted"]);
    let told = async || config("check", &[], &site, &[]).await.stderr;
    let errors = told().await;
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("can't read the admin token in") && lines[0].contains("/token"));
    for part in ["`echo` serves `/a/*`", "`scripted` serves `/a/{x}`"] {
        assert!(lines[1].contains(part), "{}", lines[1]);
    }
    site.put("token", "short");
    site.put("plugins/scripted.toml", "routes = [\"/b\"]");
    assert!(told().await.contains("fewer than 16"));
    site.put("token", "long enough to be a token".replace(' ', "-"));
    assert_eq!(config("check", &[], &site, &[]).await.stdout, "ok\n");
    // As a host has it, where nothing is said of routes.
    site.put("plugins/scripted.toml", "routes = [\"/third/{x}\"]");
    site.put("plugins/third.wasm", fs::read(guest("echo")).expect("it is built"));
    let errors = told().await;
    assert!(errors.contains("`third` serves `/third/*`"), "{errors}");
}

#[tokio::test]
async fn an_origin_that_no_browser_sends_is_an_error() {
    let plugin = guest("echo");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    for origin in ["https://a.example/", "a.example", "https://a.example:443", "*"] {
        let finished = run_with(&[("WSHOST_ORIGIN", origin)], &["run", plugin]).await;
        let line = finished.only_line();
        assert!(line.contains(&format!("`{origin}` is no value for `origin`")), "{line}");
        assert!(line.contains("SCHEME://HOST[:PORT]"), "{line}");
    }
}

#[tokio::test]
async fn a_host_takes_its_file_and_its_keys_from_the_environment() {
    let text = "[host]\norigin = [\"https://file.example\"]\n[plugins.echo]\nroutes = [\"/e\"]\n\
                [plugins.lost]";
    let site = Site::new(text, &["echo"]);
    let host = wshost_tests::Host::of_directory(&site.plugins())
        .variable("WSHOST_CONFIG", site.file())
        .variable("WSHOST_ORIGIN", "https://a.example,https://b.example")
        .start()
        .await;
    assert_eq!(open(&host, "/e").await.ask("hello").await, "hello");
    for (origin, status) in [("https://b.example", 101), ("https://file.example", 403)] {
        let ask = Mode::HTTP1.ask(&host).target("/e").header("origin", origin);
        match status {
            101 => assert_eq!(ask.open().await.ask("hello").await, "hello"),
            status => assert_eq!(ask.refused().await.status, status),
        }
    }
    host.log().line_with(&["WARN", "wshost.toml:5: no plugin is named `lost`"]).await;
}

#[tokio::test]
async fn the_reference_has_every_key() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let reference = fs::read_to_string(reference).expect("it is there");
    let all = run_to_end(&["config", "print", "--all"]).await.stdout;
    let names = all.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    for name in names {
        assert!(reference.contains(&format!("| `{name}` |")), "{name}");
    }
}
