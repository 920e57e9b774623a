//! What a configured condition compares a text with: the text itself, or its beginning.

use std::{fmt, str::FromStr};

/// An exact text, or a beginning followed by `*`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    prefix: bool,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pattern; write the exact text, or its beginning and one `*` at the end")]
pub struct ParsePatternError(String);

impl Pattern {
    /// Whether the text fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        if self.prefix { text.starts_with(&self.text) } else { text == self.text }
    }
}

impl FromStr for Pattern {
    type Err = ParsePatternError;

    /// `*` alone is refused: a condition that everything meets reads like one that something has to meet.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, prefix) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        match start.is_empty() || start.contains('*') {
            true => Err(ParsePatternError(text.to_owned())),
            false => Ok(Self { text: start.to_owned(), prefix }),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.text, if self.prefix { "*" } else { "" })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_end_and_nothing_else() {
        let pattern = |text: &str| text.parse::<Pattern>();
        assert!(pattern("refs/heads/*").unwrap().matches("refs/heads/main"));
        assert!(!pattern("refs/heads/*").unwrap().matches("refs/tags/v1"));
        assert!(pattern("main").unwrap().matches("main"));
        assert!(!pattern("main").unwrap().matches("main2"));
        for text in ["", "*", "**", "a*b", "*a", "a**"] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }
}
