//! Registered agents in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Agent, AgentName};
use placet_engine::ports::{Registry, StoreError};

use crate::{Failpoints, PortOperation, failpoint::store_error};

/// Agents by name.
#[derive(Debug, Default)]
pub struct MemoryRegistry {
    failpoints: Arc<Failpoints>,
    agents: Mutex<BTreeMap<AgentName, Arc<Agent>>>,
}

impl MemoryRegistry {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, agents: Mutex::default() }
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    fn agent(&self, name: &AgentName) -> Option<Arc<Agent>> {
        self.agents.lock().get(name).cloned()
    }

    fn agents(&self) -> Vec<Arc<Agent>> {
        self.agents.lock().values().cloned().collect()
    }

    async fn register(&self, agent: Agent) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::RegistryRegister, store_error, || {
                match self.agents.lock().entry(agent.name.clone()) {
                    Entry::Occupied(_) => Ok(false),
                    Entry::Vacant(place) => {
                        place.insert(Arc::new(agent));
                        Ok(true)
                    }
                }
            })
            .await
    }

    async fn update(&self, agent: Agent) -> Result<bool, StoreError> {
        self.failpoints
            .pass(PortOperation::RegistryUpdate, store_error, || {
                match self.agents.lock().get_mut(&agent.name) {
                    None => Ok(false),
                    Some(known) => {
                        *known = Arc::new(agent);
                        Ok(true)
                    }
                }
            })
            .await
    }
}
