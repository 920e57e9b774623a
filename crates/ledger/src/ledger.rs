//! The ledger as its owner sees it: open, append, read, prove, reopen, close. No async: an append is answered
//! through a callback on the writer thread. What it promises stands in `spec/ledger.md`.

use std::any::Any;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::change::{KeyChange, is_change};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::damage::Finding;
use crate::disk::Disk;
use crate::hash::leaf_hash;
use crate::limits::{
    DEFAULT_QUEUE, DEFAULT_SEGMENT_BYTES, MAX_LEAF_BYTES, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES,
};
use crate::merkle::{ConsistencyProof, InclusionProof, MerkleError};
use crate::note::{LogKey, VerifierKey};
use crate::proof::Proof;
use crate::queue::PushError;
use crate::reader::EntryIter;
use crate::recover::Recovery;
use crate::running::{Keys, Running};
use crate::segment::FrameError;
use crate::writer::{Append, AppendError, Change, Done, Failpoint, Health};

/// How to open a ledger.
#[derive(Clone)]
pub struct LedgerConfig {
    /// Directory of its files; created if absent.
    pub dir: PathBuf,
    /// Name of the log; must be the name of the key.
    pub origin: String,
    /// Size of new segments in bytes, 80 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Appends that may wait; one more is answered [`AppendError::Overloaded`].
    pub queue: usize,
    /// Earlier keys of this log. They help to tell a torn last frame from damage.
    pub previous_keys: Vec<VerifierKey>,
    /// The key that the log was about to be handed over to when it was last open, if a crash may have come in
    /// between. It goes on with the key that the newest checkpoint has; see [`Ledger::verifier`].
    pub next_key: Option<LogKey>,
    /// A checkpoint of this log kept elsewhere. A ledger that is behind it or differs from it does not open.
    pub known: Option<Checkpoint>,
    /// Called at every [`crate::Step`] of the write path, on the writer thread. For crash tests: it may abort the
    /// process there. It must not call the ledger.
    pub failpoint: Option<Failpoint>,
}

/// A ledger that is open, and what the start-up scan found.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// What was found.
    pub recovery: Recovery,
}

/// An append-only Merkle log in one directory, with one writer thread. Dropping it closes it.
pub struct Ledger {
    config: LedgerConfig,
    /// The key of which a change was last asked for. Whether it came into force shows when the log is opened again.
    asked: Mutex<Option<LogKey>>,
    disk: Arc<dyn Disk>,
    running: RwLock<Arc<Running>>,
    /// One reopening at a time.
    reopening: Mutex<()>,
    /// Held for the life of the value, across reopening, so that no other process slips in.
    _lock: Box<dyn Any + Send + Sync>,
}

/// Why the ledger cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A setting makes no sense.
    #[error("the ledger cannot be configured like this: {0}")]
    Config(&'static str),
    /// Another process has the directory open.
    #[error("another process has this ledger open")]
    Locked,
    /// A file cannot be read.
    #[error("the ledger cannot be read")]
    Read(#[source] io::Error),
    /// A file cannot be written or made durable.
    #[error("the ledger cannot be written")]
    Write(#[source] io::Error),
    /// A thread cannot be started.
    #[error("a thread of the ledger cannot be started")]
    Thread(#[source] io::Error),
    /// The newest checkpoint was signed by a key that is not the one at hand: another came into force.
    #[error(
        "the newest checkpoint of the ledger was signed by an earlier key; the key that came after it is missing"
    )]
    KeyEnded,
    /// The stored bytes are not those of a ledger that was only torn at its end. Restore, or verify offline.
    #[error("the ledger is damaged: {0}")]
    Damaged(#[from] Finding),
    /// There is no such entry.
    #[error("there is no entry {index}: the ledger has {size}")]
    NoSuchEntry {
        /// The entry asked for.
        index: u64,
        /// Number of entries.
        size: u64,
    },
    /// A frame cannot be read back; the verifier says more.
    #[error("a stored frame cannot be read: {0}")]
    Frame(#[from] FrameError),
    /// A proof cannot be built, or does not lead to the signed root: `hashes.dat` is damaged. Remove it while the
    /// ledger is closed; opening makes it anew.
    #[error("the proof cannot be built")]
    Proof(#[from] MerkleError),
}

impl LedgerError {
    pub(crate) fn reading(error: io::Error) -> Self {
        Self::Read(error)
    }

    pub(crate) fn writing(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl LedgerConfig {
    /// A configuration with segments of 64 MiB and a queue of 8,192.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            origin: origin.into(),
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            queue: DEFAULT_QUEUE,
            previous_keys: Vec::new(),
            next_key: None,
            known: None,
            failpoint: None,
        }
    }

    fn check(&self, key: &LogKey) -> Result<(), LedgerError> {
        if self.origin != key.name() {
            return Err(LedgerError::Config("the key has another name than the log"));
        }
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Err(LedgerError::Config("a segment has 80 KiB to 1 GiB"));
        }
        if self.queue == 0 {
            return Err(LedgerError::Config("the queue must hold at least one append"));
        }
        let next = self.next_key.iter().map(LogKey::verifier);
        if self.previous_keys.iter().chain(next).any(|other| other.name() != self.origin) {
            return Err(LedgerError::Config("a key before or after has another name than the log"));
        }
        Ok(())
    }
}

impl Ledger {
    /// Opens or creates the ledger: runs recovery, then starts the writer and its helper.
    ///
    /// # Errors
    /// See [`LedgerError`]; a damaged ledger is refused, never repaired beyond a torn last frame.
    pub fn open(config: LedgerConfig, key: LogKey, disk: Arc<dyn Disk>) -> Result<Opened, LedgerError> {
        config.check(&key)?;
        disk.create_dir(&config.dir).map_err(LedgerError::writing)?;
        let lock = disk.lock(&config.dir.join(LOCK_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => LedgerError::Locked,
            _ => LedgerError::Write(error),
        })?;
        let keys = Keys { key, next: config.next_key.clone() };
        let (running, recovery) = Running::start(&config, &keys, &disk)?;
        let (running, reopening) = (RwLock::new(Arc::new(running)), Mutex::new(()));
        let asked = Mutex::default();
        Ok(Opened { ledger: Self { config, asked, disk, running, reopening, _lock: lock }, recovery })
    }

    /// Leaves behind a poisoned (or healthy) writer and starts again from what the disk holds, by the same code as
    /// [`Ledger::open`]. Appends are refused meanwhile. If it fails the ledger stays stopped and readable, and the
    /// call may be repeated, say once space has returned.
    ///
    /// # Errors
    /// Those of [`Ledger::open`].
    pub fn reopen(&self) -> Result<Recovery, LedgerError> {
        let _one = self.reopening.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.running();
        if before.is_writer() {
            return Err(LedgerError::Config("a callback must not reopen the ledger"));
        }
        before.stop();
        // What was acknowledged must still be there.
        let mut config = self.config.clone();
        config.known = Some(before.shared.head().checkpoint().clone());
        let next = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let keys = Keys { key: before.shared.key(), next };
        config.previous_keys.push(keys.key.verifier().clone());
        match Running::start(&config, &keys, &self.disk) {
            Ok((running, recovery)) => {
                *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(running);
                Ok(recovery)
            }
            Err(error) => {
                before.shared.poison(format!("reopening failed: {error}"));
                Err(error)
            }
        }
    }

    /// Queues a leaf and returns at once. `done` is called exactly once: with the commitment after the batch is
    /// durable, on the writer thread; or with an error, possibly before this returns. No lock is held meanwhile. It
    /// must be short and must not panic. `seed` is what the commitments in the leaf were made with.
    pub fn append(&self, leaf: Vec<u8>, seed: Option<[u8; 32]>, done: Done) {
        if leaf.len() > MAX_LEAF_BYTES {
            return done(Err(AppendError::TooLarge(leaf.len())));
        }
        if is_change(&leaf) {
            return done(Err(AppendError::Reserved));
        }
        // Hashed here, on the thread of the caller: the writer is the one thread that everybody waits for.
        let leaf_hash = leaf_hash(&leaf);
        self.push(Append { leaf_hash, seed, change: None, done }, &leaf);
    }

    /// Hands the log over to another key of the same name while it runs: commits `leaf`, a key entry
    /// ([`KeyChange`]) from the key in force to `next`, under a checkpoint that both sign. Every later checkpoint is
    /// signed by `next`. `done` is called as by [`Ledger::append`].
    ///
    /// The caller keeps `next` durably before, and gives it as `next_key` when it opens the ledger after a crash or
    /// an error in doubt: the log then goes on with whichever key the newest checkpoint has.
    pub fn change_key(&self, next: LogKey, leaf: Vec<u8>, done: Done) {
        let before = match self.key_entry(&next, &leaf) {
            Ok(KeyChange { before, .. }) => before,
            Err(error) => return done(Err(error)),
        };
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(next.clone());
        let (leaf_hash, change) = (leaf_hash(&leaf), Some(Box::new(Change { next, before })));
        self.push(Append { leaf_hash, seed: None, change, done }, &leaf);
    }

    fn push(&self, append: Append, leaf: &[u8]) {
        let refused = {
            let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
            let queue = &running.shared.queue;
            let pushed = match append.change {
                None => queue.push(append, leaf),
                Some(_) => queue.push_alone(append, leaf),
            };
            pushed.map_err(|(append, error)| match error {
                PushError::Full => (append, AppendError::Overloaded),
                PushError::Closed => (append, running.shared.closed_error()),
            })
        };
        // No lock is held while the caller is told.
        if let Err((append, error)) = refused {
            (append.done)(Err(error));
        }
    }

    fn key_entry(&self, next: &LogKey, leaf: &[u8]) -> Result<KeyChange, AppendError> {
        if leaf.len() > MAX_LEAF_BYTES {
            return Err(AppendError::TooLarge(leaf.len()));
        }
        let form = AppendError::KeyChange("the leaf is not a key entry to the next key of this log");
        let Some(Ok(change)) = KeyChange::read(leaf) else { return Err(form) };
        if change.next != *next.verifier() || next.name() != self.config.origin {
            return Err(form);
        }
        match change.before == self.verifier() && change.before != change.next {
            true => Ok(change),
            false => Err(AppendError::KeyChange("the leaf does not hand over from the key in force")),
        }
    }

    /// The latest checkpoint whose entries are durable.
    #[must_use]
    pub fn head(&self) -> Arc<SignedCheckpoint> {
        self.running().shared.head()
    }

    /// Whether appends are taken.
    #[must_use]
    pub fn health(&self) -> Health {
        self.running().shared.health()
    }

    /// The public key to pin: that of the key in force.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.running().shared.key().verifier().clone()
    }

    /// The leaf of an entry.
    ///
    /// # Errors
    /// No such entry, or the disk.
    pub fn leaf(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let running = self.running();
        running.within(index)?;
        running.reader.leaf(index)
    }

    /// The entries of a range in order, cut at the present size. Memory stays bounded by one frame.
    #[must_use]
    pub fn leaves(&self, range: Range<u64>) -> EntryIter {
        let running = self.running();
        let size = running.shared.head().size();
        running.reader.clone().entries(range.start..range.end.min(size))
    }

    /// Proves that entry `index` is in the tree of `size` entries, which may be an older one.
    ///
    /// # Errors
    /// Entry or size not there, or the disk. A proof for the present size is checked against the signed root.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, LedgerError> {
        let running = self.running();
        let head = running.within_size(size)?;
        let nodes = &running.preparer.nodes;
        let node = |level, index| nodes.read(level, index).map_err(LedgerError::Read);
        let proof = InclusionProof::build(index, size, node)?;
        if size == head.size() {
            proof.verify(&node(0, index)?, head.root())?;
        }
        Ok(proof)
    }

    /// The whole offline proof of an entry under the present head.
    ///
    /// # Errors
    /// Those of [`Ledger::inclusion`].
    pub fn proof(&self, index: u64) -> Result<Proof, LedgerError> {
        let head = self.head();
        let inclusion = self.inclusion(index, head.size())?;
        Ok(Proof::new(inclusion, &head))
    }

    /// Proves that the tree of `to` entries begins with that of `from` entries.
    ///
    /// # Errors
    /// Sizes not there, or the disk.
    pub fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof, LedgerError> {
        let running = self.running();
        running.within_size(to)?;
        let nodes = &running.preparer.nodes;
        ConsistencyProof::build(from, to, |level, index| nodes.read(level, index).map_err(LedgerError::Read))
    }

    /// The seed that was stored with an entry; `None` if there was none or it was erased.
    ///
    /// # Errors
    /// No such entry, or the disk.
    pub fn opening(&self, index: u64) -> Result<Option<[u8; 32]>, LedgerError> {
        let running = self.running();
        running.within(index)?;
        running.preparer.openings.read(index).map_err(LedgerError::Read)
    }

    /// Overwrites the seed of an entry with zeros and returns once that is durable. Copies elsewhere, backups among
    /// them, are the caller's to erase.
    ///
    /// # Errors
    /// No such entry, or the disk; the seed must then be taken for not erased, and the call repeated.
    pub fn erase_opening(&self, index: u64) -> Result<(), LedgerError> {
        let running = self.running();
        running.within(index)?;
        running.preparer.openings.erase(index).map_err(LedgerError::Write)
    }

    /// Writes what waits, syncs all files and ends the threads. Blocks until then.
    pub fn close(self) {
        drop(self);
    }

    fn running(&self) -> Arc<Running> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.running().stop();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("dir", &self.config.dir)
            .field("key", &self.verifier())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LedgerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerConfig")
            .field("dir", &self.dir)
            .field("origin", &self.origin)
            .field("segment_bytes", &self.segment_bytes)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

const LOCK_FILE: &str = "ledger.lock";

#[cfg(test)]
mod tests;
