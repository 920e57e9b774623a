//! Reading columns back into nouns. A row is parsed again, never trusted: what cannot be parsed is an error.

use std::{error::Error, str::FromStr};

use placet_domain::{Digest, Json, Object};

use super::document;

/// A stored row that does not parse.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` cannot be read")]
pub(super) struct UnreadableRow {
    column: &'static str,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

impl UnreadableRow {
    pub(super) fn new(column: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { column, cause: cause.into() }
    }
}

/// A name, id or other noun with a strict parser.
pub(super) fn noun<T: FromStr>(column: &'static str, text: &str) -> Result<T, UnreadableRow>
where
    T::Err: Error + Send + Sync + 'static,
{
    text.parse().map_err(|cause: T::Err| UnreadableRow::new(column, cause))
}

/// [`noun`] of a column that may be empty.
pub(super) fn optional<T: FromStr>(
    column: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, UnreadableRow>
where
    T::Err: Error + Send + Sync + 'static,
{
    text.map(|text| noun(column, text)).transpose()
}

pub(super) fn digest(column: &'static str, bytes: &[u8]) -> Result<Digest, UnreadableRow> {
    bytes.try_into().map(Digest::from_bytes).map_err(|cause| UnreadableRow::new(column, cause))
}

pub(super) fn object(column: &'static str, text: &str) -> Result<Object, UnreadableRow> {
    match document::read(text) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(other) => Err(UnreadableRow::new(column, format!("it is {}, not an object", other.kind()))),
        Err(cause) => Err(UnreadableRow::new(column, cause)),
    }
}
