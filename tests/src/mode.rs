//! The ways in which each test runs.

use std::net::SocketAddr;

use crate::{Ask, Host};

/// What carries a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A connection of HTTP/1.1 becomes the WebSocket (RFC 6455).
    Http1,
    /// A stream of HTTP/2 becomes it (RFC 8441).
    Http2,
}

/// A way in which a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What carries the WebSocket.
    pub transport: Transport,
    /// Whether the handler asks for hibernation in every callback.
    pub hibernating: bool,
}

impl Mode {
    /// Over HTTP/1.1, the handler awake.
    pub const HTTP1: Self = Self { transport: Transport::Http1, hibernating: false };
    /// Over HTTP/1.1, the handler asking for hibernation in every callback.
    pub const HTTP1_HIBERNATING: Self = Self { hibernating: true, ..Self::HTTP1 };
    /// Over HTTP/2, the handler awake.
    pub const HTTP2: Self = Self { transport: Transport::Http2, hibernating: false };
    /// Over HTTP/2, the handler asking for hibernation in every callback.
    pub const HTTP2_HIBERNATING: Self = Self { hibernating: true, ..Self::HTTP2 };

    /// A request to this host, over TLS if it speaks that.
    pub fn ask(self, host: &Host) -> Ask {
        let ask = self.ask_address(host.address()).log(host.log().clone());
        match host.trust() {
            Some(trust) => ask.trust(trust),
            None => ask,
        }
    }

    /// A request to whoever listens there.
    pub fn ask_address(self, address: SocketAddr) -> Ask {
        Ask::new(self, address)
    }

    /// The status of a response that opens a WebSocket.
    pub fn opening_status(self) -> u16 {
        match self.transport {
            Transport::Http1 => 101,
            Transport::Http2 => 200,
        }
    }

    /// The method and the version of HTTP of a request for a WebSocket.
    pub fn method_and_version(self) -> (&'static str, &'static str) {
        match self.transport {
            Transport::Http1 => ("GET", "1.1"),
            Transport::Http2 => ("CONNECT", "2"),
        }
    }
}

/// Makes a test for each mode of functions `async fn name(mode: Mode)`, called
/// `name::http1` and so on. This is the list of modes.
#[macro_export]
macro_rules! each_mode {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            #[tokio::test]
            async fn http1() {
                super::$test($crate::Mode::HTTP1).await;
            }

            #[tokio::test]
            async fn http1_hibernating() {
                super::$test($crate::Mode::HTTP1_HIBERNATING).await;
            }

            #[tokio::test]
            async fn http2() {
                super::$test($crate::Mode::HTTP2).await;
            }

            #[tokio::test]
            async fn http2_hibernating() {
                super::$test($crate::Mode::HTTP2_HIBERNATING).await;
            }
        }
    )*};
}

/// Makes a test for each transport, of the same form: for handlers that say
/// themselves when they hibernate.
#[macro_export]
macro_rules! each_transport {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            #[tokio::test]
            async fn http1() {
                super::$test($crate::Mode::HTTP1).await;
            }

            #[tokio::test]
            async fn http2() {
                super::$test($crate::Mode::HTTP2).await;
            }
        }
    )*};
}
