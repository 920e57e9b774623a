//! `/v1/approvals`: questions about exact calls, and people's answers.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{Approval, ApprovalId, ApprovalState, Timestamp};
use placet_engine::{AnswerError, AnswerRequest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Control,
    answer::{Answer, Answered, raw_object},
    argument::{Argument, Asked},
    fields::{Fields, FreeText},
    peer::Caller,
    problem::Problem,
};

/// Questions in one list, newest first.
const LISTED: usize = 1_000;

/// A question as the API shows it: exactly what will happen if it is approved.
#[derive(Debug, Serialize)]
pub(crate) struct ApprovalView {
    id: String,
    state: &'static str,
    agent: String,
    instance: String,
    owner: String,
    on_behalf_of: Option<String>,
    ticket: Option<String>,
    connector: String,
    operation: String,
    /// The canonical text that will be sent.
    arguments: Box<RawValue>,
    gates: Vec<GateView>,
    digest: String,
    policy: String,
    asked: String,
    expires: String,
    answer: Option<AnswerView>,
}

#[derive(Debug, Serialize)]
struct GateView {
    policy: String,
    reason: Option<String>,
    approvers: Vec<String>,
    timeout_seconds: u64,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    by: String,
    at: String,
    rationale: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct ApprovalList {
    approvals: Vec<ApprovalView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OneApproval {
    approval: ApprovalView,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    state: Option<StateName>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Approved,
    Consumed,
    Denied,
    Expired,
    Pending,
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answered<ApprovalList> {
    let now = control.engine.ports().clock.now();
    let all =
        control.engine.ports().approvals.all(LISTED).await.map_err(|error| Problem::unavailable(&error))?;
    let wanted = |one: &ApprovalView| filter.state.is_none_or(|state| state.as_str() == one.state);
    let approvals = all.iter().map(|approval| view(approval, now)).filter(wanted).collect();
    Ok(Answer::new("placet/v1/approvals", ApprovalList { approvals }))
}

pub(crate) async fn show(
    State(control): State<Arc<Control>>,
    Argument(id): Argument<ApprovalId>,
) -> Answered<OneApproval> {
    let now = control.engine.ports().clock.now();
    let found =
        control.engine.ports().approvals.approval(id).await.map_err(|error| Problem::unavailable(&error))?;
    let approval = found.ok_or(AnswerError::Unknown(id))?;
    Ok(Answer::new("placet/v1/approval", OneApproval { approval: view(&approval, now) }))
}

pub(crate) async fn answer(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(id): Argument<ApprovalId>,
    mut fields: Fields,
) -> Answered<OneApproval> {
    let approve = fields.boolean("approve")?;
    let rationale = fields.optional::<FreeText>("rationale")?.map_or_else(String::new, |text| text.0);
    fields.end()?;
    let approval = control.engine.answer(AnswerRequest { id, approve, by, rationale }).await?;
    let now = control.engine.ports().clock.now();
    Ok(Answer::new("placet/v1/approval", OneApproval { approval: view(&approval, now) }))
}

impl StateName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Consumed => "consumed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Pending => "pending",
        }
    }
}

fn view(approval: &Approval, now: Timestamp) -> ApprovalView {
    let requester = &approval.requester;
    ApprovalView {
        id: approval.id.to_string(),
        state: match &approval.state {
            ApprovalState::Approved(_) | ApprovalState::Pending if now >= approval.expires => "expired",
            state => state.as_str(),
        },
        agent: requester.agent.to_string(),
        instance: requester.instance.to_string(),
        owner: requester.owner.to_string(),
        on_behalf_of: requester.on_behalf_of.as_ref().map(ToString::to_string),
        ticket: requester.ticket.clone(),
        connector: approval.connector.to_string(),
        operation: approval.operation.clone(),
        arguments: raw_object(&approval.arguments),
        gates: gates(approval),
        digest: approval.digest.to_string(),
        policy: approval.policy.to_string(),
        asked: approval.asked.to_string(),
        expires: approval.expires.to_string(),
        answer: approval.state.answer().map(|answer| AnswerView {
            by: answer.by.to_string(),
            at: answer.at.to_string(),
            rationale: answer.rationale.clone(),
        }),
    }
}

fn gates(approval: &Approval) -> Vec<GateView> {
    let view = |gate: &placet_domain::Gate| GateView {
        policy: gate.policy.to_string(),
        reason: gate.reason.clone(),
        approvers: gate.approvers.iter().map(ToString::to_string).collect(),
        timeout_seconds: gate.timeout.as_secs(),
    };
    approval.gates.iter().map(view).collect()
}
