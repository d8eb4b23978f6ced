//! TLS: certificates made for a test, and clients that trust them.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring::default_provider, pki_types::ServerName,
    },
};

use crate::transport;

/// The name that certificates are for, and that clients ask for.
const SERVER_NAME: &str = "localhost";

/// A certificate and its key, in files as a host takes them. It is signed by
/// itself: who trusts it trusts no other.
pub struct Identity {
    certified: CertifiedKey<KeyPair>,
    files: TempDir,
}

impl Identity {
    /// A new one, in files of its own.
    ///
    /// # Panics
    /// If there is no room for them.
    #[expect(clippy::new_without_default, reason = "it writes files")]
    pub fn new() -> Self {
        let files = tempfile::tempdir().expect("there is room for a directory");
        let identity = Self { certified: certified(), files };
        identity.write();
        identity
    }

    /// Puts a new one in the place of this, in the same files.
    pub fn replace(&mut self) {
        self.certified = certified();
        self.write();
    }

    /// Puts what is no certificate in its file.
    pub fn spoil(&self) {
        replace(&self.certificate(), "this is no certificate");
    }

    /// A client that trusts this one, and no other.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn trust(&self) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(self.certified.cert.der().clone()).expect("the certificate is valid");
        Trust { roots: roots.into(), versions: ALL_VERSIONS }
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.files.path().join("certificate.pem")
    }

    /// The file of its key.
    pub fn key(&self) -> PathBuf {
        self.files.path().join("key.pem")
    }

    fn write(&self) {
        replace(&self.key(), &self.certified.signing_key.serialize_pem());
        replace(&self.certificate(), &self.certified.cert.pem());
    }
}

fn certified() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed([SERVER_NAME.to_owned()]).expect("the name is valid")
}

/// Replaces a file at once, as people should: nobody reads half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("there is room for a file");
    std::fs::rename(new, path).expect("a file can be replaced");
}

/// A client of TLS, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Trust {
    /// By these versions of TLS alone.
    #[must_use]
    pub fn versions(self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    /// Connects, and offers these protocols by ALPN.
    ///
    /// # Errors
    /// A host that is not there, that is not trusted, or that refuses the client.
    ///
    /// # Panics
    /// If the versions are none that there are.
    pub async fn connect(
        &self,
        address: SocketAddr,
        alpn: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let socket = transport::connect(address, &[]).await?;
        self.over(socket, alpn).await
    }

    /// The same, over a socket on which something was said before.
    ///
    /// # Errors
    /// A host that is not trusted, or that refuses the client.
    ///
    /// # Panics
    /// If the versions are none that there are.
    pub async fn over(&self, socket: TcpStream, alpn: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        let mut config = ClientConfig::builder_with_provider(default_provider().into())
            .with_protocol_versions(self.versions)
            .expect("the versions are there")
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(SERVER_NAME).expect("the name is valid");
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }
}
