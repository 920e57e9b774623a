//! A good answer: JSON that names its schema and version.

use axum::response::{IntoResponse, Response};
use placet_domain::{Json, Object};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::problem::Problem;

/// What a handler returns.
pub(crate) type Answered<T> = Result<Answer<T>, Problem>;

/// A body under its schema, `placet/v1/…`.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<T> {
    schema: &'static str,
    #[serde(flatten)]
    body: T,
}

impl<T> Answer<T> {
    pub(crate) fn new(schema: &'static str, body: T) -> Self {
        Self { schema, body }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

/// The canonical text of a value, to be put into an answer as it is: what is shown is what is sent.
pub(crate) fn raw(value: &Json) -> Box<RawValue> {
    RawValue::from_string(value.canonical()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// [`raw`] of an object.
pub(crate) fn raw_object(object: &Object) -> Box<RawValue> {
    raw(&Json::Object(object.clone()))
}
