//! Why a token is refused: one list for access tokens, assertions, proofs, events and sign-ins.
//! What the caller is told over OAuth is decided in `oauth_error.rs`.

use std::borrow::Cow;

/// The rule that a token broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// The algorithm is none, symmetric, unknown or not expected of this issuer.
    Algorithm,
    /// It was issued for someone else.
    Audience,
    /// It is bound to another key, request or token than the one presented.
    Binding,
    /// The chain of delegation is too long, closes on itself or is malformed.
    Chain,
    /// A claim is missing, repeated, or not of its form.
    Claim,
    /// It has run out.
    Expired,
    /// It is not a compact JWS in canonical base64url.
    Form,
    /// The header has a member that is not accepted, or lacks one.
    Header,
    /// Another issuer.
    Issuer,
    /// Header or claims are not JSON that every parser reads alike.
    Json,
    /// The key it was signed with is not known; the issuer's keys may have been rotated.
    Key,
    /// It would live longer than its kind may.
    Life,
    /// The server's nonce is missing or stale: the client is to use the fresh one.
    Nonce,
    /// It is not valid yet.
    NotYet,
    /// Nothing (or more than one thing) that is configured fits what it says.
    Match,
    /// It was used before, or the memory of used ones is full.
    Replay,
    /// The signature does not verify.
    Signature,
    /// It is larger than any real one.
    Size,
    /// Another kind of token (`typ`).
    Type,
}

/// A token that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TokenError {
    /// The rule that was broken.
    pub fault: TokenFault,
    message: Cow<'static, str>,
}

impl TokenError {
    /// Takes the rule and a sentence for the log of whoever operates the deployment.
    pub(crate) fn new(fault: TokenFault, message: impl Into<Cow<'static, str>>) -> Self {
        Self { fault, message: message.into() }
    }
}
