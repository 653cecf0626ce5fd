//! Names, ports and certificates: what stands before any protocol.

use crate::net::tls;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connects to `host:port`.
pub(super) async fn connect(address: &str) -> Result<TcpStream, String> {
    TcpStream::connect(address)
        .await
        .map_err(|e| format!("{address}: {e}"))
}

/// Looks a name up as this machine does it; it has to have an address.
pub(super) async fn look_up(name: &str) -> Result<(), String> {
    let mut found = tokio::net::lookup_host((name, 0))
        .await
        .map_err(|e| format!("{name}: {e}"))?;
    found
        .next()
        .map(drop)
        .ok_or_else(|| format!("{name} has no address"))
}

/// A certificate that has to be trusted now, and to be valid for a while yet.
#[derive(Debug)]
pub(super) struct Certificate {
    address: String,
    server_name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Certificate {
    pub(super) fn new(
        address: &str,
        server_name: &str,
        valid_for_s: u32,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let inner = tls::verifier(ca_file)?;
        let mut config = tls::client_config(ca_file)?;
        let later = Duration::from_secs(valid_for_s.into());
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(NowAndLater { inner, later }));
        Ok(Self {
            address: address.to_owned(),
            server_name: ServerName::try_from(server_name.to_owned())
                .map_err(|e| format!("{server_name}: {e}"))?,
            config: Arc::new(config),
        })
    }

    pub(super) async fn look(&self) -> Result<(), String> {
        let tcp = connect(&self.address).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector
            .connect(self.server_name.clone(), tcp)
            .await
            .map(drop)
            .map_err(|e| format!("{}: {e}", self.address))
    }
}

/// Trusts what is trusted now and would be later.
#[derive(Debug)]
struct NowAndLater {
    inner: Arc<WebPkiServerVerifier>,
    later: Duration,
}

impl ServerCertVerifier for NowAndLater {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let at = |t| {
            let inner = &self.inner;
            inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, t)
        };
        let verified = at(now)?;
        let later = Duration::from_secs(now.as_secs()) + self.later;
        at(UnixTime::since_unix_epoch(later)).map_err(|e| {
            let days = self.later.as_secs() / 86_400;
            Error::General(format!("trusted now, but not in {days} days: {e}"))
        })?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
