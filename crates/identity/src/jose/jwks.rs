//! A set of public keys (RFC 7517 section 5), and the choice of the one that a token names.

use std::{collections::HashSet, fmt, sync::Arc};

use placet_domain::{Json, JsonError};

use super::{Algorithm, JwkError, PublicKey};
use crate::{
    fault::{TokenError, TokenFault},
    limits,
};

/// Why a JWKS document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not JSON that every parser reads alike.
    #[error("the key set is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// No array of key objects under `keys`.
    #[error("the key set has no array `keys` of objects")]
    Shape,
    /// Larger than any real one.
    #[error("the key set is larger than {} bytes or {} keys", limits::JWKS_BYTES, limits::KEYS)]
    Size,
    /// Two keys under one id: which one a token means would depend on the reader.
    #[error("the key set names key `{0}` twice")]
    Duplicate(String),
    /// A key that should never have been published, is weak or malformed.
    #[error("key number {number} is refused: {error}")]
    Key {
        /// Its place, from one.
        number: usize,
        /// Why.
        error: JwkError,
    },
    /// Nothing in it verifies signatures here.
    #[error("the key set holds no key that can be used here")]
    Empty,
}

/// Public keys of one issuer. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwks(Arc<[PublicKey]>);

impl Jwks {
    /// Reads a JWKS document. Keys of kinds that are not used here are passed over (RFC 7517 section 5);
    /// secret, weak, malformed and repeated ones refuse the whole document.
    ///
    /// # Errors
    /// See [`JwksError`].
    pub fn parse(document: &[u8]) -> Result<Self, JwksError> {
        Self::read(document, "sig", false)
    }

    /// Reads the JWT keys of a SPIFFE trust bundle: those of `use` `jwt-svid`.
    ///
    /// # Errors
    /// See [`JwksError`].
    pub fn parse_bundle(document: &[u8]) -> Result<Self, JwksError> {
        Self::read(document, "jwt-svid", true)
    }

    /// A set of keys that were read one by one.
    ///
    /// # Errors
    /// No keys, too many, or two of one id.
    pub fn new(keys: Vec<PublicKey>) -> Result<Self, JwksError> {
        let mut ids = HashSet::new();
        match keys.iter().filter_map(PublicKey::id).find(|id| !ids.insert(*id)) {
            Some(id) => Err(JwksError::Duplicate(id.to_owned())),
            None if keys.is_empty() => Err(JwksError::Empty),
            None if keys.len() > limits::KEYS => Err(JwksError::Size),
            None => Ok(Self(keys.into())),
        }
    }

    fn read(document: &[u8], purpose: &str, required: bool) -> Result<Self, JwksError> {
        if document.len() > limits::JWKS_BYTES {
            return Err(JwksError::Size);
        }
        let document = Json::parse(document)?;
        let listed = document.member("keys").and_then(Json::as_array).ok_or(JwksError::Shape)?;
        if listed.len() > limits::KEYS {
            return Err(JwksError::Size);
        }
        let mut ids = HashSet::new();
        let mut keys = Vec::new();
        for (place, jwk) in listed.iter().enumerate() {
            let jwk = jwk.as_object().ok_or(JwksError::Shape)?;
            if let Some(id) = jwk.member("kid").and_then(Json::as_str).filter(|id| !ids.insert(*id)) {
                return Err(JwksError::Duplicate(id.to_owned()));
            }
            match PublicKey::for_use(jwk, purpose, required) {
                Ok(key) => keys.push(key),
                Err(JwkError::Unsupported(_)) => {}
                Err(error) => return Err(JwksError::Key { number: place + 1, error }),
            }
        }
        if keys.is_empty() { Err(JwksError::Empty) } else { Ok(Self(keys.into())) }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// The key a token names. A token without `kid` is taken only if a single key could have signed it.
    pub(super) fn select(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, TokenError> {
        let Some(id) = id else {
            let mut fitting = self.0.iter().filter(|key| key.fits(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                _ => Err(TokenError::new(
                    TokenFault::Key,
                    "the token names no key, and not exactly one of the issuer's fits",
                )),
            };
        };
        let key = self.0.iter().find(|key| key.id() == Some(id)).ok_or_else(|| {
            TokenError::new(TokenFault::Key, "the token names a key that its issuer does not publish")
        })?;
        match key.fits(algorithm) {
            true => Ok(key),
            false => Err(TokenError::new(
                TokenFault::Algorithm,
                format!("the key that the token names is not one for {algorithm}"),
            )),
        }
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn okp(members: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{members}}}"#)
    }

    fn set(keys: &[String]) -> Result<Jwks, JwksError> {
        Jwks::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
    }

    #[test]
    fn keys_of_other_kinds_are_passed_over() {
        let keys = set(&[
            okp(r#","kid":"a","use":"sig""#),
            okp(r#","kid":"b","use":"enc""#),
            r#"{"kty":"AKP","kid":"c","alg":"ML-DSA-65"}"#.to_owned(),
        ]);
        assert_eq!(keys.unwrap().keys().len(), 1);
    }

    #[test]
    fn documents_that_could_be_read_in_two_ways_are_refused() {
        let (a, enc) = (okp(r#","kid":"a""#), okp(r#","kid":"a","use":"enc""#));
        assert_eq!(set(&[a.clone(), enc]), Err(JwksError::Duplicate("a".into())));
        assert!(matches!(set(&[okp(r#","kid":"a","kid":"b""#)]), Err(JwksError::Json(_))));
        assert_eq!(set(&[]), Err(JwksError::Empty));
        assert_eq!(Jwks::parse(b"[]"), Err(JwksError::Shape));
        assert_eq!(set(&["1".to_owned()]), Err(JwksError::Shape));
        assert_eq!(set(&vec![a; 65]), Err(JwksError::Size));
        let secret = set(&[okp(r#","d":"AAAA""#)]);
        assert_eq!(secret, Err(JwksError::Key { number: 1, error: JwkError::Secret }));
    }

    #[test]
    fn a_token_without_a_key_id_needs_a_single_candidate() {
        let one = set(&[okp("")]).unwrap();
        assert!(one.select(None, Algorithm::EdDsa).is_ok());
        assert!(one.select(None, Algorithm::Es256).is_err());
        assert!(one.select(Some("a"), Algorithm::EdDsa).is_err());
        let two = set(&[okp(r#","kid":"a""#), okp(r#","kid":"b""#)]).unwrap();
        assert!(two.select(None, Algorithm::EdDsa).is_err());
        assert!(two.select(Some("b"), Algorithm::EdDsa).is_ok());
        assert_eq!(two.select(Some("b"), Algorithm::Rs256).unwrap_err().fault, TokenFault::Algorithm);
    }

    #[test]
    fn a_trust_bundle_gives_its_jwt_keys_alone() {
        let bundle = format!(
            r#"{{"spiffe_sequence":7,"keys":[{},{},{}]}}"#,
            okp(r#","kid":"x","use":"x509-svid""#),
            okp(r#","kid":"j","use":"jwt-svid""#),
            okp(r#","kid":"n""#)
        );
        let keys = Jwks::parse_bundle(bundle.as_bytes()).unwrap();
        assert_eq!(keys.keys().iter().map(|key| key.id()).collect::<Vec<_>>(), [Some("j")]);
        assert_eq!(Jwks::parse(bundle.as_bytes()).unwrap().keys().len(), 1);
    }
}
