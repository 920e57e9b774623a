//! Where a directory's values are in an answer: `result[*].recipient`. Members and `[*]`, nothing else.

use std::{fmt, str::FromStr};

use placet_domain::Json;

/// A path into the structured content of an answer, or into its text if that is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Every,
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path into an answer; write it like `contacts[*].address`")]
pub struct ParseDirectoryPathError(String);

impl DirectoryPath {
    /// Every text at this path.
    #[must_use]
    pub fn texts<'a>(&self, content: &'a Json) -> Vec<&'a str> {
        let mut found = vec![content];
        for step in &self.0 {
            found = match step {
                Step::Member(name) => found.into_iter().filter_map(|json| json.member(name)).collect(),
                Step::Every => found.into_iter().filter_map(Json::as_array).flatten().collect(),
            };
        }
        found.into_iter().filter_map(Json::as_str).collect()
    }
}

impl FromStr for DirectoryPath {
    type Err = ParseDirectoryPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseDirectoryPathError(text.to_owned());
        let plain = text.strip_prefix("$.").or_else(|| text.strip_prefix('$')).unwrap_or(text);
        let mut steps = Vec::new();
        for part in plain.split('.') {
            let name = part.trim_end_matches("[*]");
            if name.contains(['[', ']', '*']) || (name.is_empty() && !steps.is_empty()) {
                return Err(wrong());
            }
            if !name.is_empty() {
                steps.push(Step::Member(name.to_owned()));
            }
            steps.extend((0..(part.len() - name.len()) / "[*]".len()).map(|_| Step::Every));
        }
        if steps.is_empty() { Err(wrong()) } else { Ok(Self(steps)) }
    }
}

impl fmt::Display for DirectoryPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Member(name) => write!(formatter, ".{name}"),
            Step::Every => formatter.write_str("[*]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_every_text_and_nothing_else() {
        let content = Json::parse(br#"{"a":[{"b":"x"},{"b":7},{"c":"y"}],"d":["z"]}"#).unwrap();
        let texts = |path: &str| {
            path.parse::<DirectoryPath>()
                .unwrap()
                .texts(&content)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("a[*].b"), ["x"]);
        assert_eq!(texts("$.d[*]"), ["z"]);
        assert!(texts("a.b").is_empty() && texts("d").is_empty());
    }

    #[test]
    fn what_is_not_a_path_is_refused_and_a_path_reads_back() {
        for text in ["", "$", "a[0]", "a..b", "a[*", "a.*"] {
            assert!(text.parse::<DirectoryPath>().is_err(), "{text:?}");
        }
        for text in ["$.a[*].b", "$[*].b", "$.a"] {
            assert_eq!(text.parse::<DirectoryPath>().unwrap().to_string(), text);
        }
    }
}
