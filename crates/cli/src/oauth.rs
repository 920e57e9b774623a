//! A client of the token endpoints, as it runs on somebody's laptop: forms and documents over HTTP, nothing else.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use placet_domain::{Json, limits};

use crate::{
    exit::Exit,
    failure::Failure,
    print::visible,
    web::{self, Client},
};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The token endpoints of one gateway.
#[derive(Debug)]
pub(crate) struct Endpoints {
    base: String,
    http: Client,
}

/// An answer, good or bad.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    /// The nonce for the next proof.
    pub(crate) nonce: Option<String>,
    body: Json,
}

impl Endpoints {
    /// The endpoints at a base address: `https`, or plain `http` within this machine.
    pub(crate) fn at(base: &str) -> Result<Self, Failure> {
        web::address(base).map_err(|why| Failure::new(why).with_exit(Exit::Usage))?;
        let http = web::client().map_err(Failure::new)?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http })
    }

    /// Where they are.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The `issuer` that the gateway calls itself.
    pub(crate) async fn issuer(&self) -> Result<String, Failure> {
        let path = "/.well-known/oauth-authorization-server";
        let document = self.send(Method::GET, path, &[], Bytes::new()).await?.good()?;
        let issuer = document.member("issuer").and_then(Json::as_str).map(str::to_owned);
        issuer.ok_or_else(|| Failure::new(format!("{} is no authorization server", self.base)))
    }

    /// Sends a form.
    pub(crate) async fn form(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        pairs: &[(String, String)],
    ) -> Result<Answer, Failure> {
        let body: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let mut all = vec![(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded".to_owned())];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.join("&").into()).await
    }

    /// Sends a JSON body.
    pub(crate) async fn json(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: Json,
    ) -> Result<Answer, Failure> {
        let mut all = vec![(CONTENT_TYPE.as_str(), "application/json".to_owned())];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.canonical().into()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            format!("{}{path}", self.base).parse().map_err(Failure::of("the address cannot be used"))?;
        for (name, value) in headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(Failure::of("a header cannot be sent"))?;
            let mut value = HeaderValue::from_str(value).map_err(Failure::of("a header cannot be sent"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let unreachable = |why: String| {
            Failure::new(format!("no Placet answers at {}: {why}", self.base)).with_exit(Exit::Unreachable)
        };
        let exchange = async {
            let response =
                self.http.request(request).await.map_err(|error| unreachable(error.to_string()))?;
            let status = response.status();
            let nonce = response.headers().get("dpop-nonce").and_then(|nonce| nonce.to_str().ok());
            let nonce = nonce.map(str::to_owned);
            let body = Limited::new(response.into_body(), limits::FORM_BYTES).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
            let body = if body.is_empty() { Json::Null } else { Json::parse(&body).unwrap_or(Json::Null) };
            Ok(Answer { status, nonce, body })
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .map_err(|_| unreachable(format!("no answer within {} seconds", DEADLINE.as_secs())))?
    }
}

impl Answer {
    /// The error's code, if it is one.
    pub(crate) fn error(&self) -> Option<&str> {
        self.body.member("error").and_then(Json::as_str)
    }

    /// The body of a good answer.
    pub(crate) fn good(self) -> Result<Json, Failure> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let text = |key: &str| self.body.member(key).and_then(Json::as_str).map(visible);
        let what = text("error").or_else(|| text("title")).unwrap_or_else(|| self.status.to_string());
        let why = text("error_description").or_else(|| text("detail")).unwrap_or_default();
        let exit = match self.error() {
            Some("invalid_client" | "invalid_token") => Exit::Unauthenticated,
            Some("access_denied" | "unauthorized_client" | "invalid_grant" | "invalid_scope") => Exit::Denied,
            _ => Exit::Failed,
        };
        Err(Failure::new(format!("{what}: {why}")).with_exit(exit))
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
