//! Segments: any bytes have a structure, and the intact part of it is read again the same way.

use placet_ledger::{MAGIC, Tail, encode_frame, scan};

pub(crate) fn check(bytes: &[u8]) {
    let found = scan(bytes);
    if found.tail == Tail::NotASegment {
        assert!(!bytes.starts_with(MAGIC) && found.frames.is_empty());
        return;
    }
    let mut at = MAGIC.len();
    let mut written = Vec::new();
    for (offset, frame) in &found.frames {
        assert_eq!(*offset, at, "frames follow each other without gaps");
        encode_frame(&mut written, frame.first_index(), frame.leaves(), frame.checkpoint())
            .expect("a frame that was read can be written");
        at += frame.length();
        assert_eq!(bytes.get(*offset..at), Some(written.as_slice()), "a frame has one form");
    }
    assert_eq!(found.end, at);
    let intact = bytes.get(..found.end).expect("the end is within the bytes");
    let again = scan(intact);
    assert_eq!((again.frames.len(), again.end, again.tail), (found.frames.len(), found.end, Tail::Clean));
}
