//! An agent as the API shows it: its registration, its stage, its approvers, what it may use and what it used.

use placet_domain::{Agent, AgentStatus, Stage, Timestamp};
use placet_engine::Dossier;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::answer::raw_object;

#[derive(Debug, Serialize)]
pub(crate) struct AgentView {
    name: String,
    owner: String,
    backup_owner: Option<String>,
    purpose: String,
    tier: i64,
    groups: Vec<String>,
    status: &'static str,
    registered: String,
    charter: Box<RawValue>,
    stage: &'static str,
    since: String,
    /// Who brought it to this stage; absent if time did.
    by: Option<String>,
    cause: Option<&'static str>,
    /// When time takes something away, if nobody does anything.
    deadline: Option<String>,
    certified: String,
    certification_ends: String,
    proposal: Option<ProposalView>,
    live_instances: usize,
    last_seen: Option<String>,
    last_call: Option<String>,
    calls: u64,
    used: Vec<UsedView>,
    may_use: Vec<String>,
    evidence: String,
    page: Vec<String>,
}

/// The question to its approvers, and the answers.
#[derive(Debug, Serialize)]
struct ProposalView {
    by: String,
    asked: String,
    approvers: Vec<String>,
    open: Vec<String>,
    answers: Vec<AnswerView>,
    /// Whether it is about new terms of an agent that goes on under its old ones.
    change: bool,
}

#[derive(Debug, Serialize)]
struct AnswerView {
    group: String,
    by: String,
    at: String,
    rationale: String,
}

#[derive(Debug, Serialize)]
struct UsedView {
    operation: String,
    calls: u64,
    last: String,
}

impl AgentView {
    pub(crate) fn of(dossier: &Dossier) -> Self {
        let Dossier { agent, usage, .. } = dossier;
        let shown = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            name: agent.name.to_string(),
            owner: agent.owner.to_string(),
            backup_owner: agent.charter.backup_owner.as_ref().map(ToString::to_string),
            purpose: agent.purpose.clone(),
            tier: agent.tier.number(),
            groups: agent.groups.iter().map(ToString::to_string).collect(),
            status: match agent.status {
                AgentStatus::Active => "active",
                AgentStatus::Revoked => "revoked",
            },
            registered: agent.registered.to_string(),
            charter: raw_object(&agent.charter.to_json()),
            stage: agent.life.stage.as_str(),
            since: agent.life.since.to_string(),
            by: agent.life.by.as_ref().map(ToString::to_string),
            cause: agent.life.stage.cause().map(|cause| cause.as_str()),
            deadline: shown(dossier.deadline),
            certified: agent.life.certified.to_string(),
            certification_ends: dossier.certification_ends.to_string(),
            proposal: proposal(agent),
            live_instances: dossier.live,
            last_seen: shown(usage.last_seen),
            last_call: shown(usage.last_call),
            calls: usage.calls,
            used: usage
                .operations
                .iter()
                .map(|(operation, used)| UsedView {
                    operation: operation.clone(),
                    calls: used.calls,
                    last: used.last.to_string(),
                })
                .collect(),
            may_use: dossier.permitted.clone(),
            evidence: dossier.evidence(),
            page: dossier.page.iter().map(ToString::to_string).collect(),
        }
    }
}

fn proposal(agent: &Agent) -> Option<ProposalView> {
    let proposal = agent.life.proposal.as_ref()?;
    let waits = agent.life.stage == Stage::Proposed || proposal.is_open();
    (waits || !proposal.answers.is_empty()).then(|| ProposalView {
        by: proposal.by.to_string(),
        asked: proposal.asked.to_string(),
        approvers: proposal.chain.iter().map(ToString::to_string).collect(),
        open: proposal.open().map(ToString::to_string).collect(),
        answers: proposal
            .answers
            .iter()
            .map(|answer| AnswerView {
                group: answer.group.to_string(),
                by: answer.by.to_string(),
                at: answer.at.to_string(),
                rationale: answer.rationale.clone(),
            })
            .collect(),
        change: proposal.terms.is_some(),
    })
}
