//! The bytes of a segment file: a magic, frames, zeros ahead. Pure functions over bytes, no files.
//! The format stands in `spec/ledger.md`, section "Segments".

use crate::limits::{FRAME_HEADER_BYTES, MAX_BATCH_ENTRIES, MAX_FRAME_BYTES, MAX_LEAF_BYTES, MAX_NOTE_BYTES};

/// The first eight bytes of every segment.
pub const MAGIC: &[u8; 8] = b"PLACSEG1";

/// One commit batch as it stands on disk: its leaves and the checkpoint over the tree that ends with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    first_index: u64,
    count: u32,
    leaves: &'a [u8],
    checkpoint: &'a [u8],
    length: usize,
}

/// The leaves of one frame, in order.
#[derive(Debug, Clone)]
pub struct Leaves<'a> {
    rest: &'a [u8],
}

/// The fixed part in front of every frame; enough to skip it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the whole frame.
    pub(crate) length: usize,
    pub(crate) checksum: u32,
    pub(crate) first_index: u64,
    pub(crate) count: u32,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is impossible or reaches behind the end of the file.
    #[error("the length of the frame is impossible")]
    Length,
    /// The checksum does not fit the bytes.
    #[error("the checksum of the frame does not fit its bytes")]
    Checksum,
    /// The checksum fits, yet the parts do not add up.
    #[error("the parts of the frame do not add up")]
    Malformed,
    /// A frame to be written holds too many or too long parts.
    #[error("a frame holds 1 to 4096 leaves of at most 65535 bytes")]
    TooLarge,
}

/// File name of the segment whose first entry is `first_index`.
#[must_use]
pub fn segment_name(first_index: u64) -> String {
    format!("{first_index:020}.seg")
}

/// Reads what [`segment_name`] writes; `None` for every other name.
#[must_use]
pub fn parse_segment_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Writes one frame into `out`, which is cleared first.
///
/// # Errors
/// [`FrameError::TooLarge`]; `out` is then of no use.
pub fn encode_frame<'l>(
    out: &mut Vec<u8>,
    first_index: u64,
    leaves: impl Iterator<Item = &'l [u8]>,
    checkpoint: &[u8],
) -> Result<(), FrameError> {
    out.clear();
    out.resize(FRAME_HEADER_BYTES, 0);
    let mut count = 0;
    for leaf in leaves {
        put_short(out, leaf)?;
        count += 1;
    }
    seal_frame(out, first_index, count, checkpoint)
}

/// Makes a frame of a buffer that holds room for the header and `count` leaves with their lengths.
pub(crate) fn seal_frame(
    out: &mut Vec<u8>,
    first_index: u64,
    count: usize,
    checkpoint: &[u8],
) -> Result<(), FrameError> {
    put_short(out, checkpoint)?;
    if count == 0 || count > MAX_BATCH_ENTRIES || out.len() > MAX_FRAME_BYTES {
        return Err(FrameError::TooLarge);
    }
    let length = u32::try_from(out.len() - 8).map_err(|_| FrameError::TooLarge)?;
    put_at(out, 0, &length.to_le_bytes());
    put_at(out, 8, &first_index.to_le_bytes());
    put_at(out, 16, &(count as u32).to_le_bytes());
    let checksum = checksum(out).ok_or(FrameError::TooLarge)?;
    put_at(out, 4, &checksum.to_le_bytes());
    Ok(())
}

/// Reads the frame at the start of `bytes`; `None` where the segment ends.
///
/// # Errors
/// Bytes that are neither a frame nor the end.
pub fn decode_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let Some(header) = FrameHeader::read(bytes)? else { return Ok(None) };
    let frame = bytes.get(..header.length).ok_or(FrameError::Length)?;
    if checksum(frame) != Some(header.checksum) {
        return Err(FrameError::Checksum);
    }
    let body = frame.get(FRAME_HEADER_BYTES..).ok_or(FrameError::Malformed)?;
    let mut rest = body;
    for _ in 0..header.count {
        (_, rest) = take_short(rest).ok_or(FrameError::Malformed)?;
    }
    let leaves = body.get(..body.len() - rest.len()).ok_or(FrameError::Malformed)?;
    let (checkpoint, rest) = take_short(rest).ok_or(FrameError::Malformed)?;
    if !rest.is_empty() || header.count == 0 || header.count as usize > MAX_BATCH_ENTRIES {
        return Err(FrameError::Malformed);
    }
    let FrameHeader { first_index, count, length, .. } = header;
    first_index.checked_add(u64::from(count)).ok_or(FrameError::Malformed)?;
    Ok(Some(Frame { first_index, count, leaves, checkpoint, length }))
}

impl<'a> Frame<'a> {
    /// Index of the first entry.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.first_index
    }

    /// Number of entries, at least 1.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Index of the entry that follows.
    #[must_use]
    pub fn end_index(&self) -> u64 {
        self.first_index.saturating_add(u64::from(self.count))
    }

    /// The leaves in order.
    #[must_use]
    pub fn leaves(&self) -> Leaves<'a> {
        Leaves { rest: self.leaves }
    }

    /// The signed checkpoint as stored, unverified.
    #[must_use]
    pub fn checkpoint(&self) -> &'a [u8] {
        self.checkpoint
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (leaf, rest) = take_short(self.rest)?;
        self.rest = rest;
        Some(leaf)
    }
}

impl FrameHeader {
    /// Reads the header; `None` where the segment ends.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some(length) = little_u32(bytes, 0) else { return Ok(None) };
        if length == 0 {
            return Ok(None);
        }
        let length = (length as usize).saturating_add(8);
        if !(FRAME_HEADER_BYTES + 4..=MAX_FRAME_BYTES).contains(&length) {
            return Err(FrameError::Length);
        }
        let first_index = bytes.get(8..16).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        let (Some(checksum), Some(first_index), Some(count)) =
            (little_u32(bytes, 4), first_index, little_u32(bytes, 16))
        else {
            return Err(FrameError::Length);
        };
        Ok(Some(Self { length, checksum, first_index, count }))
    }
}

/// CRC-32C over the length field and everything behind the checksum field.
fn checksum(frame: &[u8]) -> Option<u32> {
    let length = crc32c::crc32c(frame.get(..4)?);
    Some(crc32c::crc32c_append(length, frame.get(8..)?))
}

fn put_short(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), FrameError> {
    const { assert!(MAX_LEAF_BYTES == 65_535 && MAX_NOTE_BYTES == 65_535) };
    let length = u16::try_from(bytes.len()).map_err(|_| FrameError::TooLarge)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn take_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

fn put_at(out: &mut [u8], offset: usize, value: &[u8]) {
    if let Some(field) = out.get_mut(offset..offset + value.len()) {
        field.copy_from_slice(value);
    }
}

fn little_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut out = Vec::new();
        let leaves: [&[u8]; 3] = [b"a", b"", b"ccc"];
        encode_frame(&mut out, 7, leaves.into_iter(), b"note").unwrap();
        out
    }

    #[test]
    fn a_frame_comes_back() {
        let bytes = frame();
        let frame = decode_frame(&bytes).unwrap().unwrap();
        assert_eq!((frame.first_index(), frame.count(), frame.length()), (7, 3, bytes.len()));
        assert_eq!(frame.leaves().collect::<Vec<_>>(), [b"a".as_slice(), b"", b"ccc"]);
        assert_eq!(frame.checkpoint(), b"note");
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let bytes = frame();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(decode_frame(&changed), Ok(Some(_))), "bit {bit}");
        }
        for cut in 4..bytes.len() {
            assert!(decode_frame(&bytes[..cut]).is_err(), "cut {cut}");
        }
    }

    #[test]
    fn zeros_and_the_last_three_bytes_of_a_file_are_the_end() {
        assert_eq!(decode_frame(&[0; 64]), Ok(None));
        assert_eq!(decode_frame(&[0; 3]), Ok(None));
        assert_eq!(decode_frame(&[]), Ok(None));
    }

    #[test]
    fn too_long_a_leaf_and_an_empty_batch_are_refused() {
        let long = vec![0; MAX_LEAF_BYTES + 1];
        let mut out = Vec::new();
        assert_eq!(encode_frame(&mut out, 0, [long.as_slice()].into_iter(), b""), Err(FrameError::TooLarge));
        assert_eq!(encode_frame(&mut out, 0, std::iter::empty(), b""), Err(FrameError::TooLarge));
        assert!(encode_frame(&mut out, 0, [&long[1..]].into_iter(), b"").is_ok());
    }

    #[test]
    fn only_twenty_digits_name_a_segment() {
        assert_eq!(parse_segment_name(&segment_name(42)), Some(42));
        assert_eq!(segment_name(42), "00000000000000000042.seg");
        for name in ["42.seg", "00000000000000000042", "+0000000000000000042.seg", "99999999999999999999.seg"]
        {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
    }
}
