//! Writes the vectors of `spec/ledger.md`: `cargo run -p placet-ledger --example ledger_vectors -- spec/vectors/ledger`.
//! Everything in them is fixed, so that a second run changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use placet_ledger::disk::{Disk, MemoryDisk};
use placet_ledger::{
    CompactRange, ConsistencyProof, Hash, InclusionProof, Ledger, LedgerConfig, LogKey, MerkleError,
    leaf_hash, stored_index,
};
use serde_json::{Value, json};

#[path = "ledger_vectors/rotated.rs"]
mod rotated;

type Failure = Box<dyn std::error::Error>;

const ORIGIN: &str = "placet.example/vectors/n1/e1";
const SEED: [u8; 32] = [0x42; 32];
/// Zeros that are kept behind the last frame; a real segment has up to 64 MiB of them.
const ZEROS: usize = 64;
/// Batches of the ledger: one frame each.
const LEAVES: [&str; 7] = [
    "{\"n\":0}",
    "",
    "{\"n\":2,\"text\":\"b\u{e4}r\"}",
    "{\"n\":3}",
    "{\"n\":4}",
    "{\"n\":5,\"pad\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}",
    "{\"n\":6}",
];

fn main() -> Result<(), Failure> {
    let target = PathBuf::from(std::env::args().nth(1).ok_or("usage: ledger_vectors DIR")?);
    fs::create_dir_all(target.join("good"))?;
    let key = LogKey::from_seed(ORIGIN, &SEED)?;
    fs::write(target.join("key.vkey"), format!("{}\n", key.verifier()))?;
    let disk = MemoryDisk::new();
    let config = LedgerConfig { segment_bytes: 96 * 1024, ..LedgerConfig::new("/vectors", ORIGIN) };
    let ledger = Ledger::open(config, key.clone(), Arc::new(disk.clone()))?.ledger;
    let mut checkpoints = vec![ledger.head().note().to_owned()];
    for leaf in LEAVES {
        let (sender, receiver) = mpsc::channel();
        let done = move |fate| drop(sender.send(fate));
        ledger.append(leaf.as_bytes().to_vec(), None, Box::new(done));
        checkpoints.push(receiver.recv()??.checkpoint.note().to_owned());
    }
    for (name, text) in [
        ("entry-2.tlog-proof", ledger.proof(2)?.to_text()),
        ("entry-2.leaf", LEAVES.get(2).copied().unwrap_or_default().to_owned()),
        ("older.checkpoint", checkpoints.get(4).cloned().unwrap_or_default()),
        ("head.checkpoint", ledger.head().note().to_owned()),
    ] {
        fs::write(target.join(name), text)?;
    }
    ledger.close();
    for name in disk.list(Path::new("/vectors"))?.iter().filter(|name| name.ends_with(".seg")) {
        let mut segment = disk.read(&Path::new("/vectors").join(name)).ok_or("no segment")?;
        let written = segment.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        segment.truncate(written + ZEROS);
        fs::write(target.join("good").join(name), segment)?;
    }
    fs::write(target.join("tree.json"), format!("{:#}\n", tree(&checkpoints)?))?;
    rotated::write(&target.join("rotated"))
}

fn tree(checkpoints: &[String]) -> Result<Value, Failure> {
    let (mut range, mut nodes) = (CompactRange::new(), Vec::<Hash>::new());
    let mut roots = vec![range.root().to_string()];
    for leaf in LEAVES {
        range.append(leaf_hash(leaf.as_bytes()), |node| nodes.push(*node));
        roots.push(range.root().to_string());
    }
    let node = |level, index| {
        let position = usize::try_from(stored_index(level, index)).map_err(|_| MerkleError::OutOfRange)?;
        nodes.get(position).copied().ok_or(MerkleError::OutOfRange)
    };
    let text = |hashes: Vec<Hash>| hashes.iter().map(Hash::to_string).collect::<Vec<_>>();
    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    for size in 1..=range.size() {
        for index in 0..size {
            let proof = InclusionProof::build(index, size, node)?;
            inclusion.push(json!({ "index": index, "size": size, "path": text(proof.hashes) }));
            let proof = ConsistencyProof::build(index + 1, size, node)?;
            consistency.push(json!({ "from": index + 1, "to": size, "path": text(proof.hashes) }));
        }
    }
    Ok(json!({
        "origin": ORIGIN,
        "ed25519_seed": SEED.map(|byte| format!("{byte:02x}")).concat(),
        "leaves": LEAVES,
        "leaf_hashes": LEAVES.map(|leaf| leaf_hash(leaf.as_bytes()).to_string()),
        "roots_by_size": roots,
        "checkpoints_by_size": checkpoints,
        "nodes_in_stored_order": text(nodes.clone()),
        "inclusion": inclusion,
        "consistency": consistency,
    }))
}
