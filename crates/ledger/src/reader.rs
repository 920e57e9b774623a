//! Reading entries and proofs back from the disk, beside the writer and without its locks.
//! It never looks at entries that are not committed.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Access, Disk, DiskFile};
use crate::ledger::LedgerError;
use crate::limits::FRAME_HEADER_BYTES;
use crate::segment::{FrameError, FrameHeader, MAGIC, decode_frame, segment_name};

/// One mark is kept for so many bytes of a segment.
const MARK_BYTES: u64 = 64 * 1024;
/// Segments whose marks are kept.
const MARKED_SEGMENTS: usize = 8;

#[derive(Debug)]
pub(crate) struct Reader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segments: Mutex<Vec<u64>>,
    /// Recently used segments, the latest last.
    marked: Mutex<Vec<Marked>>,
}

/// Where some frames of a segment begin, so that a search does not walk all of them.
#[derive(Debug)]
struct Marked {
    first: u64,
    file: Arc<dyn DiskFile>,
    /// First index and offset of frames, ascending; at least one.
    marks: Vec<(u64, u64)>,
}

/// The entries of a range in order, read frame by frame.
#[derive(Debug)]
pub struct EntryIter {
    reader: Arc<Reader>,
    range: Range<u64>,
    loaded: VecDeque<Vec<u8>>,
}

impl Reader {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, segments: Vec<u64>) -> Self {
        Self { disk, dir, segments: Mutex::new(segments), marked: Mutex::default() }
    }

    pub(crate) fn add_segment(&self, first: u64) {
        lock(&self.segments).push(first);
    }

    /// The leaf of a committed entry.
    pub(crate) fn leaf(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let (first, bytes) = self.frame_of(index)?;
        let frame = decode_frame(&bytes)?.ok_or(FrameError::Malformed)?;
        let position = usize::try_from(index - first).map_err(|_| FrameError::Malformed)?;
        Ok(frame.leaves().nth(position).ok_or(FrameError::Malformed)?.to_vec())
    }

    /// The entries of a committed range.
    pub(crate) fn entries(self: Arc<Self>, range: Range<u64>) -> EntryIter {
        EntryIter { reader: self, range, loaded: VecDeque::new() }
    }

    /// First index and bytes of the frame that holds the entry.
    fn frame_of(&self, index: u64) -> Result<(u64, Vec<u8>), LedgerError> {
        let mut marked = self.marked_segment(index)?;
        let after = marked.marks.partition_point(|(first, _)| *first <= index);
        let mut place = marked.marks.get(after.saturating_sub(1)).copied().ok_or(FrameError::Malformed)?;
        let mut header = [0; FRAME_HEADER_BYTES];
        let found = loop {
            marked.file.read_at(place.1, &mut header).map_err(LedgerError::reading)?;
            let header = FrameHeader::read(&header)?.ok_or(FrameError::Malformed)?;
            if header.first_index != place.0 {
                return Err(FrameError::Malformed.into());
            }
            let next = place.0 + u64::from(header.count);
            if index < next {
                break header;
            }
            place = (next, place.1 + header.length as u64);
            if marked.marks.last().is_some_and(|(first, at)| next > *first && place.1 >= at + MARK_BYTES) {
                marked.marks.push(place);
            }
        };
        let mut bytes = vec![0; found.length];
        marked.file.read_at(place.1, &mut bytes).map_err(LedgerError::reading)?;
        self.keep(marked);
        Ok((place.0, bytes))
    }

    fn marked_segment(&self, index: u64) -> Result<Marked, LedgerError> {
        let segments = lock(&self.segments);
        let after = segments.partition_point(|first| *first <= index);
        let first = segments.get(after.wrapping_sub(1)).copied().unwrap_or(0);
        drop(segments);
        let mut marked = lock(&self.marked);
        if let Some(position) = marked.iter().position(|marked| marked.first == first) {
            return Ok(marked.remove(position));
        }
        drop(marked);
        let file = self
            .disk
            .open(&self.dir.join(segment_name(first)), Access::Read)
            .map_err(LedgerError::reading)?;
        Ok(Marked { first, file, marks: vec![(first, MAGIC.len() as u64)] })
    }

    fn keep(&self, segment: Marked) {
        let mut marked = lock(&self.marked);
        marked.retain(|other| other.first != segment.first);
        if marked.len() >= MARKED_SEGMENTS {
            marked.remove(0);
        }
        marked.push(segment);
    }
}

impl EntryIter {
    fn load(&mut self) -> Result<(), LedgerError> {
        let (first, bytes) = self.reader.frame_of(self.range.start)?;
        let frame = decode_frame(&bytes)?.ok_or(FrameError::Malformed)?;
        let skip = usize::try_from(self.range.start - first).map_err(|_| FrameError::Malformed)?;
        self.loaded = frame.leaves().skip(skip).map(<[u8]>::to_vec).collect();
        Ok(())
    }
}

impl Iterator for EntryIter {
    type Item = Result<(u64, Vec<u8>), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.range.is_empty() {
            return None;
        }
        if self.loaded.is_empty()
            && let Err(error) = self.load()
        {
            self.range.end = self.range.start;
            return Some(Err(error));
        }
        let index = self.range.next()?;
        Some(self.loaded.pop_front().map(|leaf| (index, leaf)).ok_or_else(|| FrameError::Malformed.into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
