//! The sockets that a host listens on.

use std::{
    io::{self, Write as _},
    net::{self, SocketAddr},
};

use anyhow::{Result, bail};
use tokio::net::TcpListener;

/// The socket that was passed, or else one that listens there. `option` is what says
/// where.
pub(super) async fn listen(
    passed: Option<net::TcpListener>,
    address: SocketAddr,
    option: &str,
) -> Result<TcpListener> {
    let Some(passed) = passed else { return bind(address, option).await };
    passed.set_nonblocking(true)?;
    let listener = TcpListener::from_std(passed)?;
    tracing::info!("in the place of {option}, a socket was passed: {}", listener.local_addr()?);
    Ok(listener)
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    let hint = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            format!("{error}; give another port by {option}, or 0 for a free one")
        }
        Err(error) => error.to_string(),
    };
    bail!("can't listen on {address}: {hint}")
}

/// On standard output, for people and for programs that started this one.
pub(super) fn announce(url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {url}")?;
    out.flush()
}
