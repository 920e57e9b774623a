//! What a client sent back in answer to `input_required`, and what it is able to answer (SEP-2322).

use serde_json::{Value, json};

use crate::message::{Fault, Object};

/// The rounds so far, as the client tells them: answers, and state that must be opened before it is believed.
#[derive(Debug)]
pub(crate) struct Input {
    /// The client's capabilities.
    pub(crate) capabilities: Value,
    pub(crate) state: Option<String>,
    responses: Object,
}

impl Input {
    pub(crate) fn none(capabilities: Value) -> Self {
        Self { capabilities, state: None, responses: Object::new() }
    }

    /// Takes the input members out of a request's parameters.
    pub(crate) fn take(params: &mut Object, capabilities: Value) -> Result<Self, Fault> {
        let responses = match params.remove("inputResponses") {
            None => Object::new(),
            Some(Value::Object(responses)) => responses,
            Some(_) => return Err(Fault::invalid_params("`inputResponses` is not an object")),
        };
        let state = match params.remove("requestState") {
            None => None,
            Some(Value::String(state)) => Some(state),
            Some(_) => return Err(Fault::invalid_params("`requestState` is not a string")),
        };
        Ok(Self { capabilities, state, responses })
    }

    /// The member `field` of an accepted form.
    pub(crate) fn form(&self, key: &str, field: &str) -> Option<&Value> {
        let answer = self.responses.get(key)?;
        if answer.get("action").and_then(Value::as_str) != Some("accept") {
            return None;
        }
        answer.get("content")?.get(field)
    }

    /// The text of a sampled message; its content is one block or several.
    pub(crate) fn sampled(&self, key: &str) -> Option<&str> {
        let content = self.responses.get(key)?.get("content")?;
        content.get("text").or_else(|| content.get(0)?.get("text"))?.as_str()
    }

    /// The root URIs.
    pub(crate) fn roots(&self, key: &str) -> Option<Vec<&str>> {
        let roots = self.responses.get(key)?.get("roots")?.as_array()?;
        Some(roots.iter().filter_map(|root| root.get("uri")?.as_str()).collect())
    }

    pub(crate) fn declares(&self, capability: &str) -> bool {
        self.capabilities.get(capability).is_some()
    }

    /// Asks for `requests`, provided that the client declared what they need.
    pub(crate) fn required(&self, requests: &[(&str, Ask)], state: Option<String>) -> Result<Value, Fault> {
        let mut asked = Object::new();
        for (key, ask) in requests {
            if !self.declares(ask.capability()) {
                return Err(Fault::missing_capability(json!({ ask.capability(): {} })));
            }
            asked.insert((*key).into(), ask.to_json());
        }
        let mut result = json!({ "resultType": "input_required", "inputRequests": asked });
        if let (Some(state), Some(members)) = (state, result.as_object_mut()) {
            members.insert("requestState".into(), state.into());
        }
        Ok(result)
    }
}

/// One thing to ask a client for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// A form with one required field.
    Form {
        message: String,
        field: &'static str,
        kind: &'static str,
    },
    Sample {
        prompt: &'static str,
        max_tokens: u32,
    },
    Roots,
}

impl Ask {
    pub(crate) fn text(message: &str, field: &'static str) -> Self {
        Self::Form { message: message.into(), field, kind: "string" }
    }

    pub(crate) fn confirmation(message: &str, field: &'static str) -> Self {
        Self::Form { message: message.into(), field, kind: "boolean" }
    }

    pub(crate) fn capability(&self) -> &'static str {
        match self {
            Self::Form { .. } => "elicitation",
            Self::Sample { .. } => "sampling",
            Self::Roots => "roots",
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Form { message, field, kind } => json!({
                "method": "elicitation/create",
                "params": {
                    "mode": "form",
                    "message": message,
                    "requestedSchema": {
                        "type": "object",
                        "properties": { *field: { "type": kind } },
                        "required": [field],
                    },
                },
            }),
            Self::Sample { prompt, max_tokens } => json!({
                "method": "sampling/createMessage",
                "params": {
                    "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
                    "maxTokens": max_tokens,
                },
            }),
            Self::Roots => json!({ "method": "roots/list", "params": {} }),
        }
    }
}
