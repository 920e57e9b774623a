//! A token under construction: header, claims, who signs, and what is done to the text afterwards.

use std::sync::Arc;

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Signs the first two parts of a token.
pub(crate) type Signer = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A token that can be changed before it is signed.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signer: Signer,
    /// Text put behind the first brace of the header or the claims, for members that appear twice.
    pub(crate) header_start: &'static str,
    pub(crate) claims_start: &'static str,
    /// Bytes that take the place of the claims.
    pub(crate) raw_claims: Option<Vec<u8>>,
    /// What is done to the signed text.
    pub(crate) spoil: fn(String) -> String,
}

/// A token that must be refused, and the reasons that are acceptable.
pub(crate) struct BadToken<F: 'static> {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) faults: &'static [F],
}

impl Forge {
    pub(crate) fn new(header: Value, claims: Value, signer: Signer) -> Self {
        Self {
            header,
            claims,
            signer,
            header_start: "",
            claims_start: "",
            raw_claims: None,
            spoil: |token| token,
        }
    }

    pub(crate) fn token(&self) -> String {
        let header = self.header.to_string().replacen('{', &format!("{{{}", self.header_start), 1);
        let claims = self.claims.to_string().replacen('{', &format!("{{{}", self.claims_start), 1);
        let claims = self.raw_claims.clone().unwrap_or(claims.into_bytes());
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode((self.signer)(signed.as_bytes()));
        (self.spoil)(format!("{signed}.{signature}"))
    }

    /// The same token after one change.
    pub(crate) fn changed(&self, change: fn(&mut Self)) -> String {
        let mut forge = self.clone();
        change(&mut forge);
        forge.token()
    }

    /// Adds to a date in the claims, seconds.
    pub(crate) fn shift(&mut self, claim: &str, seconds: i64) {
        let value = self.claims[claim].as_i64().unwrap_or_default();
        self.claims[claim] = (value + seconds).into();
    }
}

pub(crate) fn ed25519(seed: &[u8; 32]) -> Signer {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    Arc::new(move |message| pair.sign(message).as_ref().to_vec())
}

/// The classic confusion: a public text used as the secret of a MAC.
pub(crate) fn hmac_sha256(secret: &[u8]) -> Signer {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    Arc::new(move |message| hmac::sign(&key, message).as_ref().to_vec())
}

pub(crate) fn unsigned() -> Signer {
    Arc::new(|_| Vec::new())
}
