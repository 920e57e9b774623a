//! A start reads back from the log what live runs have done. Values are not in the log: whoever had read untrusted words is
//! blind from here on, and trusted words are forgotten.

use std::collections::HashMap;

use placet_domain::{FlowEffect, InstanceId, Json, Timestamp, Trust, limits};
use placet_policy::Counted;

use super::{Flows, lock};
use crate::{
    Engine,
    ports::{Ledger, LedgerUnavailable},
};

impl Engine {
    /// Reads back labels, histories and who has read untrusted words; returns how many receipts were looked at. Before any
    /// call is taken.
    ///
    /// # Errors
    /// The ledger cannot be read: the engine must not take calls then.
    pub fn recall_flow(&self) -> Result<u64, LedgerUnavailable> {
        let Some(flows) = &self.flows else { return Ok(0) };
        let now = self.ports.clock.now();
        let ledger = &*self.ports.ledger;
        let mut reading = Reading { engine: self, flows, now, sent: HashMap::new() };
        // No run is older than its longest life; receipts of one moment may stand in another order.
        let oldest = limits::INSTANCE_LIFE + limits::TOOL_DEADLINE;
        let from = first_since(ledger, now, oldest)?;
        let mut looked_at = 0;
        ledger.scan(from, &mut |_, leaf| {
            looked_at += 1;
            if let Ok(receipt) = Json::parse(leaf) {
                reading.take(&receipt);
            }
            true
        })?;
        Ok(looked_at)
    }
}

/// The first leaf that is not older than this, by halving: leaves stand in the order of their times, nearly.
pub(crate) fn first_since(
    ledger: &dyn Ledger,
    now: Timestamp,
    oldest: std::time::Duration,
) -> Result<u64, LedgerUnavailable> {
    let (mut low, mut high) = (0, ledger.size());
    while low < high {
        let middle = low + (high - low) / 2;
        let mut at = None;
        ledger.scan(middle, &mut |_, leaf| {
            at = Json::parse(leaf).ok().and_then(|receipt| receipt.member("time_us")?.as_integer());
            false
        })?;
        match at.map(Timestamp::from_micros) {
            Some(at) if now.since(at) > oldest => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

struct Reading<'a> {
    engine: &'a Engine,
    flows: &'a Flows,
    now: Timestamp,
    /// Sent calls without an outcome so far.
    sent: HashMap<String, (InstanceId, FlowEffect)>,
}

impl Reading<'_> {
    fn take(&mut self, receipt: &Json) {
        let text = |key: &str| receipt.member(key).and_then(Json::as_str);
        match text("kind") {
            Some("decision") => self.decision(receipt),
            Some("outcome") => {
                let sent = text("call").and_then(|call| self.sent.remove(call));
                if let (Some((instance, effect)), Some("succeeded")) = (sent, text("outcome")) {
                    self.count(instance, &effect, &[Counted::Succeeded], time(receipt));
                }
            }
            Some("instance") => self.started(receipt),
            _ => {}
        }
    }

    fn decision(&mut self, receipt: &Json) {
        let text = |key: &str| receipt.member(key).and_then(Json::as_str);
        let Some(effect) = receipt.member("flow").map(FlowEffect::of_receipt).filter(|one| !one.is_empty())
        else {
            return;
        };
        let Some(instance) = text("instance").and_then(|id| id.parse().ok()) else { return };
        if text("verdict") != Some("allow") || text("code").is_some() {
            return self.count(instance, &effect, &[Counted::Attempted, Counted::Refused], time(receipt));
        }
        self.count(instance, &effect, &[Counted::Attempted, Counted::Allowed], time(receipt));
        if let Some(family) = self.family(instance) {
            let mut family = lock(&family);
            family.labels.extend(effect.adds.iter().cloned());
            family.seen.blind |= effect.reads == Some(Trust::Untrusted);
        }
        if let Some(call) = text("call") {
            self.sent.insert(call.to_owned(), (instance, effect));
        }
    }

    fn started(&self, receipt: &Json) {
        let about = |key: &str| receipt.member("about").and_then(|about| about.member(key));
        let id = about("instance").and_then(Json::as_str).and_then(|id| id.parse().ok());
        if let (Some(_), Some(id)) = (about("proven"), id)
            && let Some(instance) = self.engine.ports.mandates.instance(id)
        {
            self.engine.note_self_started(&instance);
        }
    }

    fn count(&self, instance: InstanceId, effect: &FlowEffect, what: &[Counted], at: Timestamp) {
        if effect.counts.is_empty() {
            return;
        }
        let Some(family) = self.family(instance) else { return };
        let mut family = lock(&family);
        for name in &effect.counts {
            let Some(rule) = self.flows.config.history.get(name) else { continue };
            what.iter().for_each(|what| family.count(name, rule, *what, at));
        }
    }

    /// The family of a run that lives.
    fn family(&self, id: InstanceId) -> Option<std::sync::Arc<std::sync::Mutex<super::Family>>> {
        let instance = self.engine.ports.mandates.instance(id)?;
        let root = self.engine.root(&instance);
        (self.now < root.expires).then(|| self.flows.family(root.id, root.expires, self.now))
    }
}

fn time(receipt: &Json) -> Timestamp {
    Timestamp::from_micros(receipt.member("time_us").and_then(Json::as_integer).unwrap_or(0))
}
