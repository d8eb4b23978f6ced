//! Who may ask, and how much.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use wshost_tests::{Host, patiently, run_to_end};

use super::{Operator, TOKEN, scripted};

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let host = scripted().await;
    let mut operator = Operator::of(&host).await;
    for (token, challenge) in [
        (None, "Bearer"),
        (Some("wrong"), "Bearer error=\"invalid_token\""),
        (Some("0123456789abcdef0123456789abcdeF"), "Bearer error=\"invalid_token\""),
    ] {
        operator.token = token;
        let answer = operator.get("/v1/host").await;
        assert!(answer.problem(401).contains("token"));
        assert_eq!(answer.headers["www-authenticate"], challenge);
        // Nor what there is.
        assert_eq!(operator.get("/v1/none").await.status, 401);
    }
    assert!(host.log().lines_with(&[TOKEN]).is_empty());
}

#[tokio::test]
async fn a_host_without_a_token_says_what_to_set() {
    let host = Host::of("scripted").start().await;
    let detail = Operator::of(&host).await.get("/v1/host").await.problem(403);
    assert!(detail.contains("--admin-token-file"), "{detail}");
    assert!(host.internal("/healthz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_token_comes_from_a_file() {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.path().to_str().unwrap();
    let host = Host::of("scripted").argument("--admin-token-file").argument(path).start().await;
    host.log().line_with(&["WARN", "can be read by every user", path]).await;
    Operator::of(&host).await.get("/v1/host").await.good();
}

#[tokio::test]
async fn a_token_that_is_none_ends_the_start() {
    let plugin = wshost_tests::guest("echo");
    let plugin = plugin.to_str().unwrap();
    let run = ["run", plugin, "--listen", "127.0.0.1:0", "--admin-token-file"];
    let finished = run_to_end(&[&run[..], &["/nowhere/token"]].concat()).await;
    assert!(finished.only_line().contains("/nowhere/token"), "{finished:?}");
    let short = NamedTempFile::new().unwrap();
    fs::write(short.path(), "short\n").unwrap();
    let finished = run_to_end(&[&run[..], &[short.path().to_str().unwrap()]].concat()).await;
    let line = finished.only_line();
    assert!(line.contains("fewer than 16") && !line.contains("short\n"), "{line}");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    assert!(operator.get("/v1/none").await.problem(404).contains("/v1/openapi.json"));
    let answer = operator.send("PATCH", "/v1/log", None, "").await;
    assert!(answer.problem(405).contains("GET, PUT"));
    assert_eq!(answer.headers["allow"], "GET, PUT");
    assert!(operator.get("/v1/plugins/%ff").await.problem(400).contains("UTF-8"));
}

#[tokio::test]
async fn a_body_has_a_limit_whether_it_says_its_length_or_not() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let body = json!({ "filter": "x".repeat(3 << 20) });
    let detail = operator.ask("PUT", "/v1/log", body).await.problem(413);
    assert!(detail.contains("admin_body_max_bytes"), "{detail}");
    let mut socket = TcpStream::connect(operator.address).await.unwrap();
    let head = format!(
        "PUT /v1/log HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..3 {
        socket.write_all(chunk.as_bytes()).await.unwrap();
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = [0; 13];
    patiently("an answer", socket.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413 ");
}

/// A backend that pushes a lot need not connect each time.
#[tokio::test]
async fn many_requests_may_come_over_one_connection() {
    let host = scripted().await;
    let mut socket = TcpStream::connect(host.internal_address().await).await.unwrap();
    let request =
        format!("GET /v1/log HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let mut buffer = [0; 1024];
    for _ in 0..100 {
        socket.write_all(request.as_bytes()).await.unwrap();
        let len = patiently("an answer", socket.read(&mut buffer)).await.unwrap();
        assert!(buffer[..len].starts_with(b"HTTP/1.1 200 "));
    }
    // Left alone it is closed.
    assert_eq!(patiently("its end", socket.read(&mut buffer)).await.unwrap(), 0);
}
