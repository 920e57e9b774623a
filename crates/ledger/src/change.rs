//! Key entries: the leaves by which a log says which key signs it. They are told by their first bytes, so that a
//! verifier needs no JSON and nothing inside another receipt can look like one. The rule is in `spec/ledger.md`.

use crate::note::{KeyError, VerifierKey};

/// The entry that hands a log over from one key to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The key that signs from the next checkpoint on.
    pub next: VerifierKey,
    /// The key that signs until then.
    pub before: VerifierKey,
}

/// Why a leaf that begins like a key entry is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyEntryError {
    /// Not the exact form.
    #[error("it begins like a key entry and does not go on like one")]
    Form,
    /// A key in it cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl KeyChange {
    /// Reads a leaf; `None` if it does not begin like a key entry.
    ///
    /// # Errors
    /// It begins like one and is none.
    pub fn read(leaf: &[u8]) -> Option<Result<Self, KeyEntryError>> {
        let rest = leaf.strip_prefix(CHANGE)?;
        Some(Self::members(rest))
    }

    fn members(rest: &[u8]) -> Result<Self, KeyEntryError> {
        let (next, rest) = key(rest)?;
        let rest = rest.strip_prefix(BEFORE).ok_or(KeyEntryError::Form)?;
        let (before, rest) = key(rest)?;
        if !rest.starts_with(b"}") {
            return Err(KeyEntryError::Form);
        }
        Ok(Self { next, before })
    }
}

/// Whether a leaf begins like a key entry.
pub(crate) fn is_change(leaf: &[u8]) -> bool {
    leaf.starts_with(CHANGE)
}

/// The key that the first leaf of a log names as its own; `None` if it names none.
pub(crate) fn first_key(leaf: &[u8]) -> Option<Result<VerifierKey, KeyEntryError>> {
    let rest = leaf.strip_prefix(FIRST)?;
    Some(key(rest).and_then(|(key, rest)| match rest.starts_with(b"}") {
        true => Ok(key),
        false => Err(KeyEntryError::Form),
    }))
}

/// A key up to its closing quotation mark. A name that JSON writes with a backslash does not fit its id.
fn key(rest: &[u8]) -> Result<(VerifierKey, &[u8]), KeyEntryError> {
    let end = rest.iter().position(|byte| *byte == b'"').ok_or(KeyEntryError::Form)?;
    let (text, rest) = rest.split_at_checked(end).ok_or(KeyEntryError::Form)?;
    let text = std::str::from_utf8(text).map_err(|_| KeyEntryError::Form)?;
    Ok((text.parse()?, rest.get(1..).unwrap_or_default()))
}

/// How a key entry begins: in canonical JSON `about` is the second member, and `log_key` the first in it.
const CHANGE: &[u8] = br#"{"_type":"placet.dev/receipt/v1","about":{"log_key":""#;
/// What stands between its two keys.
const BEFORE: &[u8] = br#","log_key_before":""#;
/// How the first leaf of a log begins, if it names the key.
const FIRST: &[u8] = br#"{"_type":"placet.dev/receipt/v1","about":{"verifier_key":""#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{change_leaf, key, next_key};

    #[test]
    fn a_key_entry_is_read_and_everything_else_is_no_key_entry_or_refused() {
        let leaf = change_leaf(&key(), &next_key());
        let change = KeyChange::read(&leaf).unwrap().unwrap();
        assert_eq!((change.next, change.before), (next_key().verifier().clone(), key().verifier().clone()));
        assert!(KeyChange::read(b"{}").is_none());
        assert!(KeyChange::read(&leaf[1..]).is_none());
        let whole = leaf.windows(3).position(|part| part == b"\"},").unwrap() + 2;
        for end in CHANGE.len()..leaf.len() {
            assert_eq!(KeyChange::read(&leaf[..end]).unwrap().is_ok(), end >= whole, "{end}");
        }
        let swapped = String::from_utf8(leaf).unwrap().replace("log_key_before", "log_key_after");
        assert_eq!(KeyChange::read(swapped.as_bytes()).unwrap(), Err(KeyEntryError::Form));
    }

    #[test]
    fn a_key_of_the_first_leaf_is_read() {
        let leaf = format!(
            r#"{{"_type":"placet.dev/receipt/v1","about":{{"verifier_key":"{}"}},"change":"key_activated"}}"#,
            key().verifier()
        );
        assert_eq!(first_key(leaf.as_bytes()).unwrap().unwrap(), *key().verifier());
        assert!(first_key(b"{\"n\":0}").is_none());
        assert!(first_key(&leaf.as_bytes()[..80]).unwrap().is_err());
    }
}
