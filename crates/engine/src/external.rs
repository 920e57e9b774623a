//! Decision points of others, asked besides our own policies: each as a veto or as a gate for the operations it is
//! configured for. They only narrow; one that does not answer in time objects. What they said is part of the request, so
//! that a decision can be taken again from its receipt.

use std::time::Duration;

use placet_domain::{
    AccessRequest, ConnectorName, Decision, DenyCause, Gate, GroupName, Object, Operation, Opinion,
    OpinionVerdict, PolicyId, Reason, ToolName, Verdict,
};

use crate::{Engine, limits::Metered};

/// A decision point of others.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalPoint {
    /// Its name in the configuration, and for the port.
    pub name: String,
    /// `external:NAME`.
    pub id: PolicyId,
    /// The connectors it is asked about, and of each the tool or all operations.
    pub about: Vec<(ConnectorName, Option<ToolName>)>,
    /// What its objection means.
    pub stands: Objection,
    /// Constant properties of the subject, such as the roles that it expects.
    pub subject: Object,
}

/// What an objection means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// The call is refused.
    Veto,
    /// People of these groups can lift it, within this time.
    Gate(Vec<GroupName>, Duration),
}

impl ExternalPoint {
    fn is_asked_about(&self, connector: &ConnectorName, operation: &Operation) -> bool {
        self.about.iter().any(|(of, tool)| {
            of == connector
                && tool
                    .as_ref()
                    .is_none_or(|tool| matches!(operation, Operation::Tool(named) if named == tool))
        })
    }
}

impl Engine {
    /// Asks whoever is to be asked about a request that our own policies do not refuse, and weighs what they said.
    pub(crate) async fn consult(&self, metered: Metered) -> Metered {
        if self.external.is_empty() || matches!(metered.decision.verdict, Verdict::Deny(_)) {
            return metered;
        }
        let request = &metered.request;
        let mut opinions = Vec::new();
        for point in &self.external {
            if !point.is_asked_about(request.call.connector(), request.call.operation()) {
                continue;
            }
            let verdict = match self.ports.decision_points.ask(&point.name, question(point, request)).await {
                Ok(true) => OpinionVerdict::Agrees,
                Ok(false) => OpinionVerdict::Objects,
                Err(error) => OpinionVerdict::Silent(error.to_string()),
            };
            opinions.push(Opinion { of: point.id.clone(), verdict });
        }
        let request = AccessRequest { opinions, ..metered.request };
        self.weighed(Metered { request, ..metered })
    }

    /// A decision with the opinions in its request. Room that was taken for a call that is refused now is given back with it.
    pub(crate) fn weighed(&self, metered: Metered) -> Metered {
        let decision = weigh(&self.external, &metered.request, metered.decision);
        Metered { decision, ..metered }
    }
}

/// A decision with the opinions in its request. Pure; it never allows what the decision did not.
pub(crate) fn weigh(external: &[ExternalPoint], request: &AccessRequest, decision: Decision) -> Decision {
    let mut weighed = decision;
    for opinion in &request.opinions {
        let why = match &opinion.verdict {
            OpinionVerdict::Agrees => continue,
            OpinionVerdict::Objects => "the external decision point objects".to_owned(),
            OpinionVerdict::Silent(why) => format!("the external decision point gave no answer: {why}"),
        };
        let standing = external.iter().find(|point| point.id == opinion.of).map(|point| &point.stands);
        let reason = Reason { policy: opinion.of.clone(), reason: Some(why.clone()), remedy: None };
        match standing {
            Some(Objection::Gate(approvers, timeout)) if !request.lifted.contains(&opinion.of) => {
                let gate = Gate {
                    policy: opinion.of.clone(),
                    approvers: approvers.clone(),
                    timeout: *timeout,
                    reason: Some(why),
                };
                weighed = gated(weighed, gate, reason);
            }
            Some(Objection::Gate(..)) => {}
            // Nobody knows any more what it stands for: it stands for no.
            Some(Objection::Veto) | None => {
                let before = match &weighed.verdict {
                    Verdict::Deny(_) => weighed.reasons,
                    Verdict::Allow | Verdict::RequireApproval(_) => Vec::new(),
                };
                let reasons = before.into_iter().chain([reason]).collect();
                weighed = Decision { verdict: Verdict::Deny(DenyCause::Veto), reasons, ..weighed };
            }
        }
    }
    weighed
}

fn gated(decision: Decision, gate: Gate, reason: Reason) -> Decision {
    match decision.verdict {
        Verdict::Allow => {
            Decision { verdict: Verdict::RequireApproval(vec![gate]), reasons: vec![reason], ..decision }
        }
        Verdict::RequireApproval(mut gates) => {
            gates.push(gate);
            let reasons = decision.reasons.into_iter().chain([reason]).collect();
            Decision { verdict: Verdict::RequireApproval(gates), reasons, ..decision }
        }
        Verdict::Deny(cause) => Decision { verdict: Verdict::Deny(cause), ..decision },
    }
}

/// The request as an AuthZEN question. The agent is the subject; the person acted for is in the context.
fn question(point: &ExternalPoint, request: &AccessRequest) -> Object {
    let agent = &request.agent;
    let mandate = &request.instance.mandate;
    let groups: Vec<&str> = agent.groups.iter().map(|group| group.as_str()).collect();
    let mut properties = Object::new()
        .with("instance", request.instance.id.to_string())
        .with("owner", agent.owner.as_str())
        .with("tier", agent.tier.number())
        .with("groups", groups);
    for (name, value) in point.subject.members() {
        properties.set(name, value.clone());
    }
    let subject =
        Object::new().with("type", "agent").with("id", agent.name.as_str()).with("properties", properties);
    let name = format!("{}.{}", request.call.connector(), request.call.operation().name());
    let (kind, id) = match &request.resource {
        Some(resource) => (resource.kind.as_str(), resource.id.as_str()),
        None => ("tool", name.as_str()),
    };
    let mut properties = request.facts.as_ref().map(|facts| facts.attributes.clone()).unwrap_or_default();
    properties.set("arguments", request.call.arguments());
    let resource = Object::new().with("type", kind).with("id", id).with("properties", properties);
    let context = Object::new()
        .with("time", request.now.to_string())
        .with_some("on_behalf_of", mandate.on_behalf_of.as_ref().map(|person| person.as_str()))
        .with_some("task", mandate.task.as_deref())
        .with_some("ticket", mandate.ticket.as_deref());
    Object::new()
        .with("subject", subject)
        .with("action", Object::new().with("name", name.as_str()))
        .with("resource", resource)
        .with("context", context)
}
