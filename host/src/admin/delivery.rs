//! What comes from outside to connections: to one, or to a topic's subscribers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Admin, Asked, Problem, Reply};
use crate::{
    config::Config,
    messaging::{self, Left, Publication, Published},
    sandbox::{topic_name, types::ErrorResult},
    websocket::{Message, SharedFrame},
};

/// What is delivered.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Delivery {
    /// To the socket, as it is: the handler is not called.
    Frame(Content),
    /// To the handler's `info`.
    Message(Content),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Content {
    Text(String),
    /// By base64.
    Binary(String),
}

/// What became of it. What waits may still be lost, with its connection.
#[derive(Serialize)]
struct Delivered {
    /// Connections that it waits for.
    delivered: usize,
    /// Connections that had no room for it, or whose handler wants no messages.
    dropped: usize,
}

impl Admin {
    pub(super) fn send(&self, asked: &Asked) -> Result<Reply, Problem> {
        let delivery: Delivery = asked.json()?;
        let ((_, mailbox), hub) = self.find(asked)?;
        let config = mailbox.config();
        let left = match delivery {
            Delivery::Frame(content) => {
                hub.send_frame_from_outside(mailbox.id, content.frame(config)?)
            }
            Delivery::Message(content) => {
                hub.send_from_outside(mailbox.id, content.payload(config)?)
            }
        };
        let delivered = usize::from(left == Some(Left::Waiting));
        Reply::json(&Delivered { delivered, dropped: 1 - delivered })
    }

    pub(super) async fn publish(&self, asked: &Asked) -> Result<Reply, Problem> {
        let current = self.site(asked)?.current;
        let delivery: Delivery = asked.json()?;
        let (config, topic) = (&current.config, asked.parameter("topic"));
        let topic = topic_name(config, topic).map_err(|error| bad_topic(&error))?;
        let content = match delivery {
            Delivery::Frame(content) => messaging::Content::Frame(content.frame(config)?),
            Delivery::Message(content) => messaging::Content::Message(content.payload(config)?),
        };
        if current.hub.is_too_long(None, content.len_bytes()) {
            let detail = "it is too long for NATS to bring to other nodes (max_payload)";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let publication = Publication { topic, from: None, to_self: true, content };
        let Published { delivered, dropped } = current.hub.publish(&publication).await;
        Reply::json(&Delivered { delivered, dropped })
    }
}

impl Content {
    fn frame(self, config: &Config) -> Result<SharedFrame, Problem> {
        Ok(SharedFrame::new(match self {
            Self::Text(text) => {
                check_len(text.len(), config)?;
                Message::Text(text.into())
            }
            Self::Binary(_) => Message::Binary(self.payload(config)?),
        }))
    }

    fn payload(self, config: &Config) -> Result<Bytes, Problem> {
        let bytes = match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(encoded) => STANDARD.decode(encoded).map_err(|error| {
                Problem::unprocessable(format!("`binary` is no base64 (RFC 4648, 4): {error}"))
            })?,
        };
        check_len(bytes.len(), config)?;
        Ok(bytes.into())
    }
}

fn bad_topic(error: &ErrorResult) -> Problem {
    Problem::unprocessable(match error {
        ErrorResult::Invalid(why) => why.clone(),
        error => format!("the topic's name: {error}"),
    })
}

fn check_len(len: usize, config: &Config) -> Result<(), Problem> {
    if len <= config.payload_max_bytes {
        return Ok(());
    }
    let max = config.payload_max_bytes;
    let detail = format!("it has {len} bytes, and may have {max} (payload_max_bytes)");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}
