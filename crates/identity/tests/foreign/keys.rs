//! Keys of the other side, one of each type, made when the tests start, and their JWKS documents.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::corpus::forge::Signer;

pub(crate) const SEED: [u8; 32] = [21; 32];
pub(crate) static RSA: LazyLock<Arc<RsaKeyPair>> =
    LazyLock::new(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
pub(crate) static P256: LazyLock<Arc<EcdsaKeyPair>> =
    LazyLock::new(|| curve(&ECDSA_P256_SHA256_FIXED_SIGNING));
pub(crate) static P384: LazyLock<Arc<EcdsaKeyPair>> =
    LazyLock::new(|| curve(&ECDSA_P384_SHA384_FIXED_SIGNING));

fn curve(algorithm: &'static EcdsaSigningAlgorithm) -> Arc<EcdsaKeyPair> {
    Arc::new(EcdsaKeyPair::generate(algorithm).unwrap())
}

pub(crate) fn ecdsa(pair: &Arc<EcdsaKeyPair>) -> Signer {
    let pair = Arc::clone(pair);
    Arc::new(move |message| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec())
}

fn rsa(encoding: &'static dyn RsaEncoding) -> Signer {
    let pair = Arc::clone(&RSA);
    Arc::new(move |message| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    })
}

pub(crate) fn rs256() -> Signer {
    rsa(&RSA_PKCS1_SHA256)
}

pub(crate) fn ps256() -> Signer {
    rsa(&RSA_PSS_SHA256)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn point(pair: &EcdsaKeyPair, name: &str, kid: &str) -> Value {
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({"kty": "EC", "crv": name, "kid": kid, "x": encode(x), "y": encode(y)})
}

/// The public keys, under the ids `ed`, `p256`, `p384` and `rsa`.
pub(crate) fn public() -> [Value; 4] {
    let components = RsaPublicKeyComponents::<Vec<u8>>::from(RSA.public_key());
    let ed = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    [
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(ed.public_key().as_ref())}),
        point(&P256, "P-256", "p256"),
        point(&P384, "P-384", "p384"),
        json!({"kty": "RSA", "kid": "rsa", "n": encode(&components.n), "e": encode(&components.e)}),
    ]
}

/// A JWKS document with all of them and a second one of each type, so that a token has to say which; each for `purpose`.
pub(crate) fn document(purpose: &str) -> Vec<u8> {
    static OTHER: LazyLock<Arc<EcdsaKeyPair>> = LazyLock::new(|| curve(&ECDSA_P384_SHA384_FIXED_SIGNING));
    let others = [
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed-2", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "p256-2", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}),
        point(&OTHER, "P-384", "p384-2"),
        json!({"kty": "RSA", "kid": "rsa-2", "n": encode(&[0xff; 256]), "e": "AQAB"}),
    ];
    let keys: Vec<Value> = public()
        .into_iter()
        .chain(others)
        .map(|mut key| {
            key["use"] = json!(purpose);
            key
        })
        .collect();
    json!({"keys": keys}).to_string().into_bytes()
}

/// The RSA public key in DER: the secret that a confused verifier would use for HS256.
pub(crate) fn rsa_der() -> Vec<u8> {
    RSA.public_key().as_der().unwrap().as_ref().to_vec()
}
