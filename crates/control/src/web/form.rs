//! A form: `application/x-www-form-urlencoded`, small, no field twice.

use std::collections::BTreeMap;

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::header,
};

use crate::problem::{Fault, Problem};

/// Largest form, bytes.
const FORM_BYTES: usize = 16 * 1024;

/// The fields of a form.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `a=b&c=d`. None if a field is there twice.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// A field; absent is empty.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let wrong = |why: &str| Problem::new(Fault::Invalid, why, "send the form as the page has it");
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(wrong("the body is not a form"));
        }
        let bytes =
            to_bytes(request.into_body(), FORM_BYTES).await.map_err(|_| wrong("the form is too large"))?;
        Self::parse(&bytes).ok_or_else(|| wrong("a field is there twice"))
    }
}
