//! Habits after a start, or when policies begin to read the risk: read back from the log. What the log does not say is new.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use placet_domain::{AgentName, Footprint, Habit, Json, Timestamp};
use placet_policy::Snapshot;

use super::Habits;
use crate::{
    Engine,
    flow::first_since,
    ports::{Ledger, LedgerUnavailable},
};

impl Engine {
    /// Makes the habits known to what the log says. Called before policies that read them come into force.
    pub(crate) async fn learn_habits(&self, policies: &Snapshot) -> Result<(), LedgerUnavailable> {
        let Some(habits) = self.habits.as_ref().filter(|_| policies.reads_risk()) else { return Ok(()) };
        let mut learned = habits.learned.lock().await;
        if *learned {
            return Ok(());
        }
        // First this, then the size: no call is missed, and one that is met twice is counted twice.
        habits.noting.store(true, Ordering::SeqCst);
        let ledger = Arc::clone(&self.ports.ledger);
        let (now, memory) = (self.ports.clock.now(), habits.memory);
        // Reading a long log takes seconds: nobody waits for it but the new policies.
        let reading = tokio::task::spawn_blocking(move || read(&*ledger, now, memory));
        let seen =
            reading.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))?;
        let count = seen.len();
        seen.into_iter().for_each(|one| one.put(habits));
        *learned = true;
        if count > 0 {
            tracing::info!(decisions = count, "what agents do was read back from the log");
        }
        Ok(())
    }
}

fn read(ledger: &dyn Ledger, now: Timestamp, memory: Duration) -> Result<Vec<Seen>, LedgerUnavailable> {
    let (size, from) = (ledger.size(), first_since(ledger, now, memory)?);
    let mut seen = Vec::new();
    ledger.scan(from, &mut |index, leaf| {
        // Most leaves are other receipts: they are not worth a parse.
        if leaf.windows(DECISION.len()).any(|window| window == DECISION)
            && let Ok(receipt) = Json::parse(leaf)
        {
            seen.extend(Seen::of(&receipt));
        }
        index + 1 < size
    })?;
    Ok(seen)
}

/// A decision, as far as it tells of habits.
struct Seen {
    agent: AgentName,
    at: Timestamp,
    done: Option<(Habit, Footprint)>,
}

impl Seen {
    fn of(receipt: &Json) -> Option<Self> {
        let text = |key: &str| receipt.member(key).and_then(Json::as_str);
        if text("kind") != Some("decision") {
            return None;
        }
        let at = Timestamp::from_micros(receipt.member("time_us")?.as_integer()?);
        let is_allowed = text("verdict") == Some("allow") && text("code").is_none();
        // Whoever could not be read did nothing.
        let operation = Habit::of_operation(text("connector")?, text("operation")?);
        let footprint = receipt.member("observed").map(Footprint::of_json).unwrap_or_default();
        Some(Self {
            agent: text("agent")?.parse().ok()?,
            at,
            done: is_allowed.then_some((operation, footprint)),
        })
    }

    fn put(self, habits: &Habits) {
        let done = self.done.as_ref().map(|(operation, footprint)| (*operation, footprint));
        habits.note(&self.agent, done, self.at);
    }
}

/// As RFC 8785 writes it.
const DECISION: &[u8] = br#""kind":"decision""#;
