//! The company's directory in memory. It never fails.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{
    Digest, DirectoryGroup, DirectoryGroupId, DirectoryKey, DirectoryKeyId, DirectoryUser, DirectoryUserId,
    Timestamp,
};
use placet_engine::ports::{Directory, StoreError};

/// People, groups and keys by their ids.
#[derive(Debug, Default)]
pub struct MemoryDirectory {
    users: Mutex<BTreeMap<DirectoryUserId, Arc<DirectoryUser>>>,
    groups: Mutex<BTreeMap<DirectoryGroupId, Arc<DirectoryGroup>>>,
    keys: Mutex<BTreeMap<DirectoryKeyId, DirectoryKey>>,
}

#[async_trait]
impl Directory for MemoryDirectory {
    fn users(&self) -> Vec<Arc<DirectoryUser>> {
        self.users.lock().values().cloned().collect()
    }

    fn user(&self, id: DirectoryUserId) -> Option<Arc<DirectoryUser>> {
        self.users.lock().get(&id).cloned()
    }

    fn groups(&self) -> Vec<Arc<DirectoryGroup>> {
        self.groups.lock().values().cloned().collect()
    }

    fn group(&self, id: DirectoryGroupId) -> Option<Arc<DirectoryGroup>> {
        self.groups.lock().get(&id).cloned()
    }

    async fn put_user(&self, user: DirectoryUser) -> Result<(), StoreError> {
        self.users.lock().insert(user.id, Arc::new(user));
        Ok(())
    }

    async fn forget_user(&self, id: DirectoryUserId) -> Result<(), StoreError> {
        self.users.lock().remove(&id);
        for group in self.groups.lock().values_mut().filter(|group| group.members.contains(&id)) {
            Arc::make_mut(group).members.remove(&id);
        }
        Ok(())
    }

    async fn put_group(&self, group: DirectoryGroup) -> Result<(), StoreError> {
        self.groups.lock().insert(group.id, Arc::new(group));
        Ok(())
    }

    async fn forget_group(&self, id: DirectoryGroupId) -> Result<(), StoreError> {
        self.groups.lock().remove(&id);
        Ok(())
    }

    fn keys(&self) -> Vec<DirectoryKey> {
        self.keys.lock().values().cloned().collect()
    }

    fn key(&self, hash: Digest) -> Option<DirectoryKey> {
        self.keys.lock().values().find(|key| key.hash == hash).cloned()
    }

    async fn add_key(&self, key: DirectoryKey) -> Result<(), StoreError> {
        self.keys.lock().insert(key.id, key);
        Ok(())
    }

    async fn remove_key(&self, id: DirectoryKeyId) -> Result<bool, StoreError> {
        Ok(self.keys.lock().remove(&id).is_some())
    }

    async fn use_key(&self, id: DirectoryKeyId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.keys.lock().get_mut(&id) {
            key.used = Some(at);
        }
        Ok(())
    }
}
