//! The one way to a store: the `clickhouse` crate over HTTP or HTTPS, with every setting we depend on said aloud.

use super::StoreError;
use crate::net::tls;
use clickhouse::{Client, Compression};
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{path::Path, time::Duration};
use url::Url;

/// Idle connections are dropped before ClickHouse drops them (3 s by default).
const POOL_IDLE: Duration = Duration::from_secs(2);
/// A store that cannot be reached at all should say so soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What correctness depends on, whatever the server's profile says. Of the rest, nothing.
const SETTINGS: [(&str, &str); 13] = [
    // An acknowledgement means written, and errors come as errors.
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("distributed_foreground_insert", "1"),
    // Duplicates fold by key; nothing else may drop rows.
    ("insert_deduplicate", "0"),
    // A limit that is hit is an error, never a shorter answer.
    ("read_overflow_mode", "throw"),
    ("timeout_overflow_mode", "throw"),
    ("result_overflow_mode", "throw"),
    ("group_by_overflow_mode", "throw"),
    // What a missing partner of a join or an empty aggregate looks like.
    ("join_use_nulls", "0"),
    ("aggregate_functions_null_for_empty", "0"),
    // 64 bits and more as strings of digits in JSON, never as floats.
    ("output_format_json_quote_64bit_integers", "1"),
    // Streams by resource without sorting: the key's own order.
    ("optimize_read_in_order", "1"),
    ("optimize_aggregation_in_order", "1"),
];

/// A client of `url` as `user`.
///
/// Our own HTTP client rather than the crate's default: that one panics on a machine without CA certificates, and takes no CA file.
pub(super) fn client(
    url: &Url,
    user: &str,
    password: &str,
    ca_file: Option<&Path>,
) -> Result<Client, StoreError> {
    let tls = if url.scheme() == "https" {
        tls::client_config(ca_file)
    } else {
        tls::with_roots(rustls::RootCertStore::empty())
    }
    .map_err(StoreError::Config)?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let http = HyperClient::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE)
        .build(connector);
    let client = Client::with_http_client(http)
        .with_url(url.as_str())
        .with_user(user)
        .with_password(password)
        .with_compression(Compression::Lz4);
    Ok(SETTINGS
        .into_iter()
        .fold(client, |c, (name, value)| c.with_setting(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_a_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = Url::parse("https://clickhouse.example:8443").unwrap();
        let error = client(&url, "u", "p", Some(file.path())).unwrap_err();
        assert!(
            error.to_string().contains("holds no certificate"),
            "{error}"
        );
        assert!(client(&url, "u", "p", Some(Path::new("/nowhere/ca.pem"))).is_err());
    }
}
