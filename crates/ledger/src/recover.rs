//! Reading a ledger back from its segments: the start-up scan, which also serves to reopen after a failure.
//! The rules (what is cut, what refuses) stand in `spec/ledger.md`, section "Recovery".

use std::path::Path;
use std::sync::Arc;

use crate::chain::UNSIGNED;
use crate::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use crate::damage::{Damage, Entries, Finding, apply_frame};
use crate::disk::{Access, Disk, DiskFile, read_all};
use crate::ledger::LedgerError;
use crate::limits::SEARCH_BUDGET_BYTES;
use crate::merkle::CompactRange;
use crate::nodes::Nodes;
use crate::note::VerifierKey;
use crate::segment::{Frame, FrameError, FrameHeader, MAGIC, decode_frame, parse_segment_name, segment_name};

/// What the start-up scan found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries in the ledger.
    pub entries: u64,
    /// Bytes of a torn last frame that were set to zero. Its checkpoint was never released.
    pub truncated_bytes: u64,
    /// Segments that were read; older ones are left to the verifier.
    pub segments_read: u64,
    /// Whether `hashes.dat` had to be made anew from all segments.
    pub hashes_rebuilt: bool,
}

/// The structure of one segment: its intact frames from the start, and what follows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Byte offset and frame.
    pub frames: Vec<(usize, Frame<'a>)>,
    /// Offset behind the last intact frame.
    pub end: usize,
    /// What stands there.
    pub tail: Tail,
}

/// What stands behind the last intact frame of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Zeros, or nothing.
    Clean,
    /// Bytes up to `written_to` that are no intact frame, and no intact frame follows. `error` says what the bytes
    /// fail at; `None` is an end mark with bytes behind it.
    Broken {
        /// Why the bytes are no frame.
        error: Option<FrameError>,
        /// Offset behind the last byte that is not zero.
        written_to: usize,
    },
    /// As before, but at `intact` an intact frame begins: this is no torn write.
    BrokenBeforeIntact {
        /// Why the bytes are no frame.
        error: Option<FrameError>,
        /// Offset of the intact frame.
        intact: usize,
    },
    /// The bytes do not begin with the magic.
    NotASegment,
}

/// Reads the structure of a segment. Total: any bytes give a result. Sequence, tree and signatures are not judged.
#[must_use]
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    let mut scan = Scan { frames: Vec::new(), end: 0, tail: Tail::NotASegment };
    if !bytes.starts_with(MAGIC) {
        return scan;
    }
    scan.end = MAGIC.len();
    let error = loop {
        let rest = bytes.get(scan.end..).unwrap_or_default();
        match decode_frame(rest) {
            Ok(Some(frame)) => {
                scan.frames.push((scan.end, frame));
                scan.end += frame.length();
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let rest = bytes.get(scan.end..).unwrap_or_default();
    let Some(last) = rest.iter().rposition(|byte| *byte != 0) else {
        scan.tail = Tail::Clean;
        return scan;
    };
    let written_to = scan.end + last + 1;
    let due = scan.frames.last().map_or(0, |(_, frame)| frame.end_index());
    scan.tail = match next_intact(bytes, scan.end + 1, due, |_| true) {
        Some(intact) => Tail::BrokenBeforeIntact { error, intact },
        None => Tail::Broken { error, written_to },
    };
    scan
}

/// Finds an intact frame of entries behind `due` that `accept` agrees to. If the search costs too much, the place
/// where it stopped is returned as if a frame were there: to refuse is safer than to cut.
fn next_intact(bytes: &[u8], from: usize, due: u64, accept: impl Fn(&Frame<'_>) -> bool) -> Option<usize> {
    let mut budget = SEARCH_BUDGET_BYTES;
    for offset in from..bytes.len() {
        let rest = bytes.get(offset..).unwrap_or_default();
        let Ok(Some(header)) = FrameHeader::read(rest) else { continue };
        let counted = (1..=4_096).contains(&header.count) && header.first_index > due;
        if !counted || header.length > rest.len() {
            continue;
        }
        let Some(left) = budget.checked_sub(header.length) else { return Some(offset) };
        budget = left;
        if let Ok(Some(frame)) = decode_frame(rest)
            && accept(&frame)
        {
            return Some(offset);
        }
    }
    None
}

/// The segment that the writer goes on with.
#[derive(Debug)]
pub(crate) struct LastSegment {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) offset: u64,
    pub(crate) capacity: u64,
}

#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) range: CompactRange,
    pub(crate) head: Option<SignedCheckpoint>,
    pub(crate) segments: Vec<u64>,
    pub(crate) last: Option<LastSegment>,
    pub(crate) recovery: Recovery,
}

/// Reads the last two segments, or all if `hashes.dat` cannot be trusted for the older ones; cuts a torn last
/// frame; writes the last frame again, because after a failed sync it may stand in memory and not on the disk.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    origin: &str,
    keys: &[VerifierKey],
    nodes: &Nodes,
) -> Result<Recovered, LedgerError> {
    let segments = list_segments(disk, dir)?;
    let start = segments.len().saturating_sub(2);
    let first = segments.get(start).copied().unwrap_or(0);
    let replay = |start: usize, range: CompactRange| {
        let replay = Replay {
            disk,
            dir,
            origin,
            keys,
            nodes,
            range,
            newest: None,
            head: None,
            recovery: Recovery::default(),
        };
        replay.run(&segments, start)
    };
    if segments.is_empty() && nodes.holds(1).map_err(LedgerError::reading)? {
        return Err(Finding {
            segment: segment_name(0),
            offset: 0,
            entries: Entries::From(0),
            damage: Damage::MissingSegment(0),
        }
        .into());
    }
    if start > 0 && nodes.holds(first).map_err(LedgerError::reading)? {
        let range = CompactRange::load(first, |level, index| nodes.read(level, index));
        match replay(start, range.map_err(LedgerError::reading)?) {
            // The old nodes may be what is wrong; the whole ledger tells.
            Err(LedgerError::Damaged(_)) => {}
            done => return done,
        }
    }
    let mut recovered = replay(0, CompactRange::new())?;
    recovered.recovery.hashes_rebuilt = start > 0;
    Ok(recovered)
}

/// The first indexes of the segments in a directory, in order.
pub(crate) fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, LedgerError> {
    let mut segments = Vec::new();
    for name in disk.list(dir).map_err(LedgerError::reading)? {
        if !name.ends_with(".seg") {
            continue;
        }
        let first = parse_segment_name(&name).ok_or_else(|| Finding {
            segment: name.clone(),
            offset: 0,
            entries: Entries::From(0),
            damage: Damage::Name,
        })?;
        segments.push(first);
    }
    segments.sort_unstable();
    Ok(segments)
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    origin: &'a str,
    keys: &'a [VerifierKey],
    nodes: &'a Nodes,
    range: CompactRange,
    /// Where the newest checkpoint stands, and its note.
    newest: Option<(Finding, Vec<u8>)>,
    head: Option<SignedCheckpoint>,
    recovery: Recovery,
}

impl Replay<'_> {
    fn run(mut self, segments: &[u64], start: usize) -> Result<Recovered, LedgerError> {
        let mut last = None;
        let mut bytes = Vec::new();
        let chosen = segments.get(start..).unwrap_or_default();
        for (position, first) in chosen.iter().enumerate() {
            let is_last = position + 1 == chosen.len();
            last = Some(self.segment(*first, is_last, &mut bytes)?);
        }
        self.nodes.cut(self.range.size()).map_err(LedgerError::writing)?;
        self.recovery.entries = self.range.size();
        let Self { range, head, recovery, .. } = self;
        Ok(Recovered { range, head, segments: segments.to_vec(), last, recovery })
    }

    /// The newest checkpoint, with a signature. Its root is that of the tree, so it vouches for every frame before it,
    /// whoever signed that, and for the nodes that the replay started from.
    fn newest_signed(&mut self) -> Result<Option<SignedCheckpoint>, LedgerError> {
        let Some((place, note)) = self.newest.take() else { return Ok(None) };
        match SignedCheckpoint::open(&note, self.keys) {
            Ok(head) => Ok(Some(head)),
            Err(error) => Err(Finding { damage: error.into(), ..place }.into()),
        }
    }

    fn segment(
        &mut self,
        first: u64,
        is_last: bool,
        bytes: &mut Vec<u8>,
    ) -> Result<LastSegment, LedgerError> {
        let due = self.range.size();
        let finding = |offset: usize, entry: u64, damage: Damage| Finding {
            segment: segment_name(first),
            offset: offset as u64,
            entries: Entries::From(entry),
            damage,
        };
        if first != due {
            return Err(finding(0, due, Damage::MissingSegment(due)).into());
        }
        let file = self
            .disk
            .open(&self.dir.join(segment_name(first)), Access::Write)
            .map_err(LedgerError::reading)?;
        read_all(file.as_ref(), bytes).map_err(LedgerError::reading)?;
        self.recovery.segments_read += 1;
        let scan = scan(bytes);
        let mut new_nodes = Vec::new();
        for (offset, frame) in &scan.frames {
            let stored = |node: &crate::hash::Hash| new_nodes.extend_from_slice(&node.0);
            apply_frame(frame, Some(self.origin), &mut self.range, stored)
                .map_err(|damage| finding(*offset, frame.first_index(), damage))?;
        }
        if let Some((offset, frame)) = scan.frames.last() {
            let place = finding(*offset, frame.end_index() - 1, Damage::Checkpoint(UNSIGNED));
            self.newest = Some((place, frame.checkpoint().to_vec()));
        }
        self.judge_tail(&scan, bytes, is_last)
            .map_err(|damage| finding(scan.end, self.range.size(), damage))?;
        if is_last {
            // Before anything is written: a refused ledger stays as it is.
            self.head = self.newest_signed()?;
        }
        self.nodes.repair(due, &new_nodes).map_err(LedgerError::writing)?;
        if is_last {
            self.settle_tail(file.as_ref(), &scan, bytes)?;
        }
        Ok(LastSegment { first, file, offset: scan.end as u64, capacity: bytes.len() as u64 })
    }

    /// Refuses everything but zeros and, in the last segment, one torn frame.
    fn judge_tail(&self, scan: &Scan<'_>, bytes: &[u8], is_last: bool) -> Result<(), Damage> {
        match scan.tail {
            Tail::Clean => Ok(()),
            Tail::NotASegment => Err(Damage::Magic),
            // The checksum fits, so the write was whole: not a torn frame but a wrong one.
            Tail::Broken { error: Some(FrameError::Malformed), .. } => {
                Err(Damage::Tail(FrameError::Malformed))
            }
            Tail::Broken { .. } if is_last => Ok(()),
            Tail::Broken { error: Some(error), .. } => Err(Damage::Tail(error)),
            Tail::Broken { error: None, .. } => Err(Damage::BehindEnd),
            Tail::BrokenBeforeIntact { error, .. } => {
                // A leaf may hold bytes that look like a frame. Only what our key has signed counts as one.
                let signed = |frame: &Frame<'_>| {
                    UnverifiedCheckpoint::parse(frame.checkpoint()).is_ok_and(|checkpoint| {
                        checkpoint.claim().size == frame.end_index() && checkpoint.check(self.keys).is_ok()
                    })
                };
                match next_intact(bytes, scan.end + 1, self.range.size(), signed) {
                    Some(intact) => Err(Damage::BeforeIntact { intact: intact as u64 }),
                    None if is_last => Ok(()),
                    None => Err(error.map_or(Damage::BehindEnd, Damage::Tail)),
                }
            }
        }
    }

    fn settle_tail(&mut self, file: &dyn DiskFile, scan: &Scan<'_>, bytes: &[u8]) -> Result<(), LedgerError> {
        let rest = bytes.get(scan.end..).unwrap_or_default();
        if let Some(last) = rest.iter().rposition(|byte| *byte != 0) {
            let torn = last as u64 + 1;
            let from = scan.end as u64;
            file.zero_fill(from, from + torn).map_err(LedgerError::writing)?;
            self.recovery.truncated_bytes = torn;
        }
        if let Some((offset, frame)) = scan.frames.last() {
            let frame = bytes.get(*offset..offset + frame.length()).unwrap_or_default();
            file.write_at(*offset as u64, frame).map_err(LedgerError::writing)?;
        }
        file.sync_data().map_err(LedgerError::writing)?;
        self.disk.sync_dir(self.dir).map_err(LedgerError::writing)
    }
}

#[cfg(test)]
mod tests;
