//! What a verified token of somebody else says. It exists only if [`super::Trust`] accepted the token.

use placet_domain::{Json, Object, Timestamp};

use crate::{
    fault::{TokenError, TokenFault},
    limits,
};

/// Verified claims, strictly parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignClaims {
    pub(super) claims: Object,
    pub(super) issued: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
}

impl ForeignClaims {
    /// All claims.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.claims
    }

    /// A claim that must be a text and not empty.
    ///
    /// # Errors
    /// It is missing or something else.
    pub fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        self.optional_text(name)?
            .ok_or_else(|| TokenError::new(TokenFault::Claim, format!("claim `{name}` is missing")))
    }

    /// A claim that may be absent, but is otherwise a text and not empty.
    ///
    /// # Errors
    /// It is something else.
    pub fn optional_text(&self, name: &'static str) -> Result<Option<&str>, TokenError> {
        match self.claims.member(name) {
            None => Ok(None),
            Some(value) => value.as_str().filter(|text| !text.is_empty()).map(Some).ok_or_else(|| {
                TokenError::new(TokenFault::Claim, format!("claim `{name}` is not a text with content"))
            }),
        }
    }

    /// A claim that must be an object.
    ///
    /// # Errors
    /// It is missing or something else.
    pub fn member_object(&self, name: &'static str) -> Result<&Object, TokenError> {
        self.claims
            .member(name)
            .and_then(Json::as_object)
            .ok_or_else(|| TokenError::new(TokenFault::Claim, format!("claim `{name}` is not an object")))
    }

    /// A list of texts, such as the groups of a person: an array, or one text alone. Absent is empty.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&self, name: &'static str) -> Result<Vec<&str>, TokenError> {
        let malformed =
            || TokenError::new(TokenFault::Claim, format!("claim `{name}` is not a list of texts"));
        match self.claims.member(name) {
            None => Ok(Vec::new()),
            Some(Json::String(text)) => Ok(vec![text]),
            Some(Json::Array(all)) => all.iter().map(|one| one.as_str().ok_or_else(malformed)).collect(),
            Some(_) => Err(malformed()),
        }
    }

    /// Whom it is about (`sub`), at most 255 characters.
    ///
    /// # Errors
    /// It is missing, empty or too long.
    pub fn subject(&self) -> Result<&str, TokenError> {
        self.text("sub").and_then(|subject| match subject.len() <= 255 {
            true => Ok(subject),
            false => Err(TokenError::new(TokenFault::Claim, "`sub` is longer than 255 characters")),
        })
    }

    /// The token's own id (`jti`).
    ///
    /// # Errors
    /// It is missing, empty or too long.
    pub fn token_id(&self) -> Result<&str, TokenError> {
        self.text("jti").and_then(|id| match id.len() <= limits::TOKEN_ID_BYTES {
            true => Ok(id),
            false => Err(TokenError::new(TokenFault::Claim, "`jti` is too long")),
        })
    }

    /// When it was issued (`iat`).
    #[must_use]
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// When it ends (`exp`).
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}
