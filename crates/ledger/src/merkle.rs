//! The Merkle tree of RFC 9162: appending, roots, inclusion and consistency proofs.
//! It stores nothing: nodes are read through a function, in the layout of [`stored_index`].

use crate::hash::{EMPTY_ROOT, Hash, node_hash};

/// The right edge of a tree: enough to append and to compute the root, 32 bytes per set bit of the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    /// Roots of the complete subtrees, largest first. INVARIANT: one per set bit of `size`.
    peaks: Vec<Hash>,
}

/// The nodes beside the path from one leaf to the root, from the leaf upwards (RFC 9162, 2.1.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Zero-based index of the entry.
    pub index: u64,
    /// Size of the tree that the proof is for.
    pub size: u64,
    /// Sibling hashes, from the leaf upwards.
    pub hashes: Vec<Hash>,
}

/// Shows that the tree of size `to` begins with the tree of size `from` (RFC 9162, 2.1.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the older tree.
    pub from: u64,
    /// Size of the newer tree.
    pub to: u64,
    /// Node hashes in the order of the RFC.
    pub hashes: Vec<Hash>,
}

/// A proof that does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The index is not below the size, or the older size is above the newer one.
    #[error("the proof speaks of entries outside the tree")]
    OutOfRange,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root of the checkpoint")]
    WrongRoot,
}

impl CompactRange {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves whose nodes `node(level, index)` returns.
    ///
    /// # Errors
    /// Those of `node`.
    pub fn load<E>(size: u64, mut node: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Self, E> {
        let mut peaks = Vec::new();
        for level in (0..u64::BITS).rev() {
            if size >> level & 1 == 1 {
                peaks.push(node(level, (size >> level) - 1)?);
            }
        }
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf and hands every node that this completes to `stored`, in the order of [`stored_index`].
    pub fn append(&mut self, leaf: Hash, mut stored: impl FnMut(&Hash)) {
        stored(&leaf);
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            stored(&node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }
}

impl InclusionProof {
    /// Builds the proof for leaf `index` in the tree of `size` leaves from `node(level, index)`.
    ///
    /// # Errors
    /// Those of `node`; [`MerkleError::OutOfRange`] unless `index < size`.
    pub fn build<E: From<MerkleError>>(
        index: u64,
        size: u64,
        mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        if index >= size {
            return Err(MerkleError::OutOfRange.into());
        }
        let (mut low, mut high) = (0, size);
        let mut hashes = Vec::new();
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                hashes.push(range_root(middle, high, &mut node)?);
                high = middle;
            } else {
                hashes.push(range_root(low, middle, &mut node)?);
                low = middle;
            }
        }
        hashes.reverse();
        Ok(Self { index, size, hashes })
    }

    /// Checks that `leaf` stands at the index in the tree with this `root` (RFC 9162, 2.1.3.2).
    ///
    /// # Errors
    /// When it does not.
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<(), MerkleError> {
        if self.index >= self.size {
            return Err(MerkleError::OutOfRange);
        }
        let (mut fn_, mut sn) = (self.index, self.size - 1);
        let mut running = *leaf;
        for hash in &self.hashes {
            if sn == 0 {
                return Err(MerkleError::WrongRoot);
            }
            if fn_ & 1 == 1 || fn_ == sn {
                running = node_hash(hash, &running);
                skip_right_edge(&mut fn_, &mut sn);
            } else {
                running = node_hash(&running, hash);
            }
            fn_ >>= 1;
            sn >>= 1;
        }
        if sn == 0 && running == *root { Ok(()) } else { Err(MerkleError::WrongRoot) }
    }
}

impl ConsistencyProof {
    /// Builds the proof between two sizes from `node(level, index)`.
    ///
    /// # Errors
    /// Those of `node`; [`MerkleError::OutOfRange`] if `from > to`.
    pub fn build<E: From<MerkleError>>(
        from: u64,
        to: u64,
        mut node: impl FnMut(u32, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        if from > to {
            return Err(MerkleError::OutOfRange.into());
        }
        let mut hashes = Vec::new();
        if from == 0 || from == to {
            return Ok(Self { from, to, hashes });
        }
        // SUBPROOF of the RFC, from the root downwards; `whole` is its `b`.
        let (mut low, mut high, mut whole) = (0, to, true);
        while from != high {
            let middle = low + split(high - low);
            if from <= middle {
                hashes.push(range_root(middle, high, &mut node)?);
                high = middle;
            } else {
                hashes.push(range_root(low, middle, &mut node)?);
                low = middle;
                whole = false;
            }
        }
        if !whole {
            hashes.push(range_root(low, high, &mut node)?);
        }
        hashes.reverse();
        Ok(Self { from, to, hashes })
    }

    /// Checks that the tree with root `new` begins with the tree with root `old` (RFC 9162, 2.1.4.2).
    ///
    /// # Errors
    /// When it does not.
    pub fn verify(&self, old: &Hash, new: &Hash) -> Result<(), MerkleError> {
        if self.from > self.to {
            return Err(MerkleError::OutOfRange);
        }
        if self.from == self.to || self.from == 0 {
            let fits = if self.from == self.to { old == new } else { *old == EMPTY_ROOT };
            return if fits && self.hashes.is_empty() { Ok(()) } else { Err(MerkleError::WrongRoot) };
        }
        let mut rest = self.hashes.iter();
        let seed = if self.from.is_power_of_two() { Some(old) } else { rest.next() };
        let seed = *seed.ok_or(MerkleError::WrongRoot)?;
        let (mut fn_, mut sn) = (self.from - 1, self.to - 1);
        let ones = fn_.trailing_ones();
        fn_ = fn_.checked_shr(ones).unwrap_or(0);
        sn = sn.checked_shr(ones).unwrap_or(0);
        let (mut first, mut second) = (seed, seed);
        for hash in rest {
            if sn == 0 {
                return Err(MerkleError::WrongRoot);
            }
            if fn_ & 1 == 1 || fn_ == sn {
                first = node_hash(hash, &first);
                second = node_hash(hash, &second);
                skip_right_edge(&mut fn_, &mut sn);
            } else {
                second = node_hash(&second, hash);
            }
            fn_ >>= 1;
            sn >>= 1;
        }
        if sn == 0 && first == *old && second == *new { Ok(()) } else { Err(MerkleError::WrongRoot) }
    }
}

/// Position of a complete node in append order: each leaf, then the nodes that it completes from the bottom
/// upwards. It is the layout of Go's `sumdb/tlog`; appending leaves only ever appends nodes.
#[must_use]
pub fn stored_index(level: u32, index: u64) -> u64 {
    // The node is written right after its last leaf and the `level` nodes between them.
    let last_leaf = ((index + 1) << level) - 1;
    stored_count(last_leaf) + u64::from(level)
}

/// Number of complete nodes, leaves included, in a tree of `size` leaves.
#[must_use]
pub fn stored_count(size: u64) -> u64 {
    2 * size - u64::from(size.count_ones())
}

/// Root over the leaves `low..high`; `low` is a multiple of the largest subtree in it.
pub(crate) fn range_root<E>(
    low: u64,
    high: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let width = high - low;
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return node(level, low >> level);
    }
    let middle = low + split(width);
    let left = range_root(low, middle, node)?;
    let right = range_root(middle, high, node)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two below `width`; `width` is at least 2.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// Climbs past the levels where the running node is the last one and has no sibling.
fn skip_right_edge(fn_: &mut u64, sn: &mut u64) {
    while *fn_ & 1 == 0 && *fn_ != 0 {
        *fn_ >>= 1;
        *sn >>= 1;
    }
}

#[cfg(test)]
mod tests;
