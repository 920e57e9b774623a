//! Archives of ledgers that a real writer wrote.

use std::sync::{Arc, mpsc};

use placet_ledger::{Ledger, LedgerConfig, LogKey, disk::RealDisk, verify_proof};

use super::*;

fn key() -> LogKey {
    LogKey::from_seed("test.example/log", &[3; 32]).unwrap()
}

/// A ledger of so many receipts, closed again.
fn written(dir: &Path, receipts: usize) {
    let config = LedgerConfig::new(dir, "test.example/log");
    let ledger = Ledger::open(config, key(), Arc::new(RealDisk)).unwrap().ledger;
    for number in 0..receipts {
        let (done, answered) = mpsc::channel();
        let leaf = format!(r#"{{"call":"cal_{}","id":"rcp_{number}"}}"#, number / 2);
        ledger.append(leaf.into_bytes(), None, Box::new(move |fate| done.send(fate.is_ok()).unwrap()));
        assert!(answered.recv().unwrap());
    }
    ledger.close();
}

#[test]
fn every_entry_is_found_and_proved_with_the_pinned_key() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 7);
    let keys = [key().verifier().clone()];
    let archive = Archive::read(dir.path(), &keys, |_| true).unwrap();
    assert_eq!((archive.found.len(), archive.head.size()), (7, 7));
    for entry in &archive.found {
        let proof = archive.proof(entry.index).unwrap();
        let proven = verify_proof(&proof, entry.leaf.as_bytes(), &keys[0]).unwrap();
        assert_eq!(proven.index, entry.index);
    }
    let other = archive.proof(0).unwrap();
    assert!(verify_proof(&other, archive.found[1].leaf.as_bytes(), &keys[0]).is_err());
}

#[test]
fn a_receipt_is_found_by_its_id_and_a_call_by_its() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 6);
    let keys = [key().verifier().clone()];
    let one = Archive::read(dir.path(), &keys, |leaf| is_about(leaf, "rcp_3")).unwrap();
    assert_eq!(one.found.iter().map(|entry| entry.index).collect::<Vec<_>>(), [3]);
    let two = Archive::read(dir.path(), &keys, |leaf| is_about(leaf, "cal_2")).unwrap();
    assert_eq!(two.found.iter().map(|entry| entry.index).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn a_changed_byte_or_a_foreign_key_is_an_integrity_failure() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 3);
    let foreign = LogKey::from_seed("test.example/log", &[4; 32]).unwrap();
    let refused = Archive::read(dir.path(), &[foreign.verifier().clone()], |_| true).unwrap_err();
    assert_eq!(refused.exit(), Exit::Integrity);

    let path = segments(dir.path()).unwrap().remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(5).position(|part| part == b"rcp_0").unwrap();
    bytes[place + 4] = b'9';
    std::fs::write(&path, bytes).unwrap();
    let refused = Archive::read(dir.path(), &[key().verifier().clone()], |_| true).unwrap_err();
    assert!(matches!(refused.exit(), Exit::Integrity | Exit::NotFound), "{refused}");
}

#[test]
fn a_home_without_a_ledger_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [key().verifier().clone()];
    assert_eq!(Archive::read(dir.path(), &keys, |_| true).unwrap_err().exit(), Exit::NotFound);
    assert_eq!(super::keys(&[], dir.path()).unwrap_err().exit(), Exit::NotFound);
    assert_eq!(super::keys(&["nonsense".to_owned()], dir.path()).unwrap_err().exit(), Exit::Usage);
    let text = key().verifier().to_string();
    assert_eq!(super::keys(&[text], dir.path()).unwrap(), keys);
}
