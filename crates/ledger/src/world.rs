//! What the tests of this crate are built from: a key, small ledgers on a disk in memory, appends that wait.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use crate::disk::{Disk, MemoryDisk};
use crate::limits::MIN_SEGMENT_BYTES;
use crate::segment::{MAGIC, encode_frame};
use crate::{
    AppendError, Committed, CompactRange, Hash, Ledger, LedgerConfig, LedgerError, LogKey, Opened, Report,
    SignedCheckpoint, UnverifiedCheckpoint, VerifierKey, leaf_hash, segment_name, verify_on,
};

pub(crate) const ORIGIN: &str = "log.example/test";

pub(crate) fn key() -> LogKey {
    LogKey::from_seed(ORIGIN, &[3; 32]).unwrap()
}

pub(crate) fn keys() -> [VerifierKey; 1] {
    [key().verifier().clone()]
}

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/ledger")
}

pub(crate) fn config() -> LedgerConfig {
    LedgerConfig { segment_bytes: MIN_SEGMENT_BYTES, ..LedgerConfig::new(dir(), ORIGIN) }
}

pub(crate) fn open(disk: &MemoryDisk) -> Result<Opened, LedgerError> {
    open_on(Arc::new(disk.clone()))
}

pub(crate) fn open_on(disk: Arc<dyn Disk>) -> Result<Opened, LedgerError> {
    Ledger::open(config(), key(), disk)
}

pub(crate) fn append(ledger: &Ledger, leaf: &[u8]) -> Result<Committed, AppendError> {
    append_with_seed(ledger, leaf, None)
}

pub(crate) fn append_with_seed(
    ledger: &Ledger,
    leaf: &[u8],
    seed: Option<[u8; 32]>,
) -> Result<Committed, AppendError> {
    let (sender, receiver) = mpsc::channel();
    ledger.append(leaf.to_vec(), seed, Box::new(move |fate| sender.send(fate).unwrap()));
    receiver.recv().unwrap()
}

pub(crate) fn verify(disk: &dyn Disk, known: Option<&SignedCheckpoint>) -> Report {
    verify_with(disk, &keys(), known)
}

/// Verifies with these keys pinned.
pub(crate) fn verify_with(
    disk: &dyn Disk,
    pinned: &[VerifierKey],
    known: Option<&SignedCheckpoint>,
) -> Report {
    let known = known.map(|known| UnverifiedCheckpoint::parse(known.note().as_bytes()).unwrap());
    verify_on(disk, &dir(), pinned, known.as_ref()).unwrap()
}

/// The key that the tests hand over to.
pub(crate) fn next_key() -> LogKey {
    LogKey::from_seed(ORIGIN, &[4; 32]).unwrap()
}

/// A key entry as the engine writes it.
pub(crate) fn change_leaf(before: &LogKey, next: &LogKey) -> Vec<u8> {
    let (before, next) = (before.verifier(), next.verifier());
    format!(
        r#"{{"_type":"placet.dev/receipt/v1","about":{{"log_key":"{next}","log_key_before":"{before}"}},"kind":"key"}}"#
    )
    .into_bytes()
}

/// The first leaf of a log as the engine writes it.
pub(crate) fn first_leaf(key: &LogKey) -> Vec<u8> {
    let key = key.verifier();
    format!(r#"{{"_type":"placet.dev/receipt/v1","about":{{"verifier_key":"{key}"}},"kind":"key"}}"#)
        .into_bytes()
}

pub(crate) fn change_key(ledger: &Ledger, before: &LogKey, next: &LogKey) -> Result<Committed, AppendError> {
    let (sender, receiver) = mpsc::channel();
    let done = move |fate| sender.send(fate).unwrap();
    ledger.change_key(next.clone(), change_leaf(before, next), Box::new(done));
    receiver.recv().unwrap()
}

pub(crate) fn path(name: &str) -> PathBuf {
    dir().join(name)
}

/// Every node of a tree in stored order, and a function that reads them.
pub(crate) fn tree(leaves: impl IntoIterator<Item = Vec<u8>>) -> (CompactRange, Vec<Hash>) {
    let (mut range, mut nodes) = (CompactRange::new(), Vec::new());
    for leaf in leaves {
        range.append(leaf_hash(&leaf), |node| nodes.push(*node));
    }
    (range, nodes)
}

/// The bytes of a segment that begins with entry 0 and has one frame per batch; also where each frame begins and
/// the checkpoint in it. Zeros follow as in a file.
pub(crate) fn segment(batches: &[&[&[u8]]]) -> (Vec<u8>, Vec<usize>, Vec<SignedCheckpoint>) {
    let (mut range, mut bytes) = (CompactRange::new(), MAGIC.to_vec());
    let (mut offsets, mut checkpoints) = (Vec::new(), Vec::new());
    let mut frame = Vec::new();
    for batch in batches {
        let first = range.size();
        for leaf in *batch {
            range.append(leaf_hash(leaf), |_| {});
        }
        let checkpoint = SignedCheckpoint::sign(range.size(), range.root(), &key());
        encode_frame(&mut frame, first, batch.iter().copied(), checkpoint.note().as_bytes()).unwrap();
        offsets.push(bytes.len());
        bytes.extend_from_slice(&frame);
        checkpoints.push(checkpoint);
    }
    offsets.push(bytes.len());
    bytes.resize(bytes.len() + 600, 0);
    (bytes, offsets, checkpoints)
}

/// A disk with one segment of these bytes.
pub(crate) fn disk_with(segment: Vec<u8>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.write(Path::new("/ledger").join(segment_name(0)).as_path(), segment);
    disk
}
