//! A memory of texts that holds no text: keyed prefix hashes at the places where a value can begin or end. It answers whether
//! a value stood in one of them. The key is random and lives as long as the process.

use super::text;

/// The key: the base of a polynomial over the prime 2^61 - 1.
#[derive(Clone, Copy)]
pub(super) struct Key(u64);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

const PRIME: u64 = (1 << 61) - 1;

impl Key {
    /// Takes random bytes.
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        // Far from 0 and 1, with which a polynomial would tell nothing apart.
        Self((u64::from_le_bytes(bytes) % (PRIME - (1 << 32))) + (1 << 31))
    }

    fn multiply(left: u64, right: u64) -> u64 {
        let product = u128::from(left) * u128::from(right);
        // Both halves are below 2^62, so nothing is lost.
        let folded = (product & u128::from(PRIME)) + (product >> 61);
        let folded = u64::try_from(folded).unwrap_or(0);
        if folded >= PRIME { folded - PRIME } else { folded }
    }

    fn append(self, hash: u64, one: char) -> u64 {
        let sum = Self::multiply(hash, self.0) + u64::from(u32::from(one)) + 1;
        if sum >= PRIME { sum - PRIME } else { sum }
    }

    /// The hash of a whole text.
    pub(super) fn digest(self, text: &str) -> u64 {
        text.chars().fold(0, |hash, one| self.append(hash, one))
    }

    fn power(self, mut exponent: u64) -> u64 {
        let (mut base, mut power) = (self.0, 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = Self::multiply(power, base);
            }
            base = Self::multiply(base, base);
            exponent >>= 1;
        }
        power
    }
}

/// A place where a value can begin or end.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Characters before it, of all texts, with a gap between two texts that no value can bridge.
    at: u64,
    /// The hash of everything before it.
    hash: u64,
}

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    at: u64,
    hash: u64,
}

/// Longer than any value.
const GAP: u64 = 1 << 32;

impl Marks {
    /// How many places are remembered.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Remembers a text's letters and digits: the loose form.
    pub(super) fn put_loose(&mut self, key: Key, plain: &str) {
        self.mark();
        for word in text::words(plain) {
            word.chars().for_each(|one| self.put(key, one));
            self.mark();
        }
        self.at += GAP;
    }

    /// Remembers a text with its signs: the plain form.
    pub(super) fn put_plain(&mut self, key: Key, plain: &str) {
        let letters: Vec<char> = plain.chars().collect();
        let at = |place: usize| letters.get(place).copied();
        for place in 0..=letters.len() {
            if is_edge(
                place.checked_sub(2).and_then(at),
                place.checked_sub(1).and_then(at),
                at(place),
                at(place + 1),
            ) {
                self.mark();
            }
            if let Some(one) = at(place) {
                self.put(key, one);
            }
        }
        self.at += GAP;
    }

    /// Whether the letters and digits of a value stood in a text that was put loosely.
    pub(super) fn has_loose(&self, key: Key, plain: &str) -> bool {
        self.has(key, text::words(plain).flat_map(str::chars))
    }

    /// Whether a value stood in a text that was put plainly.
    pub(super) fn has_plain(&self, key: Key, plain: &str) -> bool {
        self.has(key, plain.chars())
    }

    fn has(&self, key: Key, value: impl Iterator<Item = char>) -> bool {
        let (mut wanted, mut length) = (0, 0);
        for one in value {
            wanted = key.append(wanted, one);
            length += 1;
        }
        if length == 0 {
            return false;
        }
        let power = key.power(length);
        let mut ends = self.marks.iter().peekable();
        self.marks.iter().any(|begin| {
            while ends.next_if(|end| end.at < begin.at + length).is_some() {}
            ends.peek().is_some_and(|end| {
                let lifted = Key::multiply(begin.hash, power) + wanted;
                end.at == begin.at + length
                    && end.hash == if lifted >= PRIME { lifted - PRIME } else { lifted }
            })
        })
    }

    fn put(&mut self, key: Key, one: char) {
        self.hash = key.append(self.hash, one);
        self.at += 1;
    }

    fn mark(&mut self) {
        if self.marks.last().is_none_or(|last| last.at != self.at) {
            self.marks.push(Mark { at: self.at, hash: self.hash });
        }
    }
}

/// Whether a value can begin or end between two characters: not inside a word, and not at a sign that joins two words.
fn is_edge(before: Option<char>, left: Option<char>, right: Option<char>, after: Option<char>) -> bool {
    let word = |one: Option<char>| one.is_some_and(char::is_alphanumeric);
    let spaced = |one: Option<char>| one.is_none_or(char::is_whitespace);
    match (left, right) {
        (Some(left), Some(right)) if left.is_alphanumeric() && right.is_alphanumeric() => {
            text::splits(left, right)
        }
        (Some(_), Some(sign)) if word(left) => !text::joins(left, sign, after),
        (Some(sign), Some(_)) if word(right) => !text::joins(before, sign, right),
        _ => word(left) || word(right) || spaced(left) != spaced(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::from_bytes([7, 1, 2, 3, 4, 5, 6, 8])
    }

    #[test]
    fn a_value_is_found_loosely_however_it_is_spaced() {
        let mut marks = Marks::default();
        marks.put_loose(key(), "pay to us13 3000-0001, please");
        marks.put_loose(key(), "x@evil.com");
        for (value, found) in [
            ("us1330000001", true),
            ("us13 3000 0001", true),
            ("evil.com", true),
            ("x@evil.com", true),
            ("x evil com", true),
            ("vil.com", false),
            ("please x", false),
            ("3000", true),
            ("30", false),
            ("", false),
            ("…", false),
        ] {
            assert_eq!(marks.has_loose(key(), value), found, "{value}");
        }
    }

    #[test]
    fn a_value_is_found_plainly_only_as_it_stands() {
        let mut marks = Marks::default();
        marks.put_plain(key(), "hotel names: city hub");
        marks.put_plain(key(), "ana@example.com, +33 1 42 (new)");
        for (value, found) in [
            ("city hub", true),
            ("cityhub", false),
            ("hub", true),
            ("ub", false),
            ("hotel names", true),
            ("ana@example.com", true),
            ("example.com", false),
            ("an@aexample.com", false),
            ("+33 1 42", true),
            ("new", true),
            ("hub ana", false),
        ] {
            assert_eq!(marks.has_plain(key(), value), found, "{value}");
        }
    }

    #[test]
    fn two_keys_share_nothing() {
        let mut marks = Marks::default();
        marks.put_loose(key(), "secret word");
        assert!(!marks.has_loose(Key::from_bytes([9; 8]), "secret"));
    }
}
