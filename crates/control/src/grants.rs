//! `/v1/grants`: further permission for a time: asking, giving, taking back.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use placet_domain::{AgentName, Answer as Word, Giver, Grant, GrantId, GrantState, Resource};
use placet_engine::{GrantError, GrantWish};
use serde::{Deserialize, Serialize};

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::{Argument, Asked},
    fields::{Fields, FreeText},
    peer::Caller,
    problem::{Fault, Problem},
};

/// Grants in one list, newest first.
const LISTED: usize = 1_000;

/// A grant as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct GrantView {
    id: String,
    state: &'static str,
    agent: String,
    instance: Option<String>,
    connector: String,
    tools: Vec<String>,
    resource: Option<String>,
    lasts_seconds: u64,
    justification: String,
    asked_by: Option<String>,
    on_behalf_of: Option<String>,
    started_by: Option<String>,
    asked: String,
    expires: String,
    /// The rule of automated review that gave it.
    rule: Option<String>,
    answer: Option<AnswerView>,
    /// The same as a policy.
    cedar: String,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    by: String,
    at: String,
    rationale: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct GrantList {
    grants: Vec<GrantView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OneGrant {
    grant: GrantView,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    agent: Option<String>,
    state: Option<String>,
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answer<GrantList> {
    let all = match filter.agent.as_ref().map(|name| name.parse::<AgentName>()) {
        None => control.engine.grants(),
        Some(Ok(agent)) => control.engine.grants_of(&agent),
        // Nobody has such a name.
        Some(Err(_)) => Vec::new(),
    };
    let in_state = |grant: &&Arc<Grant>| {
        filter.state.as_ref().is_none_or(|state| control.engine.standing(grant) == state)
    };
    let grants = all.iter().filter(in_state).take(LISTED).map(|grant| view(&control, grant));
    Answer::new("placet/v1/grants", GrantList { grants: grants.collect() })
}

pub(crate) async fn show(
    State(control): State<Arc<Control>>,
    Argument(id): Argument<GrantId>,
) -> Answered<OneGrant> {
    let grant = control.engine.known_grant(id).ok_or(GrantError::Unknown(id))?;
    Ok(one(&control, &grant))
}

pub(crate) async fn ask(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<OneGrant> {
    let agent: AgentName = fields.required("agent")?;
    let kind: Option<FreeText> = fields.optional("resource_kind")?;
    let id: Option<FreeText> = fields.optional("resource_id")?;
    let resource = match (kind, id) {
        (Some(kind), Some(id)) => Some(Resource { kind: kind.0, id: id.0 }),
        (None, None) => None,
        _ => {
            let next = "give both, or neither for any resource";
            return Err(Problem::new(Fault::Invalid, "a resource is a kind and an id", next));
        }
    };
    let seconds = fields.integer("seconds")?.and_then(|seconds| u64::try_from(seconds).ok());
    let wish = GrantWish {
        agent,
        instance: fields.optional("instance")?,
        connector: fields.required("connector")?,
        tools: fields.list("tools")?,
        resource,
        lasts: Duration::from_secs(seconds.unwrap_or(0)),
        justification: fields.required::<FreeText>("justification")?.0,
        asked_by: Some(by),
    };
    fields.end()?;
    let grant = control.engine.ask_grant(wish).await?;
    Ok(one(&control, &grant))
}

pub(crate) async fn answer(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<GrantId>,
    mut fields: Fields,
) -> Answered<OneGrant> {
    let give = fields.boolean("approve")?;
    let rationale = fields.optional::<FreeText>("rationale")?.map_or_else(String::new, |text| text.0);
    fields.end()?;
    let grant = control.engine.answer_grant(id, give, &by, &rationale).await?;
    Ok(one(&control, &grant))
}

pub(crate) async fn revoke(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<GrantId>,
    mut fields: Fields,
) -> Answered<OneGrant> {
    let rationale = fields.optional::<FreeText>("rationale")?.map_or_else(String::new, |text| text.0);
    fields.end()?;
    let grant = control.engine.revoke_grant(id, &by, &rationale).await?;
    Ok(one(&control, &grant))
}

fn one(control: &Control, grant: &Grant) -> Answer<OneGrant> {
    Answer::new("placet/v1/grant", OneGrant { grant: view(control, grant) })
}

fn view(control: &Control, grant: &Grant) -> GrantView {
    let word = |answer: &Word| AnswerView {
        by: answer.by.to_string(),
        at: answer.at.to_string(),
        rationale: answer.rationale.clone(),
    };
    let (rule, answer) = match &grant.state {
        GrantState::Pending => (None, None),
        GrantState::Given(Giver::Policy(policy, _)) => (Some(policy.to_string()), None),
        GrantState::Given(Giver::Person(answer))
        | GrantState::Denied(answer)
        | GrantState::Revoked(answer) => (None, Some(word(answer))),
    };
    GrantView {
        id: grant.id.to_string(),
        state: control.engine.standing(grant),
        agent: grant.agent.to_string(),
        instance: grant.instance.map(|instance| instance.to_string()),
        connector: grant.connector.to_string(),
        tools: grant.tools.iter().map(ToString::to_string).collect(),
        resource: grant.resource.as_ref().map(ToString::to_string),
        lasts_seconds: grant.lasts.as_secs(),
        justification: grant.justification.clone(),
        asked_by: grant.asked_by.as_ref().map(ToString::to_string),
        on_behalf_of: grant.on_behalf_of.as_ref().map(ToString::to_string),
        started_by: grant.started_by.as_ref().map(ToString::to_string),
        asked: grant.asked.to_string(),
        expires: grant.expires.to_string(),
        rule,
        answer,
        cedar: grant.to_cedar(),
    }
}
