//! Finding values that were taken out of a document in the texts beside it. It finds the same words and figures, not
//! the same meaning: values too short to be told apart make it *blunt*, and then texts go whole.

use placet_domain::Json;

use super::cut::REDACTED;

/// The values that were taken out.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// In small letters, the longest first once something is cleaned.
    needles: std::collections::BTreeSet<(std::cmp::Reverse<usize>, String)>,
    blunt: bool,
    touched: bool,
}

impl Sweep {
    /// Whether nothing was taken out.
    pub(super) fn is_empty(&self) -> bool {
        !self.touched
    }

    /// Whether something was taken out that cannot be told apart in a text.
    pub(super) fn is_blunt(&self) -> bool {
        self.blunt
    }

    /// Remembers a value that was taken out.
    pub(super) fn take(&mut self, value: &Json) {
        self.touched |= *value != Json::Null;
        match value {
            Json::Null => {}
            Json::Bool(_) => self.blunt = true,
            Json::Number(_) => self.word(&value.canonical()),
            Json::String(text) if text.trim().is_empty() || text == REDACTED => {}
            Json::String(text) => self.word(text.trim()),
            Json::Array(elements) => elements.iter().for_each(|element| self.take(element)),
            Json::Object(object) => object.members().for_each(|(_, value)| self.take(value)),
        }
    }

    fn word(&mut self, word: &str) {
        if word.len() < SHORTEST || self.needles.len() >= MOST {
            self.blunt = true;
            return;
        }
        self.needles.insert((std::cmp::Reverse(word.len()), word.to_ascii_lowercase()));
    }

    /// Takes the values out of every text and every number in a document. Names of members are cleaned too.
    pub(super) fn clean(&self, value: &mut Json) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::Number(_) => {
                let word = value.canonical();
                if self.needles.contains(&(std::cmp::Reverse(word.len()), word)) {
                    *value = Json::Null;
                }
            }
            Json::String(text) => self.clean_text(text),
            Json::Array(elements) => elements.iter_mut().for_each(|element| self.clean(element)),
            Json::Object(object) => {
                if object.members().any(|(name, _)| self.is_in(name)) {
                    *value = Json::from(REDACTED);
                    return;
                }
                object.members_mut().for_each(|(_, value)| self.clean(value));
            }
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let small = text.to_ascii_lowercase();
        self.needles.iter().any(|(_, needle)| small.contains(needle.as_str()))
    }

    fn clean_text(&self, text: &mut String) {
        for (_, needle) in &self.needles {
            // Small letters of ASCII have the length of the others, so places are the same in both.
            let small = text.to_ascii_lowercase();
            if !small.contains(needle.as_str()) {
                continue;
            }
            let (mut cleaned, mut end) = (String::with_capacity(text.len()), 0);
            for (at, found) in small.match_indices(needle.as_str()) {
                cleaned.push_str(text.get(end..at).unwrap_or_default());
                cleaned.push_str(REDACTED);
                end = at + found.len();
            }
            cleaned.push_str(text.get(end..).unwrap_or_default());
            *text = cleaned;
        }
    }
}

/// Bytes of the shortest value that is looked for in texts: shorter ones stand in too many words.
const SHORTEST: usize = 4;
/// Most values that are looked for, so that a large result does not hold a processor.
const MOST: usize = 1_024;
