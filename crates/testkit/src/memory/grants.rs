//! Grants in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Grant, GrantId};
use placet_engine::ports::{Grants, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Grants by their ids.
#[derive(Debug, Default)]
pub struct MemoryGrants {
    failpoints: Arc<Failpoints>,
    grants: Mutex<BTreeMap<GrantId, Grant>>,
}

impl MemoryGrants {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, grants: Mutex::default() }
    }
}

#[async_trait]
impl Grants for MemoryGrants {
    fn grants(&self) -> Vec<Grant> {
        self.grants.lock().values().cloned().collect()
    }

    async fn put(&self, grant: Grant) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::GrantsPut, store_error, || {
                self.grants.lock().insert(grant.id, grant);
                Ok(())
            })
            .await
    }

    async fn remove(&self, id: GrantId) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::GrantsRemove, store_error, || {
                self.grants.lock().remove(&id);
                Ok(())
            })
            .await
    }
}
