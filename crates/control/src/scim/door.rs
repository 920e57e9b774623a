//! Who is let in: whoever comes with a token of the directory. Nobody is a person here, no cookie counts, and no page of a
//! browser has anything to do here.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use placet_domain::DirectoryKeyId;

use super::answer::ScimError;
use crate::Control;

/// The token that the caller came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) DirectoryKeyId);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().copied().ok_or_else(stranger)
    }
}

/// Stands before every path, the unknown ones included.
pub(super) async fn admit(State(control): State<Arc<Control>>, mut request: Request, next: Next) -> Response {
    let mut presented = request.headers().get_all(header::AUTHORIZATION).iter();
    let secret = match (presented.next().and_then(bearer), presented.next()) {
        (Some(secret), None) => secret.to_owned(),
        _ => return stranger(),
    };
    let Some(key) = control.engine.directory_key_of(&secret).await else { return stranger() };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(Key(key));
    let response = next.run(request).await;
    if method != axum::http::Method::GET {
        tracing::info!(%key, %method, path, status = response.status().as_u16(), "request about the directory");
    }
    response
}

pub(super) async fn nowhere() -> ScimError {
    ScimError::new(StatusCode::NOT_FOUND, "there is nothing at this path; see /ResourceTypes")
}

pub(super) async fn other_method() -> ScimError {
    ScimError::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take the method")
}

fn stranger() -> Response {
    let detail =
        "no token of the directory, or not any more; an administrator makes one with `placet scim token`";
    let mut response = ScimError::new(StatusCode::UNAUTHORIZED, detail).into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"scim\""));
    response
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
