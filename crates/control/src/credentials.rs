//! `/v1/credentials` and `/v1/agents/{name}/{credentials,enrol}`: how agents prove themselves.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{AgentCredential, AgentName, CredentialId, Means};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Control,
    answer::{Answer, Answered, raw_object},
    argument::{Argument, Asked},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

/// A credential as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct CredentialView {
    id: String,
    agent: String,
    means: Box<RawValue>,
    added: String,
    added_by: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct CredentialList {
    credentials: Vec<CredentialView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OneCredential {
    credential: CredentialView,
}

/// The only answer that ever holds the code.
#[derive(Debug, Serialize)]
pub(crate) struct OpenedEnrolment {
    agent: String,
    code: String,
    expires: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    agent: Option<String>,
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answer<CredentialList> {
    let wanted =
        |one: &&Arc<AgentCredential>| filter.agent.as_ref().is_none_or(|agent| one.agent.as_str() == agent);
    let all = control.engine.ports().credentials.credentials();
    let credentials = all.iter().filter(wanted).map(|credential| view(credential)).collect();
    Answer::new("placet/v1/credentials", CredentialList { credentials })
}

pub(crate) async fn add(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    mut fields: Fields,
) -> Answered<OneCredential> {
    let means = Means::from_json(&fields.object("means")?).map_err(|error| {
        Problem::new(Fault::Invalid, error.to_string(), "send a key, a SPIFFE id or a rule")
    })?;
    fields.end()?;
    let credential = control.engine.add_credential(&agent, means, &by).await?;
    Ok(Answer::new("placet/v1/credential", OneCredential { credential: view(&credential) }))
}

pub(crate) async fn remove(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<CredentialId>,
    fields: Fields,
) -> Answered<OneCredential> {
    fields.end()?;
    let credential = control.engine.remove_credential(id, &by).await?;
    Ok(Answer::new("placet/v1/credential", OneCredential { credential: view(&credential) }))
}

pub(crate) async fn enrol(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OpenedEnrolment> {
    fields.end()?;
    let (code, expires) = control.engine.open_enrolment(&agent, &by).await?;
    let opened = OpenedEnrolment { agent: agent.to_string(), code, expires: expires.to_string() };
    Ok(Answer::new("placet/v1/enrolment", opened))
}

fn view(credential: &AgentCredential) -> CredentialView {
    CredentialView {
        id: credential.id.to_string(),
        agent: credential.agent.to_string(),
        means: raw_object(&credential.means.to_json()),
        added: credential.added.to_string(),
        added_by: credential.by.to_string(),
    }
}
