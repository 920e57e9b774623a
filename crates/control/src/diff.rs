//! What changed between two definitions of a tool, place by place.

use placet_domain::Json;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer::raw;

/// One place where two trees differ.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// JSON Pointer (RFC 6901) of the place.
    path: String,
    /// What was accepted; absent if there was nothing.
    accepted: Option<Box<RawValue>>,
    /// What is seen; absent if there is nothing any more.
    seen: Option<Box<RawValue>>,
}

/// Every place where they differ, as deep as possible, in the order of the accepted tree.
pub(crate) fn differences(accepted: Option<&Json>, seen: Option<&Json>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), accepted, seen, &mut found);
    found
}

// Parsing has bounded the depth (`limits::JSON_DEPTH`).
fn compare(path: String, accepted: Option<&Json>, seen: Option<&Json>, found: &mut Vec<Difference>) {
    match (accepted, seen) {
        (Some(accepted), Some(seen)) if accepted == seen => {}
        (Some(Json::Object(accepted)), Some(Json::Object(seen))) => {
            for (key, value) in accepted.members() {
                compare(below(&path, key), Some(value), seen.member(key), found);
            }
            for (key, value) in seen.members().filter(|(key, _)| accepted.member(key).is_none()) {
                compare(below(&path, key), None, Some(value), found);
            }
        }
        (Some(Json::Array(accepted)), Some(Json::Array(seen))) => {
            for place in 0..accepted.len().max(seen.len()) {
                compare(below(&path, &place.to_string()), accepted.get(place), seen.get(place), found);
            }
        }
        (accepted, seen) => {
            found.push(Difference { path, accepted: accepted.map(raw), seen: seen.map(raw) });
        }
    }
}

fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(accepted: &str, seen: &str) -> Vec<String> {
        let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let text = |value: &Option<Box<RawValue>>| value.as_ref().map_or("-", |raw| raw.get()).to_owned();
        differences(Some(&parse(accepted)), Some(&parse(seen)))
            .iter()
            .map(|one| format!("{} {} {}", one.path, text(&one.accepted), text(&one.seen)))
            .collect()
    }

    #[test]
    fn each_difference_is_told_where_it_is() {
        let told = told(
            r#"{"description":"reads","inputSchema":{"required":["a"],"a/b":1},"gone":true}"#,
            r#"{"description":"reads and sends","inputSchema":{"required":["a","b"],"a/b":2},"new":null}"#,
        );
        assert_eq!(
            told,
            [
                r#"/description "reads" "reads and sends""#,
                r#"/inputSchema/required/1 - "b""#,
                "/inputSchema/a~1b 1 2",
                "/gone true -",
                "/new - null",
            ]
        );
    }

    #[test]
    fn equal_trees_differ_nowhere() {
        assert!(told(r#"{"a":[1,{"b":2.0}]}"#, r#"{"a":[1.0,{"b":2}]}"#).is_empty());
    }
}
