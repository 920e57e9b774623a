//! Verification of our own tokens. A signature is checked once; later uses of the same bytes are looked up.
//! Whether the instance still lives is not decided here: the registry knows.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::RwLock;
use placet_domain::{Digest, Json, Object, Timestamp, limits};

use crate::{
    AccessToken, Binding, Claims, Deployment, TokenKey, VerifyingKeys,
    binding::BINDING,
    fault::{TokenError, TokenFault},
    jose::decode,
    limits::LEEWAY,
    token::TYPE,
};

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is ours and has run out.
    #[error("the token expired at {}", .0.expires)]
    Expired(Claims),
    /// It is not a token of this deployment.
    #[error("{0}")]
    Rejected(TokenError),
    /// It is signed by us for another issuer or audience.
    #[error("the token is for another issuer or audience")]
    WrongAudience,
}

impl From<TokenError> for VerifyError {
    fn from(error: TokenError) -> Self {
        match error.fault {
            TokenFault::Issuer | TokenFault::Audience => Self::WrongAudience,
            _ => Self::Rejected(error),
        }
    }
}

/// Checks tokens of one deployment.
pub struct TokenVerifier {
    deployment: Deployment,
    generation: RwLock<Arc<Generation>>,
}

/// The keys in force and what was verified by them. A new set of keys starts with nothing verified, and a
/// verification that began under the old one is remembered there, where nobody looks any more.
struct Generation {
    keys: VerifyingKeys,
    verified: RwLock<HashMap<Digest, Verified>>,
}

#[derive(Clone)]
struct Verified {
    token: Arc<AccessToken>,
    /// The place of the key that signed it: it may retire while the token is remembered.
    key: usize,
}

/// Remembered tokens; when full, the memory starts anew.
const REMEMBERED: usize = 16_384;

impl TokenVerifier {
    /// A verifier for tokens that `key` signs.
    #[must_use]
    pub fn new(deployment: Deployment, key: &TokenKey) -> Self {
        Self::with_keys(deployment, VerifyingKeys::of(key))
    }

    /// A verifier for tokens of these keys.
    #[must_use]
    pub fn with_keys(deployment: Deployment, keys: VerifyingKeys) -> Self {
        Self { deployment, generation: RwLock::new(Arc::new(Generation::new(keys))) }
    }

    /// Puts other keys in force. After this returns, no token of a key that is not among them is accepted,
    /// save by verifications that had begun.
    pub fn replace_keys(&self, keys: VerifyingKeys) {
        *self.generation.write() = Arc::new(Generation::new(keys));
    }

    /// The keys in force, for the JWKS document.
    #[must_use]
    pub fn keys(&self) -> VerifyingKeys {
        self.generation.read().keys.clone()
    }

    /// What a plain bearer token says. One that is bound to a key, narrowed to a scope or issued on behalf of
    /// somebody is refused: [`Claims`] could not say so, and the limit would be lost.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = self.verify_access(token, now)?;
        match token.bound_to.is_none() && token.scope.is_none() && token.delegation.is_own() {
            true => Ok(token.claims()),
            false => Err(VerifyError::Rejected(TokenError::new(
                TokenFault::Binding,
                "the token is limited in a way that is not looked at here",
            ))),
        }
    }

    /// What a token for the deployment's audience says, if it is ours and has not run out at `now`. The caller
    /// must ask for a proof if it is [`AccessToken::bound_to`] a key, and keep to its scope.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify_access(&self, token: &str, now: Timestamp) -> Result<Arc<AccessToken>, VerifyError> {
        self.verify_for(token, &[&self.deployment.audience], now)
    }

    /// [`TokenVerifier::verify_access`] where tokens for other audiences are good too, such as those narrowed
    /// to the one connector that is called.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify_for(
        &self,
        token: &str,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, VerifyError> {
        self.inspect(token, |audience| audiences.contains(&audience), now)
    }

    /// What a token of ours says, if its audience is one that the caller knows. The key may have signed tokens for
    /// others: those are not this deployment's to believe, nor to tell about (RFC 7662 section 4).
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn inspect(
        &self,
        token: &str,
        is_known: impl FnOnce(&str) -> bool,
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, VerifyError> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(TokenError::new(TokenFault::Size, "the token is too long").into());
        }
        let generation = Arc::clone(&self.generation.read());
        let digest = Digest::of(token.as_bytes());
        let known = generation.verified.read().get(&digest).cloned();
        let verified = match known {
            Some(verified) => verified,
            None => {
                let verified = generation.check(token, &self.deployment.issuer, now)?;
                generation.remember(digest, verified.clone());
                verified
            }
        };
        if generation.keys.accepted(verified.key, now).is_none() {
            return Err(retired().into());
        }
        let token = verified.token;
        if !is_known(&token.audience) {
            return Err(VerifyError::WrongAudience);
        }
        if token.issued > now.after(LEEWAY) {
            return Err(TokenError::new(TokenFault::NotYet, "the token was issued in the future").into());
        }
        if now >= token.expires { Err(VerifyError::Expired(token.claims())) } else { Ok(token) }
    }
}

impl TokenVerifier {
    /// What a binding token says, if it is ours and still good at `now`.
    ///
    /// # Errors
    /// It is no binding token of this deployment, or too old.
    pub fn verify_binding(&self, token: &str, now: Timestamp) -> Result<Binding, TokenError> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(TokenError::new(TokenFault::Size, "the token is too long"));
        }
        let generation = Arc::clone(&self.generation.read());
        let (claims, _) = generation.signed(token, BINDING, now)?;
        Binding::read(&claims, &self.deployment.issuer, now)
    }
}

impl Generation {
    fn new(keys: VerifyingKeys) -> Self {
        Self { keys, verified: RwLock::default() }
    }

    fn remember(&self, digest: Digest, verified: Verified) {
        let mut memory = self.verified.write();
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        memory.insert(digest, verified);
    }

    fn check(&self, token: &str, issuer: &str, now: Timestamp) -> Result<Verified, TokenError> {
        let (claims, place) = self.signed(token, TYPE, now)?;
        Ok(Verified { token: Arc::new(AccessToken::from_claims(&claims, issuer)?), key: place })
    }

    /// The claims of a token of this type, signed by a key that is accepted, and which.
    fn signed(&self, token: &str, kind: &str, now: Timestamp) -> Result<(Object, usize), TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::new(TokenFault::Form, "the token is not a signed JWT"));
        };
        let signed = token.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        let place = self.key_of(&strict(header)?, kind)?;
        let claims = strict(payload)?;
        let key = self.keys.accepted(place, now).ok_or_else(retired)?;
        if !key.verifies(signed.as_bytes(), &decode(signature)?) {
            return Err(TokenError::new(TokenFault::Signature, "the token's signature is not ours"));
        }
        Ok((claims, place))
    }

    /// Exactly the header we write: no `crit`, no key in the token or behind a URL, no other algorithm.
    fn key_of(&self, header: &Object, kind: &str) -> Result<usize, TokenError> {
        let member = |name: &str| header.member(name).and_then(Json::as_str);
        if header.members().any(|(name, _)| !matches!(name, "alg" | "kid" | "typ")) {
            return Err(TokenError::new(
                TokenFault::Header,
                "the token's header has a member that is not accepted",
            ));
        }
        if member("alg") != Some("EdDSA") {
            return Err(TokenError::new(TokenFault::Algorithm, "the token is of another algorithm"));
        }
        if member("typ") != Some(kind) {
            return Err(TokenError::new(TokenFault::Type, "the token is of another type"));
        }
        member("kid")
            .and_then(|id| self.keys.place(id))
            .ok_or_else(|| TokenError::new(TokenFault::Key, "the token is of another key"))
    }
}

fn retired() -> TokenError {
    TokenError::new(TokenFault::Key, "the token is of a key that was retired")
}

fn strict(part: &str) -> Result<Object, TokenError> {
    match Json::parse(&decode(part)?) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(TokenError::new(TokenFault::Json, "the token's parts are not objects")),
        Err(_) => Err(TokenError::new(TokenFault::Json, "the token holds ambiguous JSON")),
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenVerifier").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
