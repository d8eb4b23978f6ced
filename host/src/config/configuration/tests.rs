use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::Printing;

/// A directory with these files.
fn files(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn read(directory: &TempDir, flags: &Flags) -> Result<Configuration, ConfigError> {
    read_with(directory, &[], flags)
}

fn read_with(
    directory: &TempDir,
    environment: &[(&str, &str)],
    flags: &Flags,
) -> Result<Configuration, ConfigError> {
    Configuration::read(Sources {
        file: Some(directory.path().join("wshost.toml")),
        environment: environment.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        flags: flags.clone(),
        ..Sources::default()
    })
}

/// The error of a host's file of this text.
fn error(text: &str) -> String {
    let directory = files(&[("wshost.toml", text)]);
    let error = read(&directory, &Flags::default()).unwrap_err().to_string();
    let at = format!("{}/", directory.path().display());
    error.strip_prefix(&at).unwrap_or(&error).to_owned()
}

#[test]
fn the_later_wins() {
    let directory = files(&[
        (
            "wshost.toml",
            "timers_max = 1\nmailbox_max = 1\n[plugins.chat]\nmailbox_max = 2\ncommands_max = 2\neffects_max = 2",
        ),
        ("chat.toml", "commands_max = 3\neffects_max = 3"),
    ]);
    let flags = Flags { set: vec!["effects_max=4".into()], ..Flags::default() };
    let configuration = read(&directory, &flags).unwrap();
    let chat = configuration.plugin(&directory.path().join("chat.wasm")).unwrap().settings;
    let numbers = [chat.timers_max, chat.mailbox_max, chat.commands_max, chat.effects_max];
    assert_eq!(numbers, [1, 2, 3, 4]);
    let other = configuration.plugin(&directory.path().join("other.wasm")).unwrap().settings;
    assert_eq!((other.mailbox_max, other.effects_max), (1, 4));
    assert_eq!(other.commands_max, Config::default().commands_max);
    assert_eq!(configuration.host().mailbox_max, 1);
}

#[test]
fn the_environment_stands_between_files_and_the_command_line() {
    let text = "timers_max = 1\nmailbox_max = 1\n[host]\nlisten = \"127.0.0.1:1\"\n\
                spill = \"s\"\nlog = \"warn\"\norigin = [\"https://a.com\"]\n\
                [plugins.chat]\nmailbox_max = 2\neffects_max = 2";
    let directory = files(&[("wshost.toml", text), ("chat.toml", "effects_max = 3")]);
    let environment = [
        ("WSHOST_LISTEN", "127.0.0.1:2"),
        ("WSHOST_LOG", "debug"),
        ("WSHOST_EFFECTS_MAX", "4"),
        ("WSHOST_TIMERS_MAX", "4"),
    ];
    let flags = Flags {
        host: vec![("log", vec!["error".into()])],
        set: vec!["timers_max=5".into()],
        ..Flags::default()
    };
    let configuration = read_with(&directory, &environment, &flags).unwrap();
    let keys = configuration.keys();
    assert_eq!(keys.listen.port(), 2);
    assert_eq!(keys.log, "error");
    assert_eq!(keys.spill.as_deref(), Some(&*directory.path().join("s")));
    assert_eq!(keys.origin, ["https://a.com".parse().unwrap()]);
    let chat = configuration.plugin(&directory.path().join("chat.wasm")).unwrap().settings;
    assert_eq!([chat.timers_max, chat.mailbox_max, chat.effects_max], [5, 2, 4]);
}

#[test]
fn what_is_wrong_in_the_environment_is_told_with_its_variable() {
    let directory = files(&[("wshost.toml", "")]);
    let say = |name, value| {
        read_with(&directory, &[(name, value)], &Flags::default()).unwrap_err().to_string()
    };
    assert!(say("WSHOST_LISTEN", "x").starts_with("WSHOST_LISTEN: `x` is no value"));
    assert!(say("WSHOST_TIMERS_MAX", "0").starts_with("WSHOST_TIMERS_MAX: `0` is no value"));
    let alone = say("WSHOST_TLS_CERT", "x.pem");
    assert!(alone.starts_with("WSHOST_TLS_CERT: ") && alone.contains("--tls-key"), "{alone}");
}

#[test]
fn what_needs_a_restart_stays_as_it_was() {
    let before = "instances_max = 5\ntimers_max = 1\n[host]\nlog = \"warn\"\n[stores.a]\n";
    let directory = files(&[("wshost.toml", before)]);
    let old = read(&directory, &Flags::default()).unwrap();
    let after = "instances_max = 6\nmemory_max_bytes = 134217728\ntimers_max = 2\n[host]\n\
                 log = \"info\"\nlisten = \"127.0.0.1:1\"\n[stores.a]\nmax_bytes = 5\n[stores.b]\n";
    fs::write(directory.path().join("wshost.toml"), after).unwrap();
    let (new, needs_restart) = old.reread().unwrap();
    assert_eq!(needs_restart, ["host.listen", "instances_max", "memory_max_bytes", "stores.a"]);
    assert_eq!((new.host().instances_max, new.host().timers_max), (5, 2));
    assert_eq!(new.host().memory_max_bytes, Config::default().memory_max_bytes);
    assert_eq!(new.keys().listen, HostKeys::default().listen);
    assert_eq!(new.keys().log, "info");
    assert_eq!(new.stores()["a"].max_bytes, None);
    assert!(new.stores().contains_key("b"));
    fs::write(directory.path().join("wshost.toml"), "timers_max = x").unwrap();
    assert!(old.reread().unwrap_err().to_string().contains("wshost.toml:1: "));
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    let text = "timers_max = 1\n[host]\norigin = [\"https://a.com\"]\nspill = \"s\"\nplugins = \"p\"\n[stores.board]\n\
                path = \"b\"\n[plugins.\"a b\"]\nroutes = [\"/a/*\"]\ntimers_max = 2\n\
                [plugins.\"a b\".grants]\nhttp = [\"a.com\"]\nkey_value = [\"board\"]\n\
                directories = { \"/d\" = \"data\" }\nenvironment = { TOKEN = \"secret\" }\n\
                [plugins.\"a b\".history]\n\"r.*\" = { count = 2, age_ms = 5 }\ns = { count = 1 }";
    let directory = files(&[("wshost.toml", text)]);
    let configuration =
        read_with(&directory, &[("WSHOST_MAILBOX_MAX", "7")], &Flags::default()).unwrap();
    let wasm = directory.path().join("a b.wasm");
    for all in [false, true] {
        let printed = Printing { all, alone: false, plugins: vec![wasm.clone()] }
            .print(&configuration)
            .unwrap();
        assert!(!printed.contains("secret") && printed.contains("TOKEN"), "{printed}");
        assert!(printed.contains("mailbox_max = 7 # WSHOST_MAILBOX_MAX"), "{printed}");
        assert!(printed.contains("wshost.toml:1\n"), "{printed}");
        assert_eq!(printed.contains("# default"), all, "{printed}");
        let again = files(&[("wshost.toml", &printed)]);
        let again = read(&again, &Flags::default()).unwrap();
        assert_eq!(again.keys(), configuration.keys());
        assert_eq!(again.host(), configuration.host());
        assert_eq!(again.stores(), configuration.stores());
        let (mut was, is) = (configuration.plugin(&wasm).unwrap(), again.plugin(&wasm).unwrap());
        was.grants.environment.clear();
        assert_eq!(is, was);
    }
}

#[test]
fn grants_add_up() {
    let directory = files(&[
        (
            "wshost.toml",
            "[stores.board]\npath = \"b.redb\"\nmax_bytes = 5\n[plugins.chat.grants]\n\
             environment = { A = \"1\", B = \"1\" }\nhttp = [\"a.com\"]\nkey_value = [\"board\"]",
        ),
        ("chat.toml", "[grants]\nenvironment = { B = \"2\" }\ndirectories = { \"/d\" = \"data\" }"),
    ]);
    let flags = Flags {
        env: vec!["C=3=4".into()],
        dir: vec!["/e=x".into()],
        http: vec!["b.com:81".into()],
        key_value: vec!["own".into(), "kept=kept.redb".into()],
        ..Flags::default()
    };
    let configuration = read(&directory, &flags).unwrap();
    let grants = configuration.plugin(&directory.path().join("chat.wasm")).unwrap().grants;
    let variables: Vec<_> = grants.environment.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(variables, ["A=1", "B=2", "C=3=4"]);
    assert_eq!(grants.directories["/d"], directory.path().join("data"));
    assert_eq!(grants.directories["/e"], Path::new("x"));
    let hosts: Vec<_> = grants.http.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["a.com", "b.com:81"]);
    assert_eq!(grants.key_value, ["board", "kept", "own"].map(String::from).into());
    let board = StoreConfig { path: Some(directory.path().join("b.redb")), max_bytes: Some(5) };
    assert_eq!(configuration.stores()["board"], board);
    assert_eq!(configuration.stores()["kept"].path.as_deref(), Some(Path::new("kept.redb")));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, said) in [
        (
            "timers_max = 1\n\ntimers_mx = 1",
            "wshost.toml:3: no setting and no table is named `timers_mx`; the nearest is `timers_max`",
        ),
        (
            "pluggins.x = 1",
            "wshost.toml:1: no setting and no table is named `pluggins`; the nearest is `plugins`",
        ),
        ("timers_max = \"5\"", "wshost.toml:1: a number has no quotes: give `timers_max = 5`"),
        (
            "\ntimers_max = true",
            "wshost.toml:2: `timers_max` is a number or a word, and here is boolean",
        ),
        (
            "timers_max = 0",
            "wshost.toml:1: `0` is no value for `timers_max`: give a whole number from 1",
        ),
        ("timers_max = -1", "wshost.toml:1: `-1` is no value for `timers_max`"),
        ("a = [", "wshost.toml:1: "),
        (
            "[plugins.a]\ninstances_max = 1",
            "wshost.toml:2: `instances_max` is the whole host's, and no plugin's",
        ),
        (
            "[plugins.a.grant]",
            "wshost.toml:1: no setting and no table is named `grant`; the nearest is `grants`",
        ),
        ("[plugins]\na = 1", "wshost.toml:2: `a` is a table, and here is integer"),
        (
            "[plugins.a.grants]\nhtp = []",
            "wshost.toml:2: no grant is named `htp`; the nearest is `http`",
        ),
        (
            "[plugins.a.grants]\nhttp = [\"a.com\",\n\"http://b.com\"]",
            "wshost.toml:3: `http://b.com` is no host",
        ),
        (
            "[plugins.a.grants]\nhttp = \"a.com\"",
            "wshost.toml:2: `http` is a list of strings, and here is string",
        ),
        (
            "[plugins.a.grants]\nenvironment = { A = 1 }",
            "wshost.toml:2: `A` is a string, and here is integer",
        ),
        (
            "[plugins.a.grants]\ndirectories = { data = \"x\" }",
            "wshost.toml:2: `data` is no path for a guest",
        ),
        ("[stores.a]\nsize = 1", "wshost.toml:2: no key of a store is named `size`"),
        (
            "[plugins.a.history]\n\"r.>.x\" = { count = 1 }",
            "wshost.toml:2: `r.>.x`: `>` is the last token of a pattern",
        ),
        (
            "[plugins.a.history]\n\"r.*\" = { age_ms = 1 }",
            "wshost.toml:2: the history of `r.*` has no `count`",
        ),
        ("[plugins.a.history]\nr = { count = 0 }", "wshost.toml:2: `count` is at least 1"),
        (
            "[plugins.a.history]\nr = { counts = 1 }",
            "wshost.toml:2: no key of a history is named `counts`; the nearest is `count`",
        ),
        ("[stores.a]\nmax_bytes = 0", "wshost.toml:2: `max_bytes` is at least 1"),
        (
            "payload_max_bytes = 1000\nsend_queue_max_bytes = 1000",
            "wshost.toml:2: send_queue_max_bytes=1000 has no room",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(said), "{error}\nand not\n{said}");
    }
}

#[test]
fn a_plugin_gets_no_more_than_the_host_has() {
    let directory = files(&[
        ("wshost.toml", "memory_max_bytes = 1048576\n[plugins.a]\nmemory_max_bytes = 2097152"),
        ("b.toml", "instances_max = 5"),
    ]);
    let configuration = read(&directory, &Flags::default()).unwrap();
    let say = |plugin: &str| {
        configuration.plugin(&directory.path().join(plugin)).unwrap_err().to_string()
    };
    let error = say("a.wasm");
    let said = "wshost.toml:3: memory_max_bytes=2097152 is more than the host has room for, which is 1048576 by";
    assert!(error.contains(said), "{error}");
    assert!(error.contains("wshost.toml:1: raise it"), "{error}");
    assert!(say("b.wasm").contains("b.toml:1: `instances_max` is the whole host's"));
}

#[test]
fn what_is_wrong_on_the_command_line_is_told_with_its_option() {
    let say = |flags: Flags| {
        Configuration::read(Sources { flags, ..Sources::default() }).unwrap_err().to_string()
    };
    let wrong = || vec!["wrong:".to_owned()];
    assert!(say(Flags { set: wrong(), ..Flags::default() }).starts_with("--set: "));
    assert!(say(Flags { env: wrong(), ..Flags::default() }).starts_with("--env: "));
    assert!(say(Flags { dir: wrong(), ..Flags::default() }).starts_with("--dir: "));
    assert!(say(Flags { http: wrong(), ..Flags::default() }).starts_with("--http: "));
    let key_value = vec![String::new()];
    assert!(say(Flags { key_value, ..Flags::default() }).starts_with("--key-value: "));
}

#[test]
fn defaults_are_below_all_that_was_given() {
    let directory = files(&[("wshost.toml", "on_deploy = \"keep\"")]);
    let defaults = Flags {
        host: vec![("log", vec!["debug".into()])],
        set: vec!["on_deploy=drain".into(), "drain_ms=0".into()],
        ..Flags::default()
    };
    let file = Some(directory.path().join("wshost.toml"));
    let configuration =
        Configuration::read(Sources { file, defaults, ..Sources::default() }).unwrap();
    assert_eq!(configuration.keys().log, "debug");
    assert_eq!(configuration.host().get("on_deploy"), "keep");
    assert_eq!(configuration.host().get("drain_ms"), "0");
}

#[test]
fn a_plugins_file_may_stand_elsewhere() {
    let directory = files(&[("wshost.toml", ""), ("chat.toml", "drain_ms = 1")]);
    let plugin_files = Some(directory.path().to_owned());
    let configuration =
        Configuration::read(Sources { plugin_files, ..Sources::default() }).unwrap();
    let chat = configuration.plugin(Path::new("/elsewhere/chat.wasm")).unwrap();
    assert_eq!(chat.settings.drain_ms, 1);
}

#[test]
fn of_two_histories_of_a_pattern_the_later_holds() {
    let directory = files(&[
        (
            "wshost.toml",
            "[plugins.chat.history]\n\"r.*\" = { count = 9, age_ms = 60000 }\n\">\" = { count = 1 }",
        ),
        ("chat.toml", "[history]\n\"r.*\" = { count = 5 }"),
    ]);
    let configuration = read(&directory, &Flags::default()).unwrap();
    let history = configuration.plugin(&directory.path().join("chat.wasm")).unwrap().history;
    let rule = |topic| history.find(topic).map(|rule| (rule.count, rule.age));
    assert_eq!(rule("r.1"), Some((5, None)));
    assert_eq!(rule("s"), Some((1, None)));
}
