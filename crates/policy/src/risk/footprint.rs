//! What a call leaves to be remembered of it: where it goes to, and what its arguments look like. Digests, no values.

use std::collections::BTreeSet;
use std::fmt::Write;

use placet_domain::{Footprint, Habit, Json, Object, ToolCall, limits};

use crate::{Snapshot, binding, input};

impl Snapshot {
    /// The footprint of a call, and how many destinations it has besides those in it.
    #[must_use]
    pub fn footprint(&self, call: &ToolCall) -> (Footprint, usize) {
        let none = Object::new();
        let arguments = binding::arguments(call).unwrap_or(&none);
        let mut shape = String::new();
        put_object(arguments, 0, &mut shape);
        let (connector, operation) = (call.connector().as_str(), call.operation().name());
        let shape = Habit::of("shape", &[connector, operation, &shape]);
        let mut found: BTreeSet<String> = BTreeSet::new();
        if let Some(action) = self.model.action(call.connector(), call.operation()) {
            found.extend(input::domains(arguments, &action.addresses));
        }
        arguments.members().for_each(|(_, member)| hosts(member, 1, &mut found));
        let beyond = found.len().saturating_sub(limits::DESTINATIONS);
        let destinations = found.iter().take(limits::DESTINATIONS);
        // A place that one tool has read from is not one that another has sent to.
        let destinations =
            destinations.map(|name| Habit::of("destination", &[connector, operation, name])).collect();
        (Footprint { destinations, shape: Some(shape) }, beyond)
    }
}

/// Names and types, whatever the order of the members.
fn put_object(object: &Object, depth: usize, shape: &mut String) {
    let mut members: Vec<(&str, &Json)> = object.members().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    shape.push('{');
    for (name, value) in members {
        // Quoted, so that a name cannot look like the end of another. Writing to a text cannot fail.
        let _ = write!(shape, "{name:?}:");
        put(value, depth + 1, shape);
        shape.push(',');
    }
    shape.push('}');
}

fn put(value: &Json, depth: usize, shape: &mut String) {
    match value {
        Json::Object(object) if depth < limits::SHAPE_DEPTH => put_object(object, depth, shape),
        Json::Array(elements) if depth < limits::SHAPE_DEPTH => {
            let shapes: BTreeSet<String> = elements
                .iter()
                .map(|element| {
                    let mut shape = String::new();
                    put(element, depth + 1, &mut shape);
                    shape
                })
                .collect();
            let _ = write!(shape, "[{}]", shapes.into_iter().collect::<Vec<_>>().join("|"));
        }
        other => shape.push_str(other.kind()),
    }
}

/// The hosts of all addresses of the web.
fn hosts(value: &Json, depth: usize, found: &mut BTreeSet<String>) {
    match value {
        Json::String(text) => found.extend(host(text)),
        Json::Array(elements) if depth < limits::SHAPE_DEPTH => {
            elements.iter().for_each(|element| hosts(element, depth + 1, found));
        }
        Json::Object(object) if depth < limits::SHAPE_DEPTH => {
            object.members().for_each(|(_, member)| hosts(member, depth + 1, found));
        }
        Json::Array(_) | Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The host of a text that is an address of the web. What a browser and a library may read in two ways stands for itself: it
/// is a destination of its own.
fn host(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let rest = text.strip_prefix("https:").or_else(|| text.strip_prefix("http:"))?;
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let host = authority.split(':').next().unwrap_or(authority).trim_end_matches('.');
    let is_plain =
        !host.is_empty() && host.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-'));
    Some(if is_plain { host.to_owned() } else { authority.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let mut shape = String::new();
        put(&Json::parse(text.as_bytes()).unwrap(), 0, &mut shape);
        shape
    }

    #[test]
    fn a_shape_is_names_and_types_and_no_values() {
        let one = shape(r#"{"to":"ana@example.com","items":[{"n":1},{"n":2}]}"#);
        assert_eq!(one, shape(r#"{"items":[{"n":7}],"to":"x"}"#));
        for other in [r#"{"to":"x"}"#, r#"{"to":"x","items":[]}"#, r#"{"to":1,"items":[{"n":7}]}"#] {
            assert_ne!(one, shape(other), "{other}");
        }
        assert_ne!(shape(r#"{"a\":{}":1}"#), shape(r#"{"a":{}}"#));
    }

    #[test]
    fn the_host_of_an_address_is_where_it_goes_to() {
        for (text, expected) in [
            ("https://Example.com/a?b#c", Some("example.com")),
            ("http://example.com:8080", Some("example.com")),
            ("https://example.com.", Some("example.com")),
            ("https://ana@evil.example/", Some("ana@evil.example")),
            ("https:\\\\evil.example\\x", Some("evil.example")),
            ("https://[::1]/", Some("[::1]")),
            ("see https://example.com", None),
            ("example.com", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
    }
}
