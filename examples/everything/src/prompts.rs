//! Prompts, and completion of their arguments.

use serde_json::{Value, json};

use crate::content::image;
use crate::era::Era;
use crate::input::{Ask, Input};
use crate::message::{Fault, Object};

pub(crate) fn list(era: Era) -> Value {
    let mut prompts = vec![
        json!({ "name": "test_simple_prompt", "description": "A simple prompt without arguments" }),
        json!({
            "name": "test_prompt_with_arguments",
            "description": "A prompt with two required arguments",
            "arguments": [
                { "name": "arg1", "description": "First test argument", "required": true },
                { "name": "arg2", "description": "Second test argument", "required": true },
            ],
        }),
        json!({
            "name": "test_prompt_with_embedded_resource",
            "description": "A prompt with an embedded resource",
            "arguments": [{ "name": "resourceUri", "description": "The resource to embed", "required": true }],
        }),
        json!({ "name": "test_prompt_with_image", "description": "A prompt with an image" }),
    ];
    if era == Era::Stateless {
        prompts.push(json!({ "name": NEEDS_INPUT, "description": "A prompt that asks before it answers" }));
    }
    Value::Array(prompts)
}

/// `prompts/get`.
pub(crate) fn render(era: Era, name: &str, arguments: &Object, input: &Input) -> Result<Value, Fault> {
    let argument = |key: &str| {
        let value = arguments.get(key).and_then(Value::as_str);
        value.ok_or_else(|| Fault::invalid_params(format!("the argument `{key}` is missing")))
    };
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1")?, argument("arg2")?);
            vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let resource = json!({
                "uri": argument("resourceUri")?,
                "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            });
            vec![
                json!({ "type": "resource", "resource": resource }),
                text("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
        NEEDS_INPUT if era == Era::Stateless => {
            match input.form("user_context", "context").and_then(Value::as_str) {
                Some(context) => vec![text(&format!("Use this context: {context}"))],
                None => {
                    let ask = Ask::text("What context should the prompt use?", "context");
                    return input.required(&[("user_context", ask)], None);
                }
            }
        }
        unknown => return Err(Fault::invalid_params(format!("there is no prompt `{unknown}`"))),
    };
    let messages: Vec<_> =
        contents.into_iter().map(|content| json!({ "role": "user", "content": content })).collect();
    Ok(json!({ "messages": messages }))
}

/// `completion/complete`: the known values that begin with what was typed.
pub(crate) fn complete(params: &Object) -> Result<Value, Fault> {
    let (Some(Value::Object(_)), Some(Value::Object(argument))) = (params.get("ref"), params.get("argument"))
    else {
        return Err(Fault::invalid_params("`ref` or `argument` is missing"));
    };
    let typed = argument.get("value").and_then(Value::as_str).unwrap_or_default();
    let values: Vec<_> =
        ["paris", "park", "party"].into_iter().filter(|value| value.starts_with(typed)).collect();
    Ok(json!({ "completion": { "total": values.len(), "values": values, "hasMore": false } }))
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

const NEEDS_INPUT: &str = "test_input_required_result_prompt";
