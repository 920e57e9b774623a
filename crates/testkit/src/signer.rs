//! Somebody else's keys: an agent's laptop, a company's identity provider, a platform, a SPIFFE trust domain.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Digest, Json, Object, Timestamp};

/// A key that signs tokens and proofs.
pub struct Signer {
    pair: Pair,
    id: String,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    /// An Ed25519 key of this seed, under this `kid`.
    ///
    /// # Panics
    /// Never for 32 bytes.
    #[must_use]
    pub fn ed25519(seed: u8, id: &str) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed");
        Self { pair: Pair::Ed25519(pair), id: id.to_owned() }
    }

    /// A new P-256 key under this `kid`: the kind that SPIFFE permits.
    ///
    /// # Panics
    /// If the system has no randomness.
    #[must_use]
    pub fn p256(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { pair: Pair::P256(pair), id: id.to_owned() }
    }

    /// The public key, without `kid`.
    #[must_use]
    pub fn public(&self) -> Object {
        match &self.pair {
            Pair::Ed25519(pair) => Object::new()
                .with("kty", "OKP")
                .with("crv", "Ed25519")
                .with("x", URL_SAFE_NO_PAD.encode(pair.public_key())),
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref().get(1..).unwrap_or_default().split_at(32);
                Object::new()
                    .with("kty", "EC")
                    .with("crv", "P-256")
                    .with("x", URL_SAFE_NO_PAD.encode(x))
                    .with("y", URL_SAFE_NO_PAD.encode(y))
            }
        }
    }

    /// The public key with its `kid`.
    #[must_use]
    pub fn jwk(&self) -> Object {
        self.public().with("kid", self.id.as_str())
    }

    /// A key set of this key alone, for this `use`.
    #[must_use]
    pub fn jwks(&self, purpose: &str) -> Object {
        Object::new().with("keys", vec![self.jwk().with("use", purpose)])
    }

    /// A token of this `typ` with these claims.
    #[must_use]
    pub fn token(&self, kind: &str, claims: Object) -> String {
        let header =
            Object::new().with("alg", self.algorithm()).with("typ", kind).with("kid", self.id.as_str());
        self.sign(header, claims)
    }

    /// A client assertion (RFC 7523) that lives a minute. `id` is its `jti`.
    #[must_use]
    pub fn assertion(&self, client: &str, audience: &str, id: &str, now: Timestamp) -> String {
        let claims = Object::new()
            .with("iss", client)
            .with("sub", client)
            .with("aud", audience)
            .with("iat", now.seconds())
            .with("exp", now.seconds() + 60)
            .with("jti", id);
        self.token("JWT", claims)
    }

    /// A proof of possession (RFC 9449), for a token if there is one. `id` is its `jti`.
    #[must_use]
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        nonce: Option<&str>,
        id: &str,
        now: Timestamp,
    ) -> String {
        let header =
            Object::new().with("alg", self.algorithm()).with("typ", "dpop+jwt").with("jwk", self.public());
        let hash = |token: &str| URL_SAFE_NO_PAD.encode(Digest::of(token.as_bytes()).as_bytes());
        let claims = Object::new()
            .with("htm", method)
            .with("htu", url)
            .with("iat", now.seconds())
            .with("jti", id)
            .with_some("ath", token.map(hash))
            .with_some("nonce", nonce);
        self.sign(header, claims)
    }

    fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        }
    }

    fn sign(&self, header: Object, claims: Object) -> String {
        let encode = |object: Object| URL_SAFE_NO_PAD.encode(Json::Object(object).canonical());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = match &self.pair {
            Pair::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
                URL_SAFE_NO_PAD.encode(signature)
            }
        };
        format!("{signed}.{signature}")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Signer({})", self.id)
    }
}
