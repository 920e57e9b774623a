//! The engine's port to the upstream systems. The proof is consumed here: past this file there is only what it proved.

use std::{
    collections::{HashMap, hash_map},
    time::Duration,
};

use async_trait::async_trait;
use placet_domain::{ConnectorName, Json, Object, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, Placet,
    ports::{
        ConnectError, Connectors, Link, LoginError, LoginStep, Passed, Performed, Relay, SignedIn,
        UpstreamSession, Withdrawal,
    },
};

use crate::{
    config::{ConfigError, ConnectorConfig},
    connector::Connector,
    ending::Ending,
    oauth::{Account, Safe},
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
    /// A name twice, a URL or header that cannot be used, an empty command, a sign-in without a safe.
    pub fn new(configs: Vec<ConnectorConfig>, safe: Option<&Safe>) -> Result<Self, ConfigError> {
        let handles = Handles::default();
        let mut connectors = HashMap::new();
        for config in configs {
            match connectors.entry(config.name.clone()) {
                hash_map::Entry::Occupied(_) => return Err(ConfigError::Twice(config.name)),
                hash_map::Entry::Vacant(place) => {
                    place.insert(Connector::new(&config, handles.clone(), safe)?)
                }
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

    fn account(&self, name: &ConnectorName) -> Result<(&Connector, &Account), LoginError> {
        let found = self.connectors.get(name).ok_or_else(|| LoginError(missing(name)))?;
        match found.account() {
            Some(account) => Ok((found, account)),
            None => Err(LoginError(format!(
                "connector `{name}` needs no sign-in; `[connector.{name}.oauth]` would say how it gets one"
            ))),
        }
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

    fn standing(&self, connector: &ConnectorName) -> Result<(), String> {
        let account = self.connectors.get(connector).and_then(Connector::account);
        account.map_or(Ok(()), Account::standing)
    }

    async fn begin_login(&self, connector: &ConnectorName, redirect: &str) -> Result<LoginStep, LoginError> {
        let (found, account) = self.account(connector)?;
        let challenge = found.challenge().await.map_err(|error| LoginError(error.to_string()))?;
        account.begin(&challenge, redirect).await.map_err(LoginError)
    }

    async fn end_login(&self, connector: &ConnectorName, answer: &str) -> Result<SignedIn, LoginError> {
        let (_, account) = self.account(connector)?;
        account.end(answer).await.map_err(LoginError)
    }

    async fn forget_login(&self, connector: &ConnectorName) -> Result<Option<Withdrawal>, LoginError> {
        let (_, account) = self.account(connector)?;
        account.forget().await.map_err(LoginError)
    }
}

fn missing(name: &ConnectorName) -> String {
    format!("there is no connector `{name}`")
}
