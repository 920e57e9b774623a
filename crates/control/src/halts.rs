//! `/v1/halts`: the kill switch. Stopping is anybody's; letting go on is for whoever stopped it and administrators.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{Halt, HaltTarget};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    fields::{Fields, FreeText},
    peer::Caller,
    problem::{Fault, Problem},
};

/// A halt as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct HaltView {
    what: &'static str,
    name: Option<String>,
    reason: String,
    by: String,
    at: String,
    /// Whether its receipt is written.
    recorded: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct HaltList {
    halts: Vec<HaltView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChangedHalt {
    halt: HaltView,
}

pub(crate) async fn list(State(control): State<Arc<Control>>) -> Answer<HaltList> {
    let halts = control.engine.halts().iter().map(|halt| view(halt)).collect();
    Answer::new("placet/v1/halts", HaltList { halts })
}

pub(crate) async fn kill(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<ChangedHalt> {
    let target = target(&mut fields)?;
    let reason: FreeText = fields.required("reason")?;
    fields.end()?;
    let halt = control.engine.halt(target, &reason.0, &by).await?;
    Ok(Answer::new("placet/v1/halted", ChangedHalt { halt: view(&halt) }))
}

pub(crate) async fn resume(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<ChangedHalt> {
    let target = target(&mut fields)?;
    fields.end()?;
    let halt = control.engine.lift(&target, &by).await?;
    Ok(Answer::new("placet/v1/resumed", ChangedHalt { halt: view(&halt) }))
}

fn target(fields: &mut Fields) -> Result<HaltTarget, Problem> {
    let what: FreeText = fields.required("what")?;
    let name: Option<FreeText> = fields.optional("name")?;
    HaltTarget::named(&what.0, name.as_ref().map(|name| name.0.as_str())).map_err(|error| {
        let next = "name an instance, an agent, a connector, a tool as CONNECTOR.TOOL, or all";
        Problem::new(Fault::Invalid, error.to_string(), next)
    })
}

fn view(halt: &Halt) -> HaltView {
    HaltView {
        what: halt.target.kind(),
        name: halt.target.name(),
        reason: halt.reason.clone(),
        by: halt.by.to_string(),
        at: halt.at.to_string(),
        recorded: halt.recorded,
    }
}
