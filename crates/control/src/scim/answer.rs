//! Answers and errors in the form of RFC 7644 sections 3.1 and 3.12.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use placet_domain::{Json, Object};
use placet_engine::DirectoryError;

/// What a handler returns.
pub(super) type Answered = Result<ScimAnswer, ScimError>;

/// A good answer.
#[derive(Debug)]
pub(super) struct ScimAnswer {
    status: StatusCode,
    body: Option<Object>,
    version: Option<i64>,
    location: Option<String>,
}

impl ScimAnswer {
    pub(super) fn of(body: Object) -> Self {
        Self { status: StatusCode::OK, body: Some(body), version: None, location: None }
    }

    /// A resource, with its version as `ETag` (RFC 7644 section 3.14).
    pub(super) fn resource(body: Object, version: i64) -> Self {
        let meta = body.member("meta").and_then(|meta| meta.member("location"));
        let location = meta.and_then(Json::as_str).map(str::to_owned);
        Self { version: Some(version), location, ..Self::of(body) }
    }

    pub(super) fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    pub(super) fn nothing(status: StatusCode) -> Self {
        Self { status, body: None, version: None, location: None }
    }
}

/// The version as it is written in `ETag` and `meta.version`.
pub(super) fn tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

impl IntoResponse for ScimAnswer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, Json::Object(body).canonical()).into_response(),
            None => self.status.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(value) = self.version.and_then(|version| HeaderValue::from_str(&tag(version)).ok()) {
            headers.insert(header::ETAG, value);
        }
        if let Some(value) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            headers.insert(header::LOCATION, value);
        }
        response
    }
}

/// A request that was not done. `scim_type` is a word of RFC 7644 section 3.12, table 9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScimError {
    status: StatusCode,
    scim_type: Option<&'static str>,
    detail: String,
}

impl ScimError {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    pub(super) fn typed(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, scim_type: Some(scim_type), detail: detail.into() }
    }

    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::typed("invalidValue", detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} here, or not any more"))
    }

    #[cfg(test)]
    pub(super) fn scim_type(&self) -> Option<&'static str> {
        self.scim_type
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let body = Object::new()
            .with("schemas", vec!["urn:ietf:params:scim:api:messages:2.0:Error"])
            .with("status", self.status.as_str())
            .with_some("scimType", self.scim_type)
            .with("detail", self.detail);
        let mut response = (self.status, Json::Object(body).canonical()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        response
    }
}

/// By who is at fault: the provider's words, or our disk.
impl From<DirectoryError> for ScimError {
    fn from(error: DirectoryError) -> Self {
        let detail = error.to_string();
        match error {
            DirectoryError::Full => Self::new(StatusCode::INSUFFICIENT_STORAGE, detail),
            DirectoryError::KeyLife | DirectoryError::Member(_) => Self::value(detail),
            DirectoryError::Ledger(_) | DirectoryError::Store(_) => {
                tracing::error!(%error, "the directory was not changed as asked");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            DirectoryError::Stale(_) => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            DirectoryError::Taken(_) => {
                Self { status: StatusCode::CONFLICT, scim_type: Some("uniqueness"), detail }
            }
            DirectoryError::UnknownGroup(_) => Self::not_found("group of this id"),
            DirectoryError::UnknownUser(_) => Self::not_found("person of this id"),
        }
    }
}

const CONTENT_TYPE: &str = "application/scim+json";
