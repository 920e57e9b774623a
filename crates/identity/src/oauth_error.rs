//! The errors of OAuth endpoints and their one form on the wire (RFC 6749 section 5.2, RFC 6750, 8693, 8707, 9449).
//! Which rule a token broke (`fault.rs`) is for the log; what its sender is told is decided here.

use placet_domain::Object;

use crate::{TokenError, TokenFault};

/// An error code of OAuth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OAuthCode {
    /// The resource owner or the policy said no.
    AccessDenied,
    /// The token does not reach this far (RFC 6750).
    InsufficientScope,
    /// The client could not be authenticated.
    InvalidClient,
    /// The `DPoP` proof is missing or wrong.
    InvalidDpopProof,
    /// The grant (assertion, code) is wrong or was used.
    InvalidGrant,
    /// The request is malformed, or a token to be exchanged is not acceptable.
    InvalidRequest,
    /// The scope is malformed, or wider than may be granted.
    InvalidScope,
    /// The resource or audience is unknown or not for this client (RFC 8707).
    InvalidTarget,
    /// The access token is not good (RFC 6750).
    InvalidToken,
    /// Our own failure.
    ServerError,
    /// We cannot answer now.
    TemporarilyUnavailable,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// The grant type is not one of ours.
    UnsupportedGrantType,
    /// The token is of a kind that cannot be revoked here (RFC 7009).
    UnsupportedTokenType,
    /// The proof needs the server's nonce, which comes with this answer.
    UseDpopNonce,
}

impl OAuthCode {
    /// The code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The HTTP status at an OAuth endpoint. A protected resource answers [`OAuthCode::UseDpopNonce`] and
    /// [`OAuthCode::InvalidDpopProof`] with 401 and a challenge instead (RFC 9449 sections 7.1 and 9).
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            Self::AccessDenied
            | Self::InvalidDpopProof
            | Self::InvalidGrant
            | Self::InvalidRequest
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::UnsupportedTokenType
            | Self::UseDpopNonce => 400,
        }
    }
}

/// An error to answer with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code.
    pub code: OAuthCode,
    /// What the client's developer is told.
    pub description: String,
}

impl OAuthError {
    /// Takes a code and a sentence. Characters that RFC 6749 forbids in it become `'` (quotes) and `?`.
    #[must_use]
    pub fn new(code: OAuthCode, description: impl AsRef<str>) -> Self {
        let permitted = |one: char| match one {
            '"' | '`' => '\'',
            ' '..='~' if one != '\\' => one,
            _ => '?',
        };
        Self { code, description: description.as_ref().chars().map(permitted).collect() }
    }

    /// The answer to a client whose assertion was refused.
    #[must_use]
    pub fn client(error: &TokenError) -> Self {
        Self::new(OAuthCode::InvalidClient, error.to_string())
    }

    /// The answer to a grant (`jwt-bearer` assertion) that was refused.
    #[must_use]
    pub fn grant(error: &TokenError) -> Self {
        Self::new(OAuthCode::InvalidGrant, error.to_string())
    }

    /// The answer to a subject or actor token that was refused: `invalid_request` (RFC 8693 section 2.2.2).
    #[must_use]
    pub fn exchanged(error: &TokenError) -> Self {
        Self::new(OAuthCode::InvalidRequest, error.to_string())
    }

    /// The answer to a `DPoP` proof that was refused.
    #[must_use]
    pub fn proof(error: &TokenError) -> Self {
        let code = match error.fault {
            TokenFault::Nonce => OAuthCode::UseDpopNonce,
            _ => OAuthCode::InvalidDpopProof,
        };
        Self::new(code, error.to_string())
    }

    /// The HTTP status at an OAuth endpoint.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The body, to be sent with `Cache-Control: no-store`.
    #[must_use]
    pub fn to_json(&self) -> Object {
        Object::new().with("error", self.code.as_str()).with("error_description", self.description.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_only_what_the_standard_permits() {
        let error = OAuthError::new(OAuthCode::InvalidClient, "no `a`,\nno \"b\\\", né");
        assert_eq!(error.description, "no 'a',?no 'b?', n?");
        assert_eq!(error.status(), 401);
        assert_eq!(error.to_json().members().count(), 2);
    }

    #[test]
    fn a_missing_nonce_is_told_apart_from_a_wrong_proof() {
        let code = |fault| OAuthError::proof(&TokenError::new(fault, "x")).code;
        assert_eq!(code(TokenFault::Nonce), OAuthCode::UseDpopNonce);
        assert_eq!(code(TokenFault::Replay), OAuthCode::InvalidDpopProof);
    }
}
