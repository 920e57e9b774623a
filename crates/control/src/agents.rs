//! `/v1/agents`: registered identities with a human owner.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{Agent, AgentStatus, Tier};
use placet_engine::Registration;
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

/// An agent as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct AgentView {
    name: String,
    owner: String,
    purpose: String,
    tier: i64,
    groups: Vec<String>,
    status: &'static str,
    registered: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AgentList {
    agents: Vec<AgentView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OneAgent {
    agent: AgentView,
}

pub(crate) async fn list(State(control): State<Arc<Control>>) -> Answer<AgentList> {
    let agents = control.engine.ports().registry.agents();
    Answer::new("placet/v1/agents", AgentList { agents: agents.iter().map(|agent| view(agent)).collect() })
}

pub(crate) async fn register(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<OneAgent> {
    let agent = control.engine.register(registration(fields)?, &by).await?;
    Ok(Answer::new("placet/v1/agent", OneAgent { agent: view(&agent) }))
}

fn registration(mut fields: Fields) -> Result<Registration, Problem> {
    let registration = Registration {
        name: fields.required("name")?,
        owner: fields.required("owner")?,
        purpose: fields.required("purpose")?,
        tier: tier(fields.integer("tier")?)?,
        groups: fields.list("groups")?,
    };
    fields.end()?;
    Ok(registration)
}

fn tier(number: Option<i64>) -> Result<Tier, Problem> {
    let text = number.map_or_else(|| "nothing".to_owned(), |number| number.to_string());
    text.parse().map_err(|error: placet_domain::UnknownTier| {
        Problem::new(Fault::Invalid, format!("`tier`: {error}"), "send 1, 2 or 3")
    })
}

fn view(agent: &Agent) -> AgentView {
    AgentView {
        name: agent.name.to_string(),
        owner: agent.owner.to_string(),
        purpose: agent.purpose.clone(),
        tier: agent.tier.number(),
        groups: agent.groups.iter().map(ToString::to_string).collect(),
        status: match agent.status {
            AgentStatus::Active => "active",
            AgentStatus::Revoked => "revoked",
        },
        registered: agent.registered.to_string(),
    }
}
