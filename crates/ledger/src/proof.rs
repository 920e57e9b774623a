//! Offline proofs as C2SP `tlog-proof@v1` text: index, inclusion proof, signed checkpoint.
//! Reading one proves nothing; [`verify_proof`] with the leaf and a pinned key does.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{CheckpointError, SignedCheckpoint, UnverifiedCheckpoint, parse_decimal};
use crate::hash::{Hash, leaf_hash};
use crate::limits::MAX_PROOF_BYTES;
use crate::merkle::{InclusionProof, MerkleError};
use crate::note::VerifierKey;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof that one entry is in the tree of one checkpoint; not verified unless made by the ledger itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    index: u64,
    hashes: Vec<Hash>,
    extra: Option<Vec<u8>>,
    checkpoint: String,
}

/// What a proof has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Index of the entry.
    pub index: u64,
    /// Hash of the leaf.
    pub leaf_hash: Hash,
    /// The checkpoint that covers it, with a verified signature.
    pub checkpoint: SignedCheckpoint,
}

/// A proof that is malformed or does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the text format.
    #[error("not a tlog-proof@v1: {0}")]
    Malformed(&'static str),
    /// The checkpoint in it is malformed or not signed by the pinned key.
    #[error("the checkpoint of the proof: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Leaf, path and root do not fit together.
    #[error(transparent)]
    Merkle(#[from] MerkleError),
}

/// Verifies the text of a proof for these leaf bytes with a pinned key.
///
/// # Errors
/// Anything that does not prove, see [`ProofError`].
pub fn verify_proof(text: &str, leaf: &[u8], key: &VerifierKey) -> Result<Proven, ProofError> {
    Proof::parse(text)?.verify(leaf, std::slice::from_ref(key))
}

impl Proof {
    pub(crate) fn new(inclusion: InclusionProof, checkpoint: &SignedCheckpoint) -> Self {
        let InclusionProof { index, hashes, .. } = inclusion;
        Self { index, hashes, extra: None, checkpoint: checkpoint.note().to_owned() }
    }

    /// Adds opaque data that readers must not trust: nothing signs it.
    #[must_use]
    pub fn with_extra(mut self, extra: Vec<u8>) -> Self {
        self.extra = Some(extra);
        self
    }

    /// Index of the entry.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The opaque data, unauthenticated.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The text, `.tlog-proof` by its file name.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            let _ = writeln!(text, "extra {}", STANDARD.encode(extra));
        }
        let _ = writeln!(text, "index {}", self.index);
        for hash in &self.hashes {
            let _ = writeln!(text, "{}", hash.to_base64());
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text strictly.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(ProofError::Malformed("too long"));
        }
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(ProofError::Malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(ProofError::Malformed("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next();
        let mut extra = None;
        if let Some(data) = line.and_then(|line| line.strip_prefix("extra ")) {
            extra = Some(STANDARD.decode(data).map_err(|_| ProofError::Malformed("`extra` is not base64"))?);
            line = lines.next();
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(ProofError::Malformed("no `index` line"))?;
        let hashes: Vec<_> = lines.map(Hash::from_base64).collect::<Result<_, _>>().map_err(|_| {
            ProofError::Malformed("a line of the inclusion proof is not a base64 SHA-256 value")
        })?;
        if hashes.len() > 64 {
            return Err(ProofError::Malformed("the inclusion proof is too long"));
        }
        Ok(Self { index, hashes, extra, checkpoint: checkpoint.to_owned() })
    }

    /// Checks signature, path and root for these leaf bytes.
    ///
    /// # Errors
    /// Anything that does not prove, see [`ProofError`].
    pub fn verify(self, leaf: &[u8], keys: &[VerifierKey]) -> Result<Proven, ProofError> {
        let checkpoint = UnverifiedCheckpoint::parse(self.checkpoint.as_bytes())?.verify(keys)?;
        let leaf_hash = leaf_hash(leaf);
        let inclusion = InclusionProof { index: self.index, size: checkpoint.size(), hashes: self.hashes };
        inclusion.verify(&leaf_hash, checkpoint.root())?;
        Ok(Proven { index: self.index, leaf_hash, checkpoint })
    }
}

#[cfg(test)]
mod tests;
