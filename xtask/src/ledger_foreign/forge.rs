//! A forger who knows the format: changes a receipt and makes the frame's checksum fit again. Only the tree and the
//! signature over it can tell. The format is written in `spec/ledger.md`.

use super::{TOOL, find};
use crate::failure::Failure;

/// Bytes in front of the first frame.
const MAGIC: usize = 8;

/// Changes the first receipt that names the tool.
pub(super) fn a_receipt(segment: &mut [u8]) -> Result<(), Failure> {
    let broken = |what: &str| Failure::Broke(format!("the segment holds {what}"));
    let at = find(segment, TOOL).ok_or_else(|| broken("no receipt that names the tool"))?;
    let mut start = MAGIC;
    loop {
        let length =
            segment.get(start..start + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        // The length does not count itself and the checksum.
        let end =
            start + 8 + length.filter(|length| *length > 0).ok_or_else(|| broken("no such frame"))? as usize;
        if at < end {
            let frame = segment.get_mut(start..end).ok_or_else(|| broken("a frame that is cut"))?;
            frame.get_mut(at - start).into_iter().for_each(|byte| *byte ^= 1);
            let fitting = checksum(frame).to_le_bytes();
            frame.iter_mut().skip(4).zip(fitting).for_each(|(byte, fitting)| *byte = fitting);
            return Ok(());
        }
        start = end;
    }
}

/// CRC-32C over everything but the checksum itself.
fn checksum(frame: &[u8]) -> u32 {
    let covered = frame.iter().take(4).chain(frame.iter().skip(8));
    let folded = covered.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    });
    !folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of CRC-32C is that of "123456789"; the four bytes in the middle are not covered.
        assert_eq!(checksum(b"1234....56789"), 0xe306_9283);
    }
}
