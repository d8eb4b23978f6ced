//! The subjects of NATS that a plugin's nodes use. `docs/cluster.md` documents those
//! that are for others.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{
    messaging::{Content, NodeId, subject},
    websocket::{ControlPayload, Message, SharedFrame, Utf8Bytes},
};

/// What NATS has another meaning for, or none. What is not ASCII is encoded too.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'*').add(b'>');
/// A plugin's name is one token.
const ENCODED_IN_TOKEN: &AsciiSet = &ENCODED.add(b'.');

/// The longest subject: nats-server closes the connection at a line of more than 4,096
/// bytes (`max_control_line`), in which there are lengths too.
const SUBJECT_MAX_BYTES: usize = 4096 - 64;

/// Who has published something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Node,
    /// Somebody else who speaks NATS.
    Other,
}

/// The subjects of one plugin: `PREFIX.PLUGIN.…`.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    root: String,
}

impl Subjects {
    pub(super) fn new(prefix: &str, plugin: &str) -> Self {
        Self { root: format!("{prefix}.{}", utf8_percent_encode(plugin, ENCODED_IN_TOKEN)) }
    }

    /// What nodes publish to topics, all of it: in one subscription, and so in order.
    pub(super) fn published(&self) -> String {
        format!("{}.published.>", self.root)
    }

    /// What others publish to topics. Subjects of their own, so that NATS's permissions
    /// can keep others from publishing as a node.
    pub(super) fn topics(&self) -> String {
        format!("{}.topic.>", self.root)
    }

    /// What all nodes hear.
    pub(super) fn nodes(&self) -> String {
        format!("{}.nodes", self.root)
    }

    /// What one node hears.
    pub(super) fn node(&self, node: NodeId) -> String {
        format!("{}.node.{node}", self.root)
    }

    /// Where this node publishes something to one topic, and its payload. None: it is
    /// of no kind that can be published, or NATS can't have such a subject.
    pub(super) fn publication(&self, topic: &str, content: &Content) -> Option<(String, Bytes)> {
        let (kind, payload) = match content {
            Content::Message(payload) => ("message", payload.clone()),
            Content::Frame(frame) => match frame.message() {
                Message::Text(text) => ("text", text.clone().into()),
                Message::Binary(bytes) => ("binary", bytes.clone()),
                Message::Ping(payload) => ("ping", payload.as_bytes().clone()),
                Message::Pong(payload) => ("pong", payload.as_bytes().clone()),
                Message::Close(_) => return None,
            },
        };
        let topic = utf8_percent_encode(topic, ENCODED);
        let subject = format!("{}.published.{kind}.{topic}", self.root);
        (subject.len() <= SUBJECT_MAX_BYTES).then_some((subject, payload))
    }

    /// What came to one of [`published`](Self::published) or [`topics`](Self::topics):
    /// who says so, the topic and the content. None: it is none, or can't be a frame.
    pub(super) fn read(&self, subject: &str, payload: Bytes) -> Option<(By, Arc<str>, Content)> {
        let (by, rest) = subject.strip_prefix(&self.root)?.strip_prefix('.')?.split_once('.')?;
        let by = match by {
            "published" => By::Node,
            "topic" => By::Other,
            _ => return None,
        };
        let (kind, topic) = rest.split_once('.')?;
        let encoded = topic;
        let topic = percent_decode_str(encoded).decode_utf8().ok()?;
        // In one form only: permissions in NATS are of the subject as it stands.
        if utf8_percent_encode(&topic, ENCODED).to_string() != encoded {
            return None;
        }
        subject::check_topic(&topic).ok()?;
        let frame = match kind {
            "message" => return Some((by, topic.into(), Content::Message(payload))),
            "text" => Message::Text(Utf8Bytes::try_from(payload).ok()?),
            "binary" => Message::Binary(payload),
            "ping" => Message::Ping(ControlPayload::new(payload).ok()?),
            "pong" => Message::Pong(ControlPayload::new(payload).ok()?),
            _ => return None,
        };
        Some((by, topic.into(), Content::Frame(SharedFrame::new(frame))))
    }
}

/// Whether this can stand before all subjects: one token, as with more a plugin's name
/// could be read as a part of it.
pub(super) fn is_prefix(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Subjects {
        Subjects::new("wshost", "chat")
    }

    #[test]
    fn plain_names_stand_as_they_are() {
        let payload = Bytes::from_static(b"x");
        let (subject, _) = subjects().publication("rooms.1", &Content::Message(payload)).unwrap();
        assert_eq!(subject, "wshost.chat.published.message.rooms.1");
        assert_eq!(Subjects::new("a", "my.chat").nodes(), "a.my%2Echat.nodes");
    }

    #[test]
    fn every_topic_comes_back() {
        for topic in ["a", "rooms.1", "a b.c*", "*a.>b", "100%", "é.日本", "%41"] {
            let text = Message::Text("x".into());
            let content = Content::Frame(SharedFrame::new(text.clone()));
            let (subject, payload) = subjects().publication(topic, &content).unwrap();
            assert!(subject.bytes().all(|b| b.is_ascii_graphic() && b != b'*' && b != b'>'));
            let (by, read, content) = subjects().read(&subject, payload).unwrap();
            assert_eq!((by, &*read), (By::Node, topic));
            assert!(matches!(content, Content::Frame(frame) if *frame.message() == text));
        }
    }

    #[test]
    fn what_nats_would_close_the_connection_for_is_no_subject() {
        let content = Content::Message(Bytes::new());
        let publication = |topic: &str| subjects().publication(topic, &content);
        let room = SUBJECT_MAX_BYTES - "wshost.chat.published.message.".len();
        assert!(publication(&"a".repeat(room)).is_some());
        assert!(publication(&"a".repeat(room + 1)).is_none());
        assert!(publication(&" ".repeat(room / 3 + 1)).is_none());
    }

    #[test]
    fn who_publishes_stands_in_the_subject() {
        let by = |of: &str| {
            let subject = format!("wshost.chat.{of}.message.a");
            Some(subjects().read(&subject, Bytes::new())?.0)
        };
        assert_eq!(by("published"), Some(By::Node));
        assert_eq!(by("topic"), Some(By::Other));
        assert_eq!(by("nodes"), None);
    }

    #[test]
    fn what_is_none_is_refused() {
        let read = |subject: &str, payload: &'static [u8]| {
            subjects().read(subject, Bytes::from_static(payload)).is_some()
        };
        assert!(read("wshost.chat.topic.text.a", b"x"));
        assert!(!read("wshost.chat.topic.text.a", b"\xff"));
        assert!(!read("wshost.chat.topic.ping.a", &[0; 126]));
        for subject in [
            "wshost.chat.topic.text",
            "wshost.chat.topic.close.a",
            "wshost.chat.topic.text.%2E",
            "wshost.chat.topic.text.%2a",
            "wshost.chat.topic.text.%61",
            "wshost.chat.topic.text.a%2Eb",
            "wshost.chat.topic.text.é",
            "wshost.chat.topic.text.%0A",
            "wshost.chat.nodes",
            "wshost.other.topic.text.a",
        ] {
            assert!(!read(subject, b"x"), "{subject}");
        }
    }

    #[test]
    fn a_prefix_is_one_token() {
        assert!(is_prefix("wshost") && is_prefix("prod_eu-1"));
        for none in ["", "a.", "a.b", "a b", "*", "a.>", "é"] {
            assert!(!is_prefix(none), "{none}");
        }
    }
}
