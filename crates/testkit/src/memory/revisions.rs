//! Policy sets and their history in memory.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use parking_lot::Mutex;
use placet_domain::Digest;
use placet_engine::{
    Activation, Candidate, CandidateKind,
    ports::{Revisions, StoreError},
};

/// Policy sets by digest, activations in order, candidates by kind.
#[derive(Debug, Default)]
pub struct MemoryRevisions {
    documents: Mutex<HashMap<Digest, String>>,
    history: Mutex<Vec<Activation>>,
    candidates: Mutex<BTreeMap<CandidateKind, Candidate>>,
}

#[async_trait]
impl Revisions for MemoryRevisions {
    async fn keep(&self, documents: Vec<(Digest, String)>) -> Result<(), StoreError> {
        let mut kept = self.documents.lock();
        for (digest, text) in documents {
            kept.entry(digest).or_insert(text);
        }
        Ok(())
    }

    async fn document(&self, digest: Digest) -> Result<Option<String>, StoreError> {
        Ok(self.documents.lock().get(&digest).cloned())
    }

    async fn activate(&self, activation: Activation) -> Result<i64, StoreError> {
        let mut history = self.history.lock();
        let number = history.last().map_or(1, |last| last.number + 1);
        history.push(Activation { number, ..activation });
        Ok(number)
    }

    async fn take_back(&self, number: i64) -> Result<(), StoreError> {
        let mut history = self.history.lock();
        if history.last().is_some_and(|last| last.number == number) {
            history.pop();
        }
        Ok(())
    }

    async fn activation(&self, number: i64) -> Result<Option<Activation>, StoreError> {
        Ok(self.history.lock().iter().find(|activation| activation.number == number).cloned())
    }

    async fn history(&self, limit: usize) -> Result<Vec<Activation>, StoreError> {
        Ok(self.history.lock().iter().rev().take(limit).cloned().collect())
    }

    async fn candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        Ok(self.candidates.lock().values().cloned().collect())
    }

    async fn put_candidate(&self, candidate: Candidate) -> Result<(), StoreError> {
        self.candidates.lock().insert(candidate.kind, candidate);
        Ok(())
    }

    async fn remove_candidate(&self, kind: CandidateKind) -> Result<bool, StoreError> {
        Ok(self.candidates.lock().remove(&kind).is_some())
    }
}
