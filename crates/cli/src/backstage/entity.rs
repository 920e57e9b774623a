//! An entity of a catalog file, as far as we read and write it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The annotation that names an agent where its name is no name of an entity.
pub(super) const AGENT: &str = "placet.dev/agent";

/// One document of a catalog file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "apiVersion")]
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) spec: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) annotations: Map<String, Value>,
}

impl Entity {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// A text of its `spec`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.spec.get(key).and_then(Value::as_str)
    }

    /// A list of texts of its `spec`.
    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        let all = self.spec.get(key).and_then(Value::as_array);
        all.map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }
}

/// The entities of a file: one document or several. Aliases that grow and keys that are there twice are refused.
pub(crate) fn parse(text: &str) -> Result<Vec<Entity>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| error.to_string())
}

/// What a reference such as `user:default/jdoe`, `team-a` or `group:ops` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) name: &'a str,
}

impl<'a> Reference<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (Some(kind), rest),
            None => (None, text),
        };
        Self { kind, name: rest.split_once('/').map_or(rest, |(_, name)| name) }
    }

    /// Whether it names an entity of this kind; one that says nothing has the default kind.
    pub(super) fn is(&self, kind: &str, default: &str) -> bool {
        self.kind.unwrap_or(default).eq_ignore_ascii_case(kind)
    }
}

/// A name as names of entities are: 1 to 63 letters, digits, `-`, `_` and `.`, a letter or a digit at both ends.
pub(super) fn entity_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() || "-_.".contains(one) { one } else { '-' })
        .collect();
    let plain: String = plain.chars().take(63).collect();
    plain.trim_matches(|one: char| !one.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_in_every_form() {
        for (text, kind, name) in [
            ("jdoe", None, "jdoe"),
            ("user:jdoe", Some("user"), "jdoe"),
            ("User:default/jdoe", Some("User"), "jdoe"),
            ("default/jdoe", None, "jdoe"),
        ] {
            assert_eq!(Reference::parse(text), Reference { kind, name }, "{text}");
        }
        assert!(
            Reference::parse("team").is("Group", "group") && !Reference::parse("user:a").is("Group", "group")
        );
    }

    #[test]
    fn names_become_names_of_entities() {
        for (name, entity) in
            [("ana@corp.example", "ana-corp.example"), ("crm-writer", "crm-writer"), ("a_", "a")]
        {
            assert_eq!(entity_name(name), entity);
        }
        assert_eq!(entity_name(&"a".repeat(64)).len(), 63);
    }

    #[test]
    fn what_is_no_catalog_is_refused() {
        let bomb = "a: &a [x, x, x, x, x, x, x, x]\n".to_owned()
            + &(0..12)
                .map(|n| {
                    format!(
                        "{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n",
                        (b'b' + n) as char,
                        (b'a' + n) as char
                    )
                })
                .collect::<String>();
        for text in ["kind: User", "- a", "apiVersion: x\nkind: User\nkind: User\nmetadata: {name: a}", &bomb]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("---\n").unwrap_or_default().len(), 0);
    }
}
