//! The thumbprint of a public key (RFC 7638, SHA-256): what `cnf.jkt` binds a token to.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, Json, Object};

/// SHA-256 of a key's required members in canonical form, printed in base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

/// Why a text is not a thumbprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key thumbprint is 43 characters of base64url")]
pub struct ParseThumbprintError;

impl Thumbprint {
    /// Of the members that RFC 7638 section 3.2 names for the key's type, and no others.
    pub(super) fn of(required: Object) -> Self {
        Self(*Digest::of(Json::Object(required).canonical().as_bytes()).as_bytes())
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Thumbprint {
    type Err = ParseThumbprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseThumbprintError)?;
        bytes.try_into().map(Self).map_err(|_| ParseThumbprintError)
    }
}
