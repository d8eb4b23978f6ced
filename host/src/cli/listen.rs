//! The sockets that a host listens on.

use std::{
    io::{self, Write as _},
    net::{self, SocketAddr},
};

use anyhow::{Result, bail};
use tokio::net::{TcpListener, TcpSocket};

/// How many sockets may wait to be accepted: as many as the system allows, which is
/// `net.core.somaxconn`. With the usual 128 of libraries, of 500 that come at once some are
/// let wait a second, and some are reset.
const BACKLOG: u32 = 65_535;

/// The socket that was passed, or else one that listens there. `option` is what says
/// where.
pub(super) fn listen(
    passed: Option<net::TcpListener>,
    address: SocketAddr,
    option: &str,
) -> Result<TcpListener> {
    let Some(passed) = passed else { return bind(address, option) };
    passed.set_nonblocking(true)?;
    let listener = TcpListener::from_std(passed)?;
    tracing::info!("in the place of {option}, a socket was passed: {}", listener.local_addr()?);
    Ok(listener)
}

fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    let hint = match try_bind(address) {
        Ok(listener) => return Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            format!("{error}; give another port by {option}, or 0 for a free one")
        }
        Err(error) => error.to_string(),
    };
    bail!("can't listen on {address}: {hint}")
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Sockets of a host that has just ended hold no port up.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// On standard output, for people and for programs that started this one.
pub(super) fn announce(url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {url}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::try_join_all;
    use tokio::{net::TcpStream, time::timeout};

    use super::*;

    #[tokio::test]
    async fn many_may_wait_to_be_accepted() {
        let listener = listen(None, "127.0.0.1:0".parse().unwrap(), "--listen").unwrap();
        let address = listener.local_addr().unwrap();
        let all = try_join_all((0..300).map(|_| TcpStream::connect(address)));
        // Who finds no room tries again for two minutes.
        timeout(Duration::from_secs(30), all).await.unwrap().unwrap();
    }
}
