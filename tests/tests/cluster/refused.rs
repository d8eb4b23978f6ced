//! Servers that ask who is there.

use std::path::Path;

use wshost_tests::{Credentials, Identity, Nats, guest, run_to_end};

use crate::{node, open};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What a host says that does not start with these arguments.
async fn refused(arguments: &[&str]) -> String {
    let guest = guest("scripted");
    let common = ["run", text(&guest), "--listen", "127.0.0.1:0", "--log", "off"];
    run_to_end(&[&common, arguments].concat()).await.only_line().to_owned()
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let nats = Nats::start(&["--user", "u", "--pass", "p@ss"]).await;
    let said = refused(&["--cluster", &nats.url()]).await;
    assert!(said.contains("authorization violation"), "{said}");
    let said = refused(&["--cluster", &nats.url().replace("//", "//u:wrong@")]).await;
    assert!(said.contains("authorization violation") && !said.contains("wrong"), "{said}");
    let host = node(&nats.url().replace("//", "//u:p%40ss@")).start().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
}

#[tokio::test]
async fn a_token_is_asked_for() {
    let nats = Nats::start(&["--auth", "secret"]).await;
    let host = node(&nats.url().replace("//", "//secret@")).start().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
}

#[tokio::test]
async fn tls_is_checked_on_both_sides() {
    let (server, client) = (Identity::new(), Identity::new());
    let (certificate, key) = (server.certificate(), server.key());
    let authority = client.certificate();
    let nats = Nats::start(&[
        "--tlsverify",
        "--tlscert",
        text(&certificate),
        "--tlskey",
        text(&key),
        "--tlscacert",
        text(&authority),
    ])
    .await;
    let url = format!("tls://localhost:{}", nats.address().port());
    let said = refused(&["--cluster", &url]).await;
    assert!(said.contains("invalid peer certificate"), "{said}");
    let said = refused(&["--cluster", &url, "--cluster-ca", "/nowhere"]).await;
    assert!(said.contains("--cluster-ca /nowhere: can't be read"), "{said}");
    let (client_certificate, client_key) = (client.certificate(), client.key());
    let host = node(&url)
        .argument("--cluster-ca")
        .argument(text(&certificate))
        .argument("--cluster-cert")
        .argument(text(&client_certificate))
        .argument("--cluster-key")
        .argument(text(&client_key))
        .start()
        .await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    assert_eq!(open(&host).await.0.ask("count").await, "count 1");
}

#[tokio::test]
async fn credentials_are_asked_for() {
    let (known, unknown) = (Credentials::new(), Credentials::new());
    let nats = Nats::start(&["--config", text(known.server())]).await;
    for arguments in [&[][..], &["--cluster-credentials", text(unknown.user())]] {
        let said = refused(&[&["--cluster", &nats.url()], arguments].concat()).await;
        assert!(said.contains("authorization violation"), "{said}");
    }
    let host = node(&nats.url()).argument("--cluster-credentials").argument(text(known.user()));
    let host = host.start().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
}

#[tokio::test]
async fn what_is_mistyped_is_said() {
    for (arguments, part) in [
        (&["--cluster", "ws://here:1"][..], "ws:// is not spoken"),
        (&["--cluster", "nats://u:p@here:1:2"], "give nats://HOST:PORT"),
        (&["--cluster", "nats://h", "--cluster-prefix", "a.b"], "--cluster-prefix a.b: give"),
        (&["--cluster", "nats://h", "--cluster-credentials", "/nowhere"], "--cluster-credentials"),
        (&["--cluster", "nats://h", "--cluster-cert", "c"], "need each other"),
    ] {
        let said = refused(arguments).await;
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}
