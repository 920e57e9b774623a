//! What agents really used, read from the ledger: an index behind the log, filled as it grows and rebuilt by a start.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use placet_domain::{AgentName, Json, Timestamp};

use crate::{
    Engine,
    ports::{Ledger, LedgerUnavailable},
};

/// What one agent used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Allowed calls by `connector.operation`.
    pub operations: BTreeMap<String, Used>,
    /// Allowed calls in all.
    pub calls: u64,
    /// The newest allowed call.
    pub last_call: Option<Timestamp>,
    /// The newest attempt, allowed or not.
    pub last_seen: Option<Timestamp>,
}

/// How an operation was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// How often.
    pub calls: u64,
    /// When last.
    pub last: Timestamp,
}

/// The index. One scan at a time; every scan begins where the last one ended.
#[derive(Debug, Default)]
pub(crate) struct UsageIndex(Mutex<Indexed>);

#[derive(Debug, Default)]
struct Indexed {
    next: u64,
    agents: HashMap<AgentName, Usage>,
}

impl UsageIndex {
    fn lock(&self) -> MutexGuard<'_, Indexed> {
        // A scan that panicked left whole leaves: `next` is moved last.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the ledger has gained, then the index.
    fn read<T>(
        &self,
        ledger: &dyn Ledger,
        read: impl FnOnce(&HashMap<AgentName, Usage>) -> T,
    ) -> Result<T, LedgerUnavailable> {
        let mut indexed = self.lock();
        let from = indexed.next;
        ledger.scan(from, &mut |index, leaf| {
            indexed.take(leaf);
            indexed.next = index + 1;
            true
        })?;
        Ok(read(&indexed.agents))
    }
}

impl Indexed {
    fn take(&mut self, leaf: &[u8]) {
        // Most leaves are other receipts: they are not worth a parse.
        if !leaf.windows(DECISION.len()).any(|window| window == DECISION) {
            return;
        }
        let Ok(receipt) = Json::parse(leaf) else { return };
        let text = |key: &str| receipt.member(key).and_then(Json::as_str);
        if text("kind") != Some("decision") {
            return;
        }
        let Some(agent) = text("agent").and_then(|name| name.parse::<AgentName>().ok()) else { return };
        let Some(at) = receipt.member("time_us").and_then(Json::as_integer).map(Timestamp::from_micros)
        else {
            return;
        };
        let usage = self.agents.entry(agent).or_default();
        usage.last_seen = usage.last_seen.max(Some(at));
        if text("verdict") != Some("allow") || text("code").is_some() {
            return;
        }
        let (Some(connector), Some(operation)) = (text("connector"), text("operation")) else { return };
        usage.calls += 1;
        usage.last_call = usage.last_call.max(Some(at));
        let used =
            usage.operations.entry(format!("{connector}.{operation}")).or_insert(Used { calls: 0, last: at });
        used.calls += 1;
        used.last = used.last.max(at);
    }
}

impl Engine {
    /// What an agent has used up to now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn usage(&self, agent: &AgentName) -> Result<Usage, LedgerUnavailable> {
        let agent = agent.clone();
        self.read_usage(move |agents| agents.get(&agent).cloned().unwrap_or_default()).await
    }

    pub(super) async fn usages(&self) -> Result<HashMap<AgentName, Usage>, LedgerUnavailable> {
        self.read_usage(HashMap::clone).await
    }

    /// Reading a long log takes seconds: calls must not wait for it.
    async fn read_usage<T: Send + 'static>(
        &self,
        read: impl FnOnce(&HashMap<AgentName, Usage>) -> T + Send + 'static,
    ) -> Result<T, LedgerUnavailable> {
        let (index, ledger) = (self.usage.clone(), self.ports.ledger.clone());
        let reading = tokio::task::spawn_blocking(move || index.read(&*ledger, read));
        reading.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))
    }
}

/// As RFC 8785 writes it.
const DECISION: &[u8] = br#""kind":"decision""#;
