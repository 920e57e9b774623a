use super::*;
use crate::disk::MemoryDisk;
use crate::world::{append, key, open};

fn proof_of_third() -> (String, &'static [u8]) {
    let opened = open(&MemoryDisk::new()).unwrap();
    for leaf in [b"one".as_slice(), b"two", b"three", b"four", b"five"] {
        append(&opened.ledger, leaf).unwrap();
    }
    (opened.ledger.proof(2).unwrap().to_text(), b"three")
}

#[test]
fn a_proof_verifies_from_its_text_alone() {
    let (text, leaf) = proof_of_third();
    let proven = verify_proof(&text, leaf, key().verifier()).unwrap();
    assert_eq!((proven.index, proven.checkpoint.size()), (2, 5));
    assert_eq!(Proof::parse(&text).unwrap().to_text(), text);
}

#[test]
fn a_proof_does_not_fit_another_leaf_or_another_key() {
    let (text, leaf) = proof_of_third();
    assert_eq!(
        verify_proof(&text, b"four", key().verifier()),
        Err(ProofError::Merkle(MerkleError::WrongRoot))
    );
    let other = crate::LogKey::from_seed(key().name(), &[8; 32]).unwrap();
    assert!(matches!(verify_proof(&text, leaf, other.verifier()), Err(ProofError::Checkpoint(_))));
}

#[test]
fn every_changed_byte_of_a_proof_is_refused() {
    let (text, leaf) = proof_of_third();
    for position in 0..text.len() {
        for flip in [0x01, 0x20] {
            let mut changed = text.clone().into_bytes();
            changed[position] ^= flip;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(verify_proof(&changed, leaf, key().verifier()).is_err(), "byte {position} in\n{changed}");
        }
    }
}

#[test]
fn extra_data_is_carried_and_ignored() {
    let (text, leaf) = proof_of_third();
    let text = Proof::parse(&text).unwrap().with_extra(b"{}".to_vec()).to_text();
    assert!(text.contains("\nextra e30=\nindex 2\n"));
    verify_proof(&text, leaf, key().verifier()).unwrap();
    assert_eq!(Proof::parse(&text).unwrap().extra(), Some(b"{}".as_slice()));
}

#[test]
fn malformed_texts_are_refused() {
    let (text, _) = proof_of_third();
    for bad in [
        String::new(),
        text.replace("@v1", "@v2"),
        text.replace("index 2", "index 02"),
        text.replace("index 2", "index +2"),
        text.replace("index 2", "index"),
        text.replacen('\n', "\r\n", 1),
        text.replace("index 2", "extra !\nindex 2"),
        text.replace("index 2\n", "index 2\nAAAA\n"),
    ] {
        assert!(matches!(Proof::parse(&bad), Err(ProofError::Malformed(_))), "{bad}");
    }
}
