//! What docs/admin.md and docs/openapi.json promise.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod connections;
mod delivery;
mod described;
mod door;
mod host;
mod plugins;

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, client::conn::http1, header::AUTHORIZATION};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use wshost_tests::{Host, HostBuilder, hyper, patiently};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// This host, with the token.
fn with_token(host: HostBuilder) -> HostBuilder {
    host.variable("WSHOST_ADMIN_TOKEN", TOKEN)
}

async fn scripted() -> Host {
    with_token(Host::of("scripted")).start().await
}

/// An answer of the admin interface.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The body of one that is good.
    #[track_caller]
    fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }

    /// What the problem is.
    #[track_caller]
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], status);
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// Who asks.
struct Operator {
    address: SocketAddr,
    token: Option<&'static str>,
}

impl Operator {
    async fn of(host: &Host) -> Self {
        Self { address: host.internal_address().await, token: Some(TOKEN) }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, "").await
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, Some("application/json"), &body.to_string()).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "internal");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        patiently(&format!("the answer to {method} {path}"), self.exchange(request)).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}
