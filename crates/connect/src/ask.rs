//! One question to another system: JSON that is posted, one JSON answer, bounded in size and time. No redirects, no proxies
//! from the environment, no second try.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use placet_domain::Json;

use crate::ConfigError;

/// Asks others.
#[derive(Debug)]
pub(crate) struct Asker(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Largest answer, bytes.
const ANSWER_BYTES: usize = 64 * 1024;

impl Asker {
    /// A client with the roots of the web PKI. Connects to nothing yet.
    ///
    /// # Errors
    /// The TLS library cannot be used.
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(ConfigError::Tls)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Posts a question; its answer, or in words why there is none.
    pub(crate) async fn post(
        &self,
        uri: &Uri,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: String,
        deadline: Duration,
    ) -> Result<Json, String> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json.clone());
        request.headers_mut().insert(header::ACCEPT, json);
        request.headers_mut().extend(headers);
        let within = tokio::time::timeout(deadline, self.exchange(request)).await;
        within.map_err(|_| format!("it takes longer than {} ms", deadline.as_millis()))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Json, String> {
        let response = self.0.request(request).await.map_err(|_| "it cannot be reached".to_owned())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| "its answer ended early or is larger than 64 KiB".to_owned())?;
        Json::parse(&body.to_bytes()).map_err(|_| "its answer is not strict JSON".to_owned())
    }
}
