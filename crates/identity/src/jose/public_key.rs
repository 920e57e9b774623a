//! One public key of somebody else, read from a JWK (RFC 7517, 7518 section 6, 8037 section 2).
//! A key is used for the algorithms of its type only, whatever a token's header says.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::Object;

use super::{Algorithm, Thumbprint};

/// Why a JWK is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It holds a private or a symmetric key, which then is no secret any more.
    #[error("the key holds secret members; publish the public key alone, and replace this one")]
    Secret,
    /// A type, curve, algorithm or use that is not for verifying signatures here.
    #[error("the key is of a kind that is not used here: `{0}`")]
    Unsupported(String),
    /// A member is missing or not of its form.
    #[error("the key's member `{0}` is missing or malformed")]
    Malformed(&'static str),
    /// An RSA key below 2048 or above 8192 bits, or with an exponent that protects nothing.
    #[error("the RSA key is weak: use 2048 to 8192 bits and an odd exponent from 3 up")]
    Weak,
}

/// A public key for verifying signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Ed25519 {
        x: Vec<u8>,
    },
    /// Points are uncompressed: `0x04 || x || y`.
    P256 {
        point: Vec<u8>,
    },
    P384 {
        point: Vec<u8>,
    },
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

/// Members that only a private or a symmetric key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl PublicKey {
    /// Reads a key that verifies signatures (`use` is `sig` or absent).
    ///
    /// # Errors
    /// See [`JwkError`].
    pub fn from_jwk(jwk: &Object) -> Result<Self, JwkError> {
        Self::for_use(jwk, "sig", false)
    }

    /// Reads a key whose `use` is this, or absent unless it is required.
    pub(super) fn for_use(jwk: &Object, purpose: &str, required: bool) -> Result<Self, JwkError> {
        if SECRETS.iter().any(|name| jwk.member(name).is_some()) {
            return Err(JwkError::Secret);
        }
        let kind = text(jwk, "kty")?.ok_or(JwkError::Malformed("kty"))?;
        match text(jwk, "use")? {
            Some(stated) if stated == purpose => {}
            None if !required => {}
            other => return Err(JwkError::Unsupported(format!("use {}", other.unwrap_or("absent")))),
        }
        if let Some(operations) = jwk.member("key_ops") {
            let operations = operations.as_array().ok_or(JwkError::Malformed("key_ops"))?;
            if !operations.iter().any(|one| one.as_str() == Some("verify")) {
                return Err(JwkError::Unsupported("key_ops without verify".to_owned()));
            }
        }
        let algorithm = match text(jwk, "alg")? {
            Some(name) => {
                Some(Algorithm::from_name(name).ok_or_else(|| JwkError::Unsupported(name.to_owned()))?)
            }
            None => None,
        };
        let key = Self {
            id: text(jwk, "kid")?.map(str::to_owned),
            algorithm: None,
            material: Material::read(kind, jwk)?,
        };
        match algorithm {
            Some(algorithm) if !key.fits(algorithm) => Err(JwkError::Malformed("alg")),
            algorithm => Ok(Self { algorithm, ..key }),
        }
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the key's type, curve and `alg` permit this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let permitted = match (&self.material, algorithm) {
            (Material::Ed25519 { .. }, Algorithm::EdDsa)
            | (Material::P256 { .. }, Algorithm::Es256)
            | (Material::P384 { .. }, Algorithm::Es384)
            | (Material::Rsa { .. }, Algorithm::Ps256 | Algorithm::Rs256) => true,
            (
                Material::Ed25519 { .. }
                | Material::P256 { .. }
                | Material::P384 { .. }
                | Material::Rsa { .. },
                _,
            ) => false,
        };
        permitted && self.algorithm.is_none_or(|stated| stated == algorithm)
    }

    /// Whether this key made the signature with this algorithm.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let plain = |scheme: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(scheme, key).verify(message, signature).is_ok()
        };
        let rsa = |scheme: &RsaParameters, n: &[u8], e: &[u8]| {
            RsaPublicKeyComponents { n, e }.verify(scheme, message, signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Ed25519 { x }, _) => plain(&ED25519, x),
            (Material::P256 { point }, _) => plain(&ECDSA_P256_SHA256_FIXED, point),
            (Material::P384 { point }, _) => plain(&ECDSA_P384_SHA384_FIXED, point),
            (Material::Rsa { modulus, exponent }, Algorithm::Ps256) => {
                rsa(&RSA_PSS_2048_8192_SHA256, modulus, exponent)
            }
            (Material::Rsa { modulus, exponent }, _) => rsa(&RSA_PKCS1_2048_8192_SHA256, modulus, exponent),
        }
    }

    /// The key's thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self.required_members())
    }

    /// The key as a JWK, with its id and algorithm if they are known.
    #[must_use]
    pub fn to_jwk(&self) -> Object {
        self.required_members()
            .with_some("kid", self.id())
            .with_some("alg", self.algorithm.map(Algorithm::name))
    }

    fn required_members(&self) -> Object {
        let curve = |name: &str, point: &[u8]| {
            let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
            Object::new().with("crv", name).with("kty", "EC").with("x", encode(x)).with("y", encode(y))
        };
        match &self.material {
            Material::Ed25519 { x } => {
                Object::new().with("crv", "Ed25519").with("kty", "OKP").with("x", encode(x))
            }
            Material::P256 { point } => curve("P-256", point),
            Material::P384 { point } => curve("P-384", point),
            Material::Rsa { modulus, exponent } => {
                Object::new().with("e", encode(exponent)).with("kty", "RSA").with("n", encode(modulus))
            }
        }
    }
}

impl Material {
    fn read(kind: &str, jwk: &Object) -> Result<Self, JwkError> {
        let curve = text(jwk, "crv")?;
        match (kind, curve) {
            ("OKP", Some("Ed25519")) => {
                Ok(Self::Ed25519 { x: on_curve(&ED25519, fixed(jwk, "x", 32)?, "x")? })
            }
            ("EC", Some("P-256")) => {
                Ok(Self::P256 { point: on_curve(&ECDSA_P256_SHA256_FIXED, point(jwk, 32)?, "x")? })
            }
            ("EC", Some("P-384")) => {
                Ok(Self::P384 { point: on_curve(&ECDSA_P384_SHA384_FIXED, point(jwk, 48)?, "x")? })
            }
            ("RSA", _) => rsa(bytes(jwk, "n")?, bytes(jwk, "e")?),
            ("oct", _) => Err(JwkError::Secret),
            ("EC" | "OKP", None) => Err(JwkError::Malformed("crv")),
            (kind, curve) => Err(JwkError::Unsupported(format!("{kind} {}", curve.unwrap_or_default()))),
        }
    }
}

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Material, JwkError> {
    // RFC 7518 section 6.3.1: no leading zero octets; with one, two spellings would have two thumbprints.
    let (Some(first), Some(last)) = (modulus.first(), modulus.last()) else {
        return Err(JwkError::Malformed("n"));
    };
    if *first == 0 || last % 2 == 0 {
        return Err(JwkError::Malformed("n"));
    }
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    let exponent_is_sound = match exponent.as_slice() {
        [] | [0, ..] | [1] => false,
        [.., last] => exponent.len() <= 4 && last % 2 == 1,
    };
    match exponent_is_sound && (2048..=8192).contains(&bits) {
        true => Ok(Material::Rsa { modulus, exponent }),
        false => Err(JwkError::Weak),
    }
}

fn on_curve(
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    member: &'static str,
) -> Result<Vec<u8>, JwkError> {
    match ParsedPublicKey::new(algorithm, &key) {
        Ok(_) => Ok(key),
        Err(_) => Err(JwkError::Malformed(member)),
    }
}

fn point(jwk: &Object, length: usize) -> Result<Vec<u8>, JwkError> {
    Ok([vec![4], fixed(jwk, "x", length)?, fixed(jwk, "y", length)?].concat())
}

fn fixed(jwk: &Object, member: &'static str, length: usize) -> Result<Vec<u8>, JwkError> {
    bytes(jwk, member).and_then(|bytes| match bytes.len() == length {
        true => Ok(bytes),
        false => Err(JwkError::Malformed(member)),
    })
}

fn bytes(jwk: &Object, member: &'static str) -> Result<Vec<u8>, JwkError> {
    let text = text(jwk, member)?.ok_or(JwkError::Malformed(member))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError::Malformed(member))
}

fn text<'a>(jwk: &'a Object, member: &'static str) -> Result<Option<&'a str>, JwkError> {
    jwk.member(member).map(|value| value.as_str().ok_or(JwkError::Malformed(member))).transpose()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "PublicKey({})",
            self.id().map_or_else(|| self.thumbprint().to_string(), str::to_owned)
        )
    }
}

#[cfg(test)]
mod tests;
