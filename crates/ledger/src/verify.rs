//! The offline verifier: reads a ledger directory with pinned keys and nothing else, and says what is wrong first.
//! It changes nothing and needs no running ledger.

use std::path::Path;
use std::sync::Arc;

use crate::chain::{KeyChain, Term, UNSIGNED};
use crate::checkpoint::{Checkpoint, UnverifiedCheckpoint};
use crate::damage::{Damage, Entries, Finding, apply_frame};
use crate::disk::{Access, Disk, DiskFile, RealDisk, read_all};
use crate::hash::{Hash, leaf_hash};
use crate::ledger::LedgerError;
use crate::limits::MAX_SEGMENT_BYTES;
use crate::merkle::{CompactRange, stored_count, stored_index};
use crate::nodes::HASHES_FILE;
use crate::note::VerifierKey;
use crate::recover::{Scan, Tail, list_segments, scan};
use crate::segment::{Frame, segment_name};

/// What the verifier saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Entries under a verified checkpoint, up to the first finding.
    pub entries: u64,
    /// Checkpoints whose root and signature were verified.
    pub checkpoints: u64,
    /// The last of them.
    pub head: Option<Checkpoint>,
    /// The keys of the log, in order: those that signed, and where each began. One of them, at least, is pinned.
    pub keys: Vec<Term>,
    /// The first thing that is wrong; `None` if the ledger is sound.
    pub first_bad: Option<Finding>,
    /// Whether `hashes.dat` disagrees with the entries. It is derived, so this is no damage of the ledger.
    pub hashes_stale: bool,
}

/// Why nothing could be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No pinned key was given.
    #[error("no verifier key was given")]
    NoKeys,
    /// The directory holds no segment.
    #[error("there is no ledger in this directory")]
    NoLedger,
    /// A file cannot be read.
    #[error("the ledger cannot be read")]
    Read(#[from] std::io::Error),
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.first_bad.is_none()
    }
}

/// Verifies every frame, leaf, root and signature in a directory. With a checkpoint that the caller has kept, also
/// that the ledger still begins with what it then held. One pinned key of the log is enough, whichever it is: changes
/// of the key are followed from it.
///
/// # Errors
/// Only if it could not look; what it finds wrong is in the [`Report`].
pub fn verify_dir(
    dir: &Path,
    keys: &[VerifierKey],
    known: Option<&UnverifiedCheckpoint<'_>>,
) -> Result<Report, VerifyError> {
    verify_on(&RealDisk, dir, keys, known)
}

/// [`verify_dir`] on any disk.
///
/// # Errors
/// Those of [`verify_dir`].
pub fn verify_on(
    disk: &dyn Disk,
    dir: &Path,
    keys: &[VerifierKey],
    known: Option<&UnverifiedCheckpoint<'_>>,
) -> Result<Report, VerifyError> {
    if keys.is_empty() {
        return Err(VerifyError::NoKeys);
    }
    let mut pass = Pass::new(
        keys,
        known.map(UnverifiedCheckpoint::claim),
        disk.open(&dir.join(HASHES_FILE), Access::Read).ok(),
    );
    let finding = match list_segments(disk, dir) {
        Ok(segments) if segments.is_empty() => return Err(VerifyError::NoLedger),
        Ok(segments) => pass.segments(disk, dir, &segments)?,
        Err(LedgerError::Damaged(finding)) => Some(finding),
        Err(LedgerError::Read(error)) => return Err(error.into()),
        Err(_) => return Err(VerifyError::NoLedger),
    };
    let finding = finding.or_else(|| pass.unvouched()).or_else(|| pass.unknown(known?));
    let vouched = pass.chain.is_vouched();
    Ok(Report {
        entries: if vouched { pass.verified } else { 0 },
        checkpoints: if vouched { pass.checkpoints } else { 0 },
        head: pass.head.filter(|_| vouched),
        keys: if vouched { pass.chain.terms().to_vec() } else { Vec::new() },
        first_bad: finding,
        hashes_stale: pass.hashes_stale,
    })
}

struct Pass<'a> {
    pinned: &'a [VerifierKey],
    chain: KeyChain<'a>,
    known: Option<&'a Checkpoint>,
    /// `hashes.dat`, as a hint which entry of a frame was changed.
    hashes: Option<Arc<dyn DiskFile>>,
    /// The part of it that belongs to the present segment, and where that part begins.
    stored: Vec<u8>,
    stored_from: u64,
    range: CompactRange,
    verified: u64,
    checkpoints: u64,
    head: Option<Checkpoint>,
    hashes_stale: bool,
}

impl<'a> Pass<'a> {
    fn new(
        pinned: &'a [VerifierKey],
        known: Option<&'a Checkpoint>,
        hashes: Option<Arc<dyn DiskFile>>,
    ) -> Self {
        Self {
            pinned,
            chain: KeyChain::new(pinned),
            known,
            hashes,
            stored: Vec::new(),
            stored_from: 0,
            range: CompactRange::new(),
            verified: 0,
            checkpoints: 0,
            head: None,
            hashes_stale: false,
        }
    }

    fn segments(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        segments: &[u64],
    ) -> Result<Option<Finding>, VerifyError> {
        let mut bytes = Vec::new();
        for first in segments {
            let name = segment_name(*first);
            let finding = |offset: u64, entries: Entries, damage: Damage| {
                Ok(Some(Finding { segment: name.clone(), offset, entries, damage }))
            };
            let due = self.range.size();
            if *first != due {
                return finding(0, Entries::From(due), Damage::MissingSegment(due));
            }
            let file = disk.open(&dir.join(&name), Access::Read)?;
            if file.length()? > MAX_SEGMENT_BYTES {
                return finding(0, Entries::From(due), Damage::Magic);
            }
            read_all(file.as_ref(), &mut bytes)?;
            let scan = scan(&bytes);
            self.load_stored(&scan)?;
            for (offset, frame) in &scan.frames {
                if let Err((entries, damage)) = self.frame(frame) {
                    return finding(*offset as u64, entries, damage);
                }
            }
            if let Some(damage) = damage_of_tail(&scan) {
                return finding(scan.end as u64, Entries::From(self.range.size()), damage);
            }
        }
        Ok(self.compare_length())
    }

    fn load_stored(&mut self, scan: &Scan<'_>) -> Result<(), VerifyError> {
        self.stored.clear();
        let leaves: u64 = scan.frames.iter().map(|(_, frame)| u64::from(frame.count())).sum();
        let Some(hashes) = &self.hashes else { return Ok(()) };
        self.stored_from = stored_count(self.range.size());
        let nodes = stored_count(self.range.size() + leaves) - self.stored_from;
        self.stored.resize(usize::try_from(nodes * 32).unwrap_or(0), 0);
        let read = hashes.read_at(self.stored_from * 32, &mut self.stored)?;
        self.stored.truncate(read);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), (Entries, Damage)> {
        let all = Entries::Between(frame.first_index(), frame.end_index() - 1);
        let before = self.range.clone();
        let origin = self.head.as_ref().map(|head| head.origin.as_str());
        let mut at = stored_count(before.size());
        let (stored, from, stale) = (&self.stored, self.stored_from, &mut self.hashes_stale);
        let compare = |node: &Hash| {
            *stale |= stored_node(stored, from, at).is_some_and(|stored| stored != node.0);
            at += 1;
        };
        let checkpoint = apply_frame(frame, origin, &mut self.range, compare).map_err(|damage| {
            let entries = if damage == Damage::Root { self.suspect(frame).unwrap_or(all) } else { all };
            (entries, damage)
        })?;
        self.chain.check(frame, &checkpoint).map_err(|damage| (all, damage))?;
        if let Some(known) = self.known
            && before.size() < known.size
            && known.size <= self.range.size()
            && root_at(before, frame, known.size) != known.root
        {
            return Err((Entries::Between(0, known.size - 1), Damage::KnownRoot(known.size)));
        }
        self.verified = self.range.size();
        self.checkpoints += 1;
        self.head = Some(checkpoint.claim().clone());
        Ok(())
    }

    /// The entry whose hash is not the one that was stored when it was written. A hint: nobody signs it alone.
    fn suspect(&self, frame: &Frame<'_>) -> Option<Entries> {
        let changed = (frame.first_index()..).zip(frame.leaves()).find(|(index, leaf)| {
            stored_node(&self.stored, self.stored_from, stored_index(0, *index))
                .is_some_and(|stored| stored != leaf_hash(leaf).0)
        });
        changed.map(|(index, _)| Entries::One(index))
    }

    fn compare_length(&self) -> Option<Finding> {
        let known = self.known?;
        let found = self.range.size();
        let damage = Damage::Truncated { known: known.size, found };
        (known.size > found).then(|| of_the_whole(Entries::From(found), damage))
    }

    /// Keys that hand over to each other prove nothing if the caller knows none of them.
    fn unvouched(&self) -> Option<Finding> {
        let unknown = self.checkpoints > 0 && !self.chain.is_vouched();
        unknown.then(|| of_the_whole(Entries::From(0), Damage::Checkpoint(UNSIGNED)))
    }

    /// A kept checkpoint may be of any key of the log.
    fn unknown(&self, known: &UnverifiedCheckpoint<'_>) -> Option<Finding> {
        let keys = self.chain.terms().iter().map(|term| &term.key).chain(self.pinned);
        let error = known.check(keys).err()?;
        Some(of_the_whole(Entries::Between(0, known.claim().size.saturating_sub(1)), Damage::Known(error)))
    }
}

fn of_the_whole(entries: Entries, damage: Damage) -> Finding {
    Finding { segment: "*".to_owned(), offset: 0, entries, damage }
}

/// An honest ledger after a crash can have such a tail; opening it cuts the torn frame. A verifier cannot tell.
fn damage_of_tail(scan: &Scan<'_>) -> Option<Damage> {
    match scan.tail {
        Tail::Clean => None,
        Tail::NotASegment => Some(Damage::Magic),
        Tail::Broken { error, .. } => Some(error.map_or(Damage::BehindEnd, Damage::Tail)),
        Tail::BrokenBeforeIntact { intact, .. } => Some(Damage::BeforeIntact { intact: intact as u64 }),
    }
}

fn root_at(mut range: CompactRange, frame: &Frame<'_>, size: u64) -> Hash {
    let leaves = usize::try_from(size - range.size()).unwrap_or(usize::MAX);
    for leaf in frame.leaves().take(leaves) {
        range.append(leaf_hash(leaf), |_| {});
    }
    range.root()
}

fn stored_node(stored: &[u8], from: u64, at: u64) -> Option<&[u8]> {
    let start = usize::try_from(at.checked_sub(from)?).ok()?.checked_mul(32)?;
    stored.get(start..start.checked_add(32)?)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
