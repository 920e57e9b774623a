//! Instances in memory. None is ever forgotten.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Instance, InstanceId, Timestamp};
use placet_engine::ports::{Mandates, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Instances by id.
#[derive(Debug, Default)]
pub struct MemoryMandates {
    failpoints: Arc<Failpoints>,
    instances: Mutex<HashMap<InstanceId, Arc<Instance>>>,
}

impl MemoryMandates {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, instances: Mutex::default() }
    }
}

#[async_trait]
impl Mandates for MemoryMandates {
    fn instance(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.instances.lock().get(&id).cloned()
    }

    fn instances(&self) -> Vec<Arc<Instance>> {
        let mut all: Vec<_> = self.instances.lock().values().cloned().collect();
        all.sort_unstable_by_key(|instance| Reverse((instance.started, instance.id)));
        all
    }

    async fn start(&self, instance: Instance) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::MandatesStart, store_error, || {
                match self.instances.lock().entry(instance.id) {
                    Entry::Occupied(_) => {
                        Err(StoreError { operation: "start an instance twice".to_owned(), cause: None })
                    }
                    Entry::Vacant(place) => {
                        place.insert(Arc::new(instance));
                        Ok(())
                    }
                }
            })
            .await
    }

    async fn revoke(&self, id: InstanceId, at: Timestamp) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::MandatesRevoke, store_error, || {
                let mut instances = self.instances.lock();
                let Some(instance) = instances.get_mut(&id) else { return Ok(false) };
                Arc::make_mut(instance).revoked.get_or_insert(at);
                Ok(true)
            })
            .await
    }
}
