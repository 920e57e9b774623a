//! What ties a request for approval to the denial that it follows: a signed token that only this deployment makes and
//! reads (AARP, "Binding Token Integrity"). It is of a type of its own: never a credential.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, Json, Object, Timestamp};

use crate::{
    TokenKey,
    fault::{TokenError, TokenFault},
    jose::decode,
};

/// The `typ` of a binding token.
pub(crate) const BINDING: &str = "authzen-binding+jwt";

/// What a denial was about, and until when a person may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The evaluation that was denied; the token's `jti` as well.
    pub evaluation: String,
    /// Digest of subject, resource, action and the context that was judged, in RFC 8785 form.
    pub hash: Digest,
    /// The members of the context that were judged.
    pub context: Vec<String>,
    /// When it was denied.
    pub issued: Timestamp,
    /// Until when a person may be asked.
    pub expires: Timestamp,
}

impl Binding {
    fn to_claims(&self, issuer: &str) -> Object {
        Object::new()
            .with("iss", issuer)
            .with("aud", issuer)
            .with("iat", self.issued.seconds())
            .with("exp", self.expires.seconds())
            .with("jti", self.evaluation.as_str())
            .with("evaluation_id", self.evaluation.as_str())
            .with("binding_context_members", self.context.iter().map(String::as_str).collect::<Vec<_>>())
            .with("binding_hash", URL_SAFE_NO_PAD.encode(self.hash.as_bytes()))
    }

    /// Reads what [`Binding::to_claims`] wrote, of this issuer.
    pub(crate) fn read(claims: &Object, issuer: &str, now: Timestamp) -> Result<Self, TokenError> {
        let malformed =
            || TokenError::new(TokenFault::Claim, "the binding token is not one of this deployment");
        let text = |name: &str| claims.member(name).and_then(Json::as_str);
        let moment = |name: &str| {
            let seconds = claims.member(name).and_then(Json::as_integer)?;
            Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
        };
        if text("iss") != Some(issuer) || text("aud") != Some(issuer) {
            return Err(malformed());
        }
        let hash = text("binding_hash").and_then(|text| decode(text).ok());
        let hash: [u8; 32] = hash.and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?;
        let context = claims.member("binding_context_members").and_then(Json::as_array).unwrap_or_default();
        let context: Option<Vec<String>> =
            context.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        let binding = Self {
            context: context.ok_or_else(malformed)?,
            evaluation: text("evaluation_id").ok_or_else(malformed)?.to_owned(),
            hash: Digest::from_bytes(hash),
            issued: moment("iat").ok_or_else(malformed)?,
            expires: moment("exp").ok_or_else(malformed)?,
        };
        match now < binding.expires {
            true => Ok(binding),
            false => Err(TokenError::new(TokenFault::Expired, "the denial is too old to ask a person about")),
        }
    }
}

impl TokenKey {
    /// Signs a binding token.
    #[must_use]
    pub fn bind(&self, issuer: &str, binding: &Binding) -> String {
        let header = Object::new().with("alg", "EdDSA").with("typ", BINDING).with("kid", self.id());
        self.sign(header, binding.to_claims(issuer))
    }
}
