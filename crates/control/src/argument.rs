//! Arguments in the path and in the query, read strictly.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::problem::{Fault, Problem};

/// The one parameter of a path: an id or a name.
#[derive(Debug)]
pub(crate) struct Argument<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Argument<T>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let next = "copy it from a list; ids are given back as they were printed";
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(Fault::Invalid, error.body_text(), next))?;
        text.parse().map(Self).map_err(|error: T::Err| Problem::new(Fault::Invalid, error.to_string(), next))
    }
}

/// The query, in which every key must be known.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => {
                Err(Problem::new(Fault::Invalid, error.body_text(), "take away what the route does not know"))
            }
        }
    }
}
