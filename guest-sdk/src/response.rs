//! Answering with HTTP in place of a WebSocket.

use crate::Fields;

/// An HTTP response in place of a WebSocket.
///
/// ```
/// use wshost_sdk::prelude::*;
///
/// let response = Response::new(401)
///     .header("www-authenticate", "Bearer")
///     .text("Who are you?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(crate) parts: Option<Parts>,
}

/// What a response says that is not the host's own 400.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) status: u16,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A response with this status, 200 to 599, and an empty body. Another
    /// status is this handler's error: the client gets 500.
    pub fn new(status: u16) -> Self {
        Self::from_parts(Parts { status, ..Parts::default() })
    }

    /// A page, with status 200.
    pub fn html(page: impl Into<String>) -> Self {
        Self::new(200).header("content-type", "text/html; charset=utf-8").body(page.into())
    }

    /// The host's own 400, for a request that deserves no better answer.
    pub fn refuse() -> Self {
        Self { parts: None }
    }

    /// Adds a header field. The connection's own are the host's to set:
    /// `content-length`, `connection`, `transfer-encoding`, `upgrade`.
    pub fn header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let mut parts = self.into_parts();
        parts.headers.push((name.into(), value.into()));
        Self::from_parts(parts)
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let mut parts = self.into_parts();
        parts.body = body.into();
        Self::from_parts(parts)
    }

    /// Sets the body to plain text, and says so in `content-type`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.parts.as_ref().map_or(REFUSED, |parts| parts.status)
    }

    /// The header fields set so far.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        self.parts.as_ref().map_or(&[], |parts| &parts.headers)
    }

    /// The body's bytes.
    pub fn body_bytes(&self) -> &[u8] {
        self.parts.as_ref().map_or(&[], |parts| &parts.body)
    }

    fn from_parts(parts: Parts) -> Self {
        Self { parts: Some(parts) }
    }

    fn into_parts(self) -> Parts {
        self.parts.unwrap_or_else(|| Parts { status: REFUSED, ..Parts::default() })
    }
}

/// The status of the host's own refusal.
const REFUSED: u16 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_built_up() {
        let response = Response::new(404).header("x", "y").text("none");
        assert_eq!(response.status(), 404);
        assert_eq!(response.body_bytes(), b"none");
        let names: Vec<&str> = response.headers().iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["x", "content-type"]);
    }

    #[test]
    fn a_refusal_is_a_400() {
        assert_eq!(Response::refuse().status(), 400);
        assert_eq!(Response::refuse().header("x", "y").status(), 400);
    }
}
