//! `tools/call`: one name, one function. What each tool must do is written in the conformance suite.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::era::Era;
use crate::hub::Change;
use crate::input::Input;
use crate::line::Line;
use crate::message::{Fault, Object};
use crate::server::Server;
use crate::{asking, catalog, content, input_required, jobs, running};

/// One call, with all that a tool may use.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) era: Era,
    pub(crate) name: String,
    pub(crate) arguments: Object,
    pub(crate) input: Input,
    pub(crate) progress_token: Option<Value>,
    pub(crate) line: Line,
}

impl Call {
    /// A string argument, empty if there is none.
    pub(crate) fn text(&self, argument: &str) -> &str {
        self.arguments.get(argument).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Takes `arguments` out of a request's parameters.
pub(crate) fn arguments(params: &mut Object) -> Result<Object, Fault> {
    match params.remove("arguments") {
        None => Ok(Object::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(_) => Err(Fault::invalid_params("`arguments` is not an object")),
    }
}

pub(crate) async fn run(server: Arc<Server>, call: Call) -> Result<Value, Fault> {
    if catalog::input_schema(call.era, &call.name).is_none() {
        return Err(Fault::invalid_params(format!("there is no tool `{}`", call.name)));
    }
    match call.name.as_str() {
        "test_trigger_tool_change" => Ok(announced(&server, Change::Tools)),
        "test_trigger_prompt_change" => Ok(announced(&server, Change::Prompts)),
        "test_trigger_resource_change" => Ok(announced(&server, Change::Resources)),
        "test_trigger_resource_update" => {
            Ok(announced(&server, Change::Resource("test://watched-resource".into())))
        }
        "test_tool_with_logging" | "test_logging_tool" => running::logging(&call).await,
        "test_tool_with_progress" => running::progress(&call).await,
        "test_reconnection" => running::reconnection(&call).await,
        "test_streaming_elicitation" => running::streaming_elicitation(&call).await,
        "test_sampling" => asking::sampling(&call).await,
        "test_elicitation" => asking::elicitation(&call).await,
        "test_elicitation_sep1034_defaults" => asking::defaults(&call).await,
        "test_elicitation_sep1330_enums" => asking::enums(&call).await,
        "slow_compute" => jobs::slow_compute(&server, &call).await,
        "failing_job" | "protocol_error_job" | "confirm_delete" | "multi_input" | "test_tool_with_task" => {
            jobs::start(&server, &call)
        }
        name if name.starts_with("test_input_required_result_") || name == "test_missing_capability" => {
            input_required::run(&server.seal, &call)
        }
        _ => content::answer(&call),
    }
}

/// A result with one text block.
pub(crate) fn text(text: impl Into<String>) -> Value {
    json!({ "content": [{ "type": "text", "text": text.into() }] })
}

/// A result that tells of a failure; a failing tool is a successful response.
pub(crate) fn failure(text: impl Into<String>) -> Value {
    json!({ "content": [{ "type": "text", "text": text.into() }], "isError": true })
}

fn announced(server: &Server, change: Change) -> Value {
    let method = change.method();
    server.hub.announce(change);
    text(format!("Announced {method}"))
}
