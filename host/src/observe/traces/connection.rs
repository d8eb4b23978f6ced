//! The spans of one request, and of the WebSocket that it opens.

use std::{borrow::Cow, net::SocketAddr, time::SystemTime};

use hyper::{
    Method, Request, Version,
    header::{HeaderMap, USER_AGENT},
};
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _},
};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::{Traces, parent};
use crate::observe::{Budget, printable};

/// The longest text that is kept in an attribute.
const TEXT_MAX_BYTES: usize = 1024;

/// A request, as its span tells of it.
pub struct Asked<'a, B> {
    /// The request.
    pub request: &'a Request<B>,
    /// The plugin it is for.
    pub plugin: &'a str,
    /// The host that it names.
    pub authority: Option<&'a str>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The socket's peer.
    pub peer: SocketAddr,
    /// Who asked, which behind a proxy is another one.
    pub client: SocketAddr,
}

/// Why a callback or a connection failed.
pub struct Failure<'a> {
    /// As the metrics have it.
    pub kind: &'static str,
    /// As the log has it.
    pub why: &'a str,
}

/// When a callback was begun.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    at: SystemTime,
    slept: bool,
}

impl Begun {
    /// Now, of a handler that slept and is woken first, or not.
    #[must_use]
    pub fn now(slept: bool) -> Self {
        Self { at: SystemTime::now(), slept }
    }
}

/// How a WebSocket ended.
pub struct Ended<'a> {
    /// As the metrics have it.
    pub side: &'static str,
    /// As the log has it.
    pub why: &'a str,
    /// What the Close says.
    pub code: Option<u16>,
    /// What the Close says beside the code.
    pub reason: &'a str,
    /// Why the handler failed, if it did.
    pub failure: Option<&'static str>,
}

/// The span of a request that is sampled. It ends when this is dropped.
#[derive(Debug)]
pub struct Trace {
    span: Span,
    tracer: SdkTracer,
    callbacks: Budget,
    left_out: u64,
}

impl Traces {
    /// Begins the span of a request. None: it is not sampled.
    #[must_use]
    pub fn request<B>(&self, asked: &Asked<'_, B>) -> Option<Box<Trace>> {
        let around = match parent::of(asked.request.headers()) {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let method = method(asked.request.method());
        let builder = SpanBuilder::from_name(format!("{method} {}", asked.plugin))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes(asked, method));
        let span = builder.start_with_context(&self.tracer, &around);
        let tracer = self.tracer.clone();
        let trace = Trace { span, tracer, callbacks: Budget::default(), left_out: 0 };
        trace.span.is_recording().then(|| Box::new(trace))
    }
}

/// By OpenTelemetry's conventions for HTTP servers. Not the query, in which there are
/// often secrets of WebSockets' clients, as browsers can send them no other way.
fn attributes<B>(asked: &Asked<'_, B>, method: &'static str) -> Vec<KeyValue> {
    let Asked { request, plugin, authority, tls, peer, client } = asked;
    let version = match request.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.scheme", if *tls { "https" } else { "http" }),
        KeyValue::new("url.path", text(request.uri().path())),
        KeyValue::new("network.protocol.version", version),
        KeyValue::new("network.peer.address", peer.ip().to_string()),
        KeyValue::new("network.peer.port", i64::from(peer.port())),
        KeyValue::new("client.address", client.ip().to_string()),
        KeyValue::new("wshost.plugin", (*plugin).to_owned()),
    ];
    let known =
        [("server.address", *authority), ("user_agent.original", user_agent(request.headers()))];
    let known =
        known.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, text(value?))));
    attributes.extend(known);
    attributes
}

fn user_agent(headers: &HeaderMap) -> Option<&str> {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok())
}

/// Of methods that nobody knows each could be another one.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

fn text(text: &str) -> Value {
    match printable(text, TEXT_MAX_BYTES) {
        Cow::Borrowed(text) => text.to_owned().into(),
        Cow::Owned(text) => text.into(),
    }
}

impl Trace {
    /// The connection has this id. Its `init` begins now.
    pub fn connection(&mut self, id: String) -> Begun {
        self.span.set_attribute(KeyValue::new("wshost.connection", id));
        Begun::now(false)
    }

    /// The request was answered so.
    pub fn answered(&mut self, status: u16) {
        self.span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            self.span.set_attribute(KeyValue::new("error.type", status.to_string()));
            self.span.set_status(Status::error(""));
        }
    }

    /// A callback has returned, or failed. Of those that return no more than
    /// `max_per_second` have a span.
    pub fn callback(
        &mut self,
        name: &'static str,
        begun: Begun,
        failure: Option<&Failure<'_>>,
        max_per_second: u32,
    ) {
        if failure.is_none() && self.callbacks.take(max_per_second).is_none() {
            self.left_out += 1;
            return;
        }
        let around = Context::new().with_remote_span_context(self.span.span_context().clone());
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Internal);
        let mut span = builder.with_start_time(begun.at).start_with_context(&self.tracer, &around);
        if begun.slept {
            span.set_attribute(KeyValue::new("wshost.woke", true));
        }
        if let Some(failure) = failure {
            fail(&mut span, failure);
        }
        span.end();
    }

    /// The WebSocket ends.
    pub fn ended(&mut self, ended: &Ended<'_>) {
        let span = &mut self.span;
        span.set_attribute(KeyValue::new("wshost.end.side", ended.side));
        span.set_attribute(KeyValue::new("wshost.end.why", text(ended.why)));
        if let Some(code) = ended.code {
            span.set_attribute(KeyValue::new("wshost.close.code", i64::from(code)));
        }
        if !ended.reason.is_empty() {
            span.set_attribute(KeyValue::new("wshost.close.reason", text(ended.reason)));
        }
        if self.left_out > 0 {
            let left_out = i64::try_from(self.left_out).unwrap_or(i64::MAX);
            span.set_attribute(KeyValue::new("wshost.callbacks_left_out", left_out));
        }
        if let Some(kind) = ended.failure {
            fail(span, &Failure { kind, why: ended.why });
        }
    }
}

fn fail(span: &mut Span, failure: &Failure<'_>) {
    span.set_attribute(KeyValue::new("error.type", failure.kind));
    span.set_status(Status::error(printable(failure.why, TEXT_MAX_BYTES).into_owned()));
}
