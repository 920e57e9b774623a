//! Start-up: calls whose outcome was lost in a crash get an outcome receipt that says `unknown`.
//! Nothing is sent again.

use std::collections::HashMap;

use placet_domain::{CallId, Digest, Json, Object, Outcome, OutcomeReceipt, RegistryChange, RegistryReceipt};

use crate::{Engine, ports::LedgerUnavailable};

/// What was found at start-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Calls that were open and are now recorded as unknown.
    pub unknown: usize,
    /// Leaves below this index need not be looked at again.
    pub below: u64,
}

impl Engine {
    /// Records `unknown` for every allowed call from `from` on that has no outcome.
    ///
    /// # Errors
    /// The ledger cannot be read or written: the engine must not take calls then.
    pub async fn settle_open_calls(&self, from: u64) -> Result<Settled, LedgerUnavailable> {
        let mut open: HashMap<String, u64> = HashMap::new();
        let mut hashes: HashMap<u64, Digest> = HashMap::new();
        self.ports.ledger.scan(from, &mut |index, leaf| {
            match read(leaf) {
                Some((call, Kind::Allowed)) => {
                    open.insert(call, index);
                    hashes.insert(index, leaf_hash(leaf));
                }
                Some((call, Kind::Outcome)) => {
                    if let Some(index) = open.remove(&call) {
                        hashes.remove(&index);
                    }
                }
                None => {}
            }
            true
        })?;
        let now = self.ports.clock.now();
        for (call, index) in &open {
            let Ok(call) = call.parse::<CallId>() else { continue };
            let receipt = OutcomeReceipt {
                id: self.receipt_id(now),
                now,
                call,
                decision: hashes.get(index).copied(),
                outcome: Outcome::Unknown,
                response: None,
                edited: None,
                elapsed_us: 0,
                detail: Some("the program stopped between sending and the answer"),
                // It may have run: it stays charged.
                refund: None,
            };
            self.ports.ledger.append(Json::Object(receipt.to_json()).canonical(), None).await?;
        }
        Ok(Settled { unknown: open.len(), below: self.ports.ledger.size() })
    }
}

impl Engine {
    /// Announces the ledger's key in the first receipt of a new ledger.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn announce_key(&self, verifier_key: &str) -> Result<(), LedgerUnavailable> {
        if self.ports.ledger.size() > 0 {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let about = Object::new().with("verifier_key", verifier_key);
        let change = RegistryChange::KeyActivated;
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by: None, about }).await
    }
}

enum Kind {
    Allowed,
    Outcome,
}

fn read(leaf: &[u8]) -> Option<(String, Kind)> {
    let body = Json::parse(leaf).ok()?;
    let text = |key: &str| body.member(key).and_then(Json::as_str);
    // An answered question was never sent anywhere.
    if body.member("evaluation").is_some() {
        return None;
    }
    let kind = match (text("kind")?, text("verdict")) {
        ("decision", Some("allow")) if text("code").is_none() => Kind::Allowed,
        ("outcome", _) => Kind::Outcome,
        _ => return None,
    };
    Some((text("call")?.to_owned(), kind))
}

fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(leaf.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(leaf);
    Digest::of(&bytes)
}
