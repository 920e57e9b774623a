//! Keys that a lenient parser takes for another key: the same letters under case folding.
//! Learned from parsers that matched `Method` and `paramſ` to `method` and `params`.

/// Whether some parser may take `key` for `known`, though it is spelled otherwise.
pub(crate) fn imitates(key: &str, known: &str) -> bool {
    match key.is_ascii() {
        true => key != known && key.eq_ignore_ascii_case(known),
        false => fold(key).eq(fold(known)),
    }
}

/// The known key that `key` imitates.
pub(crate) fn imitated<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|known| imitates(key, known))
}

/// Upper then lower case joins what folds together: `ſ` with `s`, the Kelvin sign with `k`, `ı` with `i`.
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// A key or name of a stranger, cut to a length fit for a message.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_equal_by_folding_imitate_and_others_do_not() {
        for (key, known) in
            [("Method", "method"), ("paramſ", "params"), ("ID", "id"), ("ıd", "id"), ("\u{212a}ey", "key")]
        {
            assert!(imitates(key, known), "{key}");
        }
        for (key, known) in [("method", "method"), ("methods", "method"), ("ïd", "id"), ("meta", "_meta")] {
            assert!(!imitates(key, known), "{key}");
        }
    }
}
