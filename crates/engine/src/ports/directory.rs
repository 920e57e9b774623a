//! What an identity provider keeps here of people and groups, and the keys it comes with.

use std::sync::Arc;

use async_trait::async_trait;
use placet_domain::{
    Digest, DirectoryGroup, DirectoryGroupId, DirectoryKey, DirectoryKeyId, DirectoryUser, DirectoryUserId,
    Person, Timestamp,
};

use super::StoreError;

/// Somebody whom the company's directory knows to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// Who, with the groups that the directory has them in.
    pub person: Person,
    /// The address by which other systems know them.
    pub email: Option<String>,
}

/// The company's directory. Reads are served from memory and see every acknowledged write of this node. Writes are
/// durable when they return, and complete even if the caller has gone away meanwhile. The engine makes one at a time.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Everybody, oldest first; those whose removal has no receipt yet included.
    fn users(&self) -> Vec<Arc<DirectoryUser>>;
    /// The person of this id.
    fn user(&self, id: DirectoryUserId) -> Option<Arc<DirectoryUser>>;
    /// Every group, oldest first; those whose removal has no receipt yet included.
    fn groups(&self) -> Vec<Arc<DirectoryGroup>>;
    /// The group of this id.
    fn group(&self, id: DirectoryGroupId) -> Option<Arc<DirectoryGroup>>;
    /// Adds somebody, or replaces all that is kept of them.
    async fn put_user(&self, user: DirectoryUser) -> Result<(), StoreError>;
    /// Forgets somebody, in all groups too. Idempotent.
    async fn forget_user(&self, id: DirectoryUserId) -> Result<(), StoreError>;
    /// Adds a group, or replaces all that is kept of it. Its members are known.
    async fn put_group(&self, group: DirectoryGroup) -> Result<(), StoreError>;
    /// Forgets a group. Idempotent.
    async fn forget_group(&self, id: DirectoryGroupId) -> Result<(), StoreError>;
    /// Every key, oldest first, ended ones included.
    fn keys(&self) -> Vec<DirectoryKey>;
    /// The key whose secret has this digest.
    fn key(&self, hash: Digest) -> Option<DirectoryKey>;
    /// Adds a key.
    async fn add_key(&self, key: DirectoryKey) -> Result<(), StoreError>;
    /// Removes a key; `false` if there is none. No read that begins after the acknowledgement sees it.
    async fn remove_key(&self, id: DirectoryKeyId) -> Result<bool, StoreError>;
    /// Notes that a key was used.
    async fn use_key(&self, id: DirectoryKeyId, at: Timestamp) -> Result<(), StoreError>;
}
