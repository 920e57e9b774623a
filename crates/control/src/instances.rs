//! `/v1/instances`: authenticated runs of agents.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use placet_domain::{AgentName, Instance, InstanceId, Mandate, PersonName, Timestamp, limits};
use placet_engine::StartRequest;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Control,
    answer::{Answer, Answered, raw_object},
    argument::{Argument, Asked},
    fields::{Fields, FreeText},
    peer::Caller,
    problem::{Fault, Problem},
};

/// An instance as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct InstanceView {
    id: String,
    agent: String,
    state: &'static str,
    task: Option<String>,
    ticket: Option<String>,
    on_behalf_of: Option<String>,
    kind: Option<String>,
    purpose: Option<String>,
    scope: Vec<String>,
    reads_only: bool,
    parent: Option<String>,
    facts: Box<RawValue>,
    started_by: String,
    started: String,
    expires: String,
    revoked: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InstanceList {
    instances: Vec<InstanceView>,
}

/// The only answer that ever holds the token.
#[derive(Debug, Serialize)]
pub(crate) struct StartedInstance {
    instance: InstanceView,
    token: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevokedInstance {
    id: String,
    revoked: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    agent: Option<String>,
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answer<InstanceList> {
    let now = control.engine.ports().clock.now();
    let wanted = |one: &&Arc<Instance>| filter.agent.as_ref().is_none_or(|agent| one.agent.as_str() == agent);
    let instances = control.engine.ports().mandates.instances();
    let instances = instances.iter().filter(wanted).map(|instance| view(instance, now)).collect();
    Answer::new("placet/v1/instances", InstanceList { instances })
}

pub(crate) async fn start(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<StartedInstance> {
    let started = control.engine.start(request(fields, by)?).await?;
    let instance = view(&started.instance, started.instance.started);
    Ok(Answer::new("placet/v1/started-instance", StartedInstance { instance, token: started.token }))
}

pub(crate) async fn revoke(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<InstanceId>,
    fields: Fields,
) -> Answered<RevokedInstance> {
    fields.end()?;
    match control.engine.revoke(id, &by).await? {
        true => Ok(Answer::new(
            "placet/v1/revoked-instance",
            RevokedInstance { id: id.to_string(), revoked: true },
        )),
        false => Err(Problem::new(
            Fault::NotFound,
            format!("there is no instance `{id}`"),
            "see the living ones with `placet instance list`",
        )),
    }
}

fn request(mut fields: Fields, by: PersonName) -> Result<StartRequest, Problem> {
    let text = |text: Option<FreeText>| text.map(|text| text.0);
    let agent: AgentName = fields.required("agent")?;
    let mandate = Mandate {
        task: text(fields.optional("task")?),
        ticket: text(fields.optional("ticket")?),
        on_behalf_of: fields.optional("on_behalf_of")?,
        facts: fields.object("facts")?,
        kind: fields.optional("kind")?,
        purpose: text(fields.optional("purpose")?),
        scope: fields.list("scope")?,
        groups: Vec::new(),
        reads_only: false,
    };
    // A negative life becomes none, which the engine refuses.
    let life = fields.integer("ttl")?.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    fields.end()?;
    Ok(StartRequest { agent, mandate, life: life.unwrap_or(limits::INSTANCE_LIFE_DEFAULT), by, parent: None })
}

fn view(instance: &Instance, now: Timestamp) -> InstanceView {
    let mandate = &instance.mandate;
    InstanceView {
        id: instance.id.to_string(),
        agent: instance.agent.to_string(),
        state: match instance.revoked {
            Some(_) => "revoked",
            None if now >= instance.expires => "expired",
            None => "active",
        },
        task: mandate.task.clone(),
        ticket: mandate.ticket.clone(),
        on_behalf_of: mandate.on_behalf_of.as_ref().map(ToString::to_string),
        kind: mandate.kind.as_ref().map(ToString::to_string),
        purpose: mandate.purpose.clone(),
        scope: mandate.scope.clone(),
        reads_only: mandate.reads_only,
        parent: instance.parent.map(|parent| parent.to_string()),
        facts: raw_object(&mandate.facts),
        started_by: instance.started_by.to_string(),
        started: instance.started.to_string(),
        expires: instance.expires.to_string(),
        revoked: instance.revoked.map(|at| at.to_string()),
    }
}
