//! Where the values of a call's arguments were found: in the mandate, in a directory, in what tools have said, or nowhere.
//! Only paths of arguments and sources; never a value. The rule is docs/policies/flow.md, "Provenance".

use std::collections::{BTreeMap, BTreeSet};

use crate::{Json, Object};

/// Where a value was found. Of several places the first one counts; of several values the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// In what the run was started to do: task, ticket, purpose, facts, the person acted for.
    Mandate,
    /// Among the values that are known for good: the directory.
    Directory,
    /// In what a trusted tool has said in this run.
    Trusted,
    /// Nowhere: the agent made it up or put it together.
    Unknown,
    /// Only in what an untrusted tool has said in this run, or this can no longer be told.
    Untrusted,
}

impl Source {
    /// All of them, strongest first.
    pub const ALL: [Self; 5] =
        [Self::Mandate, Self::Directory, Self::Trusted, Self::Unknown, Self::Untrusted];

    /// The member of `context.provenance`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mandate => "mandate",
            Self::Directory => "directory",
            Self::Trusted => "trusted",
            Self::Unknown => "unknown",
            Self::Untrusted => "untrusted",
        }
    }
}

/// The source of each argument, by path (`recipient`, `to`, `address.city`). A path stands for everything below it and
/// has the weakest source of all that: members of arrays have the path of their array. Empty texts, `null` and truth
/// values say nothing and have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance(BTreeMap<String, Source>);

impl Provenance {
    /// Notes that a value at this path comes from there, and so does something below every path above it.
    pub fn put(&mut self, path: &str, source: Source) {
        let above = path.match_indices('.').filter_map(|(at, _)| path.get(..at));
        for path in above.chain([path]) {
            match self.0.get_mut(path) {
                Some(known) => *known = source.max(*known),
                None => {
                    self.0.insert(path.to_owned(), source);
                }
            }
        }
    }

    /// Reads back paths by source, as a receipt has them.
    #[must_use]
    pub fn of_json(told: &Json) -> Self {
        let mut provenance = Self::default();
        for source in Source::ALL {
            let paths = told.member(source.as_str()).and_then(Json::as_array).unwrap_or_default();
            paths.iter().filter_map(Json::as_str).for_each(|path| provenance.put(path, source));
        }
        provenance
    }

    /// The source of a path.
    #[must_use]
    pub fn source(&self, path: &str) -> Option<Source> {
        self.0.get(path).copied()
    }

    /// The paths of a source.
    pub fn paths(&self, source: Source) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, one)| **one == source).map(|(path, _)| path.as_str())
    }

    /// Whether there is no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The receipt's `provenance`: paths by source. Names of arguments are the agent's word: they are cut, and
    /// beyond a number of them `more` says how many are left out.
    #[must_use]
    pub fn to_json(&self) -> Object {
        let mut by_source: BTreeMap<Source, Vec<String>> = BTreeMap::new();
        for (path, source) in self.0.iter().take(PATHS) {
            by_source.entry(*source).or_default().push(path.chars().take(PATH_CHARACTERS).collect());
        }
        let told = by_source.into_iter().fold(Object::new(), |all, (source, paths)| {
            let paths: BTreeSet<String> = paths.into_iter().collect();
            all.with(source.as_str(), paths.into_iter().collect::<Vec<_>>())
        });
        let more = self.0.len().saturating_sub(PATHS);
        told.with_some("more", (more > 0).then(|| Json::from(i64::try_from(more).unwrap_or(i64::MAX))))
    }
}

/// Paths that a receipt names.
const PATHS: usize = 64;
/// Characters of a path that a receipt keeps.
const PATH_CHARACTERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_weakest_source_of_its_values() {
        let mut provenance = Provenance::default();
        provenance.put("to", Source::Untrusted);
        provenance.put("to", Source::Mandate);
        provenance.put("cc", Source::Mandate);
        provenance.put("address.city", Source::Unknown);
        provenance.put("address.street", Source::Mandate);
        assert_eq!(provenance.source("to"), Some(Source::Untrusted));
        assert_eq!(provenance.paths(Source::Mandate).collect::<Vec<_>>(), ["address.street", "cc"]);
        let told = Json::Object(provenance.to_json());
        let expected =
            r#"{"mandate":["address.street","cc"],"unknown":["address","address.city"],"untrusted":["to"]}"#;
        assert_eq!(told.canonical(), expected);
        assert_eq!(Provenance::of_json(&told), provenance);
    }

    #[test]
    fn a_receipt_stays_small_whatever_arguments_are_named() {
        let mut provenance = Provenance::default();
        for number in 0..500 {
            provenance.put(&format!("{number}{}", "\u{10ffff}".repeat(5_000)), Source::Unknown);
        }
        let told = Json::Object(provenance.to_json());
        assert!(told.canonical().len() < 30_000);
        assert_eq!(told.member("more").and_then(Json::as_integer), Some(436));
    }
}
