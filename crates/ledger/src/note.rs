//! C2SP signed notes with Ed25519 signatures (type `0x01`), and the keys that make and check them.
//! A verifier key is always pinned by the caller; nothing here trusts a key that travels with the text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::hash::nibble;
use crate::limits::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, MAX_ORIGIN_BYTES};

const ED25519_TYPE: u8 = 0x01;
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// The public half of a log key: `name+hexkeyid+base64(0x01 || public key)`.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
    parsed: ParsedPublicKey,
}

/// The signing key of a log. It prints its name and never its secret.
#[derive(Clone)]
pub struct LogKey {
    pair: Arc<Ed25519KeyPair>,
    verifier: VerifierKey,
}

/// A note that is well formed and not yet believed; [`Note::verify`] is the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<NoteSignature<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, too long, or with a space, a plus sign or a control character.
    #[error("a key name is 1 to 255 bytes without spaces, control characters or a plus sign")]
    Name,
    /// Not `name+hexkeyid+base64`, or not an Ed25519 key of type `0x01`.
    #[error("a verifier key reads `name+keyid+base64` and holds an Ed25519 key")]
    Format,
    /// The key id is not the one that name and key give.
    #[error("the key id does not belong to this name and key")]
    Id,
    /// The bytes are no Ed25519 key.
    #[error("the bytes are not an Ed25519 key")]
    Material,
}

/// A note that is malformed or not signed by a pinned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// No signature line belongs to a pinned key.
    #[error("no signature by a pinned key")]
    Unsigned,
    /// A signature line names a pinned key and does not verify.
    #[error("the signature of a pinned key does not verify")]
    BadSignature,
}

impl VerifierKey {
    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let parsed = ParsedPublicKey::new(&ED25519, public).map_err(|_| KeyError::Material)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, &public), public, parsed })
    }

    /// The key name, which is the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    fn verify(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        self.parsed.verify_sig(text.as_bytes(), signature).map_err(|_| NoteError::BadSignature)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Format)?;
        let (id, key) = rest.split_once('+').ok_or(KeyError::Format)?;
        let id = parse_id(id).ok_or(KeyError::Format)?;
        let key = STANDARD.decode(key).map_err(|_| KeyError::Format)?;
        let Some((&ED25519_TYPE, public)) = key.split_first() else { return Err(KeyError::Format) };
        let key = Self::new(name, public.try_into().map_err(|_| KeyError::Format)?)?;
        if key.id == id { Ok(key) } else { Err(KeyError::Id) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.public == other.public
    }
}

impl Eq for VerifierKey {}

impl LogKey {
    /// Makes the key from a 32-byte Ed25519 seed (RFC 8032). The caller brings the randomness and keeps the seed.
    ///
    /// # Errors
    /// A name that notes cannot carry.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Material)?)
    }

    /// Makes the key from PKCS#8 bytes, version 1 or 2 (RFC 8410).
    ///
    /// # Errors
    /// A name that notes cannot carry, or bytes that are no Ed25519 key.
    pub fn from_pkcs8(name: &str, pkcs8: &[u8]) -> Result<Self, KeyError> {
        Self::new(name, Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| KeyError::Material)?)
    }

    fn new(name: &str, pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
        Ok(Self { verifier: VerifierKey::new(name, public)?, pair: Arc::new(pair) })
    }

    /// The key to publish.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The key name, which is the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// Signs `text`, which ends in a newline, and returns the whole note.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.signature_line(text))
    }

    /// The signature line under `text`, its newline included.
    pub(crate) fn signature_line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(signature.as_ref());
        format!("{SIGNATURE_PREFIX}{} {}\n", self.verifier.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.verifier)
    }
}

impl<'a> Note<'a> {
    /// Reads a note strictly: UTF-8 without control characters, text, empty line, signature lines.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("too long"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Malformed("a control character"));
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before the signatures"))?;
        let (text, rest) = note.split_at_checked(split + 1).ok_or(NoteError::Malformed("no text"))?;
        let lines = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Malformed("no signature line"))?;
        let signatures: Vec<_> = lines.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?;
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::Malformed("too many signature lines"));
        }
        Ok(Self { text, signatures })
    }

    /// The text that was signed, its last newline included.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Checks that a pinned key signed the text. Lines of other keys are ignored; a line that names a pinned key
    /// and does not verify refuses the note.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] or [`NoteError::BadSignature`].
    pub fn verify<'k>(&self, keys: impl IntoIterator<Item = &'k VerifierKey>) -> Result<(), NoteError> {
        let mut signed = false;
        for key in keys {
            for line in self.signatures.iter().filter(|line| line.name == key.name && line.id == key.id) {
                key.verify(self.text, &line.signature)?;
                signed = true;
            }
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned) }
    }
}

impl<'a> NoteSignature<'a> {
    fn parse(line: &'a str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed("a signature line that does not parse");
        let line = line.strip_prefix(SIGNATURE_PREFIX).ok_or(malformed)?;
        let (name, signature) = line.split_once(' ').ok_or(malformed)?;
        if !is_key_name(name) {
            return Err(malformed);
        }
        let bytes = STANDARD.decode(signature).map_err(|_| malformed)?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or(malformed)?;
        if signature.is_empty() {
            return Err(malformed);
        }
        Ok(Self { name, id: *id, signature: signature.to_vec() })
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_ORIGIN_BYTES
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update([b'\n', ED25519_TYPE]);
    hasher.update(public);
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn parse_id(text: &str) -> Option<[u8; 4]> {
    if text.len() != 8 || text.bytes().any(|digit| nibble(digit).is_err()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok().map(u32::to_be_bytes)
}

#[cfg(test)]
mod tests;
