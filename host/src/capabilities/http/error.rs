//! What became of a request that failed, in WASI's words.

use std::{error::Error as _, io};

use hyper_util::client::legacy;
use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

use crate::messaging::ConnectionId;

/// Finds the cause that says most.
pub(super) fn of(plugin: &str, connection: ConnectionId, error: &legacy::Error) -> Error {
    tracing::debug!(plugin, %connection, "an HTTP request failed: {error:?}");
    let mut cause = error.source();
    while let Some(now) = cause {
        if let Some(known) = known(now) {
            return known;
        }
        // What an I/O error holds is its cause, and `source` would leave it out.
        cause = match now.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => now.source(),
        };
    }
    match error.is_connect() {
        true => Error::DestinationUnavailable,
        false => Error::HttpProtocolError,
    }
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
            _ => Error::TlsProtocolError,
        });
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return (error.is_incomplete_message() || error.is_closed())
            .then_some(Error::ConnectionTerminated);
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some(Error::ConnectionRefused),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Some(Error::ConnectionTerminated)
        }
        io::ErrorKind::TimedOut => Some(Error::ConnectionTimeout),
        _ => None,
    }
}
