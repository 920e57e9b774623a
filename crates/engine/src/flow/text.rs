//! Two normal forms of a text. The plain one decides whether a value is *the same* as one that is trusted: it forgives case,
//! width and spaces and keeps every sign. The loose one decides whether a value *may come from* an untrusted text: only
//! letters and digits count. What is trusted is matched strictly and what is not is matched widely, so both err safely.

use unicode_normalization::UnicodeNormalization as _;

/// A text in plain form: compatibility-composed, lower case, without invisible characters, one space for any.
#[must_use]
pub(super) fn plain(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for one in text.nfkc().flat_map(char::to_lowercase).filter(|one| !is_invisible(*one)) {
        match one.is_whitespace() || one.is_control() {
            true if told.is_empty() || told.ends_with(' ') => {}
            true => told.push(' '),
            false => told.push(one),
        }
    }
    told.truncate(told.trim_end().len());
    told
}

/// A plain text without the signs that sentences put around a value.
#[must_use]
pub(super) fn bare(plain: &str) -> &str {
    plain.trim_matches(|one: char| one.is_whitespace() || "\"'`“”‘’«»()[]{}<>,;:!?.".contains(one))
}

/// The letters and digits of a number that people write in groups (an account, a card, a telephone), if it is one.
#[must_use]
pub(super) fn joined(plain: &str) -> Option<String> {
    let told: String = plain.chars().filter(|one| !matches!(one, ' ' | '-')).collect();
    let digits = told.chars().filter(char::is_ascii_digit).count();
    (told.len() >= 8 && digits >= 4 && told.chars().all(|one| one.is_ascii_alphanumeric())).then_some(told)
}

/// Whether a value stands in a text, both plain, as a whole: not as the beginning, the end or the middle of something longer.
#[must_use]
pub(super) fn stands_in(value: &str, text: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    text.match_indices(value).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + value.len()..).unwrap_or_default();
        !continues(value.chars().next_back(), after.chars())
            && !continues(value.chars().next(), before.chars().rev())
    })
}

/// Whether a number stands in a text as a whole, in whatever groups it is written there.
#[must_use]
pub(super) fn stands_grouped_in(joined: &str, text: &str) -> bool {
    let word = |one: Option<char>| one.is_some_and(char::is_alphanumeric);
    text.char_indices().any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let mut left = text.get(at..).unwrap_or_default().chars().peekable();
        !word(before)
            && joined.chars().enumerate().all(|(place, wanted)| {
                while place > 0 && left.next_if(|one| matches!(one, ' ' | '-')).is_some() {}
                left.next() == Some(wanted)
            })
            && !word(left.next())
    })
}

/// Whether the neighbours of an edge belong to the same word as the edge: a letter or digit, or a joining sign with one
/// behind it.
fn continues(edge: Option<char>, mut beyond: impl Iterator<Item = char>) -> bool {
    if !edge.is_some_and(char::is_alphanumeric) || edge.is_some_and(is_unspaced) {
        return false;
    }
    match (beyond.next(), beyond.next()) {
        (Some(next), _) if next.is_alphanumeric() => !is_unspaced(next),
        (Some(next), Some(behind)) => joins(edge, next, Some(behind)),
        _ => false,
    }
}

/// Whether a sign joins the letters around it to one value: an address, a link, a path, a number.
pub(super) fn joins(left: Option<char>, sign: char, right: Option<char>) -> bool {
    let are = |kind: fn(char) -> bool| left.is_some_and(kind) && right.is_some_and(kind);
    are(char::is_alphanumeric) && ("@._-+/\\%=~#&:'".contains(sign) || sign == ',' && are(char::is_numeric))
}

/// The words of the loose form: runs of letters and digits, one sign each in scripts that are written without spaces.
pub(super) fn words(plain: &str) -> impl Iterator<Item = &str> {
    plain.split(|one: char| !one.is_alphanumeric()).filter(|run| !run.is_empty()).flat_map(|run| {
        let every = run.chars().any(is_unspaced);
        let ends: Vec<usize> = match every {
            true => run.char_indices().map(|(at, one)| at + one.len_utf8()).collect(),
            false => vec![run.len()],
        };
        let starts = std::iter::once(0).chain(ends.clone());
        starts.zip(ends).filter_map(|(start, end)| run.get(start..end)).collect::<Vec<_>>()
    })
}

/// Whether a value can end between two letters: only where words need no space.
pub(super) fn splits(left: char, right: char) -> bool {
    is_unspaced(left) || is_unspaced(right)
}

/// Scripts of South-East and East Asia, which put no spaces between words.
fn is_unspaced(one: char) -> bool {
    matches!(one, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Characters that nobody sees: joiners, marks of direction, soft hyphens, variation selectors, tags.
fn is_invisible(one: char) -> bool {
    matches!(one, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn respelling_changes_nothing() {
        for text in ["Ana  SMITH", "ana\u{200b} smith", "Ａｎａ smith\n", " ana\tsmith "] {
            assert_eq!(plain(text), "ana smith", "{text:?}");
        }
        assert_eq!(bare("\"city hub\"."), "city hub");
    }

    #[test]
    fn a_part_of_something_longer_does_not_stand_in_a_text() {
        for (value, text, stands) in [
            ("ana@example.com", "write to ana@example.com.", true),
            ("ana@example.com", "ana@example.com.evil.example", false),
            ("ana@example.com", "joana@example.com", false),
            ("ana@example.com", "x.ana@example.com", false),
            ("an@aexample.com", "ana@example.com", false),
            ("example.com", "ana@example.com", false),
            ("city hub", "the 'city hub' hotel", true),
            ("hub", "github", false),
            ("12", "12.00 in total", false),
            ("12.00", "12.00 in total", true),
            ("200", "1,200 in total", false),
            ("a@x.com", "a@x.com,b@y.com", true),
            ("12", "12, please", true),
            ("1 rue x", "at 1 rue x, paris", true),
            ("", "anything", false),
            ("ホテル", "東京ホテル名", true),
        ] {
            assert_eq!(stands_in(value, text), stands, "{value} in {text}");
        }
    }

    #[test]
    fn grouped_numbers_are_joined_and_words_are_not() {
        assert_eq!(joined("gb29 nwbk 6016-1331").as_deref(), Some("gb29nwbk60161331"));
        assert!(stands_grouped_in("gb29nwbk60161331", "to gb29 nwbk 6016-1331 and"));
        assert!(!stands_grouped_in("gb29nwbk60161331", "to gb29 nwbk 6016 13312"));
        assert!(joined("an@aexample12345.com").is_none() && joined("12 34").is_none());
        assert_eq!(words("x@evil.com, 東京").collect::<Vec<_>>(), ["x", "evil", "com", "東", "京"]);
    }
}
