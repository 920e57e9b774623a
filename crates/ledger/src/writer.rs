//! The one thread that writes: takes all that waits, commits it as one frame, and only then tells the callers.
//! Any doubt about what the disk holds ends it; [`crate::Ledger::reopen`] starts anew from the disk.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::checkpoint::SignedCheckpoint;
use crate::hash::Hash;
use crate::limits::{
    FRAME_HEADER_BYTES, GATHER, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_LEAF_BYTES, MAX_QUEUE_BYTES, TICK,
};
use crate::merkle::CompactRange;
use crate::note::{LogKey, VerifierKey};
use crate::prepare::Preparer;
use crate::queue::{Batch, Limits, Queue, Taken};
use crate::reader::Reader;
use crate::recover::LastSegment;
use crate::segment::{seal_frame, segment_name};

/// A leaf that is durable, and the signed checkpoint that covers it.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Index of the entry.
    pub index: u64,
    /// Hash of the leaf.
    pub leaf_hash: Hash,
    /// Checkpoint of the batch; its size is the size of the tree right after the batch.
    pub checkpoint: Arc<SignedCheckpoint>,
}

/// Why an append was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The leaf is longer than 65,535 bytes.
    #[error("the leaf has {0} bytes, at most 65535 are allowed")]
    TooLarge(usize),
    /// The queue is full; the caller may try again later.
    #[error("the ledger is overloaded")]
    Overloaded,
    /// The disk refused before anything was written; a later append may succeed.
    #[error("the ledger cannot write: {0}")]
    Refused(Arc<str>),
    /// A write or sync failed. Whether the leaf is in the ledger shows only after reopening.
    #[error("the ledger has stopped: {0}")]
    Poisoned(Arc<str>),
    /// The leaf begins like a key entry; only [`crate::Ledger::change_key`] writes those.
    #[error("the leaf begins like a key entry of the log")]
    Reserved,
    /// The leaf of a key change does not hand over from the key in force to the next one.
    #[error("the key cannot be changed: {0}")]
    KeyChange(&'static str),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// Whether the ledger takes appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ok,
    /// The last batch was refused before anything was written, most likely for want of space. It recovers by itself.
    Refusing {
        /// What the disk said.
        reason: Arc<str>,
    },
    /// A write or sync failed. Nothing is accepted until [`crate::Ledger::reopen`].
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The ledger was closed.
    Closed,
}

/// A step of the write path, for crash tests. See `failpoint` of [`crate::LedgerConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A prepared segment is about to get its name.
    BeforeRoll,
    /// It has its name, durably.
    AfterRoll,
    /// Before the seeds of a batch are written.
    BeforeOpenings,
    /// Before the nodes of a batch are written.
    BeforeHashes,
    /// Before the frame is written.
    BeforeWrite,
    /// The frame is written, not synced.
    AfterWrite,
    /// The frame is durable, nobody knows.
    AfterSync,
    /// The head has moved, the first caller is about to be told.
    BeforeRelease,
    /// All callers of the batch were told.
    AfterRelease,
}

/// A function that is called at every [`Step`].
pub type Failpoint = Arc<dyn Fn(Step) + Send + Sync>;

/// What is called once with the fate of an append.
pub type Done = Box<dyn FnOnce(Result<Committed, AppendError>) + Send>;

pub(crate) struct Append {
    pub(crate) leaf_hash: Hash,
    pub(crate) seed: Option<[u8; 32]>,
    /// Of a key entry: the keys that it names, the next one with its secret.
    pub(crate) change: Option<Box<Change>>,
    pub(crate) done: Done,
}

/// A change of the key that waits for its batch.
pub(crate) struct Change {
    pub(crate) next: LogKey,
    pub(crate) before: VerifierKey,
}

/// What the writer and its callers both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue<Append>,
    head: Mutex<Arc<SignedCheckpoint>>,
    health: Mutex<Health>,
    /// The key in force.
    key: Mutex<LogKey>,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Leaf and seed are not for logs.
        f.debug_struct("Append").field("leaf_hash", &self.leaf_hash).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(queue: usize, segment_bytes: u64, head: SignedCheckpoint, key: LogKey) -> Self {
        let limits = Limits {
            waiting: queue,
            waiting_bytes: MAX_QUEUE_BYTES,
            batch: MAX_BATCH_ENTRIES,
            batch_bytes: batch_bytes(segment_bytes),
            headroom: FRAME_HEADER_BYTES,
            gather: GATHER,
        };
        let (head, health) = (Mutex::new(Arc::new(head)), Mutex::new(Health::Ok));
        Self { queue: Queue::new(limits), head, health, key: Mutex::new(key) }
    }

    /// The key that signs.
    pub(crate) fn key(&self) -> LogKey {
        lock(&self.key).clone()
    }

    pub(crate) fn head(&self) -> Arc<SignedCheckpoint> {
        lock(&self.head).clone()
    }

    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// Stops the ledger for good; the first reason stays.
    pub(crate) fn poison(&self, reason: String) {
        let mut health = lock(&self.health);
        if !matches!(*health, Health::Poisoned { .. }) {
            *health = Health::Poisoned { reason: reason.into() };
        }
        drop(health);
        self.queue.close();
    }

    /// Lets nothing more in; what waits is still written.
    pub(crate) fn close(&self) {
        let mut health = lock(&self.health);
        if !matches!(*health, Health::Poisoned { .. }) {
            *health = Health::Closed;
        }
        drop(health);
        self.queue.close();
    }

    fn set_working(&self, working: Health) {
        let mut health = lock(&self.health);
        if matches!(*health, Health::Ok | Health::Refusing { .. }) && *health != working {
            *health = working;
        }
    }

    fn poisoned(&self) -> Option<Arc<str>> {
        match &*lock(&self.health) {
            Health::Poisoned { reason } => Some(reason.clone()),
            Health::Ok | Health::Refusing { .. } | Health::Closed => None,
        }
    }

    /// What to tell an append that came too late.
    pub(crate) fn closed_error(&self) -> AppendError {
        self.poisoned().map_or(AppendError::Closed, AppendError::Poisoned)
    }
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) preparer: Arc<Preparer>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) key: LogKey,
    pub(crate) failpoint: Option<Failpoint>,
    pub(crate) range: CompactRange,
    pub(crate) segment: LastSegment,
    pub(crate) segment_bytes: u64,
    pub(crate) buffers: Buffers,
    pub(crate) checked_at: Instant,
}

/// Kept between batches so that a batch does not allocate.
#[derive(Default)]
pub(crate) struct Buffers {
    nodes: Vec<u8>,
    seeds: Vec<u8>,
}

enum Failure {
    /// Nothing of the frame was written.
    Refused(Arc<str>),
    /// It would hand over from a key that is no longer in force.
    Superseded,
    /// The segment is in doubt.
    Poisoned(String),
}

impl Writer {
    /// The body of the thread; returns when the queue is closed and empty, or poisoned.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        let _stopped = StopGuard(&shared);
        let mut batch = Batch::new();
        loop {
            match shared.queue.take(&mut batch, TICK) {
                Taken::Items => {}
                Taken::Nothing => {
                    if let Err(Failure::Poisoned(reason)) = self.check_file() {
                        shared.poison(reason);
                    }
                    continue;
                }
                Taken::Closed => break,
            }
            match self.commit(&mut batch) {
                Ok(checkpoint) => {
                    shared.set_working(Health::Ok);
                    self.release(&mut batch.items, checkpoint);
                }
                Err(Failure::Refused(reason)) => {
                    shared.set_working(Health::Refusing { reason: reason.clone() });
                    fail(&mut batch.items, &AppendError::Refused(reason));
                }
                Err(Failure::Superseded) => {
                    fail(&mut batch.items, &AppendError::KeyChange("another key came into force first"));
                }
                Err(Failure::Poisoned(reason)) => {
                    shared.poison(reason);
                    fail(&mut batch.items, &shared.closed_error());
                    return;
                }
            }
        }
        if let Err(error) = self.preparer.openings.sync().and_then(|()| self.preparer.nodes.sync()) {
            shared.poison(format!("the last sync failed: {error}"));
        }
    }

    /// Makes the batch durable. The tree moves on only if all went well.
    fn commit(&mut self, batch: &mut Batch<Append>) -> Result<Arc<SignedCheckpoint>, Failure> {
        if let Some(reason) = self.shared.poisoned() {
            return Err(Failure::Poisoned(reason.to_string()));
        }
        self.check_file()?;
        // A key entry is alone in its batch: what follows it is under the next key.
        let change = batch.items.first_mut().and_then(|append| append.change.take());
        if change.as_ref().is_some_and(|change| change.before != *self.key.verifier()) {
            return Err(Failure::Superseded);
        }
        let first = self.range.size();
        let mut range = self.range.clone();
        self.buffers.nodes.clear();
        let nodes = &mut self.buffers.nodes;
        for append in &batch.items {
            range.append(append.leaf_hash, |node| nodes.extend_from_slice(&node.0));
        }
        let (size, root) = (range.size(), range.root());
        let checkpoint = match &change {
            None => SignedCheckpoint::sign(size, root, &self.key),
            Some(change) => SignedCheckpoint::sign_change(size, root, &self.key, &change.next),
        };
        let frame = &mut batch.bytes;
        seal_frame(frame, first, batch.items.len(), checkpoint.note().as_bytes())
            .map_err(|error| Failure::Refused(error.to_string().into()))?;
        self.make_room(first, frame.len() as u64)?;
        self.write_beside(first, &batch.items)?;
        self.write_frame(frame)?;
        self.range = range;
        if let Some(change) = change {
            self.key = change.next;
            *lock(&self.shared.key) = self.key.clone();
        }
        Ok(Arc::new(checkpoint))
    }

    /// Goes on to the next segment if the frame does not fit into this one.
    fn make_room(&mut self, first: u64, length: u64) -> Result<(), Failure> {
        let LastSegment { offset, capacity, .. } = self.segment;
        if offset.saturating_add(length) <= capacity {
            if offset > capacity / 2 {
                self.preparer.want();
            }
            return Ok(());
        }
        self.step(Step::BeforeRoll);
        let path = self.preparer.dir.join(segment_name(first));
        let taken = self.preparer.take(&path).map_err(Failure::Refused)?;
        let file = taken.map_err(|error| Failure::Poisoned(format!("the next segment: {error}")))?;
        self.segment = LastSegment { first, file, offset: 8, capacity: self.segment_bytes };
        self.reader.add_segment(first);
        self.step(Step::AfterRoll);
        Ok(())
    }

    /// Writes what is not evidence. It goes first: a failure here leaves the segment as it was.
    fn write_beside(&mut self, first: u64, batch: &[Append]) -> Result<(), Failure> {
        let refused = |what: &str, error: std::io::Error| Failure::Refused(format!("{what}: {error}").into());
        self.step(Step::BeforeOpenings);
        let seeds = &mut self.buffers.seeds;
        seeds.clear();
        for append in batch {
            seeds.extend_from_slice(&append.seed.unwrap_or_default());
        }
        self.preparer.openings.write(first, seeds).map_err(|e| refused("openings.dat", e))?;
        self.step(Step::BeforeHashes);
        self.preparer.nodes.write(first, &self.buffers.nodes).map_err(|e| refused("hashes.dat", e))
    }

    fn write_frame(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.step(Step::BeforeWrite);
        let LastSegment { file, offset, .. } = &mut self.segment;
        let written = file.write_at(*offset, frame);
        written.map_err(|error| Failure::Poisoned(format!("a write failed: {error}")))?;
        self.step(Step::AfterWrite);
        let synced = self.segment.file.sync_data();
        // Never a second sync on this file: the kernel may have dropped the pages that failed.
        synced.map_err(|error| Failure::Poisoned(format!("a sync failed: {error}")))?;
        self.segment.offset += frame.len() as u64;
        self.step(Step::AfterSync);
        Ok(())
    }

    fn release(&mut self, batch: &mut Vec<Append>, checkpoint: Arc<SignedCheckpoint>) {
        let first = checkpoint.size() - batch.len() as u64;
        *lock(&self.shared.head) = checkpoint.clone();
        self.step(Step::BeforeRelease);
        for (index, append) in (first..).zip(batch.drain(..)) {
            let leaf_hash = append.leaf_hash;
            (append.done)(Ok(Committed { index, leaf_hash, checkpoint: checkpoint.clone() }));
        }
        self.step(Step::AfterRelease);
    }

    /// Once a second: is the file that we write to still the one that has the name?
    fn check_file(&mut self) -> Result<(), Failure> {
        if self.checked_at.elapsed() < TICK {
            return Ok(());
        }
        self.checked_at = Instant::now();
        let path: PathBuf = self.preparer.dir.join(segment_name(self.segment.first));
        let gone = |error| Failure::Poisoned(format!("the segment was removed or replaced: {error}"));
        let ours = self.segment.file.identity().map_err(gone)?;
        let named = self.preparer.disk.identity(&path).map_err(gone)?;
        if ours.links == 0 || ours != named {
            return Err(Failure::Poisoned("the segment was removed or replaced".to_owned()));
        }
        Ok(())
    }

    fn step(&self, step: Step) {
        if let Some(failpoint) = &self.failpoint {
            failpoint(step);
        }
    }
}

/// However the writer ends, nobody waits for it in vain.
struct StopGuard<'a>(&'a Shared);

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the writer panicked".to_owned());
        }
        let mut rest = Batch::new();
        while self.0.queue.take(&mut rest, TICK) == Taken::Items {
            fail(&mut rest.items, &self.0.closed_error());
        }
    }
}

fn fail(batch: &mut Vec<Append>, error: &AppendError) {
    for append in batch.drain(..) {
        (append.done)(Err(error.clone()));
    }
}

/// Bytes of leaves after which a batch ends, so that its frame fits into an empty segment.
fn batch_bytes(segment_bytes: u64) -> usize {
    const BESIDE_LEAVES: u64 = MAX_LEAF_BYTES as u64 + 2_048;
    let room = segment_bytes.saturating_sub(BESIDE_LEAVES);
    usize::try_from(room).map_or(MAX_BATCH_BYTES, |room| room.min(MAX_BATCH_BYTES))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
