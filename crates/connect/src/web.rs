//! The published documents of issuers: one GET, bounded in size and time, without redirects. Which addresses are asked
//! for is the engine's matter; that nothing else than `https` (or this machine) is asked, is decided here.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use placet_domain::Json;
use placet_engine::ports::{Fetched, ProviderError, Providers};

use crate::ConfigError;

/// Fetches documents of issuers.
#[derive(Debug, Clone)]
pub struct Web(Arc<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>);

/// How long a document may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Largest document, bytes.
const DOCUMENT_BYTES: usize = 256 * 1024;

impl Web {
    /// A client with the roots of the web PKI, and no proxy from the environment.
    ///
    /// # Errors
    /// The TLS library cannot be used.
    pub fn new() -> Result<Self, ConfigError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(DEADLINE));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(ConfigError::Tls)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self(Arc::new(client)))
    }
}

#[async_trait]
impl Providers for Web {
    async fn get(&self, url: &str) -> Result<Fetched, ProviderError> {
        self.exchange(url, Method::GET, Bytes::new(), &[]).await
    }

    async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Fetched, ProviderError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut headers =
            vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| ProviderError(format!("{url}: the credential is no header's value")))?;
            value.set_sensitive(true);
            headers.push((header::AUTHORIZATION, value));
        }
        self.exchange(url, Method::POST, Bytes::from(form), &headers).await
    }
}

impl Web {
    async fn exchange(
        &self,
        url: &str,
        method: Method,
        body: Bytes,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Fetched, ProviderError> {
        let failed = |why: &str| ProviderError(format!("{url}: {why}"));
        let uri = admitted(url).map_err(failed)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().extend(headers.iter().cloned());
        let exchange = async {
            let response = self
                .0
                .request(request)
                .await
                .map_err(|error| failed(&format!("it cannot be reached: {error}")))?;
            if response.status() != http::StatusCode::OK {
                return Err(failed(&format!("it answers {}", response.status())));
            }
            if response.headers().contains_key(header::CONTENT_ENCODING) {
                return Err(failed("its answer is compressed"));
            }
            let max_age = max_age(response.headers());
            let body = Limited::new(response.into_body(), DOCUMENT_BYTES).collect().await;
            let body =
                body.map_err(|_| failed("its answer ended early or is larger than 256 KiB"))?.to_bytes();
            let document = Json::parse(&body)
                .map_err(|error| failed(&format!("its answer is not strict JSON: {error}")))?;
            Ok(Fetched { document, max_age })
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .map_err(|_| failed("it takes longer than 5 seconds"))?
    }
}

/// An address that may be asked: `https`, or `http` on this machine.
pub(crate) fn admitted(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "it is no address")?;
    let authority = uri.authority().ok_or("it names no host")?;
    if authority.as_str().contains('@') {
        return Err("it holds a user name");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_here => Ok(uri),
        _ => Err("only `https` is asked, or `http` on this machine"),
    }
}

/// `max-age` of `Cache-Control`; nothing of it if it says not to keep it.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let directives = || text.split(',').map(str::trim);
    if directives().any(|one| one == "no-store" || one == "no-cache") {
        return Some(Duration::ZERO);
    }
    directives().find_map(|one| one.strip_prefix("max-age=")?.parse().ok()).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for url in
            ["https://idp.example/keys", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"]
        {
            assert!(admitted(url).is_ok(), "{url}");
        }
        for url in [
            "http://idp.example/keys",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost.evil.example/",
            "file:///etc/passwd",
            "/keys",
            "https://user@idp.example/",
            "",
        ] {
            assert!(admitted(url).is_err(), "{url}");
        }
    }

    async fn served(answer: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    let _ = socket.read(&mut asked).await;
                    let _ = socket.write_all(answer.as_bytes()).await;
                });
            }
        });
        format!("http://{address}/keys")
    }

    #[tokio::test]
    async fn a_document_is_strict_json_within_bounds_and_no_redirect_is_followed() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let web = Web::new().unwrap();
        let answer = |head: &str, body: &str| {
            format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        };
        let good = served(answer("200 OK\r\ncache-control: public, max-age=90", r#"{"keys":[]}"#)).await;
        let fetched = web.get(&good).await.unwrap();
        assert_eq!(fetched.max_age, Some(Duration::from_secs(90)));
        assert!(fetched.document.member("keys").is_some());
        let moved = format!("302 Found\r\nlocation: {good}");
        for bad in [
            answer(&moved, ""),
            answer("200 OK", r#"{"keys":[],"keys":[]}"#),
            answer("200 OK", &format!("\"{}\"", "x".repeat(DOCUMENT_BYTES))),
            answer("404 Not Found", "{}"),
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned(),
        ] {
            let url = served(bad).await;
            assert!(web.get(&url).await.is_err());
        }
    }
}
