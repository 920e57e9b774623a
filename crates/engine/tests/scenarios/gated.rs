//! Ports that wait in the middle of an operation until the scenario lets them go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use placet_domain::{ConnectorName, Json, Object, Opening, ToolCall, ToolDefinition, ToolName};
use placet_engine::{
    Passage, Placet,
    ports::{
        ConnectError, Connectors, Ledger, LedgerEntry, LedgerUnavailable, Link, Passed, Performed, Relay,
        UpstreamSession,
    },
};
use tokio::sync::Semaphore;

/// Where an operation waits.
#[derive(Debug)]
pub(super) struct Gate {
    shut: AtomicBool,
    arrived: Semaphore,
    leave: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { shut: AtomicBool::new(false), arrived: Semaphore::new(0), leave: Semaphore::new(0) }
    }
}

impl Gate {
    /// The next one that comes waits.
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Returns when somebody waits here.
    pub(super) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets the one who waits go on.
    pub(super) fn open(&self) {
        self.leave.add_permits(1);
    }

    async fn pass(&self) {
        if self.shut.swap(false, Ordering::SeqCst) {
            self.arrived.add_permits(1);
            self.leave.acquire().await.unwrap().forget();
        }
    }
}

/// Connectors that wait before they give facts.
pub(super) struct SlowFacts {
    pub(super) connectors: Arc<dyn Connectors>,
    pub(super) gate: Arc<Gate>,
}

#[async_trait]
impl Connectors for SlowFacts {
    async fn perform(&self, call: Placet<ToolCall>, link: Link, relay: Relay) -> Performed {
        self.connectors.perform(call, link, relay).await
    }

    async fn pass(&self, passage: Placet<Passage>, link: Link, relay: Relay) -> Result<Passed, ConnectError> {
        self.connectors.pass(passage, link, relay).await
    }

    async fn close(&self, connector: &ConnectorName, session: UpstreamSession) {
        self.connectors.close(connector, session).await;
    }

    async fn tools(&self, connector: &ConnectorName) -> Result<Vec<ToolDefinition>, ConnectError> {
        self.connectors.tools(connector).await
    }

    async fn facts(
        &self,
        connector: &ConnectorName,
        tool: &ToolName,
        arguments: Object,
    ) -> Result<Json, ConnectError> {
        self.gate.pass().await;
        self.connectors.facts(connector, tool, arguments).await
    }
}

/// A log that waits before it appends.
pub(super) struct SlowLedger {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) gate: Arc<Gate>,
}

#[async_trait]
impl Ledger for SlowLedger {
    async fn append(&self, leaf: String, opening: Option<Opening>) -> Result<LedgerEntry, LedgerUnavailable> {
        self.gate.pass().await;
        self.ledger.append(leaf, opening).await
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), LedgerUnavailable> {
        self.ledger.scan(from, visit)
    }

    fn size(&self) -> u64 {
        self.ledger.size()
    }

    fn key(&self) -> String {
        self.ledger.key()
    }

    async fn change_key(&self, leaf: String) -> Result<LedgerEntry, LedgerUnavailable> {
        self.ledger.change_key(leaf).await
    }

    fn health(&self) -> Result<(), LedgerUnavailable> {
        self.ledger.health()
    }
}
