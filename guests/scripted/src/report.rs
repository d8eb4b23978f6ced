//! What is told of requests, messages and reasons.

use std::fmt::Write;

use wshost_sdk::prelude::*;
use wshost_sdk::{ConnectionError, HttpVersion, PresenceChange, TlsInfo};

use crate::act::error_text;

/// A request, a `key=value` a line, then a `header NAME: VALUE` a line.
pub(crate) fn request(request: &Request) -> String {
    let parameters: Vec<String> =
        request.parameters.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let mut report = [
        format!("id={}", request.id),
        format!("method={}", request.method),
        format!("scheme={}", request.scheme),
        format!("authority={}", or_dash(request.authority.as_deref())),
        format!("path={}", request.path),
        format!("query={}", or_dash(request.query.as_deref())),
        format!("version={}", version(request.version)),
        format!("peer={}", request.peer.address),
        format!("tls={}", request.tls.as_ref().map_or("-".to_owned(), tls)),
        format!("upgrade={}", request.upgrade),
        format!("subprotocols={}", request.subprotocols.join(",")),
        format!("parameters={}", parameters.join(",")),
    ]
    .join("\n");
    for (name, value) in &request.headers {
        let _ = write!(report, "\nheader {name}: {}", lossy(value)); // to a String: can't fail
    }
    report
}

/// The version, the protocol agreed on by ALPN, and the name that was asked for.
fn tls(tls: &TlsInfo) -> String {
    let (alpn, name) = (tls.alpn.as_deref(), tls.server_name.as_deref());
    format!("{} {} {}", tls.version, or_dash(alpn), or_dash(name))
}

fn version(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http10 => "1.0",
        HttpVersion::Http11 => "1.1",
        HttpVersion::Http2 => "2",
    }
}

/// A control frame: its kind and its payload.
pub(crate) fn control(kind: &str, payload: &[u8]) -> String {
    format!("{kind} {}", lossy(payload))
}

/// A message: its kind and what it says.
pub(crate) fn message(message: &Message) -> String {
    match message {
        Message::Timer { id, payload } => format!("timer {id} {}", lossy(payload)),
        Message::Direct { sender, payload } => format!("direct {sender} {}", lossy(payload)),
        Message::Published { topic, sender, payload, position } => {
            let sender = or_dash(sender.as_ref().map(ConnectionId::as_str));
            let said = format!("published {topic} {sender} {}", lossy(payload));
            match position {
                Some(position) => format!("{said} @{position}"),
                None => said,
            }
        }
        Message::Operator(payload) => format!("operator {}", lossy(payload)),
        Message::Down { id, reason } => format!("down {id} {reason}"),
        Message::Call { sender, call, payload } => {
            format!("call {sender} {} {}", call.get(), lossy(payload))
        }
        Message::Reply { call, answer: Ok(answer) } => {
            format!("reply {} {}", call.get(), lossy(answer))
        }
        Message::Reply { call, answer: Err(error) } => {
            format!("reply {} {}", call.get(), error_text(error))
        }
        Message::Presence { topic, change, present } => {
            let change = match change {
                PresenceChange::Joined => "joined",
                PresenceChange::Updated => "updated",
                PresenceChange::Left => "left",
            };
            let name = or_dash(present.name.as_deref());
            format!("{change} {topic} {} {name} {}", present.id, present.metadata)
        }
        Message::Gap { topic } => format!("gap {topic}"),
        _ => "other".to_owned(),
    }
}

/// A reason by its name in the contract.
pub(crate) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Normal => "normal".to_owned(),
        Reason::Stop => "stop".to_owned(),
        Reason::Timeout => "timeout".to_owned(),
        Reason::Remote(None) => "remote none".to_owned(),
        Reason::Remote(Some(frame)) => format!("remote {} {}", frame.code(), frame.reason()),
        Reason::Error(error) => format!("error {}", connection_error(*error)),
        Reason::Limit(name) => format!("limit {name}"),
        Reason::Overloaded => "overloaded".to_owned(),
        Reason::Shutdown => "shutdown".to_owned(),
        Reason::Replaced => "replaced".to_owned(),
        Reason::Operator => "operator".to_owned(),
        Reason::Other(text) => format!("other {text}"),
        _ => "unknown".to_owned(),
    }
}

fn connection_error(error: ConnectionError) -> &'static str {
    match error {
        ConnectionError::BadEncoding => "bad-encoding",
        ConnectionError::BadFrame => "bad-frame",
        ConnectionError::TooBig => "too-big",
        ConnectionError::Closed => "closed",
        ConnectionError::Io => "io",
        _ => "unknown",
    }
}

fn or_dash(text: Option<&str>) -> &str {
    text.unwrap_or("-")
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
