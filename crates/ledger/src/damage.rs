//! What can be wrong with a stored ledger, where, and the check that every frame must pass.
//! Recovery and the offline verifier share it, so that they cannot disagree.

use std::fmt;

use crate::change::KeyEntryError;
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use crate::hash::{Hash, leaf_hash};
use crate::merkle::CompactRange;
use crate::segment::{Frame, FrameError};

/// One thing that is wrong, with its place and the entries it touches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{segment}` at byte {offset}, {entries}: {damage}")]
pub struct Finding {
    /// File name of the segment.
    pub segment: String,
    /// Byte offset in it.
    pub offset: u64,
    /// The entries that cannot be trusted.
    pub entries: Entries,
    /// What is wrong.
    #[source]
    pub damage: Damage,
}

/// The entries that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Exactly this one.
    One(u64),
    /// One or more between these two, both included.
    Between(u64, u64),
    /// This one and all that follow.
    From(u64),
}

/// What is wrong with a stored ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file does not begin like a segment.
    #[error("the file is not a segment")]
    Magic,
    /// The file name is not one that the ledger gives.
    #[error("the file name is not that of a segment")]
    Name,
    /// A segment between two others, or the first, is absent.
    #[error("the segment that begins with entry {0} is missing")]
    MissingSegment(u64),
    /// The bytes behind the last frame are not zero: a torn write, or a damaged or foreign frame.
    #[error("bytes that are no intact frame: a torn write or damage ({0})")]
    Tail(FrameError),
    /// Bytes behind the end mark.
    #[error("bytes behind the last frame")]
    BehindEnd,
    /// An unreadable frame stands before a good one: not a torn write.
    #[error("a damaged frame stands before an intact one at byte {intact}")]
    BeforeIntact {
        /// Where the intact frame begins.
        intact: u64,
    },
    /// The frame begins with another entry than the one that is due.
    #[error("the frame begins with entry {found}, due is {expected}")]
    OutOfSequence {
        /// The entry that is due.
        expected: u64,
        /// The entry that the frame claims.
        found: u64,
    },
    /// The checkpoint in the frame is malformed or not signed by a pinned key.
    #[error("the checkpoint of the frame: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A leaf begins like a key entry and is none.
    #[error("the key entry: {0}")]
    KeyEntry(KeyEntryError),
    /// A key entry that breaks a rule: the log was not handed over.
    #[error("the change of the key: {0}")]
    KeyChange(&'static str),
    /// The checkpoint that the caller has kept was not signed by a pinned key or one of this log.
    #[error("the known checkpoint: {0}")]
    Known(CheckpointError),
    /// The checkpoint names another log.
    #[error("the checkpoint belongs to the log `{0}`")]
    Origin(String),
    /// The checkpoint states another size than the tree has.
    #[error("the checkpoint states {stated} entries, the tree has {counted}")]
    Size {
        /// Size in the checkpoint.
        stated: u64,
        /// Leaves counted.
        counted: u64,
    },
    /// The leaves do not give the root of the signed checkpoint: edited, reordered, inserted or removed.
    #[error("the entries do not give the root of the signed checkpoint")]
    Root,
    /// The tree differs from an older checkpoint that the caller holds.
    #[error("the first {0} entries are not those of the known checkpoint")]
    KnownRoot(u64),
    /// An older checkpoint that the caller holds has more entries than the ledger.
    #[error("the known checkpoint has {known} entries, the ledger {found}: entries were removed at the end")]
    Truncated {
        /// Size of the known checkpoint.
        known: u64,
        /// Entries found.
        found: u64,
    },
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(entry) => write!(f, "entry {entry}"),
            Self::Between(first, last) if first == last => write!(f, "entry {first}"),
            Self::Between(first, last) => write!(f, "entries {first} to {last}"),
            Self::From(first) => write!(f, "from entry {first} on"),
        }
    }
}

/// Adds the leaves of a frame to the tree and compares place, origin, size and root with its checkpoint.
/// The signature is left to the caller. Every new node goes to `stored`.
pub(crate) fn apply_frame<'a>(
    frame: &Frame<'a>,
    origin: Option<&str>,
    range: &mut CompactRange,
    mut stored: impl FnMut(&Hash),
) -> Result<UnverifiedCheckpoint<'a>, Damage> {
    if frame.first_index() != range.size() {
        return Err(Damage::OutOfSequence { expected: range.size(), found: frame.first_index() });
    }
    for leaf in frame.leaves() {
        range.append(leaf_hash(leaf), &mut stored);
    }
    let checkpoint = UnverifiedCheckpoint::parse(frame.checkpoint())?;
    let claim = checkpoint.claim();
    if origin.is_some_and(|origin| origin != claim.origin) {
        return Err(Damage::Origin(claim.origin.clone()));
    }
    if claim.size != range.size() {
        return Err(Damage::Size { stated: claim.size, counted: range.size() });
    }
    if claim.root != range.root() {
        return Err(Damage::Root);
    }
    Ok(checkpoint)
}
