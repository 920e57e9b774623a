//! The engine's port to the upstream systems. The proof is consumed here: past this file there is only what it proved.

use std::{
    collections::{HashMap, hash_map},
    time::Duration,
};

use async_trait::async_trait;
use placet_domain::{ConnectorName, Json, Object, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, Placet,
    ports::{ConnectError, Connectors, Link, Passed, Performed, Relay, UpstreamSession},
};

use crate::{
    config::{ConfigError, ConnectorConfig},
    connector::Connector,
    ending::Ending,
    sessions::Handles,
};

/// Every configured upstream.
#[derive(Debug)]
pub struct McpConnectors {
    connectors: HashMap<ConnectorName, Connector>,
}

impl McpConnectors {
    /// Takes the operator's connectors. Connects to nothing yet.
    ///
    /// # Errors
    /// A name twice, a URL or header that cannot be used, an empty command.
    pub fn new(configs: Vec<ConnectorConfig>) -> Result<Self, ConfigError> {
        let handles = Handles::default();
        let mut connectors = HashMap::new();
        for config in configs {
            match connectors.entry(config.name.clone()) {
                hash_map::Entry::Occupied(_) => return Err(ConfigError::Twice(config.name)),
                hash_map::Entry::Vacant(place) => place.insert(Connector::new(&config, handles.clone())?),
            };
        }
        Ok(Self { connectors })
    }

    /// Asks a connector who it is, in the gateway's own name.
    ///
    /// # Errors
    /// It cannot be reached, or does not speak MCP.
    pub async fn probe(&self, name: &ConnectorName) -> Result<String, ConnectError> {
        self.connector(name)?.probe().await
    }

    /// Ends every session and child process. Calls still waiting end as unknown.
    pub async fn shutdown(&self) {
        futures_util::future::join_all(self.connectors.values().map(Connector::shutdown)).await;
    }

    fn connector(&self, name: &ConnectorName) -> Result<&Connector, ConnectError> {
        self.connectors.get(name).ok_or_else(|| ConnectError::Unreachable(missing(name)))
    }
}

#[async_trait]
impl Connectors for McpConnectors {
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed {
        match self.connectors.get(call.connector()) {
            Some(connector) => connector.perform(&call, &link, relay).await,
            None => Ending::NotSent(missing(call.connector())).performed(call.operation(), Duration::ZERO),
        }
    }

    async fn pass(&self, passage: Placet<Passage>, link: Link, relay: Relay) -> Result<Passed, ConnectError> {
        self.connector(&passage.connector)?.pass(&passage, &link, relay).await
    }

    async fn close(&self, connector: &ConnectorName, session: UpstreamSession) {
        if let Some(connector) = self.connectors.get(connector) {
            connector.close(session).await;
        }
    }

    async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, ConnectError> {
        self.connector(connector)?.tools().await
    }

    async fn facts(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError> {
        self.connector(connector)?.facts(tool, arguments).await
    }
}

fn missing(name: &ConnectorName) -> String {
    format!("there is no connector `{name}`")
}
