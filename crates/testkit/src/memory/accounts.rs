//! Accounts and keys in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Digest, PersonName, Timestamp};
use placet_engine::ports::{AccessKey, AccessKind, Account, Accounts, StoreError};

/// Accounts by person, keys by digest.
#[derive(Debug, Default)]
pub struct MemoryAccounts {
    accounts: Mutex<BTreeMap<PersonName, Account>>,
    keys: Mutex<BTreeMap<[u8; 32], AccessKey>>,
}

impl MemoryAccounts {
    /// Every key, in no order that means anything.
    #[must_use]
    pub fn keys(&self) -> Vec<AccessKey> {
        self.keys.lock().values().cloned().collect()
    }
}

#[async_trait]
impl Accounts for MemoryAccounts {
    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        Ok(self.accounts.lock().values().cloned().collect())
    }

    async fn account(&self, person: &PersonName) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts.lock().get(person).cloned())
    }

    async fn put_account(&self, account: Account) -> Result<(), StoreError> {
        self.accounts.lock().insert(account.person.clone(), account);
        Ok(())
    }

    async fn remove_account(&self, person: &PersonName) -> Result<bool, StoreError> {
        self.end_keys(person).await?;
        Ok(self.accounts.lock().remove(person).is_some())
    }

    async fn add_key(&self, key: AccessKey) -> Result<(), StoreError> {
        self.keys.lock().insert(*key.hash.as_bytes(), key);
        Ok(())
    }

    async fn key(&self, kind: AccessKind, hash: Digest) -> Result<Option<AccessKey>, StoreError> {
        Ok(self.keys.lock().get(hash.as_bytes()).filter(|key| key.kind == kind).cloned())
    }

    async fn use_key(&self, hash: Digest, at: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.keys.lock().get_mut(hash.as_bytes()) {
            key.used = key.used.max(at);
        }
        Ok(())
    }

    async fn take_key(
        &self,
        kind: AccessKind,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<AccessKey>, StoreError> {
        let mut keys = self.keys.lock();
        match keys.get(hash.as_bytes()) {
            Some(key) if key.kind == kind && key.expires > now => Ok(keys.remove(hash.as_bytes())),
            _ => Ok(None),
        }
    }

    async fn end_key(&self, hash: Digest) -> Result<bool, StoreError> {
        Ok(self.keys.lock().remove(hash.as_bytes()).is_some())
    }

    async fn end_keys(&self, person: &PersonName) -> Result<u64, StoreError> {
        Ok(self.drop_keys(|key| key.person == *person))
    }

    async fn sweep_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.drop_keys(|key| key.expires <= now))
    }
}

impl MemoryAccounts {
    fn drop_keys(&self, which: impl Fn(&AccessKey) -> bool) -> u64 {
        let mut keys = self.keys.lock();
        let before = keys.len();
        keys.retain(|_, key| !which(key));
        u64::try_from(before - keys.len()).unwrap_or(u64::MAX)
    }
}
