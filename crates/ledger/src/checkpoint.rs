//! C2SP checkpoints: origin, size and root of the tree as a signed note, without extension lines.
//! [`UnverifiedCheckpoint`] is what was read; [`SignedCheckpoint`] is what a pinned key has signed.

use crate::hash::Hash;
use crate::note::{LogKey, Note, NoteError, VerifierKey};

/// What a log states about itself: `size` entries under `root`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log; also the name of the key that signs.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the Merkle tree over them.
    pub root: Hash,
}

/// A checkpoint that parses and whose signature nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCheckpoint<'a> {
    checkpoint: Checkpoint,
    note: Note<'a>,
    bytes: &'a [u8],
}

/// A checkpoint with a signature of a pinned key, or of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

/// A checkpoint that is malformed or not signed by a pinned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is malformed or not signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not origin, size and root.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
}

impl Checkpoint {
    /// The text to sign: three lines, each with its newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Malformed("no newline at the end"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Malformed("the text is not exactly three lines"));
        };
        if origin.is_empty() {
            return Err(CheckpointError::Malformed("the origin is empty"));
        }
        let size =
            parse_decimal(size).ok_or(CheckpointError::Malformed("the size is not a plain decimal"))?;
        let root = Hash::from_base64(root)
            .map_err(|_| CheckpointError::Malformed("the root is not a base64 SHA-256 value"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl<'a> UnverifiedCheckpoint<'a> {
    /// Reads a checkpoint strictly.
    ///
    /// # Errors
    /// Anything that C2SP does not allow, and extension lines.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note, bytes })
    }

    /// What it claims. Do not act on it before [`UnverifiedCheckpoint::verify`].
    #[must_use]
    pub fn claim(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Checks the signature with the pinned keys whose name is the origin.
    ///
    /// # Errors
    /// No such key has signed, or its signature is wrong.
    pub fn verify(self, keys: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        self.check(keys)?;
        let note = String::from_utf8_lossy(self.bytes).into_owned();
        Ok(SignedCheckpoint { checkpoint: self.checkpoint, note })
    }

    /// [`UnverifiedCheckpoint::verify`] for a look at it only.
    ///
    /// # Errors
    /// No such key has signed, or its signature is wrong.
    pub fn check<'k>(&self, keys: impl IntoIterator<Item = &'k VerifierKey>) -> Result<(), CheckpointError> {
        Ok(self.note.verify(keys.into_iter().filter(|key| key.name() == self.checkpoint.origin))?)
    }
}

impl SignedCheckpoint {
    /// Signs; the origin becomes the name of the key. A running ledger does this by itself; never sign two
    /// checkpoints of one log of which neither tree begins with the other.
    #[must_use]
    pub fn sign(size: u64, root: Hash, key: &LogKey) -> Self {
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size, root };
        let note = key.sign(&checkpoint.text());
        Self { checkpoint, note }
    }

    /// Signs with the key in force and with the one that it hands over to: the checkpoint of a key entry.
    pub(crate) fn sign_change(size: u64, root: Hash, key: &LogKey, next: &LogKey) -> Self {
        let mut signed = Self::sign(size, root, key);
        signed.note.push_str(&next.signature_line(&signed.checkpoint.text()));
        signed
    }

    /// Reads and checks a checkpoint in one step.
    ///
    /// # Errors
    /// Those of [`UnverifiedCheckpoint::parse`] and [`UnverifiedCheckpoint::verify`].
    pub fn open(note: &[u8], keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        UnverifiedCheckpoint::parse(note)?.verify(keys)
    }

    /// The statement that was signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.checkpoint.root
    }

    /// Whether this key has signed it.
    pub(crate) fn is_signed_by(&self, key: &VerifierKey) -> bool {
        UnverifiedCheckpoint::parse(self.note.as_bytes())
            .is_ok_and(|checkpoint| checkpoint.check([key]).is_ok())
    }

    /// The signed note as it is stored and published.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// A decimal as C2SP writes it: ASCII digits without leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LogKey {
        LogKey::from_seed("log.example/one", &[7; 32]).unwrap()
    }

    #[test]
    fn a_signed_checkpoint_comes_back() {
        let signed = SignedCheckpoint::sign(5, Hash([9; 32]), &key());
        let keys = [key().verifier().clone()];
        assert_eq!(SignedCheckpoint::open(signed.note().as_bytes(), &keys), Ok(signed));
    }

    #[test]
    fn a_key_of_another_name_does_not_vouch_for_this_origin() {
        let other = LogKey::from_seed("log.example/two", &[7; 32]).unwrap();
        let text = Checkpoint { origin: "log.example/one".into(), size: 0, root: Hash([0; 32]) }.text();
        let keys = [other.verifier().clone()];
        assert_eq!(
            SignedCheckpoint::open(other.sign(&text).as_bytes(), &keys),
            Err(CheckpointError::Note(NoteError::Unsigned))
        );
    }

    #[test]
    fn texts_that_are_not_three_exact_lines_are_refused() {
        let root = Hash([1; 32]).to_base64();
        for text in [
            format!("o\n1\n{root}\nextension\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            "o\n1\nAAAA\n".to_owned(),
            "o\n1\n".to_owned(),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
        assert_eq!(Checkpoint::parse(&format!("o\n0\n{root}\n")).unwrap().size, 0);
    }
}
