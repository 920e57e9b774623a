//! The headers that mirror parts of the body (SEP-2243). Whoever reads the body compares; on any difference
//! the request is refused with -32020. MCP 2026-07-28, basic/transports, "Request headers".

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::message::{Fault, Object};

pub(crate) const PROTOCOL_VERSION: &str = "mcp-protocol-version";
pub(crate) const SESSION_ID: &str = "mcp-session-id";
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// A header as text without surrounding white space; a repeated header counts as absent.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok().map(str::trim),
        _ => None,
    }
}

/// Compares `Mcp-Method` and `Mcp-Name` with the body.
pub(crate) fn mirror(headers: &HeaderMap, method: &str, params: &Object) -> Result<(), Fault> {
    equal(headers, METHOD, method)?;
    let name = match method {
        "tools/call" | "prompts/get" => params.get("name"),
        "resources/read" => params.get("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.get("taskId"),
        _ => None,
    };
    match name {
        Some(Value::String(name)) => equal(headers, NAME, name),
        _ => Ok(()),
    }
}

/// Compares `Mcp-Param-*` with the arguments that the tool's schema annotates with `x-mcp-header`.
pub(crate) fn mirror_arguments(headers: &HeaderMap, schema: &Value, arguments: &Object) -> Result<(), Fault> {
    let annotated = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (property, definition) in annotated {
        let Some(suffix) = definition.get("x-mcp-header").and_then(Value::as_str) else { continue };
        let header = format!("mcp-param-{}", suffix.to_ascii_lowercase());
        match arguments.get(property) {
            None | Some(Value::Null) if headers.contains_key(&header) => {
                return Err(Fault::header_mismatch(format!("`{header}` mirrors an argument that is absent")));
            }
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => equal(headers, &header, value)?,
            Some(other) => equal(headers, &header, &other.to_string())?,
        }
    }
    Ok(())
}

fn equal(headers: &HeaderMap, header: &str, expected: &str) -> Result<(), Fault> {
    let Some(value) = text(headers, header) else {
        return Err(Fault::header_mismatch(format!("the header `{header}` is missing")));
    };
    if decoded(value).is_some_and(|value| value == expected) {
        Ok(())
    } else {
        Err(Fault::header_mismatch(format!("the header `{header}` differs from the body")))
    }
}

/// `=?base64?…?=` holds base64 of UTF-8; anything else is literal. The sentinel is case-sensitive.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        None => Some(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_value_between_the_sentinels_is_base64_and_anything_else_is_literal() {
        assert_eq!(decoded("=?base64?SGVsbG8=?=").as_deref(), Some("Hello"));
        assert_eq!(decoded("=?base64?SGVsbG8?="), None, "padding is missing");
        assert_eq!(decoded("=?base64?SGVs!!!bG8=?="), None);
        assert_eq!(decoded("=?base64?SGVsbG8=").as_deref(), Some("=?base64?SGVsbG8="));
        assert_eq!(decoded("=?BASE64?SGVsbG8=?=").as_deref(), Some("=?BASE64?SGVsbG8=?="));
    }
}
