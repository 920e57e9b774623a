//! The keys of the deployment: one signs, retired ones verify until the last token they signed has ended.
//! Rotation makes a new set; whoever holds the old one works on undisturbed.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use placet_domain::{Object, Timestamp};

use crate::{TokenKey, key::key_id};

/// The signing key and the keys that verify.
#[derive(Debug, Clone)]
pub struct KeySet {
    active: Arc<TokenKey>,
    verifying: VerifyingKeys,
}

impl KeySet {
    /// A set of one key.
    #[must_use]
    pub fn new(active: Arc<TokenKey>) -> Self {
        let verifying = VerifyingKeys::of(&active);
        Self { active, verifying }
    }

    /// Also accepts tokens of an older key until this moment.
    #[must_use]
    pub fn with_retired(mut self, public: [u8; 32], until: Timestamp) -> Self {
        self.verifying = self.verifying.with_retired(public, until);
        self
    }

    /// The set after a rotation: `next` signs, and the key that signed so far verifies until `until`. That is
    /// [`placet_domain::limits::INSTANCE_LIFE`] from now when nothing happened, and now when the key leaked.
    #[must_use]
    pub fn rotated(&self, next: Arc<TokenKey>, until: Timestamp) -> Self {
        let mut rotated = Self::new(next).with_retired(*self.active.public(), until);
        for key in &self.verifying.keys {
            if let Some(until) = key.until {
                rotated = rotated.with_retired(key.public, until);
            }
        }
        rotated
    }

    /// The key that signs.
    #[must_use]
    pub fn active(&self) -> &Arc<TokenKey> {
        &self.active
    }

    /// The keys that verify, for a [`crate::TokenVerifier`] and the JWKS document.
    #[must_use]
    pub fn verifying(&self) -> &VerifyingKeys {
        &self.verifying
    }
}

/// The public half of a [`KeySet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKeys {
    keys: Vec<VerifyingKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifyingKey {
    id: String,
    public: [u8; 32],
    until: Option<Timestamp>,
}

impl VerifyingKeys {
    /// One key, for as long as this set is in force.
    #[must_use]
    pub fn of(key: &TokenKey) -> Self {
        Self { keys: vec![VerifyingKey { id: key.id(), public: *key.public(), until: None }] }
    }

    /// Also accepts tokens of an older key until this moment. A key that is in the set already stays as it is.
    #[must_use]
    pub fn with_retired(mut self, public: [u8; 32], until: Timestamp) -> Self {
        if self.keys.iter().all(|key| key.public != public) {
            self.keys.push(VerifyingKey { id: key_id(&public), public, until: Some(until) });
        }
        self
    }

    /// The JWKS document (RFC 7517, 8037): the keys that are accepted at `now`.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> Object {
        let keys: Vec<Object> = self
            .keys
            .iter()
            .filter(|key| key.is_accepted(now))
            .map(|key| {
                Object::new()
                    .with("kty", "OKP")
                    .with("crv", "Ed25519")
                    .with("x", URL_SAFE_NO_PAD.encode(key.public))
                    .with("kid", key.id.as_str())
                    .with("use", "sig")
                    .with("alg", "EdDSA")
            })
            .collect();
        Object::new().with("keys", keys)
    }

    /// The place of the key with this id.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.id == id)
    }

    /// The key at a place, if it is accepted at `now`.
    pub(crate) fn accepted(&self, place: usize, now: Timestamp) -> Option<&VerifyingKey> {
        self.keys.get(place).filter(|key| key.is_accepted(now))
    }
}

impl VerifyingKey {
    fn is_accepted(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use placet_domain::Json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_300_000_000_000);

    fn key(seed: u8) -> Arc<TokenKey> {
        Arc::new(TokenKey::from_seed(&[seed; 32]).unwrap())
    }

    fn ids(keys: &KeySet, now: Timestamp) -> Vec<String> {
        let document = keys.verifying().jwks(now);
        let listed = document.member("keys").and_then(Json::as_array).unwrap();
        listed.iter().map(|one| one.member("kid").and_then(Json::as_str).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_retired_key_is_published_until_its_time() {
        let until = NOW.after(Duration::from_secs(60));
        let keys = KeySet::new(key(1)).rotated(key(2), until);
        assert_eq!(keys.active().id(), key(2).id());
        assert_eq!(ids(&keys, NOW), [key(2).id(), key(1).id()]);
        assert_eq!(ids(&keys, until), [key(2).id()]);
    }

    #[test]
    fn keys_outlive_several_rotations_and_no_longer_than_promised() {
        let early = NOW.after(Duration::from_secs(60));
        let late = NOW.after(Duration::from_secs(90));
        let keys = KeySet::new(key(1)).rotated(key(2), early).rotated(key(3), late);
        assert_eq!(ids(&keys, NOW).len(), 3);
        assert_eq!(ids(&keys, early), [key(3).id(), key(2).id()]);
    }

    #[test]
    fn the_document_reads_as_a_key_set() {
        let document = Json::Object(KeySet::new(key(1)).verifying().jwks(NOW)).canonical();
        let keys = crate::Jwks::parse(document.as_bytes()).unwrap();
        assert_eq!(keys.keys().first().and_then(|key| key.id()), Some(key(1).id().as_str()));
    }
}
