//! Tools of the session era that send the client a request and wait for its answer.

use serde_json::{Value, json};

use crate::line::Line;
use crate::message::Fault;
use crate::tools::{Call, failure, text};

pub(crate) async fn sampling(call: &Call) -> Result<Value, Fault> {
    let params = json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": call.text("prompt") } }],
        "maxTokens": 100,
    });
    Ok(match ask(call, "sampling", "sampling/createMessage", &params).await {
        Ok(answer) => {
            let said = answer.get("content").and_then(|content| content.get("text")).and_then(Value::as_str);
            text(format!("LLM response: {}", said.unwrap_or_default()))
        }
        Err(reason) => failure(reason),
    })
}

pub(crate) async fn elicitation(call: &Call) -> Result<Value, Fault> {
    let schema = json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" },
        },
        "required": ["username", "email"],
    });
    elicit(call, call.text("message"), &schema, "User response").await
}

/// Defaults for each primitive type (SEP-1034).
pub(crate) async fn defaults(call: &Call) -> Result<Value, Fault> {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "default": true },
        },
        "required": [],
    });
    elicit(call, "Please review the defaults", &schema, "Elicitation completed").await
}

/// The five ways of writing an enumeration (SEP-1330).
pub(crate) async fn enums(call: &Call) -> Result<Value, Fault> {
    let options = json!(["option1", "option2", "option3"]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": options },
            "titledSingle": { "type": "string", "oneOf": titled("Option") },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
            "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
        },
        "required": [],
    });
    elicit(call, "Please choose", &schema, "Elicitation completed").await
}

fn titled(noun: &str) -> Value {
    json!([
        { "const": "value1", "title": format!("First {noun}") },
        { "const": "value2", "title": format!("Second {noun}") },
        { "const": "value3", "title": format!("Third {noun}") },
    ])
}

async fn elicit(call: &Call, message: &str, schema: &Value, prefix: &str) -> Result<Value, Fault> {
    let params = json!({ "message": message, "requestedSchema": schema });
    Ok(match ask(call, "elicitation", "elicitation/create", &params).await {
        Ok(answer) => {
            let action = answer.get("action").and_then(Value::as_str).unwrap_or("none");
            let content = answer.get("content").cloned().unwrap_or_else(|| json!({}));
            text(format!("{prefix}: action={action}, content={content}"))
        }
        Err(reason) => failure(reason),
    })
}

async fn ask(call: &Call, capability: &str, method: &str, params: &Value) -> Result<Value, String> {
    let Line::Session { session, stream } = &call.line else {
        return Err("this tool needs a session".into());
    };
    if !call.input.declares(capability) {
        return Err(format!("the client did not declare `{capability}`"));
    }
    session.ask(stream, method, params).await
}
