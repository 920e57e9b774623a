//! Random numbers that a seed repeats. Not for secrets.

use std::hash::{BuildHasher as _, RandomState};

/// A xorshift generator.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The generator of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A seed that nobody chose.
    pub(crate) fn fresh_seed() -> u64 {
        RandomState::new().hash_one("seed") % 1_000_000_000
    }

    /// A number of a range, its end included.
    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + self.0 % (to - from + 1)
    }
}
