//! `/v1/connectors`: the tools of each upstream system, their pins, and what changed since they were accepted.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{ConnectorName, Digest, Json, Pin, ToolName};
use placet_engine::{ToolState, ToolStatus};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Argument,
    diff::{Difference, differences},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

/// A connector as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectorView {
    name: String,
    /// Why nothing can be sent until somebody has signed in at the upstream.
    sign_in: Option<String>,
    /// Where agents reach it.
    url: String,
    tools: Vec<ToolView>,
}

#[derive(Debug, Serialize)]
struct ToolView {
    name: String,
    state: &'static str,
    /// Digest of the accepted definition.
    accepted_pin: Option<String>,
    /// Digest of the differing definition that is seen.
    seen_pin: Option<String>,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConnectorList {
    connectors: Vec<ConnectorView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AcceptedTools {
    connector: String,
    accepted: Vec<String>,
}

pub(crate) async fn list(State(control): State<Arc<Control>>) -> Answer<ConnectorList> {
    let tools = control.engine.tools();
    let connectors = control.config.connectors.iter().map(|name| ConnectorView {
        name: name.to_string(),
        sign_in: control.engine.ports().connectors.standing(name).err(),
        url: control.engine.resource_of(name),
        tools: tools.iter().filter(|tool| tool.connector == *name).map(view).collect(),
    });
    Answer::new("placet/v1/connectors", ConnectorList { connectors: connectors.collect() })
}

pub(crate) async fn accept(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(connector): Argument<ConnectorName>,
    mut fields: Fields,
) -> Answered<AcceptedTools> {
    let tool: Option<ToolName> = fields.optional("tool")?;
    fields.end()?;
    known(&control, &connector, tool.as_ref())?;
    let accepted = control.engine.accept(&connector, tool.as_ref(), &by).await?;
    let accepted = accepted.iter().map(ToString::to_string).collect();
    Ok(Answer::new("placet/v1/accepted-tools", AcceptedTools { connector: connector.to_string(), accepted }))
}

fn known(control: &Control, connector: &ConnectorName, tool: Option<&ToolName>) -> Result<(), Problem> {
    let next = "see `placet connector list`";
    if !control.engine.has_connector(connector) {
        return Err(Problem::new(Fault::NotFound, format!("there is no connector `{connector}`"), next));
    }
    let has = |tool: &ToolName| {
        control.engine.tools().iter().any(|one| one.connector == *connector && one.tool == *tool)
    };
    match tool.filter(|tool| !has(tool)) {
        None => Ok(()),
        Some(tool) => {
            Err(Problem::new(Fault::NotFound, format!("connector `{connector}` has no tool `{tool}`"), next))
        }
    }
}

fn view(tool: &ToolStatus) -> ToolView {
    let name = tool.tool.to_string();
    match &tool.state {
        ToolState::Accepted(pin) => ToolView {
            name,
            state: "accepted",
            accepted_pin: Some(pin.to_string()),
            seen_pin: None,
            differences: Vec::new(),
        },
        ToolState::Quarantined { accepted, seen } => ToolView {
            name,
            state: "quarantined",
            accepted_pin: accepted.as_ref().map(pin),
            seen_pin: Some(pin(seen)),
            differences: differences(accepted.as_ref(), Some(seen)),
        },
    }
}

fn pin(definition: &Json) -> String {
    Pin(Digest::of(definition.canonical().as_bytes())).to_string()
}
