//! The HTTP request that a handler decides on.

use std::borrow::Cow;

use crate::ConnectionId;
use crate::percent::{decode, decode_form};

/// Header fields in order, repeats kept: names (the host gives them in lower
/// case) and values, which need not be text.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The HTTP request that asks for a WebSocket, or for something else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// This connection's id.
    pub id: ConnectionId,
    /// The method: `GET` for a WebSocket over HTTP/1.1, `CONNECT` over HTTP/2.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port that the client asked for.
    pub authority: Option<String>,
    /// The path, as sent (percent-encoding kept), without the query.
    pub path: String,
    /// What stands behind the `?`, as sent; none where there is no `?`.
    pub query: Option<String>,
    /// The version of HTTP.
    pub version: HttpVersion,
    /// Every header field.
    pub headers: Fields,
    /// Who asks.
    pub peer: Peer,
    /// Facts about TLS; none on a plain connection.
    pub tls: Option<TlsInfo>,
    /// Whether a WebSocket is asked for, by a well-formed handshake. Where it
    /// is not, the handler can still answer with a response.
    pub upgrade: bool,
    /// The subprotocols offered, most wanted first.
    pub subprotocols: Vec<String>,
    /// The parameters bound by the route's pattern, in the pattern's order,
    /// percent-decoded.
    pub parameters: Vec<(String, String)>,
}

/// The version of HTTP that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HttpVersion {
    /// HTTP/1.0: never a WebSocket.
    Http10,
    /// HTTP/1.1 (WebSocket by RFC 6455).
    Http11,
    /// HTTP/2 (WebSocket by RFC 8441).
    Http2,
}

/// The peer of a connection, as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// IPv4 or IPv6 address as text, without brackets or port.
    pub address: String,
    /// TCP port.
    pub port: u16,
}

/// What is known of a connection made over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The protocol agreed on by ALPN (`h2`, `http/1.1`).
    pub alpn: Option<String>,
    /// The server name that the client asked for (SNI).
    pub server_name: Option<String>,
}

impl Request {
    /// The value of the first header field of this name (in any case) that is
    /// there; none where it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// The value of the first header field of this name (in any case).
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        self.header_values(name).next()
    }

    /// The values of all header fields of this name (in any case), in order.
    pub fn header_values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let wanted = move |(found, _): &&(String, _)| found.eq_ignore_ascii_case(name);
        let fields = self.headers.iter().filter(wanted);
        fields.map(|(_, value)| value.as_slice())
    }

    /// The parts of the path between its slashes, percent-decoded, empty ones
    /// left out. What is not UTF-8 becomes U+FFFD.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.path.split('/').filter(|part| !part.is_empty()).map(decode)
    }

    /// The query's names and values as a form sends them: percent-decoded, `+`
    /// as a space. What is not UTF-8 becomes U+FFFD; a name without `=` has an
    /// empty value.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let pairs = self.query.as_deref().unwrap_or_default().split('&');
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_form(name), decode_form(value))
        })
    }

    /// The first value that the query has for this name, decoded as by
    /// [`query_pairs`](Self::query_pairs).
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The parameter of this name that the route's pattern bound.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// Whether the client offers this subprotocol. Case counts.
    pub fn offers(&self, subprotocol: &str) -> bool {
        self.subprotocols.iter().any(|offer| offer == subprotocol)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::request;

    #[test]
    fn headers_are_found_in_any_case() {
        let request =
            request("/").header("x-a", "1").header("x-a", "2").header("x-b", [0xff]).build();
        assert_eq!(request.header("X-A"), Some("1"));
        assert_eq!(request.header("x-b"), None);
        assert_eq!(request.header_bytes("x-b"), Some(&[0xff][..]));
        assert_eq!(request.header("x-c"), None);
        let values: Vec<&[u8]> = request.header_values("x-a").collect();
        assert_eq!(values, [b"1", b"2"]);
    }

    #[test]
    fn paths_are_cut_before_they_are_decoded() {
        let request = request("/chat//a%2Fb/%E2%82%AC/").build();
        let segments: Vec<_> = request.segments().collect();
        assert_eq!(segments, ["chat", "a/b", "€"]);
    }

    #[test]
    fn queries_are_read_as_forms() {
        let request = request("/?name=Ann+Lee%21&flag&name=Bob&&=x").build();
        assert_eq!(request.query_value("name").as_deref(), Some("Ann Lee!"));
        assert_eq!(request.query_value("flag").as_deref(), Some(""));
        assert_eq!(request.query_value("").as_deref(), Some("x"));
        assert_eq!(request.query_value("other"), None);
    }

    #[test]
    fn parameters_and_offers_are_found() {
        let request = request("/").parameter("room", "lobby").subprotocol("mqtt").build();
        assert_eq!(request.parameter("room"), Some("lobby"));
        assert_eq!(request.parameter("name"), None);
        assert!(request.offers("mqtt") && !request.offers("MQTT"));
    }
}
