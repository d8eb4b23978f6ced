//! TLS, by rustls: certificate and key from files, taken again when they change.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};

use crate::stamp::Stamp;

/// How often the files are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Makes TLS of sockets: 1.2 and 1.3 with rustls' defaults, HTTP/2 and HTTP/1.1
/// by ALPN.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    source: Arc<Source>,
}

/// Takes the files again when they change.
pub struct Watch(Arc<Source>);

/// From files to the certificate in force.
struct Source {
    known: Mutex<Known>,
    current: Arc<Current>,
    provider: Arc<CryptoProvider>,
}

/// What was read last.
struct Known {
    files: Files,
    /// Taken before they were read: what comes in between is taken again.
    stamps: Stamps,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, and those that lead to its authority (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM: PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// The certificate in force. Connections keep the one they began with.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn set(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// Reads certificate and key. They are taken again while [`Watch::run`] runs.
    ///
    /// # Errors
    /// Files that can't be read, are no PEM, or don't belong together.
    pub fn new(files: Files) -> Result<(Self, Watch)> {
        let provider = Arc::new(ring::default_provider());
        let stamps = files.stamps();
        let current = Arc::new(Current(RwLock::new(Arc::new(files.read(&provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let known = Mutex::new(Known { files, stamps });
        let source = Arc::new(Source { known, current, provider });
        Ok((Self { acceptor: Arc::new(config).into(), source: source.clone() }, Watch(source)))
    }

    /// Takes certificate and key from these files from now on.
    ///
    /// # Errors
    /// As [`Tls::new`]: all is as before.
    pub fn take(&self, files: Files) -> Result<()> {
        self.source.take(files)
    }

    /// Makes TLS of a socket.
    ///
    /// # Errors
    /// A client that does not speak TLS, or none that the host speaks.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

impl Watch {
    /// Looks at the files for ever. Those that can't be used leave the
    /// certificate in force as it is.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            self.0.look();
        }
    }
}

impl Source {
    fn take(&self, files: Files) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = files.stamps();
        self.read(&files)?;
        *known = Known { files, stamps };
        Ok(())
    }

    /// Takes files that have changed. Nobody else takes any meanwhile.
    fn look(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = known.files.stamps();
        if stamps == known.stamps {
            return;
        }
        known.stamps = stamps;
        if let Err(error) = self.read(&known.files) {
            tracing::warn!("the certificate stays as it was: {error:#}");
        }
    }

    fn read(&self, files: &Files) -> Result<()> {
        self.current.set(files.read(&self.provider)?);
        tracing::info!("certificate taken from {}", files.certificate.display());
        Ok(())
    }
}

impl Files {
    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| format!("can't read a private key from {}", self.key.display()))?;
        CertifiedKey::from_der(chain, key, provider).with_context(|| {
            format!("can't use {} with {}", self.certificate.display(), self.key.display())
        })
    }

    fn stamps(&self) -> Stamps {
        [Stamp::of(&self.certificate), Stamp::of(&self.key)]
    }
}

/// Of the certificate, and of its key.
type Stamps = [Option<Stamp>; 2];

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let context = || format!("can't read certificates from {}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(context)?
        .collect::<Result<_, _>>()
        .with_context(context)?;
    ensure!(!chain.is_empty(), "no certificate stands in {}", path.display());
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::SystemTime,
    };

    use rcgen::generate_simple_self_signed;

    use super::*;

    /// Puts another file in the place of this one, as those do who renew
    /// certificates, with a time that says nothing.
    fn replace(path: &Path, content: &str) {
        let new = path.with_extension("new");
        fs::write(&new, content).unwrap();
        File::options()
            .append(true)
            .open(&new)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Writes a new certificate and its key, and returns the first.
    fn renew(files: &Files) -> CertificateDer<'static> {
        let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        replace(&files.certificate, &certified.cert.pem());
        replace(&files.key, &certified.signing_key.serialize_pem());
        certified.cert.der().clone()
    }

    #[test]
    fn what_is_replaced_before_the_first_look_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] =
            ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let files = Files { certificate, key };
        let old = renew(&files);
        let (tls, watch) = Tls::new(files.clone()).unwrap();
        let in_force = || watch.0.current.0.read().unwrap().cert[0].clone();
        assert_eq!(in_force(), old);
        let new = renew(&files);
        watch.0.look();
        assert_eq!(in_force(), new);
        fs::write(&files.key, "no key").unwrap();
        assert!(tls.take(files).is_err());
        assert_eq!(in_force(), new);
    }
}
