//! The key that signs instance tokens. It is made at first start and never has a default.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use placet_domain::Digest;

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
        Ok(Self { pkcs8, public })
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
        Digest::of(&self.public).short()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenKey({})", self.id())
    }
}
