//! Proof of possession of a key with every request (RFC 9449): what makes a stolen token useless.
//! The proof brings its own key; the token, or nothing yet, says which key that must be.

mod nonces;
mod target;

pub use nonces::Nonces;
pub use target::{ParseTargetError, Target};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, Json, Object, Timestamp};

use crate::{
    Replays, Thumbprint, TokenError, TokenFault, UnverifiedToken,
    jose::seconds,
    limits::{PROOF_AGE, PROOF_LEEWAY, TOKEN_ID_BYTES},
};

/// The request that a proof must be made for.
#[derive(Debug, Clone, Copy)]
pub struct ProvenRequest<'a> {
    /// The HTTP method, as it was sent.
    pub method: &'a str,
    /// The address the client used: built from the public URL, not from what a proxy forwards.
    pub target: &'a Target,
    /// The access token that comes with it. `None` at the token endpoint.
    pub access_token: Option<&'a str>,
    /// The key it must be ([`crate::AccessToken::bound_to`]). `None`: any, to bind a new token to.
    pub bound_to: Option<Thumbprint>,
}

/// A proof that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The key whose possession was proved: `cnf.jkt` of what is issued.
    pub key: Thumbprint,
}

impl ProvenRequest<'_> {
    /// Checks a proof for this request. With `nonces`, it must carry one of them; [`TokenFault::Nonce`] is then to be
    /// answered by `use_dpop_nonce` and [`Nonces::issue`]. Check the access token first: only its holder
    /// then takes room in `replays`.
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn verify(
        &self,
        proof: &str,
        nonces: Option<&Nonces>,
        replays: &Replays,
        now: Timestamp,
    ) -> Result<Proof, TokenError> {
        let proof = UnverifiedToken::parse_proof(proof)?;
        if proof.kind() != Some("dpop+jwt") {
            return Err(TokenError::new(TokenFault::Type, "the proof is of another kind than `dpop+jwt`"));
        }
        let key = proof
            .embedded_key()
            .cloned()
            .ok_or_else(|| TokenError::new(TokenFault::Header, "the proof's header has no `jwk`"))?;
        let claims = proof.verified_by(&key)?;
        let key = key.thumbprint();
        self.check_request(&claims)?;
        let issued = check_age(&claims, now)?;
        if self.bound_to.is_some_and(|bound| bound != key) {
            return Err(TokenError::new(TokenFault::Binding, "the token is bound to another key"));
        }
        let nonce = claims.member("nonce").map(|nonce| nonce.as_str().unwrap_or_default());
        if let Some(nonces) = nonces
            && !nonce.is_some_and(|nonce| nonces.accepts(nonce, now))
        {
            return Err(TokenError::new(TokenFault::Nonce, "the proof needs the server's nonce"));
        }
        let id = text(&claims, "jti")?;
        if id.len() > TOKEN_ID_BYTES {
            return Err(TokenError::new(TokenFault::Claim, "`jti` is too long"));
        }
        // Last: what was refused for another reason must not use ids up.
        replays.admit(&key.to_string(), id, issued.after(PROOF_AGE), now)?;
        Ok(Proof { key })
    }

    /// `htm`, `htu`, `ath`.
    fn check_request(&self, claims: &Object) -> Result<(), TokenError> {
        let bound = |why| TokenError::new(TokenFault::Binding, why);
        if text(claims, "htm")? != self.method {
            return Err(bound("the proof is for another method"));
        }
        let target: Target = text(claims, "htu")?
            .parse()
            .map_err(|_| TokenError::new(TokenFault::Claim, "the proof's `htu` is not an address"))?;
        if target != *self.target {
            return Err(bound("the proof is for another address"));
        }
        let expected =
            self.access_token.map(|token| URL_SAFE_NO_PAD.encode(Digest::of(token.as_bytes()).as_bytes()));
        match (claims.member("ath").map(Json::as_str), expected) {
            (None, None) => Ok(()),
            (Some(Some(stated)), Some(expected)) if stated == expected => Ok(()),
            (Some(_), None) => Err(bound("the proof is for an access token, and none is presented")),
            (_, Some(_)) => Err(bound("the proof is for another access token")),
        }
    }
}

fn check_age(claims: &Object, now: Timestamp) -> Result<Timestamp, TokenError> {
    let issued = seconds(claims, "iat")?
        .ok_or_else(|| TokenError::new(TokenFault::Claim, "claim `iat` is missing"))?;
    if issued > now.after(PROOF_LEEWAY) {
        return Err(TokenError::new(TokenFault::NotYet, "the proof was made in the future"));
    }
    if now >= issued.after(PROOF_AGE) {
        return Err(TokenError::new(TokenFault::Expired, "the proof is too old"));
    }
    Ok(issued)
}

fn text<'a>(claims: &'a Object, name: &'static str) -> Result<&'a str, TokenError> {
    claims
        .member(name)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| TokenError::new(TokenFault::Claim, format!("claim `{name}` is missing or not a text")))
}
