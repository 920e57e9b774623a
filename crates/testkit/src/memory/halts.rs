//! Halts in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Halt, HaltTarget};
use placet_engine::ports::{Halts, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Halts by what they stop.
#[derive(Debug, Default)]
pub struct MemoryHalts {
    failpoints: Arc<Failpoints>,
    halts: Mutex<BTreeMap<HaltTarget, Halt>>,
}

impl MemoryHalts {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, halts: Mutex::default() }
    }
}

#[async_trait]
impl Halts for MemoryHalts {
    fn halts(&self) -> Vec<Halt> {
        self.halts.lock().values().cloned().collect()
    }

    async fn put(&self, halt: Halt) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::HaltsPut, store_error, || {
                self.halts.lock().insert(halt.target.clone(), halt);
                Ok(())
            })
            .await
    }

    async fn lift(&self, target: &HaltTarget) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::HaltsLift, store_error, || Ok(self.halts.lock().remove(target).is_some()))
            .await
    }
}
