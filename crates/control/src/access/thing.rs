//! What a request is about: read from its path, or from its body where the path does not say. What is not there, or
//! cannot be read, is a thing that nobody owns.

use axum::{
    RequestExt,
    body::{Body, to_bytes},
    extract::{RawPathParams, Request},
};
use placet_domain::{Agent, AgentName, ApprovalId, CredentialId, HaltTarget, InstanceId, Json, PersonName};
use placet_policy::{Thing, ThingKind};

use crate::{
    Control,
    fields::BODY_BYTES,
    problem::{Fault, Problem},
};

/// Where a route finds its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The agent in the path.
    Agent,
    /// The agent in the body's `agent`.
    AgentOfBody,
    /// The question in the path.
    Approval,
    /// The connector in the path.
    Connector,
    /// The agent whose credential is in the path.
    Credential,
    /// The agent whose grant is in the path.
    Grant,
    /// The run in the path.
    Instance,
    /// What the body's `what` and `name` say.
    Target,
    /// The agent that the body proposes, of the body's `owner`.
    NewAgent,
    /// The whole.
    Whole,
}

impl About {
    pub(crate) fn kinds(self) -> &'static [ThingKind] {
        match self {
            Self::Agent | Self::AgentOfBody | Self::Credential | Self::Grant | Self::NewAgent => {
                &[ThingKind::Agent]
            }
            Self::Approval => &[ThingKind::Approval],
            Self::Connector => &[ThingKind::Connector],
            Self::Instance => &[ThingKind::Instance],
            Self::Target => {
                &[ThingKind::Agent, ThingKind::Connector, ThingKind::Deployment, ThingKind::Instance]
            }
            Self::Whole => &[ThingKind::Deployment],
        }
    }

    /// The thing, and the request as it came.
    pub(crate) async fn find(self, control: &Control, request: Request) -> Result<(Thing, Request), Problem> {
        let (request, body) = match self {
            Self::AgentOfBody | Self::NewAgent | Self::Target => read(request).await?,
            _ => (request, Json::Null),
        };
        let (request, named) = named(request).await;
        let text = |key: &str| body.member(key).and_then(Json::as_str).unwrap_or_default();
        let thing = match self {
            Self::Agent => agent(control, &named),
            Self::AgentOfBody => agent(control, text("agent")),
            Self::NewAgent => {
                let owners = text("owner").parse::<PersonName>().into_iter().collect();
                Thing { owners, ..Thing::unowned(ThingKind::Agent, text("name")) }
            }
            Self::Approval => approval(control, &named).await?,
            Self::Connector => Thing::unowned(ThingKind::Connector, named),
            Self::Credential => credential(control, &named),
            Self::Grant => grant(control, &named),
            Self::Instance => instance(control, &named),
            Self::Target => {
                let name = body.member("name").and_then(Json::as_str);
                target(control, HaltTarget::named(text("what"), name).ok())
            }
            Self::Whole => Thing::deployment(),
        };
        Ok((thing, request))
    }
}

fn agent(control: &Control, name: &str) -> Thing {
    let found = name.parse::<AgentName>().ok().and_then(|name| control.engine.ports().registry.agent(&name));
    match found {
        Some(agent) => of_agent(&agent, ThingKind::Agent, name),
        None => Thing::unowned(ThingKind::Agent, name),
    }
}

/// An agent, or something of it. Terms that wait for approvers count: answering them is a matter of their tier.
fn of_agent(agent: &Agent, kind: ThingKind, id: &str) -> Thing {
    let proposal = agent.life.proposal.as_ref();
    let wanted = proposal.and_then(|proposal| proposal.terms.as_ref()).map(|terms| terms.tier.number());
    let tier = agent.tier.number();
    Thing {
        owners: [&agent.owner].into_iter().chain(&agent.charter.backup_owner).cloned().collect(),
        approvers: proposal.map(|proposal| proposal.chain.clone()).unwrap_or_default(),
        tier: Some(wanted.map_or(tier, |wanted| wanted.max(tier))),
        ..Thing::unowned(kind, id)
    }
}

fn instance(control: &Control, id: &str) -> Thing {
    let ports = control.engine.ports();
    let found = id.parse::<InstanceId>().ok().and_then(|id| ports.mandates.instance(id));
    match found.and_then(|instance| ports.registry.agent(&instance.agent)) {
        Some(agent) => of_agent(&agent, ThingKind::Instance, id),
        None => Thing::unowned(ThingKind::Instance, id),
    }
}

fn credential(control: &Control, id: &str) -> Thing {
    let id = id.parse::<CredentialId>().ok();
    let all = control.engine.ports().credentials.credentials();
    match all.iter().find(|credential| Some(credential.id) == id) {
        Some(credential) => agent(control, credential.agent.as_str()),
        None => Thing::unowned(ThingKind::Agent, "unknown"),
    }
}

async fn approval(control: &Control, id: &str) -> Result<Thing, Problem> {
    let ports = control.engine.ports();
    let found = match id.parse::<ApprovalId>() {
        Ok(id) => ports.approvals.approval(id).await.map_err(|error| Problem::unavailable(&error))?,
        Err(_) => None,
    };
    let Some(approval) = found else { return Ok(Thing::unowned(ThingKind::Approval, id)) };
    let requester = &approval.requester;
    let tier = ports.registry.agent(&requester.agent).map(|agent| agent.tier.number());
    Ok(Thing {
        owners: vec![requester.owner.clone()],
        approvers: approval.gates.iter().flat_map(|gate| gate.approvers.clone()).collect(),
        tier,
        ..Thing::unowned(ThingKind::Approval, id)
    })
}

fn grant(control: &Control, id: &str) -> Thing {
    match id.parse().ok().and_then(|id| control.engine.known_grant(id)) {
        Some(grant) => agent(control, grant.agent.as_str()),
        None => Thing::unowned(ThingKind::Agent, id),
    }
}

fn target(control: &Control, target: Option<HaltTarget>) -> Thing {
    match target {
        Some(HaltTarget::Agent(name)) => agent(control, name.as_str()),
        Some(HaltTarget::Instance(id)) => instance(control, &id.to_string()),
        Some(HaltTarget::Connector(connector) | HaltTarget::Tool(connector, _)) => {
            Thing::unowned(ThingKind::Connector, connector.as_str())
        }
        Some(HaltTarget::All) | None => Thing::deployment(),
    }
}

/// The one parameter of the path.
async fn named(mut request: Request) -> (Request, String) {
    let parameters = request.extract_parts::<RawPathParams>().await;
    let named = parameters.ok().and_then(|all| all.iter().next().map(|(_, value)| value.to_owned()));
    (request, named.unwrap_or_default())
}

/// The body, which the handler reads again from the same bytes.
async fn read(request: Request) -> Result<(Request, Json), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_BYTES).await.map_err(|error| {
        let why = format!("the body cannot be read: {error}");
        Problem::new(Fault::TooLarge, why, format!("send at most {BODY_BYTES} bytes"))
    })?;
    let json = Json::parse(&bytes).unwrap_or(Json::Null);
    Ok((Request::from_parts(parts, Body::from(bytes)), json))
}
