//! HTTP from an operator's machine: addresses that may carry a credential, and a client for them. It follows no redirect and
//! takes no proxy from the environment.

use http_body_util::Full;
use hyper::{Uri, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

/// Sends requests with whole bodies.
pub(crate) type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Reads an address that a credential may be sent to: `https`, or plain `http` within this machine.
pub(crate) fn address(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("`{text}` is not an address: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) | (Some("http"), Some("localhost" | "127.0.0.1" | "[::1]")) => Ok(uri),
        (Some("http"), Some(_)) => Err(format!("`{text}` would carry a credential unencrypted; use `https`")),
        _ => Err(format!("`{text}` is not an `http` or `https` address")),
    }
}

/// Makes a client that trusts the authorities of the web.
pub(crate) fn client() -> Result<Client, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(legacy::Client::builder(TokioExecutor::new()).build(tls))
}
