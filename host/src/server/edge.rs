//! Who may connect, and who they are: origins, and clients behind proxies.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName, ORIGIN},
};
use ipnet::IpNet;

use super::AllowedOrigin;
use crate::connection::PeerKey;

/// The operator's say in it.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// The origins whose pages may open WebSockets; none: every one may.
    pub origins: Vec<AllowedOrigin>,
    /// The networks of proxies that are believed what they say of a client's
    /// address.
    pub proxies: Vec<IpNet>,
    /// Where they say it. No other field is read: a proxy passes on what it does
    /// not know, and anybody can have written that.
    pub header: ProxyHeader,
    /// Whether they say it by the PROXY protocol too, before anything else on a
    /// connection.
    pub proxy_protocol: bool,
}

/// The header field in which proxies say for whom they ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Edge {
    /// Whether a page of this origin may open a WebSocket (RFC 6455, 10.2). What
    /// is no browser sends no origin, and may.
    pub(super) fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let allowed = |origin: &[u8]| self.origins.iter().any(|known| known.is(origin));
        self.origins.is_empty()
            || headers.get_all(ORIGIN).iter().all(|origin| allowed(origin.as_bytes()))
    }

    /// Whether a connection from there must begin with a header of the PROXY
    /// protocol. Others are read as if there were no such thing: it is never
    /// guessed whether there is a header, and nobody else can name an address.
    pub(super) fn expects_proxy_header(&self, peer: IpAddr) -> bool {
        self.proxy_protocol && self.believes(peer.to_canonical())
    }

    /// By what a socket is counted: its address, unless it is a proxy's.
    pub(super) fn peer_key(&self, peer: IpAddr) -> PeerKey {
        if self.believes(peer.to_canonical()) { PeerKey::UNCOUNTED } else { peer.into() }
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(&address))
    }

    /// The client's address: the peer's own, or what a proxy that is believed
    /// says of it. Of several hops the nearest that is no such proxy counts: what
    /// stands before it, anybody can have written. The port is 0 where the proxy
    /// does not say it.
    pub(super) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let mut client = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.believes(client.ip()) {
            return client;
        }
        for hop in hops(self.header, headers).into_iter().rev() {
            let Some(address) = hop else { break };
            client = address;
            if !self.believes(address.ip()) {
                break;
            }
        }
        client
    }
}

/// The addresses that proxies saw, farthest first; none for one that is hidden
/// or no address.
fn hops(header: ProxyHeader, headers: &HeaderMap) -> Vec<Option<SocketAddr>> {
    match header {
        ProxyHeader::XForwardedFor => elements(headers, &X_FORWARDED_FOR).map(address).collect(),
        ProxyHeader::Forwarded => {
            elements(headers, &FORWARDED).map(|hop| forwarded_for(hop).and_then(address)).collect()
        }
    }
}

/// The elements of a header that is a list. Quoted commas are not looked for:
/// no address has any.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values.flat_map(|value| value.to_str().unwrap_or("unknown").split(',')).map(str::trim)
}

/// What `for=` says in an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address as proxies write it: with a port or without, version 6 in
/// brackets or not.
fn address(text: &str) -> Option<SocketAddr> {
    let alone = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address =
        alone.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)).or_else(|_| text.parse()).ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    fn client(peer: &str, fields: &[(&'static str, &'static str)]) -> String {
        client_by(ProxyHeader::XForwardedFor, peer, fields)
    }

    fn client_by(
        header: ProxyHeader,
        peer: &str,
        fields: &[(&'static str, &'static str)],
    ) -> String {
        let proxies = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let edge = Edge { proxies, header, ..Edge::default() };
        edge.client(peer.parse().unwrap(), &headers(fields)).ip().to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1:5", &[("x-forwarded-for", "198.51.100.7")]), "192.0.2.1");
        assert_eq!(client("10.0.0.1:5", &[]), "10.0.0.1");
    }

    #[test]
    fn the_nearest_hop_that_is_no_proxy_is_the_client() {
        let hops = "203.0.113.9, 198.51.100.7, 10.1.1.1";
        assert_eq!(client("10.0.0.1:5", &[("x-forwarded-for", hops)]), "198.51.100.7");
        let fields = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "10.1.1.1:80")];
        assert_eq!(client("10.0.0.1:5", &fields), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1:5", &[("x-forwarded-for", "198.51.100.7, unknown")]),
            "10.0.0.1"
        );
        assert_eq!(
            client("[::ffff:10.0.0.1]:5", &[("x-forwarded-for", "198.51.100.7")]),
            "198.51.100.7"
        );
    }

    #[test]
    fn a_proxy_header_is_asked_of_proxies_alone() {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let edge = Edge { proxies, proxy_protocol: true, ..Edge::default() };
        let asked = |peer: &str| edge.expects_proxy_header(peer.parse().unwrap());
        assert!(asked("10.0.0.1") && asked("::ffff:10.0.0.1") && !asked("192.0.2.1"));
        let without = Edge { proxy_protocol: false, ..edge.clone() };
        assert!(!without.expects_proxy_header("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn only_the_named_header_is_read() {
        let forwarded =
            ("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:db8::17]:4711\"");
        let fields = [forwarded, ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client("[::1]:5", &fields), "198.51.100.7");
        assert_eq!(client_by(ProxyHeader::Forwarded, "[::1]:5", &fields), "2001:db8::17");
        let hidden = [("forwarded", "for=_hidden")];
        assert_eq!(client_by(ProxyHeader::Forwarded, "[::1]:5", &hidden), "::1");
    }

    #[test]
    fn origins_are_named_or_all_may() {
        let edge =
            Edge { origins: vec!["https://example.com".parse().unwrap()], ..Edge::default() };
        assert!(edge.allows_origin(&headers(&[])));
        assert!(edge.allows_origin(&headers(&[("origin", "https://example.com")])));
        assert!(!edge.allows_origin(&headers(&[("origin", "https://example.com.evil.test")])));
        let both = [("origin", "https://example.com"), ("origin", "null")];
        assert!(!edge.allows_origin(&headers(&both)));
        assert!(Edge::default().allows_origin(&headers(&both)));
    }
}
