//! People who sign in, and what proves that they did. Kept beside the engine, which knows people by name alone.

use async_trait::async_trait;
use placet_domain::{Digest, GroupName, PersonName, Timestamp};

use super::StoreError;

/// A person who has signed in, or may.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub person: PersonName,
    /// Their groups, as the identity provider said last. Empty for local people.
    pub groups: Vec<GroupName>,
    /// Which account of which provider they are: issuer and subject. Set at the first sign-in, and never another's.
    pub identity: Option<(String, String)>,
    /// An argon2id hash in PHC form, for local people.
    pub passphrase: Option<String>,
    /// When they signed in last.
    pub signed_in: Option<Timestamp>,
}

impl Account {
    /// Somebody who has never signed in.
    #[must_use]
    pub fn new(person: PersonName) -> Self {
        Self { person, groups: Vec::new(), identity: None, passphrase: None, signed_in: None }
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Account").field("person", &self.person).finish_non_exhaustive()
    }
}

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// A browser's session.
    Session,
    /// The page on which a passphrase is set, once.
    Setup,
    /// The control API, for a command line.
    Token,
}

impl AccessKind {
    /// `session`, `setup` or `token`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Setup => "setup",
            Self::Token => "token",
        }
    }
}

/// A secret that opens something for a person, known by its digest alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// SHA-256 of the secret.
    pub hash: Digest,
    /// What it opens.
    pub kind: AccessKind,
    /// For whom.
    pub person: PersonName,
    /// When it was made.
    pub made: Timestamp,
    /// When it was last used.
    pub used: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Accounts and keys. Everything is durable when it returns; a read that begins after an acknowledgement sees it.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Everybody who has an account, by name.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;
    /// The account of a person.
    async fn account(&self, person: &PersonName) -> Result<Option<Account>, StoreError>;
    /// Adds an account, or replaces all that is kept of it.
    async fn put_account(&self, account: Account) -> Result<(), StoreError>;
    /// Removes an account and every key of the person; `false` if there is no account.
    async fn remove_account(&self, person: &PersonName) -> Result<bool, StoreError>;
    /// Adds a key.
    async fn add_key(&self, key: AccessKey) -> Result<(), StoreError>;
    /// The key of this kind and digest, ended ones included until they are swept.
    async fn key(&self, kind: AccessKind, hash: Digest) -> Result<Option<AccessKey>, StoreError>;
    /// Notes that a key was used.
    async fn use_key(&self, hash: Digest, at: Timestamp) -> Result<(), StoreError>;
    /// Removes a key of this kind that ends after `now` and returns it: exactly one of all callers ever gets it.
    async fn take_key(
        &self,
        kind: AccessKind,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<AccessKey>, StoreError>;
    /// Removes a key; `false` if there is none.
    async fn end_key(&self, hash: Digest) -> Result<bool, StoreError>;
    /// Removes every key of a person, and says how many there were.
    async fn end_keys(&self, person: &PersonName) -> Result<u64, StoreError>;
    /// Removes the keys that ended before `now`, and says how many there were.
    async fn sweep_keys(&self, now: Timestamp) -> Result<u64, StoreError>;
}
