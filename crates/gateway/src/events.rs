//! `POST /events`: security events of IdPs, pushed (RFC 8935). The engine says what they mean.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use placet_domain::{Json, Object};

use crate::{
    body::Body,
    respond::{empty, json, problem},
    server::Gateway,
};

/// Largest event token, bytes.
const EVENT_BYTES: usize = 64 * 1024;

impl Gateway {
    /// Takes one event.
    pub(crate) async fn event(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(turned) = self.guard.admit(request.headers()) {
            return problem(turned.status, &turned.refusal);
        }
        let token = match read(request).await {
            Ok(token) => token,
            Err(why) => return refused("invalid_request", why),
        };
        match self.engine.take_event(&token).await {
            Ok(()) => empty(StatusCode::ACCEPTED),
            Err(error) => match error.code() {
                Some(code) => {
                    tracing::warn!(%error, "a security event was refused");
                    refused(code, &error.to_string())
                }
                // Not acknowledged: the transmitter delivers it again.
                None => {
                    tracing::error!(%error, "a security event could not be acted on yet");
                    empty(StatusCode::SERVICE_UNAVAILABLE)
                }
            },
        }
    }
}

/// The token: exactly one, of the type that says so.
async fn read(request: Request<Incoming>) -> Result<String, &'static str> {
    let (parts, body) = request.into_parts();
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text(header::CONTENT_TYPE).trim().eq_ignore_ascii_case("application/secevent+jwt") {
        return Err("`Content-Type` is not application/secevent+jwt");
    }
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err("`Content-Encoding` is set");
    }
    let bytes: Bytes = Limited::new(body, EVENT_BYTES)
        .collect()
        .await
        .map_err(|_| "the body ended early or is larger than an event")?
        .to_bytes();
    String::from_utf8(bytes.into()).map_err(|_| "the body is not a token")
}

/// RFC 8935 section 2.3: 400 with an error code and a description.
fn refused(code: &str, why: &str) -> Response<Body> {
    let body = Object::new().with("err", code).with("description", why);
    json(StatusCode::BAD_REQUEST, Json::Object(body).canonical().into())
}
