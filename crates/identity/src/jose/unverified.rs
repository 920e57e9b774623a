//! A compact JWS that was taken apart but not believed. [`super::Trust`] turns it into claims.
//! Everything a token could use to choose its own key or rules is refused here (RFC 8725).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Json, Object, Timestamp, limits};

use super::{Algorithm, PublicKey};
use crate::fault::{TokenError, TokenFault};

/// A token whose signature nobody has checked: good for finding the rules to check it by, for nothing else.
#[derive(Debug, Clone)]
pub struct UnverifiedToken<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) kind: Option<String>,
    embedded: Option<PublicKey>,
    claims: Object,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes a token apart. Its header may hold `alg`, `kid`, `typ` and `x5t`, which is ignored.
    ///
    /// # Errors
    /// Anything that is not a compact JWS of strict JSON with such a header.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        Self::read(token, false)
    }

    /// Takes a `DPoP` proof apart: the one kind of token that brings its own key (RFC 9449 section 4.2).
    pub(crate) fn parse_proof(token: &'a str) -> Result<Self, TokenError> {
        Self::read(token, true)
    }

    /// Who it claims to be from (`iss`), to choose the rules by.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.member("iss").and_then(Json::as_str)
    }

    /// Whom it claims to be about (`sub`), to choose the keys of a client by.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.member("sub").and_then(Json::as_str)
    }

    /// The key it names (`kid`), to know whether an issuer's keys must be fetched again.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The kind it claims to be (`typ`).
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The key in the header, of a proof.
    pub(crate) fn embedded_key(&self) -> Option<&PublicKey> {
        self.embedded.as_ref()
    }

    /// The claims, if this key signed them.
    pub(crate) fn verified_by(self, key: &PublicKey) -> Result<Object, TokenError> {
        match key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
            true => Ok(self.claims),
            false => Err(TokenError::new(TokenFault::Signature, "the token's signature does not verify")),
        }
    }

    fn read(token: &'a str, proof: bool) -> Result<Self, TokenError> {
        let [header, claims, signature] = parts(token)?;
        let signed = token.get(..header.len() + 1 + claims.len()).unwrap_or_default();
        let header = object(header)?;
        let mut key_id = None;
        let mut kind = None;
        let mut embedded = None;
        for (name, value) in header.members() {
            match (name, value.as_str()) {
                ("alg", Some(_)) => {}
                ("kid", Some(text)) if !proof => key_id = Some(text.to_owned()),
                ("typ", Some(text)) => kind = Some(text.to_owned()),
                // Azure and GitHub send the thumbprint of a certificate beside `kid`. It chooses nothing here.
                ("x5t", Some(_)) if !proof => {}
                ("jwk", None) if proof => embedded = Some(embedded_key(value)?),
                _ => return Err(refused_member(name)),
            }
        }
        let algorithm = header.member("alg").and_then(Json::as_str).and_then(Algorithm::from_name);
        Ok(Self {
            signed,
            signature: decode(signature)?,
            algorithm: algorithm.ok_or_else(|| {
                TokenError::new(TokenFault::Algorithm, "the token's algorithm is not one that is accepted")
            })?,
            key_id,
            kind,
            embedded,
            claims: object(claims)?,
        })
    }
}

fn embedded_key(value: &Json) -> Result<PublicKey, TokenError> {
    let jwk = value
        .as_object()
        .ok_or_else(|| TokenError::new(TokenFault::Header, "the header's `jwk` is not an object"))?;
    PublicKey::from_jwk(jwk).map_err(|error| TokenError::new(TokenFault::Header, error.to_string()))
}

fn refused_member(name: &str) -> TokenError {
    let why = match name {
        "jku" | "x5u" | "jwk" | "x5c" => "the token's header brings or points at its own key",
        "crit" | "b64" | "zip" => "the token's header asks for an extension",
        _ => "the token's header has a member that is not accepted, or not of its form",
    };
    TokenError::new(TokenFault::Header, why)
}

/// The three parts of a compact JWS.
fn parts(token: &str) -> Result<[&str; 3], TokenError> {
    if token.len() > limits::TOKEN_BYTES {
        return Err(TokenError::new(TokenFault::Size, "the token is too long"));
    }
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature), None) => Ok([header, claims, signature]),
        _ => Err(TokenError::new(TokenFault::Form, "the token is not a signed JWT of three parts")),
    }
}

fn object(part: &str) -> Result<Object, TokenError> {
    match Json::parse(&decode(part)?) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(TokenError::new(TokenFault::Json, "header and claims of a token are JSON objects")),
        Err(_) => Err(TokenError::new(TokenFault::Json, "the token holds ambiguous JSON")),
    }
}

/// Canonical base64url without padding; anything else would give one token two spellings.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::new(TokenFault::Form, "the token is not canonical base64url"))
}

/// A `NumericDate` of whole seconds.
pub(crate) fn seconds(claims: &Object, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    let Some(value) = claims.member(name) else { return Ok(None) };
    let malformed =
        || TokenError::new(TokenFault::Claim, format!("`{name}` is not a whole number of seconds"));
    let micros = value.as_integer().and_then(|value| value.checked_mul(1_000_000)).ok_or_else(malformed)?;
    Ok(Some(Timestamp::from_micros(micros)))
}
