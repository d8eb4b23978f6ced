//! How NATS is reached.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

use super::subjects::is_prefix;

/// How long a server has to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the server is asked whether it is there. With no answer to two, the
/// connection is given up.
const PING_EVERY: Duration = Duration::from_secs(1);
/// The longest that is waited before it is tried again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// How a host is to reach the others.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// NATS's servers, as URLs: `nats://` or `tls://`, with a token or with user and
    /// password where they ask for them.
    pub servers: Vec<String>,
    /// What all subjects begin with.
    pub prefix: String,
    /// A file of credentials (`.creds`).
    pub credentials: Option<PathBuf>,
    /// Certificates of the authorities to trust, in place of the system's (PEM).
    pub ca: Option<PathBuf>,
    /// This host's certificate and its key (PEM).
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl ClusterOptions {
    /// NATS's servers.
    pub(super) fn servers(&self) -> Result<Vec<ServerAddr>> {
        ensure!(
            is_prefix(&self.prefix),
            "--cluster-prefix {}: give letters, digits, `-` and `_`",
            self.prefix
        );
        self.servers.iter().map(|url| server(url)).collect()
    }

    /// What a connection is made by, but for what its owner adds.
    pub(super) async fn connection(&self, servers: &[ServerAddr]) -> Result<ConnectOptions> {
        let mut options = ConnectOptions::new()
            .name("wshost")
            .no_echo()
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_EVERY)
            .max_reconnects(None)
            .reconnect_delay_callback(retry_after);
        if let Some(server) = servers.iter().find(|server| server.username().is_some()) {
            options = authenticate(options, server)?;
        }
        if let Some(path) = &self.credentials {
            options = options.credentials_file(path).await.with_context(|| {
                format!("--cluster-credentials {}: can't be read", path.display())
            })?;
        }
        if let Some(path) = &self.ca {
            readable("--cluster-ca", path)?;
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &self.identity {
            readable("--cluster-cert", certificate)?;
            readable("--cluster-key", key)?;
            options = options.add_client_certificate(certificate.clone(), key.clone());
            options = options.require_tls(true);
        }
        Ok(options)
    }
}

fn server(url: &str) -> Result<ServerAddr> {
    // Without the URL, which may have a password.
    let server: ServerAddr = url.parse().context("--cluster: give nats://HOST:PORT")?;
    if !matches!(server.scheme(), "nats" | "tls") {
        bail!("--cluster: {}:// is not spoken: give nats:// or tls://", server.scheme());
    }
    Ok(server)
}

fn authenticate(options: ConnectOptions, server: &ServerAddr) -> Result<ConnectOptions> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(String::from).context("--cluster: user and password are no text")
    };
    let user = decoded(server.username().unwrap_or_default())?;
    Ok(match server.password() {
        Some(password) => options.user_and_password(user, decoded(password)?),
        None => options.token(user),
    })
}

fn readable(option: &str, path: &Path) -> Result<()> {
    std::fs::File::open(path)
        .map(drop)
        .with_context(|| format!("{option} {}: can't be read", path.display()))
}

/// Twice as long each time, at most a second.
fn retry_after(attempts: usize) -> Duration {
    let exponent = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
    Duration::from_millis(2_u64.pow(exponent)).min(RETRY_AFTER_MAX)
}

/// Whether this won't become better by being tried again: what was given is refused.
pub(super) fn is_refusal(error: &async_nats::ConnectError) -> bool {
    matches!(
        error.kind(),
        ConnectErrorKind::AuthorizationViolation
            | ConnectErrorKind::Authentication
            | ConnectErrorKind::Tls
    ) || tls_error(error)
}

/// Whether TLS failed: rustls's errors come within those of I/O.
fn tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<async_nats::rustls::Error>()
            || io
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<async_nats::rustls::Error>)
        {
            return true;
        }
        next = error.source();
    }
    false
}
