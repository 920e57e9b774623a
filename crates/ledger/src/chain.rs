//! Which key signs which part of a log: the first key, and every key that the one before it has handed over to.
//! A chain is believed only if a pinned key has signed in it. The rule is in `spec/ledger.md`, "Changing the key".

use crate::change::{KeyChange, first_key, is_change};
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use crate::damage::Damage;
use crate::note::{NoteError, VerifierKey};
use crate::segment::Frame;

/// A key and where it begins to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The key.
    pub key: VerifierKey,
    /// The first entry that is covered first by a checkpoint of this key.
    pub from: u64,
}

/// Follows the keys of a log, frame by frame and in order, from what the caller has pinned.
#[derive(Debug, Clone)]
pub struct KeyChain<'a> {
    pinned: &'a [VerifierKey],
    terms: Vec<Term>,
    vouched: bool,
}

impl<'a> KeyChain<'a> {
    /// A chain before the first frame.
    #[must_use]
    pub fn new(pinned: &'a [VerifierKey]) -> Self {
        Self { pinned, terms: Vec::new(), vouched: false }
    }

    /// Whether a frame must be [checked](Self::check) to follow the keys: the first one, and those that change the key.
    #[must_use]
    pub fn needs(&self, frame: &Frame<'_>) -> bool {
        self.terms.is_empty() || frame.leaves().any(is_change)
    }

    /// Checks who signed the checkpoint of the next frame, and takes over the key that the frame hands over to. The
    /// caller has compared the checkpoint with the tree.
    ///
    /// # Errors
    /// Not signed by the key in force, a wrong signature of a pinned key, or a change of the key that breaks a rule.
    pub fn check(&mut self, frame: &Frame<'_>, checkpoint: &UnverifiedCheckpoint<'_>) -> Result<(), Damage> {
        if self.terms.is_empty() {
            self.first(frame, checkpoint)?;
        }
        let in_force = self.in_force().ok_or(Damage::Checkpoint(UNSIGNED))?;
        checkpoint.check([in_force])?;
        let others = self.pinned.iter().filter(|key| *key != in_force);
        let vouched = match checkpoint.check(others) {
            Ok(()) => true,
            Err(CheckpointError::Note(NoteError::Unsigned)) => self.pinned.contains(in_force),
            Err(error) => return Err(error.into()),
        };
        self.vouched |= vouched;
        if let Some(next) = change_at_end(frame)? {
            self.hand_over(next, frame, checkpoint)?;
        }
        Ok(())
    }

    /// The key that signs after the frames that were checked; `None` before the first.
    #[must_use]
    pub fn in_force(&self) -> Option<&VerifierKey> {
        self.terms.last().map(|term| &term.key)
    }

    /// The keys so far, in order.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether a pinned key has signed one of the frames that were checked. With it, every entry up to there is
    /// vouched for, and everything after by the keys that it has handed over to.
    #[must_use]
    pub fn is_vouched(&self) -> bool {
        self.vouched
    }

    /// The key of the first frame: the one that the first leaf names, else the pinned one that signed it.
    fn first(&mut self, frame: &Frame<'_>, checkpoint: &UnverifiedCheckpoint<'_>) -> Result<(), Damage> {
        let origin = &checkpoint.claim().origin;
        let named = frame.leaves().next().and_then(first_key);
        let key = match named {
            Some(key) => key.map_err(Damage::KeyEntry)?,
            None => {
                checkpoint.check(self.pinned)?;
                let signed = |key: &&VerifierKey| checkpoint.check([*key]).is_ok();
                self.pinned.iter().find(signed).cloned().ok_or(Damage::Checkpoint(UNSIGNED))?
            }
        };
        if key.name() != origin {
            return Err(Damage::KeyChange("the first leaf names the key of another log"));
        }
        self.terms.push(Term { key, from: frame.first_index() });
        Ok(())
    }

    fn hand_over(
        &mut self,
        change: KeyChange,
        frame: &Frame<'_>,
        checkpoint: &UnverifiedCheckpoint<'_>,
    ) -> Result<(), Damage> {
        let KeyChange { next, before } = change;
        if Some(&before) != self.in_force() {
            return Err(Damage::KeyChange("it hands over from a key that is not in force"));
        }
        if next.name() != before.name() {
            return Err(Damage::KeyChange("it hands over to the key of another log"));
        }
        if self.terms.iter().any(|term| term.key == next) {
            return Err(Damage::KeyChange("it hands over to a key whose time has ended"));
        }
        // The new key shows that somebody holds it, and vouches for everything before it.
        checkpoint
            .check([&next])
            .map_err(|_| Damage::KeyChange("the new key has not signed the checkpoint"))?;
        self.terms.push(Term { key: next, from: frame.end_index() });
        Ok(())
    }
}

/// The key entry of a frame. It is the last entry or none: what follows it is under the new key.
fn change_at_end(frame: &Frame<'_>) -> Result<Option<KeyChange>, Damage> {
    let mut change = None;
    for leaf in frame.leaves() {
        if change.is_some() {
            return Err(Damage::KeyChange("entries follow it in its frame"));
        }
        change = KeyChange::read(leaf).transpose().map_err(Damage::KeyEntry)?;
    }
    Ok(change)
}

/// What is said when nobody pinned has signed.
pub(crate) const UNSIGNED: CheckpointError = CheckpointError::Note(NoteError::Unsigned);

#[cfg(test)]
mod tests;
