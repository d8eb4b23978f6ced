//! A collector of OpenTelemetry's, as small as one can be: it takes spans by OTLP over
//! HTTP, and keeps them.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch};
use wshost_tests::{Host, HostBuilder, patiently};

use crate::protobuf::Message;

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) state: String,
    /// Empty: it has none.
    pub(crate) parent: String,
    pub(crate) parent_is_remote: bool,
    pub(crate) name: String,
    /// 1: internal, 2: a server's.
    pub(crate) kind: u64,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Where it failed: why.
    pub(crate) error: Option<String>,
    /// Of what it comes from.
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) api_key: String,
}

impl Span {
    /// An attribute's value; empty: it has none of this name.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

pub(crate) struct Collector {
    address: SocketAddr,
    spans: watch::Receiver<Vec<Span>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, spans) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let sender = sender.clone();
                let take = service_fn(move |request| taken(request, sender.clone()));
                let served = http1::Builder::new().serve_connection(TokioIo::new(socket), take);
                tokio::spawn(served);
            }
        });
        Self { address, spans }
    }

    /// A host of `scripted` that sends its spans here, and soon.
    pub(crate) fn host(&self) -> HostBuilder {
        host_for(self.address)
    }

    /// Waits for spans of which there are so many.
    pub(crate) async fn spans(&self, count: usize, which: impl Fn(&Span) -> bool) -> Vec<Span> {
        let mut spans = self.spans.clone();
        let mut found = Vec::new();
        let came = spans.wait_for(|spans| {
            found = spans.iter().filter(|span| which(span)).cloned().collect();
            found.len() >= count
        });
        patiently("spans", came).await.unwrap();
        found
    }

    /// Waits for a span.
    pub(crate) async fn span(&self, which: impl Fn(&Span) -> bool) -> Span {
        self.spans(1, which).await.remove(0)
    }

    /// What came so far.
    pub(crate) fn so_far(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }
}

/// A host of `scripted` that sends its spans there.
pub(crate) fn host_for(address: SocketAddr) -> HostBuilder {
    Host::of("scripted")
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20secret")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .variable("OTEL_BSP_SCHEDULE_DELAY", "20")
}

async fn taken(
    request: Request<Incoming>,
    spans: watch::Sender<Vec<Span>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-protobuf");
    let api_key = request.headers()["api-key"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut came = Vec::new();
    for resource_spans in Message::parse(&body).messages(1) {
        let resource = resource_spans.messages(1).next().unwrap().attributes(1);
        for scope_spans in resource_spans.messages(2) {
            assert_eq!(scope_spans.messages(1).next().unwrap().text(1), "wshost");
            came.extend(scope_spans.messages(2).map(|span| {
                let (resource, api_key) = (resource.clone(), api_key.clone());
                Span { resource, api_key, ..read(&span) }
            }));
        }
    }
    spans.send_modify(|spans| spans.append(&mut came));
    Ok(Response::new(Full::default()))
}

fn read(span: &Message<'_>) -> Span {
    let status = span.messages(15).next();
    let error = status.filter(|status| status.number(3) == 2).map(|status| status.text(2));
    let flags = span.number(16);
    assert_eq!(flags & 0x101, 0x101, "it is sampled, and knows where its parent is");
    Span {
        trace: span.hex(1),
        id: span.hex(2),
        state: span.text(3),
        parent: span.hex(4),
        parent_is_remote: flags & 0x200 != 0,
        name: span.text(5),
        kind: span.number(6),
        start_ns: span.number(7),
        end_ns: span.number(8),
        attributes: span.attributes(9),
        error,
        resource: BTreeMap::new(),
        api_key: String::new(),
    }
}
