//! The log of receipts in memory: real leaf hashes, checkpoints that nobody signed.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::{Json, Opening};
use placet_engine::ports::{Ledger, LedgerEntry, LedgerUnavailable};
use placet_ledger::leaf_hash;

use crate::{Failpoints, PortOperation};

/// Leaves in the order they were appended.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    failpoints: Arc<Failpoints>,
    leaves: Mutex<Vec<(String, Option<Opening>)>>,
}

impl MemoryLedger {
    /// An empty one that fails when told to.
    #[must_use]
    pub fn new(failpoints: Arc<Failpoints>) -> Self {
        Self { failpoints, leaves: Mutex::default() }
    }

    /// Every leaf as it was appended.
    #[must_use]
    pub fn leaves(&self) -> Vec<String> {
        self.leaves.lock().iter().map(|(leaf, _)| leaf.clone()).collect()
    }

    /// Every receipt, parsed.
    #[must_use]
    pub fn receipts(&self) -> Vec<Json> {
        let parse = |(leaf, _): &(String, _)| Json::parse(leaf.as_bytes()).expect("a receipt is strict JSON");
        self.leaves.lock().iter().map(parse).collect()
    }

    /// The seed that came with a leaf.
    #[must_use]
    pub fn opening(&self, index: usize) -> Option<Opening> {
        self.leaves.lock().get(index).and_then(|(_, opening)| opening.clone())
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn append(&self, leaf: String, opening: Option<Opening>) -> Result<LedgerEntry, LedgerUnavailable> {
        self.failpoints
            .pass(PortOperation::LedgerAppend, unavailable, || {
                let hash = leaf_hash(leaf.as_bytes());
                let mut leaves = self.leaves.lock();
                let index = leaves.len() as u64;
                leaves.push((leaf, opening));
                let checkpoint = format!("memory.example/log\n{}\nunsigned\n", leaves.len());
                Ok(LedgerEntry { index, leaf_hash: hash.0, checkpoint: checkpoint.into() })
            })
            .await
    }

    fn scan(&self, from: u64, visit: &mut dyn FnMut(u64, &[u8]) -> bool) -> Result<(), LedgerUnavailable> {
        if self.failpoints.strike(PortOperation::LedgerScan).is_some() {
            return Err(unavailable(PortOperation::LedgerScan));
        }
        for (index, leaf) in (0_u64..).zip(self.leaves()).filter(|(index, _)| *index >= from) {
            if !visit(index, leaf.as_bytes()) {
                break;
            }
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.leaves.lock().len() as u64
    }

    fn key(&self) -> String {
        "memory.example/log+00000000+unsigned".to_owned()
    }

    async fn change_key(&self, leaf: String) -> Result<LedgerEntry, LedgerUnavailable> {
        self.append(leaf, None).await
    }

    fn health(&self) -> Result<(), LedgerUnavailable> {
        match self.failpoints.armed(PortOperation::LedgerAppend) {
            None => Ok(()),
            Some(_) => Err(unavailable(PortOperation::LedgerAppend)),
        }
    }
}

fn unavailable(operation: PortOperation) -> LedgerUnavailable {
    LedgerUnavailable { reason: format!("{operation:?} was told to fail") }
}
