//! A CA of the test's own, and a server on 127.0.0.1 that shows a certificate of it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// The certificate of whoever signed the server's, in PEM.
pub(crate) fn ca(dir: &Path) -> PathBuf {
    dir.join("ca.pem")
}

/// Makes `ca.pem` in a directory, and `server.pem` and `server.key` for 127.0.0.1.
pub(crate) fn certify(dir: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(
        dir,
        &format!(
            "req -x509 {key} -subj /CN=ca -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ),
    );
    openssl(
        dir,
        &format!(
            "req -x509 {key} -subj /CN=server -keyout server.key -out server.pem -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
             -addext subjectAltName=IP:127.0.0.1"
        ),
    );
}

fn openssl(dir: &Path, args: &str) {
    let mut openssl = Command::new("openssl");
    openssl.args(args.split(' ').filter(|a| !a.is_empty()));
    let made = openssl
        .current_dir(dir)
        .output()
        .unwrap_or_else(|e| panic!("openssl: {e}; run deploy/setup/apt.sh openssl"));
    assert!(
        made.status.success(),
        "openssl {args}: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// What a server answers to the head of a request: status, further headers, body.
pub(crate) type Answers = dyn Fn(&str) -> (u16, String, String) + Send + Sync;

/// Serves by HTTP 1.1 over TLS, one request a connection; the port.
pub(crate) async fn serve(dir: &Path, answers: Arc<Answers>) -> u16 {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let chain = CertificateDer::pem_slice_iter(&read("server.pem"))
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let conf = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(conf));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                // Who does not trust us goes.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                let (status, headers, body) = answers(&String::from_utf8(head).unwrap());
                let reply = format!(
                    "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(reply.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}
