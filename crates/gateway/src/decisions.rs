//! The decision API: other enforcement points ask, and get the answer that a call would. Routes and credentials are
//! here, the interfaces in `decisions/`; what is answered is the engine's. `docs/decision-api.md` is the rule.

mod authzen;
mod ext_authz;
mod grpc;
mod metadata;
mod obligations;
mod opa;
mod petitions;
mod protobuf;
mod search;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use placet_domain::{Code, Json, Object, Refusal};
use placet_engine::Caller;

use crate::{
    body::Body,
    guard::Turned,
    observe,
    respond::{empty, is_about_identity, json, problem},
    server::Gateway,
};

/// The header that ties an answer to its question (AuthZEN 1.0, section 10.1.3).
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header by which a repeated request is known (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a question is sent to.
#[derive(Debug, Clone, Copy)]
enum Interface {
    Authzen(authzen::Endpoint),
    Opa,
    Petitions,
}

/// Whether a path is one of these interfaces.
pub(crate) fn is_decision(path: &str) -> bool {
    path.starts_with("/access/v1/")
        || path.starts_with(metadata::WELL_KNOWN)
        || path.starts_with(ext_authz::PREFIX)
        || path.starts_with(opa::DATA)
}

impl Gateway {
    /// Answers an enforcement point.
    pub(crate) async fn decide(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path().starts_with(ext_authz::PREFIX) {
            // `Host` and `Origin` are those of the request that is held back: they say nothing about who asks.
            return self.answer_ext_authz(request).await;
        }
        let id = request.headers().get(&REQUEST_ID).cloned();
        let mut response = match self.answer_question(request).await {
            Ok(response) | Err(response) => response,
        };
        if let Some(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn answer_question(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Response<Body>> {
        self.guard.admit(request.headers()).map_err(|turned| turned_away(&turned))?;
        let path = request.uri().path().to_owned();
        if path.starts_with(metadata::WELL_KNOWN) {
            return Ok(match *request.method() {
                Method::GET => self.decision_metadata(&path),
                _ => empty(StatusCode::METHOD_NOT_ALLOWED),
            });
        }
        if let Some(id) = path.strip_prefix(petitions::REQUESTS).and_then(|rest| rest.strip_prefix('/')) {
            return match *request.method() {
                Method::GET => Ok(self.petition_status(&self.asker(&request.into_parts().0)?, id).await),
                _ => Ok(petitions::not_allowed()),
            };
        }
        let interface = match authzen::Endpoint::of(&path) {
            Some(endpoint) => Interface::Authzen(endpoint),
            None if path == petitions::REQUESTS => Interface::Petitions,
            None if path.starts_with(opa::DATA) => Interface::Opa,
            None => return Ok(nowhere(&path)),
        };
        if *request.method() != Method::POST {
            return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let (parts, body) = request.into_parts();
        let asker = self.asker(&parts)?;
        let body = self.question(&parts, body).await?;
        match interface {
            Interface::Authzen(endpoint) => self.answer_authzen(&asker, endpoint, &body).await,
            Interface::Opa => self.answer_opa(&asker, &path, &body).await,
            Interface::Petitions => {
                self.take_petition(&asker, parts.headers.get(&IDEMPOTENCY_KEY), &body).await
            }
        }
        .map_err(|why| malformed(&why))
    }

    /// Who asks: a live run of a registered agent, as everywhere.
    fn asker(&self, parts: &Parts) -> Result<Caller, Response<Body>> {
        let credential = self.credential(parts);
        self.engine.authenticate(&credential).map_err(|refusal| {
            observe::stranger(refusal.code);
            unauthorized(&refusal)
        })
    }

    /// The body, strictly parsed. What cannot be read is the asker's fault, whatever it is (AuthZEN 1.0, section 10.1.4).
    async fn question(&self, parts: &Parts, body: Incoming) -> Result<Object, Response<Body>> {
        let bytes: Bytes = self.guard.read(&parts.headers, body).await.map_err(|turned| {
            let status = match turned.status {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
                other => other,
            };
            turned_away(&Turned { status, ..turned })
        })?;
        match Json::parse(&bytes) {
            Ok(Json::Object(body)) => Ok(body),
            Ok(other) => Err(malformed(&format!("the body is {}, not an object", other.kind()))),
            Err(error) => Err(malformed(&format!("the body is not strict JSON: {error}"))),
        }
    }
}

fn turned_away(turned: &Turned) -> Response<Body> {
    problem(turned.status, &turned.refusal)
}

fn malformed(why: &str) -> Response<Body> {
    let refusal = Refusal::new(Code::Malformed, why).with_next("send what the interface's page describes");
    problem(StatusCode::BAD_REQUEST, &refusal)
}

fn nowhere(path: &str) -> Response<Body> {
    let why = format!("there is nothing at {path:?}");
    problem(StatusCode::NOT_FOUND, &Refusal::new(Code::UnknownConnector, why))
}

/// The asker's own credential was refused: 401, or 403 for one whose run a person has stopped.
fn unauthorized(refusal: &Refusal) -> Response<Body> {
    let status = match is_about_identity(refusal.code) {
        true => StatusCode::UNAUTHORIZED,
        false => StatusCode::FORBIDDEN,
    };
    let mut response = problem(status, refusal);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = match refusal.code {
            Code::NoCredential => "Bearer",
            _ => "Bearer error=\"invalid_token\"",
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// An answer: never to be kept.
fn answered(body: Object) -> Response<Body> {
    let mut response = json(StatusCode::OK, Json::Object(body).canonical().into());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
