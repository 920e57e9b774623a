//! Verification of instance tokens. A signature is checked once; later uses of the same bytes are looked up.
//! Whether the instance still lives is not decided here: the registry knows.

use std::{collections::HashMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::RwLock;
use placet_domain::{Digest, Json, Timestamp, limits};

use crate::{
    Claims, Deployment, TokenKey,
    token::{TYPE, WireClaims},
};

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is ours and has run out.
    #[error("the token expired at {}", .0.expires)]
    Expired(Claims),
    /// It is not a token of this deployment.
    #[error("{0}")]
    Rejected(&'static str),
    /// It is signed by us for another issuer or audience.
    #[error("the token is for another issuer or audience")]
    WrongAudience,
}

/// Checks tokens of one deployment.
pub struct TokenVerifier {
    deployment: Deployment,
    key_id: String,
    key: DecodingKey,
    validation: Validation,
    verified: RwLock<HashMap<Digest, Claims>>,
}

/// Remembered tokens; when full, the memory starts anew.
const REMEMBERED: usize = 16_384;

impl TokenVerifier {
    /// A verifier for tokens that `key` signs.
    #[must_use]
    pub fn new(deployment: Deployment, key: &TokenKey) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Times are compared with the caller's clock, issuer and audience below: all of them, always.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            deployment,
            key_id: key.id(),
            key: DecodingKey::from_ed_der(key.public()),
            validation,
            verified: RwLock::default(),
        }
    }

    /// What the token says, if it is ours and has not run out at `now`.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(VerifyError::Rejected("the token is too long"));
        }
        let digest = Digest::of(token.as_bytes());
        let known = self.verified.read().get(&digest).cloned();
        let claims = match known {
            Some(claims) => claims,
            None => {
                let claims = self.check(token)?;
                let mut verified = self.verified.write();
                if verified.len() >= REMEMBERED {
                    verified.clear();
                }
                verified.insert(digest, claims.clone());
                claims
            }
        };
        if now >= claims.expires { Err(VerifyError::Expired(claims)) } else { Ok(claims) }
    }

    fn check(&self, token: &str) -> Result<Claims, VerifyError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VerifyError::Rejected("the token is not a signed JWT"));
        };
        self.check_header(&strict(header)?)?;
        // Duplicate claims are refused here; the library would take one of them.
        strict(payload)?;
        let claims = jsonwebtoken::decode::<WireClaims>(token, &self.key, &self.validation)
            .map_err(|_| VerifyError::Rejected("the token's signature or claims are not ours"))?
            .claims;
        if claims.iss != self.deployment.issuer || claims.aud != self.deployment.audience {
            return Err(VerifyError::WrongAudience);
        }
        let rejected = VerifyError::Rejected("the token's claims are not ours");
        Ok(Claims {
            instance: claims.sub.parse().map_err(|_| rejected.clone())?,
            agent: claims.client_id.parse().map_err(|_| rejected.clone())?,
            expires: Timestamp::from_micros(claims.exp.checked_mul(1_000_000).ok_or(rejected)?),
        })
    }

    /// Exactly the header we write: no `crit`, no key in the token or behind a URL, no other algorithm.
    fn check_header(&self, header: &Json) -> Result<(), VerifyError> {
        let members =
            header.as_object().ok_or(VerifyError::Rejected("the token's header is not an object"))?;
        for (key, value) in members.members() {
            let expected = match key {
                "alg" => "EdDSA",
                "kid" => &self.key_id,
                "typ" => TYPE,
                _ => {
                    return Err(VerifyError::Rejected(
                        "the token's header has a member that is not accepted",
                    ));
                }
            };
            if value.as_str() != Some(expected) {
                return Err(VerifyError::Rejected("the token is of another algorithm, type or key"));
            }
        }
        if members.members().len() == 3 {
            Ok(())
        } else {
            Err(VerifyError::Rejected("the token's header is incomplete"))
        }
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenVerifier").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

fn strict(part: &str) -> Result<Json, VerifyError> {
    let bytes =
        URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Rejected("the token is not base64url"))?;
    Json::parse(&bytes).map_err(|_| VerifyError::Rejected("the token holds ambiguous JSON"))
}

#[cfg(test)]
mod tests;
