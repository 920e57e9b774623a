//! How agents prove themselves, in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{AgentCredential, CredentialId, Digest, Enrolment, Timestamp};
use placet_engine::ports::{Credentials, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Credentials by id, and codes that were not used yet.
#[derive(Debug, Default)]
pub struct MemoryCredentials {
    failpoints: Arc<Failpoints>,
    known: Mutex<BTreeMap<CredentialId, Arc<AgentCredential>>>,
    codes: Mutex<HashMap<Digest, Enrolment>>,
}

impl MemoryCredentials {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, ..Self::default() }
    }
}

#[async_trait]
impl Credentials for MemoryCredentials {
    fn credentials(&self) -> Vec<Arc<AgentCredential>> {
        self.known.lock().values().cloned().collect()
    }

    async fn add(&self, credential: AgentCredential) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::CredentialsAdd, store_error, || {
                let mut known = self.known.lock();
                let is_new = !known.contains_key(&credential.id);
                if is_new {
                    known.insert(credential.id, Arc::new(credential));
                }
                Ok(is_new)
            })
            .await
    }

    async fn remove(&self, id: CredentialId) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::CredentialsRemove, store_error, || {
                Ok(self.known.lock().remove(&id).is_some())
            })
            .await
    }

    async fn open_enrolment(&self, code: Digest, enrolment: Enrolment) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::CredentialsOpenEnrolment, store_error, || {
                self.codes.lock().insert(code, enrolment);
                Ok(())
            })
            .await
    }

    async fn redeem(&self, code: Digest, now: Timestamp) -> Result<Option<Enrolment>, StoreError> {
        self.failpoints
            .pass(PortOperation::CredentialsRedeem, store_error, || {
                Ok(self.codes.lock().remove(&code).filter(|enrolment| now < enrolment.expires))
            })
            .await
    }
}
