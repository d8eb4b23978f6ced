//! Plugins that are not granted what they import.

use wshost_tests::{guest, run_to_end};

/// What `run` and `check` say of the guest with these arguments.
async fn refused(arguments: &[&str]) -> String {
    let plugin = guest("granted");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let run = [&["run", plugin, "--listen", "127.0.0.1:0"], arguments].concat();
    let run = run_to_end(&run).await.only_line().to_owned();
    let check = run_to_end(&[&["check", plugin], arguments].concat()).await;
    assert_eq!(check.only_line(), run);
    run
}

#[tokio::test]
async fn an_import_is_refused_with_the_line_that_grants_it() {
    let line = refused(&["--key-value", "board"]).await;
    for part in [
        "`wasi:http/outgoing-handler@0.2",
        "`http = [\"host.to.reach\"]`",
        "[plugins.granted.grants]",
        "granted.toml",
    ] {
        assert!(line.contains(part), "`{part}` is missing in: {line}");
    }
    assert!(!line.contains("key-value"), "{line}");
    let line = refused(&["--http", "a.com"]).await;
    for part in ["`wshost:handler/key-value@0.1.0`", "`key_value = [\"name-of-a-store\"]`"] {
        assert!(line.contains(part), "`{part}` is missing in: {line}");
    }
    assert!(!line.contains("wasi:http"), "{line}");
}

#[tokio::test]
async fn what_is_granted_must_be_there() {
    let all = ["--http", "a.com", "--key-value", "board"];
    let line = refused(&[&all[..], &["--dir", "/data=/nowhere/at/all"]].concat()).await;
    assert!(line.contains("/nowhere/at/all that is granted as `/data`: No such file"), "{line}");
    let line = refused(&[&all[..], &["--dir", "data=/"]].concat()).await;
    assert!(line.starts_with("--dir: `data` is no path for a guest"), "{line}");
    let line = refused(&["--http", "https://a.com"]).await;
    assert!(line.starts_with("--http: `https://a.com` is no host: it is a URL"), "{line}");
}
