//! Proofs: nothing proves but what the key has signed, and what is read is written the same way.
//! The bytes are the text of a proof, a zero byte, and the leaf.

use placet_ledger::{LogKey, Note, Proof, UnverifiedCheckpoint, VerifierKey, verify_proof};

const NAME: &str = "fuzz.placet.dev/ledger";
pub(crate) const LEAVES: [&[u8]; 3] = [b"{\"kind\":\"decision\"}", b"{\"kind\":\"outcome\"}", b""];

pub(crate) fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (head, leaf) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let _ = Note::parse(head);
    let _ = UnverifiedCheckpoint::parse(head);
    let Ok(text) = std::str::from_utf8(head) else { return };
    let _ = text.trim().parse::<VerifierKey>();
    let Ok(proof) = Proof::parse(text) else { return };
    let again = Proof::parse(&proof.to_text()).expect("a written proof can be read");
    assert_eq!(again, proof);
    if let Ok(proven) = verify_proof(text, leaf, key().verifier()) {
        let index = usize::try_from(proven.index).expect("the tree is small");
        assert_eq!(LEAVES.get(index).copied(), Some(leaf), "something was proven that was never signed");
    }
}

pub(crate) fn key() -> LogKey {
    LogKey::from_seed(NAME, &[7; 32]).expect("the name is a name")
}
