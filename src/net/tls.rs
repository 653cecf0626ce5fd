//! TLS as every client here speaks it that is not the HTTP client: rustls with ring, the system's CAs and a bundle beside them.

use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{path::Path, sync::Arc};

/// A client's TLS, which trusts the system's CAs and those of `ca_file`.
///
/// # Errors
/// In words, what is wrong with the file, or that there is no CA at all.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let roots = roots(ca_file)?;
    with_roots(roots)
}

/// What trusts the certificates of servers that [`client_config`] trusts.
///
/// # Errors
/// In words, what is wrong with the file, or that there is no CA at all.
pub fn verifier(ca_file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let roots = Arc::new(roots(ca_file)?);
    WebPkiServerVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|e| format!("TLS cannot be set up: {e}"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client's TLS that trusts `roots`.
///
/// # Errors
/// In words, when it cannot be set up.
pub fn with_roots(roots: RootCertStore) -> Result<ClientConfig, String> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The system's CAs, and those of `ca_file` beside them.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let bad = |why: String| {
            format!(
                "ca_file {}: {why}; it must hold CA certificates in PEM",
                file.display()
            )
        };
        let before = roots.len();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(e.to_string()))? {
            roots
                .add(certificate.map_err(|e| bad(e.to_string()))?)
                .map_err(|e| bad(e.to_string()))?;
        }
        if roots.len() == before {
            return Err(bad("it holds no certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        return Err(
            "this machine has no CA certificates: install them (ca-certificates) or set `ca_file`"
                .to_owned(),
        );
    }
    Ok(roots)
}
