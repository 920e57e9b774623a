use proptest::prelude::*;
use tlog_tiles::tlog;

use super::*;
use crate::hash::leaf_hash;
use crate::world::tree;

/// The leaves and roots that the Certificate Transparency projects test with.
const RFC_LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const RFC_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn numbered(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|n| n.to_be_bytes().to_vec()).collect()
}

struct Nodes(Vec<Hash>);

impl Nodes {
    fn node(&self) -> impl Fn(u32, u64) -> Result<Hash, MerkleError> {
        |level, index| Ok(self.0[stored_index(level, index) as usize])
    }
}

impl tlog::HashReader for Nodes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| tlog::Hash(self.0[*index as usize].0)).collect())
    }
}

fn root_of(nodes: &Nodes, size: u64) -> Hash {
    CompactRange::load(size, nodes.node()).unwrap().root()
}

#[test]
fn the_roots_of_the_certificate_transparency_vectors_come_out() {
    let mut range = CompactRange::new();
    assert_eq!(range.root(), EMPTY_ROOT);
    for (leaf, root) in RFC_LEAVES.iter().zip(RFC_ROOTS) {
        range.append(leaf_hash(leaf), |_| {});
        assert_eq!(range.root().to_string(), root);
    }
}

#[test]
fn nodes_are_stored_one_after_the_other_and_counted() {
    let (range, nodes) = tree(numbered(70));
    let nodes = Nodes(nodes);
    for size in 0..=70 {
        assert_eq!(stored_count(size), tlog::stored_hash_count(size));
        assert_eq!(CompactRange::load(size, nodes.node()).unwrap().size(), size);
    }
    for level in 0..6 {
        for index in 0..(70 >> level) {
            assert_eq!(stored_index(level, index), tlog::stored_hash_index(level as u8, index));
        }
    }
    assert_eq!(CompactRange::load(70, nodes.node()), Ok(range));
}

#[test]
fn an_independent_implementation_agrees_on_roots_and_proofs() {
    let nodes = Nodes(tree(numbered(70)).1);
    for size in 1..=70 {
        let root = root_of(&nodes, size);
        assert_eq!(tlog::tree_hash(size, &nodes).unwrap().0, root.0);
        for index in 0..size {
            let ours = InclusionProof::build(index, size, nodes.node()).unwrap();
            let theirs = tlog::prove_record(size, index, &nodes).unwrap();
            assert_eq!(
                ours.hashes.iter().map(|h| h.0).collect::<Vec<_>>(),
                theirs.iter().map(|h| h.0).collect::<Vec<_>>()
            );
            let leaf = nodes.0[stored_index(0, index) as usize];
            tlog::check_record(&theirs, size, tlog::Hash(root.0), index, tlog::Hash(leaf.0)).unwrap();
            let ours = ConsistencyProof::build(index + 1, size, nodes.node()).unwrap();
            let theirs = tlog::prove_tree(size, index + 1, &nodes).unwrap();
            assert_eq!(
                ours.hashes.iter().map(|h| h.0).collect::<Vec<_>>(),
                theirs.iter().map(|h| h.0).collect::<Vec<_>>()
            );
            ours.verify(&root_of(&nodes, index + 1), &root).unwrap();
        }
    }
}

#[test]
fn proofs_outside_the_tree_are_refused() {
    let nodes = Nodes(tree(numbered(4)).1);
    assert_eq!(InclusionProof::build(4, 4, nodes.node()), Err(MerkleError::OutOfRange));
    assert_eq!(ConsistencyProof::build(5, 4, nodes.node()), Err(MerkleError::OutOfRange));
    let mut proof = InclusionProof::build(3, 4, nodes.node()).unwrap();
    proof.index = 4;
    assert_eq!(proof.verify(&EMPTY_ROOT, &EMPTY_ROOT), Err(MerkleError::OutOfRange));
}

#[test]
fn the_empty_tree_is_the_beginning_of_every_tree() {
    let root = root_of(&Nodes(tree(numbered(5)).1), 5);
    let proof = ConsistencyProof { from: 0, to: 5, hashes: Vec::new() };
    assert_eq!(proof.verify(&EMPTY_ROOT, &root), Ok(()));
    assert_eq!(proof.verify(&root, &root), Err(MerkleError::WrongRoot));
    let padded = ConsistencyProof { hashes: vec![root], ..proof };
    assert_eq!(padded.verify(&EMPTY_ROOT, &root), Err(MerkleError::WrongRoot));
}

/// Every proof that differs in one hash by one bit, lacks a hash or has one too many.
fn mutations(hashes: &[Hash], bit: usize) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for position in 0..hashes.len() {
        let mut changed = hashes.to_vec();
        changed[position].0[bit / 8] ^= 1 << (bit % 8);
        all.push(changed);
        let mut shorter = hashes.to_vec();
        shorter.remove(position);
        all.push(shorter);
        let mut longer = hashes.to_vec();
        longer.insert(position, hashes[position]);
        all.push(longer);
    }
    all.push([hashes, &[EMPTY_ROOT]].concat());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inclusion_proofs_verify_and_changed_ones_do_not(size in 1_u64..300, pick in any::<u64>(), bit in 0_usize..256) {
        let nodes = Nodes(tree(numbered(size)).1);
        let root = root_of(&nodes, size);
        for index in [pick % size, 0, size - 1] {
            let leaf = leaf_hash(&index.to_be_bytes());
            let proof = InclusionProof::build(index, size, nodes.node()).unwrap();
            prop_assert_eq!(proof.verify(&leaf, &root), Ok(()));
            prop_assert!(proof.verify(&leaf_hash(b"other"), &root).is_err());
            prop_assert!(proof.verify(&leaf, &leaf_hash(b"other")).is_err());
            for hashes in mutations(&proof.hashes, bit) {
                let changed = InclusionProof { hashes, ..proof.clone() };
                prop_assert!(changed.verify(&leaf, &root).is_err());
            }
            for other in (0..size).filter(|other| *other != index) {
                let moved = InclusionProof { index: other, ..proof.clone() };
                prop_assert!(moved.verify(&leaf, &root).is_err());
            }
        }
    }

    #[test]
    fn consistency_proofs_verify_and_changed_ones_do_not(to in 2_u64..300, pick in any::<u64>(), bit in 0_usize..256) {
        let nodes = Nodes(tree(numbered(to)).1);
        let from = pick % (to - 1) + 1;
        let (old, new) = (root_of(&nodes, from), root_of(&nodes, to));
        let proof = ConsistencyProof::build(from, to, nodes.node()).unwrap();
        prop_assert_eq!(proof.verify(&old, &new), Ok(()));
        prop_assert!(proof.verify(&new, &new).is_err());
        prop_assert!(proof.verify(&old, &old).is_err());
        for hashes in mutations(&proof.hashes, bit) {
            let changed = ConsistencyProof { hashes, ..proof.clone() };
            prop_assert!(changed.verify(&old, &new).is_err());
        }
        for other in (0..=to).filter(|other| *other != from) {
            let moved = ConsistencyProof { from: other, ..proof.clone() };
            prop_assert!(moved.verify(&old, &new).is_err());
        }
    }

    #[test]
    fn wild_proofs_are_refused_without_panic(index: u64, size: u64, hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let hashes: Vec<_> = hashes.into_iter().map(Hash).collect();
        let _ = InclusionProof { index, size, hashes: hashes.clone() }.verify(&EMPTY_ROOT, &EMPTY_ROOT);
        let _ = ConsistencyProof { from: index, to: size, hashes }.verify(&EMPTY_ROOT, &EMPTY_ROOT);
    }
}
