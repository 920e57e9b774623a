//! A request's body: one JSON object, parsed strictly, every member known, each of its type.

use std::{fmt::Display, str::FromStr};

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
};
use placet_domain::{Json, Object, limits};

use crate::problem::{Fault, Problem};

/// Largest body, bytes: facts and a rationale fit many times.
pub(crate) const BODY_BYTES: usize = 256 * 1024;

/// Largest body that carries policies, bytes.
pub(crate) const POLICY_BYTES: usize = 32 * 1024 * 1024;

/// [`Fields`] of a body that carries policies.
#[derive(Debug)]
pub(crate) struct LargeFields(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for LargeFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request, POLICY_BYTES).await.map(Self)
    }
}

/// The members of a body that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Fields(Object);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request, BODY_BYTES).await
    }
}

async fn read(request: Request, most: usize) -> Result<Fields, Problem> {
    let bytes = to_bytes(request.into_body(), most).await.map_err(|error| {
        let why = format!("the body cannot be read: {error}");
        Problem::new(Fault::TooLarge, why, format!("send at most {most} bytes"))
    })?;
    match Json::parse(&bytes) {
        Ok(Json::Object(object)) => Ok(Fields(object)),
        Ok(other) => Err(invalid(format!("the body is {}, not an object", other.kind()))),
        Err(error) => Err(invalid(format!("the body is not strict JSON: {error}"))),
    }
}

impl Fields {
    /// Members of an object inside a body.
    pub(crate) fn of(object: Object) -> Self {
        Self(object)
    }

    /// Takes a value of any type.
    pub(crate) fn take(&mut self, key: &str) -> Option<Json> {
        self.0.remove(key)
    }

    /// Takes a string that must be there.
    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<T, Problem> {
        self.optional(key)?.ok_or_else(|| absent(key))
    }

    /// Takes a string that may be absent.
    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<T>, Problem> {
        self.0.remove(key).map(|value| parsed(key, &value)).transpose()
    }

    /// Takes a list of strings; absent is empty.
    pub(crate) fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Vec<T>, Problem> {
        match self.0.remove(key) {
            None => Ok(Vec::new()),
            Some(Json::Array(elements)) => elements.iter().map(|element| parsed(key, element)).collect(),
            Some(other) => Err(mistyped(key, &other, "an array of strings")),
        }
    }

    /// Takes a truth value that must be there.
    pub(crate) fn boolean(&mut self, key: &str) -> Result<bool, Problem> {
        match self.0.remove(key) {
            None => Err(absent(key)),
            Some(Json::Bool(value)) => Ok(value),
            Some(other) => Err(mistyped(key, &other, "true or false")),
        }
    }

    /// Takes an integer that may be absent.
    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, Problem> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(value) => value.as_integer().map(Some).ok_or_else(|| mistyped(key, &value, "an integer")),
        }
    }

    /// Takes a list of objects, if it is there.
    pub(crate) fn objects(&mut self, key: &str) -> Result<Option<Vec<Fields>>, Problem> {
        let element = |value: Json| match value {
            Json::Object(object) => Ok(Self(object)),
            other => Err(mistyped(key, &other, "an array of objects")),
        };
        match self.0.remove(key) {
            None => Ok(None),
            Some(Json::Array(elements)) => {
                elements.into_iter().map(element).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(mistyped(key, &other, "an array of objects")),
        }
    }

    /// Takes an object; absent is empty.
    pub(crate) fn object(&mut self, key: &str) -> Result<Object, Problem> {
        match self.0.remove(key) {
            None => Ok(Object::new()),
            Some(Json::Object(object)) => Ok(object),
            Some(other) => Err(mistyped(key, &other, "an object")),
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.members().next() {
            None => Ok(()),
            Some((key, _)) => Err(invalid(format!("`{}` is no member of this request", key.escape_debug()))),
        }
    }
}

/// A text of people: not longer than [`limits::TEXT_CHARS`].
#[derive(Debug, Clone)]
pub(crate) struct FreeText(pub(crate) String);

impl FromStr for FreeText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.chars().count() > limits::TEXT_CHARS {
            true => Err(format!("the text is longer than {} characters", limits::TEXT_CHARS)),
            false => Ok(Self(text.to_owned())),
        }
    }
}

fn parsed<T: FromStr<Err: Display>>(key: &str, value: &Json) -> Result<T, Problem> {
    let text = value.as_str().ok_or_else(|| mistyped(key, value, "a string"))?;
    text.parse().map_err(|error: T::Err| invalid(format!("`{key}`: {error}")))
}

fn absent(key: &str) -> Problem {
    invalid(format!("`{key}` is missing"))
}

fn mistyped(key: &str, value: &Json, wanted: &str) -> Problem {
    invalid(format!("`{key}` is {}, not {wanted}", value.kind()))
}

pub(crate) fn invalid(why: String) -> Problem {
    Problem::new(Fault::Invalid, why, "mend the request and send it again; nothing was changed")
}
