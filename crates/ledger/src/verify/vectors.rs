//! The published vectors in `spec/vectors/ledger`, checked file by file.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::{
    ConsistencyProof, Hash, InclusionProof, LogKey, SignedCheckpoint, UnverifiedCheckpoint, VerifierKey,
    leaf_hash, verify_dir, verify_proof,
};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/ledger").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

fn vkey() -> VerifierKey {
    text("key.vkey").trim_end().parse().unwrap()
}

fn tree() -> Value {
    serde_json::from_str(&text("tree.json")).unwrap()
}

fn hash(value: &Value) -> Hash {
    value.as_str().unwrap().parse().unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

#[test]
fn the_published_ledger_verifies_also_from_an_older_checkpoint() {
    let keys = [vkey()];
    let older = text("older.checkpoint");
    let older = UnverifiedCheckpoint::parse(older.as_bytes()).unwrap();
    let report = verify_dir(&file("good"), &keys, Some(&older)).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.entries, report.checkpoints, older.claim().size), (7, 7, 4));
    let head = SignedCheckpoint::open(text("head.checkpoint").as_bytes(), &keys).unwrap();
    assert_eq!(report.head.as_ref(), Some(head.checkpoint()));
}

#[test]
fn the_published_receipt_verifies() {
    let leaf = fs::read(file("entry-2.leaf")).unwrap();
    let proven = verify_proof(&text("entry-2.tlog-proof"), &leaf, &vkey()).unwrap();
    assert_eq!((proven.index, proven.checkpoint.size()), (2, 7));
}

#[test]
fn the_published_tree_has_our_hashes_roots_and_proofs() {
    let tree = tree();
    let leaves: Vec<_> =
        tree["leaves"].as_array().unwrap().iter().map(|leaf| leaf.as_str().unwrap()).collect();
    let leaf_hashes = hashes(&tree["leaf_hashes"]);
    let roots = hashes(&tree["roots_by_size"]);
    let (mut range, mut nodes) = (crate::CompactRange::new(), Vec::new());
    assert_eq!(range.root(), roots[0]);
    for (index, leaf) in leaves.iter().enumerate() {
        assert_eq!(leaf_hash(leaf.as_bytes()), leaf_hashes[index]);
        range.append(leaf_hashes[index], |node| nodes.push(*node));
        assert_eq!(range.root(), roots[index + 1]);
    }
    assert_eq!(nodes, hashes(&tree["nodes_in_stored_order"]));
    for proof in tree["inclusion"].as_array().unwrap() {
        let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
        let ours = InclusionProof { index, size, hashes: hashes(&proof["path"]) };
        ours.verify(&leaf_hashes[index as usize], &roots[size as usize]).unwrap();
    }
    for proof in tree["consistency"].as_array().unwrap() {
        let (from, to) = (proof["from"].as_u64().unwrap(), proof["to"].as_u64().unwrap());
        let ours = ConsistencyProof { from, to, hashes: hashes(&proof["path"]) };
        ours.verify(&roots[from as usize], &roots[to as usize]).unwrap();
    }
}

#[test]
fn the_published_checkpoints_are_what_the_published_seed_signs() {
    let tree = tree();
    let key = LogKey::from_seed(tree["origin"].as_str().unwrap(), &[0x42; 32]).unwrap();
    assert_eq!(key.verifier(), &vkey());
    for (size, note) in tree["checkpoints_by_size"].as_array().unwrap().iter().enumerate() {
        let root = hash(&tree["roots_by_size"][size]);
        assert_eq!(SignedCheckpoint::sign(size as u64, root, &key).note(), note.as_str().unwrap());
    }
}

#[test]
fn the_published_ledger_with_changed_keys_verifies_from_each_of_them_and_the_false_ones_from_none() {
    let mut false_ones = 0;
    for case in fs::read_dir(file("rotated")).unwrap().map(|case| case.unwrap()) {
        if !case.file_type().unwrap().is_dir() {
            continue;
        }
        let good = case.file_name() == "good";
        false_ones += usize::from(!good);
        for key in ["first.vkey", "second.vkey", "newest.vkey"] {
            let pinned = text(&format!("rotated/{key}")).trim_end().parse().unwrap();
            let report = verify_dir(&case.path(), &[pinned], None).unwrap();
            assert_eq!(report.is_sound(), good, "{case:?} with {key}: {report:?}");
            assert_eq!(report.keys.len() == 3, good, "{case:?} with {key}: {report:?}");
        }
    }
    assert_eq!(false_ones, 9);
}
