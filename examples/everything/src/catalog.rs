//! What `tools/list` tells, in one fixed order. The first tool takes no arguments: the suite calls it blindly.

use serde_json::{Value, json};

use crate::era::Era;

/// The definitions of the tools that exist in `era`.
pub(crate) fn tools(era: Era) -> Vec<Value> {
    TOOLS.iter().filter(|tool| tool.exists_in(era)).map(Tool::definition).collect()
}

/// The input schema of a tool, if there is such a tool in `era`.
pub(crate) fn input_schema(era: Era, name: &str) -> Option<Value> {
    TOOLS.iter().find(|tool| tool.name == name && tool.exists_in(era)).map(|tool| (tool.schema)())
}

struct Tool {
    name: &'static str,
    description: &'static str,
    /// `None` is both.
    era: Option<Era>,
    schema: fn() -> Value,
}

impl Tool {
    const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description, era: None, schema: nothing }
    }

    const fn taking(self, schema: fn() -> Value) -> Self {
        Self { schema, ..self }
    }

    const fn only(self, era: Era) -> Self {
        Self { era: Some(era), ..self }
    }

    fn exists_in(&self, era: Era) -> bool {
        self.era.is_none_or(|only| only == era)
    }

    fn definition(&self) -> Value {
        json!({ "name": self.name, "description": self.description, "inputSchema": (self.schema)() })
    }
}

const TOOLS: &[Tool] = &[
    Tool::new("test_simple_text", "Returns simple text"),
    Tool::new("test_image_content", "Returns an image"),
    Tool::new("test_audio_content", "Returns audio"),
    Tool::new("test_embedded_resource", "Returns an embedded resource"),
    Tool::new("test_multiple_content_types", "Returns text, an image and a resource"),
    Tool::new("test_error_handling", "Always fails"),
    Tool::new("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features")
        .taking(json_schema_2020_12),
    Tool::new("greet", "Greets somebody").taking(person),
    Tool::new("test_tool_with_progress", "Reports progress while it runs"),
    Tool::new("test_tool_with_logging", "Logs while it runs"),
    Tool::new("test_logging_tool", "Logs while it runs"),
    Tool::new("test_trigger_tool_change", "Announces that the tool list changed"),
    Tool::new("test_trigger_prompt_change", "Announces that the prompt list changed"),
    Tool::new("test_trigger_resource_change", "Announces that the resource list changed"),
    Tool::new("test_trigger_resource_update", "Announces that the watched resource changed"),
    Tool::new("slow_compute", "Computes for some seconds").taking(seconds),
    Tool::new("test_reconnection", "Closes the stream before it answers").only(Era::Session),
    Tool::new("test_sampling", "Asks the client's model").taking(prompt).only(Era::Session),
    Tool::new("test_elicitation", "Asks the user").taking(message).only(Era::Session),
    Tool::new("test_elicitation_sep1034_defaults", "Asks the user, with defaults").only(Era::Session),
    Tool::new("test_elicitation_sep1330_enums", "Asks the user, with enumerations").only(Era::Session),
    Tool::new("test_mirrored_headers", "Takes arguments that are mirrored in headers")
        .taking(mirrored)
        .only(Era::Stateless),
    Tool::new("test_missing_capability", "Needs the sampling capability").only(Era::Stateless),
    Tool::new("test_streaming_elicitation", "Asks for input on an event stream").only(Era::Stateless),
    Tool::new("test_input_required_result_elicitation", "Asks for a name").only(Era::Stateless),
    Tool::new("test_input_required_result_sampling", "Asks the client's model").only(Era::Stateless),
    Tool::new("test_input_required_result_list_roots", "Asks for the roots").only(Era::Stateless),
    Tool::new("test_input_required_result_request_state", "Asks, with sealed state").only(Era::Stateless),
    Tool::new("test_input_required_result_multiple_inputs", "Asks three things at once").only(Era::Stateless),
    Tool::new("test_input_required_result_multi_round", "Asks twice").only(Era::Stateless),
    Tool::new("test_input_required_result_tampered_state", "Refuses changed state").only(Era::Stateless),
    Tool::new("test_input_required_result_capabilities", "Asks only what the client can answer")
        .only(Era::Stateless),
    Tool::new("failing_job", "Fails after a second, as a task").only(Era::Stateless),
    Tool::new("protocol_error_job", "Breaks down, as a task").only(Era::Stateless),
    Tool::new("confirm_delete", "Asks before it deletes, as a task").taking(filename).only(Era::Stateless),
    Tool::new("multi_input", "Asks two things, as a task").only(Era::Stateless),
    Tool::new("test_tool_with_task", "Asks for a name, then runs as a task").only(Era::Stateless),
];

fn nothing() -> Value {
    json!({ "type": "object", "properties": {} })
}

fn person() -> Value {
    json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] })
}

fn seconds() -> Value {
    json!({
        "type": "object",
        "properties": { "seconds": { "type": "integer", "minimum": 0 }, "label": { "type": "string" } },
    })
}

fn filename() -> Value {
    json!({ "type": "object", "properties": { "filename": { "type": "string" } } })
}

fn prompt() -> Value {
    json!({
        "type": "object",
        "properties": { "prompt": { "type": "string", "description": "The prompt to send" } },
        "required": ["prompt"],
    })
}

fn message() -> Value {
    json!({
        "type": "object",
        "properties": { "message": { "type": "string", "description": "The message to show" } },
        "required": ["message"],
    })
}

fn mirrored() -> Value {
    json!({
        "type": "object",
        "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "priority": { "type": "integer", "x-mcp-header": "Priority" },
            "note": { "type": "string" },
        },
    })
}

/// SEP-1613 and SEP-2106: keywords that an intermediary must pass on as they are.
fn json_schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}
