//! What is remembered of how a connection was opened, for the operator to be told.
//!
//! It is kept for every connection, and looked at seldom: so it is one piece of
//! memory, of about 12 bytes and the path.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::{Buf, BufMut};

/// The longest path that is kept; a longer one is cut.
const PATH_MAX_BYTES: usize = 255;

/// How a connection was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The client.
    pub peer: SocketAddr,
    /// The request's path, without the query, which may be secret.
    pub path: &'a str,
    /// Whether over HTTP/2.
    pub http2: bool,
    /// Whether over TLS.
    pub tls: bool,
    /// The subprotocol agreed on; empty: none.
    pub subprotocol: &'a str,
}

/// See the module. First what has a length of its own, then the subprotocol behind
/// its length, then the path.
pub struct Facts(Box<[u8]>);

const VERSION_6: u8 = 1;
const HTTP_2: u8 = 2;
const TLS: u8 = 4;

impl Facts {
    /// Of a connection that is opened now.
    #[must_use]
    pub fn new(opened: &Opened<'_>) -> Self {
        let Opened { peer, path, http2, tls, subprotocol } = opened;
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let subprotocol = cut(subprotocol);
        let mut bytes = Vec::new();
        bytes.put_u8(flag(peer.is_ipv6(), VERSION_6) | flag(*http2, HTTP_2) | flag(*tls, TLS));
        bytes.put_u32(u32::try_from(now).unwrap_or(u32::MAX));
        match peer.ip() {
            IpAddr::V4(address) => bytes.put_u32(address.to_bits()),
            IpAddr::V6(address) => bytes.put_u128(address.to_bits()),
        }
        bytes.put_u16(peer.port());
        bytes.put_u8(u8::try_from(subprotocol.len()).unwrap_or_default());
        bytes.put_slice(subprotocol.as_bytes());
        bytes.put_slice(cut(path).as_bytes());
        Self(bytes.into())
    }

    /// When it was opened, in seconds since 1970, and how.
    pub(super) fn read(&self) -> (u32, Opened<'_>) {
        let mut bytes = &*self.0;
        let flags = bytes.get_u8();
        let at = bytes.get_u32();
        let address = match flags & VERSION_6 {
            0 => IpAddr::V4(Ipv4Addr::from_bits(bytes.get_u32())),
            _ => IpAddr::V6(Ipv6Addr::from_bits(bytes.get_u128())),
        };
        let peer = SocketAddr::new(address, bytes.get_u16());
        let len = usize::from(bytes.get_u8());
        let (subprotocol, path) = bytes.split_at(len);
        let text = |bytes| str::from_utf8(bytes).unwrap_or_default();
        let (http2, tls) = (flags & HTTP_2 > 0, flags & TLS > 0);
        (at, Opened { peer, path: text(path), http2, tls, subprotocol: text(subprotocol) })
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(PATH_MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out() {
        let long = "/".repeat(1000);
        for (peer, path, subprotocol) in [
            ("192.0.2.1:443", "/", ""),
            ("[2001:db8::1]:1", "/rooms/caf%C3%A9", "chat.v2"),
            ("127.0.0.1:65535", &*long, &*long),
        ] {
            let peer = peer.parse().unwrap();
            let opened = Opened { peer, path, http2: true, tls: false, subprotocol };
            let facts = Facts::new(&opened);
            let (at, read) = facts.read();
            assert!(at > 1_700_000_000);
            assert_eq!(read, Opened { path: cut(path), subprotocol: cut(subprotocol), ..opened });
        }
    }
}
