//! The token endpoints and the documents about them: forms and headers. What is granted is the engine's.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use placet_domain::{Code, ConnectorName, Json, Object, Refusal, limits};
use placet_engine::{Credential, Form, OAuthAnswer, OAuthRequest};

use crate::{
    body::Body,
    form::pairs,
    respond::{empty, json, problem},
    server::Gateway,
};

/// Where the metadata of the authorization server are (RFC 8414).
const SERVER: &str = "/.well-known/oauth-authorization-server";
/// Where the metadata of resources are (RFC 9728), followed by the resource's path.
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// Whether a path is one of these endpoints.
pub(crate) fn is_oauth(path: &str) -> bool {
    path.starts_with("/oauth/") || path.starts_with("/.well-known/oauth-")
}

impl Gateway {
    /// Answers at the token endpoints.
    pub(crate) async fn oauth(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(turned) = self.guard.admit(request.headers()) {
            return problem(turned.status, &turned.refusal);
        }
        let path = request.uri().path().to_owned();
        match (request.method().clone(), path.as_str()) {
            (Method::GET, SERVER) => document(self.engine.authorization_server()),
            (Method::GET, "/oauth/jwks") => document(self.engine.token_keys()),
            (Method::GET, "/oauth/authorize") => no_consent(),
            (Method::GET, path) if path.starts_with(RESOURCE) => self.resource(path),
            (Method::POST, "/oauth/token" | "/oauth/introspect" | "/oauth/revoke" | "/oauth/enrol") => {
                let (parts, body) = request.into_parts();
                match self.endpoint(&path, &parts, body).await {
                    Ok(answer) => answered(answer),
                    Err(why) => answered(malformed(why)),
                }
            }
            (
                _,
                SERVER | "/oauth/authorize" | "/oauth/jwks" | "/oauth/token" | "/oauth/introspect"
                | "/oauth/revoke" | "/oauth/enrol",
            ) => empty(StatusCode::METHOD_NOT_ALLOWED),
            _ => nowhere(&path),
        }
    }

    async fn endpoint(&self, path: &str, parts: &Parts, body: Incoming) -> Result<OAuthAnswer, String> {
        let is_enrolment = path == "/oauth/enrol";
        let kind = if is_enrolment { "application/json" } else { "application/x-www-form-urlencoded" };
        let bytes = read(parts, kind, body).await?;
        let form = if is_enrolment { Vec::new() } else { pairs(&bytes)? };
        let request = OAuthRequest {
            form: Form::new(form).map_err(|error| error.description)?,
            credential: self.credential(parts),
            proof: proof(&parts.headers)?,
            method: parts.method.as_str().to_owned(),
            url: self.public(path),
        };
        Ok(match path {
            "/oauth/token" => self.engine.token(request).await,
            "/oauth/introspect" => self.engine.introspect(request).await,
            "/oauth/revoke" => self.engine.revoke_token(request).await,
            _ => match Json::parse(&bytes) {
                Ok(Json::Object(body)) => self.engine.enrol(request, body).await,
                Ok(_) => return Err("the body is not an object".to_owned()),
                Err(error) => return Err(format!("the body is not strict JSON: {error}")),
            },
        })
    }

    fn resource(&self, path: &str) -> Response<Body> {
        let rest = path.strip_prefix(RESOURCE).unwrap_or_default();
        let connector = rest.strip_prefix("/mcp/").map(str::parse::<ConnectorName>);
        match (rest, connector) {
            ("" | "/" | "/mcp", _) => document(self.engine.protected_resource(None)),
            (_, Some(Ok(connector))) if self.engine.has_connector(&connector) => {
                document(self.engine.protected_resource(Some(&connector)))
            }
            _ => nowhere(path),
        }
    }

    /// What a request presents (RFC 6750 section 2.1, RFC 9449 section 7.1). Two `Authorization` headers are none, and a
    /// proof without its scheme is not looked at.
    pub(crate) fn credential(&self, parts: &Parts) -> Credential {
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Credential::Absent };
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return Credential::Absent;
        };
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Credential::Bearer(token.into());
        }
        match scheme.eq_ignore_ascii_case("dpop") {
            true => {
                // No proof, or two, is a proof that fits nothing.
                let proof = proof(&parts.headers).ok().flatten().unwrap_or_default();
                Credential::proven(token, &proof, parts.method.as_str(), self.public(parts.uri.path()))
            }
            false => Credential::Absent,
        }
    }

    /// A path at the public address, which is what proofs are made for.
    fn public(&self, path: &str) -> String {
        format!("{}{path}", self.engine.deployment().issuer.trim_end_matches('/'))
    }

    /// A 401 of a connector's route says where tokens are to be had (RFC 9728 section 5.1).
    pub(crate) fn challenged(
        &self,
        connector: &ConnectorName,
        mut response: Response<Body>,
    ) -> Response<Body> {
        if response.status() != StatusCode::UNAUTHORIZED {
            return response;
        }
        let code = response.extensions().get::<Code>().copied().unwrap_or(Code::BadCredential);
        let (challenge, nonce) = self.engine.challenge(connector, code);
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        put_nonce(&mut response, nonce);
        response
    }
}

/// The `DPoP` header, if there is one.
fn proof(headers: &HeaderMap) -> Result<Option<String>, String> {
    let mut values = headers.get_all("dpop").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => match proof.to_str() {
            Ok(proof) => Ok(Some(proof.to_owned())),
            Err(_) => Err("the `DPoP` header is not text".to_owned()),
        },
        (Some(_), Some(_)) => Err("there are two `DPoP` headers".to_owned()),
    }
}

async fn read(parts: &Parts, kind: &str, body: Incoming) -> Result<Bytes, String> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind) {
        return Err(format!("`Content-Type` is not {kind}"));
    }
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err("`Content-Encoding` is set".to_owned());
    }
    if parts.uri.query().is_some() {
        return Err("parameters belong in the body, not in the address".to_owned());
    }
    let whole = Limited::new(body, limits::FORM_BYTES).collect().await;
    let too_large = |_| format!("the body ended early or is larger than {} bytes", limits::FORM_BYTES);
    whole.map(|body| body.to_bytes()).map_err(too_large)
}

/// An answer that nobody may keep (RFC 6749 section 5.1).
fn answered(answer: OAuthAnswer) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => json(status, Json::Object(body).canonical().into()),
        None => empty(status),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_client\"");
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    put_nonce(&mut response, answer.nonce);
    response
}

fn put_nonce(response: &mut Response<Body>, nonce: Option<String>) {
    if let Some(Ok(nonce)) = nonce.map(|nonce| HeaderValue::from_str(&nonce)) {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
}

fn malformed(why: String) -> OAuthAnswer {
    let plain: String = why.chars().map(|one| if one == '`' || one == '"' { '\'' } else { one }).collect();
    let body = Object::new().with("error", "invalid_request").with("error_description", plain);
    OAuthAnswer { status: 400, body: Some(body), nonce: None }
}

/// A public document. It may be kept for a while.
fn document(document: Object) -> Response<Body> {
    let mut response = json(StatusCode::OK, Json::Object(document).canonical().into());
    let age = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, age);
    response
}

/// What a person reads whose client opened a browser. Nothing of the request is looked at, and nobody is sent anywhere.
fn no_consent() -> Response<Body> {
    let why = "nobody signs in here for an agent: an agent has a credential of its own";
    let next = "configure the client with `client_credentials` and `private_key_jwt`, or with the token that \
                `placet instance start` prints";
    problem(StatusCode::BAD_REQUEST, &Refusal::new(Code::NoCredential, why).with_next(next))
}

fn nowhere(path: &str) -> Response<Body> {
    let why = format!("there is nothing at {path:?}");
    problem(StatusCode::NOT_FOUND, &Refusal::new(Code::UnknownConnector, why))
}
