//! The ledger's files, read without the program that writes them: receipts by id, and proofs that they are there.
//! What it returns has been verified with the pinned key; `placet ledger verify` looks at everything.

use std::path::{Path, PathBuf};

use clap::Args;
use placet_domain::Json;
use placet_ledger::{
    CompactRange, Frame, Hash, InclusionProof, KeyChain, MerkleError, SignedCheckpoint, Tail,
    UnverifiedCheckpoint, VerifierKey, leaf_hash, parse_segment_name, scan, stored_index,
};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    log_key::{BEFORE, PUBLIC},
};

/// Which ledger, and whose key.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// The ledger's directory (default: `ledger` in the home)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The public key to trust, as text or file; may be given again (default: `ledger.vkey` in the home)
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
}

impl Log {
    /// The directory.
    pub(crate) fn dir(&self, context: &Context) -> PathBuf {
        self.dir.clone().unwrap_or_else(|| context.home.join("ledger"))
    }

    /// The keys to verify with.
    pub(crate) fn keys(&self, context: &Context) -> Result<Vec<VerifierKey>, Failure> {
        keys(&self.key, &context.home)
    }

    /// Whether the key is only the one that lies beside the ledger.
    pub(crate) fn trusts_the_home(&self) -> bool {
        self.key.is_empty()
    }
}

/// A ledger that was read to its newest signed checkpoint.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The newest checkpoint.
    pub(crate) head: SignedCheckpoint,
    /// The keys of the log, followed from the pinned ones; the last one signed the newest checkpoint.
    pub(crate) keys: Vec<VerifierKey>,
    /// What was looked for, in order.
    pub(crate) found: Vec<Entry>,
    /// Every node of the tree, in the order of `stored_index`.
    nodes: Vec<Hash>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its place in the log.
    pub(crate) index: u64,
    /// Its exact bytes.
    pub(crate) leaf: String,
}

impl Archive {
    /// Reads a ledger directory and keeps the entries that are wanted.
    pub(crate) fn read(
        dir: &Path,
        keys: &[VerifierKey],
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, Failure> {
        let (mut range, mut nodes, mut found) = (CompactRange::new(), Vec::new(), Vec::new());
        let mut chain = KeyChain::new(keys);
        let mut checkpoint: Option<Vec<u8>> = None;
        for path in segments(dir)? {
            let bytes =
                std::fs::read(&path).map_err(Failure::of(format!("{} cannot be read", path.display())))?;
            let scan = scan(&bytes);
            // A broken tail may be a frame that is just being written; anything else is damage.
            if matches!(scan.tail, Tail::BrokenBeforeIntact { .. } | Tail::NotASegment) {
                return Err(damaged(dir, &format!("{} is damaged", path.display())));
            }
            for (_, frame) in scan.frames {
                if frame.first_index() != range.size() {
                    return Err(damaged(dir, &format!("entry {} is missing", range.size())));
                }
                for leaf in frame.leaves() {
                    if wanted(leaf) {
                        let leaf = String::from_utf8_lossy(leaf).into_owned();
                        found.push(Entry { index: range.size(), leaf });
                    }
                    range.append(leaf_hash(leaf), |node| nodes.push(*node));
                }
                if chain.needs(&frame) {
                    follow(&mut chain, &frame, &range).map_err(|damage| damaged(dir, &damage))?;
                }
                checkpoint = Some(frame.checkpoint().to_vec());
            }
        }
        let checkpoint = checkpoint.ok_or_else(|| {
            Failure::new(format!("the ledger in {} is empty", dir.display())).with_exit(Exit::NotFound)
        })?;
        let keys: Vec<_> = chain.terms().iter().map(|term| term.key.clone()).collect();
        let in_force = keys.last().into_iter().cloned().collect::<Vec<_>>();
        let head = SignedCheckpoint::open(&checkpoint, &in_force)
            .map_err(|error| damaged(dir, &error.to_string()))?;
        if !chain.is_vouched() {
            return Err(damaged(dir, "no signature by a pinned key"));
        }
        if head.size() != range.size() || *head.root() != range.root() {
            return Err(damaged(dir, "the entries do not give the root of the signed checkpoint"));
        }
        Ok(Self { head, keys, found, nodes })
    }

    /// The offline proof (C2SP `tlog-proof@v1`) that an entry is under the newest checkpoint.
    pub(crate) fn proof(&self, index: u64) -> Result<String, Failure> {
        let node = |level, index| {
            let place = usize::try_from(stored_index(level, index)).ok();
            place.and_then(|place| self.nodes.get(place)).copied().ok_or(MerkleError::OutOfRange)
        };
        let proof = InclusionProof::build(index, self.head.size(), node)
            .map_err(Failure::of("the proof cannot be built"))?;
        let hashes: String = proof.hashes.iter().map(|hash| hash.to_base64() + "\n").collect();
        Ok(format!("c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{}", self.head.note()))
    }
}

/// Takes over the key that a frame hands over to.
fn follow(chain: &mut KeyChain<'_>, frame: &Frame<'_>, range: &CompactRange) -> Result<(), String> {
    let checkpoint = UnverifiedCheckpoint::parse(frame.checkpoint()).map_err(|error| error.to_string())?;
    if checkpoint.claim().size != range.size() || checkpoint.claim().root != range.root() {
        return Err("the entries do not give the root of the signed checkpoint".to_owned());
    }
    chain.check(frame, &checkpoint).map_err(|damage| damage.to_string())
}

/// The segment files, in order.
fn segments(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let none = || {
        Failure::new(format!("there is no ledger in {}\n  next: name the home with `--home`", dir.display()))
    };
    let entries = std::fs::read_dir(dir).map_err(|_| none().with_exit(Exit::NotFound))?;
    let mut segments: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((parse_segment_name(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    segments.sort();
    match segments.is_empty() {
        true => Err(none().with_exit(Exit::NotFound)),
        false => Ok(segments.into_iter().map(|(_, path)| path).collect()),
    }
}

fn damaged(dir: &Path, why: &str) -> Failure {
    let next = "run `placet ledger verify` to see where";
    Failure::integrity(format!("the ledger in {} does not verify: {why}\n  next: {next}", dir.display()))
}

/// The keys to verify with: those that were named, else the one beside the ledger.
pub(crate) fn keys(named: &[String], home: &Path) -> Result<Vec<VerifierKey>, Failure> {
    if named.is_empty() {
        let mut keys = key_file(&home.join(PUBLIC))?;
        // Proofs that were made before the key was changed.
        if home.join(BEFORE).exists() {
            keys.extend(key_file(&home.join(BEFORE))?);
        }
        return Ok(keys);
    }
    let key = |text: &String| match text.parse() {
        Ok(key) => Ok(vec![key]),
        Err(error) if Path::new(text).is_file() => {
            key_file(Path::new(text)).map_err(|_| wrong_key(text, error))
        }
        Err(error) => Err(wrong_key(text, error)),
    };
    Ok(named.iter().map(key).collect::<Result<Vec<_>, _>>()?.concat())
}

/// The keys in a file, one a line.
fn key_file(path: &Path) -> Result<Vec<VerifierKey>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let next = "name the home with `--home`, or the key with `--key`";
        Failure::new(format!(
            "the ledger's public key {} cannot be read: {error}\n  next: {next}",
            path.display()
        ))
        .with_exit(Exit::NotFound)
    })?;
    let lines = text.trim().lines();
    lines.map(|line| line.parse().map_err(|error| wrong_key(&path.display().to_string(), error))).collect()
}

fn wrong_key(text: &str, error: placet_ledger::KeyError) -> Failure {
    Failure::new(format!("`{text}` is not a verifier key: {error}")).with_exit(Exit::Usage)
}

/// Whether a leaf is the receipt of this id, or one of this call.
pub(crate) fn is_about(leaf: &[u8], id: &str) -> bool {
    // Most leaves are told apart without parsing them.
    if !leaf.windows(id.len()).any(|part| part == id.as_bytes()) {
        return false;
    }
    let Ok(receipt) = Json::parse(leaf) else { return false };
    ["id", "call"].iter().any(|key| receipt.member(key).and_then(Json::as_str) == Some(id))
}

#[cfg(test)]
mod tests;
