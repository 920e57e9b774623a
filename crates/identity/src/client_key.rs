//! The key by which we prove to a foreign authorization server that we are its client: RFC 7523 section 3, as the MCP
//! extension for client credentials (SEP-1046) asks. Assertions of agents at our own endpoints are `client_assertion.rs`.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use placet_domain::{Json, Object, Timestamp};

/// How long an assertion lives, seconds: long enough for clocks that differ a little.
const LIFE: i64 = 60;

/// A private key. It never prints.
pub struct ClientKey {
    pair: Pair,
    id: Option<String>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeyError {
    /// Not a key that we sign with.
    #[error("it is no private key in PKCS #8 (`-----BEGIN PRIVATE KEY-----`) of Ed25519, P-256 or RSA")]
    Unreadable,
    /// The library could not sign.
    #[error("it does not sign")]
    Sign,
}

impl ClientKey {
    /// Reads a key in PEM. `id` becomes `kid`, where the server knows several keys of ours.
    ///
    /// # Errors
    /// Not PKCS #8, or of another algorithm.
    pub fn from_pem(text: &str, id: Option<String>) -> Result<Self, ClientKeyError> {
        let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----").ok_or(ClientKeyError::Unreadable)?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(ClientKeyError::Unreadable)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| ClientKeyError::Unreadable)?;
        let pair = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(&der) {
            Pair::Ed25519(pair)
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            Pair::P256(pair)
        } else {
            Pair::Rsa(RsaKeyPair::from_pkcs8(&der).map_err(|_| ClientKeyError::Unreadable)?)
        };
        Ok(Self { pair, id })
    }

    /// A client assertion for one authorization server, by its issuer. `unique` is its `jti`.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn assertion(
        &self,
        client: &str,
        issuer: &str,
        unique: &str,
        now: Timestamp,
    ) -> Result<String, ClientKeyError> {
        let header = Object::new()
            .with("alg", self.algorithm())
            .with("typ", "JWT")
            .with_some("kid", self.id.as_deref());
        let claims = Object::new()
            .with("iss", client)
            .with("sub", client)
            .with("aud", issuer)
            .with("iat", now.seconds())
            .with("exp", now.seconds().saturating_add(LIFE))
            .with("jti", unique);
        let encode = |part: Object| URL_SAFE_NO_PAD.encode(Json::Object(part).canonical());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// The library's signatures take randomness of its own where they need some.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ClientKeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => pair
                .sign(&random, message)
                .map(|made| made.as_ref().to_vec())
                .map_err(|_| ClientKeyError::Sign),
            Pair::Rsa(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut made)
                    .map_err(|_| ClientKeyError::Sign)?;
                Ok(made)
            }
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, KeyPair as _, UnparsedPublicKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    fn pem(der: &[u8]) -> String {
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    fn parts(token: &str) -> (Vec<u8>, Json, Vec<u8>) {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        (
            signed.as_bytes().to_vec(),
            Json::parse(&claims).unwrap(),
            URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
    }

    #[test]
    fn an_assertion_names_the_client_and_one_server_and_verifies() {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, p256.public_key().as_ref());
        let key = ClientKey::from_pem(&pem(p256.to_pkcs8v1().unwrap().as_ref()), None).unwrap();
        let (signed, claims, signature) =
            parts(&key.assertion("me", "https://as.example", "1", NOW).unwrap());
        public.verify(&signed, &signature).unwrap();
        let text = |name| claims.member(name).and_then(Json::as_str).unwrap_or_default();
        assert_eq!((text("iss"), text("sub"), text("aud")), ("me", "me", "https://as.example"));
        assert_eq!(claims.member("exp").and_then(Json::as_integer), Some(NOW.seconds() + LIFE));
        let public = UnparsedPublicKey::new(&ED25519, ed25519.public_key().as_ref());
        let key = ClientKey::from_pem(&pem(ed25519.to_pkcs8().unwrap().as_ref()), Some("k".into())).unwrap();
        let (signed, _, signature) = parts(&key.assertion("me", "https://as.example", "1", NOW).unwrap());
        public.verify(&signed, &signature).unwrap();
    }

    #[test]
    fn what_is_no_private_key_is_refused_and_a_key_does_not_print() {
        for text in
            ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----"]
        {
            assert_eq!(ClientKey::from_pem(text, None).unwrap_err(), ClientKeyError::Unreadable);
        }
        let made = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
        let shown = format!("{:?}", ClientKey::from_pem(&pem(made.as_ref()), None).unwrap());
        assert_eq!(shown, "ClientKey { id: None, .. }");
    }
}
