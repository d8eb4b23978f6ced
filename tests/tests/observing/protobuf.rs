//! Reads protobuf without knowing the messages: enough to look at spans by the numbers
//! of their fields, as opentelemetry-proto has them.

use std::collections::BTreeMap;

/// A field's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A message's fields, in order.
#[derive(Debug)]
pub(crate) struct Message<'a>(Vec<(u64, Value<'a>)>);

impl<'a> Message<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(varint(&mut bytes)),
                1 => Value::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                5 => Value::Number(
                    u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into(),
                ),
                2 => {
                    let len = usize::try_from(varint(&mut bytes)).unwrap();
                    Value::Bytes(take(&mut bytes, len))
                }
                other => panic!("no such type: {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    fn all(&self, field: u64) -> impl Iterator<Item = Value<'a>> {
        self.0.iter().filter(move |(number, _)| *number == field).map(|(_, value)| *value)
    }

    pub(crate) fn number(&self, field: u64) -> u64 {
        match self.all(field).last() {
            Some(Value::Number(number)) => number,
            None => 0,
            other => panic!("field {field} is no number: {other:?}"),
        }
    }

    pub(crate) fn each_bytes(&self, field: u64) -> impl Iterator<Item = &'a [u8]> {
        self.all(field).map(move |value| match value {
            Value::Bytes(bytes) => bytes,
            Value::Number(_) => panic!("field {field} is a number"),
        })
    }

    pub(crate) fn messages(&self, field: u64) -> impl Iterator<Item = Message<'a>> {
        self.each_bytes(field).map(Message::parse)
    }

    pub(crate) fn text(&self, field: u64) -> String {
        let bytes = self.each_bytes(field).last().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) fn hex(&self, field: u64) -> String {
        let bytes = self.each_bytes(field).last().unwrap_or_default();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `KeyValue`s, of which texts, booleans and whole numbers are read.
    pub(crate) fn attributes(&self, field: u64) -> BTreeMap<String, String> {
        let attribute = |pair: Message<'_>| {
            let value = pair.messages(2).next().unwrap();
            let (number, read) = value.0[0];
            let read = match (number, read) {
                (1, _) => value.text(1),
                (2, _) => (value.number(2) == 1).to_string(),
                (3, Value::Number(number)) => number.cast_signed().to_string(),
                other => panic!("an attribute of another type: {other:?}"),
            };
            (pair.text(1), read)
        };
        self.messages(field).map(attribute).collect()
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    bytes.split_off(..len).expect("the message goes on")
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let len = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let digits = take(bytes, len).iter().rev();
    digits.fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
}
