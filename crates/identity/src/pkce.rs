//! Proof key for code exchange, method S256 (RFC 7636). `plain` proves nothing and does not exist here.

use std::{fmt, str::FromStr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::Digest;

/// The secret that a client keeps between its two requests.
pub struct CodeVerifier(String);

/// What a client shows of it at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

/// Why a text is not a verifier or a challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// RFC 7636 section 4.1.
    #[error("a code verifier is 43 to 128 letters, digits, `-`, `.`, `_` or `~`")]
    Verifier,
    /// RFC 7636 section 4.2.
    #[error("a code challenge is the SHA-256 of the verifier in 43 characters of base64url, method `S256`")]
    Challenge,
}

impl CodeVerifier {
    /// A verifier of 32 random bytes.
    #[must_use]
    pub fn from_random(random: &[u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// The secret, for the token request.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its challenge, for the authorization request.
    #[must_use]
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(*Digest::of(self.0.as_bytes()).as_bytes())
    }
}

impl FromStr for CodeVerifier {
    type Err = PkceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        match (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            true => Ok(Self(text.to_owned())),
            false => Err(PkceError::Verifier),
        }
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CodeVerifier(…)")
    }
}

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method`.
    ///
    /// # Errors
    /// Another method than S256 (none means `plain`), or not a digest.
    pub fn parse(challenge: &str, method: Option<&str>) -> Result<Self, PkceError> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).map_err(|_| PkceError::Challenge)?;
        match method {
            Some("S256") => bytes.try_into().map(Self).map_err(|_| PkceError::Challenge),
            _ => Err(PkceError::Challenge),
        }
    }

    /// Whether this verifier is the one that was challenged.
    #[must_use]
    pub fn matches(&self, verifier: &CodeVerifier) -> bool {
        verify_slices_are_equal(&self.0, &verifier.challenge().0).is_ok()
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_matches() {
        // RFC 7636 appendix B.
        let verifier: CodeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".parse().unwrap();
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(verifier.challenge().to_string(), challenge);
        assert!(CodeChallenge::parse(challenge, Some("S256")).unwrap().matches(&verifier));
        assert!(!CodeVerifier::from_random(&[1; 32]).challenge().matches(&verifier));
        assert_eq!(format!("{verifier:?}"), "CodeVerifier(…)");
    }

    #[test]
    fn plain_challenges_and_short_verifiers_are_refused() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (challenge, method) in
            [(challenge, None), (challenge, Some("plain")), ("E9Melhoa", Some("S256")), ("", Some("S256"))]
        {
            assert_eq!(CodeChallenge::parse(challenge, method), Err(PkceError::Challenge));
        }
        for verifier in ["", &"a".repeat(42), &"a".repeat(129), &format!("{} ", "a".repeat(43))] {
            assert!(verifier.parse::<CodeVerifier>().is_err());
        }
    }
}
