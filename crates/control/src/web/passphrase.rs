//! Passphrases of local people: argon2id, never stored, never shorter than twelve characters.

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _, password_hash::SaltString};
use tokio::sync::Semaphore;

/// Fewest characters.
pub(super) const FEWEST: usize = 12;
/// Most characters.
const MOST: usize = 256;
/// Hashes at once: each takes 19 MiB.
const AT_ONCE: usize = 2;

/// Makes and compares hashes, a few at once.
#[derive(Debug)]
pub(super) struct Hasher(Semaphore);

impl Default for Hasher {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

/// Whether a text will do as a passphrase.
///
/// # Errors
/// Why not, for the person.
pub(super) fn acceptable(text: &str, name: &str) -> Result<(), String> {
    let length = text.chars().count();
    let first = text.chars().next();
    match length {
        ..FEWEST => Err(format!("a passphrase has at least {FEWEST} characters; a few words will do")),
        _ if length > MOST => Err(format!("a passphrase has at most {MOST} characters")),
        _ if text.chars().all(|one| Some(one) == first) => {
            Err("that is one character again and again".to_owned())
        }
        _ if beside(text, name) < FEWEST => Err("besides your name there is too little in it".to_owned()),
        _ => Ok(()),
    }
}

/// Characters that are not part of the person's own name.
fn beside(text: &str, name: &str) -> usize {
    text.to_lowercase().replace(&name.to_lowercase(), "").chars().count()
}

impl Hasher {
    /// The hash of a passphrase. None if it cannot be made.
    pub(super) async fn hash(&self, passphrase: String, salt: [u8; 16]) -> Option<String> {
        self.run(move || {
            let salt = SaltString::encode_b64(&salt).ok()?;
            Some(Argon2::default().hash_password(passphrase.as_bytes(), &salt).ok()?.to_string())
        })
        .await
    }

    /// Whether it is the passphrase of this hash. Without a hash the same work is done, so that the time it takes does
    /// not tell whether somebody has one.
    pub(super) async fn matches(&self, passphrase: String, hash: Option<String>) -> bool {
        let known = hash.is_some();
        let right = self.run(move || {
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let hash = PasswordHash::new(&hash).ok()?;
            Argon2::default().verify_password(passphrase.as_bytes(), &hash).ok()
        });
        right.await.is_some() && known
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
        let _turn = self.0.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok().flatten()
    }
}

/// A hash of 32 random bytes that were thrown away.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cGxhY2V0bm9ib2R5cw$Yl0yQfV0cI0Tq3hO6gS1yM5b1q2dFhZf0m8fW0JxQ9E";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_passphrase_matches_its_own_hash_and_nobody_has_none() {
        let hasher = Hasher::default();
        let hash = hasher.hash("correct horse battery".to_owned(), [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.matches("correct horse battery".to_owned(), Some(hash.clone())).await);
        assert!(!hasher.matches("correct horse batterz".to_owned(), Some(hash)).await);
        assert!(!hasher.matches("correct horse battery".to_owned(), None).await);
        assert!(PasswordHash::new(NOBODY).is_ok(), "else nobody would be answered faster");
    }

    #[test]
    fn short_dull_and_obvious_ones_are_refused() {
        for text in ["", "elevencharz", "aaaaaaaaaaaaaaa", "AnaAnaAna is me", &"ab".repeat(129)] {
            assert!(acceptable(text, "ana").is_err(), "{text}");
        }
        assert_eq!(acceptable("zwölf Zeichen", "ana"), Ok(()));
        assert_eq!(acceptable("seven green bottles", "bo"), Ok(()));
    }
}
