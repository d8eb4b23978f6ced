//! Spans in OTLP's protobuf: `ExportTraceServiceRequest` of opentelemetry-proto 1.x, as
//! far as this program's spans go, which have no events and no links.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{
    Array, KeyValue, Value,
    trace::{SpanId, SpanKind, Status},
};
use opentelemetry_sdk::{Resource, trace::SpanData};

/// Flags of a span that say whether its parent is another process's.
const KNOWS_PARENT: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;

/// A request to take these spans, which are all of the one tracer that there is.
pub(super) fn request(resource: &Resource, spans: &[SpanData]) -> Vec<u8> {
    Message::new().message(1, &resource_spans(resource, spans)).0
}

fn resource_spans(resource: &Resource, spans: &[SpanData]) -> Message {
    let of = resource.iter().fold(Message::new(), |message, (name, value)| {
        message.message(1, &key_value(name.as_str(), value))
    });
    let scope = Message::new().text(1, "wshost").text(2, env!("CARGO_PKG_VERSION"));
    let scope_spans = Message::new().message(1, &scope);
    let scope_spans = spans.iter().fold(scope_spans, |message, one| message.message(2, &span(one)));
    Message::new().message(1, &of).message(2, &scope_spans)
}

fn span(span: &SpanData) -> Message {
    let context = &span.span_context;
    let mut message = Message::new()
        .bytes(1, &context.trace_id().to_bytes())
        .bytes(2, &context.span_id().to_bytes())
        .text(3, &context.trace_state().header());
    if span.parent_span_id != SpanId::INVALID {
        message = message.bytes(4, &span.parent_span_id.to_bytes());
    }
    message = message
        .text(5, &span.name)
        .number(6, kind(&span.span_kind))
        .fixed64(7, unix_ns(span.start_time))
        .fixed64(8, unix_ns(span.end_time));
    message = attributes(message, 9, &span.attributes);
    let remote = if span.parent_span_is_remote { PARENT_IS_REMOTE } else { 0 };
    message
        .number(10, span.dropped_attributes_count.into())
        .message(15, &status(&span.status))
        .fixed32(16, u32::from(context.trace_flags().to_u8()) | KNOWS_PARENT | remote)
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn status(status: &Status) -> Message {
    match status {
        Status::Unset => Message::new(),
        Status::Ok => Message::new().number(3, 1),
        Status::Error { description } => Message::new().text(2, description).number(3, 2),
    }
}

fn attributes(message: Message, field: u32, attributes: &[KeyValue]) -> Message {
    attributes.iter().fold(message, |message, attribute| {
        message.message(field, &key_value(attribute.key.as_str(), &attribute.value))
    })
}

fn key_value(name: &str, value: &Value) -> Message {
    Message::new().text(1, name).message(2, &any_value(value))
}

/// In a choice, what is chosen is written even where it is nothing.
fn any_value(value: &Value) -> Message {
    let values = Message::new();
    match value {
        Value::Bool(value) => Message::new().varint(2, u64::from(*value)),
        Value::I64(value) => Message::new().varint(3, value.cast_unsigned()),
        Value::F64(value) => Message::new().fixed64(4, value.to_bits()),
        Value::Array(Array::String(texts)) => {
            let each = |values: Message, text: &opentelemetry::StringValue| {
                values.message(1, &Message::new().bytes(1, text.as_str().as_bytes()))
            };
            Message::new().message(5, &texts.iter().fold(values, each))
        }
        value => Message::new().bytes(1, value.as_str().as_bytes()),
    }
}

fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A message of protobuf, as it is written. Fields that have their default are left out.
struct Message(Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Message {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn text(self, field: u32, text: &str) -> Self {
        if text.is_empty() { self } else { self.bytes(field, text.as_bytes()) }
    }

    fn number(self, field: u32, number: u64) -> Self {
        if number == 0 { self } else { self.varint(field, number) }
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self = self.varint_of(field << 3 | LENGTH).append_varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(self, field: u32, number: u64) -> Self {
        self.varint_of(field << 3 | VARINT).append_varint(number)
    }

    fn fixed64(mut self, field: u32, number: u64) -> Self {
        self = self.varint_of(field << 3 | FIXED64);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn fixed32(mut self, field: u32, number: u32) -> Self {
        self = self.varint_of(field << 3 | FIXED32);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn varint_of(self, tag: u32) -> Self {
        self.append_varint(tag.into())
    }

    fn append_varint(mut self, mut number: u64) -> Self {
        while number >= 0x80 {
            // Its lowest seven bits, and that more come.
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_protobuf_has_them() {
        let inner = Message::new().number(3, 300).text(4, "").fixed32(5, 1);
        let message = Message::new().text(1, "ab").message(16, &inner).number(2, 0);
        let expected: &[u8] = &[0x0a, 2, b'a', b'b', 0x82, 1, 8, 0x18, 0xac, 2, 0x2d, 1, 0, 0, 0];
        assert_eq!(message.0, expected);
    }

    #[test]
    fn a_value_is_there_even_if_it_is_nothing() {
        assert_eq!(any_value(&Value::from(0)).0, [0x18, 0]);
        assert_eq!(any_value(&Value::from("")).0, [0x0a, 0]);
        assert_eq!(any_value(&Value::from(-1)).0.len(), 11);
    }
}
