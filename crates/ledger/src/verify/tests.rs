use super::*;
use crate::SignedCheckpoint;
use crate::disk::MemoryDisk;
use crate::world::{append, disk_with, key, keys, open, path, segment, verify};

#[test]
fn a_sound_ledger_is_accepted_with_every_entry_counted() {
    let (bytes, _, checkpoints) = segment(&[&[b"one", b"two"], &[b"three"]]);
    let disk = disk_with(bytes);
    for known in [None, Some(&checkpoints[0]), Some(&checkpoints[1])] {
        let report = verify(&disk, known);
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.entries, report.checkpoints), (3, 2));
        assert_eq!(report.head.as_ref(), Some(checkpoints[1].checkpoint()));
    }
}

#[test]
fn a_flip_of_any_byte_is_found_zeros_ahead_included() {
    let (bytes, offsets, _) = segment(&[&[b"one", b"two"], &[b"three"]]);
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0x04;
        let report = verify(&disk_with(changed), None);
        let finding = report.first_bad.unwrap_or_else(|| panic!("byte {position} was not missed"));
        let frame = offsets.iter().rposition(|offset| *offset <= position);
        assert_eq!(report.entries, frame.map_or(0, |frame| [0, 2, 3][frame]), "byte {position}: {finding}");
    }
}

/// An attacker who can write the file and knows the format, but not the key.
fn forge(batches: &[&[&[u8]]], genuine: &[SignedCheckpoint]) -> MemoryDisk {
    let mut bytes = crate::MAGIC.to_vec();
    let (mut first, mut frame) = (0, Vec::new());
    for (batch, checkpoint) in batches.iter().zip(genuine) {
        let note = checkpoint.note().as_bytes();
        crate::encode_frame(&mut frame, first, batch.iter().copied(), note).unwrap();
        bytes.extend_from_slice(&frame);
        first += batch.len() as u64;
    }
    disk_with(bytes)
}

#[test]
fn edited_reordered_and_dropped_entries_are_found_behind_correct_checksums() {
    let genuine: [&[&[u8]]; 3] = [&[b"one", b"two"], &[b"three", b"four"], &[b"five"]];
    let (_, _, checkpoints) = segment(&genuine);
    let found = |batches: &[&[&[u8]]], kept: &[SignedCheckpoint]| {
        let report = verify(&forge(batches, kept), None);
        (report.entries, report.first_bad.map(|finding| finding.to_string()).unwrap_or_default())
    };
    let (entries, text) = found(&[genuine[0], &[b"three", b"FOUR"], genuine[2]], &checkpoints);
    assert!(entries == 2 && text.contains("entries 2 to 3") && text.contains("root"), "{text}");
    let (_, text) = found(&[genuine[0], &[b"four", b"three"], genuine[2]], &checkpoints);
    assert!(text.contains("entries 2 to 3") && text.contains("root"), "{text}");
    let (_, text) = found(&[genuine[0], &[b"four"], genuine[2]], &checkpoints);
    assert!(text.contains("states 4 entries, the tree has 3"), "{text}");
    let (_, text) = found(&[genuine[1], genuine[0], genuine[2]], &checkpoints);
    assert!(text.contains("entries 0 to 1") && text.contains("root"), "{text}");
    let (_, text) = found(&[genuine[0], genuine[2]], &[checkpoints[0].clone(), checkpoints[2].clone()]);
    assert!(text.contains("states 5 entries, the tree has 3"), "{text}");
}

#[test]
fn the_edited_entry_is_named_if_its_hash_was_kept() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    for leaf in [b"one".as_slice(), b"two", b"three"] {
        append(&opened.ledger, leaf).unwrap();
    }
    drop(opened);
    let genuine: [&[&[u8]]; 1] = [&[b"one", b"two", b"three"]];
    let (_, _, checkpoints) = segment(&genuine);
    let forged = forge(&[&[b"one", b"TWO", b"three"]], &checkpoints);
    forged.write(&path(HASHES_FILE), disk.read(&path(HASHES_FILE)).unwrap());
    let report = verify(&forged, None);
    assert_eq!(report.first_bad.unwrap().entries, Entries::One(1));
}

#[test]
fn entries_removed_at_the_end_are_found_with_an_older_checkpoint_only() {
    let (bytes, offsets, checkpoints) = segment(&[&[b"one", b"two"], &[b"three"]]);
    let disk = disk_with(bytes[..offsets[1]].to_vec());
    assert!(verify(&disk, None).is_sound());
    assert!(verify(&disk, Some(&checkpoints[0])).is_sound());
    let finding = verify(&disk, Some(&checkpoints[1])).first_bad.unwrap();
    assert_eq!(finding.damage, Damage::Truncated { known: 3, found: 2 });
    assert_eq!(finding.entries, Entries::From(2));
}

#[test]
fn a_history_rewritten_with_the_right_key_is_found_with_an_older_checkpoint() {
    let (_, _, checkpoints) = segment(&[&[b"one"], &[b"two"]]);
    let (rewritten, _, _) = segment(&[&[b"one", b"TWO"], &[b"three"]]);
    let disk = disk_with(rewritten);
    assert!(verify(&disk, None).is_sound());
    assert!(verify(&disk, Some(&checkpoints[0])).is_sound());
    let finding = verify(&disk, Some(&checkpoints[1])).first_bad.unwrap();
    assert_eq!(finding.damage, Damage::KnownRoot(2));
}

#[test]
fn only_pinned_keys_count_and_an_older_key_may_be_pinned_beside() {
    let (bytes, _, _) = segment(&[&[b"one"]]);
    let disk = disk_with(bytes);
    let other = [crate::LogKey::from_seed(key().name(), &[9; 32]).unwrap().verifier().clone()];
    let dir = crate::world::dir();
    let report = verify_on(&disk, &dir, &other, None).unwrap();
    assert!(matches!(report.first_bad.unwrap().damage, Damage::Checkpoint(_)));
    let both = [other[0].clone(), keys()[0].clone()];
    assert!(verify_on(&disk, &dir, &both, None).unwrap().is_sound());
    assert!(matches!(verify_on(&disk, &dir, &[], None), Err(VerifyError::NoKeys)));
    assert!(matches!(verify_on(&MemoryDisk::new(), &dir, &both, None), Err(VerifyError::NoLedger)));
}

#[test]
fn a_missing_segment_is_named() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    let leaf = vec![7; 30_000];
    while opened.ledger.head().size() < 9 {
        append(&opened.ledger, &leaf).unwrap();
    }
    drop(opened);
    let mut segments = list_segments(&disk, &crate::world::dir()).unwrap();
    assert!(segments.len() > 3);
    let report = verify(&disk, None);
    assert!(report.is_sound() && report.entries == 9 && !report.hashes_stale, "{report:?}");
    let gone = segments.remove(1);
    disk.remove(&path(&segment_name(gone))).unwrap();
    assert_eq!(verify(&disk, None).first_bad.unwrap().damage, Damage::MissingSegment(gone));
}

#[test]
fn stale_hashes_are_reported_and_are_no_damage() {
    let disk = MemoryDisk::new();
    let opened = open(&disk).unwrap();
    append(&opened.ledger, b"one").unwrap();
    drop(opened);
    let mut hashes = disk.read(&path(HASHES_FILE)).unwrap();
    hashes[5] ^= 1;
    disk.write(&path(HASHES_FILE), hashes);
    let report = verify(&disk, None);
    assert!(report.is_sound() && report.hashes_stale);
}
