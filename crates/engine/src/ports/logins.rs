//! Signing in at upstream systems: what a connector's authorization server gives us, and where it is kept. The engine
//! records that somebody signed in; what they got is between the connectors and the vault.

use async_trait::async_trait;
use placet_domain::ConnectorName;

use super::StoreError;

/// What is kept of sign-ins at upstreams, sealed by whoever keeps it: nothing here can be read without their key.
#[async_trait]
pub trait Vault: Send + Sync {
    /// What was kept for a connector last.
    async fn sealed(&self, connector: &ConnectorName) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps this for a connector, in the place of what was there. Durable when it returns.
    async fn keep(&self, connector: &ConnectorName, sealed: Vec<u8>) -> Result<(), StoreError>;
    /// Forgets what is kept for a connector; `false` if there is nothing.
    async fn remove(&self, connector: &ConnectorName) -> Result<bool, StoreError>;
}

/// What comes next in a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStep {
    /// A person opens this address, and comes back with an answer.
    Authorize {
        /// Where to.
        url: String,
    },
    /// Nothing: it is done.
    Done(SignedIn),
}

/// A sign-in at the authorization server of an upstream. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The authorization server.
    pub issuer: String,
    /// The resource that the tokens are for.
    pub resource: String,
    /// Who we are there.
    pub client: String,
    /// What was granted.
    pub scopes: Vec<String>,
}

/// What has become of the tokens of a sign-in that was forgotten here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawal {
    /// The authorization server has taken them back (RFC 7009).
    Revoked,
    /// It says of no way to give them back: they are good until they end.
    Unserved,
    /// It was asked and has not said yes, for this reason: they may be good until they end.
    Refused(String),
}

impl Withdrawal {
    /// The word for it in receipts and answers.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Unserved => "unserved",
            Self::Refused(_) => "refused",
        }
    }
}

/// A sign-in that did not come about; what was there before is there still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoginError(pub String);
