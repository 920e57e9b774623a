//! The HTTP client: pooled, HTTP/1.1, TLS by rustls with the roots of the web PKI.
//! No redirects, no proxies from the environment, no cookies, no compression.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pooled, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

/// The pooled client of one connector.
pub(crate) type Client = Pooled<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// How long connecting (TLS excluded) may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept. Common servers drop theirs after five seconds, and a request written
/// to a connection that is being dropped has an unknown outcome.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept.
const IDLE_CONNECTIONS: usize = 512;

/// Builds the client. Fails only if the TLS provider does.
pub(crate) fn client() -> Result<Client, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    // INVARIANT: one call is written at most once. The client's own retry stays on because it concerns only requests
    // that the connection handed back unwritten; nothing here retries above it.
    Ok(Pooled::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build(tls))
}

/// What went wrong, causes included.
pub(crate) fn story(error: &Error) -> String {
    let mut text = match error.is_connect() {
        true => "cannot connect".to_owned(),
        false => "the connection failed".to_owned(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
