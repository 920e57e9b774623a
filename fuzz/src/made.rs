//! The seeds that are not text. Written to `seeds/` by `write-seeds` and checked in.

use placet_ledger::{Hash, MAGIC, SignedCheckpoint, encode_frame, leaf_hash, node_hash};

use crate::proof::{LEAVES, key};

/// A sound proof for each leaf.
pub fn proofs() -> Vec<Vec<u8>> {
    let [a, b, c] = LEAVES.map(leaf_hash);
    let left = node_hash(&a, &b);
    let head = SignedCheckpoint::sign(3, node_hash(&left, &c), &key());
    let paths = [vec![b, c], vec![a, c], vec![left]];
    let proof = |(index, path): (usize, Vec<Hash>)| {
        let hashes: String = path.iter().map(|hash| hash.to_base64() + "\n").collect();
        let text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{}", head.note());
        [text.as_bytes(), &[0], LEAVES[index]].concat()
    };
    paths.into_iter().enumerate().map(proof).collect()
}

/// Sound and torn segments.
pub fn segments() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |first: u64, leaves: &[&[u8]]| {
        let mut frame = Vec::new();
        encode_frame(&mut frame, first, leaves.iter().copied(), b"a note\n").expect("it is small");
        frame
    };
    let (one, two) = (frame(0, &[b"{\"kind\":\"decision\"}", b""]), frame(2, &[b"{\"kind\":\"outcome\"}"]));
    let whole = [MAGIC.as_slice(), &one, &two, &[0; 64]].concat();
    let mut flipped = whole.clone();
    flipped[30] ^= 1;
    let torn = [MAGIC.as_slice(), &one, &two[..two.len() / 2], &[0; 64]].concat();
    let nested = frame(2, &[&frame(9, &[b"inner"])]);
    let disguised = [MAGIC.as_slice(), &one, &[1, 0, 0, 0, 9], &nested].concat();
    let behind = [MAGIC.as_slice(), &one, &[0; 32], &two].concat();
    let long = [MAGIC.as_slice(), &[0xff; 24]].concat();
    vec![
        ("whole", whole),
        ("bit-flipped-before-an-intact-frame", flipped),
        ("torn-last-frame", torn),
        ("frame-within-a-leaf-behind-garbage", disguised),
        ("frame-behind-the-end-mark", behind),
        ("impossible-length", long),
        ("magic-alone", MAGIC.to_vec()),
    ]
}
