//! `/v1/who/{id}`: the people behind a call, an instance or a receipt, for an incident.

use std::sync::Arc;

use axum::extract::State;
use placet_engine::{Lookup, Who};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    Control,
    answer::{Answer, Answered, raw_object},
    argument::Argument,
    problem::{Fault, Problem},
};

#[derive(Debug, Serialize)]
pub(crate) struct WhoView {
    agent: String,
    stage: Option<&'static str>,
    purpose: Option<String>,
    tier: Option<i64>,
    instance: Option<String>,
    started_by: Option<String>,
    mandate: Box<RawValue>,
    operation: Option<String>,
    verdict: Option<String>,
    approver: Option<String>,
    rationale: Option<String>,
    owner_then: Option<String>,
    owner: Option<String>,
    backup_owner: Option<String>,
    contact: Option<String>,
    page: Vec<String>,
    receipts: Vec<String>,
    /// The command that stops it.
    stop: String,
}

pub(crate) async fn show(
    State(control): State<Arc<Control>>,
    Argument(lookup): Argument<Lookup>,
) -> Answered<WhoView> {
    match control.engine.who(lookup).await {
        Ok(Some(who)) => Ok(Answer::new("placet/v1/who", view(who))),
        Ok(None) => Err(Problem::new(
            Fault::NotFound,
            "nothing is known of it here",
            "check the id; the ledger of another node may hold it",
        )),
        Err(error) => Err(Problem::unavailable(&error)),
    }
}

fn view(who: Who) -> WhoView {
    let agent = who.registered.as_deref();
    let (approver, rationale) = who.approver.unzip();
    WhoView {
        stage: agent.map(|agent| agent.life.stage.as_str()),
        purpose: agent.map(|agent| agent.purpose.clone()),
        tier: agent.map(|agent| agent.tier.number()),
        owner: agent.map(|agent| agent.owner.to_string()),
        backup_owner: agent.and_then(|agent| agent.charter.backup_owner.as_ref()).map(ToString::to_string),
        contact: agent.and_then(|agent| agent.charter.contact.clone()),
        stop: match &who.instance {
            Some(instance) => format!("placet instance revoke {instance}"),
            None => format!("placet agent suspend {}", who.agent),
        },
        agent: who.agent.to_string(),
        instance: who.instance,
        started_by: who.started_by,
        mandate: raw_object(&who.mandate),
        operation: who.operation,
        verdict: who.verdict,
        approver,
        rationale,
        owner_then: who.owner_then,
        page: who.page.iter().map(ToString::to_string).collect(),
        receipts: who.receipts,
    }
}
