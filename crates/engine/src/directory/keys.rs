//! The keys with which an identity provider keeps the directory: made by a person, shown once, kept as digests.

use std::{fmt, time::Duration};

use placet_domain::{Digest, DirectoryKey, DirectoryKeyId, Object, PersonName, RegistryChange, limits};

use super::DirectoryError;
use crate::Engine;

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// What it is for.
    pub note: String,
    /// How long it opens the directory.
    pub life: Duration,
    /// Who makes it, authenticated.
    pub by: PersonName,
}

/// A key and its secret, which is shown once and never prints.
pub struct MadeKey {
    /// What is kept of it.
    pub key: DirectoryKey,
    /// What the identity provider sends.
    pub secret: String,
}

impl fmt::Debug for MadeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MadeKey").field("key", &self.key.id).finish_non_exhaustive()
    }
}

impl Engine {
    /// Every key, oldest first.
    #[must_use]
    pub fn directory_keys(&self) -> Vec<DirectoryKey> {
        self.ports.directory.keys()
    }

    /// Makes a key.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub async fn make_directory_key(&self, request: KeyRequest) -> Result<MadeKey, DirectoryError> {
        let KeyRequest { note, life, by } = request;
        if life < DAY || life > limits::DIRECTORY_KEY_LIFE {
            return Err(DirectoryError::KeyLife);
        }
        let now = self.ports.clock.now();
        let mut bytes = [0; 32];
        self.ports.entropy.fill(&mut bytes);
        // A prefix by which scanners of source code know it.
        let hexadecimal = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let secret = format!("placet_scim_{hexadecimal}");
        let key = DirectoryKey {
            id: DirectoryKeyId::new(now, self.random()),
            hash: Digest::of(secret.as_bytes()),
            note,
            by,
            made: now,
            expires: now.after(life),
            used: None,
        };
        let _one_at_a_time = self.directory_changing.lock().await;
        self.record_directory_change(RegistryChange::DirectoryKeyAdded, Some(&key.by), about(&key)).await?;
        self.ports.directory.add_key(key.clone()).await?;
        Ok(MadeKey { key, secret })
    }

    /// Removes a key: after `Ok` it opens nothing. `false` if there is none.
    ///
    /// # Errors
    /// See [`DirectoryError`]. It opens nothing also if only the receipt is missing.
    pub async fn remove_directory_key(
        &self,
        id: DirectoryKeyId,
        by: &PersonName,
    ) -> Result<bool, DirectoryError> {
        let _one_at_a_time = self.directory_changing.lock().await;
        let Some(key) = self.ports.directory.keys().into_iter().find(|key| key.id == id) else {
            return Ok(false);
        };
        self.ports.directory.remove_key(id).await?;
        self.record_directory_change(RegistryChange::DirectoryKeyRemoved, Some(by), about(&key)).await?;
        Ok(true)
    }

    /// The key that a secret belongs to, if it opens the directory now.
    pub async fn directory_key_of(&self, secret: &str) -> Option<DirectoryKeyId> {
        let now = self.ports.clock.now();
        let key = self.ports.directory.key(Digest::of(secret.as_bytes())).filter(|key| now < key.expires)?;
        if key.used.is_none_or(|used| now.since(used) >= NOTED)
            && let Err(error) = self.ports.directory.use_key(key.id, now).await
        {
            tracing::warn!(%error, "the use of a key of the directory is not noted");
        }
        Some(key.id)
    }
}

fn about(key: &DirectoryKey) -> Object {
    Object::new()
        .with("key", key.id.to_string())
        .with("note", key.note.as_str())
        .with("expires_us", key.expires.micros())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often use is written down.
const NOTED: Duration = Duration::from_secs(60);
