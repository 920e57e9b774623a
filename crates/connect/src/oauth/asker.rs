//! Requests to the documents and endpoints of an upstream's authorization server: one exchange each, bounded in size and
//! time, no redirects, no proxy, and nowhere that `reach.rs` does not admit. No credential is part of an error.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use placet_domain::{Json, Object};

use super::reach::{Reach, Resolver};

/// How long one exchange may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Largest answer, bytes.
const ANSWER_BYTES: usize = 256 * 1024;

/// Asks for one upstream.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    reach: Reach,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    /// The answer, if it is strict JSON.
    pub(crate) document: Option<Json>,
}

impl Told {
    /// The code and text of an OAuth error (RFC 6749 section 5.2), fit for one line.
    pub(crate) fn error(&self) -> String {
        let text = |name| self.document.as_ref().and_then(|told| told.member(name)).and_then(Json::as_str);
        let shown = |text: &str| text.chars().take(200).flat_map(char::escape_debug).collect::<String>();
        match (text("error"), text("error_description")) {
            (Some(code), Some(why)) => format!("{} ({})", shown(code), shown(why)),
            (Some(code), None) => shown(code),
            (None, _) => format!("HTTP {}", self.status.as_u16()),
        }
    }

    /// Whether this is the code of the error.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.document.as_ref().and_then(|told| told.member("error")).and_then(Json::as_str) == Some(code)
    }
}

impl Asker {
    /// Asks nobody yet.
    pub(crate) fn new(reach: Reach) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new_with_resolver(reach.resolver());
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(DEADLINE));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, reach })
    }

    /// Whether an address is one that a browser may be sent to and we may ask.
    pub(crate) fn admits(&self, url: &str) -> Result<(), String> {
        self.reach.admits(url).map(|_| ())
    }

    /// Fetches a document.
    pub(crate) async fn get(&self, url: &str) -> Result<Told, String> {
        self.exchange(url, Method::GET, Bytes::new(), None, None).await
    }

    /// Sends a form, with a value for `Authorization` if there is one.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Told, String> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.exchange(
            url,
            Method::POST,
            form.into(),
            Some("application/x-www-form-urlencoded"),
            authorization,
        )
        .await
    }

    /// Sends a document.
    pub(crate) async fn post_json(&self, url: &str, body: Object) -> Result<Told, String> {
        let body = Json::Object(body).canonical();
        self.exchange(url, Method::POST, body.into(), Some("application/json"), None).await
    }

    async fn exchange(
        &self,
        url: &str,
        method: Method,
        body: Bytes,
        content_type: Option<&'static str>,
        authorization: Option<&str>,
    ) -> Result<Told, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.reach.admits(url)?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| format!("{url}: the client's secret is no header's value"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                let causes = crate::http::causes(&error);
                format!("{url} cannot be reached: {error}{causes}")
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body =
                body.map_err(|_| format!("{url}: the answer ended early or is larger than 256 KiB"))?;
            Ok(Told { status, document: Json::parse(&body.to_bytes()).ok() })
        };
        let late = |_| format!("{url}: no answer within {} seconds", DEADLINE.as_secs());
        tokio::time::timeout(DEADLINE, exchange).await.map_err(late)?
    }
}
