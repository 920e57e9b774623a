//! Pinned tools in memory.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::ConnectorName;
use placet_engine::ports::{PinnedTool, Pins, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Pinned tools by connector.
#[derive(Debug, Default)]
pub struct MemoryPins {
    failpoints: Arc<Failpoints>,
    tools: Mutex<HashMap<ConnectorName, Vec<PinnedTool>>>,
}

impl MemoryPins {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, tools: Mutex::default() }
    }
}

#[async_trait]
impl Pins for MemoryPins {
    async fn pinned(&self, connector: &ConnectorName) -> Result<Vec<PinnedTool>, StoreError> {
        self.failpoints
            .pass(PortOperation::PinsPinned, store_error, || {
                Ok(self.tools.lock().get(connector).cloned().unwrap_or_default())
            })
            .await
    }

    async fn pin(&self, connector: &ConnectorName, tools: Vec<PinnedTool>) -> Result<(), StoreError> {
        self.failpoints
            .pass(PortOperation::PinsPin, store_error, || {
                let names: HashSet<_> = tools.iter().filter_map(PinnedTool::name).collect();
                if names.len() < tools.len() {
                    let operation = "pin a tool twice or without a name".to_owned();
                    return Err(StoreError { operation, cause: None });
                }
                self.tools.lock().insert(connector.clone(), tools);
                Ok(())
            })
            .await
    }
}
