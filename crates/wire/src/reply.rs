//! Replies to clients. A refusal of `tools/call` is a tool result, because models read those;
//! a refusal of another method is a JSON-RPC error with a code outside the reserved range.

use bytes::Bytes;
use placet_domain::{Code, Json, Object, Refusal};

use crate::{Era, Id, meta};

/// Application error code: the credential was not accepted.
pub const UNAUTHENTICATED: i64 = -31401;
/// Application error code: the request was not acceptable.
pub const NOT_ACCEPTED: i64 = -31400;
/// Application error code: policy or a person said no, or not yet.
pub const DENIED: i64 = -31403;
/// Application error code: the tool failed or its outcome is unknown.
pub const TOOL_FAILED: i64 = -31502;
/// Application error code: we could not do our part; nothing was sent.
pub const UNAVAILABLE: i64 = -31503;

/// The application error code of a refusal, by who is at fault. JSON-RPC reserves -32768 to -32000; ours
/// are `-31000` minus the HTTP status that means the same.
#[must_use]
pub fn error_code(code: Code) -> i64 {
    // The catalogue numbers its families in hundreds: identity, request, policy, people, we, the tool.
    match code.number() / 100 {
        10 => UNAUTHENTICATED,
        11 => NOT_ACCEPTED,
        14 => UNAVAILABLE,
        15 => TOOL_FAILED,
        _ => DENIED,
    }
}

/// A result, its JSON given as text.
#[must_use]
pub fn result(id: &Id, result_json: &str) -> Bytes {
    let mut text = String::with_capacity(result_json.len() + 64);
    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
    id.write(&mut text);
    text.push_str(r#","result":"#);
    text.push_str(result_json);
    text.push('}');
    text.into()
}

/// An error, its `error` object given as text.
#[must_use]
pub fn raw_error(id: Option<&Id>, error_json: &str) -> Bytes {
    let mut text = String::with_capacity(error_json.len() + 64);
    text.push_str(r#"{"jsonrpc":"2.0","#);
    if let Some(id) = id {
        text.push_str(r#""id":"#);
        id.write(&mut text);
        text.push(',');
    }
    text.push_str(r#""error":"#);
    text.push_str(error_json);
    text.push('}');
    text.into()
}

/// An error. Without an id, the reply has none either (MCP `JSONRPCErrorResponse`).
#[must_use]
pub fn error(id: Option<&Id>, code: i64, message: &str, data: Option<&Json>) -> Bytes {
    let error = Object::new().with("code", code).with("message", message).with_some("data", data.cloned());
    raw_error(id, &Json::from(error).canonical())
}

/// A refused `tools/call`: a tool result with `isError`, for models; structured content and `_meta`, for programs.
#[must_use]
pub fn refusal(id: &Id, refusal: &Refusal, era: Era, receipt: Option<&Object>) -> Bytes {
    let content = tool_refusal(refusal, era, receipt).with("structuredContent", refusal.to_json());
    result(id, &Json::from(content).canonical())
}

/// [`refusal`] of a tool that declares an `outputSchema`: without structured content, since clients hold
/// even that of an error against the schema, and would show a schema violation in place of the refusal.
#[must_use]
pub fn refusal_of_typed_tool(id: &Id, refusal: &Refusal, era: Era, receipt: Option<&Object>) -> Bytes {
    result(id, &Json::from(tool_refusal(refusal, era, receipt)).canonical())
}

/// A refused request that is not `tools/call`: a JSON-RPC error, its data the structured refusal.
#[must_use]
pub fn refusal_of_method(id: Option<&Id>, refusal: &Refusal, receipt: Option<&Object>) -> Bytes {
    let data = refusal.to_json().with_some("receipt", receipt.cloned());
    error(id, error_code(refusal.code), &refusal.to_string(), Some(&data.into()))
}

fn tool_refusal(refusal: &Refusal, era: Era, receipt: Option<&Object>) -> Object {
    let text = Object::new().with("type", "text").with("text", refusal.to_string());
    let ours =
        Object::new().with(meta::REFUSAL, refusal.to_json()).with_some(meta::RECEIPT, receipt.cloned());
    Object::new()
        .with("_meta", ours)
        .with("content", vec![text])
        .with("isError", true)
        .with_some("resultType", era.is_stateless().then_some("complete"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionVersion;

    fn denied() -> Refusal {
        Refusal::new(Code::Vetoed, "policy `crm-amount-cap` forbids it").with_who("crm-owners")
    }

    fn parsed(bytes: &Bytes) -> Json {
        Json::parse(bytes).expect("our replies are strict JSON")
    }

    #[test]
    fn a_refused_tool_call_is_a_result_that_a_model_can_read() {
        let receipt = Object::new().with("id", "rcp_1");
        let reply = parsed(&refusal(&"7".into(), &denied(), Era::Stateless, Some(&receipt)));
        let result = reply.member("result").expect("a result");
        assert_eq!(reply.member("id").and_then(Json::as_str), Some("7"));
        assert_eq!(result.member("isError").and_then(Json::as_bool), Some(true));
        assert_eq!(result.member("resultType").and_then(Json::as_str), Some("complete"));
        let text = result.member("content").and_then(Json::as_array).and_then(|all| all[0].member("text"));
        assert_eq!(text.and_then(Json::as_str), Some(denied().to_string().as_str()));
        let structured = result.member("structuredContent");
        assert_eq!(structured, Some(&denied().to_json().into()));
        let ours = result.member("_meta").expect("our meta");
        assert_eq!(ours.member("dev.placet/refusal"), structured);
        assert_eq!(ours.member("dev.placet/receipt"), Some(&receipt.into()));
    }

    #[test]
    fn a_session_client_sees_no_result_type_and_a_typed_tool_no_structured_content() {
        let era = Era::Session(SessionVersion::V2025_11_25);
        let reply = parsed(&refusal_of_typed_tool(&1.into(), &denied(), era, None));
        let result = reply.member("result").expect("a result");
        assert!(result.member("resultType").is_none() && result.member("structuredContent").is_none());
        assert_eq!(result.member("isError").and_then(Json::as_bool), Some(true));
    }

    #[test]
    fn a_refused_method_is_an_error_outside_the_reserved_codes() {
        let reply = parsed(&refusal_of_method(Some(&1.into()), &denied(), None));
        let error = reply.member("error").expect("an error");
        assert_eq!(error.member("code").and_then(Json::as_integer), Some(DENIED));
        assert_eq!(error.member("data"), Some(&denied().to_json().into()));
        for code in Code::ALL {
            assert!(!(-32768..=-32000).contains(&error_code(*code)), "{code}");
        }
    }

    #[test]
    fn an_error_without_an_id_has_none() {
        let text = error(None, -32700, "line \"1\"", None);
        assert_eq!(&text[..], br#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"line \"1\""}}"#);
    }
}
