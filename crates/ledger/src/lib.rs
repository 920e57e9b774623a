//! The ledger: an append-only Merkle log of receipts in segment files, its proofs, and its offline verifier.
//! It knows nothing of what a receipt says, and depends on no other crate of the project: an auditor builds it alone.
//! The format is specified in `spec/ledger.md`.

mod chain;
mod change;
mod checkpoint;
mod damage;
pub mod disk;
mod hash;
mod ledger;
pub mod limits;
mod merkle;
mod nodes;
mod note;
mod openings;
mod prepare;
mod proof;
mod queue;
mod reader;
mod recover;
mod running;
mod segment;
mod verify;
#[cfg(test)]
mod world;
mod writer;

pub use chain::{KeyChain, Term};
pub use change::{KeyChange, KeyEntryError};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, UnverifiedCheckpoint};
pub use damage::{Damage, Entries, Finding};
pub use hash::{EMPTY_ROOT, Hash, HashError, leaf_hash, node_hash};
pub use ledger::{Ledger, LedgerConfig, LedgerError, Opened};
pub use merkle::{CompactRange, ConsistencyProof, InclusionProof, MerkleError, stored_count, stored_index};
pub use note::{KeyError, LogKey, Note, NoteError, VerifierKey};
pub use proof::{Proof, ProofError, Proven, verify_proof};
pub use reader::EntryIter;
pub use recover::{Recovery, Scan, Tail, scan};
pub use segment::{
    Frame, FrameError, Leaves, MAGIC, decode_frame, encode_frame, parse_segment_name, segment_name,
};
pub use verify::{Report, VerifyError, verify_dir, verify_on};
pub use writer::{AppendError, Committed, Done, Failpoint, Health, Step};
