//! The PROXY protocol, versions 1 and 2: a load balancer's first word on a
//! connection, which says for whom it is made
//! (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>).
//!
//! Nothing behind the header is read, so that the socket can go on as if there
//! had been none, to TLS or to HTTP.

use std::{io, net::SocketAddr};

use ppp::{
    v1,
    v2::{self, Protocol},
};
use thiserror::Error;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// How version 1 begins.
const V1_PREFIX: &[u8] = b"PROXY ";
/// The longest header of version 1 (2.1), its line feed included.
const V1_MAX_BYTES: usize = 107;
/// The fixed part of version 2's: prefix, command, family, length (2.2).
const V2_HEAD_BYTES: usize = 16;
/// The command `LOCAL` of version 2.
const V2_LOCAL: u8 = 0x20;
/// The longest header of version 2 that is taken, which is nginx's limit. Its
/// addresses take 216 bytes at most; what else it carries is skipped.
const V2_MAX_BYTES: usize = 4096;

/// Why a connection has no header that can be used.
#[derive(Debug, Error)]
pub(super) enum HeaderError {
    /// The connection ended or failed in it, as those do by which load balancers
    /// see whether somebody listens.
    #[error("the connection ended before its PROXY header: {0}")]
    Io(#[from] io::Error),
    /// It begins with something else.
    #[error("it does not begin with a PROXY header")]
    Missing,
    /// It has no end within the limit.
    #[error("its PROXY header is longer than {0} bytes")]
    TooLong(usize),
    /// It can't be understood.
    #[error("its PROXY header is malformed: {0}")]
    Malformed(String),
}

/// Takes the header off a connection. Returns the address that it names; none
/// where the connection is the load balancer's own (`LOCAL`), or the client has
/// no address of IP (`UNKNOWN`, Unix sockets) or does not speak TCP.
///
/// # Errors
/// [`HeaderError`]; then the connection is of no use.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>, HeaderError> {
    let mut header = Vec::new();
    let mut ahead = [0; V1_MAX_BYTES];
    loop {
        let count = stream.peek(&mut ahead).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let known = header.len();
        header.extend_from_slice(&ahead[..count]);
        let end = end(&header)?;
        // It is there: it was just looked at.
        stream.read_exact(&mut ahead[..end.map_or(count, |end| end - known)]).await?;
        if let Some(end) = end {
            return client(&header[..end]);
        }
    }
}

/// Where the header ends that these bytes begin with; none: not among them.
fn end(bytes: &[u8]) -> Result<Option<usize>, HeaderError> {
    if begins(bytes, V1_PREFIX) {
        let line = &bytes[..bytes.len().min(V1_MAX_BYTES)];
        return match memchr::memchr(b'\n', line) {
            Some(at) => Ok(Some(at + 1)),
            None if bytes.len() < V1_MAX_BYTES => Ok(None),
            None => Err(HeaderError::TooLong(V1_MAX_BYTES)),
        };
    }
    if !begins(bytes, v2::PROTOCOL_PREFIX) {
        return Err(HeaderError::Missing);
    }
    let Some([.., high, low]) = bytes.first_chunk::<V2_HEAD_BYTES>() else { return Ok(None) };
    let end = V2_HEAD_BYTES + usize::from(u16::from_be_bytes([*high, *low]));
    if end > V2_MAX_BYTES {
        return Err(HeaderError::TooLong(V2_MAX_BYTES));
    }
    Ok((bytes.len() >= end).then_some(end))
}

/// Whether these are the first bytes of what begins with `prefix`.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(byte, expected)| byte == expected)
}

/// The client that a whole header names.
fn client(header: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    if header.starts_with(V1_PREFIX) {
        let header = v1::Header::try_from(header).map_err(malformed)?;
        return Ok(match header.addresses {
            v1::Addresses::Tcp4(named) => Some((named.source_address, named.source_port).into()),
            v1::Addresses::Tcp6(named) => Some((named.source_address, named.source_port).into()),
            v1::Addresses::Unknown => None,
        });
    }
    // Whatever else such a header says is to be ignored.
    if header[v2::PROTOCOL_PREFIX.len()] == V2_LOCAL {
        return Ok(None);
    }
    let header = v2::Header::try_from(header).map_err(malformed)?;
    Ok(match (header.protocol, header.addresses) {
        (Protocol::Stream, v2::Addresses::IPv4(named)) => {
            Some((named.source_address, named.source_port).into())
        }
        (Protocol::Stream, v2::Addresses::IPv6(named)) => {
            Some((named.source_address, named.source_port).into())
        }
        _ => None,
    })
}

fn malformed(error: impl std::error::Error) -> HeaderError {
    HeaderError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: [u8; 12] = [192, 0, 2, 1, 127, 0, 0, 1, 0x12, 0x34, 0, 80];

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        header.extend(rest);
        header
    }

    /// What a header says, whose end is found in it and nowhere before.
    fn named(header: &[u8]) -> Result<Option<String>, HeaderError> {
        for len in 0..header.len() {
            assert!(matches!(end(&header[..len]), Ok(None)), "{:?}", &header[..len]);
        }
        let more = [header, b"PROXY \n"].concat();
        assert_eq!(end(&more)?, Some(header.len()));
        Ok(client(header)?.map(|address| address.to_string()))
    }

    #[test]
    fn the_client_is_named() {
        let v6: Vec<u8> = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
            .into_iter()
            .chain([0; 16])
            .chain([0, 5, 0, 80])
            .collect();
        let tlvs = [&V4[..], &[0x04, 0, 3, 1, 2, 3, 0xea, 0, 0]].concat();
        for (header, client) in [
            (&b"PROXY TCP4 192.0.2.1 127.0.0.1 4660 80\r\n"[..], "192.0.2.1:4660"),
            (b"PROXY TCP6 2001:db8::1 ::1 5 80\r\n", "[2001:db8::1]:5"),
            (&v2(0x21, 0x11, &V4), "192.0.2.1:4660"),
            (&v2(0x21, 0x11, &tlvs), "192.0.2.1:4660"),
            (&v2(0x21, 0x21, &v6), "[2001:db8::1]:5"),
        ] {
            assert_eq!(named(header).unwrap().as_deref(), Some(client));
        }
    }

    #[test]
    fn who_has_no_address_is_not_named() {
        for header in [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
            &v2(0x20, 0x00, &[]),
            &v2(0x20, 0x11, &V4),
            &v2(0x20, 0xff, &[1, 2, 3]),
            &v2(0x21, 0x00, &[1, 2, 3]),
            &v2(0x21, 0x12, &V4),
            &v2(0x21, 0x31, &[b'/'; 216]),
        ] {
            assert_eq!(named(header).unwrap(), None, "{header:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_told() {
        for header in [
            &b"PROXY TCP4 192.0.2.1 127.0.0.1 4660\r\n"[..],
            b"PROXY TCP4 192.0.2.1 127.0.0.1 4660 80\n",
            b"PROXY TCP4 192.0.2.1 127.0.0.1 4660 80 \r\n",
            b"PROXY TCP4 192.0.2.256 127.0.0.1 4660 80\r\n",
            b"PROXY TCP4 ::1 ::1 4660 80\r\n",
            b"PROXY TCP4 192.0.2.1 127.0.0.1 65536 80\r\n",
            b"PROXY TCP5 192.0.2.1 127.0.0.1 4660 80\r\n",
            b"PROXY \xff\r\n",
            b"PROXY \n",
            &v2(0x11, 0x11, &V4),
            &v2(0x22, 0x11, &V4),
            &v2(0x21, 0x41, &V4),
            &v2(0x21, 0x13, &V4),
            &v2(0x21, 0x11, &V4[..11]),
            &v2(0x21, 0x21, &V4),
        ] {
            assert!(matches!(named(header), Err(HeaderError::Malformed(_))), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_seen_at_once() {
        for bytes in [&b"G"[..], b"PROXX", b"proxy TCP4", b"\r\n\r\n\0\r\nQUIT\r", b"\x16\x03"] {
            assert!(matches!(end(bytes), Err(HeaderError::Missing)), "{bytes:?}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let line = [V1_PREFIX, &[b'x'; V1_MAX_BYTES - 7]].concat();
        assert!(matches!(end(&line), Ok(None)));
        assert_eq!(end(&[&line, &b"\n"[..]].concat()).unwrap(), Some(V1_MAX_BYTES));
        for more in [&b"x"[..], b"x\n"] {
            assert!(matches!(end(&[&line, more].concat()), Err(HeaderError::TooLong(107))));
        }
        let largest = v2(0x21, 0x00, &[0; V2_MAX_BYTES - V2_HEAD_BYTES]);
        assert_eq!(named(&largest).unwrap(), None);
        let larger = v2(0x21, 0x00, &[0; V2_MAX_BYTES - V2_HEAD_BYTES + 1]);
        assert!(matches!(end(&larger[..V2_HEAD_BYTES]), Err(HeaderError::TooLong(4096))));
    }
}
