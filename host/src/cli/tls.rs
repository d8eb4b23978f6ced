//! TLS for the commands that are clients.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// TLS as rustls has it by default, for HTTP/1.1. Trusts the system's
/// authorities, and those in this file (PEM).
///
/// # Errors
/// A file that can't be read, or holds no certificates.
pub(super) fn client_config(authorities: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authorities {
        let context = || format!("can't read certificates from {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(context)? {
            roots.add(certificate.with_context(context)?).with_context(context)?;
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
