use proptest::prelude::*;

use super::*;
use crate::disk::MemoryDisk;
use crate::world::{append, disk_with, open, path, segment, verify};

fn two_frames() -> (Vec<u8>, Vec<usize>) {
    let (bytes, offsets, _) = segment(&[&[b"one", b"two"], &[b"three"]]);
    (bytes, offsets)
}

#[test]
fn a_sound_segment_reads_as_its_frames() {
    let (bytes, offsets) = two_frames();
    let scan = scan(&bytes);
    assert_eq!(scan.frames.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), offsets[..2]);
    assert_eq!((scan.end, scan.tail), (offsets[2], Tail::Clean));
}

#[test]
fn a_last_frame_torn_at_any_byte_is_cut_and_the_ledger_goes_on() {
    let (bytes, offsets) = two_frames();
    for written in offsets[1] + 1..offsets[2] {
        let mut torn = bytes.clone();
        torn[written..].fill(0);
        // A prefix of a frame that already ends in its own zeros is the whole frame.
        let disk = disk_with(torn.clone());
        let opened = open(&disk).unwrap();
        let whole = torn == bytes;
        assert_eq!(opened.recovery.entries, if whole { 3 } else { 2 }, "written to {written}");
        assert_eq!(opened.recovery.truncated_bytes > 0, !whole, "written to {written}");
        append(&opened.ledger, b"next").unwrap();
        drop(opened);
        assert!(verify(&disk, None).is_sound(), "written to {written}");
    }
}

#[test]
fn a_last_frame_whose_front_was_lost_is_cut() {
    let (bytes, offsets) = two_frames();
    let mut torn = bytes;
    torn[offsets[1]..offsets[1] + 40].fill(0);
    let disk = disk_with(torn);
    assert!(!verify(&disk, None).is_sound());
    let opened = open(&disk).unwrap();
    assert_eq!(opened.recovery.entries, 2);
    assert!(opened.recovery.truncated_bytes > 0);
}

#[test]
fn a_bad_frame_before_a_good_one_is_refused() {
    let (bytes, offsets) = two_frames();
    for position in offsets[0]..offsets[1] {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        let before = damaged.clone();
        let disk = disk_with(damaged);
        let error = open(&disk).unwrap_err().to_string();
        assert!(error.contains("before an intact one"), "{position}: {error}");
        assert_eq!(disk.read(&path(&segment_name(0))).unwrap(), before, "a refused ledger stays as it is");
    }
}

#[test]
fn bytes_that_look_like_a_frame_inside_a_leaf_do_not_stop_recovery() {
    let (fake, offsets, _) = segment(&[&[b"a"], &[b"b"], &[b"c"], &[b"d"]]);
    // A frame of later entries whose checkpoint our key never signed.
    let mut forged = Vec::new();
    let foreign = crate::LogKey::from_seed(crate::world::ORIGIN, &[9; 32]).unwrap();
    let checkpoint = SignedCheckpoint::sign(9, crate::Hash([0; 32]), &foreign);
    crate::encode_frame(&mut forged, 8, [b"x".as_slice()].into_iter(), checkpoint.note().as_bytes()).unwrap();
    let (bytes, ends, _) = segment(&[&[b"one"], &[&forged]]);
    let mut torn = bytes;
    torn[ends[1] + 4] ^= 1;
    assert_eq!(open(&disk_with(torn)).unwrap().recovery.entries, 1);
    assert_eq!(scan(&fake).frames.len() + 1, offsets.len());
}

#[test]
fn a_whole_frame_that_does_not_fit_the_tree_is_refused() {
    let (bytes, offsets, _) = segment(&[&[b"one"], &[b"two"]]);
    let (other, _, _) = segment(&[&[b"uno"], &[b"two"]]);
    let mut mixed = bytes.clone();
    mixed[..offsets[1]].copy_from_slice(&other[..offsets[1]]);
    let error = open(&disk_with(mixed)).unwrap_err().to_string();
    assert!(error.contains("do not give the root"), "{error}");

    let mut repeated = bytes[..offsets[2]].to_vec();
    repeated.extend_from_slice(&bytes[offsets[1]..]);
    let error = open(&disk_with(repeated)).unwrap_err().to_string();
    assert!(error.contains("begins with entry 1, due is 2"), "{error}");
}

#[test]
fn a_file_that_is_no_segment_and_a_name_that_is_none_are_refused() {
    let (mut bytes, _) = two_frames();
    bytes[3] = b'x';
    assert!(open(&disk_with(bytes)).unwrap_err().to_string().contains("not a segment"));
    let disk = MemoryDisk::new();
    disk.write(&path("1.seg"), Vec::new());
    assert!(open(&disk).unwrap_err().to_string().contains("file name"));
}

#[test]
fn segments_that_vanished_are_missed() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    append(&opened.ledger, b"one").unwrap();
    drop(opened);
    disk.remove(&path(&segment_name(0))).unwrap();
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.contains("entry 0 is missing"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_the_scan_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..2_000), magic: bool) {
        if magic && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(MAGIC);
        }
        let scan = scan(&bytes);
        prop_assert!(scan.end <= bytes.len());
    }

    #[test]
    fn no_change_to_a_segment_makes_the_scan_or_recovery_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut bytes, _) = two_frames();
        for (position, value) in changes {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = scan(&bytes);
        if let Ok(opened) = open(&disk_with(bytes)) {
            prop_assert!(opened.recovery.entries <= 3);
        }
    }
}
