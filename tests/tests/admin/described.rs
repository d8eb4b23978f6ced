//! Everything that docs/openapi.json describes is answered, and as it says: checked by
//! Python's jsonschema.

use std::{fs, path::Path, process::Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, process::Command};
use wshost_tests::{Host, Mode, Signal, guest, patiently};

use super::{Answer, Operator, with_token};

/// What was asked and answered.
#[derive(Default)]
struct Heard(Vec<Value>);

impl Heard {
    fn add(&mut self, method: &str, path: &str, answer: &Answer) {
        self.0.push(json!({
            "method": method,
            "path": path,
            "status": answer.status,
            "headers": answer.headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), value.to_str().unwrap().into())
            }).collect::<serde_json::Map<_, _>>(),
            "body": answer.json(),
        }));
    }

    async fn ask(&mut self, operator: &Operator, method: &str, path: &str, body: Option<&Value>) {
        let answer = match body {
            Some(body) => operator.ask(method, path, body.clone()).await,
            None => operator.send(method, path, None, "").await,
        };
        self.add(method, path, &answer);
    }

    /// Every way in which a body can be wrong.
    async fn ask_badly(&mut self, operator: &Operator, method: &str, path: &str) {
        let json = Some("application/json");
        let large = format!("\"{}\"", "x".repeat(3000));
        for (content_type, body) in
            [(json, "{"), (json, &*large), (Some("text/plain"), "{}"), (json, "{\"x\":1}")]
        {
            self.add(method, path, &operator.send(method, path, content_type, body).await);
        }
    }
}

/// What can be asked for, and its body.
fn operations(id: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let frame = json!({"frame": {"text": "hi"}});
    let message = json!({"message": {"binary": "AAE="}});
    let connection = format!("/v1/connections/{id}");
    vec![
        ("GET", "/v1/host".into(), None),
        ("GET", "/v1/log".into(), None),
        ("PUT", "/v1/log".into(), Some(json!({"filter": "info,wshost=trace,guest=trace"}))),
        ("POST", "/v1/reload".into(), None),
        ("GET", "/v1/plugins".into(), None),
        ("GET", "/v1/plugins/scripted".into(), None),
        ("POST", "/v1/plugins/scripted/topics/a%2Fb/publish".into(), Some(frame)),
        ("GET", "/v1/connections".into(), None),
        ("GET", connection.clone(), None),
        ("POST", format!("{connection}/send"), Some(message)),
        ("DELETE", connection, Some(json!({"code": 4000, "reason": "enough"}))),
        ("POST", "/v1/plugins/scripted/drain".into(), Some(json!({"over_ms": 0}))),
        ("GET", "/v1/openapi.json".into(), None),
    ]
}

#[tokio::test]
async fn what_is_described_is_there_and_as_described() {
    let plugins = TempDir::new().unwrap();
    fs::copy(guest("scripted"), plugins.path().join("scripted.wasm")).unwrap();
    let serve = || Host::of_directory(plugins.path()).set("admin_body_max_bytes=2000");
    let (mut host, closed) = tokio::join!(with_token(serve()).start(), serve().start());
    let mut heard = Heard::default();
    let nobody = "0".repeat(32);
    for (operator, status) in [
        (Operator { token: None, ..Operator::of(&host).await }, 401),
        (Operator::of(&closed).await, 403),
    ] {
        for (method, path, body) in operations(&nobody) {
            heard.ask(&operator, method, &path, body.as_ref()).await;
        }
        assert!(heard.0.iter().rev().take(13).all(|one| one["status"] == status), "{status}");
    }
    let operator = Operator::of(&host).await;
    for (method, path, body) in operations(&nobody) {
        if body.is_some() {
            heard.ask_badly(&operator, method, &path.replace(&nobody, &id_of(&host).await)).await;
        }
        if path.contains("scripted") || path.contains(&nobody) {
            heard.ask(&operator, method, &path.replace("scripted", "none"), body.as_ref()).await;
        }
    }
    heard.ask(&operator, "GET", "/v1/connections?limit=0", None).await;
    let id = id_of(&host).await;
    for (method, path, body) in operations(&id) {
        heard.ask(&operator, method, &path, body.as_ref()).await;
    }
    heard.ask(&operator, "GET", "/v1/connections?limit=1", None).await;
    let gone = plugins.path().with_extension("gone");
    fs::rename(plugins.path(), &gone).unwrap();
    heard.ask(&operator, "POST", "/v1/reload", None).await;
    fs::rename(&gone, plugins.path()).unwrap();
    going_down(&mut host, &operator, &mut heard).await;
    check(&heard).await;
}

/// A connection that stays.
async fn id_of(host: &Host) -> String {
    let mut client = Mode::HTTP1.ask(host).target("/scripted").open().await;
    let id = client.id().await;
    tokio::spawn(async move { client.until_closed().await });
    id
}

/// What is answered while a peer does not answer its Close.
async fn going_down(host: &mut Host, operator: &Operator, heard: &mut Heard) {
    let mut silent = Mode::HTTP1.ask(host).target("/scripted").open_raw().await;
    silent.alive().await;
    host.signal(Signal::TERM);
    host.log().line_with(&["going down"]).await;
    heard.ask(operator, "POST", "/v1/reload", None).await;
    silent.hang_up().await;
    assert!(host.end().await.success());
}

async fn check(heard: &Heard) {
    let python = std::env::var_os("WSHOST_TEST_PYTHON")
        .expect("WSHOST_TEST_PYTHON names no Python: `cargo xtask test` makes one and sets it");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut script = Command::new(python)
        .arg(tests.join("clients/openapi.py"))
        .arg(tests.join("../docs/openapi.json"))
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be started");
    let mut stdin = script.stdin.take().unwrap();
    stdin.write_all(json!(heard.0).to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let status = patiently("the script's end", script.wait()).await.unwrap();
    assert!(status.success(), "it says above what is not as described");
}
