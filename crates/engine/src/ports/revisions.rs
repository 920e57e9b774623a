//! The port that keeps policy sets and what became of them.

use async_trait::async_trait;
use placet_domain::Digest;

use crate::{Activation, Candidate, CandidateKind};

use super::StoreError;

/// Policy sets under the digest of their content, the history of what was in force, and the candidates. Everything is
/// durable when it returns.
#[async_trait]
pub trait Revisions: Send + Sync {
    /// Keeps texts under their SHA-256. One that is there already stays.
    async fn keep(&self, documents: Vec<(Digest, String)>) -> Result<(), StoreError>;
    /// The text of this digest. The caller compares them.
    async fn document(&self, digest: Digest) -> Result<Option<String>, StoreError>;
    /// Adds an activation at the end of the history, whatever its number, and gives it the next one.
    async fn activate(&self, activation: Activation) -> Result<i64, StoreError>;
    /// Takes back the newest activation, if it is this one: it was not recorded.
    async fn take_back(&self, number: i64) -> Result<(), StoreError>;
    /// The activation of this number.
    async fn activation(&self, number: i64) -> Result<Option<Activation>, StoreError>;
    /// The newest activations, newest first.
    async fn history(&self, limit: usize) -> Result<Vec<Activation>, StoreError>;
    /// Every candidate, in order of kind.
    async fn candidates(&self) -> Result<Vec<Candidate>, StoreError>;
    /// Puts a candidate in the place of the one of its kind.
    async fn put_candidate(&self, candidate: Candidate) -> Result<(), StoreError>;
    /// Removes the candidate of a kind; `false` if there is none.
    async fn remove_candidate(&self, kind: CandidateKind) -> Result<bool, StoreError>;
}
