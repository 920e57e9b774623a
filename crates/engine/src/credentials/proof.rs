//! Proofs of possession (RFC 9449): at the MCP routes, where a token is bound to a key, and where tokens are issued.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use placet_domain::{Code, Refusal, Timestamp};
use placet_identity::{
    AccessToken, OAuthCode, OAuthError, ProvenRequest, Target, Thumbprint, TokenError, TokenFault,
};

use super::{Answered, OAuthRequest};
use crate::{Credential, Engine};

/// What the operator asks of credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DpopRule {
    /// No credential is accepted or issued without a key that it is bound to.
    pub required: bool,
    /// Proofs must carry a nonce of ours, which makes one round trip more.
    pub nonces: bool,
}

/// A token and the proof that came with it, for one request. The proof is looked at once, however often the request's
/// sender is identified: a second look would find it used.
pub struct Presented {
    token: Arc<str>,
    proof: Arc<str>,
    method: String,
    url: String,
    judged: OnceLock<Result<(), Refusal>>,
}

impl Credential {
    /// A token with a proof of its key, for a request of this method to this public address.
    #[must_use]
    pub fn proven(token: &str, proof: &str, method: &str, url: String) -> Self {
        Self::Dpop(Arc::new(Presented {
            token: token.into(),
            proof: proof.into(),
            method: method.to_owned(),
            url,
            judged: OnceLock::new(),
        }))
    }

    /// The token, if there is one.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Bearer(token) => Some(token),
            Self::Dpop(presented) => Some(&presented.token),
        }
    }
}

impl Engine {
    /// Whether the sender of a token has the key that it is bound to, and nobody needs one that is bound to none.
    pub(crate) fn possesses(
        &self,
        token: &AccessToken,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let required = |why: &str| Err(Refusal::new(Code::ProofRequired, why));
        match (credential, token.bound_to) {
            (Credential::Absent, _) => Err(Refusal::new(Code::NoCredential, "the request carries no token")),
            (Credential::Bearer(_), Some(_)) => {
                required("the token is bound to a key and came without a proof")
            }
            (Credential::Bearer(_), None) if self.credentialing.dpop.required => {
                required("this deployment accepts no token that is not bound to a key")
            }
            (Credential::Bearer(_), None) => Ok(()),
            (Credential::Dpop(_), None) => {
                Err(Refusal::new(Code::ProofRejected, "the token is bound to no key; it is a bearer token"))
            }
            (Credential::Dpop(presented), Some(key)) => {
                presented.judged.get_or_init(|| self.judge_proof(presented, key, now)).clone()
            }
        }
    }

    fn judge_proof(&self, presented: &Presented, key: Thumbprint, now: Timestamp) -> Result<(), Refusal> {
        let refused = |error: &TokenError| match error.fault {
            TokenFault::Nonce => Refusal::new(Code::ProofNonce, error.to_string()),
            _ => Refusal::new(Code::ProofRejected, error.to_string()),
        };
        let target: Target = presented
            .url
            .parse()
            .map_err(|_| Refusal::new(Code::ProofRejected, "the request's address is not a plain one"))?;
        let request = ProvenRequest {
            method: &presented.method,
            target: &target,
            access_token: Some(&presented.token),
            bound_to: Some(key),
        };
        let kept = &self.credentialing;
        request
            .verify(&presented.proof, kept.nonces.as_ref(), &kept.proofs, now)
            .map(drop)
            .map_err(|error| refused(&error))
    }

    /// The key that a request to an endpoint of ours proves; `None` if it proves none.
    pub(super) fn proved_key(&self, request: &OAuthRequest, now: Timestamp) -> Answered<Option<Thumbprint>> {
        let Some(proof) = &request.proof else { return Ok(None) };
        let target: Target = request
            .url
            .parse()
            .map_err(|_| OAuthError::new(OAuthCode::ServerError, "the public address is not a plain one"))?;
        let proven =
            ProvenRequest { method: &request.method, target: &target, access_token: None, bound_to: None };
        let kept = &self.credentialing;
        match proven.verify(proof, kept.nonces.as_ref(), &kept.proofs, now) {
            Ok(proof) => Ok(Some(proof.key)),
            Err(error) => Err(OAuthError::proof(&error)),
        }
    }

    /// [`Engine::proved_key`] where a token is to be issued.
    pub(super) fn key_to_bind(&self, request: &OAuthRequest, now: Timestamp) -> Answered<Option<Thumbprint>> {
        match self.proved_key(request, now)? {
            None if self.credentialing.dpop.required => {
                let why = "this deployment issues no token without a 'DPoP' proof of the key to bind it to";
                Err(OAuthError::new(OAuthCode::InvalidDpopProof, why))
            }
            key => Ok(key),
        }
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Presented({} {})", self.method, self.url)
    }
}
