//! How what nodes tell each other is written: numbers with the low byte first, texts and
//! lists with their length before them. What is read is what was written and no more,
//! or [`Malformed`].

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use thiserror::Error;

use super::facts::{Fact, Key};
use crate::messaging::{ConnectionId, Letter, NoAnswer, NodeId, Present, Watch};

/// This is not what a node of this version writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not written by a node of this version")]
pub(super) struct Malformed;

/// Something that can be written and read.
pub(super) trait Wire: Sized {
    fn write(&self, out: &mut BytesMut);
    fn read(from: &mut Bytes) -> Result<Self, Malformed>;
}

fn take(from: &mut Bytes, len: usize) -> Result<Bytes, Malformed> {
    if from.len() < len { Err(Malformed) } else { Ok(from.split_to(len)) }
}

macro_rules! numbers {
    ($($type:ty: $put:ident $get:ident),*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut BytesMut) {
                out.$put(*self);
            }
            fn read(from: &mut Bytes) -> Result<Self, Malformed> {
                Ok(take(from, size_of::<Self>())?.$get())
            }
        }
    )*};
}
numbers!(u8: put_u8 get_u8, u32: put_u32_le get_u32_le, u64: put_u64_le get_u64_le,
    u128: put_u128_le get_u128_le);

impl Wire for bool {
    fn write(&self, out: &mut BytesMut) {
        out.put_u8((*self).into());
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

/// Everything here is part of one message of NATS's, which is far smaller than this
/// counts to.
fn write_len(len: usize, out: &mut BytesMut) {
    u32::try_from(len).unwrap_or(u32::MAX).write(out);
}

impl Wire for Bytes {
    fn write(&self, out: &mut BytesMut) {
        write_len(self.len(), out);
        out.extend_from_slice(self);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        let len = u32::read(from)? as usize;
        take(from, len)
    }
}

fn write_text(text: &str, out: &mut BytesMut) {
    write_len(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn read_text<T: for<'a> From<&'a str>>(from: &mut Bytes) -> Result<T, Malformed> {
    let bytes = Bytes::read(from)?;
    std::str::from_utf8(&bytes).map(T::from).map_err(|_| Malformed)
}

impl Wire for Arc<str> {
    fn write(&self, out: &mut BytesMut) {
        write_text(self, out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        read_text(from)
    }
}

impl Wire for Box<str> {
    fn write(&self, out: &mut BytesMut) {
        write_text(self, out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        read_text(from)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut BytesMut) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        Ok(if bool::read(from)? { Some(T::read(from)?) } else { None })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut BytesMut) {
        write_len(self.len(), out);
        for item in self {
            item.write(out);
        }
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        // No room is made for what is only announced.
        (0..u32::read(from)?).map(|_| T::read(from)).collect()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut BytesMut) {
        self.0.write(out);
        self.1.write(out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn write(&self, out: &mut BytesMut) {
        T::write(self, out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        T::read(from).map(Self::new)
    }
}

impl Wire for NodeId {
    fn write(&self, out: &mut BytesMut) {
        self.to_bits().write(out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        u32::read(from).map(Self::from_bits)
    }
}

impl Wire for ConnectionId {
    fn write(&self, out: &mut BytesMut) {
        self.to_bits().write(out);
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        u128::read(from).map(Self::from)
    }
}

/// Structs field by field; enums by a number for the case, and then its fields.
macro_rules! wire {
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl Wire for $name {
            fn write(&self, out: &mut BytesMut) {
                $(self.$field.write(out);)*
            }
            fn read(from: &mut Bytes) -> Result<Self, Malformed> {
                Ok(Self { $($field: Wire::read(from)?),* })
            }
        }
    };
    (enum $name:ident { $($number:literal: $case:ident { $($field:tt: $bound:ident),* },)* }) => {
        impl Wire for $name {
            fn write(&self, out: &mut BytesMut) {
                match self {
                    $(Self::$case { $($field: $bound),* } => {
                        u8::write(&$number, out);
                        $($bound.write(out);)*
                    })*
                }
            }
            fn read(from: &mut Bytes) -> Result<Self, Malformed> {
                Ok(match u8::read(from)? {
                    $($number => Self::$case { $($field: Wire::read(from)?),* },)*
                    _ => return Err(Malformed),
                })
            }
        }
    };
}
pub(super) use wire;

wire!(struct Present { id, name, metadata });
wire!(struct Watch { by, call });
wire!(enum Fact {
    0: Name { name: name, id: id, is_granted: is_granted },
    1: Present { 0: topic, 1: present },
});
wire!(enum Key { 0: Name { 0: name }, 1: Present { 0: topic, 1: id }, });
wire!(enum NoAnswer { 0: Timeout {}, 1: NoConnection {}, 2: NoRoom {}, });
wire!(enum Letter {
    0: Direct { from: f, to: to, payload: payload },
    1: Monitor { by: by, of: of },
    2: Call { from: f, to: to, call: call, payload: payload },
    3: Unwatch { of: of, watch: watch },
    4: Reply { from: f, to: to, call: call, answer: answer },
    5: Down { of: of, to: to, reason: reason },
});

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn write(&self, out: &mut BytesMut) {
        self.is_ok().write(out);
        match self {
            Ok(value) => value.write(out),
            Err(error) => error.write(out),
        }
    }
    fn read(from: &mut Bytes) -> Result<Self, Malformed> {
        Ok(if bool::read(from)? { Ok(T::read(from)?) } else { Err(E::read(from)?) })
    }
}
