//! The keys that sign tokens and the ledger, and putting another one in force while everything runs. Where they are
//! kept is the binary's business; what old keys still verify is said by `placet_identity::KeySet` and `spec/ledger.md`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use placet_domain::{Json, Object, PersonName, RegistryChange, RegistryReceipt, Timestamp, limits};
use placet_identity::{KeySet, TokenKey};
use tokio::sync::Mutex;

use crate::{Engine, ports::LedgerUnavailable};

/// The keys in force.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) set: ArcSwap<KeySet>,
    rotating: Mutex<()>,
}

impl Keys {
    pub(crate) fn new(set: KeySet) -> Self {
        Self { set: ArcSwap::from_pointee(set), rotating: Mutex::new(()) }
    }
}

/// A rotation that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The id of the key that signs now.
    pub key: String,
    /// The id of the key that signed before.
    pub before: String,
    /// Until when that one verifies.
    pub until: Timestamp,
}

/// A change of the ledger's key that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeyChange {
    /// The verifier key that signs checkpoints from here on.
    pub key: String,
    /// The one that signed before.
    pub before: String,
    /// The key entry in the log.
    pub index: u64,
}

/// Why the key was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The new key could not be kept.
    #[error("the new key could not be kept")]
    Keep(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The receipt could not be written.
    #[error("the rotation was not recorded")]
    Ledger(#[from] LedgerUnavailable),
}

impl Engine {
    /// Lets another key sign from now on. What the key before has signed is good for as long as a token lives, or no
    /// longer if the key has `leaked`. `keep` makes the new key and the end of the given one before it durable.
    ///
    /// # Errors
    /// See [`RotateError`]; the key in force stays then.
    pub async fn rotate_tokens(
        &self,
        next: TokenKey,
        leaked: bool,
        by: &PersonName,
        keep: impl FnOnce(&TokenKey, Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send,
    ) -> Result<Rotation, RotateError> {
        let _one_at_a_time = self.keys.rotating.lock().await;
        let now = self.ports.clock.now();
        let until = if leaked { now } else { now.after(limits::INSTANCE_LIFE) };
        let in_force = self.keys.set.load_full();
        let rotation = Rotation { key: next.id(), before: in_force.active().id(), until };
        let about = Object::new()
            .with("key", rotation.key.as_str())
            .with("before", rotation.before.as_str())
            .with("until_us", until.micros());
        // A right is recorded before it exists.
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::TokenKeyRotated,
            by: Some(by),
            about,
        })
        .await?;
        keep(in_force.active(), until).map_err(RotateError::Keep)?;
        let rotated = in_force.rotated(Arc::new(next), until);
        // Verified before signed: no token is issued that is not accepted.
        self.verifier.replace_keys(rotated.verifying().clone());
        self.keys.set.store(Arc::new(rotated));
        Ok(rotation)
    }

    /// Hands the ledger over to another key, `next` as C2SP writes it, which was put at its disposal. Calls go on.
    ///
    /// # Errors
    /// The key entry was not acknowledged. Which key is in force shows once the ledger takes entries again.
    pub async fn change_log_key(
        &self,
        next: &str,
        by: &PersonName,
    ) -> Result<LogKeyChange, LedgerUnavailable> {
        let _one_at_a_time = self.keys.rotating.lock().await;
        let (now, before) = (self.ports.clock.now(), self.ports.ledger.key());
        let about = Object::new().with("log_key", next).with("log_key_before", before.as_str());
        let change = RegistryChange::LogKeyChanged;
        let receipt = RegistryReceipt { id: self.receipt_id(now), now, change, by: Some(by), about };
        let entry = self.ports.ledger.change_key(Json::Object(receipt.to_json()).canonical()).await?;
        Ok(LogKeyChange { key: next.to_owned(), before, index: entry.index })
    }
}
