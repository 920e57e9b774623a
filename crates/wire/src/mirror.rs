//! `x-mcp-header`: tool parameters that are mirrored into `Mcp-Param-…` headers, and how header values are spelled.
//! The rule is written in MCP 2026-07-28, "Custom Headers from Tool Parameters".

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use placet_domain::{Json, Object};

use crate::lookalike::cut;

const ANNOTATION: &str = "x-mcp-header";
/// Longest name an annotation may give, characters.
const NAME_CHARS: usize = 64;
/// Marks of a Base64 value, case-sensitive.
const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// One parameter that is mirrored into a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderParameter {
    header: HeaderName,
    path: Vec<String>,
}

impl HeaderParameter {
    /// `mcp-param-…`.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The mirrored value in these arguments; absent and `null` values have no header.
    #[must_use]
    pub fn value<'a>(&self, arguments: &'a Object) -> Option<&'a Json> {
        let (last, parents) = self.path.split_last()?;
        let parent = parents.iter().try_fold(arguments, |object, key| object.member(key)?.as_object())?;
        parent.member(last).filter(|value| **value != Json::Null)
    }
}

/// An annotation that breaks the rules. A client over HTTP must not offer such a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x-mcp-header at `{at}` {why}")]
pub struct InvalidAnnotation {
    at: String,
    why: &'static str,
}

/// The mirrored parameters of a tool, from its input schema.
///
/// # Errors
/// A name that is no header name or is used twice, a parameter that is no string, integer or boolean, or an
/// annotation that is not reachable through `properties` alone.
pub fn header_parameters(schema: &Json) -> Result<Vec<HeaderParameter>, InvalidAnnotation> {
    let mut search = Search { path: Vec::new(), found: Vec::new() };
    if let Some(root) = schema.as_object() {
        search.schema(root, true)?;
    }
    Ok(search.found)
}

struct Search<'a> {
    path: Vec<&'a str>,
    found: Vec<HeaderParameter>,
}

impl<'a> Search<'a> {
    fn fail(&self, why: &'static str) -> InvalidAnnotation {
        InvalidAnnotation { at: cut(&self.path.join(".")), why }
    }

    /// Looks through one schema; recursion is bounded by the depth of parsed JSON.
    fn schema(&mut self, schema: &'a Object, reachable: bool) -> Result<(), InvalidAnnotation> {
        if let Some(annotation) = schema.member(ANNOTATION) {
            if !reachable || self.path.is_empty() {
                return Err(self.fail("is not on a property reachable through `properties` alone"));
            }
            self.annotate(schema, annotation)?;
        }
        for (key, value) in schema.members() {
            match (key, value) {
                // Data, not schemas.
                ("const" | "default" | "enum" | "examples" | ANNOTATION, _) => {}
                ("properties", Json::Object(properties)) => {
                    for (name, property) in properties.members() {
                        self.path.push(name);
                        property.as_object().map_or(Ok(()), |property| self.schema(property, reachable))?;
                        self.path.pop();
                    }
                }
                (
                    "$defs" | "definitions" | "dependentSchemas" | "patternProperties",
                    Json::Object(schemas),
                ) => {
                    schemas.members().try_for_each(|(_, schema)| self.elsewhere(schema))?;
                }
                (_, other) => self.elsewhere(other)?,
            }
        }
        Ok(())
    }

    fn elsewhere(&mut self, value: &'a Json) -> Result<(), InvalidAnnotation> {
        match value {
            Json::Object(schema) => self.schema(schema, false),
            Json::Array(elements) => elements.iter().try_for_each(|element| self.elsewhere(element)),
            _ => Ok(()),
        }
    }

    fn annotate(&mut self, schema: &Object, annotation: &Json) -> Result<(), InvalidAnnotation> {
        let name = annotation.as_str().ok_or_else(|| self.fail("is not a string"))?;
        if name.is_empty() || name.len() > NAME_CHARS {
            return Err(self.fail("must be 1 to 64 characters"));
        }
        let header = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes())
            .map_err(|_| self.fail("is not a header name"))?;
        if self.found.iter().any(|other| other.header == header) {
            return Err(self.fail("repeats the name of another"));
        }
        if !is_primitive(schema.member("type")) {
            return Err(self.fail("is on a property that is not a string, integer or boolean"));
        }
        self.found
            .push(HeaderParameter { header, path: self.path.iter().map(ToString::to_string).collect() });
        Ok(())
    }
}

/// One of the three types, or that and `null`.
fn is_primitive(kind: Option<&Json>) -> bool {
    let primitive = |kind: &Json| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    match kind {
        Some(Json::Array(kinds)) => {
            kinds.iter().filter(|kind| kind.as_str() != Some("null")).count() == 1
                && kinds.iter().any(primitive)
        }
        Some(kind) => primitive(kind),
        None => false,
    }
}

/// The text of a header that may be Base64 between `=?base64?` and `?=`.
///
/// # Errors
/// A sentence: characters a header must not have, broken Base64, or Base64 of something that is not UTF-8.
pub fn decode_value(value: &HeaderValue) -> Result<Cow<'_, str>, &'static str> {
    let text = value.to_str().map_err(|_| "holds characters that are not visible ASCII")?;
    let Some(encoded) = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else {
        return Ok(Cow::Borrowed(text));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| "is not valid Base64")?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| "is Base64 of something that is not UTF-8")
}

/// The header value of a text: plain if that is safe, else Base64.
#[must_use]
pub fn encode_value(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| byte == b'\t' || matches!(byte, 0x20..=0x7e))
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with(PREFIX) && text.ends_with(SUFFIX));
    if plain && let Ok(value) = HeaderValue::from_str(text) {
        return value;
    }
    // Base64 is plain ASCII, so the conversion succeeds; an empty value would disagree with the body.
    HeaderValue::try_from(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text)))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameters(schema: &str) -> Result<Vec<HeaderParameter>, InvalidAnnotation> {
        header_parameters(&Json::parse(schema.as_bytes()).expect("a schema"))
    }

    #[test]
    fn values_are_spelled_as_the_specification_spells_them() {
        for (text, spelled) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("=?BASE64?literal?=", "=?BASE64?literal?="),
            ("", ""),
        ] {
            assert_eq!(encode_value(text), spelled, "{text:?}");
            assert_eq!(decode_value(&HeaderValue::from_static(spelled)).as_deref(), Ok(text));
        }
    }

    #[test]
    fn broken_base64_and_raw_bytes_are_refused() {
        for broken in ["=?base64?SGVsbG8?=", "=?base64?SGVs bG8=?=", "=?base64?/w==?=", "=?base64?S===?="] {
            assert!(decode_value(&HeaderValue::from_static(broken)).is_err(), "{broken}");
        }
        assert!(decode_value(&HeaderValue::from_bytes("é".as_bytes()).expect("opaque")).is_err());
        // Too short to be the sentinel: literal.
        assert_eq!(decode_value(&HeaderValue::from_static("=?base64?=")).as_deref(), Ok("=?base64?="));
    }

    proptest! {
        #[test]
        fn every_text_survives_the_header(text in any::<String>()) {
            let spelled = encode_value(&text);
            prop_assert_eq!(decode_value(&spelled).expect("our own spelling"), text);
        }
    }

    #[test]
    fn annotations_are_found_at_their_exact_path() {
        let found = parameters(
            r#"{"type":"object","properties":{
                "region":{"type":"string","x-mcp-header":"Region"},
                "x-mcp-header":{"type":"string"},
                "options":{"type":"object","default":{"x-mcp-header":7},
                           "properties":{"limit":{"type":["integer","null"],"x-mcp-header":"Limit"}}}}}"#,
        )
        .expect("valid annotations");
        assert_eq!(found.len(), 2);
        let arguments = Object::new().with("options", Object::new().with("limit", 5));
        assert_eq!(found[1].header(), "mcp-param-limit");
        assert_eq!(found[1].value(&arguments), Some(&Json::from(5)));
        assert_eq!(found[0].value(&arguments), None);
        assert_eq!(found[0].value(&Object::new().with("region", Json::Null)), None);
    }

    #[test]
    fn invalid_annotations_are_refused() {
        for schema in [
            r#"{"x-mcp-header":"A","type":"object"}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"a\r\nb"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":7}}}"#,
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"object","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
            r#"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#,
            r#"{"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
            r#"{"$defs":{"a":{"type":"string","x-mcp-header":"A"}}}"#,
            r#"{"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}"#,
        ] {
            assert!(parameters(schema).is_err(), "{schema}");
        }
    }
}
