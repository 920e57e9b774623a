//! SHA-256 digests and the salted commitments receipts carry in place of payloads.
//! The rule is written in `spec/receipt.md`.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, printed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would not compile a bad index")]
/// Two digits for each byte: receipts hold many digests, and formatting digit by digit shows in a call's time.
const HEXADECIMAL: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal characters")]
pub struct ParseDigestError;

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes a digest computed elsewhere.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve hexadecimal characters, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(HEXADECIMAL.get(usize::from(byte)).unwrap_or(b"00"));
        }
        // Digits are ASCII.
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || text.bytes().any(|letter| !matches!(letter, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ParseDigestError);
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(place * 2..place * 2 + 2).ok_or(ParseDigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseDigestError)?;
        }
        Ok(Self(bytes))
    }
}

/// The secret that opens one receipt's commitments. Erasing it leaves the receipt valid and closed.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening([u8; 32]);

impl Opening {
    /// Takes 32 random bytes.
    #[must_use]
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The seed, to be kept where it can be erased.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Commits to `bytes` under the name of a receipt field:
    /// `HMAC(HMAC(seed, field), "placet/v1/" || field || 0x00 || bytes)`.
    #[must_use]
    pub fn commit(&self, field: &str, bytes: &[u8]) -> Commitment {
        let key = hmac(&self.0, &[field.as_bytes()]);
        Commitment(hmac(&key, &[b"placet/v1/", field.as_bytes(), &[0], bytes]))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Opening(…)")
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length: the error cannot occur for 32 bytes, and a zero key would only
    // make the commitment unopenable.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A salted digest of something a receipt does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment([u8; 32]);

impl fmt::Display for Commitment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "c:{}", Digest(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_as_it_was_printed() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    }

    #[test]
    fn a_commitment_depends_on_seed_field_and_bytes() {
        let opening = Opening::from_bytes([1; 32]);
        let base = opening.commit("request", b"x");
        assert_eq!(base, opening.commit("request", b"x"));
        assert_ne!(base, opening.commit("response", b"x"));
        assert_ne!(base, opening.commit("request", b"y"));
        assert_ne!(base, Opening::from_bytes([2; 32]).commit("request", b"x"));
    }

    #[test]
    fn an_opening_does_not_print_its_seed() {
        assert_eq!(format!("{:?}", Opening::from_bytes([7; 32])), "Opening(…)");
    }
}
