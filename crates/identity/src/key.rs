//! The key that signs instance tokens. It is made at first start and never has a default.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, Object};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The stored bytes are not an Ed25519 key.
    #[error(
        "the token key is not an Ed25519 key in PKCS#8; remove the file to make a new one, which ends all instances"
    )]
    Malformed,
}

/// An Ed25519 key pair.
pub struct TokenKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
    public: [u8; 32],
}

impl TokenKey {
    /// Makes a key from 32 unpredictable bytes.
    ///
    /// # Errors
    /// Never for 32 bytes of a sound random source; the library's type says it may.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        let pkcs8 = pair.to_pkcs8().map_err(|_| KeyError::Malformed)?.as_ref().to_vec();
        Self::from_pkcs8(pkcs8)
    }

    /// Reads a key that [`TokenKey::pkcs8`] wrote.
    ///
    /// # Errors
    /// Bytes that are not an Ed25519 key.
    pub fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::Malformed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self { pair, pkcs8, public })
    }

    /// The private key, to be stored where only this program reads it.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key, raw (RFC 8032).
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The key id tokens name: the first characters of the public key's digest.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(&self.public)
    }

    /// A compact JWS over this header and these claims. The caller names the algorithm, `EdDSA`, in the header.
    pub(crate) fn sign(&self, header: Object, claims: Object) -> String {
        let encode = |object: Object| URL_SAFE_NO_PAD.encode(placet_domain::Json::Object(object).canonical());
        let mut token = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// The id of a token key.
pub(crate) fn key_id(public: &[u8; 32]) -> String {
    Digest::of(public).short()
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenKey({})", self.id())
    }
}
