//! Envoy's `ext_authz` over gRPC: `envoy.service.auth.v3.Authorization/Check`, on a listener of its own (HTTP/2 without
//! TLS, for Envoy beside it). The held request, its credential and the answer are those of `ext_authz.rs`; which connector
//! it is about says the route's `context_extensions`, `placet`.

use std::{convert::Infallible, future::ready, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use placet_domain::{Code, Json, Refusal};
use placet_engine::Credential;
use tokio::net::TcpListener;

use super::{
    ext_authz::{Held, status},
    protobuf::{self, Malformed, Message, bytes, fields, map, text},
};
use crate::server::Gateway;

/// The one method that is served.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// The key of `context_extensions` that names the connector or the application.
const ABOUT: &str = "placet";
/// Set by Envoy on a body that it cut.
const PARTIAL: &str = "x-envoy-auth-partial-body";

/// `OK`, `PERMISSION_DENIED`, `UNIMPLEMENTED`, `INVALID_ARGUMENT` of gRPC.
const OK: u64 = 0;
const PERMISSION_DENIED: u64 = 7;
const UNIMPLEMENTED: &str = "12";
const INVALID_ARGUMENT: &str = "3";

impl Gateway {
    /// Serves `Check` until `stop` ends.
    pub async fn serve_ext_authz(self: Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) {
        let accepting = async {
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    // Out of descriptors, most likely: others may end meanwhile.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                };
                let _ = socket.set_nodelay(true);
                let gateway = self.clone();
                let service = service_fn(move |request| {
                    let gateway = gateway.clone();
                    async move { Ok::<_, Infallible>(gateway.grpc(request).await) }
                });
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service);
                tokio::spawn(async move {
                    // A connection that breaks is Envoy's to open again.
                    let _broken = connection.await;
                });
            }
        };
        tokio::select! { () = accepting => {}, () = stop => {} }
    }

    async fn grpc(self: Arc<Self>, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        if request.uri().path() != CHECK {
            return failed(UNIMPLEMENTED);
        }
        let read = self.guard.read_any(request.into_body()).await;
        let message = read.ok().and_then(|whole| unframed(&whole));
        let Some(message) = message else { return failed(INVALID_ARGUMENT) };
        match self.check(&message).await {
            Ok(answer) => framed(&answer),
            Err(Malformed) => failed(INVALID_ARGUMENT),
        }
    }

    /// Answers a `CheckRequest` with a `CheckResponse`.
    async fn check(&self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let attributes = fields(bytes(&fields(message)?, 1).ok_or(Malformed)?)?;
        let extensions = map(&attributes, 10)?;
        let request = fields(bytes(&attributes, 4).ok_or(Malformed)?)?;
        let http = fields(bytes(&request, 2).ok_or(Malformed)?)?;
        let headers = map(&http, 3)?;
        let header = |name: &str| {
            let mut values = headers.iter().filter(|(of, _)| of.eq_ignore_ascii_case(name));
            // A header that is there twice says two things.
            match (values.next(), values.next()) {
                (Some((_, value)), None) => Some(*value),
                _ => None,
            }
        };
        let body = match bytes(&http, 12).filter(|raw| !raw.is_empty()) {
            Some(raw) => raw,
            None => bytes(&http, 11).unwrap_or_default(),
        };
        let partial = header(PARTIAL).is_some_and(|value| value != "false");
        let path = text(&http, 4)?;
        let held = Held {
            method: text(&http, 2)?,
            path: path.split(['?', '#']).next().unwrap_or_default(),
            body,
            is_cut: partial || is_shorter(&http, body),
        };
        let credential = credential(header("authorization"));
        let about = extensions.iter().find(|(name, _)| *name == ABOUT).map(|(_, value)| *value);
        let judged = match about {
            Some(connector) => self.judge_held(&credential, connector, &held).await,
            None => {
                let why = "the route names nothing to ask about in `context_extensions`, `placet`";
                Err(Refusal::new(Code::UnknownConnector, why).with_who("the operator"))
            }
        };
        Ok(match judged {
            Ok(evaluation) => {
                let receipt = evaluation.and_then(|evaluation| evaluation.receipts);
                allowed(receipt.map(|receipts| receipts.decision.id.to_string()).as_deref())
            }
            Err(refusal) => denied(&refusal),
        })
    }
}

/// Whether less of the body came than the client is going to send. Envoy sends none at all unless it is told to.
fn is_shorter(http: &[(u64, protobuf::Value<'_>)], body: &[u8]) -> bool {
    let size = http.iter().rev().find_map(|(number, value)| match value {
        protobuf::Value::Number(size) if *number == 9 => Some(*size),
        protobuf::Value::Number(_) | protobuf::Value::Bytes(_) => None,
    });
    // A negative size, which is "unknown", reads as one beyond every length that there is.
    let known = size.filter(|size| i64::try_from(*size).is_ok());
    !body.is_empty() && known.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size > body.len()))
}

/// A bearer token. Proofs of possession are made for an address that Envoy does not tell.
fn credential(authorization: Option<&str>) -> Credential {
    let token = authorization.and_then(|value| value.split_once(' '));
    match token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        Some((_, token)) => Credential::Bearer(token.trim().into()),
        None => Credential::Absent,
    }
}

fn allowed(receipt: Option<&str>) -> Vec<u8> {
    let mut ok = Message::default();
    if let Some(receipt) = receipt {
        ok = ok.bytes(2, &header_option("x-placet-receipt", receipt));
    }
    Message::default().bytes(1, &Message::default().number(1, OK).finish()).bytes(3, &ok.finish()).finish()
}

fn denied(refusal: &Refusal) -> Vec<u8> {
    let http_status = Message::default().number(1, u64::from(status(refusal).as_u16())).finish();
    let body = Json::Object(refusal.to_json()).canonical();
    let response = Message::default()
        .bytes(1, &http_status)
        .bytes(2, &header_option("content-type", "application/problem+json"))
        .bytes(3, body.as_bytes())
        .finish();
    let code = Message::default().number(1, PERMISSION_DENIED).bytes(2, refusal.to_string().as_bytes());
    Message::default().bytes(1, &code.finish()).bytes(2, &response).finish()
}

/// A header that replaces one of its name: what the client sent under it means nothing.
fn header_option(name: &str, value: &str) -> Vec<u8> {
    const OVERWRITE_IF_EXISTS_OR_ADD: u64 = 2;
    let header = Message::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()).finish();
    Message::default().bytes(1, &header).number(3, OVERWRITE_IF_EXISTS_OR_ADD).finish()
}

/// The message of a unary call: one frame, not compressed.
fn unframed(whole: &[u8]) -> Option<Vec<u8>> {
    let (head, message) = whole.split_at_checked(5)?;
    let (compressed, length) = head.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    (*compressed == 0 && usize::try_from(length) == Ok(message.len())).then(|| message.to_vec())
}

fn framed(message: &[u8]) -> Response<BoxBody<Bytes, Infallible>> {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(ready(Some(Ok(trailers)))).boxed();
    grpc_response(body)
}

/// An answer without a message: what Envoy takes for a failure, and a failure for a no.
fn failed(status: &'static str) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = grpc_response(Full::new(Bytes::new()).boxed());
    response.headers_mut().insert("grpc-status", HeaderValue::from_static(status));
    response
}

fn grpc_response(body: BoxBody<Bytes, Infallible>) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_whole_uncompressed_message() {
        assert_eq!(unframed(&[0, 0, 0, 0, 2, 8, 1]), Some(vec![8, 1]));
        for wrong in
            [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 3, 8, 1], &[0, 0, 0, 0, 1, 8, 1]]
        {
            assert_eq!(unframed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_body_that_is_shorter_than_announced_was_cut() {
        let http = |size: u64| vec![(9, protobuf::Value::Number(size))];
        assert!(is_shorter(&http(5), b"abc"));
        assert!(!is_shorter(&http(3), b"abc"));
        assert!(!is_shorter(&http(u64::MAX), b"abc"), "-1 is unknown");
        assert!(!is_shorter(&http(5), b""), "no body was sent along");
    }
}
