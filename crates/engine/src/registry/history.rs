//! What happened to one agent, read from the ledger: its registration, answers, stages, certifications, reminders.

use placet_domain::{AgentName, Json};

use crate::{Engine, ports::LedgerUnavailable};

/// One receipt of an agent's life.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Index of its leaf.
    pub index: u64,
    /// The receipt.
    pub receipt: Json,
}

impl Engine {
    /// The receipts of an agent's life, oldest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn history(&self, agent: &AgentName) -> Result<Vec<HistoryEntry>, LedgerUnavailable> {
        let (ledger, agent) = (self.ports.ledger.clone(), agent.clone());
        let scan = tokio::task::spawn_blocking(move || {
            let mut entries = Vec::new();
            ledger.scan(0, &mut |index, leaf| {
                entries.extend(of_life(leaf, &agent).map(|receipt| HistoryEntry { index, receipt }));
                true
            })?;
            Ok(entries)
        });
        scan.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))
    }
}

fn of_life(leaf: &[u8], agent: &AgentName) -> Option<Json> {
    if !leaf.windows(AGENT.len()).any(|window| window == AGENT) {
        return None;
    }
    let receipt = Json::parse(leaf).ok()?;
    let of_agent = receipt.member("kind").and_then(Json::as_str) == Some("agent")
        && receipt.member("about")?.member("agent").and_then(Json::as_str) == Some(agent.as_str());
    of_agent.then_some(receipt)
}

/// As RFC 8785 writes it.
const AGENT: &[u8] = br#""kind":"agent""#;
