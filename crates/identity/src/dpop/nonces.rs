//! Nonces that the server gives and does not store (RFC 9449 section 8): a MAC over a window of time.
//! They prove that a proof was made lately. That it is used once is the matter of [`crate::Replays`].

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::Timestamp;

/// Gives nonces and knows them again, without memory.
pub struct Nonces {
    key: hmac::Key,
    window: i64,
}

const CONTEXT: &[u8] = b"placet/v1/dpop-nonce/";

impl Nonces {
    /// Nonces under a key of 32 random bytes, the same on all nodes. Each is good for its window and the next one;
    /// a window is a second at least.
    #[must_use]
    pub fn new(key: &[u8; 32], window: Duration) -> Self {
        let window = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), window }
    }

    /// The nonce for `now`, for the `DPoP-Nonce` header.
    #[must_use]
    pub fn issue(&self, now: Timestamp) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, &message(self.number(now))))
    }

    /// Whether this server gave the nonce, in this window or the one before.
    #[must_use]
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let number = self.number(now);
        // Compared in constant time by the library.
        [number, number.saturating_sub(1)]
            .iter()
            .any(|number| hmac::verify(&self.key, &message(*number), &tag).is_ok())
    }

    fn number(&self, now: Timestamp) -> i64 {
        now.seconds().div_euclid(self.window)
    }
}

fn message(window: i64) -> Vec<u8> {
    [CONTEXT, &window.to_be_bytes()].concat()
}

impl fmt::Debug for Nonces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Nonces(every {} s)", self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_for_its_window_and_the_next() {
        let start = Timestamp::from_micros(1_795_300_200_000_000);
        let later = |seconds| start.after(Duration::from_secs(seconds));
        let nonces = Nonces::new(&[1; 32], Duration::from_secs(300));
        let nonce = nonces.issue(start);
        assert!(nonces.accepts(&nonce, start));
        assert!(nonces.accepts(&nonce, later(599)));
        assert!(!nonces.accepts(&nonce, later(600)));
        assert!(!nonces.accepts(&nonces.issue(later(300)), start));
        assert!(!nonces.accepts("", start));
        assert!(!nonces.accepts(&format!("{nonce}="), start));
        assert!(!Nonces::new(&[2; 32], Duration::from_secs(300)).accepts(&nonce, start));
        assert_eq!(format!("{nonces:?}"), "Nonces(every 300 s)");
    }
}
